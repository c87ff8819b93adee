//! A run is kept when the window closes, and opened in another.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::screen::{Window, display, display_of, kept_steps, number};

#[test]
fn a_signal_saves_the_run() {
    for signal in ["-INT", "-TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let mut window = Window::open(folder.path(), &["--out", run.to_str().unwrap()]);
        // Within the first epoch, of 22 steps, nothing else saves.
        let last = window.wait_for("a step", |l| number(l, "step") >= 1.0);
        let process = window.program.0.id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
        assert!(window.ended().success());
        assert!(kept_steps(&run) >= number(&last, "step"));
    }
}

#[test]
fn a_paused_window_hears_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = Window::open(folder.path(), &["--paused"]);
    window.wait_for("rest", |l| l["state"] == "paused");
    std::thread::sleep(Duration::from_secs(2));
    let process = window.program.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    assert!(window.ended().success());
}

#[test]
fn the_end_of_the_display_saves_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut window = Window::open(folder.path(), &["--out", run.to_str().unwrap()]);
    let last = window.wait_for("a step", |l| number(l, "step") >= 3.0);
    window.display.0.kill().unwrap();
    assert!(!window.ended().success());
    assert!(kept_steps(&run) >= number(&last, "step"));
}

#[test]
fn a_window_larger_than_a_texture_costs_no_step() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut window = Window::start(
        display_of("17000x700x24"),
        folder.path(),
        &["--dataset", "digits", "--out", run.to_str().unwrap()],
    );
    let first = window.wait_for("a step", |l| number(l, "step") >= 1.0);
    window.xdotool(&["search", "--sync", "--name", "ReVACNN", "windowsize", "16600", "600"]);
    std::thread::sleep(Duration::from_secs(2));
    // However slowly such a window is drawn, steps go on.
    let later = window.wait_for("later steps", |l| number(l, "step") >= number(&first, "step") + 3.0);
    assert!(window.program.0.try_wait().unwrap().is_none(), "the window is gone");
    let process = window.program.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    assert!(window.ended().success());
    assert!(kept_steps(&run) >= number(&later, "step"), "training has stopped");
}

#[test]
fn a_run_that_cannot_be_saved_stays_open() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let window = Window::open(folder.path(), &["--paused", "--out", run.to_str().unwrap()]);
    window.wait_for("rest", |l| l["state"] == "paused");
    // Nothing can be written where a folder is in the way.
    let obstacle = run.join("model.safetensors");
    std::fs::remove_file(&obstacle).unwrap();
    std::fs::create_dir(&obstacle).unwrap();
    window.click("play", 0.5);
    let failed = window.wait_for("a save that fails", |l| l["places"]["save again"].is_array());
    let paused = window.wait_for("a pause", |l| l["state"] == "paused");
    assert!(number(&failed, "epoch") >= 1.0);
    std::fs::remove_dir(&obstacle).unwrap();
    window.click("save again", 0.5);
    let began = Instant::now();
    while !obstacle.is_file() && began.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(300));
    }
    drop(window);
    assert_eq!(kept_steps(&run), number(&paused, "step"));
}

#[test]
fn the_window_opens_a_kept_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let train = ["train", "--dataset", "digits", "--steps", "30", "--out", run.to_str().unwrap()];
    assert!(Command::new(env!("CARGO_BIN_EXE_revacnn")).args(train).output().unwrap().status.success());
    let window = Window::start(display(), folder.path(), &["--resume", run.to_str().unwrap()]);
    window.wait_for("the run", |l| number(l, "step") == 30.0 && l["playing"] == false);
    window.key("s");
    window.wait_for("a step", |l| number(l, "step") == 31.0);
}

#[test]
fn a_dialog_opens_a_kept_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let train = ["train", "--dataset", "digits", "--steps", "30", "--out", run.to_str().unwrap()];
    assert!(Command::new(env!("CARGO_BIN_EXE_revacnn")).args(train).output().unwrap().status.success());
    let window = Window::open(folder.path(), &["--paused"]);
    window.click("open", 0.5);
    window.wait_for("the dialog", |l| l["places"]["folder"].is_array());
    window.xdotool(&["search", "--sync", "--name", "ReVACNN", "windowfocus"]);
    window.xdotool(&["type", "--delay", "60", run.to_str().unwrap()]);
    window.xdotool(&["key", "Return"]);
    window.wait_for("the run", |l| number(l, "step") == 30.0 && l["playing"] == false);
}

#[test]
fn the_window_closes_by_itself_and_keeps_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let (_display, name) = display();
    let status = Command::new(env!("CARGO_BIN_EXE_revacnn"))
        .args(["--dataset", "digits", "--exit-after", "4", "--out", out.to_str().unwrap()])
        .env("DISPLAY", name)
        .env_remove("WAYLAND_DISPLAY")
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert!(out.join("model.safetensors").exists());
}
