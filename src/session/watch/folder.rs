//! The folder of a training that is watched: what was added to its list of checkpoints, and their tensors.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::report::CheckpointReport;
use crate::data::NamedTensors;
use crate::error::{Error, Result};

/// The list of checkpoints.
pub(in crate::session) const LIST: &str = "checkpoints.jsonl";
/// Time between two looks at a training that is watched.
pub const LOOK_EVERY: Duration = Duration::from_millis(40);
/// Bytes of it that are read at once.
const MAX_READ: u64 = 1 << 26;

/// Time without a checkpoint from which on a training is quiet, at least; and in proportion to the time between the last two.
const QUIET: Duration = Duration::from_secs(15);
const QUIET_GAPS: u32 = 3;

/// News in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// None.
    Nothing,
    /// Checkpoints were added.
    More,
    /// The training has begun again: all that was known is of another one.
    Again,
}

/// A folder, with its checkpoints so far.
#[derive(Debug)]
pub(super) struct WatchedFolder {
    pub path: PathBuf,
    /// Bytes of the list that were taken in.
    read: u64,
    /// The checkpoints, by ascending steps.
    pub reports: Vec<CheckpointReport>,
    /// Lines of the list that are none.
    pub faults: Vec<Error>,
    /// The list became shorter, and nothing of it was taken in since.
    is_new: bool,
    /// Time of the last change of the list, and time between the last two that were seen.
    changed: Option<SystemTime>,
    pub gap: Duration,
}

/// True once there is a checkpoint in a folder to watch.
///
/// # Errors
/// When there is no such folder, or its list holds other lines only.
pub fn has_begun(folder: &Path) -> Result<bool> {
    let mut folder = WatchedFolder::new(folder);
    folder.look()?;
    match folder.faults.pop() {
        Some(fault) if folder.reports.is_empty() => Err(fault),
        _ => Ok(!folder.reports.is_empty()),
    }
}

impl WatchedFolder {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            read: 0,
            reports: Vec::new(),
            faults: Vec::new(),
            is_new: false,
            changed: None,
            gap: Duration::ZERO,
        }
    }

    /// Takes in what was added to the list since the last look; half a line stays for the next one.
    ///
    /// # Errors
    /// When the folder is gone, or the list cannot be read.
    pub(super) fn look(&mut self) -> Result<News> {
        let list = self.path.join(LIST);
        let len = match fs::metadata(&list) {
            Ok(found) => {
                self.note_change(found.modified().ok());
                found.len()
            }
            Err(error) if error.kind() == ErrorKind::NotFound && self.path.is_dir() => 0,
            Err(_) if !self.path.is_dir() => {
                let what = format!("the folder {} is not there", self.path.display());
                return Err(Error::new(
                    what,
                    "it is shown as it was last, and goes on once the folder is back",
                ));
            }
            Err(error) => return Err(Error::io("read", &list, &error)),
        };
        if len < self.read {
            (self.read, self.is_new) = (0, true);
        }
        if len == self.read {
            return Ok(News::Nothing);
        }
        let added = self.added(&list)?;
        Ok(self.take_in(&added))
    }

    fn note_change(&mut self, changed: Option<SystemTime>) {
        let since = self.changed.zip(changed).and_then(|(before, now)| now.duration_since(before).ok());
        self.gap = since.filter(|gap| !gap.is_zero()).unwrap_or(self.gap);
        self.changed = changed.or(self.changed);
    }

    /// Time since the last checkpoint, where that is long for this training.
    pub(super) fn quiet_for(&self) -> Option<Duration> {
        let since = SystemTime::now().duration_since(self.changed?).ok()?;
        (since > QUIET.max(QUIET_GAPS * self.gap)).then_some(since)
    }

    /// The whole lines behind what was read.
    fn added(&mut self, list: &Path) -> Result<String> {
        let mut added = Vec::new();
        let mut read = || -> std::io::Result<()> {
            let mut file = File::open(list)?;
            file.seek(SeekFrom::Start(self.read))?;
            file.take(MAX_READ).read_to_end(&mut added)?;
            Ok(())
        };
        read().map_err(|error| Error::io("read", list, &error))?;
        added.truncate(added.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1));
        self.read += added.len() as u64;
        Ok(String::from_utf8_lossy(&added).into_owned())
    }

    fn take_in(&mut self, lines: &str) -> News {
        let mut again = self.is_new && !lines.is_empty();
        if again {
            self.reports.clear();
            self.is_new = false;
        }
        let before = self.reports.len();
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            let report = match CheckpointReport::parse(line) {
                Ok(report) => report,
                Err(error) => {
                    self.faults.push(error.within(format!("a line of {}", self.path.join(LIST).display())));
                    continue;
                }
            };
            if self.reports.last().is_some_and(|last| last.step >= report.step) {
                again = true;
                self.reports.clear();
            }
            self.reports.push(report);
        }
        match again {
            true => News::Again,
            false if self.reports.len() > before => News::More,
            false => News::Nothing,
        }
    }

    /// The tensors of a checkpoint.
    ///
    /// # Errors
    /// When its file is not there, or not whole.
    pub(super) fn tensors(&self, report: &CheckpointReport) -> Result<NamedTensors> {
        let path = self.path.join(&report.file);
        fs::metadata(&path).map_err(|error| Error::io("read", &path, &error))?;
        NamedTensors::open(&path)?.ok_or_else(|| {
            let what = format!("{} is no whole .safetensors", path.display());
            Error::new(
                what,
                "it is passed over; the callback of examples/pytorch renames a file once it is whole",
            )
        })
    }
}
