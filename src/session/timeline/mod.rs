//! The time of a run: key-frames of its past, branches that were left, and the way through it that is under way.
//!
//! Going to a moment restores the last key-frame before it, and trains on from there with the commands of the journal. A command at
//! a moment of the past begins a new branch; the former one is kept with its commands, and with its key-frames as long as they fit.

mod branch;
mod key_frames;
mod moment;
mod shown;

use std::collections::BTreeMap;
use std::rc::Rc;

pub(super) use branch::Branch;
pub(super) use key_frames::KeyFrame;
use key_frames::{INTERVAL, KeyFrames};
pub(super) use moment::Moment;
pub use shown::{BranchShown, Mark, TimelineShown};

use super::command::{Command, TimeControl};
use super::metrics::Metrics;
use super::run::Run;

/// What follows when a moment is reached.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Arrival {
    /// Nothing.
    Stay,
    /// The next command is undone; the run had come as far as the moment.
    Undo(Moment),
    /// The command is carried out again, and the run goes on to the moment.
    Redo(Command, Moment),
}

/// A way to a moment that is under way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Travel {
    pub from: Moment,
    pub to: Moment,
    pub then: Arrival,
}

/// A command that was undone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Undone {
    pub command: Command,
    /// When it was given.
    pub at: Moment,
    /// How far the run had come with it.
    pub until: Moment,
}

/// Key-frames, branches, and the way under way.
#[derive(Default)]
pub(super) struct Timeline {
    pub frames: KeyFrames,
    /// All branches; the present one has no commands here, the journal has them.
    pub branches: Vec<Branch>,
    /// The present branch.
    pub branch: usize,
    /// The latest moment of the present branch.
    pub reached: Moment,
    /// What was asked for and waits for the end of a step's recording.
    pub request: Option<TimeControl>,
    pub travel: Option<Travel>,
    /// Commands that were undone, the last one last.
    pub undone: Vec<Undone>,
    /// By life: its metrics as far as it was reached.
    pub metrics: BTreeMap<u32, Metrics>,
    /// Moments to come back to, with their branches.
    pub bookmarks: [Option<(usize, Moment)>; 2],
    /// Moment of the model in the run's folder.
    pub saved: Option<Moment>,
    /// The network as TOML, and the version that it is of.
    network: Option<(u32, Rc<str>)>,
}

impl Timeline {
    /// No past.
    pub(super) fn new() -> Self {
        Self { branches: vec![Branch::first()], ..Self::default() }
    }

    /// True if key-frames are made.
    pub(super) fn keeps(&self) -> bool {
        self.frames.budget > 0
    }

    /// The network as TOML; `version` is the session's number of it.
    fn network(&mut self, run: &Run, version: u32) -> Rc<str> {
        if let Some((_, text)) = self.network.as_ref().filter(|(of, _)| *of == version) {
            return Rc::clone(text);
        }
        let text: Rc<str> = run.trainer.network.to_toml().into();
        self.network = Some((version, Rc::clone(&text)));
        text
    }

    /// Records a key-frame of the present, the end of a step, where they are kept and it fits.
    pub(super) fn keep(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        run: &Run,
        (at, version): (Moment, u32),
        dead: &[usize],
    ) {
        let there = |frame: &KeyFrame| frame.at == at && frame.branch == self.branch;
        if !self.keeps() || self.frames.iter().any(there) {
            return;
        }
        let bookmarks = self.bookmarks;
        let wanted = |frame: &KeyFrame| bookmarks.iter().flatten().any(|(_, at)| *at == frame.at);
        if !self.frames.make_room(run.trainer.snapshot_bytes(), self.branch, at, wanted) {
            return;
        }
        let spare = self.frames.take_spare();
        let frame = KeyFrame {
            at,
            branch: self.branch,
            snapshot: run.trainer.snapshot(encoder, spare),
            settings: run.settings.clone(),
            network: self.network(run, version),
            dead: dead.to_vec(),
        };
        self.frames.add(frame);
    }

    /// A step has ended at `at`; true if a key-frame is due.
    pub(super) fn step_made(&mut self, at: Moment) -> bool {
        self.reached = self.reached.max(at);
        self.keeps() && at.step.is_multiple_of(INTERVAL)
    }

    /// The last key-frame at or before a moment of a branch.
    pub(super) fn best(&self, branch: usize, to: Moment) -> Option<&KeyFrame> {
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

    /// The present branch goes another way from `now` on: what came after it did not happen.
    pub(super) fn forget_after(&mut self, now: Moment) {
        let branch = self.branch;
        self.frames.retain(|frame| frame.branch != branch || frame.at <= now);
        for bookmark in &mut self.bookmarks {
            bookmark.take_if(|(of, at)| *of == branch && *at > now);
        }
        self.metrics.retain(|life, _| *life < now.life);
        self.reached = now;
    }

    /// Begins a branch at `now`; the present one is left as it is.
    pub(super) fn begin_branch(&mut self, now: Moment) {
        self.branches.push(Branch { parent: Some((self.branch, now)), ..Branch::first() });
        self.branch = self.branches.len() - 1;
        self.metrics.retain(|life, _| *life < now.life);
        self.reached = now;
    }

    /// True if the results of an epoch of a life are known.
    pub(super) fn knows_epoch(&self, life: u32, epoch: u32) -> bool {
        let last = self.metrics.get(&life).and_then(|kept| kept.epochs.last());
        last.is_some_and(|last| last.epoch >= epoch)
    }

    /// Keeps the metrics of a life as far as it was reached.
    pub(super) fn keep_metrics(&mut self, life: u32, metrics: &Metrics) {
        let kept = self.metrics.entry(life).or_default();
        if kept.last_step() <= metrics.last_step() {
            *kept = metrics.clone();
        }
    }
}
