//! Inputs to be predicted: pictures, folders of them, and arrays of raw input.

use std::path::{Path, PathBuf};

use revacnn::data::{ImageShape, Picture, open_array};
use revacnn::error::{Error, Result};

/// Extensions of pictures in a folder.
const PICTURES: [&str; 10] = ["png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "ppm", "pgm"];
/// Folders in folders at most, so that a link to a folder above ends.
const DEPTH: usize = 16;

/// One input before it is read.
pub(super) enum Input {
    Picture(PathBuf),
    /// Raw input `[c, y, x]`, of this index in its file.
    Raw(PathBuf, usize, Vec<f32>),
}

impl Input {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Picture(path) | Self::Raw(path, ..) => path,
        }
    }

    /// Index in its file, where this holds several.
    pub(super) fn index(&self) -> Option<usize> {
        match self {
            Self::Picture(_) => None,
            Self::Raw(_, index, _) => Some(*index),
        }
    }

    /// Its name in a list.
    pub(super) fn name(&self) -> String {
        let path = self.path().display();
        self.index().map_or_else(|| path.to_string(), |index| format!("{path}[{index}]"))
    }

    /// The input of the network, `[c, y, x]`; `normalized` makes it of an image of 0 to 255.
    ///
    /// # Errors
    /// When a picture cannot be read.
    pub(super) fn read(&self, shape: ImageShape, normalized: impl Fn(&[u8]) -> Vec<f32>) -> Result<Vec<f32>> {
        match self {
            Self::Raw(_, _, values) => Ok(values.clone()),
            Self::Picture(path) => {
                let fitted = Picture::open(path)?.fit(shape).map_err(|e| e.within(path.display()))?;
                Ok(normalized(&fitted.image))
            }
        }
    }
}

/// All inputs of these files and folders, in their order, those of a folder by name.
///
/// # Errors
/// When one is not there, is no picture, folder or array, or holds nothing for this network.
pub(super) fn find(paths: &[PathBuf], shape: ImageShape) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for path in paths {
        let found = std::fs::metadata(path).map_err(|e| Error::io("read", path, &e))?;
        if found.is_dir() {
            let mut pictures = Vec::new();
            walk(path, DEPTH, &mut pictures)?;
            if pictures.is_empty() {
                let what = format!("there is no picture in {}", path.display());
                return Err(Error::new(what, format!("name a folder with files of {}", PICTURES.join(", "))));
            }
            inputs.extend(pictures.into_iter().map(Input::Picture));
        } else if has_extension(path, &["npz"]) {
            inputs.extend(raw(path, shape)?);
        } else {
            inputs.push(Input::Picture(path.clone()));
        }
    }
    Ok(inputs)
}

fn has_extension(path: &Path, any: &[&str]) -> bool {
    path.extension().is_some_and(|found| any.iter().any(|extension| found.eq_ignore_ascii_case(extension)))
}

/// The pictures in a folder and the folders in it.
fn walk(folder: &Path, depth: usize, pictures: &mut Vec<PathBuf>) -> Result<()> {
    let failed = |e: std::io::Error| Error::io("read", folder, &e);
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let mut entries: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()
        .map_err(failed)?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if depth > 0 {
                walk(&path, depth - 1, pictures)?;
            }
        } else if has_extension(&path, &PICTURES) {
            pictures.push(path);
        }
    }
    Ok(())
}

/// The inputs in an array of `[n, c, y, x]`, or of a single one.
fn raw(path: &Path, shape: ImageShape) -> Result<Vec<Input>> {
    let (sizes, values) = open_array(path)?;
    let one = [shape.channels, shape.height, shape.width];
    if !sizes.ends_with(&one) || sizes.len() > 4 {
        let [c, h, w] = one;
        let what = format!(
            "{}: array x has the shape {sizes:?}, this network takes [n, {c}, {h}, {w}]",
            path.display()
        );
        let help = if sizes.len() == 4 && sizes[1..] == [h, w, c] {
            "its channels are last: x.transpose(0, 3, 1, 2)"
        } else {
            "save the network's own input: images, channels, height and width"
        };
        return Err(Error::new(what, help));
    }
    let inputs = values.chunks_exact(shape.len().max(1)).enumerate();
    let input = |(index, values): (usize, &[f64])| {
        Input::Raw(path.to_owned(), index, values.iter().map(|value| *value as f32).collect())
    };
    let inputs: Vec<Input> = inputs.map(input).collect();
    if inputs.is_empty() {
        return Err(Error::new(format!("{}: array x is empty", path.display()), "give it an input at least"));
    }
    Ok(inputs)
}
