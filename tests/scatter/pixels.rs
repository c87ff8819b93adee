//! Many points as pixels.

use revacnn::gpu::Buffer;
use revacnn::view::{
    CLASS_COLORS, ColorBy, Placement, PointPrimitive, PointStyle, RIGHT_WRONG, ScatterSet, Scatters, UNKNOWN,
};

use crate::stage::*;

/// The key of a dot that is not pinned or selected.
fn key(i: usize, group: u32) -> u32 {
    (((i as u32).wrapping_mul(2_654_435_761) >> 11) << 9) | group
}

fn mixed(color: [u8; 3], count: u32, opacity: f64) -> [f64; 3] {
    let alpha = 1.0 - (1.0 - opacity).powi(count as i32);
    let white = (0.09 * f64::from(count).log2() - 0.18).clamp(0.0, 0.5);
    color.map(|c| alpha * (f64::from(c) + (255.0 - f64::from(c)) * white))
}

/// Pixels of a picture that are not as expected.
fn wrong_pixels(picture: &[[u8; 4]], expected: &[[f64; 3]]) -> usize {
    let differs = |(a, b): (&[u8; 4], &[f64; 3])| (0..3).any(|i| (f64::from(a[i]) - b[i]).abs() > 1.6);
    picture.iter().zip(expected).filter(|pair| differs(*pair)).count()
}

#[test]
fn many_points_are_pixels_whose_colors_are_those_of_the_twin() {
    let gpu = gpu();
    let mut scatters = Scatters::new(&gpu, wgpu::TextureFormat::Rgba8Unorm).unwrap();
    let count = 7003;
    let (positions, pixels) = in_pixels(count);
    let classes: Vec<u32> = (0..count).map(|i| random(i, 7) % 13).collect();
    let predictions: Vec<u32> = (0..count)
        .map(|i| match random(i, 8) % 8 {
            0 => 2,
            1 => u32::MAX,
            _ => classes[i],
        })
        .collect();
    let set = ScatterSet {
        classes: Some(Buffer::from_slice(&gpu, "classes", &classes).range()),
        predictions: Some(Buffer::from_slice(&gpu, "predictions", &predictions).range()),
        ..set(&gpu, &positions)
    };
    for (side, opacity) in [(1, 0.6), (2, 0.85), (5, 0.85)] {
        for color_by in [ColorBy::Class, ColorBy::Prediction, ColorBy::Error] {
            let placement = Placement {
                style: PointStyle { dot: side as f32, color_by, ..Default::default() },
                ..Placement::new(RECTANGLE)
            };
            frame(&gpu, &mut scatters, &set, placement);
            let picture = draw(&gpu, &scatters, PointPrimitive::Dots);
            let group = |i: usize| match color_by {
                ColorBy::Class => classes[i],
                ColorBy::Prediction => predictions[i].min(255),
                ColorBy::Error if predictions[i] == u32::MAX => 255,
                ColorBy::Error => 256 + u32::from(classes[i] != predictions[i]),
            };
            let color = |group: u32| match color_by {
                _ if group == 255 => UNKNOWN,
                ColorBy::Error => RIGHT_WRONG[group as usize - 256],
                _ => CLASS_COLORS[group as usize % 10],
            };
            let all = splatted(&pixels, side, |i| key(i, group(i)));
            let most = all.iter().map(|pixel| pixel.0).max().unwrap();
            assert!(most > 20, "no pixel is dense: {most}");
            let expected: Vec<[f64; 3]> = all
                .iter()
                .map(|(n, key)| if *n == 0 { [0.0; 3] } else { mixed(color(key & 511), *n, opacity) })
                .collect();
            assert_eq!(wrong_pixels(&picture, &expected), 0, "dots of {side} pixels by {color_by:?}");
            // Other colors, and dots a pixel farther, are told apart.
            let swapped: Vec<[f64; 3]> = expected.iter().map(|[r, g, b]| [*b, *r, *g]).collect();
            assert!(wrong_pixels(&picture, &swapped) > 1000);
            let shifted: Vec<[f64; 3]> =
                expected.iter().cycle().skip(1).take(expected.len()).copied().collect();
            assert!(wrong_pixels(&picture, &shifted) > 1000);
        }
    }
}
