//! Bounded reading of untrusted files: regular files only, never more than a limit.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};

/// Largest file, also when unpacked: 2 GiB.
pub(super) const MAX_BYTES: u64 = 1 << 31;

/// Bytes that a file of `len` bytes may unpack to: a few packed bytes may stand for any number.
pub(super) fn most_unpacked(len: u64) -> u64 {
    len.saturating_mul(4).saturating_add(64 << 20)
}

/// Opens a regular file of at most `limit` bytes; its length in bytes comes with it.
///
/// # Errors
/// When there is none, it may not be read, it is not a regular file (opening a pipe would wait for
/// ever), or it is larger.
pub(super) fn open(path: &Path, limit: u64) -> Result<(File, u64)> {
    let metadata = fs::metadata(path).map_err(|error| Error::io("read", path, &error))?;
    if !metadata.is_file() {
        let what = format!("{} is not a regular file", path.display());
        return Err(Error::new(what, "put the data file itself there"));
    }
    if metadata.len() > limit {
        let what = format!("{} has {} bytes; the most is {limit}", path.display(), metadata.len());
        return Err(Error::new(what, "this cannot be the data file it is named after; fetch it again"));
    }
    let file = File::open(path).map_err(|error| Error::io("read", path, &error))?;
    Ok((file, metadata.len()))
}

/// The whole content of a regular file of at most `limit` bytes.
///
/// # Errors
/// Those of [`open`], and when reading fails.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let (file, len) = open(path, limit)?;
    let mut bytes = Vec::with_capacity(len as usize);
    // The limit again, should the file be growing meanwhile.
    file.take(limit).read_to_end(&mut bytes).map_err(|error| Error::io("read", path, &error))?;
    Ok(bytes)
}

/// Error of a file of rows whose content is not what was written.
pub(super) fn damaged(error: impl std::fmt::Display) -> Error {
    Error::new(format!("it is damaged: {error}"), "write it again, or fetch it again")
}

/// Help for a text file of class names that is not one.
const ONE_NAME_A_LINE: &str = "put one class name on each line, or remove the file";

/// The names in a text file, one a line, blank lines left out; `None` when there is no such file.
///
/// # Errors
/// When the file is no text, longer than 64 KiB, or has no names or more than 256.
pub(super) fn names(path: &Path) -> Result<Option<Vec<String>>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = String::from_utf8(read(path, 1 << 16)?)
        .map_err(|_| Error::new(format!("{} is not text in UTF-8", path.display()), ONE_NAME_A_LINE))?;
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let names: Vec<String> = lines.filter(|line| !line.is_empty()).map(String::from).collect();
    if (1..=256).contains(&names.len()) {
        return Ok(Some(names));
    }
    let what = format!("{} has {} class names where 1 to 256 belong", path.display(), names.len());
    Err(Error::new(what, ONE_NAME_A_LINE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, [1; 10]).unwrap();
        assert_eq!(read(&path, 10).unwrap(), [1; 10]);
        assert!(read(&path, 9).unwrap_err().what().contains("10 bytes; the most is 9"));
    }

    #[test]
    fn what_is_not_a_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path(), 10).unwrap_err().what().contains("not a regular file"));
        assert!(read(&dir.path().join("none"), 10).unwrap_err().what().contains("none"));
    }

    #[cfg(unix)]
    #[test]
    fn an_endless_device_is_refused() {
        assert!(read(Path::new("/dev/zero"), 10).unwrap_err().what().contains("not a regular file"));
    }

    #[test]
    fn names_are_counted_and_trimmed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("names.txt");
        assert_eq!(names(&path).unwrap(), None);
        fs::write(&path, "\u{feff}cat\r\n\n dog \n").unwrap();
        assert_eq!(names(&path).unwrap().unwrap(), ["cat", "dog"]);
        for (text, count) in [("\n\n".to_owned(), 0), ("a\n".repeat(257), 257)] {
            fs::write(&path, text).unwrap();
            let what = format!("{count} class names where 1 to 256 belong");
            assert!(names(&path).unwrap_err().what().contains(&what));
        }
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(names(&path).unwrap_err().what().contains("not text"));
    }
}
