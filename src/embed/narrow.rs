//! Rows of `f64` as `f32`: what the narrowing would cost is taken away before it.
//!
//! A column far from 0 beside its spread (times in seconds since 1970) loses its digits in `f32`; its middle is subtracted first.
//! Values near the ends of the range of `f32` are scaled. Neither changes a distance but by one factor, and rows that need neither
//! stay as they are.

/// Columns whose middle is this many times their spread are centered.
const FAR: f64 = 1024.0;
/// Largest and smallest absolute values that need no scaling.
const LARGEST: f64 = 1e30;
const SMALLEST: f64 = 1e-30;

/// Rows `[n, columns]` as `f32`. Values that are not finite stay what they are; finite ones stay finite.
pub fn narrowed(values: &[f64], columns: usize) -> Vec<f32> {
    let middles: Vec<f64> = (0..columns).map(|d| offset(values, columns, d)).collect();
    let apart = |(at, value): (usize, &f64)| value - middles[at % columns];
    let finite = values.iter().enumerate().map(apart).filter(|value| value.is_finite());
    let largest = finite.fold(0.0_f64, |most, value| most.max(value.abs()));
    let scaled = largest > 0.0 && !(SMALLEST..=LARGEST).contains(&largest);
    let scale = if scaled { largest } else { 1.0 };
    values.iter().enumerate().map(|pair| (apart(pair) / scale) as f32).collect()
}

/// The middle of column `d` where it is far from 0, else 0.
fn offset(values: &[f64], columns: usize, d: usize) -> f64 {
    let column = || values.iter().skip(d).step_by(columns).copied().filter(|value| value.is_finite());
    let mut middle = mean(column(), 0.0);
    // As in rows.wgsl far ones are set aside.
    for _ in 0..4 {
        let reach = 2.0 * mean(column().map(|value| (value - middle).abs()), 0.0);
        middle = mean(column().filter(|value| (value - middle).abs() <= reach), middle);
    }
    // The spread of most: half of them lie within it, as of a sample of at most 1000.
    let every = column().count().div_ceil(1000).max(1);
    let mut apart: Vec<f64> = column().step_by(every).map(|value| (value - middle).abs()).collect();
    apart.sort_by(f64::total_cmp);
    let spread = apart.get(apart.len() / 2).copied().unwrap_or(0.0);
    if middle.abs() > FAR * spread { middle } else { 0.0 }
}

/// Mean of values, without overflow; `other` where there are none.
fn mean(values: impl Iterator<Item = f64> + Clone, other: f64) -> f64 {
    let count = values.clone().count() as f64;
    if count > 0.0 { values.map(|value| value / count).sum() } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_need_nothing_keep_their_bits() {
        let values: Vec<f64> = (0..300).map(|i| f64::from((i * 37 % 101) as f32 * 0.13 - 5.0)).collect();
        let found = narrowed(&values, 3);
        assert!(found.iter().zip(&values).all(|(found, value)| f64::from(*found) == *value));
    }

    #[test]
    fn small_differences_survive_a_far_middle_an_outlier_and_any_scale() {
        let noise = |i: usize| (i * 37 % 101) as f64 * 0.01;
        for (middle, outlier, scale) in
            [(1.7e9, 0.0, 1.0), (1.7e12, 1e15, 1.0), (0.0, 1e12, 1.0), (3.0, 0.0, 1e300), (3.0, 0.0, 1e-300)]
        {
            let value = |i: usize| scale * (middle + noise(i) + if i == 17 { outlier } else { 0.0 });
            let found = narrowed(&(0..200).map(value).collect::<Vec<f64>>(), 1);
            assert!(found.iter().all(|value| value.is_finite()), "{middle}, {outlier}, {scale}");
            let unit = f64::from(found[1] - found[0]) / (noise(1) - noise(0));
            for i in (2..200).filter(|i| *i != 17) {
                let error = f64::from(found[i] - found[0]) / unit - (noise(i) - noise(0));
                assert!(error.abs() < 2e-3, "{middle}, {outlier}, {scale}: row {i} is off by {error}");
            }
        }
        assert_eq!(((1.7e9 + noise(1)) as f32) - ((1.7e9 + noise(0)) as f32), 0.0, "the control");
    }

    #[test]
    fn what_is_not_finite_stays_so_and_nothing_else() {
        let found = narrowed(&[1e300, f64::NAN, 2e300, f64::INFINITY, 3e300, 1.0], 2);
        let finite: Vec<bool> = found.iter().map(|value| value.is_finite()).collect();
        assert_eq!(finite, [true, false, true, false, true, true]);
        assert!(found[0] != found[2] && found[2] != found[4], "{found:?}");
    }
}
