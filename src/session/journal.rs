//! The journal of a run, `journal.jsonl`: the user's commands as JSON Lines, a header and then `{"step", "command"}` each.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::command::{Command, DataCommand, LayoutCommand};
use super::settings::RunSettings;
use crate::error::{Error, Result};
use crate::files;

/// The file's name in a run's folder.
pub const JOURNAL_FILE: &str = "journal.jsonl";

/// The first line of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the program that began the run.
    pub revacnn: String,
    /// Name of the network; `network.toml` has it in full.
    pub network: String,
    /// Fingerprint of the data set.
    pub data_fingerprint: String,
    /// Adapter that it began on: bit equality holds on the same one.
    pub adapter: String,
    /// Settings at its beginning.
    pub settings: RunSettings,
}

/// A later line of a journal: a command, applied before step `step` + 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Number of steps finished when it was applied.
    pub step: u32,
    /// The command.
    pub command: Command,
}

fn line<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("journal lines are plain data") + "\n"
}

/// The whole journal as text.
fn text(header: &Header, entries: &[Entry]) -> String {
    line(header) + &entries.iter().map(line).collect::<String>()
}

/// Writes a whole journal; a kill at any moment leaves the old or the new one.
///
/// # Errors
/// When the file cannot be written; then the old one stays.
pub(super) fn write(folder: &Path, header: &Header, entries: &[Entry]) -> Result<()> {
    files::write_whole(&folder.join(JOURNAL_FILE), text(header, entries).as_bytes())
}

/// Appends an entry.
///
/// # Errors
/// When the file cannot be written.
fn append(folder: &Path, entry: &Entry) -> Result<()> {
    let path = folder.join(JOURNAL_FILE);
    let write = || OpenOptions::new().append(true).open(&path)?.write_all(line(entry).as_bytes());
    write().map_err(|e| Error::io("write", &path, &e))
}

/// Flushes the appended entries to the disk.
///
/// # Errors
/// When the system refuses.
pub(super) fn flush(folder: &Path) -> Result<()> {
    let path = folder.join(JOURNAL_FILE);
    // For writing, because some systems flush no other handle.
    let flush = || OpenOptions::new().append(true).open(&path)?.sync_all();
    flush().map_err(|e| Error::io("write", &path, &e))
}

/// True if `folder` has a journal with a whole header.
pub(super) fn is_there(folder: &Path) -> bool {
    read(folder).is_ok()
}

/// Reads a journal; a last line that a kill cut short is left out.
///
/// # Errors
/// When the file cannot be read, has no header, or a whole line is damaged.
pub(super) fn read(folder: &Path) -> Result<(Header, Vec<Entry>)> {
    let path = folder.join(JOURNAL_FILE);
    let damaged = |number: usize| {
        Error::new(
            format!("{}, line {number}, is damaged", path.display()),
            "bring the file back from a copy, resume another run, or begin a new one",
        )
    };
    let bytes = files::read_whole(&path)?;
    // What a kill cut short has no line end.
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    let text = std::str::from_utf8(&bytes[..whole])
        .map_err(|e| damaged(bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1))?;
    let mut lines = text.lines();
    let header = lines.next().and_then(|l| serde_json::from_str(l).ok()).ok_or_else(|| damaged(1))?;
    let entry = |(index, line)| serde_json::from_str(line).map_err(|_| damaged(index + 2));
    Ok((header, lines.enumerate().map(entry).collect::<Result<_>>()?))
}

/// The commands of a run, and how far its file has them.
pub(super) struct Journal {
    header: Header,
    /// Commands of the run; after a resume also those that its file holds beyond the checkpoint.
    entries: Vec<Entry>,
    /// Number of entries that were carried out; the others follow at their steps.
    carried_out: usize,
    /// Number of entries that the file has; the last position of a drag is written once something else follows.
    written: usize,
    /// The file lacks something, because it could not be written or a kill cut it short.
    behind: bool,
}

impl Journal {
    /// The empty journal of a new run.
    pub(super) fn new(header: Header) -> Self {
        Self { header, entries: Vec::new(), carried_out: 0, written: 0, behind: false }
    }

    /// The journal of a run resumed after `carried_out` of its entries.
    pub(super) fn resumed(header: Header, entries: Vec<Entry>, carried_out: usize) -> Self {
        Self { header, entries, carried_out, written: carried_out, behind: true }
    }

    /// The header.
    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// The entries that were carried out.
    pub(super) fn carried_out(&self) -> &[Entry] {
        &self.entries[..self.carried_out]
    }

    /// The command to be repeated at this step, after a resume.
    pub(super) fn to_repeat(&self, step: u32) -> Option<Command> {
        self.entries.get(self.carried_out).filter(|entry| entry.step == step).map(|entry| entry.command)
    }

    /// The command to be repeated was carried out.
    pub(super) fn repeated(&mut self) {
        self.carried_out += 1;
    }

    /// The command to be repeated failed: the journal ends before it.
    pub(super) fn end_here(&mut self) {
        self.entries.truncate(self.carried_out);
        self.behind = true;
    }

    /// Adds a command that was carried out. It takes the place of those still to be repeated: one of a layout that of the other
    /// layout commands, a pinned probe that of none, and any other that of all.
    pub(super) fn add(&mut self, step: u32, command: Command) {
        let to_come = self.entries.split_off(self.carried_out);
        let stays = |entry: &Entry| match command {
            Command::Data(DataCommand::PinProbe(_)) => true,
            Command::Layout(_) => !matches!(entry.command, Command::Layout(_)),
            _ => false,
        };
        self.behind |= !to_come.is_empty();
        let last = self.entries.last().filter(|_| self.carried_out > self.written);
        if last.is_some_and(|last| last.step == step && command.continues(&last.command)) {
            self.entries.pop();
        }
        self.entries.push(Entry { step, command });
        self.carried_out = self.entries.len();
        self.entries.extend(to_come.into_iter().filter(stays));
    }

    /// True if the last entry may be replaced by one more position of the same drag.
    pub(super) fn holds_drag(&self) -> bool {
        let is_pin = |entry: &Entry| matches!(entry.command, Command::Layout(LayoutCommand::Pin { .. }));
        self.written < self.carried_out && self.carried_out().last().is_some_and(is_pin)
    }

    /// True if it holds the last position of a drag, and a step has passed since.
    pub(super) fn drag_has_ended(&self, step: u32) -> bool {
        self.holds_drag() && self.carried_out().last().is_some_and(|entry| entry.step < step)
    }

    /// Writes the entries that the file in `folder` lacks.
    ///
    /// # Errors
    /// When the file cannot be written; the next call tries again.
    pub(super) fn write(&mut self, folder: &Path) -> Result<()> {
        let written = if self.behind {
            write(folder, &self.header, &self.entries)
        } else {
            self.entries[self.written..self.carried_out].iter().try_for_each(|entry| append(folder, entry))
        };
        self.behind = written.is_err();
        self.written = self.carried_out;
        written
    }
}
