//! Files that lie beside a model and hold its numbers.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};

/// The file that a model in `folder` names.
///
/// # Errors
/// When it lies outside of that folder, by its name or by a link, or is not there.
pub(in crate::nn) fn beside(folder: &Path, location: &str) -> Result<PathBuf> {
    let is_below = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    let outside = || {
        let what = format!("its numbers are in {location:?}, which is outside the model's folder");
        Error::new(what, "move that file beside the model, and export it again")
    };
    if location.is_empty() || !Path::new(location).components().all(is_below) {
        return Err(outside());
    }
    let path = folder.join(location);
    let io = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Error::new(
            format!("its numbers are in {}, which is not there", path.display()),
            "bring the file that was written beside the model into its folder",
        ),
        _ => Error::io("read", &path, &error),
    };
    let real = path.canonicalize().map_err(io)?;
    if real.starts_with(folder.canonicalize().map_err(io)?) { Ok(real) } else { Err(outside()) }
}
