//! Commands: the changes that the user makes to a run, as plain data. Applied between two steps and kept in the journal.
//!
//! [`Control`]s say when work is done, not what it computes, and are not kept. An [`Action`] is either of them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::event::{Split, StopCondition};
use super::inspect::Inspect;
use crate::embed;
use crate::layouts::{LayoutId, LayoutSource};
use crate::nn::{Edit, Goal, Loss, OptimizerKind, Schedule, WeightEdit};

/// One change to the run. In the journal `{"set_learning_rate": 0.01}`: the names are unique across all kinds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Command {
    /// A change to the optimization.
    Train(TrainCommand),
    /// A change to the data that the network sees.
    Data(DataCommand),
    /// A change to the network.
    Network(NetworkCommand),
    /// A change to a live layout; none of them changes the training.
    Layout(LayoutCommand),
}

/// Changes to the optimization.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrainCommand {
    /// Learning rate from the next step on (finite, not negative).
    SetLearningRate(f32),
    /// Momentum from the next step on (0 up to, not including, 1).
    SetMomentum(f32),
    /// L2 decay of the weights from the next step on (finite, not negative).
    SetWeightDecay(f32),
    /// Another optimizer, with its default rate, momentum and averages, and moments of 0.
    SetOptimizer(OptimizerKind),
    /// Decay rate of the average of squared gradients (0 up to, not including, 1).
    SetBeta2(f32),
    /// Term added to the optimizer's divisors (finite, above 0).
    SetEpsilon(f32),
    /// L1 decay of the weights from the next step on (finite, not negative).
    SetL1Decay(f32),
    /// Largest norm of all gradients together; 0 for no clipping.
    SetClipNorm(f32),
    /// Learning-rate schedule.
    SetSchedule(Schedule),
    /// Epochs of linear warm-up (finite, not negative).
    SetWarmup(f32),
    /// Longest span in epochs of the average of the last weights (finite, not negative); 0 for no average.
    SetAverage(f32),
    /// Nesterov momentum on or off.
    SetNesterov(bool),
    /// Images per step (1 up to the size of the training set).
    SetBatch(u32),
    /// Back to step 0 with fresh weights from this seed.
    Reset(u64),
}

/// Changes to the data that the network sees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataCommand {
    /// Random shift of each training image, in pixels at most.
    SetShift(u32),
    /// Random horizontal flip of each training image.
    SetFlip(bool),
    /// Random rotation of each training image, in degrees to either side at most.
    SetRotation(f32),
    /// Random change of its size, as a share at most.
    SetScale(f32),
    /// Random change of its brightness, as a share of a pixel's range at most.
    SetBrightness(f32),
    /// Random change of its contrast, as a share at most.
    SetContrast(f32),
    /// Side in pixels of a square that is cut out of it; 0 for none.
    SetCutout(u32),
    /// Index in the test set of the first probe.
    PinProbe(u32),
    /// Another class of a training image.
    Relabel {
        /// Number of the image: its index among the training images as they are stored.
        image: u32,
        /// Its class from the next step on.
        class: u8,
    },
    /// A training image, by its number, is seen no more; another one takes its place in each epoch.
    LeaveOut(u32),
    /// A training image is as the data set has it: with its class, and not left out.
    RestoreImage(u32),
}

