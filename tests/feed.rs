//! Drawing batches on the GPU against its twin: which images, how changed, and what the network is given.

mod compare;
mod step_twin;

use compare::{assert_close, assert_differs, assert_no_errors, open_gpu, poisoned, sum_tolerance};
use revacnn::data::{Augmentation, BatchSizes, Clock, Column, Dataset, Feed, Sampling, draw_twin};
use revacnn::gpu::{Buffer, Gpu, Plan};
use step_twin::{CLASSES, DataTwin, UNCHANGED, synthetic};

/// Batches of 10 in passes of 3: a column of padding in each pass, and a last pass of one image; 4 probes.
const SIZES: BatchSizes = BatchSizes { batch: 10, micro_batch: 3, train_columns: 4, columns: 8 };
/// Both words of a seed at work.
const SEED: u64 = 0xfeed_0000_0003;

/// A feed with the plans of a step and its buffers.
struct Bench {
    feed: Feed,
    columns: Buffer<Column>,
    input: Buffer<f32>,
    draw: Plan,
    count: Plan,
    tick: Plan,
}

impl Bench {
    fn new(gpu: &Gpu, feed: Feed, data: &Dataset, distort: bool) -> Self {
        let columns = Buffer::<Column>::zeroed(gpu, "columns", SIZES.columns);
        let input = poisoned(gpu, "input", data.shape.len() * SIZES.columns);
        let results = Buffer::<[f32; 2]>::zeroed(gpu, "results", SIZES.columns).range();
        let [draw, _] = feed.build(gpu, SIZES, &columns.range(), &input.range(), distort).unwrap();
        let [count, _, tick] = feed.build_counting(gpu, SIZES, &results).unwrap();
        Self { feed, columns, input, draw, count, tick }
    }

    fn run(&self, gpu: &Gpu, plan: &Plan) {
        let mut encoder = gpu.encoder("feed");
        plan.encode(&mut encoder);
        gpu.submit(encoder);
    }

    fn clock(&self, gpu: &Gpu) -> Clock {
        self.feed.clock().read(gpu)[0]
    }

    /// Draws one pass over poisoned buffers.
    fn pass(&self, gpu: &Gpu) -> (Vec<Column>, Vec<f32>) {
        let nothing = Column { image: u32::MAX, label: u32::MAX, change: 0, scale: f32::NAN, random: 7 };
        self.columns.write(gpu, 0, &[nothing; SIZES.columns]);
        self.input.write(gpu, 0, &vec![f32::NAN; self.input.len()]);
        self.run(gpu, &self.draw);
        let drawn = (self.columns.read(gpu), self.input.read(gpu));
        self.run(gpu, &self.count);
        drawn
    }
}

#[test]
fn batches_are_those_of_the_twin() {
    let shifted = Augmentation { shift: 3, flip: true, ..Augmentation::default() };
    let distorted =
        Augmentation { rotation: 40.0, scale: 0.3, brightness: 0.2, contrast: 0.6, cutout: 3, ..shifted };
    compare_batches(shifted, sum_tolerance(3));
    // Places between pixels are good to some 1e-6 of a pixel, and neighbours differ by up to the whole range.
    compare_batches(distorted, 1e-5);
}

