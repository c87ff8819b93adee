//! The folder of a run: `network.toml`, `model.safetensors`, `journal.jsonl`, `metrics.csv`.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::branch_files::{self, BRANCHES_FILE, StoredBranches};
use super::checkpoint::{
    Checkpoint, CheckpointState, MODEL_FILE, START_FILE, StoredCheckpoint, damaged, foreign,
};
use super::identity;
use super::inspect::PROBES_FILE;
use super::journal_file::{self, Header, JOURNAL_FILE, Line, StoredJournal};
use super::metrics::EpochMetrics;
use super::metrics_file::{self, METRICS_FILE};
use crate::data::Clock;
use crate::error::{Error, Result};
use crate::files;
use crate::nn::TensorRange;

/// Name of the network's file.
pub const NETWORK_FILE: &str = "network.toml";

/// A run's folder, locked for this program as long as this lives.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    _lock: Option<Rc<File>>,
}

/// Content of a run's folder: each file whole, and all of one run.
pub(super) struct StoredRun {
    /// The folder.
    pub folder: RunFolder,
    /// The checkpoint.
    pub checkpoint: StoredCheckpoint,
    /// `network.toml`.
    pub network: String,
    /// The journal, with the entries after the checkpoint too.
    pub journal: StoredJournal,
    /// The branches.
    pub branches: StoredBranches,
    /// The epochs up to the checkpoint.
    pub epochs: Vec<EpochMetrics>,
    /// Notes of what was passed over.
    pub notices: Vec<Error>,
}

impl RunFolder {
    /// Checks that a run may begin in `path`.
    ///
    /// # Errors
    /// When it holds a run, or a file that a run would overwrite, or is a file itself.
    pub fn check_free(path: &Path) -> Result<()> {
        let help = "name another folder (--out)";
        if path.exists() && !path.is_dir() {
            return Err(Error::new(format!("{} is a file, not a folder", path.display()), help));
        }
        if path.join(MODEL_FILE).exists() {
            return Err(Error::new(
                format!("{} holds a run already", path.display()),
                "go on with it (--resume), or name another folder (--out)",
            ));
        }
        // A journal without a model is of a run that was stopped before it began.
        let others = [JOURNAL_FILE, NETWORK_FILE, METRICS_FILE, PROBES_FILE, START_FILE, BRANCHES_FILE];
        match others.iter().map(|name| path.join(name)).find(|file| file.exists()) {
            Some(file) if !journal_file::is_there(path) => {
                Err(Error::new(format!("{} would be overwritten", file.display()), help))
            }
            _ => Ok(()),
        }
    }

    /// Begins a run in `path`, which is made if it is not there.
    ///
    /// # Errors
    /// As [`RunFolder::check_free`], when another program holds it, or when it cannot be written.
    pub fn create(path: &Path, network_toml: &str, header: &Header) -> Result<Self> {
        files::create_folder(path)?;
        let folder = Self::hold(path)?;
        Self::check_free(path)?;
        files::remove_parts(path);
        // Branches of a run that was stopped before it began are none of this one.
        std::fs::remove_file(path.join(BRANCHES_FILE)).ok();
        // The journal comes first: it shows that the other files are ours.
        journal_file::write(path, &Line::new(header.clone()), &[])?;
        let network = identity::signed(network_toml, header.run.as_deref());
        files::write_whole(&path.join(NETWORK_FILE), network.as_bytes())?;
        metrics_file::write(path, &metrics_file::text(&[])?)?;
        Ok(folder)
    }

    /// Reads the run in `path` to go on with it, and changes nothing there.
    ///
    /// # Errors
    /// When there is no run, another program holds it, or its files are damaged or do not belong together.
    pub(super) fn open(path: &Path) -> Result<StoredRun> {
        check_is_run(path)?;
        Self::hold(path)?.read()
    }

    /// Reads the run in `path` to look at it, while another program may be training there.
    ///
    /// # Errors
    /// When there is no run, or its files are damaged or do not belong together.
    pub(super) fn look_at(path: &Path) -> Result<StoredRun> {
        check_is_run(path)?;
        Self { path: path.to_owned(), _lock: None }.read()
    }

