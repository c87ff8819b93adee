//! Networks while they are put together from files of other tools: layers, and what their formats have in common.

mod assembly;
mod beside;
#[cfg(test)]
mod damage;
mod order;
mod walk;
mod windows;

pub(super) use assembly::{Added, Assembly, IMAGE, Origin, Stage};
pub(super) use beside::beside;
#[cfg(test)]
pub(super) use damage::damaged_json;
pub(super) use order::in_our_order;
pub(super) use walk::{Input, inputs_first};
pub(super) use windows::{Filters, Pads, Pooling, TransposedFilters, reach, same_padding};
