//! Runs that are stopped and killed, and go on as if nothing had been.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

use crate::program::{Ran, command, folder, kill, metrics, run, train};

/// Long enough to be stopped in the middle.
const STEPS: &str = "4000";
const BATCH: &str = "16";

/// Begins or resumes the run in `run`, and waits until it trains.
fn begin(folder: &Path, resume: bool) -> Child {
    let fresh = train(&["--batch", BATCH, "--steps", STEPS, "--json", "--log-every", "20", "--out", "run"]);
    let again = ["train", "--resume", "run", "--steps", STEPS, "--json", "--log-every", "20"];
    let args = if resume { again.to_vec() } else { fresh };
    command(folder, &args).spawn().expect("the program can be run")
}

/// The hash and the metrics of a run that nothing disturbed.
fn undisturbed() -> (String, Vec<String>) {
    static RUN: OnceLock<(String, Vec<String>)> = OnceLock::new();
    let train = || {
        let folder = folder();
        let args = train(&["--batch", BATCH, "--steps", STEPS, "--json", "--out", "run"]);
        let hash = run(folder.path(), &args).ok().hash();
        (hash, metrics(&folder.path().join("run")))
    };
    RUN.get_or_init(train).clone()
}

fn resumed(folder: &Path) -> Ran {
    Ran::from(begin(folder, true).wait_with_output().expect("it ends")).ok()
}

#[test]
fn killed_again_and_again_a_run_ends_the_same() {
    let folder = folder();
    let place = folder.path().join("run");
    let mut killed = 0;
    // Milliseconds after the start of the program; before the first checkpoint there is nothing to resume.
    for (index, wait) in [30, 450, 170, 620, 391, 543, 310, 807].into_iter().enumerate() {
        let model = place.join("model.safetensors");
        let mut child = begin(folder.path(), model.exists());
        sleep(Duration::from_millis(wait));
        // However busy the machine is, the third run gets as far as there is something to resume.
        while index >= 2 && !model.exists() && child.try_wait().expect("it can be asked").is_none() {
            sleep(Duration::from_millis(10));
        }
        killed += u32::from(child.try_wait().expect("it can be asked").is_none());
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    }
    assert!(killed >= 6, "only {killed} runs were killed in the middle");
    let ran = resumed(folder.path());
    assert_eq!((ran.hash(), metrics(&place)), undisturbed());
    let left: Vec<_> = fs::read_dir(&place).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 4, "{left:?}");
}

#[test]
fn stopped_by_ctrl_c_a_run_is_saved_and_goes_on() {
    let folder = folder();
    for (round, lines) in [1, 12, 5].into_iter().enumerate() {
        let mut child = begin(folder.path(), round > 0);
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        let mut out = String::new();
        for _ in 0..lines {
            reader.read_line(&mut out).unwrap();
        }
        kill(&child, "-INT");
        std::io::Read::read_to_string(&mut reader, &mut out).unwrap();
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        let ran = Ran { code: output.status.code(), out, err }.ok();
        let end = ran.events().pop().unwrap();
        assert_eq!((&end["event"], &end["stopped"]), (&"end".into(), &true.into()), "{}", ran.out);
        assert!(end["test_accuracy"].is_null());
        assert!(ran.err.contains("saved; to continue: revacnn train --resume run"), "{}", ran.err);
        // What was saved is what was reached; the first time that may be before the first step.
        let reached = end["step"].as_u64().unwrap();
        assert!(reached > 0 || round == 0, "{}", ran.out);
        if reached > 0 {
            let again = run(folder.path(), &["train", "--resume", "run", "--steps", "1", "--json"]).ok();
            assert_eq!(again.hash(), ran.hash());
        }
    }
    let ran = resumed(folder.path());
    assert_eq!((ran.hash(), metrics(&folder.path().join("run"))), undisturbed());
}

#[test]
fn a_run_with_nowhere_to_be_kept_stops_too() {
    let folder = folder();
    let mut child = command(folder.path(), &train(&["--epochs", "4000", "--json"])).spawn().unwrap();
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    kill(&child, "-TERM");
    std::io::Read::read_to_string(&mut reader, &mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.contains("nothing was saved"), "{err}");
}

#[test]
fn two_programs_do_not_share_a_run() {
    let folder = folder();
    let mut child = begin(folder.path(), false);
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    run(folder.path(), &["train", "--resume", "run"]).fails(1, "another program");
    kill(&child, "-INT");
    std::io::Read::read_to_string(&mut reader, &mut line).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_signal_before_the_training_ends_the_program_at_once() {
    let folder = folder();
    // Layers enough to be prepared for a while.
    let layer = "[[layer]]\nkind = \"conv2d\"\nfilters = 8\nkernel = 3\npadding = 1\n";
    let network = layer.repeat(60) + "[[layer]]\nkind = \"dense\"\n";
    fs::write(folder.path().join("deep.toml"), network).unwrap();
    let args = ["train", "--dataset", "digits", "--network", "deep.toml", "--out", "run"];
    let child = command(folder.path(), &args).spawn().unwrap();
    sleep(Duration::from_millis(60));
    kill(&child, "-TERM");
    let ran = Ran::from(child.wait_with_output().unwrap());
    // Where it was so fast that it trained already, it says so.
    let expected = if ran.err.contains("end of the step") { Some(0) } else { Some(130) };
    assert_eq!(ran.code, expected, "{}", ran.err);
    assert!(ran.err.contains("stopped before the training began") || expected == Some(0), "{}", ran.err);
}

#[test]
fn a_signal_in_a_long_step_is_answered_at_once_and_a_second_one_ends_it() {
    let folder = folder();
    let layer = "[[layer]]\nkind = \"conv2d\"\nfilters = 512\nkernel = 5\npadding = 2\n";
    fs::write(folder.path().join("wide.toml"), layer.repeat(4) + "[[layer]]\nkind = \"dense\"\n").unwrap();
    let args = [
        "train",
        "--dataset",
        "digits",
        "--network",
        "wide.toml",
        "--batch",
        "256",
        "--json",
        "--out",
        "run",
    ];
    let mut child = command(folder.path(), &args).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    assert!(line.contains("\"start\""), "{line}");
    let mut err = BufReader::new(child.stderr.take().unwrap());
    kill(&child, "-TERM");
    let mut said = String::new();
    while !said.contains("stopping at the end of the step; once more to stop now") {
        assert!(err.read_line(&mut said).unwrap() > 0, "{said}");
    }
    kill(&child, "-TERM");
    std::io::Read::read_to_string(&mut err, &mut said).unwrap();
    // Where the step had ended by then, it was saved.
    let code = child.wait().unwrap().code();
    assert!(code == Some(130) || said.contains("saved; to continue"), "{code:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
}
