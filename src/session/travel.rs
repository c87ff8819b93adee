//! Ways through the time of a run: back, forward, to another branch, and what is done on arrival.
//!
//! A way restores the last key-frame before its end, and trains on from there, with the commands of the journal. It takes as many
//! frames as that needs, and can be stopped at any step, where the run then stands.

use super::branch_files;
use super::command::{Command, TimeControl};
use super::event::Event;
use super::journal_file::Header;
use super::moment::Moment;
use super::settings::RunSettings;
use super::state::Session;
use super::timeline::{Ending, KeyFrame, Travel, Undone};
use crate::error::{Error, Result};
use crate::nn::surgery::{ChannelMap, channels_between};
use crate::nn::{Hyper, Network, Snapshot, Trainer, TrainerOptions};

/// Why the key-frame that a way begins with is there when it is restored.
const FRAME_STAYS: &str = "the key-frame of the end spares the one that the way begins with";

/// Layers of a network that was left, and the origins of the channels that came after it.
type Former = (Vec<u32>, Vec<Option<ChannelMap>>);

impl Session {
    /// The present moment.
    pub(super) fn moment(&self) -> Moment {
        self.journal.moment(self.step())
    }

    /// Asks for a way through time; it begins once nothing is recorded that was not submitted.
    ///
    /// # Errors
    /// When there is no such moment.
    pub(super) fn ask_for_time(&mut self, control: TimeControl) -> Result<()> {
        let changes = self.journal.last_change().is_some() || !self.pending.is_empty();
        self.timeline.check(control, changes)?;
        self.timeline.request = Some(control);
        Ok(())
    }

    /// Begins what was asked for. Nothing may be recorded that is not submitted.
    pub(super) fn leave(&mut self) {
        // What a change has overtaken, or what is coming back, would be lost on a way to before it.
        if !self.pending.is_empty() || self.progress.overtaken.is_some() || self.readback.awaits_evaluation()
        {
            return;
        }
        // A fork or a bookmark is of the end of a step.
        let idle = self.progress.is_idle();
        let begins = |control: &mut TimeControl| {
            idle || !matches!(control, TimeControl::Fork | TimeControl::SetBookmark(_))
        };
        if let Some(control) = self.timeline.request.take_if(begins)
            && let Err(error) = self.begin_way(control)
        {
            self.events.push(Event::Fault(error));
        }
    }

    /// Ends a way that has come to its moment, and does what was to be done there. No work may be under way.
    pub(super) fn arrive(&mut self) {
        let here = self.moment();
        let ends = |travel: &mut Travel| travel.to.time() <= here.time();
        if let Some(travel) = self.timeline.travel.take_if(ends) {
            self.end_way();
            let done = if travel.to == here { self.carry_on(travel.then) } else { Err(travel.gone()) };
            if let Err(error) = done {
                self.events.push(Event::Fault(error));
            }
        }
    }

    /// True while a step is to be made on the way.
    pub(super) fn way_goes_on(&self) -> bool {
        self.timeline.travel.as_ref().is_some_and(|travel| self.moment().time() < travel.to.time())
    }

    fn begin_way(&mut self, control: TimeControl) -> Result<()> {
        let (here, branch) = (self.moment(), self.timeline.branch);
        match control {
            TimeControl::GoTo(step) => {
                let end = self.timeline.reached;
                let to = if step >= end.step { end } else { self.journal.moment_before(end.life, step) };
                self.depart(branch, to, Ending::Stay)
            }
            TimeControl::GoToEnd => self.depart(branch, self.timeline.reached, Ending::Stay),
            TimeControl::Undo => {
                let change = self.journal.last_change().map(|(at, _)| at);
                change.map_or(Ok(()), |at| self.depart(branch, at, Ending::Undo(here)))
            }
            TimeControl::Redo => match self.timeline.undone.pop() {
                Some(Undone { command, at, until }) => self.depart(branch, at, Ending::Redo(command, until)),
                None => Ok(()),
            },
            TimeControl::Fork => {
                self.diverge(true)?;
                self.journal.drop_to_come(here.step, &self.run.trainer.network);
                self.write_journal()
            }
            TimeControl::Switch(to) => {
                let end = self.timeline.branches[to].reached;
                let end = if to == branch { self.timeline.reached } else { end };
                self.depart(to, end, Ending::Stay)
            }
            TimeControl::SetBookmark(index) => {
                self.timeline.bookmarks[index] = Some((branch, here));
                self.keep_present();
                Ok(())
            }
            TimeControl::GoToBookmark(index) => {
                let there = self.timeline.bookmarks[index];
                there.map_or(Ok(()), |(branch, at)| self.depart(branch, at, Ending::Stay))
            }
        }
    }

