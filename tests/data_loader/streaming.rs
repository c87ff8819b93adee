//! Images that stream through a window.

use revacnn::data::{Augmentation, Clock, DataLoader};
use revacnn::gpu::{DeviceProfile, Gpu};

use crate::compare::{assert_no_errors, open_gpu};
use crate::fixture::{Fixture, SEED, SIZES};
use crate::step_twin::synthetic;

#[test]
fn a_window_of_images_draws_the_same_images() {
    for large_tiles in [true, false] {
        let mut gpu = open_gpu();
        gpu.set_profile(DeviceProfile { large_tiles, ..gpu.profile() }).unwrap();
        // A GPU draws and gathers in one dispatch where nothing is rotated.
        compare_window(gpu, large_tiles);
    }
}

fn compare_window(mut gpu: Gpu, rotates: bool) {
    // 900 images in slots of 128 bytes: two rings of 128 slots, and 128 for the probes.
    let data = synthetic(700, 200);
    let mut whole = Fixture::new(&gpu, DataLoader::new(&gpu, &data).unwrap(), &data, rotates);
    gpu.set_image_memory(Some(3 * 128 * 128));
    let mut windowed = Fixture::new(&gpu, DataLoader::new(&gpu, &data).unwrap(), &data, rotates);
    let rotation = if rotates { 40.0 } else { 0.0 };
    let augmentation = Augmentation { shift: 3, flip: true, rotation, ..Augmentation::default() };
    for fixture in [&mut whole, &mut windowed] {
        fixture.loader.set_sampling(&gpu, SEED, &augmentation);
        fixture.loader.set_probes(&gpu, &[199, 3]);
    }
    // 150 steps of 10 draw two epochs of 630 and the beginning of a third; every ring goes round ten times.
    let mut clock = Clock::default();
    for step in 0..150_u32 {
        windowed.loader.supply(&gpu, &clock, SIZES.batch);
        assert!(windowed.loader.has_step(&clock, SIZES.batch));
        for pass in 0..if step % 50 > 47 { 4 } else { 0 } {
            let [(mut samples, input), (streamed, streamed_input)] =
                [&whole, &windowed].map(|b| b.pass(&gpu));
            samples
                .iter_mut()
                .zip(&streamed)
                .filter(|(c, _)| c.scale > 0.0)
                .for_each(|(c, s)| c.image = s.image);
            assert_eq!(samples, streamed, "step {step}, pass {pass}");
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
        for fixture in [&mut whole, &mut windowed] {
            fixture.loader.clock().write(&gpu, 0, &[clock]);
        }
    }
    // The control: a step that is not supplied draws the images of another.
    let far = Clock { cursor: 500, ..clock };
    for fixture in [&whole, &windowed] {
        fixture.loader.clock().write(&gpu, 0, &[far]);
    }
    assert!(!windowed.loader.has_step(&far, SIZES.batch));
    assert_ne!(whole.pass(&gpu).1, windowed.pass(&gpu).1);
    assert_no_errors(&gpu);
}

#[test]
fn what_was_not_supplied_is_not_drawn() {
    let mut gpu = open_gpu();
    let data = synthetic(700, 200);
    gpu.set_image_memory(Some(3 * 128 * 128));
    let mut loader = DataLoader::new(&gpu, &data).unwrap();
    let at = |cursor: u32| Clock { cursor, ..Clock::default() };
    assert!(!loader.has_step(&at(0), 1), "nothing is there at the beginning");
    loader.supply(&gpu, &at(0), 10);
    assert!(loader.has_step(&at(0), 128) && loader.has_step(&at(100), 28));
    assert!(!loader.has_step(&at(100), 29), "128 images fit");
    loader.supply(&gpu, &at(100), 10);
    assert!(loader.has_step(&at(100), 128));
    // Another seed has another order, and an earlier clock other images.
    loader.set_sampling(&gpu, 3, &Augmentation::default());
    assert!(!loader.has_step(&at(100), 1));
    loader.supply(&gpu, &at(100), 10);
    loader.set_clock(&gpu, &at(50));
    assert!(!loader.has_step(&at(50), 1));
    loader.begin_evaluation(&gpu, loader.test());
    assert!(!loader.has_evaluation_pass(100));
    loader.supply(&gpu, &at(50), 10);
    assert!(
        loader.has_step(&at(50), 128) && loader.has_evaluation_pass(128) && !loader.has_evaluation_pass(129)
    );
    loader.end_evaluation_pass(100);
    assert!(!loader.has_evaluation_pass(100));
    loader.supply(&gpu, &at(50), 10);
    assert!(loader.has_evaluation_pass(1000), "the 100 that are left, and no more");
}
