//! The twins of the signs of filters.

/// Number of values above 0, and of those that are saturated, of each channel of activations `[c, p, n]`, for samples that count.
pub fn channel_counts(
    activations: &[f32],
    channels: usize,
    counts: &[bool],
    is_saturated: impl Fn(f32) -> bool,
) -> Vec<[u32; 2]> {
    let count = |channel: &[f32]| {
        let counted = || channel.iter().zip(counts.iter().cycle()).filter(|(_, counts)| **counts);
        let number = |of: &dyn Fn(f32) -> bool| counted().filter(|(value, _)| of(**value)).count() as u32;
        [number(&|value| value > 0.0), number(&is_saturated)]
    };
    activations.chunks(activations.len() / channels).map(count).collect()
}

/// Cosine of kernel `of` and the one that is most like it, that one's index, and the norm of kernel `of`; none without another kernel
/// that has weights.
pub fn nearest_kernel(kernels: &[Vec<f64>], of: usize) -> (Option<(f64, usize)>, f64) {
    let product = |a: usize, b: usize| kernels[a].iter().zip(&kernels[b]).map(|(a, b)| a * b).sum::<f64>();
    let norm = |of: usize| product(of, of).sqrt();
    let mut best: Option<(f64, usize)> = None;
    for other in (0..kernels.len()).filter(|other| *other != of) {
        let norms = norm(of) * norm(other);
        let cosine = product(of, other) / norms;
        if norms > 0.0 && best.is_none_or(|(most, _)| cosine > most) {
            best = Some((cosine, other));
        }
    }
    (best, norm(of))
}
