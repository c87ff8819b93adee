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
