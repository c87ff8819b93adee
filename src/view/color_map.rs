//! Colors: the diverging map of signed values, and the colors of classes.
//!
//! In the diverging map zero is dark, negative values are blue and positive values orange, both nearly white at the ends. Blue and
//! orange stay apart for every common kind of color vision, and brightness alone tells the magnitude. The function `diverging` of
//! the shader `view/tiles.wgsl` is the same map.

/// Values between which the diverging map is linear.
pub const DIVERGING_KNOTS: [f32; 5] = [-1.0, -0.6, 0.0, 0.6, 1.0];

/// Color (0 to 255 per channel) of a value `t` from −1 to 1.
pub fn diverging(t: f32) -> [u8; 3] {
    let zero = [0.066, 0.075, 0.094];
    let (middle, end) = if t < 0.0 {
        ([0.16, 0.49, 0.87], [0.80, 0.92, 1.0])
    } else {
        ([0.93, 0.50, 0.13], [1.0, 0.92, 0.74])
    };
    let a = t.abs().min(1.0);
    let mix = |from: [f32; 3], to: [f32; 3], share: f32| -> [u8; 3] {
        std::array::from_fn(|i| (255.0 * (from[i] + (to[i] - from[i]) * share)).round() as u8)
    };
    if a < 0.6 { mix(zero, middle, a / 0.6) } else { mix(middle, end, (a - 0.6) / 0.4) }
}

/// Colors of classes on a dark background, as distinct for every kind of color vision as ten colors can be
/// (after Okabe and Ito 2008).
pub const CLASS_COLORS: [[u8; 3]; 10] = [
    [90, 180, 232],
    [230, 158, 0],
    [0, 184, 136],
    [240, 228, 66],
    [235, 107, 31],
    [64, 122, 242],
    [224, 140, 191],
    [205, 205, 205],
    [158, 107, 230],
    [153, 133, 92],
];

/// Colors of correct predictions, which recede, and of wrong ones, which stand out.
pub const RIGHT_WRONG: [[u8; 3]; 2] = [[78, 98, 122], [255, 138, 61]];

/// Color of points without a class or a prediction.
pub const UNKNOWN: [u8; 3] = [104, 112, 126];

/// Color of selected points and of discs, each channel from 0 to 1.
pub(super) const SELECTED: [f32; 3] = [0.353, 0.663, 0.949];

/// Color of a class.
pub fn class_color(class: usize) -> [u8; 3] {
    CLASS_COLORS[class % CLASS_COLORS.len()]
}

#[cfg(test)]
mod tests {
    use super::diverging;

    #[test]
    fn brightness_grows_away_from_zero_on_both_sides() {
        let brightness = |t: f32| diverging(t).iter().map(|c| u32::from(*c)).sum::<u32>();
        for side in [-1.0, 1.0] {
            let along: Vec<_> = (0..=20).map(|i| brightness(side * i as f32 / 20.0)).collect();
            assert!(along.windows(2).all(|w| w[0] < w[1]), "{along:?}");
        }
    }
}
