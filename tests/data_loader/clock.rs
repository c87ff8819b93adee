//! The clock and evaluations against their twins.

use revacnn::data::{Clock, DataLoader, Sample, twin};
use revacnn::gpu::Buffer;

use crate::compare::{assert_close, assert_no_errors, open_gpu, poisoned, sum_tolerance};
use crate::fixture::SIZES;
use crate::step_twin::{DataTwin, UNCHANGED, synthetic};

#[test]
fn the_clock_counts_as_its_twin() {
    let gpu = open_gpu();
    let data = synthetic(47, 13);
    let mut loader = DataLoader::new(&gpu, &data).unwrap();
    let results = Buffer::<[f32; 2]>::zeroed(&gpu, "results", SIZES.slots);
    let squares = Buffer::<[f32; 4]>::zeroed(&gpu, "squares", 64);
    let [evaluation, tick] = loader.build_counting(&gpu, SIZES, &results.range(), &squares.range()).unwrap();
    // The second step ends an epoch, the third is halted, and so is the fourth, by a sum that is not finite; the second pass of the
    // evaluation is its last.
    let mut clock =
        Clock { step: 7, epoch: 2, cursor: 30, eval_cursor: 43, eval_end: 47, ..Clock::default() };
    for step in 0..4_u32 {
        clock.halted = u32::from(step == 2);
        // Whole numbers are exact in any order; what stands beside the sums does not count.
        let mut sums = [[0.0, 5.0, 5.0, 5.0]; 64];
        (sums[0][0], sums[63][0]) = (9.0 + step as f32, 16.0);
        if step == 3 {
            sums[17][0] = f32::INFINITY;
        }
        squares.write(&gpu, 0, &sums);
        // Sums of quarters are exact in any order; the slots of the probes do not count.
        let of = |n: usize| [0.25 * (n + 3) as f32 + step as f32, f32::from(u8::from(n.is_multiple_of(2)))];
        let made: Vec<[f32; 2]> = (0..SIZES.slots).map(of).collect();
        results.write(&gpu, 0, &made);
        (0..4).for_each(|_| twin::count_training(&mut clock, SIZES, &made));
        assert!(clock.step_loss > 0.0 && clock.step_correct > 0 && clock.drawn == 12);
        loader.set_clock(&gpu, &clock);
        let mut encoder = gpu.encoder("clock");
        evaluation.encode(&mut encoder);
        tick.encode(&mut encoder);
        gpu.submit(encoder);
        twin::count_evaluation(&mut clock, SIZES, &made);
        let sum = sums.iter().map(|sum| f64::from(sum[0])).sum();
        let (entry, values) = twin::tick(&mut clock, sum, SIZES.batch as u32, loader.train_images as u32);
        let read = loader.clock().read(&gpu)[0];
        assert_eq!(read, clock, "step {step}");
        let record = loader.history().read(&gpu)[entry as usize];
        assert_eq!(record.step, entry);
        let found = [record.loss, record.accuracy, record.epochs];
        assert_close("history", &found, &values.map(f64::from), 1e-6);
    }
    assert_eq!([clock.step, clock.epoch, clock.cursor, clock.eval_cursor], [9, 3, 7, 47]);
    assert!(clock.done_images > 0 && clock.epoch_images == 0);
    assert_no_errors(&gpu);
}

#[test]
fn evaluations_go_through_their_positions_as_the_twin() {
    let gpu = open_gpu();
    let data = synthetic(47, 13);
    let mut loader = DataLoader::new(&gpu, &data).unwrap();
    loader.set_probes(&gpu, &[12, 3]);
    let data_twin = DataTwin::new(&data);
    let samples = Buffer::<Sample>::zeroed(&gpu, "samples", SIZES.slots);
    let input = poisoned(&gpu, "input", data.shape.len() * SIZES.slots);
    let results = Buffer::<[f32; 2]>::zeroed(&gpu, "results", SIZES.slots).range();
    let [_, draw] = loader.build(&gpu, SIZES, &samples.range(), &input.range(), false).unwrap();
    let squares = Buffer::<[f32; 4]>::zeroed(&gpu, "squares", 64).range();
    let [count, _] = loader.build_counting(&gpu, SIZES, &results, &squares).unwrap();
    loader.begin_evaluation(&gpu, loader.validation());
    // Four images in passes of three.
    for images in [3, 1, 0] {
        let clock = loader.clock().read(&gpu)[0];
        let mut encoder = gpu.encoder("evaluation");
        draw.encode(&mut encoder);
        count.encode(&mut encoder);
        gpu.submit(encoder);
        let made = samples.read(&gpu);
        let expected: Vec<_> =
            (0..4).map(|n| twin::evaluation_sample(&clock, &data_twin.order, SIZES, n)).collect();
        assert_eq!(expected.iter().flatten().count(), images);
        for (n, (sample, image)) in made.iter().zip(&expected).enumerate() {
            let label = image.map_or(0, |image| data_twin.label(image) as u32);
            let scale = f32::from(u8::from(image.is_some()));
            let image = image.unwrap_or(0);
            assert_eq!(*sample, Sample { image, label, change: UNCHANGED, scale, random: 0 }, "slot {n}");
        }
        assert_eq!([made[4].image, made[5].image, made[7].image], [47 + 12, 47 + 3, 47 + 3]);
        let drawn: Vec<_> =
            made.iter().map(|s| (s.scale > 0.0).then_some([s.image, s.change, s.random])).collect();
        assert_close("input", &input.read(&gpu), &data_twin.input(&drawn).values, sum_tolerance(3));
    }
    assert_no_errors(&gpu);
}
