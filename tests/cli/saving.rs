//! Runs whose files cannot be written for a while, folders that others look at, and settings given at a resume.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr};

use serde_json::Value;

use crate::program::{Ran, command, folder, kill, metrics, run, train};

/// A run of `epochs` epochs whose model cannot be written after the first save, waiting to try again.
fn waiting(folder: &Path, epochs: &str) -> (Child, BufReader<ChildStderr>, String) {
    let args = train(&["--epochs", epochs, "--batch", "16", "--json", "--out", "run"]);
    let mut child = command(folder, &args).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let (model, aside) = (folder.join("run/model.safetensors"), folder.join("aside"));
    fs::rename(&model, aside).unwrap();
    fs::create_dir(&model).unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("the next try is in") {
        assert!(err.read_line(&mut said).unwrap() > 0, "{said}");
    }
    (child, err, said)
}

#[test]
fn a_run_waits_until_it_can_be_saved_and_loses_nothing() {
    let folder = folder();
    let (child, _err, said) = waiting(folder.path(), "4");
    assert!(said.contains("model.safetensors") && said.contains("Ctrl-C gives up"), "{said}");
    let model = folder.path().join("run/model.safetensors");
    fs::remove_dir(model).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    let on = run(folder.path(), &["train", "--resume", "run", "--epochs", "4", "--json"]).ok();
    let whole = train(&["--epochs", "4", "--batch", "16", "--json", "--out", "whole"]);
    assert_eq!(on.hash(), run(folder.path(), &whole).ok().hash());
    assert_eq!(metrics(&folder.path().join("run")), metrics(&folder.path().join("whole")));
}

#[test]
fn a_signal_ends_the_waiting_and_the_last_save_stays() {
    let folder = folder();
    let (mut child, mut err, mut said) = waiting(folder.path(), "4");
    kill(&child, "-TERM");
    err.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("error: cannot write run/model.safetensors"), "{said}");
    fs::remove_dir(folder.path().join("run/model.safetensors")).unwrap();
    fs::rename(folder.path().join("aside"), folder.path().join("run/model.safetensors")).unwrap();
    run(folder.path(), &["train", "--resume", "run", "--epochs", "1"]).ok();
}

/// A quota's signal ends no run: the write fails with its message.
#[test]
fn a_file_larger_than_allowed_is_an_error_of_its_write() {
    let folder = folder();
    // 8 blocks are 4 or 8 KiB; the model alone has 6 KiB.
    let args = train(&["--steps", "3", "--out", "run"]).join(" ");
    let script = format!("ulimit -f 4; exec {} {args}", env!("CARGO_BIN_EXE_revacnn"));
    let mut shell = std::process::Command::new("sh");
    let output = shell.args(["-c", &script]).current_dir(folder.path()).output().unwrap();
    let ran = Ran::from(output).fails(1, "run/");
    assert!(ran.err.contains("ulimit -f"), "{}", ran.err);
    let left: Vec<_> = fs::read_dir(folder.path().join("run")).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(left.iter().all(|path| path.extension().is_none_or(|end| end != "part")), "{left:?}");
    // What was begun and never saved is no run: it can be begun again.
    run(folder.path(), &train(&["--steps", "3", "--out", "run"])).ok();
}

