//! Folders that only the worker's user can look into, whatever its file mode mask is.

use std::{
    fs::{self, DirBuilder},
    io,
    path::Path,
};

/// Makes a folder with those above it, or closes the one that is there.
///
/// # Errors
///
/// When it cannot be made, or belongs to another user.
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
