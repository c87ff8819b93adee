//! How the neighbours of rows are sought and how their points push each other.

use super::forces::Method;

use crate::gpu::Gpu;

/// What [`Tsne::prepare_with`](super::Tsne::prepare_with) may be told beyond the usual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// How the push of all other points is found; none takes what is the faster for so many.
    pub method: Option<Method>,
    /// Principal components that rows are reduced to before their neighbours are sought; none leaves them as they are, and so do rows
    /// that have no more values than that.
    pub components: Option<usize>,
    /// Which rows a row is compared with.
    pub search: NeighbourSearch,
    /// Bytes of a buffer at most, less than the adapter allows: rows whose neighbours need more lie in several. None asks for nothing.
    pub most_bytes: Option<u64>,
}

impl Options {
    /// Bytes that a buffer may have.
    pub(super) fn most_bytes(&self, gpu: &Gpu) -> u64 {
        let most = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size);
        self.most_bytes.map_or(most, |asked| asked.min(most))
    }
}

/// Wider rows than these are usually reduced to [`COMPONENTS`] where there are more than [`MANY`] of them.
const WIDE: usize = 100;
const COMPONENTS: usize = 50;
const MANY: usize = 1000;

/// Principal components that so many rows of so many values are usually reduced to, if any.
pub fn usual_components(rows: usize, values: usize) -> Option<usize> {
    (values > WIDE && rows > MANY).then_some(COMPONENTS)
}

/// Which rows a row is compared with for its nearest neighbours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NeighbourSearch {
    /// With all where the adapter affords it, else with those of the nearest lists.
    #[default]
    Automatic,
    /// With all.
    Exact,
    /// With the rows of the lists that are nearest to its own.
    Ivf {
        /// Lists; as many as rows at most.
        lists: usize,
        /// Lists of mean length whose rows are compared.
        probes: usize,
    },
}

/// Rows that are compared with all by [`NeighbourSearch::Automatic`]: on the software adapter, on a GPU.
const ALL: [usize; 2] = [16_384, 200_000];

impl NeighbourSearch {
    /// What is done for so many rows: `None` where all are compared with all, else lists and probes.
    pub(super) fn lists(self, software: bool, rows: usize) -> Option<[usize; 2]> {
        match self {
            Self::Exact => None,
            Self::Ivf { lists, probes } => Some([lists, probes]),
            Self::Automatic if rows <= ALL[usize::from(!software)] => None,
            Self::Automatic => Self::lists_for(rows).lists(software, rows),
        }
    }

    /// As many lists and probes as so many rows ask for.
    pub fn lists_for(rows: usize) -> Self {
        // 60 000 MNIST images of 50 components: 0.96 of the 90 nearest.
        let lists = (4 * rows.isqrt()).next_power_of_two();
        Self::Ivf { lists, probes: (lists / 16).clamp(1, 96) }
    }
}

/// Bytes on the GPU of a layout of `rows` rows of `dims` values with `k` neighbours each, without the rows that are given: what is read of
/// them, their principal components, neighbours, affinities and positions. Not counted: what the repulsion takes besides.
pub fn layout_bytes(rows: usize, dims: usize, k: usize, options: &Options, software: bool) -> u64 {
    let (n, k) = (rows as u64, k as u64);
    let values = |dims: usize| 4 * n * dims.next_multiple_of(4) as u64;
    let components = options.components.filter(|components| *components < dims);
    let sought = values(components.unwrap_or(dims));
    let read = values(dims) + components.map_or(0, |_| sought);
    // By list there is a second copy, its order, and the candidates of each list.
    let by_list = options.search.lists(software, rows).map_or(0, |[lists, probes]| {
        let lists = lists.min(rows) as u64;
        sought + 12 * n + 4 * n.div_ceil(256) * lists + 4 * probes.min(rows) as u64 * (n / 4 + lists)
    });
    // A block of distances, at most.
    let block = if software { 36 << 20 } else { 288 << 20 };
    // Indices, distances, conditional probabilities; two entries of an index and a probability for each.
    let neighbours = n * k * (12 + 16);
    // Flags, names, counts, starts; position, motion, component and forces of each point.
    read + by_list + block + neighbours + n * (24 + 8 + 16 + 8 + 32)
}