    /// Sets out on a way along the commands to come: to `end`, or to step `to` of its life.
    ///
    /// # Errors
    /// When `end` comes before that step.
    pub(super) fn travel_to(&mut self, end: Moment, to: Option<u32>) -> Result<()> {
        self.timeline.reached = end;
        if let Some(step) = to.filter(|step| *step > end.step) {
            let what = format!("step {step} is past the end of the journal, which is at step {}", end.step);
            return Err(Error::usage(what, "give --to a step before its end, or leave it out"));
        }
        let before = |step| self.journal.moment_before(end.life, step);
        let to = to.filter(|step| *step < end.step).map_or(end, before);
        self.depart(self.timeline.branch, to, Ending::Stay)
    }

    /// Leaves for a moment of a branch.
    fn depart(&mut self, branch: usize, to: Moment, then: Ending) -> Result<()> {
        let (from, former) = (self.moment(), self.timeline.branch);
        let frame = self.timeline.best(branch, to).map(KeyFrame::place);
        let same = branch == self.timeline.branch;
        let stays = same && from <= to && frame.is_none_or(|(_, at)| at <= from);
        // What is under way would go past it.
        let stays = stays && (self.progress.is_between() || from.time() < to.time());
        self.timeline.keep_metrics(from.life, &self.metrics);
        if !stays {
            let origin =
                if frame.is_none() { Some(beginning(self.journal.header(), self.trainer())?) } else { None };
            self.keep_end(from, frame);
            self.take_branch(branch)?;
            let restored = match origin {
                Some((network, snapshot)) => self.restore_beginning(network, &snapshot),
                None => self.restore_frame(branch, to),
            };
            if let Err(error) = restored {
                self.take_branch(former)?;
                self.journal.go_to(from);
                return Err(error);
            }
        }
        (self.progress.playing, self.progress.single_step) = (false, false);
        self.progress.travels = true;
        self.journal.wait_after(to.commands);
        self.timeline.travel = Some(Travel { from, to, then });
        Ok(())
    }

    /// Makes a key-frame of the end of a branch, to come back to at once; not in place of the one that the way begins with.
    fn keep_end(&mut self, from: Moment, spared: Option<(usize, Moment)>) {
        if self.progress.is_between() && from == self.timeline.reached {
            self.keep_beside(spared);
        }
    }

    /// Makes a key-frame of the present.
    pub(super) fn keep_present(&mut self) {
        self.keep_beside(None);
    }

    fn keep_beside(&mut self, spared: Option<(usize, Moment)>) {
        let at = self.moment();
        let mut encoder = self.gpu().encoder("key-frame");
        self.timeline.keep(&mut encoder, &self.run, (at, &self.metrics.dead), spared);
        self.gpu().submit(encoder);
    }

    /// Takes the commands of another branch for those of the present one.
    fn take_branch(&mut self, to: usize) -> Result<()> {
        let from = self.timeline.branch;
        if to == from {
            return Ok(());
        }
        self.write_left()?;
        let timeline = &mut self.timeline;
        timeline.branch = to;
        let lines = std::mem::take(&mut timeline.branches[to].lines);
        timeline.branches[from].lines = self.journal.replace(lines, &self.run.trainer.network);
        let reached = timeline.branches[to].reached;
        timeline.branches[from].reached = std::mem::replace(&mut timeline.reached, reached);
        let metrics = std::mem::take(&mut timeline.branches[to].metrics);
        timeline.branches[from].metrics = std::mem::replace(&mut timeline.metrics, metrics);
        timeline.undone.clear();
        Ok(())
    }

