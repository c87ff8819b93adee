//! The files of a folder of images: which classes there are, and which images train, validate and test.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use walkdir::WalkDir;

use crate::data::report::Report;
use crate::error::{Error, Result};

/// Endings of the files that are images.
const ENDINGS: [&str; 13] =
    ["png", "jpg", "jpeg", "jpe", "bmp", "pnm", "ppm", "pgm", "pbm", "tif", "tiff", "webp", "gif"];
/// Names of the folders of each split, small or large.
pub(in crate::data) const SPLITS: [&[&str]; 3] =
    [&["train", "training"], &["val", "valid", "validation", "dev"], &["test", "testing"]];
/// Folders that are looked into at most, to find images: a folder of something else may be endless.
const MAX_LOOKED: usize = 2000;

/// An image file.
pub(super) struct Item {
    /// Path of the file.
    pub path: PathBuf,
    /// Index of its class.
    pub label: u8,
    /// Length in bytes and time of the last change in nanoseconds: what tells that it is another.
    pub state: [u64; 2],
}

/// All images of a folder.
#[derive(Default)]
pub(super) struct Tree {
    /// Names of the class folders, sorted.
    pub classes: Vec<String>,
    /// Training, validation and test images, each sorted by class and path.
    pub parts: [Vec<Item>; 3],
    /// Oddities that were found.
    pub report: Report,
}

/// The folders in a folder of images.
struct Layout {
    /// Class folders of the training images.
    classes: Vec<PathBuf>,
    /// Folders of the three splits, where there are any.
    splits: [Option<PathBuf>; 3],
}

pub(super) fn is_image(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// Hidden folders and those that other programs leave, as `.ipynb_checkpoints`.
fn is_hidden(path: &Path) -> bool {
    let name = name_of(path);
    name.starts_with('.') || name == "__MACOSX" || name == "@eaDir"
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The folders in `folder`, sorted by name.
pub(in crate::data) fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = |error: &std::io::Error| Error::io("read the folder", folder, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| cannot(&error))? {
        let path = entry.map_err(|error| cannot(&error))?.path();
        if !is_hidden(&path) && path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// True if an image lies in `folder`, or with `deep` anywhere below it.
fn has_image(folder: &Path, deep: bool) -> bool {
    let depth = if deep { usize::MAX } else { 1 };
    let entries = WalkDir::new(folder).follow_links(true).max_depth(depth).into_iter();
    let mut looked = 0;
    let entries = entries.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.path())).flatten();
    for entry in entries {
        looked += usize::from(entry.file_type().is_dir());
        if looked > MAX_LOOKED {
            return false;
        }
        if entry.file_type().is_file() && is_image(entry.path()) {
            return true;
        }
    }
    false
}

impl Layout {
    fn of(folder: &Path) -> Result<Self> {
        let mut splits = [const { None }; 3];
        let mut others = Vec::new();
        for path in folders(folder)? {
            let name = name_of(&path).to_lowercase();
            let split = SPLITS.iter().position(|names| names.contains(&name.as_str()));
            // A folder with images of its own is a class, even if it is called `test`.
            match split.filter(|split| *split == 0 || !has_image(&path, false)) {
                Some(split) if splits[split].is_none() => splits[split] = Some(path),
                _ => others.push(path),
            }
        }
        let classes = match &splits[0] {
            Some(train) => folders(train)?,
            None => others,
        };
        Ok(Self { classes, splits })
    }
}

/// True if `folder` holds images in folders of classes.
pub(in crate::data) fn claims(folder: &Path) -> bool {
    let Ok(layout) = Layout::of(folder) else { return false };
    if let Some(train) = &layout.splits[0] {
        return has_image(train, true);
    }
    // A single folder whose images lie deeper is on the way to the set.
    match &layout.classes[..] {
        [only] => has_image(only, false),
        classes => classes.iter().filter(|class| has_image(class, true)).take(2).count() == 2,
    }
}

/// Number of images that lie in `folder` itself, for messages.
pub(in crate::data) fn loose_images(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| is_image(&entry.path())).count()
}

