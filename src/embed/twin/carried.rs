//! Twin of the points of a layout whose rows are others now.

/// Distance of a new point from its origin, as a share of the standard distance of the points from their center.
const ASIDE: f64 = 0.02;

/// Positions of rows that were the rows `origins` before, none for new ones.
pub fn carried(positions: &[[f64; 2]], origins: &[Option<usize>]) -> Vec<[f64; 2]> {
    let count = positions.len() as f64;
    let center = [0, 1].map(|axis| positions.iter().map(|y| y[axis]).sum::<f64>() / count);
    let from_center = |y: &[f64; 2]| (y[0] - center[0]).powi(2) + (y[1] - center[1]).powi(2);
    let reach = ASIDE * (positions.iter().map(from_center).sum::<f64>() / count).sqrt();
    let place = |(i, origin): (usize, &Option<usize>)| {
        let start = origin.map_or(center, |row| positions[row]);
        if origin.is_some() && !origins[..i].contains(origin) {
            return start;
        }
        let angle = 2.3999632 * i as f64;
        [start[0] + reach * angle.cos(), start[1] + reach * angle.sin()]
    };
    origins.iter().enumerate().map(place).collect()
}
