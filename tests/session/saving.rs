//! Saves that fail and are tried again, what a resume mends, and looking at a run that trains.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use revacnn::session::{Event, RunState, Session, TrainCommand};

use crate::bench::{Bench, run_to, submit};

fn read_all(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for (path, bytes) in read_all(from) {
        fs::write(to.join(path.file_name().unwrap()), bytes).unwrap();
    }
}

/// The epochs without their throughput, which no two runs share.
fn without_throughput(session: &Session) -> Vec<(u32, f32, f32, f32, f32)> {
    let epochs = session.metrics().epochs.iter();
    epochs.map(|e| (e.step, e.train_loss, e.train_accuracy, e.val_loss, e.val_accuracy)).collect()
}

/// Saves while a folder stands where a file would be written.
fn save_in_vain(bench: &Bench, session: &mut Session, name: &str) {
    let (file, aside) = (bench.path("run").join(name), bench.path("aside"));
    fs::rename(&file, &aside).unwrap();
    fs::create_dir(&file).unwrap();
    let error = session.save().unwrap_err();
    assert!(error.what().contains(name), "{error}");
    assert_eq!(session.unsaved(), Some(&error));
    fs::remove_dir(&file).unwrap();
    fs::rename(&aside, &file).unwrap();
}

#[test]
fn a_save_that_fails_leaves_the_last_one() {
    let bench = Bench::new();
    let mut session = bench.kept();
    let mut kept = Vec::new();
    for (index, name) in ["journal.jsonl", "model.safetensors", "metrics.csv"].into_iter().enumerate() {
        run_to(&mut session, 5 + 20 * index as u32);
        session.save().unwrap();
        kept.push((session.step(), session.state_hash(), session.metrics().epochs.clone()));
        run_to(&mut session, 15 + 20 * index as u32);
        save_in_vain(&bench, &mut session, name);
        // The model decides: it is written before the metrics are.
        if name == "metrics.csv" {
            kept.push((session.step(), session.state_hash(), session.metrics().epochs.clone()));
        }
        let left = fs::read_dir(bench.path("run")).unwrap().count();
        assert_eq!(left, 4, "nothing half written is left");
        let place = bench.path("copy");
        copy(&bench.path("run"), &place);
        let resumed = Session::resume(Rc::clone(&bench.gpu), &place).unwrap();
        let metrics = without_throughput(&resumed);
        let (step, hash, epochs) = kept.last().unwrap();
        assert_eq!((resumed.step(), &resumed.state_hash()), (*step, hash), "{name}");
        assert_eq!(metrics.len(), epochs.len());
        fs::remove_dir_all(place).unwrap();
    }
}

#[test]
fn a_run_that_could_not_be_saved_waits_and_is_saved_later() {
    let bench = Bench::new();
    let mut session = bench.kept();
    session.play();
    submit(&mut session, 1e-9);
    save_in_vain(&bench, &mut session, "model.safetensors");
    assert_eq!(session.state(), RunState::Paused, "it waits for the user");
    let hash = session.state_hash();
    session.save().unwrap();
    assert_eq!(session.unsaved(), None);
    run_to(&mut session, 12);
    let after = session.state_hash();
    drop(session);
    let mut session = bench.resume();
    assert_eq!(session.state_hash(), hash);
    run_to(&mut session, 12);
    assert_eq!(session.state_hash(), after);
}

#[test]
fn a_reset_whose_save_fails_can_be_resumed() {
    let bench = Bench::new();
    let mut session = bench.kept();
    run_to(&mut session, 50);
    session.save().unwrap();
    let metrics = fs::read_to_string(bench.path("run/metrics.csv")).unwrap();
    assert_eq!(metrics.lines().count(), 3);
    session.apply(TrainCommand::Reset(7)).unwrap();
    run_to(&mut session, 24);
    let (hash, epochs) = (session.state_hash(), without_throughput(&session));
    save_in_vain(&bench, &mut session, "model.safetensors");
    drop(session);
    let mut session = bench.resume();
    assert_eq!((session.step(), session.metrics().epochs.len()), (50, 2));
    assert_eq!(fs::read_to_string(bench.path("run/metrics.csv")).unwrap(), metrics);
    session.set_limit(None);
    session.play();
    while session.settings().seed != 7 {
        session.advance();
    }
    run_to(&mut session, 24);
    assert_eq!((session.state_hash(), without_throughput(&session)), (hash, epochs));
}

#[test]
fn what_the_model_says_becomes_the_metrics_file() {
    let bench = Bench::new();
    let mut session = bench.kept();
    run_to(&mut session, 50);
    session.save().unwrap();
    let epochs = session.metrics().epochs.clone();
    drop(session);
    let file = bench.path("run/metrics.csv");
    let whole = fs::read_to_string(&file).unwrap();
    let fewer = whole.lines().take(2).map(|line| format!("{line}\n")).collect::<String>();
    let odd = whole.replace("0.", "1.");
    // What a kill between model and metrics leaves is nothing to speak of.
    for (text, notices) in [(None, 0), (Some(fewer), 0), (Some(odd), 1), (Some("no table".to_owned()), 1)] {
        fs::remove_file(&file).unwrap();
        text.iter().for_each(|text| fs::write(&file, text).unwrap());
        fs::write(bench.path("run/.revacnn-123456.part"), "half").unwrap();
        let mut session = bench.resume();
        assert_eq!(session.metrics().epochs.len(), 2);
        let losses = |epochs: &[revacnn::session::EpochMetrics]| {
            epochs.iter().map(|e| (e.step, e.train_loss, e.val_accuracy)).collect::<Vec<_>>()
        };
        assert_eq!(losses(&session.metrics().epochs), losses(&epochs));
        assert_eq!(fs::read_to_string(&file).unwrap(), whole);
        let said = session.take_events();
        assert_eq!(said.len(), notices, "{said:?}");
        assert!(
            said.iter().all(|event| matches!(event, Event::Notice(e) if e.what().contains("metrics.csv")))
        );
        assert_eq!(fs::read_dir(bench.path("run")).unwrap().count(), 4);
    }
}

#[test]
fn who_looks_at_a_run_that_trains_disturbs_nothing() {
    let bench = Bench::new();
    let mut session = bench.kept();
    run_to(&mut session, 6);
    session.save().unwrap();
    let hash = session.state_hash();
    run_to(&mut session, 9);
    session.apply(TrainCommand::SetMomentum(0.5)).unwrap();
    fs::write(bench.path("run/metrics.csv"), "odd").unwrap();
    let files = read_all(&bench.path("run"));
    let mut looks = Session::look_at(Rc::clone(&bench.gpu), &bench.path("run")).unwrap();
    assert_eq!((looks.step(), looks.state_hash(), looks.folder()), (6, hash, None));
    run_to(&mut looks, 20);
    looks.apply(TrainCommand::SetLearningRate(0.5)).unwrap();
    looks.save().unwrap();
    assert_eq!(read_all(&bench.path("run")), files);
    session.save().unwrap();
}
