//! Files that a command writes.

use std::path::Path;

use revacnn::error::{Error, Result};

/// True for a path with one of these extensions, in small or large letters.
pub(super) fn has_extension(path: &Path, any: &[&str]) -> bool {
    path.extension().is_some_and(|found| any.iter().any(|extension| found.eq_ignore_ascii_case(extension)))
}

/// Checks the pixels per point of a picture.
///
/// # Errors
/// When it is out of range.
#[cfg(feature = "app")]
pub(super) fn check_scale(scale: f32) -> Result<()> {
    if (0.5..=8.0).contains(&scale) {
        return Ok(());
    }
    Err(Error::usage(format!("the scale is {scale}"), "give it a value from 0.5 to 8"))
}

/// Checks an output before the work begins: it has one of these extensions, and its folder exists.
///
/// # Errors
/// When it is not so.
pub(super) fn check(path: &Path, extensions: &[&str]) -> Result<()> {
    if !has_extension(path, extensions) {
        let what = match extensions {
            [first, second] => format!("{} is neither .{first} nor .{second}", path.display()),
            _ => format!("{} is no .{}", path.display(), extensions.join(" or .")),
        };
        return Err(Error::usage(
            what,
            format!("name the output so that it ends in .{}", extensions.join(" or .")),
        ));
    }
    check_folder_of(path)
}

/// Checks that the folder of an output exists.
///
/// # Errors
/// When it does not.
pub(super) fn check_folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        let what = format!("there is no folder for {}", path.display());
        return Err(Error::usage(what, "create it first, or name another file"));
    }
    Ok(())
}
