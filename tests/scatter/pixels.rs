//! Many points as pixels.

use revacnn::gpu::Buffer;
use revacnn::view::{ColorBy, Placement, PointPrimitive, PointStyle, ScatterSet, Scatters, Theme};

use revacnn::view::twin::Splatted;

use crate::stage::*;

/// The key of a dot that is not pinned or selected.
fn key(i: usize, group: u32) -> u32 {
    (((i as u32).wrapping_mul(2_654_435_761) >> 11) << 9) | group
}

/// The mean of the dots' colors, nearer to ink where they are many, on black.
fn mixed(pixel: &Splatted, opacity: f64, ink: [u8; 3]) -> [f64; 3] {
    let count = f64::from(pixel.dots);
    let alpha = 1.0 - (1.0 - opacity).powi(pixel.dots as i32);
    let share = (0.09 * count.log2() - 0.18).clamp(0.0, 0.5);
    [0, 1, 2].map(|c| {
        let mean = f64::from(pixel.color[c]) / count;
        alpha * (mean + (f64::from(ink[c]) - mean) * share)
    })
}

/// Pixels of a picture that are not as expected.
fn wrong_pixels(picture: &[[u8; 4]], expected: &[[f64; 3]]) -> usize {
    let differs = |(a, b): (&[u8; 4], &[f64; 3])| (0..3).any(|i| (f64::from(a[i]) - b[i]).abs() > 1.6);
    picture.iter().zip(expected).filter(|pair| differs(*pair)).count()
}

/// Classes, and predictions of which some are wrong and some are none.
fn groups(count: usize) -> (Vec<u32>, Vec<u32>) {
    let classes: Vec<u32> = (0..count).map(|i| random(i, 7) % 13).collect();
    let predicted = |i: usize| match random(i, 8) % 8 {
        0 => 2,
        1 => u32::MAX,
        _ => classes[i],
    };
    let predictions = (0..count).map(predicted).collect();
    (classes, predictions)
}

#[test]
fn many_points_are_pixels_whose_colors_are_those_of_the_twin() {
    let gpu = gpu();
    let mut scatters = Scatters::new(&gpu, wgpu::TextureFormat::Rgba8Unorm).unwrap();
    let count = 7003;
    let (positions, pixels) = in_pixels(count);
    let (classes, predictions) = groups(count);
    let set = ScatterSet {
        classes: Some(Buffer::from_slice(&gpu, "classes", &classes).range()),
        predictions: Some(Buffer::from_slice(&gpu, "predictions", &predictions).range()),
        ..set(&gpu, &positions)
    };
    for (side, opacity, theme) in [(1, 0.6, Theme::Dark), (2, 0.85, Theme::Light), (5, 0.85, Theme::Dark)] {
        scatters.set_theme(&gpu, theme).unwrap();
        let palette = theme.palette();
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
                _ if group == 255 => palette.unknown,
                ColorBy::Error => palette.right_wrong[group as usize - 256],
                _ => palette.classes[group as usize % 10],
            };
            let all = splatted(&pixels, side, |i| (key(i, group(i)), color(group(i))));
            let most = all.iter().map(|pixel| pixel.dots).max().unwrap();
            assert!(most > 20, "no pixel is dense: {most}");
            let shown = |pixel: &Splatted| match pixel.dots {
                0 => [0.0; 3],
                _ => mixed(pixel, opacity, palette.ink),
            };
            let expected: Vec<[f64; 3]> = all.iter().map(shown).collect();
            assert_eq!(wrong_pixels(&picture, &expected), 0, "dots of {side} pixels by {color_by:?}");
            // The front dot's color alone, other colors, and dots a pixel farther, are told apart.
            let front = |pixel: &Splatted| {
                let group = if pixel.dots == 0 { 255 } else { pixel.key & 511 };
                let color = color(group).map(|c| u32::from(c) * pixel.dots);
                shown(&Splatted { color, ..*pixel })
            };
            assert!(wrong_pixels(&picture, &all.iter().map(front).collect::<Vec<_>>()) > 100);
            let swapped: Vec<[f64; 3]> = expected.iter().map(|[r, g, b]| [*b, *r, *g]).collect();
            assert!(wrong_pixels(&picture, &swapped) > 1000);
            let shifted: Vec<[f64; 3]> =
                expected.iter().cycle().skip(1).take(expected.len()).copied().collect();
            assert!(wrong_pixels(&picture, &shifted) > 1000);
        }
    }
}
