//! What is taken of the images of an evaluation, against plain loops: passes of odd sizes, the last one not full.

mod compare;

use compare::{assert_close, assert_differs, assert_no_errors, open_gpu, poisoned, sum_tolerance};
use revacnn::data::{Clock, Column};
use revacnn::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder};
use revacnn::nn::{
    Best, Shape, Taking, Tensor, predictions_twin, responses_twin, rows_twin, shrunk, standardise,
};

/// Images of a pass, columns, images of all passes, the first's place in the order of images.
const MICRO_BATCH: usize = 7;
const COLUMNS: usize = 12;
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

    fn taking(&self) -> Taking {
        Taking {
            clock: self.clock.range(),
            places: BEGIN..BEGIN + IMAGES,
            micro_batch: MICRO_BATCH,
            columns: COLUMNS,
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
fn columns_of(values: &[f64], images: std::ops::Range<usize>) -> Vec<f32> {
    let mut columns = vec![f32::NAN; values.len() / IMAGES * COLUMNS];
    for d in 0..values.len() / IMAGES {
        for (n, image) in images.clone().enumerate() {
            columns[d * COLUMNS + n] = values[d * IMAGES + image] as f32;
        }
    }
    columns
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
        let activations = poisoned(&gpu, "activations", shape.len() * COLUMNS);
        let dims = shrunk(shape, shrink).len();
        let rows = poisoned(&gpu, "rows", IMAGES * dims);
        let plan =
            plan(&gpu, |p| passes.taking().rows(p, (activations.range(), shape), shrink, rows.range()));
        passes.run(&plan, |range| activations.write(&gpu, 0, &columns_of(&images.values, range)));
        let found = rows.read(&gpu);
        for n in 0..IMAGES {
            let row = &found[n * dims..][..dims];
            assert_close("row", row, &rows_twin(&images, shrink, n), sum_tolerance(shrink * shrink));
            assert_differs("another image", row, &rows_twin(&images, shrink, (n + 1) % IMAGES), 1e-3);
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
    let labels = (0..IMAGES).map(|n| (n * 5 % classes) as u32).collect();
    (labels, outputs, shares)
}

#[test]
fn predictions_are_those_of_the_twin() {
    let gpu = open_gpu();
    let passes = Passes::new(&gpu);
    for classes in [2, 3, 11] {
        let (labels, z, shares) = outputs(classes);
        let columns = Buffer::<Column>::zeroed(&gpu, "columns", COLUMNS);
        let outputs = poisoned(&gpu, "outputs", classes * COLUMNS);
        let probabilities = poisoned(&gpu, "probabilities", classes * COLUMNS);
        let ranges = || [columns.range(), outputs.range(), probabilities.range()];
        let given = Buffer::<u32>::zeroed(&gpu, "labels", IMAGES);
        let predicted = Buffer::from_slice(&gpu, "predictions", &[77_u32; IMAGES]);
        let best = Buffer::<Best>::zeroed(&gpu, "best", IMAGES);
        let to = || [given.range(), predicted.range(), best.range()];
        let plan = plan(&gpu, |p| passes.taking().predictions(p, ranges(), classes, to()));
        passes.run(&plan, |range| {
            let of = |n: usize| Column { label: labels[n], ..Column::default() };
            columns.write(&gpu, 0, &range.clone().map(of).collect::<Vec<_>>());
            outputs.write(&gpu, 0, &columns_of(&z, range.clone()));
            probabilities.write(&gpu, 0, &columns_of(&shares, range));
        });
        let (predictions, best) = (predicted.read(&gpu), best.read(&gpu));
        assert_eq!(given.read(&gpu), labels);
        let image = |values: &[f64], n: usize| -> Vec<f64> {
            (0..classes).map(|c| f64::from(values[c * IMAGES + n] as f32)).collect()
        };
        let mut same_as_next = 0;
        for n in 0..IMAGES {
            let expected = predictions_twin(&image(&z, n), &image(&shares, n));
            let found: Vec<(usize, f64)> = best[n].classes().map(|(c, p)| (c, f64::from(p))).collect();
            assert_eq!(found, expected, "image {n} of {classes} classes");
            assert_eq!(predictions[n], expected.first().map_or(Best::NONE, |(c, _)| *c as u32));
            let next = predictions_twin(&image(&z, (n + 1) % IMAGES), &image(&shares, (n + 1) % IMAGES));
            same_as_next += usize::from(found == next);
        }
        assert!(same_as_next == 0, "{same_as_next} images are as the next one");
        // A network that tells no classes apart predicts none.
        let plan = self::plan(&gpu, |p| passes.taking().predictions(p, ranges(), 0, to()));
        passes.run(&plan, |_| ());
        assert_eq!(predicted.read(&gpu), vec![Best::NONE; IMAGES]);
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
        let activations = poisoned(&gpu, "activations", shape.len() * COLUMNS);
        let plan = plan(&gpu, |p| {
            passes.taking().responses(p, (activations.range(), shape), first_row, responses.range())
        });
        passes.run(&plan, |range| activations.write(&gpu, 0, &columns_of(&maps.values, range)));
        expected.extend(responses_twin(&maps));
        first_row += shape.channels;
    }
    let before = responses.read(&gpu);
    let finishing = plan(&gpu, |p| standardise(p, [total, IMAGES], responses.range()));
    let mut encoder = gpu.encoder("standardise");
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
fn before_an_evaluation_nothing_is_taken() {
    let gpu = open_gpu();
    let passes = Passes::new(&gpu);
    let shape = Shape::new(2, 3, 3);
    let ones: BufferRange = Buffer::from_slice(&gpu, "activations", &vec![1.0_f32; 18 * COLUMNS]).range();
    let rows = Buffer::from_slice(&gpu, "rows", &vec![5.0_f32; IMAGES * 18]);
    let plan = plan(&gpu, |p| passes.taking().rows(p, (ones, shape), 1, rows.range()));
    // A clock that was set back stands before the evaluation's first place.
    let mut encoder = gpu.encoder("pass");
    plan.encode(&mut encoder);
    gpu.submit(encoder);
    assert_eq!(rows.read(&gpu), vec![5.0; IMAGES * 18]);
    assert_no_errors(&gpu);
}
