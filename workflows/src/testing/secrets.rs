use std::{fs, path::PathBuf};

use ctutor_git::{Secret, SecretRef, SecretSource, SecretUnavailable};
use secrecy::SecretString;

/// Largest file of a secret.
const BYTES_MAX: u64 = 16 * 1024;

/// Secrets as files of a folder, one each, named after the secret; the way container platforms mount them.
///
/// The first line is the secret, and each further line a URL prefix that it may be sent to. A secret without such lines
/// is never sent: anyone who may start a test names the server, and would otherwise receive every secret of the worker.
#[derive(Debug, Clone)]
pub struct SecretFolder(pub PathBuf);

impl SecretSource for SecretFolder {
    fn resolve(&self, reference: &SecretRef) -> Result<Secret, SecretUnavailable> {
        let name = reference.0.as_str();
        let is_plain = !name.starts_with('.')
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        if !is_plain {
            return Err(SecretUnavailable::Missing);
        }
        let path = self.0.join(name);
        let size = fs::metadata(&path).map_err(|_| SecretUnavailable::Missing)?.len();
        if size > BYTES_MAX {
            return Err(SecretUnavailable::TooLong { bytes_max: BYTES_MAX });
        }
        let text = SecretString::from(fs::read_to_string(path).map_err(|_| SecretUnavailable::Unreadable)?);
        parse(&text)
    }
}

fn parse(file: &SecretString) -> Result<Secret, SecretUnavailable> {
    use secrecy::ExposeSecret;

    let mut lines = file.expose_secret().lines();
    let text = SecretString::from(lines.next().unwrap_or_default());
    let mut places = Vec::new();
    for (number, line) in (2..).zip(lines) {
        let line = line.trim();
        if !line.is_empty() {
            places.push(line.parse().map_err(|_| SecretUnavailable::Malformed { line: number })?);
        }
    }
    Ok(Secret { text, places })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_secret_is_a_file_and_nothing_outside_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("gitlab"), "glpat-1\r\nhttps://gitlab.example.org/\r\n\r\n").unwrap();
        fs::write(folder.path().join("homeless"), "glpat-2\n").unwrap();
        fs::write(folder.path().join("key"), "-----BEGIN\nabc\n-----END\n").unwrap();
        fs::write(folder.path().join("long"), "x".repeat(20_000)).unwrap();
        fs::write(folder.path().join(".hidden"), "x").unwrap();
        let secrets = SecretFolder(folder.path().join(""));
        let resolve = |name: &str| secrets.resolve(&SecretRef(name.to_owned()));
        let secret = resolve("gitlab").unwrap();
        assert_eq!(secret.text.expose_secret(), "glpat-1");
        assert_eq!(secret.places, ["https://gitlab.example.org/".parse().unwrap()]);
        assert_eq!(resolve("homeless").unwrap().places, []);
        assert_eq!(resolve("key").unwrap_err(), SecretUnavailable::Malformed { line: 2 });
        assert_eq!(resolve("long").unwrap_err(), SecretUnavailable::TooLong { bytes_max: BYTES_MAX });
        for name in ["../gitlab", "", ".hidden", "a/b", "missing"] {
            assert_eq!(resolve(name).unwrap_err(), SecretUnavailable::Missing, "{name}");
        }
    }
}
