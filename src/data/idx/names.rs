//! The files of sets in the IDX format, by their names: `[SET-]PART-images-idxRANK-TYPE`, raw or gzipped.

use std::fs;
use std::path::{Path, PathBuf};

use crate::data::source::EmnistSplit;
use crate::error::{Error, Result};

/// Files of a set in this format, for messages.
pub(in crate::data) const LOOKS_FOR: &str = "train-images-idx3-ubyte, train-labels-idx1-ubyte and the two t10k files, each with or without .gz (MNIST, Fashion-MNIST, KMNIST; also idx4 and -short, -int, -float), emnist-SPLIT-train-images-idx3-ubyte, ... (EMNIST), or qmnist-train-images-idx3-ubyte, ... (QMNIST)";
/// Words for the type of the values at the end of a name; that in the file counts.
const TYPES: [&str; 6] = ["ubyte", "byte", "short", "int", "float", "double"];

/// Training or test images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Train,
    Test,
}

/// Contents of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Images,
    Labels,
}

/// Parts of the name of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileName {
    /// The set, such as `emnist-letters`; empty for the names of MNIST.
    set: String,
    part: Part,
    role: Role,
}

impl FileName {
    /// The parts of a name; none where it is no file of such a set.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let name = name.strip_suffix(".gz").unwrap_or(name);
        let (name, _) = name.rsplit_once('-').filter(|(_, word)| TYPES.contains(word))?;
        // With a dash or a dot, as both are in use.
        let (name, rank) = name.rsplit_once(['-', '.'])?;
        let roles =
            [(Role::Images, "-images", ["idx3", "idx4"]), (Role::Labels, "-labels", ["idx1", "idx2"])];
        let of_role = |(role, word, ranks): (Role, &str, [&str; 2])| {
            Some((role, name.strip_suffix(word).filter(|_| ranks.contains(&rank))?.to_owned()))
        };
        let (role, name) = roles.into_iter().find_map(of_role)?;
        let parts = [(Part::Train, "train"), (Part::Test, "t10k"), (Part::Test, "test")];
        let of_part = |(part, word): (Part, &str)| Some((part, name.strip_suffix(word)?));
        let (part, set) = parts.into_iter().find_map(of_part)?;
        let set = if set.is_empty() { set } else { set.strip_suffix('-').filter(|set| !set.is_empty())? };
        Some(Self { set: set.to_owned(), part, role })
    }
}

/// The files of one set in a folder.
pub(super) struct SetFiles {
    folder: PathBuf,
    /// Name of the set, as in the names of its files.
    pub set: String,
    files: Vec<(FileName, PathBuf)>,
}

impl SetFiles {
    /// The set in `folder`: that of the file by which it was named, or the split that is asked for, or the only one.
    ///
    /// # Errors
    /// When the folder cannot be read, holds several sets, or has no such split.
    pub(super) fn find(folder: &Path, file: Option<&Path>, split: Option<EmnistSplit>) -> Result<Self> {
        let cannot = |error: &std::io::Error| Error::io("read", folder, error);
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| cannot(&error))? {
            let entry = entry.map_err(|error| cannot(&error))?;
            files.extend(
                FileName::parse(&entry.file_name().to_string_lossy()).map(|name| (name, entry.path())),
            );
        }
        // Raw before gzipped, and with a dash before a dot, where there are both.
        files.sort_by(|(_, a), (_, b)| a.cmp(b));
        let mut sets: Vec<&str> = files.iter().map(|(name, _)| name.set.as_str()).collect();
        sets.sort_unstable();
        sets.dedup();
        let named = file.and_then(Path::file_name).and_then(|name| FileName::parse(&name.to_string_lossy()));
        let set = match (named, split) {
            (Some(named), _) => named.set,
            (None, Some(split)) => {
                let wanted = format!("emnist-{split}");
                if !sets.contains(&wanted.as_str()) {
                    let what = format!("{} has no split {split} of EMNIST", folder.display());
                    return Err(Error::new(what, format!("there is {}", listed(&sets))));
                }
                wanted
            }
            (None, None) if sets.len() > 1 => {
                let what = format!("{} holds several data sets: {}", folder.display(), listed(&sets));
                let help = match sets.iter().find_map(|set| set.strip_prefix("emnist-")) {
                    Some(split) => {
                        format!("name a file of one of them, or add its split to the path: ?split={split}")
                    }
                    None => "name a file of one of them, or give each its own directory".to_owned(),
                };
                return Err(Error::new(what, help));
            }
            (None, None) => sets.first().copied().unwrap_or_default().to_owned(),
        };
        files.retain(|(name, _)| name.set == set);
        Ok(Self { folder: folder.to_owned(), set, files })
    }

    /// The file with the characters of the classes, which may not be there.
    pub(super) fn mapping(&self) -> PathBuf {
        self.folder.join(format!("{}-mapping.txt", self.set))
    }

    /// The file of a part.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn file(&self, part: Part, role: Role) -> Result<PathBuf> {
        let named = |(name, path): &(FileName, PathBuf)| {
            let places = || [path.clone(), path.join(path.file_name().unwrap_or_default())];
            // Some archives unpack each file into a folder of its name.
            ((name.part, name.role) == (part, role)).then(places)
        };
        let places = || self.files.iter().filter_map(named).flatten();
        let found = places().find(|path| path.is_file()).or_else(|| places().find(|path| path.exists()));
        found.ok_or_else(|| {
            let set = if self.set.is_empty() { String::new() } else { format!("{}-", self.set) };
            let part = match part {
                Part::Train => "train",
                Part::Test if self.set.is_empty() => "t10k",
                Part::Test => "test",
            };
            let role = if role == Role::Images { "images-idx3" } else { "labels-idx1" };
            let what = format!("{} has no {set}{part}-{role}-ubyte, raw or gzipped", self.folder.display());
            Error::new(what, format!("put the missing file there; a set is {LOOKS_FOR}"))
        })
    }
}

fn listed(sets: &[&str]) -> String {
    let name = |set: &&str| if set.is_empty() { "train-images-..." } else { set }.to_owned();
    if sets.is_empty() { "none".to_owned() } else { sets.iter().map(name).collect::<Vec<_>>().join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_set_part_and_role() {
        let parts = |name: &str| FileName::parse(name).map(|name| (name.set, name.part, name.role));
        for (name, set, part, role) in [
            ("train-images-idx3-ubyte", "", Part::Train, Role::Images),
            ("t10k-labels.idx1-ubyte.gz", "", Part::Test, Role::Labels),
            ("test-images-idx4-float", "", Part::Test, Role::Images),
            ("emnist-letters-train-images-idx3-ubyte.gz", "emnist-letters", Part::Train, Role::Images),
            ("qmnist-test-labels-idx2-int", "qmnist", Part::Test, Role::Labels),
        ] {
            assert_eq!(parts(name), Some((set.to_owned(), part, role)), "{name}");
        }
        for name in [
            "train-images-idx1-ubyte",
            "train-labels-idx3-ubyte",
            "train-images-idx3-ubyte.zip",
            "-train-images-idx3-ubyte",
            "latest-images-idx3-ubyte",
            "train-images-idx3-text",
            "images-idx3-ubyte",
        ] {
            assert_eq!(parts(name), None, "{name}");
        }
    }
}
