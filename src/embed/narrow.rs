//! Rows of `f64` as `f32`: what the narrowing would cost is taken away before it.
//!
//! A column far from 0 beside its spread (times in seconds since 1970) loses its digits in `f32`; its middle is subtracted first.
//! Values near the ends of the range of `f32` are scaled. Neither changes a distance but by one factor, and rows that need neither
//! stay as they are. All of it is shared by the cores, by rows or by columns; no result depends on their number.

use std::ops::Range;

use crate::threads;

/// Columns whose middle is this many times their spread are centered.
const FAR: f64 = 1024.0;
/// Largest and smallest absolute values that need no scaling.
const LARGEST: f64 = 1e30;
const SMALLEST: f64 = 1e-30;
/// Most values that the spread of a column is taken of.
const SAMPLE: usize = 1000;
/// Columns that are sampled together: of each row they lie in one cache line.
const TOGETHER: usize = 16;
/// Largest values that are looked for beside each other.
const LANES: usize = 16;

/// Rows `[n, columns]` as `f32`. Values that are not finite stay what they are; finite ones stay finite.
pub fn narrowed(values: &[f64], columns: usize) -> Vec<f32> {
    let narrowing = Narrowing::of(values, columns);
    if narrowing.is_none() {
        return converted(values, columns, |row, to| {
            to.iter_mut().zip(row).for_each(|(to, value)| *to = *value as f32);
        });
    }
    narrowing.apply(values)
}

/// The same of rows that are `f32` already: themselves, without a copy, where they need nothing.
pub fn narrowed_singles(values: Vec<f32>, columns: usize) -> Vec<f32> {
    let narrowing = Narrowing::of(&values, columns);
    if narrowing.is_none() { values } else { narrowing.apply(&values) }
}

/// `values` row by row, each as `convert` writes it.
fn converted<T: Sync>(values: &[T], columns: usize, convert: impl Fn(&[T], &mut [f32]) + Sync) -> Vec<f32> {
    let mut to = vec![0.0; values.len()];
    let share = rows_share(values.len(), columns);
    threads::each(values.chunks(share).zip(to.chunks_mut(share)), |(values, to)| {
        values.chunks(columns).zip(to.chunks_mut(columns)).for_each(|(row, to)| convert(row, to));
    });
    to
}

/// Values of a thread's share of `len`: whole rows.
fn rows_share(len: usize, columns: usize) -> usize {
    threads::share(len / columns, threads::MIN_VALUES / columns) * columns
}

/// A middle to subtract of each column, and the scale of all values.
struct Narrowing {
    middles: Vec<f64>,
    scale: f64,
}

impl Narrowing {
    fn of<T: Copy + Into<f64> + Sync>(values: &[T], columns: usize) -> Self {
        let share = rows_share(values.len(), columns);
        let scans = threads::each(values.chunks(share), scanned);
        let all_finite = scans.iter().all(|(_, finite)| *finite);
        let shared = threads::share(columns, threads::MIN_VALUES / (values.len() / columns).clamp(1, SAMPLE));
        let parts = (0..columns).step_by(shared).map(|first| first..(first + shared).min(columns));
        let middles = threads::each(parts, |some| middles(values, columns, some, all_finite)).concat();
        let largest = if middles.iter().all(|middle| *middle == 0.0) {
            scans.iter().map(|(most, _)| *most).fold(0.0, f64::max)
        } else {
            let centered = |row: &[T]| largest(row.iter().zip(&middles).map(|(v, m)| (*v).into() - m));
            let of = |some: &[T]| some.chunks(columns).map(centered).fold(0.0, f64::max);
            threads::each(values.chunks(share), of).into_iter().fold(0.0, f64::max)
        };
        let scaled = largest > 0.0 && !(SMALLEST..=LARGEST).contains(&largest);
        Self { middles, scale: if scaled { largest } else { 1.0 } }
    }

    /// It would leave all values as they are.
    fn is_none(&self) -> bool {
        self.scale == 1.0 && self.middles.iter().all(|middle| *middle == 0.0)
    }

    fn apply<T: Copy + Into<f64> + Sync>(&self, values: &[T]) -> Vec<f32> {
        converted(values, self.middles.len(), |row, to| {
            let narrow = |value: &T, middle: &f64| (((*value).into() - middle) / self.scale) as f32;
            to.iter_mut().zip(row.iter().zip(&self.middles)).for_each(|(to, (v, m))| *to = narrow(v, m));
        })
    }
}

/// Largest absolute value of those that are finite, and whether all are.
fn scanned<T: Copy + Into<f64>>(values: &[T]) -> (f64, bool) {
    // The compiler does several lanes at once, as none waits for another.
    let (mut most, mut others) = ([0.0_f64; LANES], [0_u64; LANES]);
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks.iter().map(|block| &block[..]).chain([rest]) {
        for (value, (most, others)) in block.iter().zip(most.iter_mut().zip(&mut others)) {
            let value = (*value).into().abs();
            *most = if value > *most { value } else { *most };
            *others |= u64::from(value.is_nan());
        }
    }
    let most = most.into_iter().fold(0.0, f64::max);
    if most.is_finite() {
        return (most, others == [0; LANES]);
    }
    (largest(values.iter().map(|value| (*value).into())), false)
}

