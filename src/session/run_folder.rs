//! The folder of a run: `network.toml`, `model.safetensors`, `journal.jsonl`, `metrics.csv`.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::checkpoint::{Checkpoint, MODEL_FILE, StoredCheckpoint, damaged, foreign};
use super::files;
use super::journal::{self, Entry, Header, JOURNAL_FILE};
use super::metrics::{self, EpochMetrics, METRICS_FILE};
use crate::data::Clock;
use crate::error::{Error, Result};
use crate::nn::TensorRange;

/// The network's file.
pub const NETWORK_FILE: &str = "network.toml";

/// A run's folder, held by this program alone as long as this lives.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    _lock: Option<Rc<File>>,
}

/// What a run's folder holds, each file found whole and all of one run.
pub struct StoredRun {
    /// The folder.
    pub folder: RunFolder,
    /// The checkpoint.
    pub checkpoint: StoredCheckpoint,
    /// `network.toml`.
    pub network: String,
    /// The journal's header.
    pub header: Header,
    /// All commands, those after the checkpoint too.
    pub journal: Vec<Entry>,
    /// The epochs up to the checkpoint.
    pub epochs: Vec<EpochMetrics>,
}

impl RunFolder {
    /// Whether a run may begin in `path`.
    ///
    /// # Errors
    /// When it holds a run, or a file that a run would overwrite, or is a file itself.
    pub fn check_free(path: &Path) -> Result<()> {
        let help = "name another folder for --out";
        if path.exists() && !path.is_dir() {
            return Err(Error::new(format!("{} is a file, not a folder", path.display()), help));
        }
        if path.join(MODEL_FILE).exists() {
            return Err(Error::new(
                format!("{} holds a run already", path.display()),
                "go on with it by --resume, or name another folder for --out",
            ));
        }
        // A journal without a model is of a run that was stopped before it began.
        let others = [JOURNAL_FILE, NETWORK_FILE, METRICS_FILE];
        match others.iter().map(|name| path.join(name)).find(|file| file.exists()) {
            Some(file) if !journal::is_there(path) => {
                Err(Error::new(format!("{} would be overwritten", file.display()), help))
            }
            _ => Ok(()),
        }
    }

    /// Begins a run in `path`, made if it is not there.
    ///
    /// # Errors
    /// As [`RunFolder::check_free`], when another program holds it, or when it cannot be written.
    pub fn create(path: &Path, network_toml: &str, header: &Header) -> Result<Self> {
        files::create_folder(path)?;
        let folder = Self::hold(path)?;
        Self::check_free(path)?;
        // The journal comes first: it shows that the other files are ours.
        journal::write(path, header, &[])?;
        files::write_whole(&path.join(NETWORK_FILE), network_toml.as_bytes())?;
        metrics::write(path, &[])?;
        Ok(folder)
    }

    /// Reads the run in `path`; nothing is changed there.
    ///
    /// # Errors
    /// When there is no run, another program holds it, or its files are damaged or do not belong together.
    pub fn open(path: &Path) -> Result<StoredRun> {
        if !path.join(MODEL_FILE).exists() {
            let what = if path.exists() {
                format!("{} holds no run: it has no {MODEL_FILE}", path.display())
            } else {
                format!("there is no folder {}", path.display())
            };
            return Err(Error::new(what, "name a folder that `train --out` made"));
        }
        let folder = Self::hold(path)?;
        let checkpoint = StoredCheckpoint::open(path)?;
        let file = path.join(NETWORK_FILE);
        let network =
            String::from_utf8(files::read_whole(&file)?).map_err(|_| damaged(&file, "it is not text"))?;
        let (header, journal) = journal::read(path)?;
        let state = &checkpoint.state;
        let file = path.join(JOURNAL_FILE);
        if journal.len() < state.commands {
            let why = format!("it has {} commands where the model had {}", journal.len(), state.commands);
            return Err(damaged(&file, &why));
        }
        let carried_out = journal[..state.commands].iter();
        let settings =
            carried_out.fold(header.settings.clone(), |s, entry| s.changed(entry.command, entry.step));
        if header.data_fingerprint != state.data_fingerprint || settings != state.settings {
            return Err(foreign(&file, "it does not lead to the model's settings"));
        }
        let clock = read_clock(path, &state.clock)?;
        let file = path.join(METRICS_FILE);
        let epochs: Vec<_> = metrics::read(path)?.into_iter().filter(|e| e.step <= clock.step).collect();
        if !epochs.iter().map(|e| e.epoch).eq(1..=clock.epoch) {
            let why = format!("it does not hold the epochs 1 to {}, which the model has", clock.epoch);
            return Err(damaged(&file, &why));
        }
        Ok(StoredRun { folder, checkpoint, network, header, journal, epochs })
    }

    /// Takes the folder for this program, as far as the system allows.
    fn hold(path: &Path) -> Result<Self> {
        let lock = File::open(path).ok();
        if let Some(file) = &lock
            && let Err(TryLockError::WouldBlock) = file.try_lock()
        {
            return Err(Error::new(
                format!("another program is training in {}", path.display()),
                "wait until it has ended, or stop it",
            ));
        }
        Ok(Self { path: path.to_owned(), _lock: lock.map(Rc::new) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the epochs, then the checkpoint; the journal must be up to date.
    ///
    /// # Errors
    /// When a file cannot be written; the old ones stay.
    pub fn save(
        &self,
        checkpoint: &Checkpoint,
        tensors: &[TensorRange],
        epochs: &[EpochMetrics],
    ) -> Result<()> {
        journal::flush(&self.path)?;
        metrics::write(&self.path, epochs)?;
        checkpoint.save(&self.path, tensors)
    }

    /// Adds a command to the journal.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn log(&self, entry: &Entry) -> Result<()> {
        journal::append(&self.path, entry)
    }

    /// Writes the journal anew.
    ///
    /// # Errors
    /// When it cannot be written; then the old one stays.
    pub fn write_journal(&self, header: &Header, entries: &[Entry]) -> Result<()> {
        journal::write(&self.path, header, entries)
    }
}

/// The clock from a checkpoint's words.
pub(super) fn read_clock(path: &Path, words: &[u32]) -> Result<Clock> {
    let clock = bytemuck::try_pod_read_unaligned(bytemuck::cast_slice(words));
    clock.map_err(|_| damaged(&path.join(MODEL_FILE), "its clock has another length"))
}
