//! Colors, dark and light: the diverging map of signed values, and the colors of classes and marks.
//!
//! In the diverging map zero is the color of the ground, negative values are blue and positive values orange, the farther from the ground
//! in brightness the larger they are. Blue and orange stay apart for every common kind of color vision, and brightness alone tells the
//! magnitude. The function `diverging` of the shader `view/tiles.wgsl` is the same map.

/// Red, green and blue, 0 to 255.
pub type Rgb = [u8; 3];

/// Values between which the diverging map is linear.
pub const DIVERGING_KNOTS: [f32; 5] = [-1.0, -0.6, 0.0, 0.6, 1.0];

/// The ground on which pictures lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// Dark ground.
    #[default]
    Dark,
    /// Light ground.
    Light,
}

/// The colors of pictures on one ground.
#[derive(Debug)]
pub struct Palette {
    /// Zero, in the diverging map; points that recede fade to it.
    pub zero: Rgb,
    /// −0.6 and −1 in the diverging map.
    pub negative: [Rgb; 2],
    /// 0.6 and 1 in the diverging map.
    pub positive: [Rgb; 2],
    /// Classes: as distinct for every kind of color vision as ten colors can be (after Okabe and Ito 2008).
    pub classes: [Rgb; 10],
    /// Correct predictions, which recede, and wrong ones, which stand out.
    pub right_wrong: [Rgb; 2],
    /// Points without a class or a prediction.
    pub unknown: Rgb,
    /// Selected points, discs, and what flows below 0.
    pub selected: Rgb,
    /// Pinned points, bars, and what flows above 0.
    pub pinned: Rgb,
    /// The highlighted point, and where very many points lie on each other.
    pub ink: Rgb,
    /// The gaps of a mosaic of channels.
    pub gap: Rgb,
    /// The free part of a bar.
    pub trough: Rgb,
}

static DARK: Palette = Palette {
    zero: [17, 19, 24],
    negative: [[41, 125, 222], [204, 235, 255]],
    positive: [[237, 128, 33], [255, 235, 189]],
    classes: [
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
    ],
    right_wrong: [[78, 98, 122], [255, 138, 61]],
    unknown: [104, 112, 126],
    selected: [90, 169, 242],
    pinned: [240, 146, 51],
    ink: [255, 255, 255],
    gap: [26, 28, 34],
    trough: [20, 23, 29],
};

static LIGHT: Palette = Palette {
    zero: [255, 255, 255],
    negative: [[60, 136, 214], [8, 36, 84]],
    positive: [[222, 113, 20], [84, 33, 3]],
    classes: [
        [26, 143, 220],
        [198, 108, 0],
        [0, 114, 115],
        [126, 159, 39],
        [192, 12, 14],
        [14, 39, 185],
        [228, 99, 177],
        [108, 130, 149],
        [125, 64, 229],
        [96, 47, 52],
    ],
    right_wrong: [[158, 172, 190], [214, 84, 0]],
    unknown: [150, 156, 166],
    selected: [18, 98, 176],
    pinned: [196, 92, 0],
    ink: [0, 0, 0],
    gap: [222, 225, 230],
    trough: [226, 229, 234],
};

impl Theme {
    /// Its colors.
    pub fn palette(self) -> &'static Palette {
        match self {
            Self::Dark => &DARK,
            Self::Light => &LIGHT,
        }
    }
}

impl Palette {
    /// Color of a value `t` from −1 to 1.
    pub fn diverging(&self, t: f32) -> Rgb {
        let [middle, end] = if t < 0.0 { self.negative } else { self.positive };
        let a = t.abs().min(1.0);
        let mix = |from: Rgb, to: Rgb, share: f32| -> Rgb {
            std::array::from_fn(|i| {
                (f32::from(from[i]) + (f32::from(to[i]) - f32::from(from[i])) * share).round() as u8
            })
        };
        if a < 0.6 { mix(self.zero, middle, a / 0.6) } else { mix(middle, end, (a - 0.6) / 0.4) }
    }

    /// Color of a class.
    pub fn class(&self, class: usize) -> Rgb {
        self.classes[class % self.classes.len()]
    }

