//! The training step on the GPU against the whole step in plain loops, and what must hold of training itself.

#[path = "../compare/mod.rs"]
mod compare;
mod steering;
#[path = "../step_twin/mod.rs"]
mod step_twin;

use std::ops::Range;
use std::rc::Rc;

use compare::{assert_close, assert_differs, assert_no_errors, open_gpu, sum_tolerance};
use revacnn::data::{Augmentation, Clock, Dataset};
use revacnn::gpu::{Buffer, BufferRange, Gpu, Tuning};
use revacnn::nn::{Hyper, Kind, Schedule, Trainer, TrainerOptions};
use step_twin::{StepTwin, by_layer, graph, network, synthetic};

/// Everything on, in passes of 4, 4 and 2 images.
const OPTIONS: TrainerOptions = TrainerOptions {
    batch: 10,
    micro_batch: Some(4),
    hyper: Hyper {
        optimizer: Kind::Sgd,
        learning_rate: 0.03,
        momentum: 0.8,
        beta2: 0.9,
        epsilon: 1e-8,
        weight_decay: 0.01,
        l1_decay: 0.0,
        clip_norm: 0.0,
        nesterov: true,
        schedule: Schedule::Constant,
        warmup: 0.0,
        since: 0,
    },
    seed: 0x1_0000_0007,
    augmentation: Augmentation {
        shift: 2,
        flip: true,
        rotation: 0.0,
        scale: 0.0,
        brightness: 0.25,
        contrast: 0.5,
        cutout: 3,
    },
    probes: 3,
};

/// The tolerance of a loss after a few steps. One loss ends a chain of five layers with sums of some hundred products,
/// each with errors of about 1e-7 (they are measured at 2e-7 together), and the next steps carry them on; at these
/// learning rates they do not grow tenfold in ten steps.
const LOSS_TOLERANCE: f64 = 2e-6;

fn trainer(gpu: &Rc<Gpu>, data: &Dataset, options: TrainerOptions) -> Trainer {
    Trainer::new(Rc::clone(gpu), data, network(), options).unwrap()
}

/// Loss and accuracy of the steps in `range` (from 1), out of the ring.
fn history(trainer: &Trainer, range: Range<u32>) -> Vec<[f32; 2]> {
    let ring = trainer.feed.history().read(trainer.gpu());
    let entry = |step: u32| {
        let entry = &ring[(step as usize % revacnn::data::HISTORY_LEN) * 4..][..4];
        assert_eq!(entry[0].to_bits(), step, "the ring's entry of step {step}");
        [entry[1], entry[2]]
    };
    range.map(entry).collect()
}

fn gpu_clock(trainer: &Trainer) -> Clock {
    trainer.feed.clock().read(trainer.gpu())[0]
}

