//! The compute shaders of flow as plain loops, in `f64`. Tests compare the two.

use super::edges::EdgeSet;

/// Every compute entry point of flow: shader, entry point, and its twin.
pub const TWINS: &[(&str, &str, &str)] = &[
    ("view/flow_sums.wgsl", "row_sums", "view::flow::twin::edge_flows"),
    ("view/flow_sums.wgsl", "tap_sums", "view::flow::twin::edge_flows"),
    ("view/flow_edges.wgsl", "edge_sums", "view::flow::twin::edge_flows"),
    ("view/flow_edges.wgsl", "rank_edges", "view::flow::twin::strongest"),
    ("view/flow_edges.wgsl", "list_edges", "view::flow::twin::strongest"),
];

/// Flow along each edge, as the sum over all output pixels of the products of map and kernel, in that order; and the sum of the products'
/// magnitudes, by which rounding is measured. From the values of the whole buffers of maps and weights.
pub fn edge_flows(set: &EdgeSet, maps: &[f32], weights: &[f32]) -> Vec<[f64; 2]> {
    let [_, channels, height, width] = set.maps.extents;
    let value = |tile, channel, y: i64, x: i64| {
        let inside = y >= 0 && x >= 0 && y < i64::from(height) && x < i64::from(width);
        let at = || set.maps.element([tile, channel, y as u32, x as u32]) as usize;
        if inside { f64::from(maps[at()]) } else { 0.0 }
    };
    let flow = |edge: u32| {
        let mut sum = [0.0; 2];
        let mut add = |term: f64| sum = [sum[0] + term, sum[1] + term.abs()];
        let Some(kernels) = &set.kernels else {
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                add(value(edge, 0, i64::from(y), i64::from(x)));
            }
            return sum;
        };
        let [source, target] = set.joined(edge);
        let in_group = source % set.sources();
        let [_, _, kernel_height, kernel_width] = kernels.weights.extents;
        for c in 0..channels {
            for (ky, kx) in (0..kernel_height).flat_map(|ky| (0..kernel_width).map(move |kx| (ky, kx))) {
                let at = kernels.weights.element([target, in_group * channels + c, ky, kx]);
                for y in 0..kernels.output[0] {
                    for x in 0..kernels.output[1] {
                        add(f64::from(weights[at as usize])
                            * value(source, c, kernels.met(y, ky), kernels.met(x, kx)));
                    }
                }
            }
        }
        sum
    };
    (0..set.edges()).map(flow).collect()
}

/// Indices of the `wanted` flows of largest magnitude, in ascending order; of equal ones the first; none that is 0, NaN or infinite.
pub fn strongest(flows: &[f32], wanted: usize) -> Vec<u32> {
    let magnitude = |i: u32| Some(flows[i as usize].abs()).filter(|m| m.is_finite()).unwrap_or(0.0);
    let mut all: Vec<u32> = (0..flows.len() as u32).collect();
    all.sort_by(|a, b| magnitude(*b).total_cmp(&magnitude(*a)));
    all.truncate(wanted);
    all.retain(|i| magnitude(*i) > 0.0);
    all.sort_unstable();
    all
}
