//! The program without a display: pictures while it trains, and an end in time.
#![cfg(feature = "app")]

use std::path::Path;

use crate::program::{Ran, command, folder, run, train};

const ALL: [&str; 5] = ["workbench.png", "layouts.png", "network.png", "filters.png", "charts.png"];

/// `revacnn` without a command and a display, on the digits with the tiny network.
fn without_display(path: &Path, more: &[&str]) -> Ran {
    let args = [
        "--dataset",
        "digits",
        "--network",
        "tiny.toml",
        "--batch",
        "1",
        "--lr",
        "0.002",
        "--adapter",
        "software",
    ];
    let mut program = command(path, &[&args[..], more].concat());
    Ran::from(program.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").output().unwrap()).ok()
}

#[test]
fn pictures_are_there_after_the_first_epoch_and_the_run_is_that_of_train() {
    let folder = folder();
    let path = folder.path();
    let ran = without_display(path, &["--out", "kept"]);
    assert_eq!(ran.out.lines().filter(|line| line.starts_with("epoch ")).count(), 2, "{}", ran.out);
    let told =
        ran.err.find("see kept/network.png, filters.png and charts.png").expect("it says where they are");
    let last = ran.err.find("kept/workbench.png: 1280").expect("the last pictures");
    assert!(told < last, "{}", ran.err);
    // After the first epoch, before it where that takes long, and at the end.
    let drawn = ran.err.matches("kept/network.png: 1280").count();
    assert!((2..=3).contains(&drawn), "{}", ran.err);
    for name in ALL {
        assert!(image::open(path.join("kept").join(name)).unwrap().width() >= 900, "{name}");
    }
    let kept =
        run(path, &["train", "--resume", "kept", "--epochs", "2", "--json", "--adapter", "software"]).ok();
    let plain = run(
        path,
        &train(&["--epochs", "2", "--batch", "1", "--lr", "0.002", "--json", "--adapter", "software"]),
    )
    .ok();
    assert_eq!(kept.hash(), plain.hash());
}

#[test]
fn a_run_that_takes_too_long_is_ended_with_its_pictures() {
    let folder = folder();
    let path = folder.path();
    let ran = without_display(path, &["--at-most", "0"]);
    assert!(!ran.out.contains("epoch   2") && ran.out.contains("test loss"), "{}", ran.out);
    assert!(ran.err.contains("the time is up"), "{}", ran.err);
    assert!(ALL.iter().all(|name| path.join("revacnn-out").join(name).is_file()));
}