    fn restore_beginning(&mut self, network: Network, snapshot: &Snapshot) -> Result<()> {
        let former = self.former(&network);
        let settings = self.journal.header().settings.clone();
        self.run.trainer.restore(snapshot, Some(network))?;
        self.take_in_moment(Moment::default(), (settings, Vec::new()), Some(&former));
        Ok(())
    }

    /// The layers of the present network, and by node of `then` where its channels come from.
    fn former(&self, then: &Network) -> Former {
        let network = &self.trainer().network;
        let ids = network.layers.iter().map(|layer| layer.id).collect();
        (ids, channels_between(network, then))
    }

    fn restore_frame(&mut self, branch: usize, to: Moment) -> Result<()> {
        let Session { timeline, run, .. } = &*self;
        let frame = timeline.best(branch, to).expect(FRAME_STAYS);
        let KeyFrame { at, settings, network, dead, .. } = frame;
        let present = &run.trainer.network;
        let mut then = Network::parse(network, present.input, present.classes)?;
        settings.freeze(&mut then);
        let differs = then.to_toml() != present.to_toml()
            || then.layers.iter().zip(&present.layers).any(|(a, b)| a.frozen != b.frozen);
        let (at, kept) = (*at, (settings.clone(), dead.clone()));
        let former = differs.then(|| self.former(&then));
        let Session { timeline, run, .. } = self;
        let frame = timeline.best(branch, to).expect(FRAME_STAYS);
        run.trainer.restore(&frame.snapshot, differs.then_some(then))?;
        self.take_in_moment(at, kept, former.as_ref());
        Ok(())
    }

    /// The trainer was taken to a moment: what was under way is dropped, and all that shows the run follows. `former` are the layers of
    /// before, where the network is another one.
    fn take_in_moment(
        &mut self,
        at: Moment,
        (settings, dead): (RunSettings, Vec<usize>),
        former: Option<&Former>,
    ) {
        self.progress.stop();
        self.progress.requests.clear();
        self.readback.forget();
        self.layouts.restart_features();
        let probe = self.run.settings.probe;
        self.run.settings = RunSettings { probe, ..settings };
        self.run.set_data_edits(&self.run.settings.data_edits.clone());
        self.journal.go_to(at);
        self.measurements.effects.look(at.step);
        self.run.edited.go_to(at.commands);
        self.metrics.dead = dead;
        former.into_iter().for_each(|(ids, channels)| self.follow_network(ids, channels));
        self.progress.take_plans(&self.run.trainer);
        self.layouts.restart(self.run.trainer.gpu());
        self.measurements.forget(&self.run.trainer);
        self.throughput.restart();
    }

    /// Ends a way where the run stands: its metrics are those of now.
    fn end_way(&mut self) {
        self.progress.travels = false;
        let now = self.moment();
        self.journal.settle(now.step, &self.run.trainer.network);
        self.journal.wait_after(now.commands);
        let kept = self.timeline.metrics.get(&now.life).filter(|kept| kept.last_step() >= now.step);
        if let Some(kept) = kept {
            let dead = std::mem::take(&mut self.metrics.dead);
            let rate = self.metrics.images_per_s;
            self.metrics = kept.until(now.step);
            (self.metrics.dead, self.metrics.images_per_s) = (dead, rate);
        }
        self.progress.probes_stale = true;
        self.throughput.restart();
    }

    /// Stops a way through time where it is.
    pub(super) fn stop_way(&mut self) {
        self.timeline.request = None;
        if self.timeline.travel.take().is_some() {
            self.end_way();
        }
    }

    fn carry_on(&mut self, then: Ending) -> Result<()> {
        match then {
            Ending::Stay => Ok(()),
            Ending::Undo(until) => {
                let mut to_come = self.journal.changes_to_come().cloned();
                let (next, others) = (to_come.next(), to_come.next().is_some());
                drop(to_come);
                let Some(command) = next else { return Ok(()) };
                let at = self.moment();
                let words = command.words_in(&self.trainer().network);
                // Before the run may be saved.
                self.measurements.effects.undo(&words, at.step);
                self.diverge(others)?;
                self.timeline.undone.push(Undone { command, at, until });
                self.journal.drop_to_come(at.step, &self.run.trainer.network);
                self.write_journal()
            }
            Ending::Redo(command, until) => {
                let undone = std::mem::take(&mut self.timeline.undone);
                self.carry_out_and_log(command)?;
                self.timeline.undone = undone;
                self.timeline.reached = self.timeline.reached.max(self.moment());
                self.depart(self.timeline.branch, until, Ending::Stay)
            }
        }
    }

