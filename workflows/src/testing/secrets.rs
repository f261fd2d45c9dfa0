use std::{fs, path::PathBuf};

use ctutor_git::{SecretRef, SecretSource, SecretUnavailable};
use secrecy::SecretString;

/// Largest secret in bytes.
const SECRET_BYTES_MAX: u64 = 16 * 1024;

/// Secrets as files of a folder, one each, named after the secret; the way container platforms mount them.
#[derive(Debug, Clone)]
pub struct SecretFolder(pub PathBuf);

impl SecretSource for SecretFolder {
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, SecretUnavailable> {
        let name = reference.0.as_str();
        let plain = !name.starts_with('.')
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        if !plain {
            return Err(SecretUnavailable { retryable: false });
        }
        let path = self.0.join(name);
        let size = fs::metadata(&path).map_err(|_| SecretUnavailable { retryable: false })?.len();
        if size > SECRET_BYTES_MAX {
            return Err(SecretUnavailable { retryable: false });
        }
        let text = fs::read_to_string(path).map_err(|_| SecretUnavailable { retryable: true })?;
        Ok(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_secret_is_a_file_and_nothing_outside_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("gitlab"), "glpat-1\n").unwrap();
        fs::write(folder.path().join(".hidden"), "x").unwrap();
        let secrets = SecretFolder(folder.path().join(""));
        let resolve = |name: &str| secrets.resolve(&SecretRef(name.to_owned()));
        assert_eq!(resolve("gitlab").unwrap().expose_secret(), "glpat-1");
        for name in ["../gitlab", "", ".hidden", "a/b", "missing"] {
            assert!(!resolve(name).unwrap_err().retryable, "{name}");
        }
    }
}