/// Largest absolute value of those that are finite.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.map(f64::abs).filter(|value| value.is_finite()).fold(0.0, f64::max)
}

/// Middles to subtract of some columns.
fn middles<T: Copy + Into<f64>>(
    values: &[T],
    columns: usize,
    some: Range<usize>,
    all_finite: bool,
) -> Vec<f64> {
    let every = (values.len() / columns).div_ceil(SAMPLE).max(1);
    let mut middles = Vec::with_capacity(some.len());
    for first in some.clone().step_by(TOGETHER) {
        let mut samples = vec![Vec::with_capacity(SAMPLE); TOGETHER.min(some.end - first)];
        for row in values.chunks(columns).step_by(every).filter(|_| all_finite) {
            samples.iter_mut().zip(&row[first..]).for_each(|(sample, value)| sample.push((*value).into()));
        }
        middles.extend(samples.into_iter().zip(first..).map(|(sample, d)| {
            if all_finite && keeps_digits(sample) { 0.0 } else { offset(values, columns, d) }
        }));
    }
    middles
}

/// True only where [`offset`] is 0, by the values that it takes the spread of: all values of the column are finite.
///
/// Let s be the median of their distances from a middle m. Just over half of them lie within s of m, so that s is no less than half of
/// the shortest interval w of as many. With t, which half of them do not pass, s is no less than |m| − t. Then |m| ≤ 1024 s where
/// 1024 w / 2 ≥ t · 1024 / 1023, wherever m is.
fn keeps_digits(mut sample: Vec<f64>) -> bool {
    sample.sort_unstable_by(f64::total_cmp);
    let shortest = sample.windows(sample.len() / 2 + 1).map(|some| some[some.len() - 1] - some[0]);
    let shortest = shortest.fold(f64::INFINITY, f64::min);
    let middle = sample.len().saturating_sub(1) / 2;
    if sample.is_empty() {
        return true;
    }
    sample.iter_mut().for_each(|value| *value = value.abs());
    let half = *sample.select_nth_unstable_by(middle, f64::total_cmp).1;
    FAR * shortest / 2.0 >= 1.001 * half
}

/// The middle of column `d` where it is far from 0, else 0.
fn offset<T: Copy + Into<f64>>(values: &[T], columns: usize, d: usize) -> f64 {
    let all = || values.iter().skip(d).step_by(columns).map(|value| (*value).into());
    let column = || all().filter(|value: &f64| value.is_finite());
    let mut middle = mean(column(), 0.0);
    // As in rows.wgsl far ones are set aside.
    for _ in 0..4 {
        let reach = 2.0 * mean(column().map(|value| (value - middle).abs()), 0.0);
        middle = mean(column().filter(|value| (value - middle).abs() <= reach), middle);
    }
    // The spread of most: half of them lie within it, as of a sample.
    let every = column().count().div_ceil(SAMPLE).max(1);
    let mut apart: Vec<f64> = column().step_by(every).map(|value| (value - middle).abs()).collect();
    apart.sort_unstable_by(f64::total_cmp);
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
    fn columns_that_are_said_to_need_no_middle_need_none() {
        let noise = |i: usize| (i * 7919 % 1009) as f64 * 0.001;
        let (mut kept, mut moved) = (0, 0);
        for rows in [1, 2, 3, 40, 1999] {
            for (middle, sparse, outlier) in (0..240).map(|case| {
                let middle = [0.0, 1.0, -60.0, 250.0, 480.0, 520.0, 700.0, 1e5, -1.7e9, 1e12][case % 10];
                (middle, [1, 2, 3, 50][case / 10 % 4], [0.0, 1e15, -3e4][case / 40 % 3])
            }) {
                let value = |i: usize| {
                    let there = if i.is_multiple_of(sparse) { middle + noise(i) } else { 0.0 };
                    there + if i % 997 == 5 { outlier } else { 0.0 }
                };
                // The column beside it is another.
                let values: Vec<f64> = (0..2 * rows).map(|at| value(at / 2) + (at % 2) as f64).collect();
                let sample = |d: usize| {
                    let every = rows.div_ceil(SAMPLE);
                    (0..rows).step_by(every).map(|row| values[2 * row + d]).collect::<Vec<f64>>()
                };
                for d in 0..2 {
                    let none = offset(&values, 2, d) == 0.0;
                    assert!(none || !keeps_digits(sample(d)), "{rows}, {middle}, {sparse}, {outlier}, {d}");
                    kept += usize::from(keeps_digits(sample(d)));
                    moved += usize::from(!none);
                }
            }
        }
        assert!(kept > 500 && moved > 500, "the control: {kept} are kept, {moved} moved");
    }

    #[test]
    fn singles_are_narrowed_as_doubles_are() {
        for middle in [0.0, 3e5, 1e35_f32] {
            let values: Vec<f32> = (0..600).map(|i| (i * 37 % 101) as f32 * 0.13 + middle).collect();
            let wide: Vec<f64> = values.iter().copied().map(f64::from).collect();
            let expected = narrowed(&wide, 3);
            assert_eq!(expected == values, middle == 0.0, "the control at {middle}");
            assert_eq!(narrowed_singles(values, 3), expected, "{middle}");
        }
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