fn compare_batches(augmentation: Augmentation, tolerance: f64) {
    let gpu = open_gpu();
    let data = synthetic(47, 13);
    let feed = Feed::new(&gpu, &data).unwrap();
    let mut bench = Bench::new(&gpu, feed, &data, augmentation.distorts());
    let twin = DataTwin::new(&data).with(augmentation);
    let train = bench.feed.train_images;
    assert_eq!((train, bench.feed.validation_images, bench.feed.test_images), (43, 4, 13));
    bench.feed.set_probes(&gpu, &[12, 3]);
    let sampling = Sampling::of(SEED, &augmentation);
    bench.feed.set_sampling(&gpu, SEED, &augmentation);
    let mut seen = vec![0; data.train.len()];
    let mut changes = Vec::new();
    // 13 steps of 10 draw three epochs of 43 and one image of the next.
    for step in 0..13 {
        for pass in 0..4 {
            let clock = bench.clock(&gpu);
            assert_eq!([clock.step, clock.drawn], [step, 3 * pass]);
            let (columns, input) = bench.pass(&gpu);
            let drawn: Vec<_> = (0..SIZES.columns as u32)
                .map(|n| match n {
                    0..4 => draw_twin(&clock, &sampling, &twin.order, SIZES, train as u32, n),
                    4 => Some([47 + 12, UNCHANGED, 0]),
                    _ => Some([47 + 3, UNCHANGED, 0]),
                })
                .collect();
            for (n, (column, drawn)) in columns.iter().zip(&drawn).enumerate() {
                let scale = if n < 4 { 0.1 } else { 1.0 };
                let expected = match drawn {
                    Some([image, change, random]) => {
                        let label = twin.label(*image) as u32;
                        Column { image: *image, label, change: *change, scale, random: *random }
                    }
                    None => Column { image: 0, label: 0, change: UNCHANGED, scale: 0.0, random: 0 },
                };
                assert_eq!(*column, expected, "step {step}, pass {pass}, column {n}");
            }
            for [image, change, _] in drawn[..4].iter().flatten() {
                seen[*image as usize] += 1;
                changes.push(*change);
            }
            let expected = twin.input(&drawn).values;
            assert_close("input", &input, &expected, tolerance);
            let mut turned = drawn.clone();
            turned[0].as_mut().unwrap()[1] ^= 1;
            assert_differs("a flip", &input, &twin.input(&turned).values, tolerance);
            let changes: [fn(&mut Augmentation); 5] = [
                |a| a.rotation *= 0.9,
                |a| a.scale *= 0.9,
                |a| a.brightness *= 0.9,
                |a| a.contrast *= 0.9,
                |a| a.cutout += 1,
            ];
            for change in changes.iter().filter(|_| augmentation.rotation > 0.0) {
                let mut other = DataTwin::new(&data).with(augmentation);
                change(&mut other.augmentation);
                assert_differs("another change", &input, &other.input(&drawn).values, tolerance);
            }
        }
        bench.run(&gpu, &bench.tick);
    }
    // One image is on its fourth turn; the validation images never have one.
    let mut turns = twin.order[..train].iter().map(|image| seen[*image as usize]).collect::<Vec<u32>>();
    turns.sort_unstable();
    assert_eq!(turns, [vec![3; 42], vec![4]].concat());
    assert_eq!(seen.iter().sum::<u32>(), 130, "nothing but training images is drawn");
    spread(&changes);
    assert_no_errors(&gpu);
}

/// Flips and shifts take all their values: 0 or 1, and -3 to 3 in both directions.
fn spread(changes: &[u32]) {
    let flips = changes.iter().filter(|c| *c & 1 == 1).count();
    assert!(flips > 40 && flips < 90, "{flips} of 130 are flipped");
    for shift in [8, 16] {
        let mut values: Vec<u32> = changes.iter().map(|c| c >> shift & 255).collect();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values, (125..=131).collect::<Vec<_>>());
    }
}

#[test]
fn images_in_several_chunks_are_the_same_images() {
    let mut gpu = open_gpu();
    let data = synthetic(47, 13);
    let twin = DataTwin::new(&data);
    // 60 images of 126 bytes in bindings of 2100: chunks of 16 images.
    let (most, limits) = (2100, gpu.limits.clone());
    gpu.limits.max_storage_buffer_binding_size = most;
    let feed = Feed::new(&gpu, &data).unwrap();
    gpu.limits = limits;
    let mut bench = Bench::new(&gpu, feed, &data, false);
    bench.feed.set_probes(&gpu, &[12, 5]);
    let mut chunks = [0; 4];
    for _ in 0..5 {
        for _ in 0..4 {
            let (columns, input) = bench.pass(&gpu);
            let drawn: Vec<_> =
                columns.iter().map(|c| (c.scale > 0.0).then_some([c.image, c.change, c.random])).collect();
            assert_close("input", &input, &twin.input(&drawn).values, sum_tolerance(3));
            columns.iter().for_each(|c| chunks[c.image as usize / 16] += 1);
        }
        bench.run(&gpu, &bench.tick);
    }
    assert!(chunks.iter().all(|c| *c > 0), "images of each chunk: {chunks:?}");
}

