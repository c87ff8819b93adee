//! `revacnn replay`: a run made again from its journal, and compared with its model.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

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

/// Files of a folder by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |entry: fs::DirEntry| {
        (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap())
    };
    fs::read_dir(folder).unwrap().map(|entry| read(entry.unwrap())).collect()
}

#[test]
fn a_journal_that_is_cut_in_a_line_or_lacks_some_is_said_with_the_line_before_anything_is_done() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("script.jsonl"), SCRIPT).unwrap();
    let begins = ["--steps", "20", "--json"];
    run(path, &train(&[&begins[..], &["--script", "script.jsonl", "--out", "run"]].concat())).ok();
    let file = path.join("run/journal.jsonl");
    let whole = fs::read_to_string(&file).unwrap();
    let replay = |args: &[&str]| run(path, &[&["replay", "--json", "--out", "made"], args].concat());
    let to_8 = replay(&["run", "--to", "8"]).ok().out;
    fs::remove_dir_all(path.join("made")).unwrap();
    let last = whole.trim_end().rfind('\n').unwrap() + 1;
    // Within the command, within its check, and before its last character.
    for len in [last + 1, last + 30, whole.len() - 8, whole.len() - 2] {
        fs::write(&file, &whole[..len]).unwrap();
        let before = files(&path.join("run"));
        let cut = "journal.jsonl, line 4, is cut short";
        for args in
            [&["run"][..], &["run", "--verify"], &["run/journal.jsonl", "--verify"], &["run", "--to", "12"]]
        {
            replay(args).fails(1, cut);
            assert!(!path.join("made").exists(), "{args:?} left a folder");
        }
        let resumed = run(path, &["train", "--resume", "run", "--steps", "1"]);
        resumed.fails(1, "it has 2 commands where the model had 3: line 4 is missing or cut short");
        let script = ["--script", "run/journal.jsonl", "--out", "made"];
        let args = [&begins[..], &script].concat();
        run(path, &train(&args)).fails(1, "journal.jsonl, line 4: it is cut short");
        assert!(!path.join("made").exists(), "a cut script left a folder");
        assert_eq!(files(&path.join("run")), before);
        // What comes before the line is all there.
        let again = replay(&["run", "--to", "8"]).ok();
        let hash = |out: &str| serde_json::from_str::<Value>(out).unwrap()["state_hash"].clone();
        assert_eq!(hash(&again.out), hash(&to_8));
        assert!(again.err.contains(cut), "{}", again.err);
        fs::remove_dir_all(path.join("made")).unwrap();
    }
    // Whole lines are missing.
    fs::write(&file, &whole[..last]).unwrap();
    replay(&["run", "--verify"]).fails(1, "2 commands where the model had 3");
    assert!(!path.join("made").exists());
    // A command that was cut off after the model has nothing to do with it; a last line without its end is whole.
    for (text, said) in [(format!("{whole}{{\"step\":25,\"comm"), true), (whole.trim_end().to_owned(), false)]
    {
        fs::write(&file, text).unwrap();
        let ran = replay(&["run", "--verify"]).ok();
        assert_eq!(ran.err.contains("journal.jsonl, line 5, is cut short"), said, "{}", ran.err);
        assert!(ran.out.contains("\"verified\":true"), "{}", ran.out);
        fs::remove_dir_all(path.join("made")).unwrap();
    }
    // Without a model there is nothing to compare with, which is said before it is made again.
    fs::remove_file(path.join("run/model.safetensors")).unwrap();
    replay(&["run", "--verify"]).fails(1, "model.safetensors");
}
