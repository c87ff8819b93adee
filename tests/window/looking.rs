//! Looking closer by hand: how a tile is computed, a digit that is drawn, the images of the confusion matrix, one of them left
//! out, given other classes, and taken back.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::screen::{Window, number};

/// Waits until the journal of a run has a word, or has it no more.
fn journal_with(run: &Path, word: &str, has: bool) {
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(run.join("journal.jsonl")).unwrap_or_default();
        if text.contains(word) == has {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{word} in the journal, {has}: {text}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A window whose run, kept in the folder's `run`, has trained a little and rests.
fn paused() -> (tempfile::TempDir, Window) {
    let folder = tempfile::tempdir().unwrap();
    let window = Window::open(folder.path(), &["--out", folder.path().join("run").to_str().unwrap()]);
    window.wait_for("training", |l| number(l, "step") >= 2.0);
    window.key("space");
    window.wait_for("rest", |l| l["state"] == "paused");
    (folder, window)
}

#[test]
fn a_tile_is_computed_before_the_eyes_and_a_digit_is_drawn() {
    let (folder, window) = paused();
    let run = folder.path().join("run");
    // The first tile is the image, the next one the first filter.
    ["Right", "Right", "i"].into_iter().for_each(|key| {
        window.key(key);
        window.frames_pass();
    });
    window.wait_for("how a tile is computed", |l| l["places"]["intermediate output"].is_array());
    window.key("Escape");
    window.click("tab test", 0.5);
    window.click("draw", 0.5);
    window.drag_within("canvas", "ctrl", &[[0.3, 0.2], [0.5, 0.5], [0.6, 0.8]]);
    let began = Instant::now();
    while !run.join("probes.safetensors").exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "the drawing is not kept");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn an_image_of_the_matrix_is_left_out_which_is_undone() {
    let (folder, window) = paused();
    let run = folder.path().join("run");
    window.click("tab confusion", 0.5);
    window.click("confusion of training", 0.5);
    window.click("evaluate now", 0.5);
    window.click("first image", 0.5);
    window.click("leave out", 0.5);
    journal_with(&run, "\"leave_out\"", true);
    window.key("ctrl+z");
    journal_with(&run, "\"leave_out\"", false);
    // Its class is another in each run: one of the two is not its own.
    for class in ["relabel 3", "relabel 4"] {
        window.click("class of the image", 0.5);
        window.click(class, 0.5);
    }
    journal_with(&run, "\"relabel\"", true);
}
