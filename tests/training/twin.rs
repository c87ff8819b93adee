//! Losses, parameters and evaluations of the GPU against the step twin.

use std::rc::Rc;

use revacnn::data::Dataset;
use revacnn::gpu::{DeviceProfile, Gpu};
use revacnn::nn::{Hyper, Trainer, TrainerOptions};

use crate::compare::{assert_close, assert_differs, assert_no_errors, open_gpu, sum_tolerance};
use crate::step_twin::{StepTwin, by_layer, graph, network, synthetic};
use crate::{LOSS_TOLERANCE, OPTIONS, gpu_clock, history, train, trainer};

/// The losses of ten steps of the twin.
fn twin_losses(gpu: &Gpu, data: &Dataset, trainer: &Trainer, options: &TrainerOptions) -> Vec<f64> {
    let mut twin = StepTwin::new(gpu, data, network(), &trainer.parameters, options);
    (0..10).map(|_| twin.step()[0]).collect()
}

#[test]
fn ten_losses_are_those_of_the_twin() {
    let data = synthetic(47, 13);
    for nesterov in [true, false] {
        let mut gpu = open_gpu();
        if !nesterov {
            gpu.set_profile(DeviceProfile::GPU).unwrap();
        }
        let gpu = Rc::new(gpu);
        let options = TrainerOptions { hyper: Hyper { nesterov, ..OPTIONS.hyper }, ..OPTIONS };
        let mut trainer = trainer(&gpu, &data, options);
        assert_eq!(trainer.sizes().micro_batch, 4);
        let mut twin = StepTwin::new(&gpu, &data, network(), &trainer.parameters, &options);
        let changes: [fn(&mut TrainerOptions); 6] = [
            |o| o.hyper.nesterov ^= true,
            |o| o.hyper.weight_decay = 0.0,
            |o| o.hyper.momentum = 0.79,
            |o| o.seed ^= 1 << 32,
            |o| o.augmentation.flip = false,
            |o| o.augmentation.shift = 1,
        ];
        let others = changes.map(|change| {
            let mut other = options;
            change(&mut other);
            twin_losses(&gpu, &data, &trainer, &other)
        });
        train(&mut trainer, 10);
        let expected: Vec<[f64; 2]> = (0..10).map(|_| twin.step()).collect();
        let made = history(&trainer, 1..11);
        let losses: Vec<f32> = made.iter().map(|m| m[0]).collect();
        let expected_losses: Vec<f64> = expected.iter().map(|e| e[0]).collect();
        assert_close("ten losses", &losses, &expected_losses, LOSS_TOLERANCE);
        for (step, (made, expected)) in made.iter().zip(&expected).enumerate() {
            assert!((f64::from(made[1]) - expected[1]).abs() < 1e-6, "accuracy of step {}", step + 1);
        }
        for (what, other) in others.iter().enumerate() {
            assert_differs(&format!("change {what} of the options"), &losses, other, LOSS_TOLERANCE);
        }
        for (flat, twin) in
            [(&trainer.parameters.values, &twin.parameters), (&trainer.parameters.moments, &twin.moments)]
        {
            let made = by_layer(&trainer.network, &trainer.parameters, &flat.read(&gpu)).concat().concat();
            let made: Vec<f32> = made.iter().map(|v| *v as f32).collect();
            assert_close(
                "parameters or moments after ten steps",
                &made,
                &twin.concat().concat(),
                10.0 * LOSS_TOLERANCE,
            );
        }
        let clock = gpu_clock(&trainer);
        assert_eq!(
            [clock.step, clock.epoch, clock.cursor],
            [twin.clock.step, twin.clock.epoch, twin.clock.cursor]
        );
        assert!(clock.epoch >= 2, "the ten steps cross the end of an epoch");
        assert_no_errors(&gpu);
    }
}

