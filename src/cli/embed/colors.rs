//! Colors of classes on white: ten for all kinds of color vision, and for more classes those farthest from all before them.

use revacnn::data::Labels;

/// Ten colors that color-blind eyes can tell apart (after Okabe and Ito 2008, and Tol's muted scheme).
const COLORS: [[u8; 3]; 10] = [
    [0, 114, 178],
    [230, 159, 0],
    [0, 158, 115],
    [204, 121, 167],
    [213, 94, 0],
    [86, 180, 233],
    [120, 110, 30],
    [51, 34, 136],
    [136, 34, 85],
    [90, 90, 90],
];
/// Color of rows without a class.
pub(super) const NO_CLASS: [u8; 3] = [205, 205, 205];
/// Largest number of distinct colors; further classes begin again.
const MAX_COLORS: usize = 256;
/// Lightness (0 black, 1 white) of colors that stand out on white without being taken for black.
const LIGHTNESS: std::ops::Range<f32> = 0.3..0.82;
/// Ends of the scale of numbers: violet, green, yellow.
const SCALE: [[u8; 3]; 3] = [[68, 1, 84], [33, 145, 140], [233, 200, 20]];

/// A color in Oklab, in which distances are as they are seen (Ottosson 2020): lightness, green to red, blue to yellow.
fn oklab(color: [u8; 3]) -> [f32; 3] {
    let [r, g, b] = color.map(|value| {
        let value = f32::from(value) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
}

/// As many colors as classes; from [`MAX_COLORS`] on they repeat.
fn distinct(classes: usize) -> Vec<[u8; 3]> {
    const STEPS: u8 = 16;
    let level = |i: u16| (i * 17) as u8;
    let all = (0..u16::from(STEPS).pow(3)).map(|i| [level(i / 256), level(i / 16 % 16), level(i % 16)]);
    let shown: Vec<([u8; 3], [f32; 3])> =
        all.map(|color| (color, oklab(color))).filter(|(_, lab)| LIGHTNESS.contains(&lab[0])).collect();
    let mut colors: Vec<[u8; 3]> = COLORS.to_vec();
    let nearest = |lab: [f32; 3], colors: &[[u8; 3]]| {
        colors.iter().map(|color| distance(oklab(*color), lab)).fold(f32::MAX, f32::min)
    };
    let mut apart: Vec<f32> = shown.iter().map(|(_, lab)| nearest(*lab, &COLORS)).collect();
    while colors.len() < classes.min(MAX_COLORS) {
        let farthest =
            (0..shown.len()).max_by(|a, b| apart[*a].total_cmp(&apart[*b])).expect("there are colors");
        let (color, at) = shown[farthest];
        colors.push(color);
        shown.iter().zip(&mut apart).for_each(|((_, lab), apart)| *apart = apart.min(distance(*lab, at)));
    }
    (0..classes).map(|class| colors[class % colors.len()]).collect()
}

/// True for labels that are measured, not counted, and get a scale of colors: many numbers, with parts, or with gaps and hardly any
/// that comes again.
pub(super) fn is_scale(labels: &Labels) -> bool {
    let numbers = &labels.numbers;
    let measured = || numbers.iter().any(|number| number.fract() != 0.0);
    let has_gaps = || numbers.windows(2).any(|pair| pair[1] - pair[0] > 1.0);
    let few_each = || 4 * numbers.len() > labels.classes.len();
    let unnamed = || numbers.iter().zip(&labels.names).all(|(number, name)| number.to_string() == *name);
    numbers.len() > COLORS.len() && unnamed() && (measured() || (has_gaps() && few_each()))
}

/// Color of each class.
pub(super) fn of_classes(labels: &Labels) -> Vec<[u8; 3]> {
    if !is_scale(labels) {
        return distinct(labels.names.len());
    }
    let ends = labels.numbers.first().zip(labels.numbers.last());
    let (first, last) = ends.expect("a scale has numbers");
    let color = |number: &f64| {
        let t = 2.0 * ((number - first) / (last - first)).clamp(0.0, 1.0);
        let [from, to] = if t < 1.0 { [SCALE[0], SCALE[1]] } else { [SCALE[1], SCALE[2]] };
        let mix = |i: usize| {
            f64::from(from[i]) + (f64::from(to[i]) - f64::from(from[i])) * (t - t.floor().min(1.0))
        };
        [0, 1, 2].map(|i| mix(i).round() as u8)
    };
    labels.numbers.iter().map(color).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_colors_are_apart_and_the_first_ten_stay() {
        let colors = distinct(100);
        assert_eq!(colors[..10], COLORS);
        let labs: Vec<_> = colors.iter().map(|color| oklab(*color)).collect();
        // A just noticeable difference is about 0.02.
        for (i, a) in labs.iter().enumerate() {
            assert!(LIGHTNESS.contains(&a[0]), "{:?} on white", colors[i]);
            for (j, b) in labs.iter().enumerate().take(i) {
                assert!(distance(*a, *b) > 0.05, "classes {j} and {i}: {:?}, {:?}", colors[j], colors[i]);
            }
        }
        assert_eq!(distinct(300)[299], distinct(300)[299 - MAX_COLORS]);
    }

    #[test]
    fn white_and_black_are_the_ends_of_oklab() {
        let [l, a, b] = oklab([255, 255, 255]);
        assert!((l - 1.0).abs() < 1e-3 && a.abs() < 1e-3 && b.abs() < 1e-3, "{l} {a} {b}");
        assert_eq!(oklab([0, 0, 0]), [0.0; 3]);
        // Red as Ottosson gives it: 0.628, 0.225, 0.126.
        assert!(distance(oklab([255, 0, 0]), [0.628, 0.225, 0.126]) < 2e-3);
    }

    #[test]
    fn measured_labels_have_a_scale() {
        let numbers: Vec<f64> = (0..21).map(|i| f64::from(i) / 4.0).collect();
        let labels =
            Labels { names: numbers.iter().map(ToString::to_string).collect(), numbers, classes: vec![] };
        let colors = of_classes(&labels);
        assert!(is_scale(&labels));
        assert_eq!([colors[0], colors[10], colors[20]], SCALE);
        let whole = |numbers: &[i32], each: usize| {
            let classes = (0..numbers.len() as u32).flat_map(|class| vec![class; each]).collect();
            let names = numbers.iter().map(ToString::to_string).collect();
            Labels { names, numbers: numbers.iter().map(|n| f64::from(*n)).collect(), classes }
        };
        let counted: Vec<i32> = (1..=100).collect();
        let ages: Vec<i32> = (0..60).map(|i| i * i).collect();
        assert!(is_scale(&whole(&ages, 2)), "nearly as many numbers as rows");
        assert!(!is_scale(&whole(&ages, 9)) && !is_scale(&whole(&counted, 1)), "classes");
    }
}
