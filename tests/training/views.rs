//! Views of a trainer's tensors: the probes' activations, and the gradients of the last whole step.

use std::rc::Rc;

use crate::compare::{assert_close, assert_differs, assert_no_errors, open_gpu, read_view};
use crate::step_twin::{StepTwin, UNCHANGED, network, synthetic};
use crate::{OPTIONS, train, trainer};

#[test]
fn probes_show_the_weights_just_used() {
    let gpu = Rc::new(open_gpu());
    let data = synthetic(47, 13);
    let mut trainer = trainer(&gpu, &data, OPTIONS);
    trainer.loader.set_probes(&gpu, &[4, 9]);
    train(&mut trainer, 2);
    let before = StepTwin::new(&gpu, &data, network(), &trainer.parameters, &OPTIONS);
    train(&mut trainer, 1);
    let after = StepTwin::new(&gpu, &data, network(), &trainer.parameters, &OPTIONS);
    let compare = |twin: &StepTwin<'_>, other: &StepTwin<'_>, what: &str| {
        for (probe, image) in [(0, 47 + 4), (1, 47 + 9), (2, 47 + 9)] {
            let maps = |twin: &StepTwin<'_>| {
                twin.activations(twin.data.input(&[Some([image, UNCHANGED, 0])]), false)
            };
            let (expected, other) = (maps(twin), maps(other));
            for layer in 0..expected.len() {
                let made = read_view(&gpu, &trainer.activations(layer, probe));
                let name = format!("{what}: layer {layer} of probe {probe}");
                assert_close(&name, &made, &expected[layer].values, 1e-5);
                if layer > 0 {
                    assert_differs(&name, &made, &other[layer].values, 1e-5);
                }
            }
            let shares = read_view(&gpu, &trainer.probabilities(probe));
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
