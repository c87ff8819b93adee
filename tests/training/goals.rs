//! Soft goals: their gradients against central differences, the kernel against its twin, their part in a step, and no trace without.

use std::rc::Rc;

use revacnn::gpu::{Gpu, PlanBuilder};
use revacnn::nn::twin::{goal_gradient, goal_loss};
use revacnn::nn::{
    Goal, GoalGradients, Hyper, Network, Parameters, Pull, Shape, SoftGoal, Tensor, Trainer, TrainerOptions,
};

use crate::compare::{assert_close, assert_differs, assert_no_errors, open_gpu, rounded, sum_tolerance};
use crate::step_twin::{CLASSES, synthetic};
use crate::{OPTIONS, train};

/// The synthetic images.
const IMAGE: Shape = Shape { channels: 2, height: 9, width: 7 };

/// Kernels of 18 weights, and units of 175, with odd numbers of both.
const NETWORK: &str = r#"
layer = [
    { kind = "conv2d", filters = 5, kernel = 3 },
    { kind = "relu" },
    { kind = "dense", units = 7 },
    { kind = "relu" },
    { kind = "dense" },
]
"#;

fn network() -> Network {
    Network::parse(NETWORK, IMAGE, CLASSES).unwrap()
}

fn sample(len: usize, seed: u64) -> Vec<f64> {
    rounded(Tensor::sample(Shape::new(len, 1, 1), 1, seed).values)
}

const PULLS: [Pull; 3] = [Pull::Attract, Pull::Repel, Pull::Become];

#[test]
fn gradients_are_those_of_central_differences() {
    for pull in PULLS {
        for seed in 0..6 {
            let (w, mut other) = (sample(19, seed), sample(19, seed + 100));
            // Both signs of the cosine.
            let dot: f64 = w.iter().zip(&other).map(|(w, o)| w * o).sum();
            if (seed % 2 == 0) == (dot < 0.0) {
                other.iter_mut().for_each(|o| *o = -*o);
            }
            let gradient = goal_gradient(pull, 0.7, &w, &other);
            let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
            assert_eq!(norm > 0.0, pull != Pull::Repel || seed % 2 == 0, "{pull:?} {seed}");
            for (i, g) in gradient.iter().enumerate() {
                let at = |step: f64| {
                    let mut moved = w.clone();
                    moved[i] += step;
                    goal_loss(pull, 0.7, &moved, &other)
                };
                let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((g - difference).abs() <= 1e-4 * norm, "{pull:?} {i}: {g} instead of {difference}");
                let wrong = goal_gradient(pull, 0.701, &w, &other)[i];
                let is_small = norm == 0.0 || g.abs() < 0.1 * norm;
                assert!(is_small || (wrong - difference).abs() > 1e-4 * norm, "strength counts");
            }
        }
    }
}

/// Goals of layer 0 or 2, in the order in which they are set; several for one filter.
fn goals() -> Vec<(u32, Goal, f32)> {
    let kernel = sample(18, 7).iter().map(|v| *v as f32).collect();
    vec![
        (0, Goal::Attract([3, 1]), 0.5),
        (0, Goal::Become { filter: 1, kernel }, 0.25),
        (0, Goal::Repel([1, 4]), 2.0),
        (0, Goal::Attract([4, 0]), 0.125),
        (2, Goal::Repel([6, 2]), 0.75),
        (2, Goal::Attract([2, 3]), 0.75),
    ]
}

/// The gradient of all parameters by goals, out of the twin.
fn expected(network: &Network, parameters: &Parameters, values: &[f32]) -> Vec<f64> {
    let mut sums = vec![0.0; values.len()];
    for layer in &network.layers {
        let Some(tensor) = parameters.tensors.iter().find(|t| t.name == format!("{}.weight", layer.name))
        else {
            continue;
        };
        let len = tensor.len / tensor.spec.shape[0];
        let row =
            |filter: u32| tensor.offset + filter as usize * len..tensor.offset + (filter as usize + 1) * len;
        let weights = |filter: u32| values[row(filter)].iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
        for SoftGoal { goal, strength } in &layer.goals {
            let mut add = |filter: u32, other: Vec<f64>| {
                let gradient = goal_gradient(goal.pull(), f64::from(*strength), &weights(filter), &other);
                sums[row(filter)].iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g);
            };
            match goal {
                Goal::Attract([a, b]) | Goal::Repel([a, b]) => {
                    add(*a, weights(*b));
                    add(*b, weights(*a));
                }
                Goal::Become { filter, kernel } => {
                    add(*filter, kernel.iter().map(|v| f64::from(*v)).collect())
                }
            }
        }
    }
    sums
}