/// Changes to the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum NetworkCommand {
    /// The parameters of this layer stay as they are from the next step on.
    Freeze(LayerId),
    /// The parameters of this layer are trained again.
    Thaw(LayerId),
    /// Weights, biases, moments and averages of these filters stay as they are from the next step on.
    FreezeFilters {
        /// The layer.
        layer: LayerId,
        /// Numbers of the filters.
        filters: Vec<u32>,
    },
    /// These filters are trained again.
    ThawFilters {
        /// The layer.
        layer: LayerId,
        /// Numbers of the filters.
        filters: Vec<u32>,
    },
    /// Factor of the run's learning rate for the parameters of a layer, from the next step on.
    SetLayerRate {
        /// The layer.
        layer: LayerId,
        /// The factor (finite, not negative).
        factor: f32,
    },
    /// A soft goal of filters of a layer, from the next step on, in the place of the one for the same filters.
    SetGoal {
        /// The layer.
        layer: LayerId,
        /// The goal.
        goal: Goal,
        /// Factor of its term of the loss (finite, not negative); 0 takes it away.
        strength: f32,
    },
    /// Settings of a layer that only are numbers, such as the rate of dropout, from the next step on; weights and moments stay.
    SetLayer {
        /// The layer.
        layer: LayerId,
        /// Those that change, as in a network file.
        #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
        settings: toml::Table,
    },
    /// New values for weights of a filter, such as a painted kernel; all else stays, their moments too.
    EditWeights(WeightEdit),
    /// Another loss from the next step on; weights and moments stay.
    SetLoss(Loss),
    /// Filters and layers come, go, or are others from the next step on.
    #[serde(untagged)]
    Edit(Edit),
}

/// Changes to live layouts. A layout's number is the count of those that were opened before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum LayoutCommand {
    /// Opens a layout, in place of the one with a like source (see [`LayoutSource::replaces`]).
    #[serde(rename = "open_layout")]
    Open(LayoutSource),
    /// Closes it.
    #[serde(rename = "close_layout")]
    Close(LayoutId),
    /// Iterates, or pauses.
    #[serde(rename = "run_layout")]
    Run(LayoutId, bool),
    /// Starts again along the principal components.
    #[serde(rename = "restart_layout")]
    Restart(LayoutId),
    /// Moves a point and keeps it there. Consecutive pins of one point at one step are one entry of the journal, the last.
    #[serde(rename = "pin_point")]
    Pin {
        /// The layout.
        layout: LayoutId,
        /// The point's row.
        row: u32,
        /// Its new position in the layout's own coordinates.
        position: [f32; 2],
    },
    /// Moves a point and lets it go.
    #[serde(rename = "release_point")]
    Release {
        /// The layout.
        layout: LayoutId,
        /// The point's row.
        row: u32,
        /// Its new position in the layout's own coordinates.
        position: [f32; 2],
    },
    /// t-SNE settings from the next iteration on.
    #[serde(rename = "set_layout_settings")]
    Settings(LayoutId, embed::Settings),
    /// Perplexity (1 or more); positions stay.
    #[serde(rename = "set_layout_perplexity")]
    Perplexity(LayoutId, f32),
    /// Forwards its images again as the training goes on, or keeps them; only for layouts that forward images.
    #[serde(rename = "set_layout_follow")]
    Follow(LayoutId, bool),
    /// Steps from one reading of its rows to the next (1 or more).
    #[serde(rename = "set_layout_interval")]
    Every(LayoutId, u32),
    /// Forwards its images again once; only for layouts that forward images.
    #[serde(rename = "refresh_layout")]
    Refresh(LayoutId),
}

impl LayoutCommand {
    /// The layout that it is about; none for one that is still to be opened.
    pub fn layout(&self) -> Option<LayoutId> {
        match *self {
            Self::Open(_) => None,
            Self::Close(id) | Self::Restart(id) | Self::Refresh(id) => Some(id),
            Self::Run(id, _) | Self::Follow(id, _) => Some(id),
            Self::Settings(id, _) => Some(id),
            Self::Perplexity(id, _) => Some(id),
            Self::Every(id, _) => Some(id),
            Self::Pin { layout, .. } | Self::Release { layout, .. } => Some(layout),
        }
    }

    /// True if it takes the place of `before` as one more position of the same drag.
    pub(super) fn continues(&self, before: &Command) -> bool {
        match (self, before) {
            (
                Self::Pin { layout, row, .. },
                Command::Layout(Self::Pin { layout: layout_before, row: row_before, .. }),
            ) => (layout, row) == (layout_before, row_before),
            _ => false,
        }
    }
}

