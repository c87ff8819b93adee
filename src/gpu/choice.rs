//! Which variant of a kernel is taken: by calculation, or timed on the real shape and kept on disk.
//!
//! All candidates of a kernel give the same bits, so that a choice, and a cache that is lost, change only the time.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use super::device::Gpu;
use super::plan::Plan;
use crate::error::Result;

/// Candidates that are timed at most: the most promising by calculation.
const TIMED: usize = 6;
/// Runs of a candidate; the shortest counts.
const RUNS: usize = 4;

/// How [`Gpu::choose`] chooses among the candidates of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choosing {
    /// The most promising by calculation.
    Calculated,
    /// What was the fastest here before; what is not known is calculated.
    Known,
    /// What was the fastest here before; what is not known is timed now.
    Timed,
    /// The so-many-th, counted round: tests try every candidate with it.
    Nth(usize),
}

/// What was tried for one kernel and shape, and taken.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Kernel and shape.
    pub key: String,
    /// Candidates with their GPU time in milliseconds, in the order of the calculation.
    pub tried: Vec<(String, f64)>,
    /// The candidate that was taken.
    pub taken: String,
    /// Whether it was known from before.
    pub known: bool,
}

/// The choices of one adapter.
#[derive(Debug, Default)]
pub(super) struct Choices {
    /// By key, the candidate taken.
    known: BTreeMap<String, String>,
    file: Option<PathBuf>,
    made: Vec<Choice>,
}

impl Choices {
    /// What was chosen before on the adapter, from its file in the user's cache; none if there is no such folder or file.
    pub fn open(adapter: &wgpu::AdapterInfo) -> Self {
        let file = cache_folder().map(|folder| folder.join(file_name(adapter)));
        let known = file.as_deref().and_then(|file| {
            let text = std::fs::read(file).ok()?;
            serde_json::from_slice(&text)
                .inspect_err(|e| log::warn!("{}: {e}; it is made anew", file.display()))
                .ok()
        });
        Self { known: known.unwrap_or_default(), file, made: Vec::new() }
    }

    fn keep(&mut self, choice: Choice) {
        if !choice.known {
            self.known.insert(choice.key.clone(), choice.taken.clone());
            if let Some(Err(error)) = self.file.as_deref().map(|file| write(file, &self.known)) {
                log::warn!("the choice of kernels is not kept: {error}");
                self.file = None;
            }
        }
        self.made.push(choice);
    }
}

/// `revacnn` in the user's folder of caches.
fn cache_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let home = || {
        let home = folder("HOME")?;
        Some(home.join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" }))
    };
    folder("XDG_CACHE_HOME")
        .or_else(|| folder("LOCALAPPDATA"))
        .or_else(home)
        .map(|folder| folder.join("revacnn"))
}

/// Adapter, driver and the program's version decide what is fast.
fn file_name(adapter: &wgpu::AdapterInfo) -> String {
    let text = format!(
        "{} {:?} {} {} {}",
        adapter.name,
        adapter.backend,
        adapter.driver,
        adapter.driver_info,
        env!("CARGO_PKG_VERSION")
    );
    let plain = text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' });
    format!("kernels-{}.json", plain.collect::<String>())
}

/// Writes beside the old file, then renames.
fn write(file: &Path, known: &BTreeMap<String, String>) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let part = file.with_extension(format!("{}.part", std::process::id()));
    std::fs::write(&part, serde_json::to_vec_pretty(known)?)?;
    std::fs::rename(&part, file)
}

impl Gpu {
    /// Builds one of `candidates`, which come with the most promising first. All must give the same result. `key` names
    /// kernel and shape: what the time depends on. `compiled` says whether a candidate's kernel is there already; `plan` gives
    /// the dispatches that are timed, which run on whatever their buffers hold.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn choose<C: Debug, B>(
        &self,
        key: &str,
        candidates: &[C],
        compiled: impl Fn(&C) -> bool,
        mut build: impl FnMut(&C) -> Result<B>,
        plan: impl Fn(&B) -> &Plan,
    ) -> Result<B> {
        let ready = candidates.iter().find(|c| self.prefers_compiled.get() && compiled(c));
        if let Some(candidate) = ready {
            return build(candidate);
        }
        match self.choosing() {
            Choosing::Calculated => build(&candidates[0]),
            Choosing::Nth(n) => build(&candidates[n % candidates.len()]),
            Choosing::Known | Choosing::Timed => {
                let known = self.choices.borrow().known.get(key).cloned();
                let known = known.and_then(|taken| candidates.iter().find(|c| format!("{c:?}") == taken));
                if let Some(candidate) = known {
                    let taken = format!("{candidate:?}");
                    let choice = Choice { key: key.to_owned(), tried: Vec::new(), taken, known: true };
                    self.choices.borrow_mut().keep(choice);
                    return build(candidate);
                }
                if self.choosing() == Choosing::Known {
                    return build(&candidates[0]);
                }
                self.choose_timed(key, &candidates[..candidates.len().min(TIMED)], build, plan)
            }
        }
    }

    fn choose_timed<C: Debug, B>(
        &self,
        key: &str,
        candidates: &[C],
        mut build: impl FnMut(&C) -> Result<B>,
        plan: impl Fn(&B) -> &Plan,
    ) -> Result<B> {
        let mut best: Option<(f64, usize, B)> = None;
        let mut tried = Vec::new();
        for (index, candidate) in candidates.iter().enumerate() {
            let built = build(candidate)?;
            let run = |_| plan(&built).time(self).iter().map(|span| span.time_ms).sum::<f64>();
            run(0);
            let time_ms = (0..RUNS).map(run).fold(f64::INFINITY, f64::min);
            tried.push((format!("{candidate:?}"), time_ms));
            if best.as_ref().is_none_or(|(before, ..)| time_ms < *before) {
                best = Some((time_ms, index, built));
            }
        }
        let (_, index, built) = best.expect("there is a candidate");
        let taken = tried[index].0.clone();
        self.choices.borrow_mut().keep(Choice { key: key.to_owned(), tried, taken, known: false });
        Ok(built)
    }

    /// The choices made since the last call that were known or timed.
    pub fn take_choices(&self) -> Vec<Choice> {
        std::mem::take(&mut self.choices.borrow_mut().made)
    }

    /// Forgets what was chosen before, here and on disk at the next choice, so that everything is timed anew.
    pub fn forget_choices(&self) {
        self.choices.borrow_mut().known.clear();
    }
}
