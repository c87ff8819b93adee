//! The twins of the histograms of a step.

use crate::nn::histograms::{BINS, Scale};

/// The middle of the bins.
const MIDDLE: usize = BINS / 2;

/// Bin of a value: the middle one below `2^lowest`, then upward and downward by octaves, or half octaves that end at 1.5 times a power of
/// two.
pub fn bin_of(value: f64, scale: Scale) -> usize {
    let edge = |index: usize| {
        let octave = 2.0_f64.powi(scale.lowest + (index / scale.per_octave) as i32);
        octave * (1.0 + (index % scale.per_octave) as f64 / scale.per_octave as f64)
    };
    let distance = (0..MIDDLE).take_while(|index| value.abs() >= edge(*index)).count();
    if value < 0.0 { MIDDLE - distance } else { MIDDLE + distance }
}

/// Bin of the ratio of a change to what was there: 0 without a change, then by octaves from `2^−31` on.
pub fn ratio_bin(before: f64, after: f64) -> usize {
    let (change, base) = ((after - before).abs(), before.abs());
    let smallest = f64::from(f32::MIN_POSITIVE);
    if change < smallest {
        return 0;
    }
    if base < smallest {
        return BINS - 1;
    }
    let above = (-30..=32).filter(|octave| change >= 2.0_f64.powi(*octave) * base);
    1 + above.count()
}

/// Counts of values by bins.
pub fn histogram(bins: impl Iterator<Item = usize>) -> Vec<u32> {
    let mut counts = vec![0; BINS];
    bins.for_each(|bin| counts[bin] += 1);
    counts
}

/// Number of channels of activations `[c, p, n]` of which no value is above 0 for a sample that counts, and number of values that are
/// saturated by `is_saturated`.
pub fn unit_counts(
    activations: &[f32],
    channels: usize,
    counts: &[bool],
    is_saturated: impl Fn(f32) -> bool,
) -> [u32; 2] {
    let (mut silent, mut saturated) = (0, 0);
    for channel in activations.chunks(activations.len() / channels) {
        let counted = || channel.iter().zip(counts.iter().cycle()).filter(|(_, counts)| **counts);
        silent += u32::from(counted().all(|(value, _)| *value <= 0.0));
        saturated += counted().filter(|(value, _)| is_saturated(**value)).count() as u32;
    }
    [silent, saturated]
}

/// Brightness of the bins of a column, by their counts, the largest value first.
pub fn strip_column(counts: &[u32]) -> Vec<f64> {
    let all = counts.iter().sum::<u32>().max(1);
    let light = |count: &u32| (1.0 + 1023.0 * f64::from(*count) / f64::from(all)).log2() / 10.0;
    counts.iter().rev().map(light).collect()
}