impl NetworkCommand {
    /// True if the network's file is another after it.
    pub(super) fn changes_file(&self) -> bool {
        !matches!(self, Self::Freeze(_) | Self::Thaw(_) | Self::EditWeights(_))
    }
}

impl Command {
    /// True for what only looks at the run, and changes nothing of its training.
    pub fn is_view(&self) -> bool {
        matches!(self, Self::Layout(_) | Self::Data(DataCommand::PinProbe(_)))
    }

    /// True if it is one more position of the drag whose last position is `before`.
    pub(super) fn continues(&self, before: &Self) -> bool {
        matches!(self, Self::Layout(command) if command.continues(before))
    }
}

/// A layer of the network by its number, which it keeps whatever comes and goes before it; at first its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct LayerId(pub u32);

impl fmt::Display for LayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Ways through the time of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeControl {
    /// To a step of the present branch, before the commands that were given there.
    GoTo(u32),
    /// To the latest moment of the present branch.
    GoToEnd,
    /// To before the last command that changed the run, which is dropped.
    Undo,
    /// The last command that was undone is carried out again, and the run goes on to where it was.
    Redo,
    /// Begins a branch here, without the commands that would follow.
    Fork,
    /// To the latest moment of a branch, by its index.
    Switch(usize),
    /// Sets bookmark A (0) or B (1) here.
    SetBookmark(usize),
    /// To bookmark A (0) or B (1).
    GoToBookmark(usize),
}

/// When work is done, not what it computes.
#[derive(Debug, Clone, PartialEq)]
pub enum Control {
    /// Trains until it is paused.
    Play,
    /// Stops at the end of the step.
    Pause,
    /// Trains one step.
    SingleStep,
    /// Evaluates once the step is done, beside the run.
    Evaluate(Split),
    /// Writes the checkpoint.
    Save,
    /// Sets or removes the stop condition.
    SetLimit(Option<StopCondition>),
    /// Asks for the network's top classes of an image in a layout of images.
    AskForImage(LayoutId, u32),
    /// Goes through the time of the run.
    Time(TimeControl),
    /// Shows what a blend of a filter would give, or no change any more; see [`Session::trial`](super::Session::trial).
    Try(Option<Edit>),
    /// Looks at single images; see [`Session::inspection`](super::Session::inspection).
    Inspect(Inspect),
    /// Measures the loss without each filter over this number of validation images; see [`Session::rankings`](super::Session::rankings).
    RankFilters(usize),
    /// Examines the run over this number of validation images; see [`Session::doctor`](super::Session::doctor).
    Examine(usize),
    /// Carries out the remedy of a finding of the last examination, by its index.
    Treat(usize),
    /// Trains a twin beside the run from here on, without the commands to come, or none any more; see [`Session::twin`](super::Session::twin).
    Twin(bool),
}

/// A request of a pane to the session.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A change to the run.
    Command(Command),
    /// When work is done.
    Control(Control),
}

macro_rules! from_kinds {
    ($($kind:ident($command:ident)),*) => {$(
        impl From<$command> for Command {
            fn from(command: $command) -> Self {
                Self::$kind(command)
            }
        }
        impl From<$command> for Action {
            fn from(command: $command) -> Self {
                Self::Command(command.into())
            }
        }
    )*};
}
from_kinds!(Train(TrainCommand), Data(DataCommand), Network(NetworkCommand), Layout(LayoutCommand));

impl From<Command> for Action {
    fn from(command: Command) -> Self {
        Self::Command(command)
    }
}

impl From<Inspect> for Action {
    fn from(request: Inspect) -> Self {
        Self::Control(Control::Inspect(request))
    }
}

impl From<Control> for Action {
    fn from(control: Control) -> Self {
        Self::Control(control)
    }
}
