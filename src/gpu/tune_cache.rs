//! The autotuner's policy, and its cache: the fastest candidates on an adapter, kept in the user's cache folder.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::processor::cache_suffix;
use crate::files::write_whole;

/// Policy by which the autotuner picks among the candidates of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TunePolicy {
    /// The first candidate: the most promising by calculation.
    Heuristic,
    /// The fastest in an earlier benchmark; the first where there was none.
    Cached,
    /// The fastest in an earlier benchmark; where there was none, the candidates are timed now.
    Benchmark,
    /// The fastest in an earlier benchmark; where there was none, the first, until [`Gpu::timing_next`] times the candidates.
    ///
    /// [`Gpu::timing_next`]: super::Gpu::timing_next
    Later,
    /// Candidate `n` modulo the count; lets tests try each one.
    Fixed(usize),
}

/// A pick for one kernel and shape.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Kernel and shape.
    pub key: String,
    /// Candidates that were timed, in the order of the calculation.
    pub tried: Vec<Tried>,
    /// The candidate that was picked.
    pub picked: String,
    /// It was known from an earlier benchmark.
    pub known: bool,
    /// Its lead was more than the spread of the times: it is kept.
    pub decided: bool,
}

/// A candidate that was timed.
#[derive(Debug, Clone)]
pub struct Tried {
    /// The candidate.
    pub candidate: String,
    /// Least GPU time in milliseconds.
    pub time_ms: f64,
    /// Median less the least, in milliseconds.
    pub spread_ms: f64,
}

/// The fastest candidates on one adapter.
#[derive(Debug, Default)]
pub(super) struct TuneCache {
    /// The fastest candidate by key.
    known: BTreeMap<String, String>,
    /// The same where the lead was within the spread: for this process alone.
    undecided: BTreeMap<String, String>,
    file: Option<PathBuf>,
    made: Vec<Choice>,
}

impl TuneCache {
    /// The cache of an adapter, from its file in the user's cache folder; empty if there is no such folder or file.
    pub(super) fn open(adapter: &wgpu::AdapterInfo) -> Self {
        let folders = directories::ProjectDirs::from("", "", "revacnn");
        let file = folders.map(|folders| folders.cache_dir().join(file_name(adapter)));
        let known = file.as_deref().and_then(|file| {
            let text = std::fs::read(file).ok()?;
            serde_json::from_slice(&text)
                .inspect_err(|e| log::warn!("{}: {e}; it is made again", file.display()))
                .ok()
        });
        Self { known: known.unwrap_or_default(), file, ..Self::default() }
    }

    /// The fastest candidate of a key.
    pub(super) fn fastest(&self, key: &str) -> Option<&String> {
        self.known.get(key).or_else(|| self.undecided.get(key))
    }

    /// Notes a choice, once, and keeps it where it is new: in the file, if its lead is no accident of the times.
    pub(super) fn keep(&mut self, key: &str, choice: Choice) {
        if !choice.known && !choice.decided {
            self.undecided.insert(key.to_owned(), choice.picked.clone());
        } else if !choice.known {
            self.known.insert(key.to_owned(), choice.picked.clone());
            if let Err(error) = self.write() {
                log::warn!("the choice of kernels is not kept: {error}");
                self.file = None;
            }
        }
        if self.made.iter().all(|made| made.key != choice.key) {
            self.made.push(choice);
        }
    }

    fn write(&self) -> crate::error::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        if let Some(folder) = file.parent() {
            crate::files::create_folder(folder)?;
        }
        write_whole(file, &serde_json::to_vec_pretty(&self.known).unwrap_or_default())
    }

    /// The choices noted since the last call.
    pub(super) fn take_choices(&mut self) -> Vec<Choice> {
        std::mem::take(&mut self.made)
    }

    /// Forgets what was fastest; what is found from now on is not written.
    pub(super) fn leave_file(&mut self) {
        self.file = None;
        self.forget();
    }

    /// Forgets what was fastest, on disk too at the next benchmark.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.undecided.clear();
    }
}

/// Adapter, processor, driver and the program's version decide what is fast.
fn file_name(adapter: &wgpu::AdapterInfo) -> String {
    let text = format!(
        "{}{} {:?} {} {} {}",
        adapter.name,
        cache_suffix(adapter),
        adapter.backend,
        adapter.driver,
        adapter.driver_info,
        env!("CARGO_PKG_VERSION")
    );
    let plain = text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' });
    format!("kernels-{}.json", plain.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_decided_is_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kernels.json");
        let mut cache = TuneCache { file: Some(file.clone()), ..TuneCache::default() };
        let choice = |decided| Choice {
            key: "conv".to_owned(),
            tried: Vec::new(),
            picked: format!("tile {decided}"),
            known: false,
            decided,
        };
        cache.keep("first", choice(false));
        assert!(!file.exists());
        cache.keep("second", choice(true));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("second") && !text.contains("first"), "{text}");
        // Here both are known.
        assert_eq!(cache.fastest("first").unwrap(), "tile false");
        assert_eq!(cache.fastest("second").unwrap(), "tile true");
        cache.forget();
        assert!(cache.fastest("first").is_none() && cache.fastest("second").is_none());
    }
}
