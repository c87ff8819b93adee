//! Loss and optimizer: central differences → twin → kernel.

mod compare;
mod step_twin;

use std::rc::Rc;

use compare::{
    assert_close, assert_differs, assert_no_errors, narrow, open_gpu, poisoned, rounded, sum_tolerance,
    with_fault,
};
use revacnn::data::{BatchSizes, Clock, DataLoader, Sample};
use revacnn::gpu::{Buffer, Gpu};
use revacnn::nn::twin::{self, StepContext, Treatment, TwinState};
use revacnn::nn::{
    BatchExtent, Hyper, Loss, LossBuffers, Network, Optimizer, OptimizerKind, Parameters, PartialSums, Role,
    Schedule, Shape, StepsPerEpoch, Target, Tensor, Trainer, TrainerOptions, sum_gradients,
};

const CLASSES: usize = 7;

/// Every loss, and the shape of what a network must put out for it.
fn losses() -> Vec<(Loss, Shape)> {
    let classes = Shape::new(CLASSES, 1, 1);
    vec![
        (Loss::SoftmaxCrossEntropy { label_smoothing: 0.0 }, classes),
        (Loss::SoftmaxCrossEntropy { label_smoothing: 0.2 }, classes),
        (Loss::SvmHinge { margin: 0.8 }, classes),
        (Loss::L2Regression { target: Target::Class }, classes),
        (Loss::L2Regression { target: Target::Image }, IMAGE),
    ]
}

const IMAGE: Shape = Shape::new(2, 3, 5);