fn train(trainer: &mut Trainer, steps: usize) {
    for _ in 0..steps {
        trainer.step();
    }
}

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
            // The kernels as a GPU has them, on whatever adapter this is.
            gpu.set_tuning(Tuning { shares_loads: false, large_tiles: false, fuses_relu: true }).unwrap();
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
    // One pass, because batch normalisation takes its statistics from a pass.
    let options = TrainerOptions { micro_batch: None, hyper, ..OPTIONS };
    let mut trainer = Trainer::new(Rc::clone(&gpu), &data, graph(), options).unwrap();
    let mut twin = StepTwin::new(&gpu, &data, graph(), &trainer.parameters, &options);
    let mut other =
        StepTwin::new(&gpu, &data, graph(), &trainer.parameters, &TrainerOptions { seed: 5, ..options });
    train(&mut trainer, 10);
    let losses: Vec<f32> = history(&trainer, 1..11).iter().map(|m| m[0]).collect();
    let expected: Vec<f64> = (0..10).map(|_| twin.step()[0]).collect();
    // Batch normalisation divides by deviations, so errors grow a little from step to step.
    let tolerance = 10.0 * LOSS_TOLERANCE;
    assert_close("ten losses", &losses, &expected, tolerance);
    let others: Vec<f64> = (0..10).map(|_| other.step()[0]).collect();
    assert_differs("another seed of dropout", &losses, &others, tolerance);
    let made = by_layer(&trainer.network, &trainer.parameters, &trainer.parameters.values.read(&gpu));
    let made: Vec<f32> = made.concat().concat().iter().map(|v| *v as f32).collect();
    assert_close("parameters", &made, &twin.parameters.concat().concat(), 10.0 * tolerance);
    // An evaluation uses the running statistics and drops nothing.
    let range = trainer.feed.test();
    let (loss, right) = twin.evaluate(&twin.data.order[range.clone()]);
    trainer.feed.begin_evaluation(&gpu, range.clone());
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
fn passes_add_up_to_one_batch() {
    let gpu = Rc::new(open_gpu());
    let data = synthetic(47, 13);
    let run = |micro_batch: usize| {
        let mut trainer = trainer(&gpu, &data, TrainerOptions { micro_batch: Some(micro_batch), ..OPTIONS });
        let passes = trainer.step_plan().dispatches.iter().filter(|d| &*d.label == "draw").count();
        train(&mut trainer, 10);
        let losses: Vec<f32> = history(&trainer, 1..11).iter().map(|m| m[0]).collect();
        (passes, losses)
    };
    let (passes, single) = run(10);
    assert_eq!(passes, 1);
    let single: Vec<f64> = single.into_iter().map(f64::from).collect();
    for (micro_batch, expected) in [(4, 3), (7, 2), (1, 10)] {
        let (passes, losses) = run(micro_batch);
        assert_eq!(passes, expected);
        assert_close(&format!("passes of {micro_batch}"), &losses, &single, LOSS_TOLERANCE);
    }
    assert_no_errors(&gpu);
}

#[test]
fn one_batch_can_be_learnt_by_heart() {
    let gpu = Rc::new(open_gpu());
    let data = synthetic(19, 3);
    let hyper = Hyper { learning_rate: 0.05, weight_decay: 0.0, ..Hyper::default() };
    let augmentation = Augmentation::default();
    let options = TrainerOptions { batch: 18, micro_batch: None, hyper, augmentation, ..OPTIONS };
    let mut trainer = trainer(&gpu, &data, options);
    assert_eq!(trainer.feed.train_images, 18, "every step draws every image");
    train(&mut trainer, 150);
    let all = history(&trainer, 1..151);
    assert!(all[0][0] > 1.0, "the first loss is {}", all[0][0]);
    let [loss, accuracy] = all[149];
    assert!(loss < 0.01 && accuracy == 1.0, "after 150 steps the loss is {loss}, the accuracy {accuracy}");
}

#[test]
fn the_same_run_gives_the_same_bits() {
    let gpu = Rc::new(open_gpu());
    let data = synthetic(47, 13);
    let run = |options: TrainerOptions| {
        let mut trainer = trainer(&gpu, &data, options);
        train(&mut trainer, 7);
        trainer.state_hash()
    };
    let first = run(OPTIONS);
    assert_eq!(first, run(OPTIONS), "the same run");
    assert_eq!(first, run(TrainerOptions { probes: 64, ..OPTIONS }), "the probes count in nothing");
    assert_ne!(first, run(TrainerOptions { seed: OPTIONS.seed + 1, ..OPTIONS }), "another seed");
    assert_ne!(first, run(TrainerOptions { seed: 7, ..OPTIONS }), "a seed with other high bits");
    assert_ne!(
        first,
        run(TrainerOptions { augmentation: Augmentation { flip: false, ..OPTIONS.augmentation }, ..OPTIONS }),
        "without flips"
    );
    // Looking, refreshing and evaluating change nothing.
    let mut trainer = trainer(&gpu, &data, OPTIONS);
    let begin = trainer.state_hash();
    for _ in 0..7 {
        train(&mut trainer, 1);
        let mut encoder = gpu.encoder("look");
        trainer.refresh_plan().encode(&mut encoder);
        trainer.feed.begin_evaluation(&gpu, trainer.feed.validation());
        trainer.evaluation_plan().encode(&mut encoder);
        gpu.submit(encoder);
        trainer.feed.set_probes(&gpu, &[5, 2]);
    }
    assert_eq!(first, trainer.state_hash(), "looking changes nothing");
    assert_ne!(first, begin);
    trainer.reset(OPTIONS.seed);
    assert_eq!(begin, trainer.state_hash(), "a reset leads back to the beginning");
    train(&mut trainer, 7);
    assert_eq!(first, trainer.state_hash(), "and from there the same way");
}