    /// Reads the model before the journal, which is never behind it.
    fn read(self) -> Result<StoredRun> {
        let path = &self.path;
        // Where a pipe stands in their place, the next save would wait for ever.
        [MODEL_FILE, JOURNAL_FILE, NETWORK_FILE, METRICS_FILE]
            .iter()
            .try_for_each(|name| files::check_regular(&path.join(name)))?;
        let checkpoint = StoredCheckpoint::open(path)?;
        let file = path.join(NETWORK_FILE);
        let network =
            String::from_utf8(files::read_whole(&file)?).map_err(|_| damaged(&file, "it is not text"))?;
        let state = &checkpoint.state;
        let (journal, branch) = read_journal(path, state)?;
        identity::check(path, state.run.as_deref(), journal.header.value.run.as_deref(), &network)?;
        check_journal(path, &journal, state)?;
        let clock = read_clock(path, &state.clock)?;
        journal.check_steps(&path.join(JOURNAL_FILE), state.commands, clock.step)?;
        let (branches, notice) = branch_files::read(path, &journal.entries, branch);
        let mut notices: Vec<Error> = notice.into_iter().collect();
        if journal.cut_short {
            let (file, lines) = (path.join(JOURNAL_FILE), journal.entries.len() + 1);
            let what = format!("{} was cut short after line {lines}", file.display());
            notices.push(Error::new(
                what,
                "what followed is left out; give the last command again if it is wanted",
            ));
        }
        let epochs = match &state.metrics {
            Some(text) => metrics_file::parse(text.as_bytes())
                .ok_or_else(|| damaged(&path.join(MODEL_FILE), "its metrics are none"))?,
            None => former_epochs(path, &clock).unwrap_or_else(|notice| {
                notices.push(notice);
                Vec::new()
            }),
        };
        Ok(StoredRun { folder: self, checkpoint, network, journal, branches, epochs, notices })
    }

    /// Locks the folder for this program, as far as the system allows.
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

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what a kill left half written, and brings `metrics.csv` to what the model says. Returns what was wrong with it.
    pub(super) fn tidy(&self, checkpoint: &CheckpointState) -> Option<Error> {
        files::remove_parts(&self.path);
        let differed = metrics_file::restore(&self.path, checkpoint.metrics.as_deref()?);
        let what = || format!("{} was not as the model has it", self.path.join(METRICS_FILE).display());
        differed
            .map(|differed| differed.then(|| Error::new(what(), "it was written again")))
            .unwrap_or_else(Some)
    }

    /// Writes the checkpoint, then its epochs as `metrics.csv` and, where commands have changed it, the network; the journal must be
    /// up to date. The model decides on all: a kill between them loses nothing.
    ///
    /// # Errors
    /// When a file cannot be written; the old one stays.
    pub(super) fn save(
        &self,
        checkpoint: &Checkpoint,
        tensors: &[TensorRange],
        network_changed: bool,
    ) -> Result<()> {
        journal_file::flush(&self.path)?;
        checkpoint.save(&self.path, tensors)?;
        if network_changed {
            let network = identity::signed(&checkpoint.state.network, checkpoint.state.run.as_deref());
            files::write_whole(&self.path.join(NETWORK_FILE), network.as_bytes())?;
        }
        checkpoint.state.metrics.as_ref().map_or(Ok(()), |text| metrics_file::write(&self.path, text))
    }
}

fn check_is_run(path: &Path) -> Result<()> {
    if path.join(MODEL_FILE).exists() {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| folder.join(MODEL_FILE).exists());
    Err(match folder {
        Some(folder) if path.is_file() => {
            let what = format!("{} is a file of a run, not its folder", path.display());
            let name = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            Error::new(what, format!("name the folder: {}", name.display()))
        }
        _ => {
            let what = if path.is_dir() {
                format!("{} holds no run: it has no {MODEL_FILE}", path.display())
            } else if path.exists() {
                format!("{} is a file, not the folder of a run", path.display())
            } else {
                format!("there is no folder {}", path.display())
            };
            Error::new(what, "name a folder that `train --out` made")
        }
    })
}

/// The journal that the model is of; where it is that of a branch that was left, which a kill between two writes can cause, also the
/// branch.
fn read_journal(path: &Path, state: &CheckpointState) -> Result<(StoredJournal, Option<usize>)> {
    let journal = StoredJournal::read(path)?;
    if check_journal(path, &journal, state).is_err() {
        let fits = |other: &StoredJournal| check_journal(path, other, state).is_ok();
        if let Some((branch, other)) = branch_files::find(path, fits) {
            return Ok((other, Some(branch)));
        }
    }
    Ok((journal, None))
}

/// Checks that the journal begins with the commands that the model has.
fn check_journal(path: &Path, journal: &StoredJournal, state: &CheckpointState) -> Result<()> {
    let file = path.join(JOURNAL_FILE);
    journal.check_len(&file, state.commands)?;
    let leads_there = match &state.journal_check {
        Some(check) => journal.check(state.commands) == *check,
        None => {
            journal.header.value.data_fingerprint == state.data_fingerprint
                && journal.settings(state.commands) == state.settings
        }
    };
    if leads_there { Ok(()) } else { Err(foreign(&file, "its commands are not those that the model has")) }
}

