//! The sets that come in the IDX format: their classes, and how their images and labels lie.

use std::path::Path;

use strum::VariantArray as _;

use crate::data::source::EmnistSplit;

const FASHION: [&str; 10] = [
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
];
/// Transcribed Hiragana.
const KUZUSHIJI: [&str; 10] = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"];
/// Small letters that count as classes of their own in EMNIST's merged splits: they look unlike their capitals.
const UNMERGED: &str = "abdefghnqrt";

/// A set in the IDX format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Mnist,
    FashionMnist,
    Kmnist,
    Qmnist,
    Emnist(EmnistSplit),
    /// Of someone's own.
    Other,
}

impl Family {
    /// The family of a set by its name, or where it has none by that of its directory or the one above (as in `FashionMNIST/raw`).
    pub(super) fn of(set: &str, directory: &Path) -> Self {
        let set = set.to_lowercase();
        if let Some(split) = EmnistSplit::VARIANTS.iter().find(|split| set == format!("emnist-{split}")) {
            return Self::Emnist(*split);
        }
        let full = directory.canonicalize().unwrap_or_else(|_| directory.to_path_buf());
        let above: Vec<String> =
            full.iter().rev().take(2).map(|part| part.to_string_lossy().to_lowercase()).collect();
        let is_called = |word: &str| {
            if set.is_empty() { above.iter().any(|part| part.contains(word)) } else { set.contains(word) }
        };
        let known = [("fashion", Self::FashionMnist), ("kmnist", Self::Kmnist), ("qmnist", Self::Qmnist)];
        let found = known.into_iter().find(|(word, _)| is_called(word));
        let otherwise = if set.is_empty() || set == "mnist" { Self::Mnist } else { Self::Other };
        found.map_or(otherwise, |(_, family)| family)
    }

    /// Name of the data set.
    pub(super) fn name(self, set: &str) -> String {
        match self {
            Self::Mnist => "mnist".to_owned(),
            Self::FashionMnist => "fashion-mnist".to_owned(),
            Self::Kmnist => "kmnist".to_owned(),
            Self::Qmnist => "qmnist".to_owned(),
            Self::Emnist(split) => format!("emnist-{split}"),
            Self::Other => set.to_owned(),
        }
    }

    /// Names of the classes; none of a set whose labels alone say them.
    pub(super) fn classes(self) -> Option<Vec<String>> {
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let letters = |kinds: &[std::ops::RangeInclusive<char>]| {
            kinds.iter().cloned().flatten().map(String::from).collect::<Vec<_>>()
        };
        Some(match self {
            Self::FashionMnist => texts(&FASHION),
            Self::Kmnist => texts(&KUZUSHIJI),
            Self::Emnist(EmnistSplit::ByClass) => letters(&['0'..='9', 'A'..='Z', 'a'..='z']),
            Self::Emnist(EmnistSplit::ByMerge | EmnistSplit::Balanced) => {
                let unmerged = UNMERGED.chars().map(String::from);
                letters(&['0'..='9', 'A'..='Z']).into_iter().chain(unmerged).collect()
            }
            Self::Emnist(EmnistSplit::Letters) => letters(&['A'..='Z']),
            Self::Mnist | Self::Qmnist | Self::Emnist(_) => letters(&['0'..='9']),
            Self::Other => return None,
        })
    }

    /// True where images lie column by column.
    pub(super) fn is_transposed(self) -> bool {
        matches!(self, Self::Emnist(_))
    }

    /// The label of the first class.
    pub(super) fn first_label(self) -> u8 {
        u8::from(self == Self::Emnist(EmnistSplit::Letters))
    }

    /// Peculiarity of its files, for the report.
    pub(super) fn note(self) -> Option<String> {
        match self {
            Self::Emnist(split) => {
                let from =
                    if self.first_label() == 1 { "; labels count from 1 there, from 0 here" } else { "" };
                Some(format!(
                    "EMNIST, split {split}: images that lie column by column are shown upright{from}"
                ))
            }
            Self::Qmnist => Some("QMNIST: of the columns of its labels the first is the class".to_owned()),
            _ => None,
        }
    }
}