#[test]
fn a_run_that_trains_is_looked_at() {
    let folder = folder();
    run(folder.path(), &train(&["--epochs", "1", "--out", "run"])).ok();
    let on = ["train", "--resume", "run", "--epochs", "4000", "--json"];
    let mut child = command(folder.path(), &on).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    run(folder.path(), &["train", "--resume", "run"]).fails(1, "another program is training in run");
    let embed = ["embed", "run", "--method", "pca", "-o", "rows.npz"];
    run(folder.path(), &embed).ok();
    #[cfg(feature = "app")]
    run(folder.path(), &["render", "run", "--view", "charts", "-o", "charts.png"]).ok();
    kill(&child, "-INT");
    reader.read_to_string(&mut line).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn another_rate_is_advised_only_where_numbers_stopped_being_finite() {
    let folder = folder();
    // That a batch is too small for a layer shows when the layer comes.
    let script =
        r#"{"step": 2, "command": {"insert_layer": {"after": 3, "settings": {"kind": "batch_norm"}}}}"#;
    fs::write(folder.path().join("steps.jsonl"), script).unwrap();
    let last_line = |args: &[&str], cause: &str| {
        let ran = run(folder.path(), &train(args));
        assert!(ran.code != Some(0) && ran.err.contains(cause), "{}", ran.err);
        let advice = ran.err.lines().find(|line| line.contains("the last save stays"));
        advice.unwrap_or_else(|| panic!("{}", ran.err)).to_owned()
    };
    let small = last_line(&["--batch", "1", "--script", "steps.jsonl", "--out", "small"], "batch_norm");
    assert!(small.ends_with("revacnn train --resume small"), "{small}");
    let wild = last_line(&["--lr", "1e30", "--out", "wild"], "stopped being finite");
    assert!(wild.ends_with("revacnn train --resume wild --lr RATE"), "{wild}");
}

#[test]
fn settings_given_at_a_resume_hold_from_there_on() {
    let folder = folder();
    let journal = || fs::read_to_string(folder.path().join("run/journal.jsonl")).unwrap();
    // At this rate numbers stop being finite at once.
    let wild = train(&["--lr", "1e30", "--epochs", "2", "--json", "--out", "run"]);
    let ran = run(folder.path(), &wild);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(
        ran.err.contains("stopped being finite") && ran.err.contains("lower the learning rate"),
        "{}",
        ran.err
    );
    let again = run(folder.path(), &["train", "--resume", "run", "--epochs", "2"]);
    assert!(again.code == Some(1) && again.err.contains("stopped being finite"), "{}", again.err);
    let calm = ["train", "--resume", "run", "--epochs", "2", "--lr", "0.001", "--clip-norm", "1", "--json"];
    let ran = run(folder.path(), &calm).ok();
    let step = &ran.events()[0]["step"];
    for command in [r#"{"set_learning_rate":0.001}"#, r#"{"set_clip_norm":1.0}"#] {
        assert!(journal().contains(&format!(r#"{{"step":{step},"command":{command}"#)), "{}", journal());
    }
    // The same commands in one life, or in two, give the same run.
    let steps = |from: &str, more: &[&str]| {
        run(folder.path(), &[&["train", "--resume", from, "--json"], more].concat()).ok().hash()
    };
    let given = [
        "--batch",
        "30",
        "--optimizer",
        "adam",
        "--lr",
        "0.01",
        "--flip",
        "--shift",
        "1",
        "--freeze",
        "conv1",
        "--weight-decay",
        "0",
    ];
    for name in ["a", "b"] {
        run(folder.path(), &train(&["--steps", "5", "--out", name])).ok();
    }
    let whole = steps("a", &[&["--steps", "12"][..], &given].concat());
    steps("b", &[&["--steps", "8"][..], &given].concat());
    // What is so already is no command.
    assert_eq!(steps("b", &[&["--steps", "12"][..], &given].concat()), whole);
    let text = fs::read_to_string(folder.path().join("b/journal.jsonl")).unwrap();
    let lines = text.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
    let given_at: Vec<u64> = lines.map(|line| line["step"].as_u64().unwrap()).collect();
    assert_eq!(given_at, [5; 7], "{text}");
    // What was turned on is turned off; nesterov is off already.
    let off = ["--no-flip", "--no-nesterov", "--unfreeze", "conv1", "--steps", "13"];
    steps("b", &off);
    let text = fs::read_to_string(folder.path().join("b/journal.jsonl")).unwrap();
    let lines: Vec<&str> = text.lines().skip(8).collect();
    let expected = [r#"{"step":12,"command":{"set_flip":false}"#, r#"{"step":12,"command":{"thaw":0}"#];
    assert!(lines.len() == 2 && lines.iter().zip(expected).all(|(l, e)| l.starts_with(e)), "{lines:?}");
    let both = ["train", "--resume", "b", "--freeze", "conv1", "--unfreeze", "conv1", "--steps", "14"];
    run(folder.path(), &both).fails(2, "conv1 is named by --freeze and by --unfreeze");
}
