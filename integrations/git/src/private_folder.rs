//! Folders that only the worker's user can read, whatever its umask is.

use std::{
    fs::{self, DirBuilder},
    io,
    path::Path,
};

/// Creates a folder and its parents, or changes the mode of an existing one.
///
/// # Errors
///
/// If it cannot be created, or belongs to another user.
pub fn make(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    #[cfg(unix)]
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}