/// The image files in `folder` and the folders in it, in the order of their paths; links are followed, but not in a circle.
///
/// # Errors
/// When a folder cannot be read, or there is none.
pub fn images_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut tree = Tree::default();
    tree.add(0, folder, 0)?;
    let [found, ..] = tree.parts;
    if found.is_empty() {
        let what = format!("there is no image in {}", folder.display());
        return Err(Error::new(what, format!("name a folder with files of {}", ENDINGS.join(", "))));
    }
    Ok(found.into_iter().map(|item| item.path).collect())
}

/// All images of `folder`.
///
/// # Errors
/// When a folder cannot be read, a class has no images, or the folders of the test name other classes.
pub(super) fn scan(folder: &Path) -> Result<Tree> {
    let layout = Layout::of(folder)?;
    let root = layout.splits[0].as_deref().unwrap_or(folder);
    if layout.classes.is_empty() {
        let what = format!("{} holds images but no folders of classes", root.display());
        return Err(Error::new(what, "put the images of each class into a folder of its name"));
    }
    let mut tree =
        Tree { classes: layout.classes.iter().map(|path| name_of(path)).collect(), ..Tree::default() };
    if tree.classes.len() > 256 {
        let what =
            format!("{} has {} folders, and so classes; the most is 256", root.display(), tree.classes.len());
        return Err(Error::new(what, "keep fewer classes"));
    }
    let loose = loose_images(root);
    if loose > 0 {
        tree.report
            .note(format!("{loose} images in {} itself have no class and are left out", root.display()));
    }
    for (label, class) in layout.classes.iter().enumerate() {
        let before = tree.parts[0].len();
        tree.add(0, class, label as u8)?;
        if tree.parts[0].len() == before {
            let what = format!("the class folder {} has no images", class.display());
            return Err(Error::new(what, format!("put images there ({}), or remove it", ENDINGS.join(", "))));
        }
    }
    for part in [1, 2] {
        let Some(split) = &layout.splits[part] else { continue };
        for class in folders(split)? {
            let name = name_of(&class);
            let Some(label) = tree.classes.iter().position(|known| *known == name) else {
                let what = format!("{} is of a class that has no training images", class.display());
                return Err(Error::new(what, format!("the classes are {}", tree.classes.join(", "))));
            };
            tree.add(part, &class, label as u8)?;
        }
        if tree.parts[part].is_empty() {
            tree.report
                .note(format!("{} has no images in folders of classes and is left out", split.display()));
        }
    }
    tree.find_twins();
    Ok(tree)
}

impl Tree {
    /// Adds the images below a folder, in the order of their paths.
    fn add(&mut self, part: usize, folder: &Path, label: u8) -> Result<()> {
        let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
        for entry in walk.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.path())) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) if error.loop_ancestor().is_some() => {
                    let path = error.path().unwrap_or(folder).display();
                    self.report.note(format!("{path} is a link to a folder above it and is not followed"));
                    continue;
                }
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_owned();
                    // A link to nothing, or a file that is gone.
                    if path.is_symlink() {
                        self.report
                            .damaged
                            .push((path.display().to_string(), "it is a link to nothing".to_owned()));
                        continue;
                    }
                    let source = error.into_io_error().unwrap_or_else(|| std::io::Error::other("it is gone"));
                    return Err(Error::io("read", &path, &source));
                }
            };
            if !entry.file_type().is_file() || !is_image(entry.path()) {
                continue;
            }
            let state = entry.metadata().map_or([0; 2], |found| {
                let changed = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                [found.len(), changed.map_or(0, |time| time.as_nanos() as u64)]
            });
            self.parts[part].push(Item { path: entry.into_path(), label, state });
        }
        Ok(())
    }

    /// Notes images whose names differ in nothing but their endings, or in small and large letters.
    fn find_twins(&mut self) {
        let mut seen = HashSet::new();
        let mut twins = Vec::new();
        for item in self.parts.iter().flatten() {
            if !seen.insert(item.path.with_extension("").to_string_lossy().to_lowercase()) {
                twins.push(item.path.display().to_string());
            }
        }
        if let Some(first) = twins.first() {
            let count = twins.len();
            self.report.note(format!(
                "{count} images have the name of another in their folder, with another ending, as {first}: all are taken"
            ));
        }
    }
}