fn with_goals(gpu: &Rc<Gpu>, options: TrainerOptions) -> Trainer {
    let mut trainer = Trainer::new(Rc::clone(gpu), &synthetic(47, 13), network(), options).unwrap();
    for (layer, goal, strength) in goals() {
        trainer.set_goal(layer, &goal, strength).unwrap();
    }
    trainer
}

#[test]
fn the_kernel_is_its_twin() {
    let gpu = Rc::new(open_gpu());
    let trainer = with_goals(&gpu, OPTIONS);
    let (network, parameters) = (&trainer.network, &trainer.parameters);
    let made = GoalGradients::of(&gpu, network, parameters).unwrap().expect("there are goals");
    let mut plan = PlanBuilder::new(&gpu);
    made.dispatch(&gpu, &mut plan, parameters).unwrap();
    let plan = plan.finish();
    assert_eq!(plan.len(), 2, "a dispatch a layer");
    // The second time what is there is another's; the third a kernel has no direction.
    for turn in 0..3_u64 {
        let len = parameters.values.len();
        let mut values: Vec<f32> = sample(len, turn + 1).iter().map(|v| *v as f32).collect();
        if turn == 2 {
            values[4 * 18..5 * 18].fill(0.0);
        }
        parameters.values.write(&gpu, 0, &values);
        let mut encoder = gpu.encoder("goals");
        plan.encode(&mut encoder);
        gpu.submit(encoder);
        let expected = expected(network, parameters, &values);
        for (range, gradients) in made.partials.read(&gpu) {
            let here = &expected[range.offset..][..range.len];
            assert_eq!(range.rows, 1);
            assert_close("gradients of goals", &gradients, here, sum_tolerance(200));
            let other: Vec<f64> = here.iter().map(|g| 1.001 * g).collect();
            assert_differs("another strength", &gradients, &other, sum_tolerance(200));
        }
    }
    assert_no_errors(&gpu);
}

#[test]
fn a_step_has_them_once_whatever_its_batch() {
    let gpu = Rc::new(open_gpu());
    for (batch, micro_batch) in [(10, None), (10, Some(4)), (3, None)] {
        let options = TrainerOptions { batch, micro_batch, ..OPTIONS };
        let gradients = |trainer: &mut Trainer| {
            train(trainer, 1);
            trainer.parameters.last_gradients.read(&gpu)[..trainer.parameters.values.len()].to_vec()
        };
        let mut trainer = with_goals(&gpu, options);
        let start = trainer.parameters.values.read(&gpu);
        let by_goals = expected(&trainer.network, &trainer.parameters, &start);
        let both = gradients(&mut trainer);
        let mut plain = Trainer::new(Rc::clone(&gpu), &synthetic(47, 13), network(), options).unwrap();
        let plain: Vec<f64> = gradients(&mut plain).iter().map(|g| f64::from(*g)).collect();
        let sum = |times: f64| plain.iter().zip(&by_goals).map(|(p, g)| p + times * g).collect::<Vec<f64>>();
        assert_close("both", &both, &sum(1.0), sum_tolerance(200));
        assert_differs("one goal too few", &both, &sum(0.999), sum_tolerance(200));
    }
    assert_no_errors(&gpu);
}

#[test]
fn without_goals_there_is_no_trace_of_them() {
    let gpu = Rc::new(open_gpu());
    let plain = || Trainer::new(Rc::clone(&gpu), &synthetic(47, 13), network(), OPTIONS).unwrap();
    let mut never = plain();
    let dispatches = never.step_plan().len();
    train(&mut never, 6);
    let (hash, text) = (never.state_hash(), never.network.to_toml());
    let mut off = with_goals(&gpu, OPTIONS);
    assert_eq!(off.step_plan().len(), dispatches + 4, "a dispatch and a sum for each layer");
    for (layer, goal, _) in goals() {
        off.set_goal(layer, &goal, 0.0).unwrap();
    }
    assert_eq!((off.step_plan().len(), off.network.to_toml()), (dispatches, text));
    train(&mut off, 6);
    assert_eq!(off.state_hash(), hash);
    // Strength 0 from the beginning is none either.
    let mut zero = plain();
    goals().iter().for_each(|(layer, goal, _)| zero.set_goal(*layer, goal, 0.0).unwrap());
    train(&mut zero, 6);
    assert_eq!(zero.state_hash(), hash);
    let mut on = with_goals(&gpu, OPTIONS);
    train(&mut on, 6);
    assert_ne!(on.state_hash(), hash);
    let mut again = with_goals(&gpu, OPTIONS);
    train(&mut again, 6);
    assert_eq!(again.state_hash(), on.state_hash(), "the same run gives the same bits");
    on.set_frozen(&[0, 2]).unwrap();
    assert_eq!(on.step_plan().dispatches.iter().filter(|d| &*d.label == "goal gradients").count(), 0);
    assert_no_errors(&gpu);
}

