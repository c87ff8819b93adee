//! Changes while a network trains: batch, filters, frozen layers, settings. All else stays bit for bit.

use std::rc::Rc;

use revacnn::nn::{Edit, Hyper, Network, Shape, Trainer, TrainerOptions};

use crate::compare::{assert_close, assert_differs, assert_no_errors, open_gpu};
use crate::step_twin::{CLASSES, NETWORK, StepTwin, by_layer, graph, network, synthetic};
use crate::{LOSS_TOLERANCE, OPTIONS, gpu_clock, history, train, trainer};

/// The synthetic images.
const IMAGE: Shape = Shape { channels: 2, height: 9, width: 7 };

#[test]
fn a_new_batch_keeps_weights_and_moments() {
    let gpu = Rc::new(open_gpu());
    let data = synthetic(47, 13);
    let mut trainer = trainer(&gpu, &data, OPTIONS);
    train(&mut trainer, 3);
    let state = |trainer: &Trainer| {
        let bits = |values: Vec<f32>| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        (
            bits(trainer.parameters.values.read(&gpu)),
            bits(trainer.parameters.moments.read(&gpu)),
            gpu_clock(trainer),
        )
    };
    let before = state(&trainer);
    for batch in [17, 1, 43] {
        trainer.set_batch(batch).unwrap();
        assert!(state(&trainer) == before, "batch {batch}");
        assert_eq!((trainer.sizes().batch, trainer.options().batch), (batch, batch));
    }
    for batch in [0, 44] {
        let error = trainer.set_batch(batch).unwrap_err();
        assert!(error.what().contains(&batch.to_string()) && error.help().contains("43"), "{error}");
    }
    assert!(state(&trainer) == before && trainer.sizes().batch == 43, "a refused batch changes nothing");
    train(&mut trainer, 1);
    let clock = gpu_clock(&trainer);
    assert_eq!([clock.epoch, clock.cursor], [1, 30], "the next step draws the whole new batch");
    assert!(state(&trainer).0 != before.0);
    assert_no_errors(&gpu);
}

#[test]
fn more_filters_keep_the_clock_and_compile_nothing() {
    let gpu = Rc::new(open_gpu());
    let data = synthetic(47, 13);
    let mut trainer = trainer(&gpu, &data, OPTIONS);
    train(&mut trainer, 3);
    let (clock, compiled) = (gpu_clock(&trainer), gpu.kernel_count());
    (0..11).for_each(|_| drop(trainer.edit(&Edit::AddFilter { layer: 0 }).unwrap()));
    assert_eq!((gpu_clock(&trainer), gpu.kernel_count()), (clock, compiled));
    train(&mut trainer, 3);
    assert!(history(&trainer, 3..6).iter().all(|step| step[0].is_finite()));
    assert_eq!(gpu.kernel_count(), compiled);
    // Begun with that number of filters it takes other kernels, so that the preference was put to the test.
    let larger = Network::parse(&NETWORK.replace("filters = 6", "filters = 17"), IMAGE, CLASSES).unwrap();
    Trainer::new(Rc::clone(&gpu), &data, larger, OPTIONS).unwrap();
    assert!(gpu.kernel_count() > compiled);
    assert_no_errors(&gpu);
}

#[test]
fn other_settings_out_of_range_are_refused() {
    let gpu = Rc::new(open_gpu());
    let data = synthetic(47, 13);
    let changes: [fn(&mut TrainerOptions); 6] = [
        |o| o.batch = 0,
        |o| o.batch = 44,
        |o| o.hyper.learning_rate = f32::NAN,
        |o| o.hyper.momentum = 1.0,
        |o| o.probes = 65,
        |o| o.probes = 0,
    ];
    for (i, change) in changes.into_iter().enumerate() {
        let mut options = OPTIONS;
        change(&mut options);
        assert!(Trainer::new(Rc::clone(&gpu), &data, network(), options).is_err(), "change {i} was accepted");
    }
}

#[test]
fn frozen_layers_stay_and_the_step_is_that_of_the_twin() {
    let data = synthetic(47, 13);
    let gpu = Rc::new(open_gpu());
    let hyper = Hyper { learning_rate: 0.02, clip_norm: 0.4, ..OPTIONS.hyper };
    let options = TrainerOptions { micro_batch: None, hyper, ..OPTIONS };
    // Layers of the graph: 0 stem, 1 batch norm, 3 convolution, 8 dense.
    for frozen in [vec![0], vec![0, 1], vec![1, 3], vec![3, 8]] {
        let mut trainer = Trainer::new(Rc::clone(&gpu), &data, graph(), options).unwrap();
        let whole = trainer.step_plan().len();
        train(&mut trainer, 2);
        let before = by_layer(&trainer.network, &trainer.parameters, &trainer.parameters.values.read(&gpu));
        let moments = by_layer(&trainer.network, &trainer.parameters, &trainer.parameters.moments.read(&gpu));
        trainer.set_frozen(&frozen).unwrap();
        assert!(trainer.step_plan().len() < whole, "{frozen:?}: nothing was left out");
        let mut network = graph();
        frozen.iter().for_each(|layer| network.layers[*layer].frozen = true);
        let mut twin = StepTwin::new(&gpu, &data, network, &trainer.parameters, &options);
        (twin.clock, twin.moments) = (*trainer.clock(), moments.clone());
        train(&mut trainer, 3);
        let losses: Vec<f32> = history(&trainer, 3..6).iter().map(|m| m[0]).collect();
        let expected: Vec<f64> = (0..3).map(|_| twin.step()[0]).collect();
        assert_close(&format!("losses, {frozen:?} frozen"), &losses, &expected, 10.0 * LOSS_TOLERANCE);
        let after = by_layer(&trainer.network, &trainer.parameters, &trainer.parameters.values.read(&gpu));
        let moved = by_layer(&trainer.network, &trainer.parameters, &trainer.parameters.moments.read(&gpu));
        for layer in [0, 1, 3, 8] {
            let same = (after[layer] == before[layer], moved[layer] == moments[layer]);
            assert_eq!(same, (frozen.contains(&layer), frozen.contains(&layer)), "layer {layer}, {frozen:?}");
        }
        // Thawed, it learns as before.
        trainer.set_frozen(&[]).unwrap();
        assert_eq!(trainer.step_plan().len(), whole);
        train(&mut trainer, 1);
        let thawed = by_layer(&trainer.network, &trainer.parameters, &trainer.parameters.values.read(&gpu));
        assert!(frozen.iter().all(|layer| thawed[*layer] != before[*layer]));
    }
    let mut trainer = Trainer::new(Rc::clone(&gpu), &data, graph(), options).unwrap();
    assert!(trainer.set_frozen(&[0, 1, 3, 8]).unwrap_err().what().contains("nothing left to train"));
    assert!(trainer.set_frozen(&[9]).is_err());
    train(&mut trainer, 1);
    assert!(history(&trainer, 1..2)[0][0].is_finite(), "it goes on as before");
    assert_no_errors(&gpu);
}

