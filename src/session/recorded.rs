//! A journal as a record: all that is needed to make its run again.

use std::path::{Path, PathBuf};

use super::checkpoint::{MODEL_FILE, StoredCheckpoint};
use super::command::{Command, TrainCommand};
use super::journal_file::{Entry, Header, JOURNAL_FILE, StoredJournal};
use super::moment::Moment;
use super::run_folder::{NETWORK_FILE, read_clock};
use crate::error::{Error, Result};
use crate::files;
use crate::nn::TensorRange;

/// A run as its journal has it.
pub(super) struct Recorded {
    pub header: Header,
    /// Its commands, without those of layouts, which change nothing of the run.
    pub entries: Vec<Entry>,
    /// The network at its beginning, as TOML.
    pub network: String,
    /// The moment at which it ends.
    pub end: Moment,
    /// The folder that it lies in.
    pub folder: PathBuf,
    /// A line after that which is cut short.
    pub notice: Option<Error>,
}

/// The journal of a run's folder, or the file itself, and the folder.
fn files_of(path: &Path) -> (PathBuf, PathBuf) {
    if path.is_dir() {
        return (path.join(JOURNAL_FILE), path.to_owned());
    }
    (path.to_owned(), path.parent().map_or_else(PathBuf::new, Path::to_owned))
}

impl Recorded {
    /// Reads a run's folder, or one of the journals in it, to be made again up to step `to`. It ends where the folder's model does, if that
    /// is of this journal, and else with its last command.
    ///
    /// # Errors
    /// When there is no journal, it is damaged, a line is cut short and `to` does not come before it, or its network is not there.
    pub(super) fn open(path: &Path, to: Option<u32>) -> Result<Self> {
        let (file, folder) = files_of(path);
        files::check_regular(&file)?;
        let journal = StoredJournal::read_file(&file)?;
        let header = journal.header.value.clone();
        journal.check_steps(&file, 0, 0)?;
        let of_model = end_of_model(&folder, &journal)?;
        let last = || journal.entries.last().map_or(0, |line| line.value.step);
        let (commands, last) = of_model.unwrap_or_else(|| (journal.entries.len(), last()));
        let notice = journal.cut(&file);
        if let Some(cut) = notice.clone().filter(|_| of_model.is_none() && to.is_none_or(|to| to >= last)) {
            return Err(cut);
        }
        let entries = journal.entries[..commands].iter().map(|line| line.value.clone());
        let entries: Vec<Entry> =
            entries.filter(|entry| !matches!(entry.command, Command::Layout(_))).collect();
        let count =
            |of: fn(&Command) -> bool| entries.iter().filter(|entry| of(&entry.command)).count() as u32;
        let end = Moment {
            life: count(|command| matches!(command, Command::Train(TrainCommand::Reset(_)))),
            step: last,
            commands: count(|command| !command.is_view()),
        };
        let network = match &header.network_toml {
            Some(network) => network.clone(),
            None if journal.changes_network() => {
                let what = format!("{}, line 1, does not hold the network of its beginning", file.display());
                return Err(Error::new(what, "journals of runs that are begun now do"));
            }
            None => String::from_utf8_lossy(&files::read_whole(&folder.join(NETWORK_FILE))?).into_owned(),
        };
        Ok(Self { header, entries, network, end, folder, notice })
    }
}

/// Number of commands and steps of the model in a folder, if it is of this journal.
fn end_of_model(folder: &Path, journal: &StoredJournal) -> Result<Option<(usize, u32)>> {
    if !folder.join(MODEL_FILE).exists() {
        return Ok(None);
    }
    let state = StoredCheckpoint::open(folder)?.state;
    let of_this = state.commands <= journal.entries.len()
        && state.journal_check.as_deref() == Some(&journal.check(state.commands));
    let step = read_clock(folder, &state.clock)?.step;
    Ok(of_this.then_some((state.commands, step)))
}

/// Checks that there is a model for the journal of a run's folder, or for one of the journals in it.
///
/// # Errors
/// When there is none, it is damaged, or the journal lacks commands that it has.
pub fn check_model(path: &Path) -> Result<()> {
    let (file, folder) = files_of(path);
    files::check_regular(&file)?;
    let (journal, commands) =
        (StoredJournal::read_file(&file)?, StoredCheckpoint::open(&folder)?.state.commands);
    let lacks = journal.check_len(&file, commands);
    lacks.map_err(|error| journal.cut(&file).unwrap_or(error))
}

/// The state hash of the model in the folder of a run, or of a journal in it, of a network with these tensors, and its step.
///
/// # Errors
/// When there is no model, it is damaged, or of another network.
pub fn hash_of_model(path: &Path, tensors: &[TensorRange], len: usize) -> Result<(String, u32)> {
    let (_, folder) = files_of(path);
    let stored = StoredCheckpoint::open(&folder)?;
    let clock = read_clock(&folder, &stored.state.clock)?;
    let model = stored.of_network(tensors, len)?;
    let hash = crate::nn::state_hash([&model.values, &model.moments, &model.second_moments], &clock);
    Ok((hash, clock.step))
}
