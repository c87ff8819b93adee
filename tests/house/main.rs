//! The rules of the house that a machine can check, each with a negative control: which module imports which, circles
//! of files, sizes, names and `unsafe`.
//!
//! The rules read source text only. `HOUSE_ROOT=PATH cargo test --test house` checks another checkout.

mod circles;
mod imports;
mod modules;
mod names;
mod sizes;
mod sources;
mod twins;
mod words;
