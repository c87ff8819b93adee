//! `revacnn ablate`, `revacnn doctor` and `revacnn twin`: which filter can go, what is wrong, and what commands do.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{Ran, folder, run, train};

fn program(path: &Path, args: &[&str]) -> Ran {
    run(path, &[args, &["--adapter", "software"]].concat())
}

#[test]
fn filters_are_listed_by_the_loss_without_them() {
    let folder = folder();
    let path = folder.path();
    program(path, &train(&["--epochs", "1", "--out", "run"])).ok();
    let model = fs::read(path.join("run/model.safetensors")).unwrap();
    let found = program(path, &["ablate", "run", "--json", "--images", "150"]).ok().events();
    assert_eq!((found.len(), &found[0]["event"], &found[0]["images"]), (5, &"whole".into(), &150.into()));
    let number = |value: &Value| value.as_f64().unwrap();
    let losses: Vec<f64> = found[1..].iter().map(|filter| number(&filter["loss"])).collect();
    assert!(losses.is_sorted() && losses[0] < losses[3], "{losses:?}");
    for filter in &found[1..] {
        let change = number(&filter["loss"]) - number(&found[0]["loss"]);
        assert!((change - number(&filter["loss_change"])).abs() < 1e-9 && filter["layer"] == "conv1");
        assert_eq!(filter["classes"].as_array().unwrap().len(), 10);
    }
    let text = program(path, &["ablate", "run", "--layer", "conv1", "--images", "150"]).ok().out;
    assert!(text.contains("loss without") && text.lines().count() == 3 + 4, "{text}");
    assert_eq!(fs::read(path.join("run/model.safetensors")).unwrap(), model, "the run stays as it is");
    program(path, &["ablate", "run", "--layer", "conv9"]).fails(2, "conv9");
}

#[test]
fn the_doctor_tells_what_is_wrong_and_tries_the_remedy() {
    let folder = folder();
    let path = folder.path();
    program(path, &train(&["--steps", "60", "--freeze", "conv1", "--out", "run"])).ok();
    let model = fs::read(path.join("run/model.safetensors")).unwrap();
    let found = program(path, &["doctor", "run", "--json", "--try", "--images", "150"]).ok().events();
    let frozen = found.iter().find(|event| event["finding"]["problem"] == "frozen").expect("it is found");
    assert_eq!(
        (&frozen["finding"]["layer"], &frozen["outcome"]["came_true"]),
        (&"conv1".into(), &true.into())
    );
    let commands = &frozen["finding"]["remedy"]["commands"];
    assert_eq!(commands, &serde_json::json!([{ "thaw": 0 }]));
    let last = found.last().unwrap();
    assert_eq!(
        (&last["event"], &last["step"], &last["findings"]),
        (&"examined".into(), &80.into(), &(found.len() - 1).into())
    );
    assert!(last["loss_without_remedy"].as_f64().unwrap() > 0.0);
    let text = program(path, &["doctor", "run", "--images", "150"]).ok().out;
    assert!(text.contains("conv1: It is frozen") && text.contains("expected: 100 steps later"), "{text}");
    assert_eq!(fs::read(path.join("run/model.safetensors")).unwrap(), model, "the run stays as it is");
    for command in ["doctor", "ablate"] {
        program(path, &[command, "run", "--images", "0"]).fails(2, "1 or more");
    }
    program(path, &["doctor", "nowhere"]).fails(1, "nowhere");
}

#[test]
fn twins_show_the_effect_of_a_script() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("freeze.jsonl"), r#"{"step": 3, "command": {"freeze": 3}}"#).unwrap();
    fs::write(path.join("none.jsonl"), "").unwrap();
    let twin = |script: &str, more: &[&str]| {
        let args = [
            "twin",
            "--network",
            "tiny.toml",
            "--dataset",
            "digits",
            "--seeds",
            "2",
            "--steps",
            "6",
            "--points",
            "2",
        ];
        program(path, &[&args[..], &["--script", script], more].concat())
    };
    let found = twin("freeze.jsonl", &["--json", "-o", "effect.png"]).ok().events();
    let events: Vec<&str> = found.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["twin", "twin", "effect", "effect", "effect"]);
    let steps: Vec<u64> = found[2..].iter().map(|line| line["step"].as_u64().unwrap()).collect();
    assert_eq!((steps, &found[1]["seed"]), (vec![3, 6, 9], &2.into()));
    let difference = |line: &Value| line["loss"]["difference"].as_f64().unwrap();
    assert!(difference(&found[2]) == 0.0 && difference(&found[4]) != 0.0);
    let picture = image::open(path.join("effect.png")).unwrap();
    assert!(picture.width() > 900 && picture.height() > 600);
    for line in &twin("none.jsonl", &["--json"]).ok().events()[2..] {
        assert_eq!((difference(line), &line["loss"]["interval_95"]), (0.0, &serde_json::json!([0.0, 0.0])));
    }
    let text = twin("freeze.jsonl", &[]).ok().out;
    assert!(text.contains("forked at step 3") && text.contains("95 % interval"), "{text}");
    twin("freeze.jsonl", &["-o", "effect.jpg"]).fails(2, "effect.jpg");
}
