//! The time of a run as a user interface shows it.

use super::branch::Branch;
use super::key_frames::KeyFrame;
use super::past::Timeline;
use crate::nn::Network;
use crate::session::command::{Command, TrainCommand};
use crate::session::journal::Journal;
use crate::session::journal_file::Entry;
use crate::session::watch::Watched;

/// The time of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TimelineShown {
    /// The present step.
    pub step: u32,
    /// The last step that the present branch was trained to.
    pub reached: u32,
    /// The commands of the present life, in their order.
    pub marks: Vec<Mark>,
    /// Steps of the key-frames.
    pub key_frames: Vec<u32>,
    /// Bytes of GPU memory that the key-frames take, and that they may take.
    pub memory: (u64, u64),
    /// The branches, in the order in which they began.
    pub branches: Vec<BranchShown>,
    /// Step that is sought, while a way through time is under way.
    pub sought: Option<u32>,
    /// The command that would be undone, in words.
    pub undo: Option<String>,
    /// The command that would be done again, in words.
    pub redo: Option<String>,
    /// Steps of the bookmarks A and B.
    pub bookmarks: [Option<u32>; 2],
}

/// Ticks of checkpoints at most.
const MAX_TICKS: usize = 512;

impl TimelineShown {
    /// The time of the training that is watched, where one is: its checkpoints in place of key-frames, and no branches.
    pub(in crate::session) fn watching(self, watched: Option<&Watched>) -> Self {
        let Some(watched) = watched else { return self };
        let every = watched.steps().len().div_ceil(MAX_TICKS).max(1);
        Self {
            reached: watched.newest().map_or(self.step, |newest| newest.step.max(self.step)),
            key_frames: watched.steps().step_by(every).collect(),
            step: self.step,
            marks: self.marks,
            ..Self::default()
        }
    }
}

/// A command on the timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Steps finished when it was given.
    pub step: u32,
    /// The command in words.
    pub words: String,
    /// It is carried out at present; else it is still to come.
    pub done: bool,
}

/// A branch of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BranchShown {
    /// The step up to which it is that of its parent; 0 for the first one.
    pub from: u32,
    /// The last step that it was trained to.
    pub reached: u32,
    /// It is the present one.
    pub is_present: bool,
}

/// The time of the run for a user interface.
pub(in crate::session) fn shown(
    timeline: &Timeline,
    journal: &Journal,
    step: u32,
    network: &Network,
) -> TimelineShown {
    let here = journal.moment(step);
    let (entries, done) = journal.entries();
    let (mut life, mut marks) = (0, Vec::new());
    for (index, Entry { step, command }) in entries.iter().map(|line| &line.value).enumerate() {
        if matches!(command, Command::Train(TrainCommand::Reset(_))) {
            life += 1;
            marks.clear();
        } else if !command.is_view() {
            marks.push(Mark { step: *step, words: command.words_in(network), done: index < done });
        }
        if life > here.life {
            break;
        }
    }
    let branch = |(index, branch): (usize, &Branch)| {
        let is_present = index == timeline.branch;
        let reached = if is_present { timeline.reached } else { branch.reached };
        let from = branch.parent.map_or(0, |(_, from)| from.step);
        BranchShown { from, reached: reached.step, is_present }
    };
    let of_past = |frame: &&KeyFrame| frame.branch == timeline.branch && frame.at.life == here.life;
    TimelineShown {
        step: here.step,
        reached: timeline.reached.step.max(here.step),
        marks,
        key_frames: timeline.frames.iter().filter(of_past).map(|frame| frame.at.step).collect(),
        memory: timeline.frames.memory(),
        branches: timeline.branches.iter().enumerate().map(branch).collect(),
        sought: timeline.travel.as_ref().map(|travel| travel.to.step),
        undo: journal.last_change().map(|(_, command)| command.words_in(network)),
        redo: timeline.undone.last().map(|undone| undone.command.words_in(network)),
        bookmarks: timeline.bookmarks.map(|bookmark| bookmark.map(|(_, at)| at.step)),
    }
}
