//! The training step on the GPU against the whole step in plain loops, and what must hold of training itself.

mod changes;
#[path = "../compare/mod.rs"]
mod compare;
mod data_edits;
mod filter_signs;
mod fused;
mod goals;
mod histograms;
#[path = "../step_twin/mod.rs"]
mod step_twin;
mod sums;
mod twin;
mod views;
mod weight_sums;

use std::ops::Range;
use std::rc::Rc;

use compare::{assert_close, assert_no_errors, open_gpu};
use revacnn::data::{Augmentation, Clock, Dataset};
use revacnn::gpu::{Buffer, BufferRange, DeviceProfile, Gpu, Precision};
use revacnn::nn::{Hyper, OptimizerKind, Schedule, Trainer, TrainerOptions};
use step_twin::{network, synthetic};

/// Everything on, in passes of 4, 4 and 2 images.
const OPTIONS: TrainerOptions = TrainerOptions {
    batch: 10,
    precision: Precision::F32,
    micro_batch: Some(4),
    hyper: Hyper {
        optimizer: OptimizerKind::Sgd,
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
        averaging: 0.0,
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
    let ring = trainer.loader.history().read(trainer.gpu());
    let entry = |step: u32| {
        let record = ring[step as usize % revacnn::data::HISTORY_LEN];
        assert_eq!(record.step, step, "the ring's record of step {step}");
        [record.loss, record.accuracy]
    };
    range.map(entry).collect()
}

fn gpu_clock(trainer: &Trainer) -> Clock {
    trainer.loader.clock().read(trainer.gpu())[0]
}

fn train(trainer: &mut Trainer, steps: usize) {
    for _ in 0..steps {
        trainer.step();
    }
}

#[test]
fn passes_add_up_to_one_batch() {
    let gpu = Rc::new(open_gpu());
    let data = synthetic(47, 13);
    let run = |micro_batch: usize| {
        let mut trainer = trainer(&gpu, &data, TrainerOptions { micro_batch: Some(micro_batch), ..OPTIONS });
        let passes = trainer.step_plan().dispatches.iter().filter(|d| &*d.label == "sampler").count();
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
    assert_eq!(trainer.loader.train_images, 18, "every step draws every image");
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
        trainer.loader.begin_evaluation(&gpu, trainer.loader.validation());
        trainer.evaluation_plan().encode(&mut encoder);
        gpu.submit(encoder);
        trainer.loader.set_probes(&gpu, &[5, 2]);
    }
    assert_eq!(first, trainer.state_hash(), "looking changes nothing");
    assert_ne!(first, begin);
    trainer.reset(OPTIONS.seed);
    assert_eq!(begin, trainer.state_hash(), "a reset leads back to the beginning");
    train(&mut trainer, 7);
    assert_eq!(first, trainer.state_hash(), "and from there the same way");
}

#[test]
fn a_relu_after_a_convolution_is_fused_with_it() {
    let run = |fuses_relu: bool| {
        let mut gpu = open_gpu();
        gpu.set_profile(DeviceProfile { fuses_relu, ..gpu.profile() }).unwrap();
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
    let [before, after] = [1, 2].map(|node| {
        let range = trainer.activations(node, 0).buffer;
        Buffer::<f32>::of_range(&BufferRange::whole(&range)).read(gpu)
    });
    assert!(before.iter().zip(&after).all(|(x, y)| *y == x.max(0.0)));
    assert!(before.iter().any(|x| *x < 0.0) && after.iter().any(|y| *y > 0.0));
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