#[test]
fn a_relu_after_a_convolution_is_made_with_it() {
    let run = |fuses_relu: bool| {
        let mut gpu = open_gpu();
        gpu.set_tuning(Tuning { fuses_relu, ..gpu.tuning() }).unwrap();
        let mut trainer = trainer(&Rc::new(gpu), &synthetic(47, 13), OPTIONS);
        train(&mut trainer, 7);
        trainer
    };
    let trainer = run(true);
    assert_eq!(trainer.state_hash(), run(false).state_hash(), "the same bits");
    let gpu = trainer.gpu();
    let has = |what: &str| trainer.step_plan().dispatches.iter().any(|d| &*d.label == what);
    assert!(has("conv1 forward") && has("relu1 input gradient"), "both layers are there");
    assert!(!has("relu1 forward"), "and one dispatch makes them");
    let [before, after] = [1, 2].map(|place| {
        let range = trainer.activations(place, 0).buffer;
        Buffer::<f32>::of_range(&BufferRange::whole(&range)).read(gpu)
    });
    assert!(before.iter().zip(&after).all(|(x, y)| *y == x.max(0.0)));
    assert!(before.iter().any(|x| *x < 0.0) && after.iter().any(|y| *y > 0.0));
}

#[test]
fn evaluation_counts_every_image_once() {
    let gpu = Rc::new(open_gpu());
    let data = synthetic(131, 17);
    // Passes of 3 images have a column of padding.
    let mut trainer = trainer(&gpu, &data, TrainerOptions { micro_batch: Some(3), ..OPTIONS });
    assert_eq!([trainer.sizes().micro_batch, trainer.sizes().train_columns], [3, 4]);
    train(&mut trainer, 20);
    let mut twin = StepTwin::new(&gpu, &data, network(), &trainer.parameters, &OPTIONS);
    for range in [trainer.feed.validation(), trainer.feed.test()] {
        let images = twin.data.order[range.clone()].to_vec();
        let (loss, right) = twin.evaluate(&images);
        let fewer = twin.evaluate(&images[1..]);
        trainer.feed.begin_evaluation(&gpu, range.clone());
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
    let (loss, _) = twin.evaluate(&twin.data.order[trainer.feed.test()]);
    assert_differs("a changed weight", &[gpu_clock(&trainer).eval_loss], &[loss], sum_tolerance(100));
}

#[test]
fn the_clocks_agree_and_epochs_add_up() {
    let gpu = Rc::new(open_gpu());
    let data = synthetic(47, 13);
    let mut trainer = trainer(&gpu, &data, OPTIONS);
    let mut losses = Vec::new();
    let mut ends = 0;
    for step in 1..=14 {
        let mut encoder = gpu.encoder("step");
        trainer.step_plan().clone().encode(&mut encoder);
        gpu.submit(encoder);
        let ended = trainer.tick();
        let clock = gpu_clock(&trainer);
        let cpu = *trainer.clock();
        assert_eq!([clock.step, clock.epoch, clock.cursor], [cpu.step, cpu.epoch, cpu.cursor]);
        assert_eq!([clock.drawn, clock.step_correct, clock.step_loss.to_bits()], [0; 3]);
        losses.push(history(&trainer, step..step + 1)[0]);
        let images = losses.len() * 10;
        let sum = losses.iter().map(|l| 10.0 * f64::from(l[0])).sum::<f64>();
        let right = losses.iter().map(|l| (10.0 * l[1]).round() as u32).sum::<u32>();
        if ended {
            ends += 1;
            assert_eq!(clock.done_images as usize, images);
            assert_eq!(clock.done_correct, right);
            assert_close("loss of the epoch", &[clock.done_loss], &[sum], 1e-6);
            assert_eq!([clock.epoch_images, clock.epoch_correct, clock.epoch_loss.to_bits()], [0; 3]);
            losses.clear();
        } else {
            assert_eq!([clock.epoch_images as usize, clock.epoch_correct as usize], [images, right as usize]);
        }
    }
    // 43 training images: steps 5, 9 and 13 end an epoch.
    assert_eq!((ends, trainer.clock().epoch, trainer.clock().cursor), (3, 3, 140 - 3 * 43));
    assert!((trainer.epochs() - 140.0 / 43.0).abs() < 1e-9);
}

#[test]
fn probes_show_the_weights_just_used() {
    let gpu = Rc::new(open_gpu());
    let data = synthetic(47, 13);
    let mut trainer = trainer(&gpu, &data, OPTIONS);
    trainer.feed.set_probes(&gpu, &[4, 9]);
    train(&mut trainer, 2);
    let before = StepTwin::new(&gpu, &data, network(), &trainer.parameters, &OPTIONS);
    train(&mut trainer, 1);
    let after = StepTwin::new(&gpu, &data, network(), &trainer.parameters, &OPTIONS);
    let compare = |twin: &StepTwin<'_>, other: &StepTwin<'_>, what: &str| {
        for (probe, image) in [(0, 47 + 4), (1, 47 + 9), (2, 47 + 9)] {
            let maps = |twin: &StepTwin<'_>| {
                twin.activations(twin.data.input(&[Some([image, step_twin::UNCHANGED, 0])]), false)
            };
            let (expected, other) = (maps(twin), maps(other));
            for layer in 0..expected.len() {
                let made = compare::read_view(&gpu, &trainer.activations(layer, probe));
                let place = format!("{what}: layer {layer} of probe {probe}");
                assert_close(&place, &made, &expected[layer].values, 1e-5);
                if layer > 0 {
                    assert_differs(&place, &made, &other[layer].values, 1e-5);
                }
            }
            let shares = compare::read_view(&gpu, &trainer.probabilities(probe));
            assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    };
    compare(&before, &after, "after a step");
    let mut encoder = gpu.encoder("refresh");
    trainer.refresh_plan().encode(&mut encoder);
    gpu.submit(encoder);
    compare(&after, &before, "after a refresh");
}

#[test]
fn gradients_that_are_shown_stay_whole_in_the_middle_of_a_step() {
    let gpu = Rc::new(open_gpu());
    let mut trainer = trainer(&gpu, &synthetic(47, 13), OPTIONS);
    train(&mut trainer, 2);
    let parameters = &trainer.parameters;
    let whole = parameters.last_gradients.read(&gpu);
    assert_eq!(whole, parameters.gradients.read(&gpu), "what is shown is the step's sum");
    assert!(whole.iter().any(|g| *g != 0.0));
    let shown = trainer.weight_gradients(1).expect("the first layer has weights");
    assert_eq!(&shown.buffer, parameters.last_gradients.raw());
    // A frame that ends in the middle of the next step.
    let plan = trainer.step_plan();
    let mut encoder = gpu.encoder("half a step");
    plan.record(&mut encoder.begin_compute_pass(&Default::default()), 0..plan.len() / 2);
    gpu.submit(encoder);
    assert_eq!(parameters.last_gradients.read(&gpu), whole);
    assert_ne!(parameters.gradients.read(&gpu), whole, "the sum of the next step is under way");
    assert_no_errors(&gpu);
}
