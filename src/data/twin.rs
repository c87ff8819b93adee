//! The twins of the kernels of `shaders/data`: plain loops that say what a kernel computes.

use super::augmentation::Augmentation;
use super::batch::BatchSizes;
use super::clock::{self, Clock};
use super::gather;
use super::permutation::{key, mix, permute};
use super::sampler::{self, Sampling};

/// A kernel's shader, its entry point, and the path of its twin, or `not:` and the reason.
pub type KernelTwin = (&'static str, &'static str, &'static str);

/// Every compute entry point of `shaders/data`.
pub const TWINS: &[KernelTwin] = &ALL;

const PARTS: [&[KernelTwin]; 3] = [sampler::TWINS, gather::TWINS, clock::TWINS];
const ALL: [KernelTwin; total_len(&PARTS)] = joined(&PARTS);

/// Number of entries in all parts.
pub(crate) const fn total_len(parts: &[&[KernelTwin]]) -> usize {
    let (mut len, mut i) = (0, 0);
    while i < parts.len() {
        len += parts[i].len();
        i += 1;
    }
    len
}

/// The parts one after the other.
pub(crate) const fn joined<const N: usize>(parts: &[&[KernelTwin]]) -> [KernelTwin; N] {
    let mut all = [("", "", ""); N];
    let (mut at, mut part) = (0, 0);
    while part < parts.len() {
        let mut i = 0;
        while i < parts[part].len() {
            all[at] = parts[part][i];
            (at, i) = (at + 1, i + 1);
        }
        part += 1;
    }
    all
}

/// Image, change and random word of training sample `n`; none for padding.
pub fn sample(
    clock: &Clock,
    sampling: &Sampling,
    order: &[u32],
    sizes: BatchSizes,
    train: u32,
    n: u32,
) -> Option<[u32; 3]> {
    let i = clock.drawn + n;
    if n >= sizes.micro_batch as u32 || i >= sizes.batch as u32 {
        return None;
    }
    let position = clock.cursor + i;
    let (position, epoch) =
        if position >= train { (position - train, clock.epoch + 1) } else { (position, clock.epoch) };
    let image = order[permute(position, train, key([sampling.seed_low, sampling.seed_high], epoch)) as usize];
    let random = mix(i ^ mix(clock.step ^ mix(sampling.seed_low ^ mix(sampling.seed_high.wrapping_add(1)))));
    let steps = 2 * sampling.shift + 1;
    let dx = 128 - sampling.shift + ((random >> 8) & 4095) * steps / 4096;
    let dy = 128 - sampling.shift + (random >> 20) * steps / 4096;
    Some([image, (random & sampling.flip & 1) | (dx << 8) | (dy << 16), mix(random ^ 0x2545_f491)])
}

/// Image of sample `n` of an evaluation pass, which is unchanged; none for padding.
pub fn evaluation_sample(clock: &Clock, order: &[u32], sizes: BatchSizes, n: u32) -> Option<u32> {
    let position = clock.eval_cursor + n;
    (n < sizes.micro_batch as u32 && position < clock.eval_end).then(|| order[position as usize])
}

/// Sum of the losses, and number of correct images, of a pass's results `[loss, correct]`.
fn total(results: &[[f32; 2]]) -> (f32, u32) {
    let loss: f64 = results.iter().map(|[loss, _]| f64::from(*loss)).sum();
    (loss as f32, results.iter().map(|[_, correct]| *correct as u32).sum())
}

/// Counts the results of the trained slots of a training pass.
pub fn count_training(clock: &mut Clock, sizes: BatchSizes, results: &[[f32; 2]]) {
    let (loss, correct) = total(&results[..sizes.train_slots]);
    clock.step_loss += loss;
    clock.step_correct += correct;
    clock.drawn += sizes.micro_batch as u32;
}

/// Counts the results of an evaluation pass.
pub fn count_evaluation(clock: &mut Clock, sizes: BatchSizes, results: &[[f32; 2]]) {
    let (loss, correct) = total(&results[..sizes.train_slots]);
    clock.eval_loss += loss;
    clock.eval_correct += correct;
    clock.eval_cursor = (clock.eval_cursor + sizes.micro_batch as u32).min(clock.eval_end);
}

/// Ends a step of `batch` images by the sum of the squares of its gradients; a halted one has no effect. Returns its entry of the
/// history: step, mean loss, accuracy (−1 when halted), epochs.
pub fn tick(clock: &mut Clock, squares: f64, batch: u32, train_images: u32) -> (u32, [f32; 3]) {
    clock.gradient_norm = squares.sqrt() as f32;
    if !squares.is_finite() || !clock.step_loss.is_finite() {
        clock.halted = 1;
    }
    let images = batch as f32;
    let (loss, correct) = (clock.step_loss, clock.step_correct);
    (clock.drawn, clock.step_loss, clock.step_correct) = (0, 0.0, 0);
    let epochs = |clock: &Clock| clock.epoch as f32 + clock.cursor as f32 / train_images as f32;
    if clock.halted != 0 {
        return (clock.step + 1, [loss / images, -1.0, epochs(clock)]);
    }
    clock.step += 1;
    clock.cursor += batch;
    clock.epoch_loss += loss;
    clock.epoch_correct += correct;
    clock.epoch_images += batch;
    let entry = (clock.step, [loss / images, correct as f32 / images, epochs(clock)]);
    if clock.cursor >= train_images {
        clock.cursor -= train_images;
        clock.epoch += 1;
        (clock.done_loss, clock.done_correct, clock.done_images) =
            (clock.epoch_loss, clock.epoch_correct, clock.epoch_images);
        (clock.epoch_loss, clock.epoch_correct, clock.epoch_images) = (0.0, 0, 0);
    }
    entry
}

/// Random changes of one image beside flip and shift, by its sample's random word; twin of the distortions in `data/gather.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Changes {
    /// Angle in radians.
    pub angle: f64,
    /// Factor of its size.
    pub factor: f64,
    /// Added to a pixel, whose range is 0 to 1.
    pub brightness: f64,
    /// Factor of a pixel's distance from the channel's mean.
    pub contrast: f64,
    /// Rows and columns of the cutout, first and one past the last; they may lie outside.
    pub cut: [[i64; 2]; 2],
}

impl Changes {
    /// The changes of an image of `height × width`; none where `random` is 0.
    pub fn of(augmentation: &Augmentation, random: u32, [height, width]: [usize; 2]) -> Self {
        if random == 0 {
            return Self { angle: 0.0, factor: 1.0, brightness: 0.0, contrast: 1.0, cut: [[0, 0]; 2] };
        }
        let uniform = |k: u32| {
            let bits = mix(random.wrapping_add(k.wrapping_mul(0x9e37_79b9))) >> 8;
            f64::from(bits) / 16_777_216.0
        };
        let within = |k: u32, most: f32| f64::from(most) * (2.0 * uniform(k) - 1.0);
        let side = i64::from(augmentation.cutout);
        let cut = |k: u32, length: usize| {
            let first = (uniform(k) * length as f64) as i64 - side / 2;
            [first, first + side]
        };
        Self {
            angle: within(1, augmentation.rotation.to_radians()),
            factor: 1.0 + within(2, augmentation.scale),
            brightness: within(3, augmentation.brightness),
            contrast: 1.0 + within(4, augmentation.contrast),
            cut: [cut(5, height), cut(6, width)],
        }
    }
}
