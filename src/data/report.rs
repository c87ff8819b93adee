//! A reader's report: its choices, and the images that it left out.

use serde::{Deserialize, Serialize};

/// Found while a data set was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Decisions of the reader and oddities of the files, one sentence each.
    pub notes: Vec<String>,
    /// Width and height of the images as they are stored, and the number of each, the most frequent first.
    pub sizes: Vec<([u32; 2], usize)>,
    /// Damaged images that were left out: file and reason.
    pub damaged: Vec<(String, String)>,
}

impl Report {
    /// Adds a note.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Says everything in the log.
    pub(super) fn say(&self) {
        self.notes.iter().for_each(|note| log::info!("{note}"));
        const MAX_NAMED: usize = 5;
        for (file, reason) in self.damaged.iter().take(MAX_NAMED) {
            log::warn!("{file} is left out: {reason}");
        }
        match self.damaged.len() {
            0 => {}
            1 => log::warn!("1 damaged image is left out (--strict stops at it)"),
            count => log::warn!(
                "{count} damaged images are left out (revacnn data info names them all, --strict stops at the first)"
            ),
        }
    }
}

/// Sizes and the number of each, the most frequent first.
pub(super) fn count_sizes(sizes: impl Iterator<Item = [u32; 2]>) -> Vec<([u32; 2], usize)> {
    let mut counts = std::collections::BTreeMap::new();
    sizes.for_each(|size| *counts.entry(size).or_insert(0) += 1);
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(size, count)| (std::cmp::Reverse(*count), *size));
    counts
}
