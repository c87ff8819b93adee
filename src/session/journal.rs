//! The journal of a run in memory: the commands that were carried out, those that a resumed run is still to repeat, and how far
//! the file has them.

use std::path::Path;

use super::command::{Command, DataCommand, LayoutCommand, TrainCommand};
use super::journal_file::{self, Entry, Header, Line, StoredJournal};
use super::moment::Moment;
use super::moved_views::{View, views};
use super::settings::RunSettings;
use crate::error::Result;
use crate::nn::Network;

/// Numbers of commands that were carried out.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counts {
    resets: u32,
    /// Commands that change the run, resets included.
    changes: u32,
}

impl Counts {
    fn add(&mut self, command: &Command) {
        self.resets += u32::from(matches!(command, Command::Train(TrainCommand::Reset(_))));
        self.changes += u32::from(!command.is_view());
    }

    fn of(entries: &[Line<Entry>]) -> Self {
        let mut counts = Self::default();
        entries.iter().for_each(|line| counts.add(&line.value.command));
        counts
    }
}

/// The commands of a run, and how far its file has them.
pub(super) struct Journal {
    header: Line<Header>,
    /// Commands of the run; after a resume also those that its file holds beyond the checkpoint.
    entries: Vec<Line<Entry>>,
    /// Number of entries that were carried out; the others follow at their steps.
    carried_out: usize,
    /// Of these: resets, and commands that change the run.
    counts: Counts,
    /// Views among this number of first entries were carried out, also where the run went back to before them.
    views: usize,
    /// Views that go along to another branch, and are still to be put there.
    going_along: Vec<View>,
    /// Number of commands that change the run from which on the others wait.
    most: u32,
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
            counts: Counts::default(),
            views: 0,
            going_along: Vec::new(),
            most: u32::MAX,
            written: 0,
            behind: false,
        }
    }

    /// The journal of a run resumed after `carried_out` of its entries.
    pub(super) fn resumed(stored: StoredJournal, carried_out: usize) -> Self {
        let StoredJournal { header, entries, .. } = stored;
        let counts = Counts::of(&entries[..carried_out]);
        Self {
            header,
            entries,
            carried_out,
            counts,
            views: carried_out,
            going_along: Vec::new(),
            most: u32::MAX,
            written: carried_out,
            check: String::new(),
            behind: true,
        }
    }

    /// The header.
    pub(super) fn header(&self) -> &Header {
        &self.header.value
    }

    /// Names the weights that the run begins with by the hash of their file, before there are commands.
    pub(super) fn begin_from(&mut self, start: String) {
        self.header = Line::new(Header { start: Some(start), ..self.header.value.clone() });
        self.check = self.header.check("");
    }

    /// The header's line.
    pub(super) fn header_line(&self) -> &Line<Header> {
        &self.header
    }

    /// The entries that were carried out.
    pub(super) fn carried_out(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.entries[..self.carried_out].iter().map(|line| &line.value)
    }

    /// Check of the last entry that was carried out.
    pub(super) fn check(&self) -> String {
        journal_file::chained(&self.header, &self.entries[..self.carried_out])
    }

    /// True if one of the commands, carried out or to come, changes the network.
    pub(super) fn changes_network(&self) -> bool {
        journal_file::changes_network(&self.entries)
    }

    /// The settings that the commands carried out have led to.
    pub(super) fn settings(&self) -> RunSettings {
        journal_file::settings(self.header(), &self.entries[..self.carried_out])
    }

    /// The moment at a step of the present life.
    pub(super) fn moment(&self, step: u32) -> Moment {
        Moment { life: self.counts.resets, step, commands: self.counts.changes }
    }

    /// The moment at a step of a life, before the commands that were given there.
    pub(super) fn moment_before(&self, life: u32, step: u32) -> Moment {
        let (mut at, mut commands) = ((0, 0), 0);
        for line in self.entries.iter().filter(|line| !line.value.command.is_view()) {
            at = (at.0, line.value.step);
            if at >= (life, step) {
                break;
            }
            commands += 1;
            at.0 += u32::from(matches!(line.value.command, Command::Train(TrainCommand::Reset(_))));
        }
        Moment { life, step, commands }
    }

    /// All entries, and how many of them were carried out.
    pub(super) fn entries(&self) -> (&[Line<Entry>], usize) {
        (&self.entries, self.carried_out)
    }

    /// The commands that views are of: those carried out, and views that were before the run went back to before them.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Command> {
        let done = self.entries[..self.carried_out].iter();
        let later = self.entries[self.carried_out..self.views.max(self.carried_out)].iter();
        let views = later.filter(|line| line.value.command.is_view());
        done.chain(views).map(|line| &line.value.command).chain(self.going_along.iter().map(View::command))
    }

    /// Puts the views that go along to another branch at `step` of the network `now`, where the run is.
    pub(super) fn settle(&mut self, step: u32, now: &Network) {
        let views = std::mem::take(&mut self.going_along);
        if !views.is_empty() {
            let to_come = self.entries.split_off(self.carried_out);
            self.put(&views, step, now, to_come);
        }
    }

    /// Puts views at `step` of the network `now`, before `to_come`.
    fn put(&mut self, views: &[View], step: u32, now: &Network, to_come: Vec<Line<Entry>>) {
        self.rewrite_from(self.carried_out);
        let there = views.iter().filter_map(|view| view.within(now));
        self.entries.extend(there.map(|command| Line::new(Entry { step, command })));
        self.carried_out = self.entries.len();
        self.views = self.carried_out;
        self.entries.extend(to_come);
    }

    /// The network at the beginning of the run, where the journal has it, of the images and classes of `now`.
    fn beginning(&self, now: &Network) -> Option<Network> {
        Network::parse(self.header().network_toml.as_deref()?, now.input, now.classes).ok()
    }

    /// The command to be repeated at this step, after a resume or a way back.
    pub(super) fn to_repeat(&self, step: u32) -> Option<Command> {
        let next = self.entries.get(self.carried_out).map(|line| &line.value)?;
        let waits = !next.command.is_view() && self.counts.changes >= self.most;
        (next.step == step && !waits).then(|| next.command.clone())
    }

    /// True if the next entry is a view that was carried out before the run went back.
    pub(super) fn is_shown(&self) -> bool {
        self.carried_out < self.views && self.entries[self.carried_out].value.command.is_view()
    }

    /// The command to be repeated was carried out.
    pub(super) fn repeated(&mut self) {
        self.counts.add(&self.entries[self.carried_out].value.command);
        self.carried_out += 1;
    }

    /// Commands that change the run wait once this number of them was carried out.
    pub(super) fn wait_after(&mut self, changes: u32) {
        self.most = changes;
    }

    /// The run is at another moment.
    pub(super) fn go_to(&mut self, to: Moment) {
        self.views = self.views.max(self.carried_out);
        (self.carried_out, self.counts) = (0, Counts::default());
        for line in &self.entries {
            let Entry { step, command } = &line.value;
            let later = if command.is_view() {
                (self.counts.resets, *step) > to.time()
            } else {
                self.counts.changes == to.commands
            };
            if later {
                break;
            }
            self.counts.add(command);
            self.carried_out += 1;
        }
    }

    /// Takes the commands of another branch; the run, with the network `now`, is still to go to its moment there. Views are those of the
    /// present branch, since they look at the run wherever it is. Returns the entries of before.
    pub(super) fn replace(&mut self, mut entries: Vec<Line<Entry>>, now: &Network) -> Vec<Line<Entry>> {
        let shown = &self.entries[..self.views.max(self.carried_out)];
        let mut going_along = views(shown, 0, || self.beginning(now));
        going_along.append(&mut self.going_along);
        self.going_along = going_along;
        entries.retain(|line| !line.value.command.is_view());
        (self.carried_out, self.views, self.counts) = (0, 0, Counts::default());
        self.rewrite_from(0);
        std::mem::replace(&mut self.entries, entries)
    }

    /// The last command carried out that changes the run, and the moment before it.
    pub(super) fn last_change(&self) -> Option<(Moment, &Command)> {
        let change = |line: &&Line<Entry>| !line.value.command.is_view();
        let Entry { step, command } = &self.entries[..self.carried_out].iter().rev().find(change)?.value;
        let resets = u32::from(matches!(command, Command::Train(TrainCommand::Reset(_))));
        let Counts { resets: life, changes } = self.counts;
        Some((Moment { life: life - resets, step: *step, commands: changes - 1 }, command))
    }

    /// The commands still to come that change the run.
    pub(super) fn changes_to_come(&self) -> impl Iterator<Item = &Command> {
        let to_come = self.entries[self.carried_out..].iter().map(|line| &line.value.command);
        to_come.filter(|command| !command.is_view())
    }

    /// Views that were carried out before the run went back to `step`, with the network `now`, count from there.
    pub(super) fn bring_views(&mut self, step: u32, now: &Network) {
        self.settle(step, now);
        if self.views <= self.carried_out {
            return;
        }
        let brought = views(&self.entries[..self.views], self.carried_out, || self.beginning(now));
        let mut to_come = self.entries.split_off(self.carried_out);
        let mut shown = self.views - self.carried_out;
        to_come.retain(|line| {
            let brought = shown > 0 && line.value.command.is_view();
            shown = shown.saturating_sub(1);
            !brought
        });
        self.put(&brought, step, now, to_come);
    }

    /// The commands to come do not come, at `step` with the network `now`.
    pub(super) fn drop_to_come(&mut self, step: u32, now: &Network) {
        self.bring_views(step, now);
        self.end_here();
        self.most = u32::MAX;
    }

    /// The command to be repeated failed: the journal ends before it.
    pub(super) fn end_here(&mut self) {
        self.entries.truncate(self.carried_out);
        self.rewrite_from(self.carried_out);
    }

    /// The entries from this index on differ from the file's.
    pub(super) fn rewrite_from(&mut self, index: usize) {
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
        let to_come = self.entries.iter().enumerate().skip(self.carried_out);
        let shown = |index: usize, line: &Line<Entry>| index < self.views && line.value.command.is_view();
        let mut others = to_come.filter(|(index, line)| !shown(*index, line));
        others.any(|(_, line)| !stays_after(command, &line.value.command))
    }

    /// Adds a command that was carried out where the views were brought to. It takes the place of those still to be repeated: one of a
    /// layout that of the other layout commands, a pinned probe that of none, and any other that of all.
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
        self.counts.add(&command);
        if !command.is_view() {
            self.most = u32::MAX;
        }
        self.entries.push(Line::new(Entry { step, command }));
        self.carried_out = self.entries.len();
        self.views = self.carried_out;
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
