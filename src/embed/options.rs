//! Options of a layout: repulsion method, neighbor search, principal components.

use crate::gpu::Gpu;

/// Options of [`TsneBuilder`](super::TsneBuilder) with defaults that depend on the adapter and the number of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Repulsion method; none selects the faster one for the number of rows.
    pub method: Option<Method>,
    /// Principal components that rows are projected on before the neighbor search; none, or as many as a row has values, keeps the
    /// rows as they are.
    pub components: Option<usize>,
    /// Neighbor search.
    pub search: NeighborSearch,
    /// Upper limit of a buffer's bytes below that of the adapter; neighbors that need more are split over several buffers.
    pub max_buffer_bytes: Option<u64>,
}

impl Options {
    /// Upper limit of a buffer's bytes.
    pub(super) fn buffer_limit(&self, gpu: &Gpu) -> u64 {
        let limit = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size);
        self.max_buffer_bytes.map_or(limit, |asked| asked.min(limit))
    }
}

/// Algorithm of the repulsion between all points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Pair by pair.
    Exact,
    /// Particle mesh with Fourier transforms.
    Mesh,
    /// A mesh while that costs less than pairs, which depends on the extent of the layout.
    Both,
}

impl Method {
    /// Name in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Mesh => "mesh",
            Self::Both => "mesh and exact",
        }
    }
}

/// Rows of more values than this are projected on [`COMPONENTS`] by default where there are more than [`MANY`] of them.
const WIDE: usize = 100;
const COMPONENTS: usize = 50;
const MANY: usize = 1000;

/// Default number of principal components for `rows` rows of `values` values.
pub fn default_components(rows: usize, values: usize) -> Option<usize> {
    (values > WIDE && rows > MANY).then_some(COMPONENTS)
}

/// Candidates that a row is compared with for its nearest neighbors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NeighborSearch {
    /// All rows up to a number that depends on the adapter, else an IVF index.
    #[default]
    Automatic,
    /// All rows.
    Exact,
    /// Rows of the nearest lists of an IVF index.
    Ivf {
        /// Lists; at most the number of rows.
        lists: usize,
        /// Lists of mean length that are searched.
        probes: usize,
    },
}

/// Most rows that [`NeighborSearch::Automatic`] searches exactly: on the software adapter, on a GPU.
const MAX_EXACT: [usize; 2] = [16_384, 200_000];

impl NeighborSearch {
    /// Lists and probes of the index for `rows` rows; `None` for an exact search.
    pub(super) fn lists(self, software: bool, rows: usize) -> Option<[usize; 2]> {
        match self {
            Self::Exact => None,
            Self::Ivf { lists, probes } => Some([lists, probes]),
            Self::Automatic if rows <= MAX_EXACT[usize::from(!software)] => None,
            Self::Automatic => Self::lists_for(rows).lists(software, rows),
        }
    }

    /// An index with the default number of lists and probes for `rows` rows.
    pub fn lists_for(rows: usize) -> Self {
        // 60 000 MNIST images of 50 components: 0.96 of the 90 nearest.
        let lists = (4 * rows.isqrt()).next_power_of_two();
        Self::Ivf { lists, probes: (lists / 16).clamp(1, 96) }
    }
}
