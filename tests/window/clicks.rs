//! Layouts, clicks and keys steer the run.

use std::time::Duration;

use serde_json::Value;

use crate::screen::{Window, number};

#[test]
fn layouts_follow_the_run_and_open_at_a_click() {
    let folder = tempfile::tempdir().unwrap();
    let window = Window::open(folder.path(), &[]);
    let iteration = |line: &Value, index: usize| number(&line["layouts"][index], "iteration");
    window.wait_for("a layout that iterates", |l| iteration(l, 0) >= 60.0 && number(l, "step") >= 3.0);
    window.click("last layout", 0.5);
    let both = window.wait_for("a second layout", |l| iteration(l, 1) >= 20.0);
    assert_eq!(both["layouts"].as_array().unwrap().len(), 2);
    // The wheel enlarges, a click selects, V stops the pictures: none may disturb the layouts.
    window.click("layout", 0.4);
    window.xdotool(&["click", "4"]);
    window.key("space");
    let paused = window.wait_for("rest", |l| l["playing"] == false && iteration(l, 0) > iteration(&both, 0));
    window.click("last layout", 0.5);
    window.wait_for("one layout again", |l| l["layouts"].as_array().is_some_and(|all| all.len() == 1));
    assert!(number(&paused["layouts"][0], "kl") > 0.0);
    window.click("images", 0.5);
    let images = window.wait_for("a layout of images", |l| iteration(l, 1) >= 200.0);
    assert_eq!(images["layouts"][1]["layer"], "pool3");
    assert!(number(&images["layouts"][1], "kl") > 0.0);
    window.click("all filters", 0.5);
    let all = window.wait_for("a layout of all filters", |l| iteration(l, 2) >= 50.0);
    assert_eq!(all["layouts"][2]["layer"], "all filters");
}

#[test]
fn a_box_selects_images_and_the_legend_hides_them() {
    let folder = tempfile::tempdir().unwrap();
    let window = Window::open(folder.path(), &[]);
    window.wait_for("training", |l| number(l, "step") >= 3.0);
    window.click("images", 0.5);
    window.wait_for("a layout of images", |l| number(&l["layouts"][1], "iteration") >= 100.0);
    window.key("space");
    window.wait_for("rest", |l| l["playing"] == false);
    let selected = |line: &Value| number(&line["layouts"][1], "selected");
    let (box_path, lasso_path) =
        ([[0.01; 2], [0.5; 2], [0.99; 2]], [[0.01; 2], [0.99, 0.01], [0.99; 2], [0.01, 0.99]]);
    window.drag_within("image layout", "ctrl", &box_path);
    window.frames_pass();
    let all = window.wait_for("a selection", |l| selected(l) > 0.0);
    window.key("Escape");
    window.wait_for("nothing selected", |l| selected(l) == 0.0);
    // Zero is hidden, about a tenth of the digits.
    window.click("first group", 0.5);
    window.drag_within("image layout", "shift", &lasso_path);
    // It grows while it is drawn.
    window.frames_pass();
    let some = window.wait_for("a smaller selection", |l| selected(l) > 0.0);
    let share = selected(&some) / selected(&all);
    assert!((0.8..0.97).contains(&share), "{share} of the images are left without one class");
    window.click("divergence", 0.5);
    window.wait_for("a larger chart", |l| l["places"]["divergence"][2].as_f64().is_some_and(|w| w > 100.0));
}

#[test]
fn pointer_and_keys_steer_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let window = Window::open(folder.path(), &[]);
    let first = window.wait_for("training", |l| number(l, "step") >= 3.0 && l["playing"] == true);

    window.click("play", 0.5);
    let paused = window.wait_for("a pause", |l| l["state"] == "paused");
    assert!(number(&paused, "step") >= number(&first, "step"));
    std::thread::sleep(Duration::from_millis(1500));
    let later = window.wait_for("a later line", |l| number(l, "seconds") > number(&paused, "seconds") + 1.0);
    assert_eq!(later["step"], paused["step"], "the step counter stands still");

    window.click("step", 0.5);
    let step = number(&paused, "step") + 1.0;
    window.wait_for("one step", |l| number(l, "step") == step && l["state"] == "paused");

    window.click("learning_rate", 0.1);
    let slower = window.wait_for("another learning rate", |l| l["learning_rate"] != first["learning_rate"]);
    assert!(number(&slower, "learning_rate") < number(&first, "learning_rate"));
    assert_eq!(number(&slower, "step"), step, "a change of the learning rate resets nothing");

    window.click("play", 0.5);
    let playing = window.wait_for("playing again", |l| number(l, "step") > step + 1.0);

    window.xdotool(&["mousemove", "600", "790"]);
    window.key("space");
    let paused = window.wait_for("a pause by key", |l| l["state"] == "paused");
    let batch = number(&paused, "batch");
    window.key("b");
    window.wait_for("twice the batch", |l| number(l, "batch") == 2.0 * batch);
    window.key("shift+b");
    window.wait_for("the batch as before", |l| number(l, "batch") == batch);
    let momentum = number(&paused, "momentum");
    window.key("shift+m");
    window.wait_for("less momentum", |l| number(l, "momentum") < momentum - 0.04);
    window.key("m");

    window.click("reset", 0.5);
    let reset = window.wait_for("a reset", |l| number(l, "step") == 0.0);
    assert!(number(&paused, "step") > 0.0);
    assert_eq!(reset["learning_rate"], playing["learning_rate"], "a reset keeps the settings");
}
