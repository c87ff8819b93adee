//! Branches: courses of a run that share their beginning.

use std::collections::BTreeMap;

use crate::session::journal_file::{Entry, Line};
use crate::session::metrics::Metrics;
use crate::session::moment::Moment;

/// A course of the run. While it is not the present one, it holds its commands.
#[derive(Clone)]
pub(in crate::session) struct Branch {
    /// The branch that it came from, and the moment up to which they are one.
    pub parent: Option<(usize, Moment)>,
    /// Its commands, all from the beginning of the run.
    pub lines: Vec<Line<Entry>>,
    /// The latest moment that it was trained to.
    pub reached: Moment,
    /// Metrics of its lives.
    pub metrics: BTreeMap<u32, Metrics>,
}

impl Branch {
    /// A branch with no past and no commands.
    pub(in crate::session) fn first() -> Self {
        Self { parent: None, lines: Vec::new(), reached: Moment::default(), metrics: BTreeMap::new() }
    }
}
