//! The data loader against its twins: the samples drawn, their augmentation, the network's input, the clock.

mod clock;
#[path = "../compare/mod.rs"]
mod compare;
mod fixture;
#[path = "../step_twin/mod.rs"]
mod step_twin;
mod streaming;

use compare::{assert_close, assert_differs, assert_no_errors, open_gpu, sum_tolerance};
use fixture::{Fixture, SEED, SIZES};
use revacnn::data::{
    Augmentation, BatchSizes, DataLoader, Dataset, ImageShape, Sample, Sampling, Split, twin,
};
use revacnn::gpu::{Buffer, DeviceProfile};
use step_twin::{CLASSES, DataTwin, UNCHANGED, synthetic};

#[test]
fn batches_are_those_of_the_twin() {
    let shifted = Augmentation { shift: 3, flip: true, ..Augmentation::default() };
    let distorted =
        Augmentation { rotation: 40.0, scale: 0.3, brightness: 0.2, contrast: 0.6, cutout: 3, ..shifted };
    for large_tiles in [true, false] {
        compare_batches(shifted, sum_tolerance(3), large_tiles);
        // Places between pixels are good to some 1e-6 of a pixel, and neighbours differ by up to the whole range.
        compare_batches(distorted, 1e-5, large_tiles);
    }
}

fn compare_batches(augmentation: Augmentation, tolerance: f64, large_tiles: bool) {
    let mut gpu = open_gpu();
    gpu.set_profile(DeviceProfile { large_tiles, ..gpu.profile() }).unwrap();
    let data = synthetic(47, 13);
    let loader = DataLoader::new(&gpu, &data).unwrap();
    let mut fixture = Fixture::new(&gpu, loader, &data, augmentation.distorts());
    let data_twin = DataTwin::new(&data).with(augmentation);
    let train = fixture.loader.train_images;
    assert_eq!((train, fixture.loader.validation_images, fixture.loader.test_images), (43, 4, 13));
    fixture.loader.set_probes(&gpu, &[12, 3]);
    let sampling = Sampling::of(SEED, &augmentation);
    fixture.loader.set_sampling(&gpu, SEED, &augmentation);
    let mut seen = vec![0; data.train.len()];
    let mut changes = Vec::new();
    // 13 steps of 10 draw three epochs of 43 and one image of the next.
    for step in 0..13 {
        for pass in 0..4 {
            let clock = fixture.clock(&gpu);
            assert_eq!([clock.step, clock.drawn], [step, 3 * pass]);
            let (samples, input) = fixture.pass(&gpu);
            let drawn: Vec<_> = (0..SIZES.slots as u32)
                .map(|n| match n {
                    0..4 => twin::sample(&clock, &sampling, &data_twin.order, SIZES, train as u32, n),
                    4 => Some([47 + 12, UNCHANGED, 0]),
                    _ => Some([47 + 3, UNCHANGED, 0]),
                })
                .collect();
            for (n, (sample, drawn)) in samples.iter().zip(&drawn).enumerate() {
                let expected = expected_sample(&data_twin, n, *drawn);
                assert_eq!(*sample, expected, "step {step}, pass {pass}, slot {n}");
            }
            for [image, change, _] in drawn[..4].iter().flatten() {
                seen[*image as usize] += 1;
                changes.push(*change);
            }
            assert_input(&data_twin, &input, &drawn, tolerance);
        }
        fixture.run(&gpu, &fixture.tick);
    }
    // One image is on its fourth turn; the validation images never have one.
    let mut turns = data_twin.order[..train].iter().map(|image| seen[*image as usize]).collect::<Vec<u32>>();
    turns.sort_unstable();
    assert_eq!(turns, [vec![3; 42], vec![4]].concat());
    assert_eq!(seen.iter().sum::<u32>(), 130, "nothing but training images is drawn");
    spread(&changes);
    assert_no_errors(&gpu);
}

/// The sample in slot `n` of a drawn image, change and random word.
fn expected_sample(data: &DataTwin<'_>, n: usize, drawn: Option<[u32; 3]>) -> Sample {
    let scale = if n < 4 { 0.1 } else { 1.0 };
    match drawn {
        Some([image, change, random]) => {
            Sample { image, label: data.label(image) as u32, change, scale, random }
        }
        None => Sample { image: 0, label: 0, change: UNCHANGED, scale: 0.0, random: 0 },
    }
}