/// Weights of filters of conv1.
fn rows(trainer: &Trainer) -> Vec<Vec<f32>> {
    trainer.parameters.values.read(trainer.gpu())[..5 * 18].chunks(18).map(<[f32]>::to_vec).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn filters_go_where_they_are_to_go() {
    let gpu = Rc::new(open_gpu());
    // The data hardly count at this strength, and frozen filters stay, whatever their goals are.
    let hyper = Hyper { learning_rate: 0.05, momentum: 0.0, weight_decay: 0.0, ..OPTIONS.hyper };
    let hyper = Hyper { nesterov: false, ..hyper };
    let options = TrainerOptions { hyper, micro_batch: None, ..OPTIONS };
    let run = |goal: Goal, frozen: &[u32]| {
        let mut trainer = Trainer::new(Rc::clone(&gpu), &synthetic(47, 13), network(), options).unwrap();
        trainer.set_goal(0, &goal, 20.0).unwrap();
        if !frozen.is_empty() {
            trainer.set_filters_frozen(0, frozen, true).unwrap();
        }
        let before = rows(&trainer);
        train(&mut trainer, 12);
        (before, rows(&trainer))
    };
    let (before, after) = run(Goal::Attract([1, 3]), &[]);
    assert!(cosine(&before[1], &before[3]) < 0.9 && cosine(&after[1], &after[3]) > 0.99);
    let (before, after) = run(Goal::Attract([1, 3]), &[3]);
    assert!(before[3] == after[3] && before[1] != after[1], "the frozen one stays");
    assert!(cosine(&after[1], &after[3]) > 0.99, "the other one comes to it");
    let pairs = (0..5).flat_map(|a| (0..a).map(move |b| [a, b]));
    let alike = |[a, b]: [usize; 2]| cosine(&before[a], &before[b]);
    let [a, b] = pairs.max_by(|p, q| alike(*p).total_cmp(&alike(*q))).unwrap();
    let (_, after) = run(Goal::Repel([a as u32, b as u32]), &[]);
    let (was, is) = (cosine(&before[a], &before[b]), cosine(&after[a], &after[b]));
    assert!(was > 0.1 && is < 0.5 * was, "{was} becomes {is}");
    let kernel: Vec<f32> = (0..18).map(|i| 0.1 * (i % 5) as f32 - 0.2).collect();
    let far = |w: &[f32]| w.iter().zip(&kernel).map(|(w, t)| (w - t).powi(2)).sum::<f32>().sqrt();
    let (before, after) = run(Goal::Become { filter: 2, kernel: kernel.clone() }, &[]);
    assert!(far(&after[2]) < 0.1 * far(&before[2]), "{} of {}", far(&after[2]), far(&before[2]));
    assert_no_errors(&gpu);
}

#[test]
fn the_norm_that_is_clipped_has_them() {
    let gpu = Rc::new(open_gpu());
    let hyper = Hyper { momentum: 0.0, nesterov: false, weight_decay: 0.0, clip_norm: 0.25, ..OPTIONS.hyper };
    let options = TrainerOptions { hyper, ..OPTIONS };
    let mut trainer = with_goals(&gpu, options);
    trainer.set_goal(0, &Goal::Become { filter: 2, kernel: vec![3.0; 18] }, 10.0).unwrap();
    let before = trainer.parameters.values.read(&gpu);
    train(&mut trainer, 1);
    let after = trainer.parameters.values.read(&gpu);
    let step = before.iter().zip(&after).map(|(b, a)| f64::from(b - a).powi(2)).sum::<f64>().sqrt();
    let largest = f64::from(hyper.learning_rate) * 0.25;
    assert!((step - largest).abs() < 1e-4 * largest, "{step} instead of {largest}");
    assert_no_errors(&gpu);
}

#[test]
fn goals_are_in_the_networks_text_and_faulty_ones_are_refused() {
    let gpu = Rc::new(open_gpu());
    let trainer = with_goals(&gpu, OPTIONS);
    let text = trainer.network.to_toml();
    let again = Network::parse(&text, IMAGE, CLASSES).unwrap();
    assert_eq!(again.to_toml(), text);
    assert_eq!(again.layers[0].goals, trainer.network.layers[0].goals);
    assert_eq!((again.layers[0].goals.len(), again.layers[2].goals.len()), (4, 2));
    for (from, to, what) in [
        ("attract = [3, 1]", "attract = [3, 3]", "named twice"),
        ("attract = [3, 1]", "attract = [3, 9]", "filter 9"),
        ("strength = 0.5", "strength = -0.5", "-0.5"),
    ] {
        let faulty = text.replace(from, to);
        assert_ne!(faulty, text, "{text}");
        let error = Network::parse(&faulty, IMAGE, CLASSES).err().expect("it is refused");
        assert!(error.what().contains(what), "{error}");
    }
}
