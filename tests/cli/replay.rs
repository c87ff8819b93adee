//! `revacnn replay`: a run made again from its journal, and compared with its model.

use std::fs;

use serde_json::Value;

use crate::program::{folder, run, train};

/// Commands at steps of a run on the digits.
const SCRIPT: &str = r#"{"step": 5, "command": {"set_learning_rate": 0.01}}
{"step": 9, "command": {"split_filter": {"layer": 0, "filter": 3}}}
{"step": 12, "command": {"freeze_filters": {"layer": 0, "filters": [1]}}}
"#;

#[test]
fn a_run_is_made_again_and_another_model_is_told_from_it() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("script.jsonl"), SCRIPT).unwrap();
    let args = ["--steps", "20", "--script", "script.jsonl", "--json", "--out", "first"];
    let first = run(path, &train(&args)).ok();
    let replay = |args: &[&str]| run(path, &[&["replay", "--json"], args].concat());
    let again: Value = serde_json::from_str(&replay(&["first", "--verify"]).ok().out).unwrap();
    assert_eq!((&again["step"], &again["verified"]), (&20.into(), &true.into()));
    assert_eq!(again["state_hash"], first.hash().as_str());
    // Up to a step, and kept: it goes on as the run did, without the commands that were to come.
    let half: Value =
        serde_json::from_str(&replay(&["first", "--to", "10", "--out", "half"]).ok().out).unwrap();
    assert_eq!(half["step"], 10);
    let kept = run(path, &["train", "--resume", "half", "--steps", "10", "--json"]).ok();
    assert_eq!(kept.hash(), half["state_hash"].as_str().unwrap());
    // The model of another run is not what the journal makes.
    run(path, &train(&[&["--seed", "2"], &args[..5], &["--out", "other"]].concat())).ok();
    fs::copy(path.join("other/model.safetensors"), path.join("first/model.safetensors")).unwrap();
    let other = replay(&["first", "--verify"]);
    assert_eq!(other.code, Some(1));
    assert!(other.err.contains("is not the model of first") && other.err.contains("help: "), "{}", other.err);
    // What cannot be made again is said with its line.
    let file = path.join("first/journal.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("split_filter", "slip_filter", 1)).unwrap();
    let damaged = replay(&["first"]);
    assert!(damaged.code == Some(1) && damaged.err.contains("line 3, is damaged"), "{}", damaged.err);
    let late = replay(&["half", "--to", "11"]);
    assert!(late.code == Some(2) && late.err.contains("step 11 is past the end"), "{}", late.err);
}
