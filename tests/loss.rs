//! Loss and optimizer: central differences → twin → kernel.

mod compare;

use compare::{
    assert_close, assert_differs, assert_no_errors, narrow, open_gpu, poisoned, rounded, sum_tolerance,
};
use revacnn::data::Column;
use revacnn::gpu::{Buffer, Gpu};
use revacnn::nn::{
    Columns, Hyper, Network, Parameters, Sgd, Shape, SoftmaxCrossEntropy, Tensor, sgd_twin,
    softmax_cross_entropy_twin,
};

const CLASSES: usize = 7;

#[test]
fn the_twin_of_the_loss_agrees_with_central_differences() {
    let step = 1e-5;
    for seed in 0..5 {
        let logits: Vec<f64> = Tensor::sample(Shape::new(CLASSES, 1, 1), 1, seed).values;
        let label = seed as usize % CLASSES;
        let loss = |c: usize, by: f64| {
            let mut shifted = logits.clone();
            shifted[c] += by;
            softmax_cross_entropy_twin(&shifted, label, 1.0).0
        };
        let (_, gradient, probabilities) = softmax_cross_entropy_twin(&logits, label, 0.25);
        for (c, gradient) in gradient.into_iter().enumerate() {
            let difference = 0.25 * (loss(c, step) - loss(c, -step)) / (2.0 * step);
            // A third derivative of about 0.1 and a step of 1e-5 leave 1e-11; rounding of the loss leaves 1e-11.
            assert!((gradient - difference).abs() < 1e-9, "class {c}: {gradient} and {difference}");
            assert!((gradient - 4.0 * difference).abs() > 1e-3, "a forgotten scale was not noticed");
        }
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}

/// Columns: 6 trained (scale 1/6), 2 of padding, 4 probes.
fn columns() -> Vec<Column> {
    let column = |n: usize| Column {
        image: n as u32,
        label: (n * 3 % CLASSES) as u32,
        change: 0,
        scale: [1.0 / 6.0, 0.0, 1.0][usize::from(n >= 6) + usize::from(n >= 8)],
    };
    (0..12).map(column).collect()
}

/// Probabilities, logits' gradient and results of the kernel, over poisoned buffers.
fn run_loss(gpu: &Gpu, logits: &[f64]) -> [Vec<f32>; 3] {
    let buffer = |len: usize| poisoned(gpu, "loss", len);
    let (probabilities, logits_gradient) = (buffer(CLASSES * 12), buffer(CLASSES * 12));
    let results = buffer(12 * 2);
    let plan = SoftmaxCrossEntropy {
        columns: Buffer::from_slice(gpu, "columns", &columns()).range(),
        logits: Buffer::from_slice(gpu, "logits", &narrow(logits)).range(),
        probabilities: probabilities.range(),
        logits_gradient: logits_gradient.range(),
        results: results.range(),
    }
    .build(gpu, CLASSES, Columns { train_quads: 2, quads: 3 })
    .unwrap();
    let mut encoder = gpu.encoder("loss");
    plan.encode(&mut encoder);
    gpu.submit(encoder);
    [probabilities.read(gpu), logits_gradient.read(gpu), results.read(gpu)]
}

#[test]
fn the_loss_agrees_with_its_twin() {
    let gpu = open_gpu();
    let sample = Tensor::sample(Shape::new(CLASSES, 1, 1), 12, 3).values;
    // Large logits must not overflow: exp(150) is no f32. The kernel's exp and log are good to a few units in 2⁻²².
    for (factor, offset, tolerance) in [(1.0, 0.0, sum_tolerance(CLASSES)), (30.0, 150.0, 1e-5)] {
        let logits = rounded(sample.iter().map(|z| factor * z + offset).collect());
        let [probabilities, gradient, results] = run_loss(&gpu, &logits);
        let mut expected = [vec![0.0; CLASSES * 12], vec![0.0; CLASSES * 12], vec![0.0; 24]];
        for (n, column) in columns().iter().enumerate() {
            let z: Vec<f64> = (0..CLASSES).map(|c| logits[c * 12 + n]).collect();
            let (loss, g, p) = softmax_cross_entropy_twin(&z, column.label as usize, f64::from(column.scale));
            for c in 0..CLASSES {
                (expected[0][c * 12 + n], expected[1][c * 12 + n]) = (p[c], g[c]);
            }
            if n < 6 {
                let right = z.iter().all(|v| *v <= z[column.label as usize]);
                (expected[2][2 * n], expected[2][2 * n + 1]) = (loss, f64::from(u8::from(right)));
            }
        }
        assert_close("probabilities", &probabilities, &expected[0], tolerance);
        assert_close("gradient", &gradient, &expected[1], tolerance);
        assert_close("results", &results, &expected[2], tolerance);
        expected.iter_mut().for_each(|e| e.rotate_left(1));
        assert_differs("another class", &gradient, &expected[1], tolerance);
        assert_differs("another column", &results, &expected[2], tolerance);
    }
    assert_no_errors(&gpu);
}

#[test]
fn the_optimizer_agrees_with_its_twin() {
    let gpu = open_gpu();
    let text = "[[layer]]\nkind = \"dense\"\nunits = 5\n[[layer]]\nkind = \"dense\"\n";
    let network = Network::parse(text, Shape::new(3, 1, 1), 3).unwrap();
    for nesterov in [false, true] {
        let parameters = Parameters::new(&gpu, &network, 9).unwrap();
        let len = parameters.values.len();
        let mut decays = vec![false; len];
        for tensor in parameters.tensors.iter().filter(|t| t.name.ends_with("weight")) {
            decays[tensor.offset..][..tensor.len].fill(true);
        }
        let hyper = Hyper { learning_rate: 0.125, momentum: 0.75, weight_decay: 0.0625, nesterov };
        let sgd = Sgd::new(&gpu, Hyper::default());
        let (clear, update) = sgd.build(&gpu, &parameters).unwrap();
        sgd.set(&gpu, hyper);
        let start: Vec<f64> = parameters.values.read(&gpu).iter().map(|v| f64::from(*v)).collect();
        let (mut values, mut moments) = (start.clone(), vec![0.0; len]);
        let mut wrong = (start, vec![0.0; len]);
        for step in 0..4 {
            let gradients = rounded(Tensor::sample(Shape::new(len, 1, 1), 1, 20 + step).values);
            parameters.gradients.write(&gpu, 0, &narrow(&gradients));
            let mut encoder = gpu.encoder("sgd");
            update.encode(&mut encoder);
            clear.encode(&mut encoder);
            gpu.submit(encoder);
            sgd_twin(hyper, &gradients, &decays, &mut moments, &mut values);
            sgd_twin(hyper, &gradients, &vec![true; len], &mut wrong.1, &mut wrong.0);
            assert!(parameters.gradients.read(&gpu).iter().all(|g| *g == 0.0), "gradients are cleared");
        }
        let made = parameters.values.read(&gpu);
        assert_close("values", &made, &values, sum_tolerance(4));
        assert_close("moments", &parameters.moments.read(&gpu), &moments, sum_tolerance(4));
        assert_differs("decay of biases", &made, &wrong.0, sum_tolerance(4));
    }
    assert_no_errors(&gpu);
}
