//! The files of a set of Parquet files, by their names: `[SET-]SPLIT-00000-of-00002.parquet`, `SPLIT/0000.parquet`, or a name of its own.

use std::fs;
use std::path::{Path, PathBuf};

use crate::data::folder::{SPLITS, folders};
use crate::error::{Error, Result};

/// The ending of a file.
const ENDING: &str = ".parquet";

/// True for the name of a file of such a set.
pub(in crate::data) fn claims(name: &str) -> bool {
    name.to_lowercase().ends_with(ENDING) && !name.starts_with('.')
}

/// True for a folder with a folder of files for each split.
pub(in crate::data) fn claims_folder(folder: &Path) -> bool {
    let found =
        folders(folder).unwrap_or_default().into_iter().filter(|folder| split_of(&name_of(folder)).is_some());
    found.into_iter().any(|folder| files_in(&folder).is_ok_and(|files| !files.is_empty()))
}

/// The files of a set.
pub(super) struct Files {
    /// Name of the set.
    pub name: String,
    /// Files for training, validation and test, each sorted by name.
    pub parts: [Vec<PathBuf>; 3],
}

/// Parts of the name of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileName {
    /// Words before the split; without a split the whole name but its digits.
    set: String,
    split: Option<usize>,
    /// Number of the file and of all files of its split.
    shard: Option<(usize, usize)>,
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The split that one of the words of a name says.
fn split_of(name: &str) -> Option<usize> {
    FileName::parse(name).split
}

impl FileName {
    fn parse(name: &str) -> Self {
        let name = name.to_lowercase();
        let stem = name.strip_suffix(ENDING).unwrap_or(&name);
        let words: Vec<&str> = stem.split(|c: char| !c.is_alphanumeric()).collect();
        let split = |word: &str| SPLITS.iter().position(|names| names.contains(&word));
        let place = words.iter().position(|word| split(word).is_some());
        let number = |word: &str| word.parse::<usize>().ok();
        let shard = words.windows(3).find_map(|words| match words {
            [index, "of", count] => number(index).zip(number(count)),
            _ => None,
        });
        let set = match place {
            Some(place) => words[..place].join("-"),
            None => stem.chars().filter(|c| !c.is_ascii_digit()).collect(),
        };
        Self { set, split: place.and_then(|place| split(words[place])), shard }
    }
}

/// The Parquet files in `folder`, sorted by name.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|error| Error::io("read", folder, &error))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = paths.filter(|path| claims(&name_of(path)) && path.is_file()).collect();
    found.sort();
    Ok(found)
}

impl Files {
    /// The set in `folder`: that of `file`, where it was named so, or the only one.
    ///
    /// # Errors
    /// When there are several, one of its files is missing, or none is for training.
    pub(super) fn find(folder: &Path, file: Option<&Path>) -> Result<Self> {
        let mut found = Vec::new();
        for path in files_in(folder)? {
            found.push((FileName::parse(&name_of(&path)), path));
        }
        if found.is_empty() {
            for folder in folders(folder)? {
                let Some(split) = split_of(&name_of(&folder)) else { continue };
                let named = |path| (FileName { set: String::new(), split: Some(split), shard: None }, path);
                found.extend(files_in(&folder)?.into_iter().map(named));
            }
        }
        let mut set = file.map(|file| FileName::parse(&name_of(file)));
        let mut sets: Vec<&str> = found.iter().map(|(name, _)| name.set.as_str()).collect();
        sets.sort_unstable();
        sets.dedup();
        if set.is_none() && sets.len() > 1 {
            let what = format!("{} holds several data sets", folder.display());
            let first =
                |set: &&str| found.iter().find(|(name, _)| name.set == **set).map(|(_, path)| name_of(path));
            let names: Vec<String> = sets.iter().filter_map(first).collect();
            return Err(Error::new(what, format!("name a file of one of them: {}", names.join(", "))));
        }
        // A file without a split is a set by itself if it was named.
        let alone = |name: &FileName| name.split.is_none() && name.shard.is_none();
        let only = file.filter(|_| set.as_ref().is_some_and(alone));
        let set = set.take().or_else(|| found.first().map(|(name, _)| name.clone()));
        let set = set.map(|name| name.set).unwrap_or_default();
        found.retain(|(name, path)| {
            name.set == set && only.is_none_or(|only| path.file_name() == only.file_name())
        });
        check_shards(folder, &found)?;
        let mut parts = [const { Vec::new() }; 3];
        let is_split = found.iter().any(|(name, _)| name.split.is_some());
        let stem = found.first().and_then(|(_, path)| path.file_stem()).map(|stem| stem.to_string_lossy());
        let stem = stem.unwrap_or_default().into_owned();
        found.into_iter().for_each(|(name, path)| parts[name.split.unwrap_or(0)].push(path));
        if parts[0].is_empty() {
            let what = format!("{} has no file of training images", folder.display());
            return Err(Error::new(what, "call it train-00000-of-00001.parquet"));
        }
        let name = if is_split && set.is_empty() {
            set_name(folder)
        } else if is_split {
            set
        } else {
            stem
        };
        Ok(Self { name, parts })
    }
}

