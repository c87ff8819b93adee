//! `revacnn film`: a run made again, frame by frame.
#![cfg(feature = "app")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder as _, RgbaImage};

use crate::program::{Ran, command, folder, run, train};

/// Trains 2 epochs with commands on the way, one of which changes the network.
fn trained(path: &Path) {
    let lines = [
        r#"{"step": 5, "command": {"set_learning_rate": 0.03125}}"#,
        r#"{"step": 9, "command": {"add_filter": {"layer": 0}}}"#,
    ];
    fs::write(path.join("script.jsonl"), lines.join("\n")).unwrap();
    run(path, &train(&["--epochs", "2", "--script", "script.jsonl", "--out", "run"])).ok();
}

fn film(path: &Path, args: &[&str]) -> Ran {
    run(path, &[&["film", "run", "--size", "320x226"], args].concat())
}

fn open(path: &Path) -> RgbaImage {
    image::open(path).unwrap().to_rgba8()
}

/// The frame above its strip.
fn above(frame: &RgbaImage) -> RgbaImage {
    image::imageops::crop_imm(frame, 0, 0, 320, 200).to_image()
}

#[test]
fn a_film_ends_with_the_run_as_it_is_and_begins_with_another_one() {
    let folder = folder();
    let path = folder.path();
    trained(path);
    let files = |out: &str| fs::read_dir(path.join(out)).unwrap().count();
    film(path, &["--frames", "4", "--layers", "weights", "-o", "frames"]).ok();
    assert_eq!(files("frames"), 4);
    let render = ["render", "run", "--view", "network", "--layers", "weights", "--size", "320x200"];
    run(path, &[&render[..], &["-o", "end.png"]].concat()).ok();
    let [first, third, last] =
        ["0000", "0002", "0003"].map(|name| open(&path.join(format!("frames/{name}.png"))));
    assert_eq!(above(&last), open(&path.join("end.png")));
    assert!(above(&first) != above(&last) && above(&third) != above(&last));
    // More frames than steps are the steps, and the beginning.
    film(path, &["--frames", "500", "--view", "charts", "-o", "steps.gif"]).ok();
    let gif = GifDecoder::new(BufReader::new(fs::File::open(path.join("steps.gif")).unwrap())).unwrap();
    let frames = gif.into_frames().collect_frames().unwrap();
    let steps = fs::read_to_string(path.join("run/metrics.csv")).unwrap();
    let steps: usize = steps.lines().last().unwrap().split(',').nth(1).unwrap().parse().unwrap();
    assert_eq!(frames.len(), steps + 1);
    assert_eq!(frames[0].buffer().dimensions(), (320, 226));
}

#[test]
fn views_with_layouts_and_of_evaluations_are_filmed() {
    let folder = folder();
    let path = folder.path();
    trained(path);
    for view in ["embedding", "confusion", "workbench"] {
        film(path, &["--frames", "3", "--view", view, "-o", view]).ok();
        let [first, last] = ["0000", "0002"].map(|name| open(&path.join(format!("{view}/{name}.png"))));
        assert!(above(&first) != above(&last), "{view}");
    }
}

#[test]
fn a_fault_or_a_signal_leaves_no_film() {
    let folder = folder();
    let path = folder.path();
    trained(path);
    fs::write(path.join("old.gif"), "old").unwrap();
    for (args, code, words) in [
        (&["film", "none", "-o", "a.gif"][..], 1, "none"),
        (&["film", "run", "-o", "a.mp4"], 2, "a.mp4 is neither .gif nor .webp"),
        (&["film", "run", "-o", "run"], 2, "run is there already"),
        (&["film", "run", "-o", "gone/a.gif"], 2, "there is no folder for gone/a.gif"),
        (&["film", "run", "-o", "a.gif", "--frames", "0"], 2, "'0'"),
        (&["film", "run", "-o", "a.gif", "--view", "all"], 2, "'all'"),
        (&["film", "run", "-o", "a.gif", "--scale", "0"], 2, "the scale is 0"),
        (&["film", "run", "-o", "a.gif", "--size", "99999x99999", "--frames", "2"], 2, "99999"),
    ] {
        run(path, args).fails(code, words);
    }
    #[cfg(unix)]
    for out in ["old.gif", "new.webp", "new"] {
        let args = ["film", "run", "--frames", "40", "--view", "workbench", "-o", out];
        let mut child = command(path, &args).spawn().unwrap();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("frames over") {
            assert!(err.read_line(&mut said).unwrap() > 0, "{said}");
        }
        crate::program::kill(&child, "-INT");
        std::io::Read::read_to_string(&mut err, &mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1), "{said}");
        assert!(said.contains("the film was stopped at frame"), "{said}");
    }
    let mut left: Vec<_> =
        fs::read_dir(path).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["old.gif", "run", "script.jsonl", "tiny.toml"].map(str::to_owned));
    assert_eq!(fs::read(path.join("old.gif")).unwrap(), b"old");
}