    /// The run goes another way from now on than it went before, if it did. The former way is kept as a branch if `keep` says so. The model
    /// in the run's folder never is of a moment that the journal no longer has.
    pub(super) fn diverge(&mut self, keep: bool) -> Result<()> {
        let here = self.moment();
        self.bring_model_here()?;
        if !keep {
            self.timeline.forget_after(here);
            return Ok(());
        }
        self.write_left()?;
        let timeline = &mut self.timeline;
        let from = timeline.branch;
        let left = &mut timeline.branches[from];
        left.lines = self.journal.entries().0.to_vec();
        left.reached = timeline.reached;
        left.metrics = timeline.metrics.clone();
        timeline.begin_branch(here);
        self.folder().map_or(Ok(()), |folder| branch_files::write_tree(folder, &self.timeline))
    }

    /// Saves the run where the model in its folder is of a later moment, or of another branch: before the journal changes.
    fn bring_model_here(&mut self) -> Result<()> {
        if self.timeline.is_saved_elsewhere(self.moment()) { self.write_checkpoint() } else { Ok(()) }
    }

    /// A command is about to be carried out: keeps the present to come back to, and begins a branch where the run went another way before.
    pub(super) fn before_command(&mut self, command: &Command) -> Result<()> {
        let changes = !command.is_view();
        if changes {
            self.keep_present();
            self.timeline.undone.clear();
        }
        let others = self.timeline.reached > self.moment() || self.journal.changes_to_come().next().is_some();
        let kept = if changes && others { self.diverge(true) } else { self.bring_model_here() };
        kept?;
        self.journal.bring_views(self.step(), &self.run.trainer.network);
        Ok(())
    }

    /// A command that changes the run was carried out.
    pub(super) fn after_command(&mut self) {
        self.timeline.reached = self.timeline.reached.max(self.moment());
    }

    /// A step was recorded.
    pub(super) fn keep_step(&mut self, recorder: &mut crate::gpu::Recorder<'_>) {
        let at = self.moment();
        let Session { timeline, run, metrics, .. } = self;
        if timeline.step_made(at) {
            timeline.keep(recorder.encoder(), run, (at, &metrics.dead), None);
        }
    }

    /// The run was halted: what was recorded after the present moment had no effect.
    pub(super) fn forget_future(&mut self) {
        self.stop_way();
        let here = self.moment();
        self.timeline.forget_after(here);
    }

    /// Keeps key-frames of the run from now on, in `budget` bytes of GPU memory, so that it can go back in time quickly.
    pub fn keep_time(&mut self, budget: u64) {
        self.timeline.frames.set_budget(budget);
        if self.progress.is_between() {
            self.keep_present();
        }
    }

    /// Writes the present branch, which is to be left, if the run is kept.
    fn write_left(&self) -> Result<()> {
        let (header, lines) = (self.journal.header_line(), self.journal.entries().0);
        self.folder().map_or(Ok(()), |folder| branch_files::write(folder, header, lines, &self.timeline))
    }
}

/// The network and the state at the beginning of the run.
fn beginning(header: &Header, trainer: &Trainer) -> Result<(Network, Snapshot)> {
    let none = || {
        let what = "the beginning of this run cannot be made again: its journal does not hold its network";
        Error::new(what, "go to a later step; runs that are begun now can go back to their beginning")
    };
    let text = header.network_toml.as_deref().ok_or_else(none)?;
    let mut network = Network::parse(text, trainer.network.input, trainer.network.classes)?;
    header.settings.freeze(&mut network);
    let options =
        TrainerOptions { hyper: Hyper { since: 0, ..header.settings.hyper }, ..header.settings.trainer() };
    let snapshot = Snapshot::of_beginning(trainer.gpu(), &network, options, trainer.start())?;
    Ok((network, snapshot))
}
