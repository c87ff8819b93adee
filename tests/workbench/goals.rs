//! Soft goals by the pointer: two filters that attract or repel each other, and a kernel that one is to become.

use egui::{Key, Modifiers};
use serde_json::json;

use super::fixture::Stage;
use super::hand::paint_the_first;

/// Weights of the first filter of conv1.
fn weights(stage: &Stage) -> Vec<f32> {
    let trainer = stage.session.trainer();
    let tensor = trainer.parameters.tensor("conv1.weight").unwrap();
    trainer.parameters.values.read(trainer.gpu())[tensor.offset..][..tensor.len / tensor.spec.shape[0]]
        .to_vec()
}

#[test]
fn two_filters_attract_and_repel_each_other_and_the_list_sets_and_ends_it() {
    let mut stage = Stage::new([1600, 900], 1.0);
    assert!(!stage.shows("Soft goals"));
    for key in [Key::ArrowDown, Key::ArrowRight, Key::ArrowDown] {
        stage.key(key, Modifiers::NONE);
    }
    for kind in ["Attract", "Repel"] {
        stage.secondary_click_below("conv1 menu");
        assert!(!stage.shows("activations of the probe, 1 ×"), "the enlarged tile would cover the menu");
        stage.click(&format!("tile {kind}"));
    }
    stage.resize([1600, 1500]);
    // One for the same filters takes the place of the other.
    assert!(stage.shows("conv1: repel filters 1 and 0") && !stage.shows("conv1: attract filters 1 and 0"));
    stage.type_into("goal 0 field", "0.25");
    stage.key(Key::Enter, Modifiers::NONE);
    stage.frame(&[]);
    stage.click("goal 0 remove");
    stage.frame(&[]);
    assert!(!stage.shows("Soft goals"));
    let set = |kind: &str, strength: f64| json!({ "set_goal": { "layer": 0, "goal": { kind: [1, 0] }, "strength": strength } });
    let expected = [
        set("attract", f64::from(0.1_f32)),
        set("repel", f64::from(0.1_f32)),
        set("repel", 0.25),
        set("repel", 0.0),
    ];
    let commands = stage.commands();
    let strength = |command: &serde_json::Value| command["set_goal"]["strength"].as_f64().unwrap() as f32;
    assert_eq!(commands.len(), expected.len());
    for (command, expected) in commands.iter().zip(&expected) {
        assert_eq!(command["set_goal"]["goal"], expected["set_goal"]["goal"]);
        assert_eq!(strength(command), strength(expected));
    }
}

#[test]
fn a_kernel_that_a_filter_is_to_become_is_painted_and_leaves_the_weights() {
    let mut stage = Stage::new([1600, 900], 1.0);
    let before = weights(&stage);
    let side = before.len().isqrt();
    paint_the_first(&mut stage);
    stage.click("paint become this");
    assert!(stage.shows("The first stroke sets the goal."));
    for brush in ["paint brighter", "paint darker", "paint darker"] {
        stage.click(brush);
        stage.drag("paint kernel", &[0.05, 0.95]);
        (0..4).for_each(|_| drop(stage.frame(&[])));
    }
    assert_eq!(weights(&stage), before, "the filter itself is not painted");
    let goals = &stage.session.trainer().network.layers[0].goals;
    let [goal] = &goals[..] else { panic!("{goals:?}") };
    let revacnn::nn::Goal::Become { filter: 0, kernel } = &goal.goal else { panic!("{goal:?}") };
    let middle = side / 2;
    for (at, (before, to)) in before.iter().zip(kernel).enumerate() {
        let expected = if at / side == middle { before + 0.1 - 0.1 - 0.1 } else { *before };
        assert!((to - expected).abs() < 1e-6, "weight {at}: {to} in place of {expected}");
    }
    // The distance of the weights to it: of a row, 0.1 each.
    let distance = format!("distance {:.3}", 0.1 * (side as f64).sqrt());
    let texts = stage.texts();
    assert!(
        texts.iter().any(|text| text.starts_with(&distance[..distance.len() - 1])),
        "{distance}: {texts:?}"
    );
    stage.resize([1600, 1500]);
    assert!(stage.shows("conv1: pull filter 0 toward a kernel"));
    // Undo takes one stroke back.
    stage.click("paint undo");
    stage.work(8);
    let goal = &stage.session.trainer().network.layers[0].goals[0].goal;
    let revacnn::nn::Goal::Become { kernel, .. } = goal else { panic!("{goal:?}") };
    let at = middle * side;
    assert!((kernel[at] - before[at]).abs() < 1e-6, "{} in place of {}", kernel[at], before[at]);
}
