//! Orders of the values of flattened maps: other tools count them row by row, the channels last.

use crate::nn::Shape;

/// Weights for inputs in our order, `[rows, inputs]`, out of those for maps of these shapes that were flattened one after the other in the
/// order `[h, w, c]`.
pub(in crate::nn) fn in_our_order(weights: Vec<f32>, parts: &[Shape]) -> Vec<f32> {
    if parts.iter().all(|part| part.channels == 1 || part.pixels() == 1) {
        return weights;
    }
    let row: usize = parts.iter().map(Shape::len).sum();
    let mut ordered = Vec::with_capacity(weights.len());
    for row in weights.chunks(row) {
        let mut rest = row;
        for part in parts {
            let (values, after) = rest.split_at(part.len().min(rest.len()));
            rest = after;
            for channel in 0..part.channels {
                ordered.extend(values.iter().skip(channel).step_by(part.channels));
            }
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flattened_maps_are_turned_one_after_the_other() {
        // Two channels on one row of three pixels, then two values: numbered as they are flattened by row, column and channel.
        let parts = [Shape::new(2, 1, 3), Shape::new(2, 1, 1)];
        let weights = (0..16).map(|at| at as f32).collect();
        let wanted = [0, 2, 4, 1, 3, 5, 6, 7, 8, 10, 12, 9, 11, 13, 14, 15].map(|at| at as f32);
        assert_eq!(in_our_order(weights, &parts), wanted);
    }
}