    /// The constants `names` of a shader, 0xrrggbb.
    pub(super) fn constants(
        &self,
        names: impl IntoIterator<Item = &'static str>,
    ) -> Vec<(&'static str, u32)> {
        let color = |name: &str| match name {
            "ZERO" => self.zero,
            "NEGATIVE" => self.negative[0],
            "NEGATIVE_END" => self.negative[1],
            "POSITIVE" => self.positive[0],
            "POSITIVE_END" => self.positive[1],
            "RIGHT" => self.right_wrong[0],
            "WRONG" => self.right_wrong[1],
            "UNKNOWN" => self.unknown,
            "SELECTED" => self.selected,
            "PINNED" => self.pinned,
            "INK" => self.ink,
            "GAP" => self.gap,
            "TROUGH" => self.trough,
            class => {
                self.classes
                    [GROUPS.iter().position(|known| *known == class).unwrap_or(0) % self.classes.len()]
            }
        };
        names.into_iter().map(|name| (name, pack(color(name)))).collect()
    }
}

/// Constants of the colors of groups: classes first.
pub(super) const GROUPS: [&str; 13] = [
    "CLASS_0", "CLASS_1", "CLASS_2", "CLASS_3", "CLASS_4", "CLASS_5", "CLASS_6", "CLASS_7", "CLASS_8",
    "CLASS_9", "UNKNOWN", "RIGHT", "WRONG",
];

fn pack([r, g, b]: Rgb) -> u32 {
    u32::from_be_bytes([0, r, g, b])
}

#[cfg(test)]
mod tests {
    use super::{Palette, Rgb, Theme};

    /// Relative luminance (WCAG 2.1).
    fn luminance(color: Rgb) -> f64 {
        let linear = |c: u8| {
            let v = f64::from(c) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(color[0]) + 0.7152 * linear(color[1]) + 0.0722 * linear(color[2])
    }

    /// Color as an eye without green cones sees it, mixed in linear light (Viénot, Brettel and Mollon 1999).
    fn deuteranope(color: Rgb) -> [f64; 3] {
        let [r, g, b] = color.map(|c| (f64::from(c) / 255.0).powf(2.2));
        [0.292_75 * r + 0.707_25 * g, 0.292_75 * r + 0.707_25 * g, -0.022_34 * r + 0.022_34 * g + b]
            .map(|v| v.clamp(0.0, 1.0).powf(1.0 / 2.2) * 255.0)
    }

    fn distance(a: Rgb, b: Rgb) -> f64 {
        let [a, b] = [deuteranope(a), deuteranope(b)];
        (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt()
    }

    const THEMES: [Theme; 2] = [Theme::Dark, Theme::Light];

    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let [a, b] = [luminance(a), luminance(b)];
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn brightness_leaves_that_of_the_ground_on_both_sides_of_zero() {
        for theme in THEMES {
            let palette: &Palette = theme.palette();
            for side in [-1.0, 1.0] {
                let away = |i| contrast(palette.diverging(side * i as f32 / 20.0), palette.zero);
                let along: Vec<f64> = (0..=20).map(away).collect();
                assert!(along.windows(2).all(|w| w[0] < w[1]), "{theme:?}: {along:?}");
            }
        }
    }

    #[test]
    fn the_signs_are_told_apart_without_green_cones() {
        assert!(distance([200, 60, 0], [60, 110, 0]) < 60.0, "what they cannot tell apart counts as near");
        for theme in THEMES {
            for t in [0.3, 0.6, 0.8] {
                let palette = theme.palette();
                let apart = distance(palette.diverging(t), palette.diverging(-t));
                assert!(apart > 60.0, "{theme:?} {t}: {apart}");
            }
        }
    }

    #[test]
    fn marks_and_classes_stand_out_from_the_ground() {
        for theme in THEMES {
            let palette = theme.palette();
            let marks = [palette.selected, palette.pinned, palette.ink, palette.right_wrong[1]];
            for color in marks.into_iter().chain(palette.classes) {
                let contrast = contrast(color, palette.zero);
                assert!(contrast >= 3.0, "{theme:?} {color:?}: {contrast:.2}");
            }
            for (i, a) in palette.classes.iter().enumerate() {
                for b in &palette.classes[..i] {
                    assert!(distance(*a, *b) > 15.0, "{theme:?}: {a:?} and {b:?}");
                }
            }
        }
    }
}
