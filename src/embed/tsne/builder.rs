//! Arguments of a new layout.

use super::settings::Settings;
use crate::embed::options::Options;

/// Arguments of a new layout of the rows of a tensor.
#[derive(Debug, Clone, Copy)]
pub struct TsneBuilder {
    pub(super) perplexity: f32,
    pub(super) settings: Settings,
    pub(super) seed: u32,
    pub(super) options: Options,
    /// On a GPU points are taken by list where there are lists.
    pub(super) by_list: bool,
}

impl TsneBuilder {
    /// A layout of a perplexity (1 or more; about a third of the neighbors of a row) with default settings and options, and seed 0.
    pub fn new(perplexity: f32) -> Self {
        Self { perplexity, settings: Settings::DEFAULT, seed: 0, options: Options::default(), by_list: true }
    }

    /// Sets exaggeration, learning rates and momentum.
    #[must_use]
    pub fn settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// Sets the seed of the initial positions, which matters only where the principal components are flat.
    #[must_use]
    pub fn seed(self, seed: u32) -> Self {
        Self { seed, ..self }
    }

    /// Sets repulsion method, principal components and neighbor search.
    #[must_use]
    pub fn options(self, options: Options) -> Self {
        Self { options, ..self }
    }
}
