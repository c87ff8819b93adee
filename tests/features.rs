//! Feature extraction against its twins: passes of odd sizes, the last one not full.

mod compare;

use compare::{assert_close, assert_differs, assert_no_errors, open_gpu, poisoned, sum_tolerance};
use revacnn::data::{BatchSizes, Clock, Sample};
use revacnn::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder};
use revacnn::nn::features::{Extraction, mark_fired};
use revacnn::nn::{Shape, Tensor, TopK, shrunk, standardize, twin};

/// Images of a pass, slots, images of all passes, the first's position in the image order.
const MICRO_BATCH: usize = 7;
const SLOTS: usize = 12;
const IMAGES: usize = 24;
const BEGIN: usize = 5;

/// An evaluation on the GPU: a clock, and passes that fill a buffer with their images.
struct Passes<'g> {
    gpu: &'g Gpu,
    clock: Buffer<Clock>,
}

impl<'g> Passes<'g> {
    fn new(gpu: &'g Gpu) -> Self {
        Self { gpu, clock: Buffer::zeroed(gpu, "clock", 1) }
    }

    fn extraction(&self) -> Extraction {
        Extraction {
            clock: self.clock.range(),
            positions: BEGIN..BEGIN + IMAGES,
            micro_batch: MICRO_BATCH,
            slots: SLOTS,
        }
    }

    /// Runs the plan once a pass; before it `fill` is given the pass's images, and the clock stands after them.
    fn run(&self, plan: &Plan, mut fill: impl FnMut(std::ops::Range<usize>)) {
        for first in (0..IMAGES).step_by(MICRO_BATCH) {
            let end = (first + MICRO_BATCH).min(IMAGES);
            fill(first..end);
            self.clock.write(self.gpu, 0, &[Clock { eval_cursor: (BEGIN + end) as u32, ..Clock::default() }]);
            let mut encoder = self.gpu.encoder("pass");
            plan.encode(&mut encoder);
            self.gpu.submit(encoder);
        }
    }
}

/// The values `[d, n]` of these images among padding of NaN.
fn slots_of(values: &[f64], images: std::ops::Range<usize>) -> Vec<f32> {
    let mut slots = vec![f32::NAN; values.len() / IMAGES * SLOTS];
    for d in 0..values.len() / IMAGES {
        for (n, image) in images.clone().enumerate() {
            slots[d * SLOTS + n] = values[d * IMAGES + image] as f32;
        }
    }
    slots
}

