//! Files that survive a kill: written beside the old one, flushed, then renamed over it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use crate::error::{Error, Result};

/// Writes `bytes` to `path` so that at any moment either the old or the new content is there in whole.
///
/// # Errors
/// When the system refuses; then the old content stays.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    write().map_err(|e| {
        fs::remove_file(&part).ok();
        Error::io("write", path, &e)
    })
}

/// Creates a folder with all above it.
///
/// # Errors
/// When the system refuses.
pub fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| Error::io("create the folder", path, &e))
}

/// Reads a whole file.
///
/// # Errors
/// When the system refuses.
pub fn read_whole(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| Error::io("read", path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_content_stays_when_the_new_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        write_whole(&path, b"old").unwrap();
        // The place of the part is taken by a folder, so that the write fails.
        fs::create_dir(folder.path().join("kept.part")).unwrap();
        assert!(write_whole(&path, b"new").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
}