#[test]
fn a_window_of_images_draws_the_same_images() {
    let mut gpu = open_gpu();
    // 900 images in slots of 128 bytes: two rings of 128 slots, and 128 for the probes.
    let data = synthetic(700, 200);
    let mut whole = Bench::new(&gpu, Feed::new(&gpu, &data).unwrap(), &data, true);
    gpu.set_image_memory(Some(3 * 128 * 128));
    let mut windowed = Bench::new(&gpu, Feed::new(&gpu, &data).unwrap(), &data, true);
    let augmentation = Augmentation { shift: 3, rotation: 40.0, ..Augmentation::default() };
    for bench in [&mut whole, &mut windowed] {
        bench.feed.set_sampling(&gpu, SEED, &augmentation);
        bench.feed.set_probes(&gpu, &[199, 3]);
    }
    // 150 steps of 10 draw two epochs of 630 and the beginning of a third; every ring goes round ten times.
    let mut clock = Clock::default();
    for step in 0..150_u32 {
        windowed.feed.supply(&gpu, &clock, SIZES.batch);
        assert!(windowed.feed.has_step(&clock, SIZES.batch));
        for pass in 0..if step % 50 > 47 { 4 } else { 0 } {
            let [(mut columns, input), (streamed, streamed_input)] =
                [&whole, &windowed].map(|b| b.pass(&gpu));
            columns
                .iter_mut()
                .zip(&streamed)
                .filter(|(c, _)| c.scale > 0.0)
                .for_each(|(c, s)| c.image = s.image);
            assert_eq!(columns, streamed, "step {step}, pass {pass}");
            let same = input.iter().zip(&streamed_input).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "step {step}, pass {pass}");
            let slots = streamed.iter().map(|c| c.image).collect::<Vec<_>>();
            assert!(
                slots[..4].iter().all(|slot| *slot < 128) && slots[4..] == [256, 257, 258, 259],
                "{slots:?}"
            );
        }
        // The clocks go on by themselves where the passes were counted; else they are set.
        clock.step += 1;
        clock.cursor += SIZES.batch as u32;
        if clock.cursor >= 630 {
            clock = Clock { cursor: clock.cursor - 630, epoch: clock.epoch + 1, ..clock };
        }
        for bench in [&mut whole, &mut windowed] {
            bench.feed.clock().write(&gpu, 0, &[clock]);
        }
    }
    // The control: a step that is not supplied draws the images of another.
    let far = Clock { cursor: 500, ..clock };
    for bench in [&whole, &windowed] {
        bench.feed.clock().write(&gpu, 0, &[far]);
    }
    assert!(!windowed.feed.has_step(&far, SIZES.batch));
    assert_ne!(whole.pass(&gpu).1, windowed.pass(&gpu).1);
    assert_no_errors(&gpu);
}

#[test]
fn what_was_not_supplied_is_not_drawn() {
    let mut gpu = open_gpu();
    let data = synthetic(700, 200);
    gpu.set_image_memory(Some(3 * 128 * 128));
    let mut feed = Feed::new(&gpu, &data).unwrap();
    let at = |cursor: u32| Clock { cursor, ..Clock::default() };
    assert!(!feed.has_step(&at(0), 1), "nothing is there at the beginning");
    feed.supply(&gpu, &at(0), 10);
    assert!(feed.has_step(&at(0), 128) && feed.has_step(&at(100), 28));
    assert!(!feed.has_step(&at(100), 29), "128 images fit");
    feed.supply(&gpu, &at(100), 10);
    assert!(feed.has_step(&at(100), 128));
    // Another seed has another order, and an earlier clock other images.
    feed.set_sampling(&gpu, 3, &Augmentation::default());
    assert!(!feed.has_step(&at(100), 1));
    feed.supply(&gpu, &at(100), 10);
    feed.set_clock(&gpu, &at(50));
    assert!(!feed.has_step(&at(50), 1));
    feed.begin_evaluation(&gpu, feed.test());
    assert!(!feed.has_evaluation_pass(100));
    feed.supply(&gpu, &at(50), 10);
    assert!(feed.has_step(&at(50), 128) && feed.has_evaluation_pass(128) && !feed.has_evaluation_pass(129));
    feed.end_evaluation_pass(100);
    assert!(!feed.has_evaluation_pass(100));
    feed.supply(&gpu, &at(50), 10);
    assert!(feed.has_evaluation_pass(1000), "the 100 that are left, and no more");
}

#[test]
fn too_little_data_is_refused() {
    let gpu = open_gpu();
    let error = Feed::new(&gpu, &synthetic(1, 1)).err().expect("one image cannot train and validate");
    assert!(error.what().contains("1 training"), "{error}");
    assert_eq!(Feed::new(&gpu, &synthetic(2, 1)).unwrap().train_images, 1);
    assert_eq!(synthetic(2, 1).classes.len(), CLASSES);
}