/// The name of a folder, or of the one above where it only says that there are data in it.
fn set_name(folder: &Path) -> String {
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let names = full.ancestors().map(name_of);
    let mut names =
        names.filter(|name| !["data", "default", "plain_text"].contains(&name.to_lowercase().as_str()));
    names.next().filter(|name| !name.is_empty()).unwrap_or_else(|| "images".to_owned())
}

/// An error where a file is missing of those that belong together.
fn check_shards(folder: &Path, found: &[(FileName, PathBuf)]) -> Result<()> {
    for (at, (name, path)) in found.iter().enumerate() {
        let Some((index, count)) = name.shard else { continue };
        let is_of_another = |(other, _): &&(FileName, PathBuf)| {
            let same = |(i, n): (usize, usize)| n != count || i == index;
            other.split == name.split && other.shard.is_some_and(same)
        };
        if let Some((_, other)) = found[..at].iter().find(is_of_another) {
            let what = format!(
                "{} has {} beside {}, of another version",
                folder.display(),
                name_of(path),
                name_of(other)
            );
            return Err(Error::new(what, "leave the files of one version there"));
        }
        let is_there = |index: usize| {
            let is_it = |other: &FileName| other.split == name.split && other.shard == Some((index, count));
            found.iter().any(|(other, _)| is_it(other))
        };
        if let Some(missing) = (0..count).find(|index| !is_there(*index)) {
            let (folder, file) = (folder.display(), name_of(path));
            let what =
                format!("{folder} has {file}, but not number {missing} of the {count} files of that split");
            return Err(Error::new(what, "put all files of the data set there; fetch it again"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_set_split_and_number() {
        for (name, set, split, shard) in [
            ("train-00000-of-00002.parquet", "", Some(0), Some((0, 2))),
            ("test-00001-of-00002-a09b74b3ef9c3b56.parquet", "", Some(2), Some((1, 2))),
            ("fashion_mnist-validation.parquet", "fashion-mnist", Some(1), None),
            ("0003.parquet", "", None, None),
            ("Birds2.PARQUET", "birds", None, None),
        ] {
            assert_eq!(FileName::parse(name), FileName { set: set.to_owned(), split, shard }, "{name}");
        }
        assert!(claims("a.Parquet") && !claims("a.parquet.crc") && !claims("._train.parquet"));
    }

    fn find(names: &[&str], file: Option<&str>) -> Result<Vec<Vec<String>>> {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            fs::write(dir.path().join(name), "").unwrap();
        }
        let file = file.map(|file| dir.path().join(file));
        let files = Files::find(dir.path(), file.as_deref())?;
        Ok(files.parts.map(|part| part.iter().map(|path| name_of(path)).collect()).to_vec())
    }

    #[test]
    fn files_that_belong_together_are_found() {
        let shards = ["train-00001-of-00002.parquet", "train-00000-of-00002.parquet", "test.parquet"];
        let found = find(&shards, Some(shards[0])).unwrap();
        assert_eq!(found, [vec![shards[1], shards[0]], vec![], vec!["test.parquet"]]);
        assert_eq!(find(&["a1.parquet", "a2.parquet"], None).unwrap()[0].len(), 2);
        let two = ["a.parquet", "b.parquet"];
        assert_eq!(find(&two, Some("b.parquet")).unwrap(), [vec!["b.parquet"], vec![], vec![]]);
        let error = find(&two, None).unwrap_err();
        assert!(error.what().contains("several") && error.help().contains("a.parquet, b.parquet"), "{error}");
        let deep = find(&["train/0000.parquet", "test/0000.parquet"], None).unwrap();
        assert_eq!([deep[0].len(), deep[2].len()], [1, 1]);
    }

    #[test]
    fn a_missing_file_is_named() {
        for (names, missing) in [
            (["train-0-of-3.parquet", "train-2-of-3.parquet"], "number 1 of the 3"),
            (["train-1-of-2.parquet", "test.parquet"], "number 0 of the 2"),
            (["train-0-of-2.parquet", "test-1-of-2.parquet"], "test-1-of-2.parquet, but not number 0"),
        ] {
            let error = find(&names, None).unwrap_err();
            assert!(error.what().contains(missing), "{error}");
        }
        let error = find(&["test.parquet"], None).unwrap_err();
        assert!(error.what().contains("no file of training images"), "{error}");
        // A file that is named goes with the others of its number, whether or not they say which split they are.
        let found =
            find(&["data-0-of-2.parquet", "data-1-of-2.parquet"], Some("data-0-of-2.parquet")).unwrap();
        assert_eq!(found[0].len(), 2);
    }

    #[test]
    fn files_of_two_versions_are_not_read_together() {
        for names in [
            ["train-0-of-1.parquet", "train-0-of-2.parquet", "train-1-of-2.parquet"],
            ["train-0-of-1-aaaa.parquet", "train-0-of-1-bbbb.parquet", "test.parquet"],
        ] {
            let error = find(&names, None).unwrap_err();
            assert!(error.what().contains("of another version"), "{error}");
        }
    }
}