/// The epochs of a run whose model does not have them yet.
fn former_epochs(path: &Path, clock: &Clock) -> Result<Vec<EpochMetrics>> {
    let file = path.join(METRICS_FILE);
    let epochs = metrics_file::parse(&files::read_whole(&file).unwrap_or_default()).unwrap_or_default();
    let epochs: Vec<_> = epochs.into_iter().filter(|e| e.step <= clock.step).collect();
    if epochs.iter().map(|e| e.epoch).eq(1..=clock.epoch) {
        return Ok(epochs);
    }
    let what = format!("{} does not hold the epochs 1 to {}", file.display(), clock.epoch);
    Err(Error::new(
        what,
        "the run goes on without them; to have them, bring the file back from a copy before it is resumed",
    ))
}

/// The clock of a checkpoint's words.
pub(super) fn read_clock(path: &Path, words: &[u32]) -> Result<Clock> {
    let clock = bytemuck::try_pod_read_unaligned(bytemuck::cast_slice(words));
    clock.map_err(|_| damaged(&path.join(MODEL_FILE), "its clock has another length"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::session::{RunSettings, TrainCommand};

    fn epoch(epoch: u32) -> EpochMetrics {
        EpochMetrics { epoch, step: 23 * epoch, train_loss: 0.5, ..EpochMetrics::default() }
    }

    /// A folder as it was before there were identities, checks, and metrics in the model: at step 46, after two epochs.
    fn former(path: &Path) -> String {
        let settings = RunSettings::of_digits();
        let header = Header {
            run: None,
            revacnn: "0.1.0".to_owned(),
            network: "tiny".to_owned(),
            network_toml: None,
            data_fingerprint: "digits' own".to_owned(),
            adapter: "any".to_owned(),
            summation: None,
            start: None,
            settings: settings.clone(),
        };
        let lines = [
            serde_json::to_string(&header).unwrap(),
            r#"{"step":20,"command":{"set_learning_rate":0.5}}"#.to_owned(),
            r#"{"step":48,"command":{"set_flip":true}}"#.to_owned(),
            r#"{"step":49,"comm"#.to_owned(),
        ];
        fs::write(path.join(JOURNAL_FILE), lines.join("\n")).unwrap();
        fs::write(path.join(NETWORK_FILE), "name = \"tiny\"\n").unwrap();
        let clock = Clock { step: 46, epoch: 2, ..bytemuck::Zeroable::zeroed() };
        let state = CheckpointState {
            run: None,
            settings: settings.changed(&TrainCommand::SetLearningRate(0.5).into(), 20),
            network: "name = \"tiny\"\n".to_owned(),
            data_fingerprint: header.data_fingerprint,
            clock: bytemuck::cast_slice(&[clock]).to_vec(),
            commands: 1,
            journal_check: None,
            metrics: None,
            dead: Vec::new(),
            actions: Vec::new(),
            content_hash: String::new(),
        };
        let none = Vec::new;
        Checkpoint { values: none(), moments: none(), second_moments: none(), averages: none(), state }
            .save(path, &[])
            .unwrap();
        let model = fs::read(path.join(MODEL_FILE)).unwrap();
        let text = String::from_utf8_lossy(&model).into_owned();
        assert!(
            ["run", "journal_check", "metrics", "dead"]
                .iter()
                .all(|key| !text.contains(&format!("{key}\\\":"))),
            "{text}"
        );
        metrics_file::text(&[epoch(1), epoch(2), epoch(3)]).unwrap()
    }

    #[test]
    fn a_run_of_before_is_resumed_and_an_odd_history_of_it_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let metrics = former(path);
        let odd = metrics.replacen("0.5", "x", 1);
        for (text, epochs) in [(Some(metrics.clone()), 2), (Some(odd), 0), (None, 0)] {
            fs::remove_file(path.join(METRICS_FILE)).ok();
            text.into_iter().for_each(|text| fs::write(path.join(METRICS_FILE), text).unwrap());
            let run = RunFolder::open(path).unwrap();
            assert_eq!((run.journal.entries.len(), run.epochs.len()), (2, epochs));
            let said: Vec<&str> = run.notices.iter().map(Error::what).collect();
            assert!(said[0].ends_with("journal.jsonl was cut short after line 3"), "{said:?}");
            assert_eq!(said.len(), 1 + usize::from(epochs == 0));
        }
        // A line without a check, where the others have one, is damage, and so is a header whose check is spoilt.
        let stored = StoredJournal::read(path).unwrap();
        journal_file::write(path, &stored.header, &stored.entries).unwrap();
        assert_eq!(RunFolder::open(path).unwrap().journal.entries, stored.entries);
        let whole = fs::read_to_string(path.join(JOURNAL_FILE)).unwrap();
        for (text, line) in [
            (whole.clone() + "{\"step\":50,\"command\":{\"set_flip\":false}}\n", 4),
            (whole.replacen("\"check\"", "\"chock\"", 1), 2),
        ] {
            fs::write(path.join(JOURNAL_FILE), text).unwrap();
            let what = RunFolder::open(path).err().unwrap().what().to_owned();
            assert!(what.ends_with(&format!("line {line}, is damaged")), "{what}");
        }
    }
}
