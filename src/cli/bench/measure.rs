//! Options and statistics that the benchmarks share.

/// Parses a finite number above 0.
pub(super) fn above_zero(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite() && *value > 0.0);
    value.ok_or_else(|| "give it a value above 0".to_owned())
}

/// The value with `fraction` of the sorted values below it: 0.5 is the median, 1 the largest.
pub(super) fn quantile(values: &[f64], fraction: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() as f64 * fraction) as usize).min(sorted.len() - 1)]
}
