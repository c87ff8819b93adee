//! The folder of a run: `network.toml`, `model.safetensors`, `journal.jsonl`, `metrics.csv`.

use std::path::{Path, PathBuf};

use super::checkpoint::{Checkpoint, MODEL_FILE};
use super::command::Command;
use super::journal::{self, Entry, Header};
use super::metrics::EpochMetrics;
use super::{checkpoint::CheckpointState, files};
use crate::error::{Error, Result};
use crate::nn::TensorRange;

/// The network's file.
pub const NETWORK_FILE: &str = "network.toml";
/// The epochs' file.
pub const METRICS_FILE: &str = "metrics.csv";
const METRICS_HEAD: &str = "epoch,step,images_per_s,train_loss,train_accuracy,val_loss,val_accuracy";

/// A run's folder.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Begins a run in `path`, made if it is not there.
    ///
    /// # Errors
    /// When it holds another run already, or cannot be written.
    pub fn create(path: &Path, network_toml: &str, header: &Header) -> Result<Self> {
        if path.join(MODEL_FILE).exists() {
            return Err(Error::new(
                format!("{} holds a run already", path.display()),
                "go on with it by --resume, or name another folder for --out",
            ));
        }
        files::create_folder(path)?;
        files::write_whole(&path.join(NETWORK_FILE), network_toml.as_bytes())?;
        journal::begin(path, header)?;
        let folder = Self { path: path.to_owned() };
        folder.save_metrics(&[])?;
        Ok(folder)
    }

    /// A folder that holds a run.
    ///
    /// # Errors
    /// When there is no such folder, or no checkpoint in it.
    pub fn open(path: &Path) -> Result<(Self, CheckpointState, String)> {
        if !path.join(MODEL_FILE).exists() {
            return Err(Error::new(
                format!("{} holds no run: it has no {MODEL_FILE}", path.display()),
                "name a folder that `train --out` made",
            ));
        }
        let state = Checkpoint::read_state(path)?;
        let bytes = files::read_whole(&path.join(NETWORK_FILE))?;
        let network = String::from_utf8(bytes).map_err(|_| {
            Error::new(
                format!("{} is damaged", path.join(NETWORK_FILE).display()),
                "restore it, or begin anew",
            )
        })?;
        Ok((Self { path: path.to_owned() }, state, network))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the checkpoint.
    ///
    /// # Errors
    /// As [`Checkpoint::load`].
    pub fn load(&self, tensors: &[TensorRange], len: usize) -> Result<Checkpoint> {
        Checkpoint::load(&self.path, tensors, len)
    }

    /// Takes back what was written after the checkpoint; returns the epochs that stay.
    ///
    /// # Errors
    /// When the files are damaged or cannot be written.
    pub fn rewind(&self, step: u32) -> Result<Vec<EpochMetrics>> {
        journal::rewind(&self.path, step)?;
        let epochs: Vec<_> = self.read_metrics()?.into_iter().filter(|e| e.step <= step).collect();
        self.save_metrics(&epochs)?;
        Ok(epochs)
    }

    /// Writes the checkpoint and the epochs.
    ///
    /// # Errors
    /// When a file cannot be written; the old ones stay.
    pub fn save(
        &self,
        checkpoint: &Checkpoint,
        tensors: &[TensorRange],
        epochs: &[EpochMetrics],
    ) -> Result<()> {
        self.save_metrics(epochs)?;
        checkpoint.save(&self.path, tensors)
    }

    /// Adds a command to the journal.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn log(&self, step: u32, command: Command) -> Result<()> {
        journal::append(&self.path, &Entry { step, command })
    }

    fn save_metrics(&self, epochs: &[EpochMetrics]) -> Result<()> {
        let row = |e: &EpochMetrics| {
            format!(
                "{},{},{:.1},{},{},{},{}\n",
                e.epoch, e.step, e.images_per_s, e.train_loss, e.train_accuracy, e.val_loss, e.val_accuracy
            )
        };
        let rows: String = epochs.iter().map(row).collect();
        files::write_whole(&self.path.join(METRICS_FILE), format!("{METRICS_HEAD}\n{rows}").as_bytes())
    }

    fn read_metrics(&self) -> Result<Vec<EpochMetrics>> {
        let path = self.path.join(METRICS_FILE);
        let bytes = files::read_whole(&path)?;
        let text = String::from_utf8_lossy(&bytes);
        let parse = |line: &str| -> Option<EpochMetrics> {
            let cells: Vec<&str> = line.split(',').collect();
            let [epoch, step, images_per_s, train_loss, train_accuracy, val_loss, val_accuracy] = cells[..]
            else {
                return None;
            };
            Some(EpochMetrics {
                epoch: epoch.parse().ok()?,
                step: step.parse().ok()?,
                images_per_s: images_per_s.parse().ok()?,
                train_loss: train_loss.parse().ok()?,
                train_accuracy: train_accuracy.parse().ok()?,
                val_loss: val_loss.parse().ok()?,
                val_accuracy: val_accuracy.parse().ok()?,
            })
        };
        let rows = text.lines().skip(1).enumerate();
        rows.map(|(index, line)| {
            parse(line).ok_or_else(|| {
                let what = format!("{}, line {}, is damaged", path.display(), index + 2);
                Error::new(what, "mend the line, or begin anew")
            })
        })
        .collect()
    }
}
