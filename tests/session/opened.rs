//! A path is opened as what it holds: a run, a training to watch, or a network of another tool.

use std::fs;
use std::rc::Rc;

use revacnn::nn::Exported;
use revacnn::session::{Openable, Session, TimeControl, TrainCommand};

use crate::bench::{Bench, run_to, settings};
use crate::time::go;
use crate::watching::{begin_folder, write};

/// The network as it is, for other tools.
fn exported(session: &Session) -> Exported {
    Exported { model: session.trainer().model(false).unwrap(), classes: Vec::new(), normalization: None }
}

/// The weights as they are, by the names of their tensors.
fn weights(session: &Session) -> Vec<(String, Vec<f32>)> {
    let model = exported(session);
    model.tensors().into_iter().map(|(name, _, values)| (name, values.to_vec())).collect()
}

#[test]
fn a_network_is_trained_on_with_the_data_and_the_settings_of_the_run() {
    let bench = Bench::new();
    let mut made = bench.session();
    run_to(&mut made, 5);
    let file = bench.path("made.onnx");
    fs::write(&file, exported(&made).onnx(18).unwrap()).unwrap();
    let found = Openable::at(&file);
    assert_eq!(found, Openable::Network(file));
    let mut present = settings();
    (present.batch, present.frozen) = (30, vec![0]);
    let mut session = found.open(Rc::clone(&bench.gpu), &present).unwrap();
    assert_eq!(weights(&session), weights(&made));
    assert_eq!((session.step(), session.settings().batch, session.folder()), (0, 30, None));
    assert!(session.settings().frozen.is_empty(), "what is frozen is of the other network");
    run_to(&mut session, 3);
    assert_ne!(weights(&session), weights(&made), "it trains on");
}

#[test]
fn a_network_that_was_opened_is_kept_with_its_past_and_its_branches() {
    let bench = Bench::new();
    let file = bench.path("made.onnx");
    fs::write(&file, exported(&bench.session()).onnx(18).unwrap()).unwrap();
    let mut session = Openable::at(&file).open(Rc::clone(&bench.gpu), &settings()).unwrap();
    session.keep_time(16 << 20);
    run_to(&mut session, 6);
    session.apply(TrainCommand::SetBatch(45)).unwrap();
    run_to(&mut session, 9);
    go(&mut session, TimeControl::GoTo(4));
    session.apply(TrainCommand::SetBatch(30)).unwrap();
    run_to(&mut session, 8);
    let (hash, branches) = (session.state_hash(), session.timeline().branches.len());
    assert_eq!(branches, 2);
    // A folder that is not free, and one that something else is in the way of, leave the run as it is.
    let run = bench.kept();
    let error = session.keep(&bench.path("run")).unwrap_err();
    assert!(error.what().contains("run"), "{error}");
    fs::create_dir_all(bench.path("half").join("start.safetensors")).unwrap();
    assert!(session.keep(&bench.path("half")).is_err());
    assert_eq!((session.folder(), session.unsaved(), session.state_hash()), (None, None, hash.clone()));
    drop(run);
    let folder = bench.path("mine");
    session.keep(&folder).unwrap();
    assert_eq!(session.folder(), Some(&*folder));
    run_to(&mut session, 10);
    session.save().unwrap();
    let after = session.state_hash();
    drop(session);
    let mut resumed = Session::resume(Rc::clone(&bench.gpu), &folder).unwrap();
    resumed.check_events().unwrap();
    assert_eq!((resumed.step(), resumed.state_hash()), (10, after));
    assert_eq!(resumed.timeline().branches.len(), branches);
    resumed.keep_time(16 << 20);
    go(&mut resumed, TimeControl::GoTo(8));
    assert_eq!(
        resumed.state_hash(),
        hash,
        "its past can be gone back to, which began with the weights of the file"
    );
}

#[test]
fn a_training_is_watched_and_a_run_goes_on() {
    let bench = Bench::new();
    let training = bench.path("watched");
    begin_folder(&training);
    write(&training, 10, &serde_json::json!({}));
    for path in [training.clone(), training.join("checkpoints.jsonl"), training.join("about.json")] {
        assert_eq!(Openable::at(&path), Openable::Training(training.clone()), "{}", path.display());
    }
    let watching = Openable::at(&training).open(Rc::clone(&bench.gpu), &settings()).unwrap();
    assert_eq!(watching.watched().unwrap().folder(), training);

    let mut kept = bench.kept();
    run_to(&mut kept, 5);
    kept.save().unwrap();
    drop(kept);
    let run = bench.path("run");
    fs::write(run.join("x.json"), "{}").unwrap();
    for path in [run.clone(), run.join("journal.jsonl"), run.join("network.toml"), run.join("x.json")] {
        assert_eq!(Openable::at(&path), Openable::Run(run.clone()), "{}", path.display());
    }
    let session = Openable::at(&run).open(Rc::clone(&bench.gpu), &settings()).unwrap();
    assert_eq!(session.step(), 5);
}

#[test]
fn what_cannot_be_opened_is_explained() {
    let bench = Bench::new();
    let refused = |name: &str, bytes: Option<&[u8]>| {
        let path = bench.path(name);
        bytes.map_or_else(|| fs::create_dir_all(&path), |bytes| fs::write(&path, bytes)).unwrap();
        let opened = Openable::at(&path).open(Rc::clone(&bench.gpu), &settings());
        let error = opened.err().unwrap_or_else(|| panic!("{name} was opened"));
        assert!(!error.help().is_empty() && error.what().contains(name), "{error}");
    };
    refused("nothing", None);
    refused("cut.onnx", Some(&[8, 10, 18]));
    refused("other.json", Some(b"{\"a\": 1}"));
    refused("notes.txt", Some(b"some words"));
}
