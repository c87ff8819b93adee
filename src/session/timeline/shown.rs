//! What a user interface shows of the time of a run.

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
    /// What would be undone, in words.
    pub undo: Option<String>,
    /// What would be done again, in words.
    pub redo: Option<String>,
    /// Steps of the bookmarks A and B.
    pub bookmarks: [Option<u32>; 2],
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
