//! Twin of the reading of rows.

/// Rows divided by their largest absolute value, minus their mean; rows that are not finite become 0 and do not count.
pub fn scaled(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let kept: Vec<bool> = rows.iter().map(|row| row.iter().all(|v| v.is_finite())).collect();
    let finite = rows.iter().flatten().filter(|v| v.is_finite());
    let largest = finite.fold(0.0_f64, |most, v| most.max(v.abs()));
    let scale = if largest > 0.0 { 1.0 / largest } else { 1.0 };
    let count = kept.iter().filter(|kept| **kept).count().max(1) as f64;
    let of_kept = |d: usize| rows.iter().zip(&kept).filter(|(_, kept)| **kept).map(move |(row, _)| row[d]);
    let mean: Vec<f64> = (0..rows[0].len()).map(|d| of_kept(d).sum::<f64>() * scale / count).collect();
    let row = |(row, kept): (&Vec<f64>, &bool)| {
        row.iter().zip(&mean).map(|(v, mean)| if *kept { v * scale - mean } else { 0.0 }).collect()
    };
    rows.iter().zip(&kept).map(row).collect()
}

/// Length of a row that counts as far, in usual lengths.
const FAR: f64 = 1024.0;

/// Centered rows; where some are far beyond most, at most an eighth of them, all are in units of the usual length, and far ones have the
/// length `1024 (1 + ln(length / reach))`. A length is the largest absolute value of a row.
pub fn pulled_in(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let lengths: Vec<f64> =
        rows.iter().map(|row| row.iter().fold(0.0, |most, v| v.abs().max(most))).collect();
    let mut usual = f64::INFINITY;
    for _ in 0..16 {
        let near: Vec<f64> = lengths.iter().copied().filter(|length| *length <= 2.0 * usual).collect();
        usual = near.iter().sum::<f64>() / near.len().max(1) as f64;
    }
    let reach = FAR * usual;
    let far = lengths.iter().filter(|length| **length > reach).count();
    if usual <= 0.0 || far == 0 || 8 * far > rows.len() {
        return rows.to_vec();
    }
    let factor =
        |length: f64| if length > reach { FAR * (1.0 + (length / reach).ln()) / length } else { 1.0 / usual };
    rows.iter().zip(&lengths).map(|(row, length)| row.iter().map(|v| v * factor(*length)).collect()).collect()
}
