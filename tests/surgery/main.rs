//! Changes of a network while it trains: what each promises, on networks of every kind.

mod ablation;
mod carried;
#[path = "../compare/mod.rs"]
mod compare;
mod deleted;
mod fixture;
mod frozen;
mod function;
mod painted;
mod refused;
mod trial;
