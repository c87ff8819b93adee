//! Twin of the reading of rows.

/// Rounds in which far values are set aside.
const ROUNDS: usize = 8;
/// A center this many mean distances off costs the values their digits.
const LOST: f64 = 1024.0;
/// And this many nearly all, which counts once the values looked at are fewer than all.
const ALL_LOST: f64 = 1_048_576.0;

/// Middle of most values, which a few far ones do not move; and the center: their mean, unless that is so far off that most would lose
/// their digits about it.
pub fn middles(values: &[f64]) -> [f64; 2] {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let distance =
        |values: &[f64], from: f64| mean(&values.iter().map(|v| (v - from).abs()).collect::<Vec<_>>());
    let within = |values: &[f64], from: f64, reach: f64| -> Vec<f64> {
        values.iter().copied().filter(|v| (v - from).abs() <= reach).collect()
    };
    let (mut middle, mut spread, mut all) = (mean(values), f64::INFINITY, values.to_vec());
    let (mut center, mut centers) = (middle, true);
    for round in 0..ROUNDS {
        let near = within(&all, middle, 2.0 * distance(&all, middle));
        let other = mean(&near);
        let (its_spread, moved) = (distance(&near, other), (other - middle).abs());
        if moved <= its_spread || 2 * near.len() < values.len() {
            break;
        }
        centers &= round < 2 && its_spread > 1e-6 * other.abs() && moved > LOST * its_spread;
        center = if centers { other } else { center };
        (middle, spread, all) = (other, its_spread, near);
    }
    let lost = spread > 1e-6 * middle.abs() && (middle - center).abs() > ALL_LOST * spread;
    [middle, if lost { middle } else { center }]
}

/// Rows divided by their largest absolute value, minus their center; rows that are not finite become 0 and do not count.
pub fn scaled(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let kept: Vec<bool> = rows.iter().map(|row| row.iter().all(|v| v.is_finite())).collect();
    let finite = rows.iter().flatten().filter(|v| v.is_finite());
    let largest = finite.fold(0.0_f64, |most, v| most.max(v.abs()));
    let scale = if largest > 0.0 { 1.0 / largest } else { 1.0 };
    let of_kept =
        |d: usize| rows.iter().zip(&kept).filter(|(_, kept)| **kept).map(move |(row, _)| row[d] * scale);
    let center = |d: usize| middles(&of_kept(d).collect::<Vec<_>>())[1];
    let centers: Vec<f64> = (0..rows[0].len()).map(center).collect();
    let row = |(row, kept): (&Vec<f64>, &bool)| {
        row.iter().zip(&centers).map(|(v, center)| if *kept { v * scale - center } else { 0.0 }).collect()
    };
    rows.iter().zip(&kept).map(row).collect()
}

/// Length of a row that counts as far, in usual lengths.
const FAR: f64 = 1024.0;

/// Length of a row that counts as apart.
const APART: f64 = 32.0;

/// Centered rows, and the length beyond which one is apart. Where some are far beyond most, at most an eighth of them, all are about the
/// middles and in units of the usual length, and far ones have the length `1024 (1 + ln(length / reach))`. A length is the largest
/// absolute value of a row about the middles.
pub fn pulled_in(rows: &[Vec<f64>], middles: &[f64]) -> (Vec<Vec<f64>>, f64) {
    let about =
        |row: &Vec<f64>| -> Vec<f64> { row.iter().zip(middles).map(|(v, middle)| v - middle).collect() };
    let length = |row: &Vec<f64>| about(row).iter().fold(0.0, |most: f64, v| v.abs().max(most));
    let lengths: Vec<f64> = rows.iter().map(length).collect();
    let mut usual = f64::INFINITY;
    for _ in 0..16 {
        let near: Vec<f64> = lengths.iter().copied().filter(|length| *length <= 2.0 * usual).collect();
        usual = near.iter().sum::<f64>() / near.len().max(1) as f64;
    }
    let reach = FAR * usual;
    let few = |reach: f64| {
        let far = lengths.iter().filter(|length| **length > reach).count();
        usual > 0.0 && far > 0 && 8 * far <= rows.len()
    };
    let apart = if few(APART * usual) { APART * usual } else { f64::INFINITY };
    if !few(reach) {
        return (rows.to_vec(), apart);
    }
    let factor =
        |length: f64| if length > reach { FAR * (1.0 + (length / reach).ln()) / length } else { 1.0 / usual };
    let row = |(row, length): (&Vec<f64>, &f64)| about(row).iter().map(|v| v * factor(*length)).collect();
    (rows.iter().zip(&lengths).map(row).collect(), apart.min(reach))
}
