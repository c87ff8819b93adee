//! GPU memory that a layout takes, told before it is taken.

use super::ivf::count_bytes;
use super::mesh::mesh_bytes;
use super::options::Options;
use super::repulsion::{mesh_level, method_for};

/// GPU bytes of a layout of `rows` rows of `dims` values with `k` neighbors each: copied rows, principal components, neighbors,
/// affinities, positions and the mesh of the repulsion. Excludes the given rows.
pub fn layout_bytes(rows: usize, dims: usize, k: usize, options: &Options, software: bool) -> u64 {
    let (n, k) = (rows as u64, k as u64);
    let values = |dims: usize| 4 * n * dims.next_multiple_of(4) as u64;
    let components = options.components.filter(|components| *components < dims);
    let searched = values(components.unwrap_or(dims));
    let read = values(dims) + components.map_or(0, |_| searched);
    // A buffer's part of what lies in a few.
    let within = |bytes: u64, needed: u64| {
        needed.saturating_sub(bytes.min(if software { 128 << 20 } else { 2 << 30 }))
    };
    // Each entry has an index and a probability, and there are two for each neighbor; the search works in their memory.
    let entries = 8 * n * k;
    // An index has a second copy of the rows, the candidates of each list, the order of the rows, and on a GPU the points in it.
    let lists = options.search.lists(software, rows);
    let [index, counts] = lists.map_or([0, 0], |[lists, probes]| {
        let lists = lists.min(rows) as u64;
        let candidates = 4 * probes.min(rows) as u64 * (n / 4 + lists);
        let order = if software { 12 * n } else { 20 * n };
        [order + within(entries, searched + candidates), count_bytes(rows, lists as usize)]
    });
    // A block of distances, at most, and the least of each eight.
    let squares = if software { 32 << 20 } else { 256 << 20 };
    let block = within(entries, squares + squares / 8 + counts);
    // Indices, and distances that become conditional probabilities; the forces and a part of the mesh take their place.
    let neighbors = n * k * 8 + 2 * entries;
    let method = method_for(options, software, software, rows);
    let [shared, own] = mesh_level(software, software, method, rows).map_or([0, 0], mesh_bytes);
    let forces = within(4 * n * k, 16 * n + shared) + own;
    // Flags, row ids, counts, starts; position, velocity, components and repulsion of each point.
    read + index + block + neighbors + forces + n * (24 + 8 + 16 + 8 + 16)
}