#[test]
fn the_twins_of_the_losses_agree_with_central_differences() {
    let step = 1e-5;
    for (loss, shape) in losses() {
        for seed in 0..5 {
            let outputs: Vec<f64> = Tensor::sample(shape, 1, seed).values;
            let image: Vec<f64> = Tensor::sample(IMAGE, 1, seed + 100).values;
            let label = seed as usize % CLASSES;
            let shifted = |c: usize, by: f64| {
                let mut shifted = outputs.clone();
                shifted[c] += by;
                twin::loss(loss, &shifted, label, &image, 1.0, CLASSES).loss
            };
            let made = twin::loss(loss, &outputs, label, &image, 0.25, CLASSES);
            let mut noticed = false;
            for (c, gradient) in made.gradient.into_iter().enumerate() {
                let difference = 0.25 * (shifted(c, step) - shifted(c, -step)) / (2.0 * step);
                // A third derivative of about 0.1 and a step of 1e-5 leave 1e-11; rounding of the loss leaves 1e-11.
                assert!((gradient - difference).abs() < 1e-9, "{loss:?}, {c}: {gradient} and {difference}");
                noticed |= (gradient - 4.0 * difference).abs() > 1e-3;
            }
            assert!(noticed, "{loss:?}: a forgotten scale was not noticed");
            if matches!(loss, Loss::SoftmaxCrossEntropy { .. } | Loss::SvmHinge { .. }) {
                assert!((made.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
    }
}

/// Samples: 6 trained (scale 1/6), 2 of padding, 4 probes.
fn drawn() -> Vec<Sample> {
    let sample = |n: usize| Sample {
        image: n as u32,
        label: (n * 3 % CLASSES) as u32,
        change: 0,
        random: 0,
        scale: [1.0 / 6.0, 0.0, 1.0][usize::from(n >= 6) + usize::from(n >= 8)],
    };
    (0..12).map(sample).collect()
}

/// Probabilities, the outputs' gradient and results of the kernel, over poisoned buffers.
fn run_loss(gpu: &Gpu, loss: Loss, outputs: &[f64], images: &[f64]) -> [Vec<f32>; 3] {
    let buffer = |len: usize| poisoned(gpu, "loss", len);
    let (probabilities, gradient) = (buffer(CLASSES * 12), buffer(outputs.len()));
    let results = buffer(12 * 2);
    let buffers = LossBuffers {
        samples: Buffer::from_slice(gpu, "samples", &drawn()).range(),
        images: Buffer::from_slice(gpu, "images", &narrow(images)).range(),
        outputs: Buffer::from_slice(gpu, "outputs", &narrow(outputs)).range(),
        probabilities: probabilities.range(),
        gradient: gradient.range(),
        results: results.range(),
    };
    let extent = BatchExtent { train_quads: 2, quads: 3 };
    let plan = loss.build(gpu, &buffers, (outputs.len() / 12, CLASSES), extent).unwrap();
    let mut encoder = gpu.encoder("loss");
    plan.encode(&mut encoder);
    gpu.submit(encoder);
    [probabilities.read(gpu), gradient.read(gpu), results.read(gpu)]
}

#[test]
fn the_losses_agree_with_their_twins() {
    let gpu = open_gpu();
    for (loss, shape) in losses() {
        let sample = Tensor::sample(shape, 12, 3).values;
        let images = rounded(Tensor::sample(IMAGE, 12, 4).values);
        // Large logits must not overflow: exp(150) is no f32. The kernel's exp and log are good to a few units in 2⁻²².
        let mut cases = vec![(1.0, 0.0, sum_tolerance(shape.len()))];
        if matches!(loss, Loss::SoftmaxCrossEntropy { .. }) {
            cases.push((30.0, 150.0, 1e-5));
        }
        for (factor, offset, tolerance) in cases {
            let outputs = rounded(sample.iter().map(|z| factor * z + offset).collect());
            let [probabilities, gradient, results] = run_loss(&gpu, loss, &outputs, &images);
            let mut expected = [vec![0.0; CLASSES * 12], vec![0.0; outputs.len()], vec![0.0; 24]];
            for (n, drawn) in drawn().iter().enumerate() {
                let of = |values: &[f64]| -> Vec<f64> { values.chunks(12).map(|row| row[n]).collect() };
                let scale = f64::from(drawn.scale);
                let label = drawn.label as usize;
                let made = twin::loss(loss, &of(&outputs), label, &of(&images), scale, CLASSES);
                for (c, p) in made.probabilities.iter().enumerate() {
                    expected[0][c * 12 + n] = *p;
                }
                for (c, g) in made.gradient.iter().enumerate() {
                    expected[1][c * 12 + n] = *g;
                }
                if n < 6 {
                    expected[2][2 * n] = made.loss;
                    expected[2][2 * n + 1] = f64::from(u8::from(made.correct));
                }
            }
            let name = |what: &str| format!("{what} of {loss:?}");
            assert_close(&name("probabilities"), &probabilities, &expected[0], tolerance);
            assert_close(&name("gradient"), &gradient, &expected[1], tolerance);
            assert_close(&name("results"), &results, &expected[2], tolerance);
            expected.iter_mut().for_each(|e| e.rotate_left(1));
            assert_differs("another class", &gradient, &expected[1], tolerance);
            assert_differs("another sample", &results, &expected[2], tolerance);
        }
    }
    assert_no_errors(&gpu);
}

/// Every optimizer, with every other setting on somewhere.
fn hypers() -> Vec<Hyper> {
    let mut all: Vec<Hyper> = OptimizerKind::ALL
        .map(|kind| Hyper { learning_rate: 0.0625, weight_decay: 0.0625, averaging: 9.0, ..Hyper::of(kind) })
        .into();
    all[4].momentum = 0.75;
    // Here the span in epochs decides, elsewhere the number of steps.
    all[1].averaging = 0.25;
    // With its usual epsilon its first steps are too small to tell settings apart.
    (all[3].learning_rate, all[3].epsilon) = (1.0, 0.01);
    all.push(Hyper { nesterov: true, momentum: 0.75, l1_decay: 0.03, ..all[0] });
    all.push(Hyper { clip_norm: 0.7, schedule: Schedule::Step { epochs: 0.5, factor: 0.25 }, ..all[0] });
    all.push(Hyper { clip_norm: 1e6, schedule: Schedule::Cosine { epochs: 3.0 }, ..all[5] });
    all.push(Hyper { warmup: 0.9, since: 2, momentum: 0.5, beta2: 0.9, ..all[6] });
    all
}

/// Values and moments of a buffer after a few steps, of the GPU and of the twin.
struct Optimized {
    made: [Vec<f32>; 4],
    expected: [Vec<f64>; 4],
}

/// Three layers, of which one learns faster, and one has frozen filters.
const SMALL: &str = r#"
layer = [
    { kind = "dense", units = 5, frozen_filters = [1, 4] },
    { kind = "batch_norm" },
    { kind = "dense", learning_rate_factor = 1.5 },
]
"#;

/// Runs an optimizer over all parameters of a small network, with the settings `twin_hyper` for the twin.
fn optimize(gpu: &Gpu, hyper: Hyper, twin_hyper: Hyper, biases_decay: bool) -> Optimized {
    let network = Network::parse(SMALL, Shape::new(3, 1, 1), 3).unwrap();
    let data = step_twin::synthetic(47, 13);
    let mut loader = DataLoader::new(gpu, &data).unwrap();
    let epoch = StepsPerEpoch { train_images: loader.train_images, batch: 10 };
    let parameters = Parameters::new(gpu, &network, 9).unwrap();
    let len = parameters.values.len();
    let mut treatments = vec![Treatment::trained(biases_decay); len];
    let mut trained = vec![0.0; len];
    for (layer, offsets) in network.layers.iter().zip(&parameters.offsets) {
        for (spec, offset) in layer.parameters().iter().zip(offsets) {
            for (i, treatment) in step_twin::treatments(layer, spec).into_iter().enumerate() {
                let decays = treatment.decays || biases_decay;
                treatments[offset + i] = Treatment { decays, ..treatment };
                trained[offset + i] = f64::from(u8::from(spec.role != Role::Buffer));
            }
        }
    }
    let optimizer = Optimizer::new(gpu, Hyper::default(), epoch);
    let update = optimizer.build(gpu, &parameters, &loader, true).unwrap();
    // No layer has partial sums: the second of two passes hands on the gradients that are there.
    let sizes = BatchSizes { batch: 10, micro_batch: 10, train_slots: 12, slots: 12 };
    let results = Buffer::<[f32; 2]>::zeroed(gpu, "results", sizes.slots).range();
    let partials = PartialSums::default();
    let sums = sum_gradients(gpu, (&partials, None), &parameters, &loader, (sizes, &results), 2).unwrap();
    let [_, tick] = loader.build_counting(gpu, sizes, &results, &parameters.squares(gpu)).unwrap();
    optimizer.set(gpu, hyper, epoch);
    let mut state = TwinState::new(parameters.values.read(gpu).iter().map(|v| f64::from(*v)).collect());
    let mut averages = state.values.clone();
    for step in 0..4 {
        let clock = Clock { step: step + 2, epoch: step / 2, cursor: 11 * step, ..Clock::default() };
        loader.set_clock(gpu, &clock);
        let sample = Tensor::sample(Shape::new(len, 1, 1), 1, 20 + u64::from(step)).values;
        let gradients = rounded(sample.iter().zip(&trained).map(|(g, t)| g * t).collect());
        parameters.gradients.write(gpu, 0, &narrow(&gradients));
        let mut encoder = gpu.encoder("optimizer");
        [&sums[1], &update, &tick].iter().for_each(|plan| plan.encode(&mut encoder));
        gpu.submit(encoder);
        let epochs = f64::from(clock.epoch) + f64::from(clock.cursor) / loader.train_images as f64;
        let counted = gradients.iter().zip(&treatments).filter(|(_, how)| !how.frozen);
        let norm = counted.map(|(g, _)| g * g).sum::<f64>().sqrt();
        let read = loader.clock().read(gpu)[0];
        assert_close("norm", &[read.gradient_norm], &[norm], sum_tolerance(len));
        let at = StepContext { step: clock.step, epochs, norm };
        twin::optimizer_step(twin_hyper, epoch, at, &gradients, &treatments, &mut state);
        twin::average_step(twin_hyper, epoch, clock.step, &state.values, &mut averages);
        assert_eq!(parameters.last_gradients.read(gpu), narrow(&gradients));
    }
    let buffers = [&parameters.values, &parameters.moments, &parameters.second_moments, &parameters.averages];
    let expected = [state.values, state.moments, state.second_moments, averages];
    Optimized { made: buffers.map(|buffer| buffer.read(gpu)), expected }
}

#[test]
fn every_optimizer_agrees_with_its_twin() {
    let gpu = open_gpu();
    for hyper in hypers() {
        let Optimized { made, expected } = optimize(&gpu, hyper, hyper, false);
        // Adam divides by 1 − βᵗ, which is small at first: its error is a few units of the logarithm's.
        let tolerance = sum_tolerance(16);
        for (what, (made, expected)) in
            ["values", "moments", "second moments", "averages"].iter().zip(made.iter().zip(&expected))
        {
            assert_close(&format!("{what} of {hyper:?}"), made, expected, tolerance);
        }
        let mut others = vec![
            Hyper { learning_rate: hyper.learning_rate * 1.01, ..hyper },
            Hyper { weight_decay: 0.07, ..hyper },
            Hyper { l1_decay: hyper.l1_decay + 0.01, ..hyper },
            Hyper { clip_norm: 0.5, ..hyper },
            Hyper { warmup: 7.0, ..hyper },
            Hyper { schedule: Schedule::Cosine { epochs: 2.0 }, ..hyper },
        ];
        if hyper.optimizer.has_momentum() {
            others.push(Hyper { momentum: hyper.momentum + 0.01, ..hyper });
        }
        if hyper.optimizer.has_beta2() {
            others.push(Hyper { beta2: hyper.beta2 - 0.01, ..hyper });
        }
        for other in others {
            let Optimized { expected, .. } = optimize(&gpu, hyper, other, false);
            assert_differs(&format!("{other:?} instead"), &made[0], &expected[0], tolerance);
        }
        for averaging in [0.2, 0.26] {
            let Optimized { expected, .. } = optimize(&gpu, hyper, Hyper { averaging, ..hyper }, false);
            assert_close("values", &made[0], &expected[0], tolerance);
            assert_differs(&format!("average over {averaging} epochs"), &made[3], &expected[3], tolerance);
        }
        let Optimized { expected, .. } = optimize(&gpu, hyper, hyper, true);
        assert_differs("decay of biases", &made[0], &expected[0], tolerance);
    }
    assert_no_errors(&gpu);
}

#[test]
fn nan_among_the_gradients_halts_the_step() {
    let gpu = open_gpu();
    // Whether the clock says so, and whether a weight moved.
    let step = |gpu: &Gpu| {
        let gpu = Rc::new(gpu.clone());
        let data = step_twin::synthetic(47, 13);
        let options = TrainerOptions { batch: 10, ..TrainerOptions::default() };
        let mut trainer = Trainer::new(Rc::clone(&gpu), &data, step_twin::graph(), options).unwrap();
        let first = trainer.parameters.tensor("stem.weight").unwrap().offset;
        trainer.parameters.values.write(&gpu, first, &[f32::NAN]);
        let values = |trainer: &Trainer| -> Vec<u32> {
            trainer.parameters.values.read(&gpu).iter().map(|value| value.to_bits()).collect()
        };
        let before = values(&trainer);
        trainer.step();
        (trainer.loader.clock().read(&gpu)[0].halted == 1, values(&trainer) != before)
    };
    assert_eq!(step(&gpu), (true, false));
    // As a compiler may have it for which no float is NaN.
    let from = "return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;";
    let fault = |path| with_fault(&gpu, path, from, "return !(abs(x) > 3e38);");
    assert_eq!(step(&fault("data/tick.wgsl")), (false, false), "a clock that goes on is noticed");
    assert_eq!(step(&fault("nn/optimizer.wgsl")), (true, true), "a weight that moves is noticed");
}

#[test]
fn a_step_that_is_not_finite_has_no_effect() {
    let gpu = Rc::new(open_gpu());
    let data = step_twin::synthetic(47, 13);
    let options = TrainerOptions { batch: 10, micro_batch: Some(4), ..TrainerOptions::default() };
    let mut trainer = Trainer::new(Rc::clone(&gpu), &data, step_twin::graph(), options).unwrap();
    trainer.step();
    let before = trainer.state_hash();
    let clock = *trainer.clock();
    let values = trainer.parameters.values.read(&gpu);
    let first = trainer.parameters.tensor("stem.weight").unwrap().offset;
    for (value, layer) in [(f32::NAN, "stem"), (f32::INFINITY, "stem")] {
        trainer.parameters.values.write(&gpu, first, &[value]);
        let poisoned = trainer.parameters.values.read(&gpu);
        trainer.step();
        trainer.step();
        let halted = trainer.loader.clock().read(&gpu)[0];
        assert_eq!((halted.halted, halted.step, halted.cursor), (1, clock.step, clock.cursor));
        let history = trainer.loader.history().read(&gpu);
        assert_eq!((history[2].step, history[2].accuracy), (2, -1.0), "step 2 is marked");
        let same = |a: &[f32], b: &[f32]| a.iter().map(|v| v.to_bits()).eq(b.iter().map(|v| v.to_bits()));
        assert!(same(&trainer.parameters.values.read(&gpu), &poisoned));
        assert_eq!(trainer.first_not_finite(Clock { halted: 1, ..clock }).as_deref(), Some(layer));
        trainer.parameters.values.write(&gpu, 0, &values);
        trainer.set_clock(clock);
    }
    assert_eq!(trainer.state_hash(), before);
}

/// Losses with NaN among the outputs of one image, where kernel and twin differ in what is NaN or in a value.
fn faults_with_nan(gpu: &Gpu) -> Vec<String> {
    let mut faults = Vec::new();
    for (loss, shape) in losses() {
        let images = rounded(Tensor::sample(IMAGE, 12, 4).values);
        for (n, c) in [(0, 0), (1, 3), (2, 6), (4, 5), (5, 0)] {
            let mut outputs = rounded(Tensor::sample(shape, 12, 3).values);
            outputs[c * 12 + n] = f64::NAN;
            let [_, gradient, results] = run_loss(gpu, loss, &outputs, &images);
            let of = |values: &[f64]| -> Vec<f64> { values.chunks(12).map(|row| row[n]).collect() };
            let drawn = drawn()[n];
            let scale = f64::from(drawn.scale);
            let made = twin::loss(loss, &of(&outputs), drawn.label as usize, &of(&images), scale, CLASSES);
            let same = |found: f32, twin: f64| {
                found.is_nan() == twin.is_nan() && (twin.is_nan() || (f64::from(found) - twin).abs() < 1e-4)
            };
            let found: Vec<f32> = gradient.chunks(12).map(|row| row[n]).collect();
            let gradients = found.iter().zip(&made.gradient).all(|(found, twin)| same(*found, *twin));
            let told =
                same(results[2 * n], made.loss) && results[2 * n + 1] == f32::from(u8::from(made.correct));
            assert!(made.loss.is_nan() && !made.correct, "the twin of {loss:?} hides NaN");
            let others = (0..6).filter(|other| *other != n).all(|other| results[2 * other].is_finite());
            if !gradients || !told || !others {
                faults.push(format!(
                    "{loss:?}, image {n} with NaN for {c}: {found:?}, {:?}",
                    &results[2 * n..][..2]
                ));
            }
        }
    }
    faults
}

#[test]
fn a_loss_of_nan_is_nan_and_never_correct() {
    let gpu = open_gpu();
    let faults = faults_with_nan(&gpu);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for (path, from, to) in [
        ("nn/svm_hinge.wgsl", " || is_nan(excess)", ""),
        ("nn/svm_hinge.wgsl", " && !is_nan(loss)", ""),
        ("nn/softmax_cross_entropy.wgsl", " && !is_nan(loss)", ""),
        ("nn/l2_regression.wgsl", " && !is_nan(sum)", ""),
    ] {
        assert!(!faults_with_nan(&with_fault(&gpu, path, from, to)).is_empty(), "{path} without {from:?}");
    }
    assert_no_errors(&gpu);
}