#[test]
fn ten_losses_of_a_residual_network_are_those_of_the_twin() {
    let data = synthetic(47, 13);
    let gpu = Rc::new(open_gpu());
    let hyper = Hyper { learning_rate: 0.02, ..OPTIONS.hyper };
    // One pass, because batch normalization takes its statistics from a pass.
    let options = TrainerOptions { micro_batch: None, hyper, ..OPTIONS };
    let mut trainer = Trainer::new(Rc::clone(&gpu), &data, graph(), options).unwrap();
    let mut twin = StepTwin::new(&gpu, &data, graph(), &trainer.parameters, &options);
    let mut other =
        StepTwin::new(&gpu, &data, graph(), &trainer.parameters, &TrainerOptions { seed: 5, ..options });
    train(&mut trainer, 10);
    let losses: Vec<f32> = history(&trainer, 1..11).iter().map(|m| m[0]).collect();
    let expected: Vec<f64> = (0..10).map(|_| twin.step()[0]).collect();
    // Batch normalization divides by deviations, so errors grow a little from step to step.
    let tolerance = 10.0 * LOSS_TOLERANCE;
    assert_close("ten losses", &losses, &expected, tolerance);
    let others: Vec<f64> = (0..10).map(|_| other.step()[0]).collect();
    assert_differs("another seed of dropout", &losses, &others, tolerance);
    let made = by_layer(&trainer.network, &trainer.parameters, &trainer.parameters.values.read(&gpu));
    let made: Vec<f32> = made.concat().concat().iter().map(|v| *v as f32).collect();
    assert_close("parameters", &made, &twin.parameters.concat().concat(), 10.0 * tolerance);
    // An evaluation uses the running statistics and drops nothing.
    let range = trainer.loader.test();
    let (loss, right) = twin.evaluate(&twin.data.order[range.clone()]);
    trainer.loader.begin_evaluation(&gpu, range.clone());
    let mut encoder = gpu.encoder("evaluation");
    let passes = range.len().div_ceil(trainer.sizes().micro_batch);
    (0..passes).for_each(|_| trainer.evaluation_plan().encode(&mut encoder));
    gpu.submit(encoder);
    let clock = gpu_clock(&trainer);
    assert_eq!(clock.eval_correct as usize, right);
    assert_close("loss of an evaluation", &[clock.eval_loss], &[loss], 10.0 * tolerance);
    assert_no_errors(&gpu);
}

#[test]
fn evaluation_counts_every_image_once() {
    let gpu = Rc::new(open_gpu());
    let data = synthetic(131, 17);
    // Passes of 3 images have a slot of padding.
    let mut trainer = trainer(&gpu, &data, TrainerOptions { micro_batch: Some(3), ..OPTIONS });
    assert_eq!([trainer.sizes().micro_batch, trainer.sizes().train_slots], [3, 4]);
    train(&mut trainer, 20);
    let mut twin = StepTwin::new(&gpu, &data, network(), &trainer.parameters, &OPTIONS);
    for range in [trainer.loader.validation(), trainer.loader.test()] {
        let images = twin.data.order[range.clone()].to_vec();
        let (loss, right) = twin.evaluate(&images);
        let fewer = twin.evaluate(&images[1..]);
        trainer.loader.begin_evaluation(&gpu, range.clone());
        // One pass more than needed: it must find nothing left to count.
        let passes = range.len().div_ceil(trainer.sizes().micro_batch) + 1;
        assert_ne!(range.len() % trainer.sizes().micro_batch, 0, "the last pass is not full");
        let mut encoder = gpu.encoder("evaluation");
        (0..passes).for_each(|_| trainer.evaluation_plan().encode(&mut encoder));
        gpu.submit(encoder);
        let clock = gpu_clock(&trainer);
        assert_eq!(clock.eval_correct as usize, right, "{range:?}");
        assert_close("loss", &[clock.eval_loss], &[loss], sum_tolerance(100));
        assert_differs("a missing image", &[clock.eval_loss], &[fewer.0], sum_tolerance(100));
        assert_eq!(clock.eval_cursor, clock.eval_end);
        assert!(right > 0 && right < images.len(), "{right} of {} tell little", images.len());
    }
    // Other parameters, other results; a bias of the last layer always counts.
    twin.parameters.last_mut().unwrap()[1][0] += 0.5;
    let (loss, _) = twin.evaluate(&twin.data.order[trainer.loader.test()]);
    assert_differs("a changed weight", &[gpu_clock(&trainer).eval_loss], &[loss], sum_tolerance(100));
}
