//! A run: a trainer with its journal, files and live layouts; commands are applied between two steps.
//!
//! A session records work into an encoder of the caller, as much as a budget of GPU time allows, and may stop in the middle of a
//! step: the unit is the dispatch. Metrics come back through read-back rings a few frames later.

mod apply;
mod arrived;
mod awaited;
mod beside;
mod branch_files;
mod changed_settings;
mod check;
mod checkpoint;
mod command;
mod compiling;
mod concern;
mod distributions;
mod doctor;
mod edited;
mod effects;
mod evaluator;
mod event;
mod examined;
mod fault;
mod filling;
mod goals;
mod held_out;
mod identity;
mod inspect;
mod journal;
mod journal_file;
mod kept;
mod layout_commands;
mod layout_pins;
mod layout_record;
mod lifecycle;
mod measure;
mod metrics;
mod metrics_file;
mod moment;
mod moved_views;
mod opened;
mod pending;
mod progress;
mod ranked;
mod ranking;
mod readback;
mod recorded;
mod replay;
mod run;
mod run_folder;
mod schedule;
mod script;
mod settings;
mod spare_time;
mod start_file;
mod state;
mod statistics;
mod step_times;
mod taken_in;
mod throughput;
mod timeline;
mod trained;
mod travel;
mod trial;
mod tried_remedies;
mod tuning;
mod twin_run;
mod twins;
mod urgent;
mod watch;
mod words;

pub use crate::files::{create_folder, write_folder, write_whole};
pub use awaited::{Taken, apply_awaited, hold, is_between_steps, outcomes, play_on, steps_left, train_steps};
pub use beside::twin_is_wanted;
pub use command::{
    Action, Command, Control, DataCommand, LayerId, LayoutCommand, NetworkCommand, TimeControl, TrainCommand,
};
pub use distributions::{Distributions, LayerUnits};
pub use doctor::{
    Checkup, Diagnosis, Doctor, Expected, Finding, LayerCheckup, Outcome as RemedyOutcome, Problem, Remedy,
    Treatment, WATCHED_STEPS, diagnose,
};
pub use effects::{EFFECT_STEPS, Effect, csv as effects_csv};
pub use event::{Event, RunState, Score, Split, StopCondition};
pub use examined::examine;
pub use inspect::{
    Gallery, Inspect, Inspection, MAX_PROBES, MAX_RECENT, MAX_SHOWN, NewProbe, Outcome, Outcomes,
    PROBES_FILE, Probe, ProbeChange, Probes, Recent,
};
pub use journal_file::{Entry, Header, JOURNAL_FILE};
pub use metrics::{EpochMetrics, LayerChange, Metrics, StepMetrics, changing_layers};
pub use metrics_file::METRICS_FILE;
pub use opened::Openable;
pub use pending::Ticket;
pub use ranked::rank_filters;
pub use ranking::{
    DUPLICATE_COSINE, FilterRanking, FilterSign, MOVING_SHARE, MeanScore, RANKED_IMAGES, RankedFilter,
    Rankings, SATURATED_SHARE, Scores,
};
pub use recorded::{check_model, hash_of_model};
pub use run_folder::{NETWORK_FILE, RunFolder};
pub use schedule::SUBMIT_MS;
pub use settings::RunSettings;
pub use state::Session;
pub use step_times::StepTimes;
pub use timeline::{BranchShown, Mark, TimelineShown};
pub use trained::train;
pub use trial::{Trial, TrialLosses};
pub use tried_remedies::{Tried, try_remedies};
pub use twin_run::{TwinDifference, TwinRun};
pub use twins::{Beside, Interval, TwinCourses, TwinPlan, TwinPoint, begin_like};
pub use watch::{
    CheckpointReport, LOOK_EVERY, Watched, Watching, begin as begin_watching, follow, has_begun, refusal,
};

pub use crate::layouts::{
    FILTER_PERPLEXITY, Filters, ImageSet, ImageSource, Images, Layout, LayoutId, LayoutSource,
};
pub use crate::nn::{LayerInfo, TensorKind};
