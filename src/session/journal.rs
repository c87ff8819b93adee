//! The journal of a run in memory: the commands that were carried out, those that a resumed run is still to repeat, and how far
//! the file has them.

use std::path::Path;

use super::command::{Command, DataCommand, LayoutCommand, TrainCommand};
use super::journal_file::{self, Entry, Header, Line, StoredJournal};
use super::settings::RunSettings;
use crate::error::Result;

/// The commands of a run, and how far its file has them.
pub(super) struct Journal {
    header: Line<Header>,
    /// Commands of the run; after a resume also those that its file holds beyond the checkpoint.
    entries: Vec<Line<Entry>>,
    /// Number of entries that were carried out; the others follow at their steps.
    carried_out: usize,
    /// Number of entries that the file has; the last position of a drag is written once something else follows.
    written: usize,
    /// Check of the file's last line.
    check: String,
    /// The file is to be written as a whole: it lacks something, because it could not be written or a kill cut it short.
    behind: bool,
}

impl Journal {
    /// The empty journal of a new run.
    pub(super) fn new(header: Header) -> Self {
        let header = Line::new(header);
        Self {
            check: header.check(""),
            header,
            entries: Vec::new(),
            carried_out: 0,
            written: 0,
            behind: false,
        }
    }

    /// The journal of a run resumed after `carried_out` of its entries.
    pub(super) fn resumed(stored: StoredJournal, carried_out: usize) -> Self {
        let StoredJournal { header, entries, .. } = stored;
        Self { header, entries, carried_out, written: carried_out, check: String::new(), behind: true }
    }

    /// The header.
    pub(super) fn header(&self) -> &Header {
        &self.header.value
    }

    /// The entries that were carried out.
    pub(super) fn carried_out(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.entries[..self.carried_out].iter().map(|line| &line.value)
    }

    /// Check of the last entry that was carried out.
    pub(super) fn check(&self) -> String {
        journal_file::chained(&self.header, &self.entries[..self.carried_out])
    }

    /// True if one of the commands carried out changes the network.
    pub(super) fn changes_network(&self) -> bool {
        journal_file::changes_network(&self.entries[..self.carried_out])
    }

    /// The settings that the commands carried out have led to.
    pub(super) fn settings(&self) -> RunSettings {
        journal_file::settings(self.header(), &self.entries[..self.carried_out])
    }

    /// The command to be repeated at this step, after a resume.
    pub(super) fn to_repeat(&self, step: u32) -> Option<Command> {
        let next = self.entries.get(self.carried_out).map(|line| &line.value);
        next.filter(|entry| entry.step == step).map(|entry| entry.command.clone())
    }

    /// The command to be repeated was carried out.
    pub(super) fn repeated(&mut self) {
        self.carried_out += 1;
    }

    /// The command to be repeated failed: the journal ends before it.
    pub(super) fn end_here(&mut self) {
        self.entries.truncate(self.carried_out);
        self.rewrite_from(self.carried_out);
    }

    /// The entries from this index on differ from the file's.
    fn rewrite_from(&mut self, index: usize) {
        self.written = self.written.min(index);
        self.behind = true;
    }

    /// The run was taken back to `step`: commands carried out at later steps count from there. Returns whether there were any.
    pub(super) fn take_back(&mut self, step: u32) -> bool {
        let of_this_life = |entry: &&Entry| {
            entry.step > step && !matches!(entry.command, Command::Train(TrainCommand::Reset(_)))
        };
        let first = self.carried_out - self.carried_out().rev().take_while(of_this_life).count();
        for line in &mut self.entries[first..self.carried_out] {
            *line = Line::new(Entry { step, command: line.value.command.clone() });
        }
        let any = first < self.carried_out;
        if any {
            self.rewrite_from(first);
        }
        any
    }

    /// True if a command takes the place of some that are still to be repeated.
    pub(super) fn replaces_any(&self, command: &Command) -> bool {
        self.entries[self.carried_out..].iter().any(|line| !stays_after(command, &line.value.command))
    }

    /// Adds a command that was carried out. It takes the place of those still to be repeated: one of a layout that of the other
    /// layout commands, a pinned probe that of none, and any other that of all.
    pub(super) fn add(&mut self, step: u32, command: Command) {
        let to_come = self.entries.split_off(self.carried_out);
        if !to_come.is_empty() {
            self.rewrite_from(self.carried_out);
        }
        let last = self.entries.last().filter(|_| self.carried_out > self.written);
        if last.is_some_and(|last| last.value.step == step && command.continues(&last.value.command)) {
            self.entries.pop();
        }
        let stay =
            to_come.into_iter().filter(|line| stays_after(&command, &line.value.command)).collect::<Vec<_>>();
        self.entries.push(Line::new(Entry { step, command }));
        self.carried_out = self.entries.len();
        self.entries.extend(stay);
    }

    /// Takes commands for steps to come, in place of all that were still to be repeated.
    pub(super) fn plan(&mut self, entries: Vec<Entry>) {
        self.entries.truncate(self.carried_out);
        self.rewrite_from(self.carried_out);
        self.entries.extend(entries.into_iter().map(Line::new));
    }

    /// True if the last entry may be replaced by one more position of the same drag.
    pub(super) fn holds_drag(&self) -> bool {
        let is_pin = |entry: &Entry| matches!(entry.command, Command::Layout(LayoutCommand::Pin { .. }));
        self.written < self.carried_out && self.carried_out().next_back().is_some_and(is_pin)
    }

    /// True if it holds the last position of a drag, and a step has passed since.
    pub(super) fn drag_has_ended(&self, step: u32) -> bool {
        self.holds_drag() && self.carried_out().next_back().is_some_and(|entry| entry.step < step)
    }

    /// Writes the entries that the file in `folder` lacks.
    ///
    /// # Errors
    /// When the file cannot be written; the next call tries again.
    pub(super) fn write(&mut self, folder: &Path) -> Result<()> {
        let written = if self.behind {
            journal_file::write(folder, &self.header, &self.entries).map(|check| {
                (self.check, self.written) = (check, self.entries.len());
            })
        } else {
            let (check, lacking) = (&mut self.check, self.written..self.carried_out.max(self.written));
            self.written = lacking.end;
            self.entries[lacking].iter().try_for_each(|entry| journal_file::append(folder, entry, check))
        };
        self.behind = written.is_err();
        written
    }
}

/// True if `to_come` is still to be repeated after the user's `command`.
fn stays_after(command: &Command, to_come: &Command) -> bool {
    match command {
        Command::Data(DataCommand::PinProbe(_)) => true,
        Command::Layout(_) => !matches!(to_come, Command::Layout(_)),
        _ => false,
    }
}
