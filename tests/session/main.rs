//! A session: commands between steps, steps in pieces, evaluations beside the run, what is kept and resumed.

mod bench;
mod commands;
mod damage;
mod distributions;
mod edits;
mod effects;
mod embedding;
mod few_frames;
mod few_values;
mod hand;
mod imported;
mod inspect;
mod journal;
mod layer_settings;
mod layout_commands;
mod layout_resume;
mod layouts;
mod layouts_edited;
mod lifecycle;
mod pins_in_time;
mod probes;
mod random;
mod random_time;
mod ranking;
#[cfg(feature = "app")]
mod reopened;
mod replay;
mod revived;
mod saving;
mod schedule;
mod script;
mod statistics;
mod streaming;
mod time;
mod twins;
mod urgent;
