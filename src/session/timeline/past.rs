//! The past of a run: key-frames, branches that were left, and the way through it that is under way.

use std::collections::BTreeMap;

use super::branch::Branch;
use super::key_frames::{INTERVAL, KeyFrame, KeyFrames};
use crate::error::{Error, Result};
use crate::session::command::{Command, TimeControl};
use crate::session::metrics::Metrics;
use crate::session::moment::Moment;
use crate::session::run::Run;

/// The last act of a way, once its moment is reached.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::session) enum Ending {
    /// Nothing.
    Stay,
    /// The next command is undone; the run had come as far as the moment.
    Undo(Moment),
    /// The command is carried out again, and the run goes on to the moment.
    Redo(Command, Moment),
}

/// A way to a moment that is under way.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::session) struct Travel {
    pub from: Moment,
    pub to: Moment,
    pub then: Ending,
}

impl Travel {
    /// Error for a moment that the commands of the branch no longer lead to.
    pub(in crate::session) fn gone(&self) -> Error {
        let step = self.to.step;
        let what = format!("the moment at step {step} that was sought is not part of this branch any more");
        Error::new(what, "the run stands at that step; go to another one, or train on")
    }
}

/// A command that was undone.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::session) struct Undone {
    pub command: Command,
    /// The moment at which it was given.
    pub at: Moment,
    /// The moment that the run had come to with it.
    pub until: Moment,
}

/// Key-frames, branches, and the way under way.
#[derive(Default)]
pub(in crate::session) struct Timeline {
    pub frames: KeyFrames,
    /// All branches; the present one has no commands here, the journal has them.
    pub branches: Vec<Branch>,
    /// The present branch.
    pub branch: usize,
    /// The latest moment of the present branch.
    pub reached: Moment,
    /// The way that was asked for and has not begun.
    pub request: Option<TimeControl>,
    pub travel: Option<Travel>,
    /// Commands that were undone, the last one last.
    pub undone: Vec<Undone>,
    /// By life: its metrics as far as it was reached.
    pub metrics: BTreeMap<u32, Metrics>,
    /// Moments to come back to, with their branches.
    pub bookmarks: [Option<(usize, Moment)>; 2],
    /// Branch and moment of the model in the run's folder.
    pub saved: Option<(usize, Moment)>,
}

impl Timeline {
    /// No past.
    pub(in crate::session) fn new() -> Self {
        Self { branches: vec![Branch::first()], ..Self::default() }
    }

    /// Checks a way that is asked for; the run has commands that changed it, or not.
    ///
    /// # Errors
    /// When there is no such moment.
    pub(in crate::session) fn check(&self, control: TimeControl, changes: bool) -> Result<()> {
        let count = self.branches.len();
        match control {
            TimeControl::Undo if !changes => {
                return Err(Error::usage(
                    "there is nothing to undo",
                    "only commands that change the run are undone",
                ));
            }
            TimeControl::Redo if self.undone.is_empty() => {
                return Err(Error::usage("there is nothing to do again", "undo something first"));
            }
            TimeControl::Switch(branch) if branch >= count => {
                let help = format!("there are {count} branches, from 0 to {}", count - 1);
                return Err(Error::usage(format!("there is no branch {branch}"), help));
            }
            TimeControl::GoTo(step) if step > self.reached.step => {
                let help = format!("go to 0 to {}, or train on", self.reached.step);
                return Err(Error::usage(format!("step {step} was not reached yet"), help));
            }
            TimeControl::GoToBookmark(index) | TimeControl::SetBookmark(index)
                if index >= self.bookmarks.len() =>
            {
                return Err(Error::usage(format!("there is no bookmark {index}"), "there are 0 and 1"));
            }
            TimeControl::GoToBookmark(index) if self.bookmarks[index].is_none() => {
                return Err(Error::usage("this bookmark is not set", "set it at another moment first"));
            }
            _ => {}
        }
        Ok(())
    }

    /// True if key-frames are made.
    pub(in crate::session) fn keeps(&self) -> bool {
        self.frames.budget > 0
    }