/// Compares the network's input with the twin's, with a control for each kind of change.
fn assert_input(data_twin: &DataTwin<'_>, input: &[f32], drawn: &[Option<[u32; 3]>], tolerance: f64) {
    assert_close("input", input, &data_twin.input(drawn).values, tolerance);
    let mut turned = drawn.to_vec();
    turned[0].as_mut().unwrap()[1] ^= 1;
    assert_differs("a flip", input, &data_twin.input(&turned).values, tolerance);
    let changes: [fn(&mut Augmentation); 5] = [
        |a| a.rotation *= 0.9,
        |a| a.scale *= 0.9,
        |a| a.brightness *= 0.9,
        |a| a.contrast *= 0.9,
        |a| a.cutout += 1,
    ];
    for change in changes.iter().filter(|_| data_twin.augmentation.rotation > 0.0) {
        let mut other = data_twin.clone();
        change(&mut other.augmentation);
        assert_differs("another change", input, &other.input(drawn).values, tolerance);
    }
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
fn images_by_tiles_are_those_by_pixels_to_the_bit() {
    // Widths about those of a word, of a tile's rows and of a whole tile; more slots than a tile has, and not a multiple of them.
    let sizes = BatchSizes { batch: 70, micro_batch: 70, train_slots: 72, slots: 76 };
    for (width, height) in [(1, 9), (3, 5), (16, 7), (21, 4), (32, 9), (33, 3), (64, 2), (65, 2)] {
        let shape = ImageShape { channels: 2, height, width };
        let split = |count: usize| {
            let images: Vec<u8> = (0..count * shape.len()).map(|i| (i * 7919 % 251) as u8).collect();
            Split { images: images.into(), labels: vec![0; count] }
        };
        let data = Dataset::new("noise", shape, vec!["a".into(), "b".into()], split(90), split(5)).unwrap();
        let made = [true, false].map(|large_tiles| {
            let mut gpu = open_gpu();
            gpu.set_profile(DeviceProfile { large_tiles, ..gpu.profile() }).unwrap();
            let mut loader = DataLoader::new(&gpu, &data).unwrap();
            loader.set_sampling(
                &gpu,
                SEED,
                &Augmentation { shift: 2, flip: true, ..Augmentation::default() },
            );
            let samples = Buffer::<Sample>::zeroed(&gpu, "samples", sizes.slots).range();
            let input = compare::poisoned(&gpu, "input", shape.len() * sizes.slots);
            let [draw, _] = loader.build(&gpu, sizes, &samples, &input.range(), false).unwrap();
            let mut encoder = gpu.encoder("gather");
            draw.encode(&mut encoder);
            gpu.submit(encoder);
            assert_no_errors(&gpu);
            input.read(&gpu).iter().map(|value| value.to_bits()).collect::<Vec<_>>()
        });
        assert!(made[0].iter().any(|bits| *bits != 0));
        assert!(made[0] == made[1], "{width}×{height}");
    }
}

#[test]
fn images_in_several_chunks_are_the_same_images() {
    for large_tiles in [true, false] {
        compare_chunks(large_tiles);
    }
}

fn compare_chunks(large_tiles: bool) {
    let mut gpu = open_gpu();
    gpu.set_profile(DeviceProfile { large_tiles, ..gpu.profile() }).unwrap();
    let data = synthetic(35, 13);
    let data_twin = DataTwin::new(&data);
    // 48 images of 126 bytes in bindings of 2100: chunks of 16 images, the last one of four for the user's own.
    let (most, limits) = (2100, gpu.limits.clone());
    gpu.limits.max_storage_buffer_binding_size = most;
    let loader = DataLoader::new(&gpu, &data).unwrap();
    gpu.limits = limits;
    let mut fixture = Fixture::new(&gpu, loader, &data, false);
    fixture.loader.set_probes(&gpu, &[12, 5]);
    let mut chunks = [0; 3];
    for _ in 0..5 {
        for _ in 0..4 {
            let (samples, input) = fixture.pass(&gpu);
            let drawn: Vec<_> =
                samples.iter().map(|c| (c.scale > 0.0).then_some([c.image, c.change, c.random])).collect();
            assert_close("input", &input, &data_twin.input(&drawn).values, sum_tolerance(3));
            samples.iter().for_each(|c| chunks[c.image as usize / 16] += 1);
        }
        fixture.run(&gpu, &fixture.tick);
    }
    assert!(chunks.iter().all(|c| *c > 0), "images of each chunk: {chunks:?}");
}

#[test]
fn too_little_data_is_refused() {
    let gpu = open_gpu();
    let error = DataLoader::new(&gpu, &synthetic(1, 1)).err().expect("one image cannot train and validate");
    assert!(error.what().contains("1 training"), "{error}");
    assert_eq!(DataLoader::new(&gpu, &synthetic(2, 1)).unwrap().train_images, 1);
    assert_eq!(synthetic(2, 1).classes.len(), CLASSES);
}
