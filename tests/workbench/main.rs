//! The workbench without a window: events in, commands and shapes out.
#![cfg(feature = "app")]

mod blend;
mod dialogs;
mod fixture;
mod hand;
mod learning;
mod network;
mod sizes;
mod typing;
