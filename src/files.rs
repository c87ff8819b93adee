//! Files that survive a kill: written beside the old one, flushed, then renamed over it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Beginning and end of the name of a file that is not whole yet.
const PART: (&str, &str) = (".revacnn-", ".part");
/// Links that are followed at most, as many as Linux follows.
const MAX_LINKS: usize = 40;

/// Writes `bytes` to `path` so that at any moment either the old or the new content is there in whole. Where `path` is a link,
/// the file that it leads to is written; a device or a pipe is written to as it is.
///
/// # Errors
/// When the system refuses; then the old content stays.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    write(&followed(path), bytes, 0o666).map_err(|e| Error::io("write", path, &e))
}

/// Writes `bytes` to `path` as [`write_whole`] does, for the user alone to read. A link there is replaced, not followed.
///
/// # Errors
/// When the system refuses, or `path` is a device or a pipe.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    check_regular(path)?;
    write(path, bytes, 0o600).map_err(|e| Error::io("write", path, &e))
}

/// Writes files, each by its name, into a new folder, which is there only once it is whole; it may be there already as long as it is
/// empty.
///
/// # Errors
/// When the system refuses, or the folder holds something; then all stays as it was.
pub fn write_folder(path: &Path, files: &[(String, Vec<u8>)]) -> Result<()> {
    let write = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PART.0).suffix(PART.1);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let part = builder.tempdir_in(folder_of(path))?;
        files.iter().try_for_each(|(name, bytes)| fs::write(part.path().join(name), bytes))?;
        // Not every system renames over a folder.
        fs::remove_dir(path)
            .or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })?;
        fs::rename(part.path(), path)?;
        // It has another name now.
        drop(part.keep());
        flush_folder(folder_of(path));
        Ok(())
    };
    write().map_err(|e: io::Error| Error::io("write", path, &e))
}

/// Writes a file with these permissions, of which the user's mask takes some away.
fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return fs::write(path, bytes);
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(PART.0).suffix(PART.1);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    let mut part = builder.tempfile_in(folder_of(path))?;
    part.write_all(bytes)?;
    part.as_file().sync_all()?;
    part.persist(path)?;
    flush_folder(folder_of(path));
    Ok(())
}

/// The file that a link leads to, which may not be there yet; `path` itself if it is no link.
fn followed(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = fs::read_link(&path) else { break };
        path = folder_of(&path).join(target);
    }
    path
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Flushes the names in a folder to the disk, where the system can: a power cut leaves the new name too.
fn flush_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        folder.sync_all().ok();
    }
}

/// Removes from `folder` what a kill left of files that were being written. Nobody else may be writing there.
pub(crate) fn remove_parts(folder: &Path) {
    let is_part = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        name.to_str().is_some_and(|name| name.starts_with(PART.0) && name.ends_with(PART.1))
    };
    for part in fs::read_dir(folder).into_iter().flatten().flatten().filter(is_part) {
        fs::remove_file(part.path()).ok();
    }
}

/// Creates a folder with all above it.
///
/// # Errors
/// When the system refuses.
pub fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| Error::io("create the folder", path, &e))?;
    flush_folder(folder_of(path));
    Ok(())
}

/// Checks that `path` is a regular file, or nothing: reading a pipe would wait for ever.
///
/// # Errors
/// When it is something else.
pub(crate) fn check_regular(path: &Path) -> Result<()> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let what = format!("{} is not a regular file", path.display());
        return Err(Error::new(what, "put the file itself there"));
    }
    Ok(())
}

/// Reads a whole regular file.
///
/// # Errors
/// When it is none, or the system refuses.
pub fn read_whole(path: &Path) -> Result<Vec<u8>> {
    check_regular(path)?;
    fs::read(path).map_err(|e| Error::io("read", path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_old_content_stays_when_the_new_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        write_whole(&path, b"old").unwrap();
        // Its place is taken by a folder, so that the last step fails, and where there is no folder the first one does.
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        assert!(write_whole(&taken, b"new").is_err() && taken.is_dir());
        assert!(write_whole(&folder.path().join("nowhere/kept"), b"new").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["kept", "taken"], "nothing is left over");
    }

    #[test]
    fn what_a_kill_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let others = [".part", "model.part", ".revacnn-", "a.revacnn-b.part"];
        for name in others.iter().chain(&[".revacnn-Xy12Zw.part"]) {
            fs::write(folder.path().join(name), "half").unwrap();
        }
        remove_parts(folder.path());
        let mut left: Vec<&str> = others.to_vec();
        left.sort_unstable();
        assert_eq!(names(folder.path()), left);
        remove_parts(&folder.path().join("nowhere"));
    }

    #[test]
    fn a_folder_is_written_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let files = ["a", "b"].map(|name| (name.to_owned(), name.as_bytes().to_vec()));
        write_folder(&at("new"), &files).unwrap();
        fs::create_dir(at("empty")).unwrap();
        write_folder(&at("empty"), &files).unwrap();
        assert_eq!(
            (names(&at("new")), fs::read(at("empty/b")).unwrap()),
            (names(&at("empty")), b"b".to_vec())
        );
        // A folder that holds something, and a file that cannot be written.
        assert!(write_folder(&at("new"), &files[..1]).is_err());
        assert!(write_folder(&at("no"), &[("none/c".to_owned(), Vec::new())]).is_err());
        assert_eq!(
            (names(folder.path()), names(&at("new"))),
            (vec!["empty".to_owned(), "new".to_owned()], vec!["a".to_owned(), "b".to_owned()])
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_its_target_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("disk")).unwrap();
        fs::write(at("disk/model"), "old").unwrap();
        std::os::unix::fs::symlink("disk/model", at("near")).unwrap();
        std::os::unix::fs::symlink(at("near"), at("far")).unwrap();
        std::os::unix::fs::symlink("disk/none", at("dangling")).unwrap();
        write_whole(&at("far"), b"new").unwrap();
        write_whole(&at("dangling"), b"first").unwrap();
        assert_eq!(fs::read(at("disk/model")).unwrap(), b"new");
        assert_eq!(fs::read(at("disk/none")).unwrap(), b"first");
        assert!(["near", "far", "dangling"].iter().all(|name| at(name).is_symlink()));
        assert_eq!(names(&at("disk")), ["model", "none"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_the_users_alone_and_replaces_a_link() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("open"), "old").unwrap();
        std::os::unix::fs::symlink(at("open"), at("link")).unwrap();
        for name in ["new", "link", "new"] {
            write_private(&at(name), b"secret").unwrap();
            assert_eq!(fs::read(at(name)).unwrap(), b"secret");
            assert_eq!(fs::symlink_metadata(at(name)).unwrap().permissions().mode(), 0o100_600, "{name}");
        }
        write_whole(&at("whole"), b"open to others").unwrap();
        assert_ne!(fs::metadata(at("whole")).unwrap().permissions().mode(), 0o100_600);
        assert_eq!(fs::read(at("open")).unwrap(), b"old");
        assert!(write_private(Path::new("/dev/null"), b"").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_and_stays_and_is_never_read() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("null");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        write_whole(&link, b"gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file() && link.is_symlink());
        assert!(read_whole(&link).unwrap_err().what().ends_with("is not a regular file"));
        assert!(read_whole(folder.path()).is_err());
        assert!(check_regular(&folder.path().join("nothing")).is_ok());
    }
}