    /// Records a key-frame of the present, the end of a step, where they are kept and it fits beside the one that is `spared`, given by
    /// its branch and moment.
    pub(in crate::session) fn keep(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        run: &Run,
        (at, dead): (Moment, &[usize]),
        spared: Option<(usize, Moment)>,
    ) {
        let there = |frame: &KeyFrame| frame.place() == (self.branch, at);
        if !self.keeps() || self.frames.iter().any(there) {
            return;
        }
        let bookmarks = self.bookmarks;
        let wanted = |frame: &KeyFrame| bookmarks.iter().flatten().any(|(_, at)| *at == frame.at);
        let (bytes, place) = (run.trainer.snapshot_bytes(), (self.branch, at));
        if !self.frames.make_room(bytes, place, spared, wanted) {
            return;
        }
        let spare = self.frames.take_spare();
        let frame = KeyFrame {
            at,
            branch: self.branch,
            snapshot: run.trainer.snapshot(encoder, spare),
            settings: run.settings.clone(),
            network: run.trainer.network.to_toml(),
            dead: dead.to_vec(),
        };
        self.frames.add(frame);
    }

    /// A step has ended at `at`; true if a key-frame is due.
    pub(in crate::session) fn step_made(&mut self, at: Moment) -> bool {
        self.reached = self.reached.max(at);
        self.keeps() && at.step.is_multiple_of(INTERVAL)
    }

    /// The last key-frame at or before a moment of a branch.
    pub(in crate::session) fn best(&self, branch: usize, to: Moment) -> Option<&KeyFrame> {
        let usable = |frame: &&KeyFrame| {
            self.bound(branch, frame.branch).is_some_and(|bound| frame.at <= bound.min(to))
        };
        self.frames.iter().filter(usable).max_by_key(|frame| frame.at)
    }

    /// Up to which moment the past of `branch` is that of `other`; none if it is not.
    fn bound(&self, branch: usize, other: usize) -> Option<Moment> {
        let (mut at, mut bound) = (branch, Moment { life: u32::MAX, step: u32::MAX, commands: u32::MAX });
        loop {
            if at == other {
                return Some(bound);
            }
            let (parent, from) = self.branches[at].parent?;
            (at, bound) = (parent, bound.min(from));
        }
    }

    /// True if `here`, on the present branch, comes after a moment of a branch, on a course that has that moment.
    pub(in crate::session) fn goes_on_from(&self, (branch, from): (usize, Moment), here: Moment) -> bool {
        here.life == from.life && self.bound(self.branch, branch).is_some_and(|bound| from <= bound.min(here))
    }

    /// The present branch goes another way from `now` on: what came after it did not happen.
    pub(in crate::session) fn forget_after(&mut self, now: Moment) {
        let branch = self.branch;
        self.frames.retain(|frame| frame.branch != branch || frame.at <= now);
        // What it shares with its parent and with its children ends here at the latest.
        for (index, other) in self.branches.iter_mut().enumerate() {
            if let Some((parent, from)) = &mut other.parent
                && (index == branch || *parent == branch)
            {
                *from = now.min(*from);
            }
        }
        for bookmark in &mut self.bookmarks {
            bookmark.take_if(|(of, at)| *of == branch && *at > now);
        }
        self.metrics.retain(|life, _| *life < now.life);
        self.reached = now;
    }

    /// Begins a branch at `now`; the present one is left as it is.
    pub(in crate::session) fn begin_branch(&mut self, now: Moment) {
        // What was undone is of the other branch.
        self.undone.clear();
        self.branches.push(Branch { parent: Some((self.branch, now)), ..Branch::first() });
        self.branch = self.branches.len() - 1;
        // The model is of a moment that both have.
        let branch = self.branch;
        self.saved.iter_mut().for_each(|(of, _)| *of = branch);
        self.metrics.retain(|life, _| *life < now.life);
        self.reached = now;
    }

    /// True if the model in the run's folder is of a later moment, or of another branch.
    pub(in crate::session) fn is_saved_elsewhere(&self, here: Moment) -> bool {
        self.saved.is_some_and(|(of, at)| of != self.branch || at > here)
    }

    /// True if the results of an epoch of a life are known.
    pub(in crate::session) fn knows_epoch(&self, life: u32, epoch: u32) -> bool {
        let last = self.metrics.get(&life).and_then(|kept| kept.epochs.last());
        last.is_some_and(|last| last.epoch >= epoch)
    }

    /// Keeps the metrics of a life as far as it was reached.
    pub(in crate::session) fn keep_metrics(&mut self, life: u32, metrics: &Metrics) {
        let kept = self.metrics.entry(life).or_default();
        if kept.last_step() <= metrics.last_step() {
            *kept = metrics.clone();
        }
    }
}