#[test]
fn frozen_filters_and_rates_of_layers_are_those_of_the_twin() {
    let data = synthetic(47, 13);
    let gpu = Rc::new(open_gpu());
    let hyper = Hyper { learning_rate: 0.02, clip_norm: 0.4, ..OPTIONS.hyper };
    let options = TrainerOptions { micro_batch: None, hyper, ..OPTIONS };
    let mut trainer = Trainer::new(Rc::clone(&gpu), &data, graph(), options).unwrap();
    trainer.set_filters_frozen(0, &[1, 3], true).unwrap();
    trainer.set_filters_frozen(8, &[0], true).unwrap();
    trainer.set_rate_factor(3, 0.25).unwrap();
    trainer.set_rate_factor(1, 2.0).unwrap();
    let steered = || {
        let mut network = graph();
        (network.layers[0].frozen_filters, network.layers[8].frozen_filters) = (vec![1, 3], vec![0]);
        (network.layers[3].rate_factor, network.layers[1].rate_factor) = (0.25, 2.0);
        network
    };
    let twin = |network| StepTwin::new(&gpu, &data, network, &trainer.parameters, &options);
    let mut twins = [twin(steered())];
    let mut others: Vec<StepTwin> = (0..3)
        .map(|other| {
            let mut network = steered();
            match other {
                0 => network.layers[0].frozen_filters = vec![1],
                1 => network.layers[3].rate_factor = 0.26,
                _ => network.layers[1].rate_factor = 1.0,
            }
            twin(network)
        })
        .collect();
    train(&mut trainer, 4);
    let made = by_layer(&trainer.network, &trainer.parameters, &trainer.parameters.values.read(&gpu));
    let made: Vec<f32> = made.concat().concat().iter().map(|v| *v as f32).collect();
    let parameters = |twin: &mut StepTwin| {
        (0..4).for_each(|_| _ = twin.step());
        twin.parameters.concat().concat()
    };
    assert_close("parameters", &made, &parameters(&mut twins[0]), 10.0 * LOSS_TOLERANCE);
    for (number, other) in others.iter_mut().enumerate() {
        assert_differs(&format!("other {number}"), &made, &parameters(other), 10.0 * LOSS_TOLERANCE);
    }
    assert_no_errors(&gpu);
}

/// Loss and number of correct images of an evaluation of the test images.
fn evaluated(trainer: &mut Trainer, averaged: bool) -> (f32, u32) {
    trainer.begin_evaluation(trainer.loader.test());
    for _ in 0..trainer.loader.test_images.div_ceil(trainer.sizes().micro_batch) {
        let plan = if averaged { trainer.average_evaluation_plan() } else { trainer.evaluation_plan() };
        let mut encoder = trainer.gpu().encoder("evaluation");
        plan.encode(&mut encoder);
        trainer.gpu().submit(encoder);
        trainer.end_evaluation_pass();
    }
    let clock = gpu_clock(trainer);
    (clock.eval_loss, clock.eval_correct)
}

#[test]
fn the_average_is_evaluated_beside_the_weights_and_changes_nothing_else() {
    let gpu = Rc::new(open_gpu());
    let data = synthetic(40, 20);
    let hyper = Hyper { averaging: 2.0, ..OPTIONS.hyper };
    let mut with = trainer(&gpu, &data, TrainerOptions { hyper, ..OPTIONS });
    let mut without = trainer(&gpu, &data, OPTIONS);
    assert!(without.average_evaluation_plan().is_empty());
    train(&mut with, 7);
    train(&mut without, 7);
    assert_eq!(with.state_hash(), without.state_hash());
    assert_eq!(evaluated(&mut with, false), evaluated(&mut without, false));
    let averaged = evaluated(&mut with, true);
    assert_ne!(averaged, evaluated(&mut with, false), "the average lags behind");
    // It is what the weights would score if they were the average.
    let averages = with.parameters.averages.read(&gpu);
    with.parameters.values.write(&gpu, 0, &averages);
    assert_eq!(averaged, evaluated(&mut with, false));
    // Switched on later it begins with the weights of then.
    without.set_hyper(hyper).unwrap();
    let (loss, _) = evaluated(&mut without, false);
    assert_eq!(evaluated(&mut without, true).0, loss);
    without.set_hyper(OPTIONS.hyper).unwrap();
    assert!(without.average_evaluation_plan().is_empty());
    assert_no_errors(&gpu);
}
