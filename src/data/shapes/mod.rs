//! The built-in data set "shapes": ten classes of figures, 32×32 RGB, drawn from a seed.
//!
//! Every image is a function of (seed, split, index) alone: colors, position, size, angle, clutter and
//! noise come from one ChaCha8 stream per image, by arithmetic that is the same on every machine.
//! So a seed names the same bytes whatever the number of threads. Labels run 0, 1, ... 9, 0, ...:
//! the classes are balanced in every stretch of ten images.
//!
//! It is made so that the class is a matter of form, not of color or position: a linear model on the
//! pixels gets a third right, a small convolutional network learns it in two epochs. Figures are bright
//! on dark ground: with either on either, the same network needs far more than two epochs.

mod canvas;
mod figure;
mod random;

use std::num::NonZero;
use std::thread;

use crate::error::Result;

use super::dataset::{Dataset, ImageShape, Split};
use canvas::{Brush, Canvas, SIDE, each};
use figure::{CLASSES, Figure};
use random::Random;

/// The seed of `Dataset::open("shapes")`.
pub const SEED: u64 = 2016;
/// The number of training images of `Dataset::open("shapes")`.
pub const TRAIN: usize = 50_000;
/// The number of test images of `Dataset::open("shapes")`.
pub const TEST: usize = 10_000;

const SHAPE: ImageShape = ImageShape { channels: 3, height: SIDE, width: SIDE };

/// Smallest distance between the colors of figure and background in the RGB cube (whose diagonal is 1.73).
const CONTRAST: f32 = 0.8;
/// Streams of the test images start here, far from those of any training image.
const TEST_STREAM: u64 = 1 << 63;

/// `n_train` training and `n_test` test images of the seed; fewer images are a prefix of more.
///
/// # Errors
/// When a count is zero.
pub fn generate(seed: u64, n_train: usize, n_test: usize) -> Result<Dataset> {
    Dataset::new(
        "shapes",
        SHAPE,
        CLASSES.map(String::from).to_vec(),
        split(seed, 0, n_train),
        split(seed, TEST_STREAM, n_test),
    )
}

fn split(seed: u64, first_stream: u64, count: usize) -> Split {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let labels = (0..count).map(label_of).collect();
    Split { images: render(seed, first_stream, count, threads).into(), labels }
}

fn label_of(index: usize) -> u8 {
    (index % CLASSES.len()) as u8
}

/// Images `[count, 3, SIDE, SIDE]`, cut into as many runs as there are threads.
fn render(seed: u64, first_stream: u64, count: usize, threads: usize) -> Vec<u8> {
    let mut images = vec![0; count * SHAPE.len()];
    let run = count.div_ceil(threads).max(1);
    thread::scope(|scope| {
        for (part, bytes) in images.chunks_mut(run * SHAPE.len()).enumerate() {
            scope.spawn(move || {
                for (i, image) in bytes.chunks_exact_mut(SHAPE.len()).enumerate() {
                    let index = part * run + i;
                    let mut random = Random::new(seed, first_stream + index as u64);
                    scene(label_of(index), &mut random, image);
                }
            });
        }
    });
    images
}

/// One image `[3, SIDE, SIDE]`: background, clutter, the figure, a little clutter over it, noise.
fn scene(label: u8, random: &mut Random, bytes: &mut [u8]) {
    let ground = random.color().map(|v| 0.25 * v);
    let slope = [0.0; 3].map(|_: f32| random.range(-0.2, 0.2));
    let mut canvas = Canvas::new(ground, slope, random.direction());

    let behind = 1 + random.below(3);
    for _ in 0..behind {
        clutter(&mut canvas, random);
    }

    let reach = random.range(9.0, 13.0);
    let slack = 0.85 * (0.5 * SIDE as f32 - 0.85 * reach);
    let center = [0.0; 2].map(|_: f32| 0.5 * SIDE as f32 + random.range(-slack, slack));
    let [cos, sin] = random.direction();
    let figure = Figure::of_class(label, reach, random);
    let brush = Brush {
        color: contrasting(ground, random),
        opacity: 1.0,
        slope: random.range(-0.2, 0.2),
        towards: random.direction(),
    };
    canvas.paint(center, 1.5 * reach, &brush, |x, y| {
        let turned = [each(x, y, |x, y| x * cos + y * sin), each(x, y, |x, y| y * cos - x * sin)];
        figure.distances(&turned[0], &turned[1])
    });

    let before = random.below(2);
    for _ in 0..before {
        clutter(&mut canvas, random);
    }
    let amplitude = random.range(0.05, 0.18);
    canvas.write(amplitude, random, bytes);
}

/// A dot or a short stroke anywhere, in any color.
fn clutter(canvas: &mut Canvas, random: &mut Random) {
    let center = [0.0; 2].map(|_: f32| random.unit() * SIDE as f32);
    let brush = Brush::plain(random.color(), random.range(0.5, 1.0));
    let radius = random.range(0.5, 1.4);
    let half = if random.below(2) == 0 { 0.0 } else { random.range(1.5, 5.0) };
    let [cos, sin] = random.direction();
    let stroke = |x: f32, y: f32| {
        let along = x * cos + y * sin;
        let (dx, dy) = (x - cos * along.clamp(-half, half), y - sin * along.clamp(-half, half));
        (dx * dx + dy * dy).sqrt() - radius
    };
    canvas.paint(center, half + radius + 1.0, &brush, |x, y| each(x, y, stroke));
}

/// A color at least `CONTRAST` from `ground`.
fn contrasting(ground: [f32; 3], random: &mut Random) -> [f32; 3] {
    for _ in 0..32 {
        let color = random.color().map(|v| 0.15 + 0.85 * v);
        if gap(color, ground) >= CONTRAST {
            return color;
        }
    }
    // So unlucky, take black or white: one of them is at least half the cube's diagonal away.
    if gap([0.0; 3], ground) > gap([1.0; 3], ground) { [0.0; 3] } else { [1.0; 3] }
}

/// The distance between two colors in the RGB cube.
fn gap(a: [f32; 3], b: [f32; 3]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
}

#[cfg(test)]
mod tests;
