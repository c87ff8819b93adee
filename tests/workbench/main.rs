//! The workbench without a window: events in, commands and shapes out.
#![cfg(feature = "app")]

mod blend;
mod charts;
mod dialogs;
mod doctor;
mod fixture;
mod goals;
mod hand;
#[path = "../kept_pictures/mod.rs"]
mod kept_pictures;
mod learning;
mod looks;
mod network;
mod pictures;
mod probes;
mod ranking;
mod relabel;
mod saving;
mod sizes;
mod twin;
mod typing;
mod watching;