fn plan(gpu: &Gpu, build: impl FnOnce(&mut PlanBuilder<'_>) -> revacnn::Result<()>) -> Plan {
    let mut builder = PlanBuilder::new(gpu);
    build(&mut builder).unwrap();
    builder.finish()
}

#[test]
fn rows_and_thumbnails_are_those_of_the_twin() {
    let gpu = open_gpu();
    let passes = Passes::new(&gpu);
    let shape = Shape::new(3, 7, 5);
    let images = Tensor::sample(shape, IMAGES, 3);
    for shrink in [1, 2, 3, 9] {
        let activations = poisoned(&gpu, "activations", shape.len() * SLOTS);
        let dims = shrunk(shape, shrink).len();
        let rows = poisoned(&gpu, "rows", IMAGES * dims);
        let plan = plan(&gpu, |p| {
            passes.extraction().features(p, (activations.range(), shape), shrink, rows.range())
        });
        passes.run(&plan, |range| activations.write(&gpu, 0, &slots_of(&images.values, range)));
        let found = rows.read(&gpu);
        for n in 0..IMAGES {
            let row = &found[n * dims..][..dims];
            assert_close("row", row, &twin::feature_row(&images, shrink, n), sum_tolerance(shrink * shrink));
            assert_differs("another image", row, &twin::feature_row(&images, shrink, (n + 1) % IMAGES), 1e-3);
        }
    }
    assert_no_errors(&gpu);
}

/// Labels, outputs and shares of the images, with ties, a class that is no number and an image without any number.
fn outputs(classes: usize) -> (Vec<u32>, Vec<f64>, Vec<f64>) {
    let mut outputs = Tensor::sample(Shape::new(classes, 1, 1), IMAGES, 11).values;
    let shares =
        Tensor::sample(Shape::new(classes, 1, 1), IMAGES, 12).values.iter().map(|v| v.abs()).collect();
    for c in 0..classes {
        outputs[c * IMAGES + 4] = 0.25;
        outputs[c * IMAGES + 9] = f64::NAN;
    }
    outputs[6] = f64::NAN;
    // Infinity is a number.
    outputs[8] = f64::NEG_INFINITY;
    outputs[IMAGES + 10] = f64::INFINITY;
    outputs[IMAGES + 11] = f64::NAN;
    let labels = (0..IMAGES).map(|n| (n * 5 % classes) as u32).collect();
    (labels, outputs, shares)
}

#[test]
fn predictions_are_those_of_the_twin() {
    let gpu = open_gpu();
    let passes = Passes::new(&gpu);
    for classes in [2, 3, 11] {
        let (labels, z, shares) = outputs(classes);
        let samples = Buffer::<Sample>::zeroed(&gpu, "samples", SLOTS);
        let outputs = poisoned(&gpu, "outputs", classes * SLOTS);
        let probabilities = poisoned(&gpu, "probabilities", classes * SLOTS);
        let ranges = || [samples.range(), outputs.range(), probabilities.range()];
        let given = Buffer::<u32>::zeroed(&gpu, "labels", IMAGES);
        let predicted = Buffer::from_slice(&gpu, "predictions", &[77_u32; IMAGES]);
        let best = Buffer::<TopK>::zeroed(&gpu, "best", IMAGES);
        let to = || [given.range(), predicted.range(), best.range()];
        let plan = plan(&gpu, |p| passes.extraction().predictions(p, ranges(), classes, to()));
        passes.run(&plan, |range| {
            let of = |n: usize| Sample { label: labels[n], ..Sample::default() };
            samples.write(&gpu, 0, &range.clone().map(of).collect::<Vec<_>>());
            outputs.write(&gpu, 0, &slots_of(&z, range.clone()));
            probabilities.write(&gpu, 0, &slots_of(&shares, range));
        });
        let (predictions, best) = (predicted.read(&gpu), best.read(&gpu));
        assert_eq!(given.read(&gpu), labels);
        let image = |values: &[f64], n: usize| -> Vec<f64> {
            (0..classes).map(|c| f64::from(values[c * IMAGES + n] as f32)).collect()
        };
        let mut same_as_next = 0;
        for n in 0..IMAGES {
            let expected = twin::predictions(&image(&z, n), &image(&shares, n));
            let found: Vec<(usize, f64)> = best[n].classes().map(|(c, p)| (c, f64::from(p))).collect();
            assert_eq!(found, expected, "image {n} of {classes} classes");
            assert_eq!(predictions[n], expected.first().map_or(TopK::NONE, |(c, _)| *c as u32));
            let next = twin::predictions(&image(&z, (n + 1) % IMAGES), &image(&shares, (n + 1) % IMAGES));
            same_as_next += usize::from(found == next);
        }
        assert!(same_as_next == 0, "{same_as_next} images are as the next one");
        // A network that tells no classes apart predicts none.
        let plan = self::plan(&gpu, |p| passes.extraction().predictions(p, ranges(), 0, to()));
        passes.run(&plan, |_| ());
        assert_eq!(predicted.read(&gpu), vec![TopK::NONE; IMAGES]);
    }
    assert_no_errors(&gpu);
}

#[test]
fn responses_are_those_of_the_twin() {
    let gpu = open_gpu();
    let passes = Passes::new(&gpu);
    // A map of one pixel, of fewer than four, and of more with some left over; the second layer's filters follow the first's.
    let layers = [Shape::new(5, 1, 1), Shape::new(3, 1, 3), Shape::new(4, 5, 3)];
    let total: usize = layers.iter().map(|shape| shape.channels).sum();
    let responses = poisoned(&gpu, "responses", total * IMAGES);
    let mut expected = Vec::new();
    let mut first_row = 0;
    for (index, shape) in layers.into_iter().enumerate() {
        let mut maps = Tensor::sample(shape, IMAGES, 20 + index as u64);
        // The first filter of each layer responds to all images alike.
        maps.values[..shape.pixels() * IMAGES].fill(0.75);
        let activations = poisoned(&gpu, "activations", shape.len() * SLOTS);
        let plan = plan(&gpu, |p| {
            passes.extraction().responses(p, (activations.range(), shape), first_row, responses.range())
        });
        passes.run(&plan, |range| activations.write(&gpu, 0, &slots_of(&maps.values, range)));
        expected.extend(twin::responses(&maps));
        first_row += shape.channels;
    }
    let before = responses.read(&gpu);
    let finishing = plan(&gpu, |p| standardize(p, [total, IMAGES], responses.range()));
    let mut encoder = gpu.encoder("standardize");
    finishing.encode(&mut encoder);
    gpu.submit(encoder);
    let found = responses.read(&gpu);
    for (row, expected) in expected.iter().enumerate() {
        let found = &found[row * IMAGES..][..IMAGES];
        if expected.iter().all(|value| *value == 0.0) {
            assert!(found.iter().all(|value| *value == 0.0), "row {row}: {found:?}");
            continue;
        }
        assert_close("row", found, expected, 4.0 * sum_tolerance(IMAGES));
        assert_differs("a row as it was", &before[row * IMAGES..][..IMAGES], expected, 1e-3);
    }
    let zero = expected.iter().filter(|row| row.iter().all(|value| *value == 0.0)).count();
    assert_eq!(zero, layers.len());
    assert_no_errors(&gpu);
}

#[test]
fn before_an_evaluation_nothing_is_copied() {
    let gpu = open_gpu();
    let passes = Passes::new(&gpu);
    let shape = Shape::new(2, 3, 3);
    let ones: BufferRange = Buffer::from_slice(&gpu, "activations", &vec![1.0_f32; 18 * SLOTS]).range();
    let rows = Buffer::from_slice(&gpu, "rows", &vec![5.0_f32; IMAGES * 18]);
    let plan = plan(&gpu, |p| passes.extraction().features(p, (ones, shape), 1, rows.range()));
    // A clock that was set back stands before the evaluation's first position.
    let mut encoder = gpu.encoder("pass");
    plan.encode(&mut encoder);
    gpu.submit(encoder);
    assert_eq!(rows.read(&gpu), vec![5.0; IMAGES * 18]);
    assert_no_errors(&gpu);
}

#[test]
fn layers_that_fire_are_marked_as_the_twin_says() {
    let gpu = open_gpu();
    let features = 23_339;
    // Five images, padding up to eight slots, a probe in the first of the last four.
    let sizes = BatchSizes { batch: 5, micro_batch: 5, train_slots: 8, slots: SLOTS };
    let scale = |n: usize| if n < 5 || n == 8 { 1.0 } else { 0.0 };
    let samples: Vec<Sample> =
        (0..SLOTS).map(|n| Sample { scale: scale(n), ..bytemuck::Zeroable::zeroed() }).collect();
    let samples = Buffer::from_slice(&gpu, "samples", &samples);
    let with = |places: &[usize], value: f32| {
        let mut values = vec![-1.0_f32; features * SLOTS];
        values[SLOTS] = f32::NAN;
        values[3] = 0.0;
        places.iter().for_each(|at| values[*at] = value);
        values
    };
    let last = (features - 1) * SLOTS;
    let padding_and_probes: Vec<usize> = (5..SLOTS).chain(last + 5..last + SLOTS).collect();
    let layers = [
        (with(&[], 0.0), 0),
        (with(&[last + 4], 1e-30), 1),
        (with(&[0], 5.0), 1),
        (with(&[features / 2 * SLOTS], -0.0), 0),
        (with(&padding_and_probes, 5.0), 0),
        (with(&[&padding_and_probes[..], &[last + 1]].concat(), 5.0), 1),
    ];
    let fired = Buffer::from_slice(&gpu, "fired", &[0_u32, 0, 0, 0, 0, 0, 7]);
    for (index, (values, _)) in layers.iter().enumerate() {
        let activations = Buffer::from_slice(&gpu, "activations", values);
        let (samples, activations) = ((samples.range(), sizes), (activations.range(), features));
        let plan = plan(&gpu, |p| mark_fired(p, samples, activations, index, fired.range()));
        let mut encoder = gpu.encoder("fired");
        plan.encode(&mut encoder);
        gpu.submit(encoder);
    }
    let counts: Vec<bool> = (0..SLOTS).map(|n| n < 5).collect();
    let mut marks = Vec::new();
    for (values, expected) in layers {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        assert_eq!(u32::from(twin::fires(&values, &counts)), expected);
        marks.push(expected);
    }
    assert_eq!(fired.read(&gpu), [&marks[..], &[7]].concat());
    assert_no_errors(&gpu);
}
