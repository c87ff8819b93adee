//! The folder of a training that is watched, without a device: what is read of it, whatever state it is in.

use std::fs;
use std::path::Path;

use super::folder::{News, WatchedFolder, has_begun};
use super::orders::{ORDERS_FILE, Orders, check_reaches};
use super::report::CheckpointReport;
use crate::nn::Edit;
use crate::session::command::{Command, DataCommand, NetworkCommand, TrainCommand};

fn line(step: u32) -> String {
    format!("{{\"step\": {step}, \"file\": \"step-{step:08}.safetensors\", \"loss\": 0.5, \"lr\": 0.1}}\n")
}

fn append(folder: &Path, text: &str) {
    let path = folder.join("checkpoints.jsonl");
    let before = fs::read_to_string(&path).unwrap_or_default();
    fs::write(&path, before + text).unwrap();
}

fn steps(folder: &WatchedFolder) -> Vec<u32> {
    folder.reports.iter().map(|report| report.step).collect()
}

#[test]
fn half_a_line_waits_for_its_other_half() {
    let dir = tempfile::tempdir().unwrap();
    let mut folder = WatchedFolder::new(dir.path());
    assert_eq!(folder.look().unwrap(), News::Nothing);
    let second = line(20);
    append(dir.path(), &(line(10) + &second[..30]));
    assert_eq!((folder.look().unwrap(), steps(&folder)), (News::More, vec![10]));
    assert_eq!(folder.look().unwrap(), News::Nothing);
    append(dir.path(), &second[30..]);
    assert_eq!((folder.look().unwrap(), steps(&folder)), (News::More, vec![10, 20]));
    assert!(folder.faults.is_empty(), "{:?}", folder.faults);
}

#[test]
fn a_line_that_is_none_is_told_and_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut folder = WatchedFolder::new(dir.path());
    append(
        dir.path(),
        &format!("{}nonsense\n{{\"step\": 11, \"file\": \"../etc/passwd\"}}\n{}", line(10), line(12)),
    );
    assert_eq!((folder.look().unwrap(), steps(&folder)), (News::More, vec![10, 12]));
    assert_eq!(folder.faults.len(), 2);
    assert!(folder.faults[1].what().contains("no name of a file in the folder"), "{}", folder.faults[1]);
}

#[test]
fn a_list_without_a_checkpoint_is_not_waited_on() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!has_begun(dir.path()).unwrap());
    append(dir.path(), "nonsense\n");
    assert!(has_begun(dir.path()).unwrap_err().what().contains("checkpoints.jsonl"));
    append(dir.path(), &line(10));
    assert!(has_begun(dir.path()).unwrap());
}

#[test]
fn a_folder_that_goes_is_said_and_may_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("watched");
    fs::create_dir(&path).unwrap();
    append(&path, &(line(10) + &line(20)));
    let mut folder = WatchedFolder::new(&path);
    folder.look().unwrap();
    fs::rename(&path, dir.path().join("elsewhere")).unwrap();
    let error = folder.look().unwrap_err();
    assert!(error.what().ends_with("watched is not there"), "{error}");
    assert_eq!(steps(&folder), [10, 20], "what is known stays");
    fs::rename(dir.path().join("elsewhere"), &path).unwrap();
    assert_eq!(folder.look().unwrap(), News::Nothing);
    append(&path, &line(30));
    assert_eq!((folder.look().unwrap(), steps(&folder)), (News::More, vec![10, 20, 30]));
}

#[test]
fn a_training_that_begins_again_replaces_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut folder = WatchedFolder::new(dir.path());
    append(dir.path(), &(line(10) + &line(20)));
    folder.look().unwrap();
    // By a shorter list, and by steps that begin again in a longer one.
    fs::write(dir.path().join("checkpoints.jsonl"), line(5)).unwrap();
    assert_eq!((folder.look().unwrap(), steps(&folder)), (News::Again, vec![5]));
    append(dir.path(), &(line(6) + &line(1) + &line(2)));
    assert_eq!((folder.look().unwrap(), steps(&folder)), (News::Again, vec![1, 2]));
    // Seen while it was empty, and going on with higher steps.
    fs::write(dir.path().join("checkpoints.jsonl"), "").unwrap();
    assert_eq!(folder.look().unwrap(), News::Nothing);
    append(dir.path(), &line(90));
    assert_eq!((folder.look().unwrap(), steps(&folder)), (News::Again, vec![90]));
}

/// The list alone is read, and of that only what was added: no file of a checkpoint exists here.
#[test]
fn thousands_of_checkpoints_are_taken_in_once() {
    let dir = tempfile::tempdir().unwrap();
    append(dir.path(), &(1..=24_000).map(line).collect::<String>());
    let mut folder = WatchedFolder::new(dir.path());
    assert_eq!((folder.look().unwrap(), folder.reports.len()), (News::More, 24_000));
    append(dir.path(), &line(24_001));
    assert_eq!((folder.look().unwrap(), folder.reports.last().unwrap().step), (News::More, 24_001));
}

#[test]
fn a_loss_that_python_writes_as_nan_is_none() {
    let text = r#"{"step": 3, "file": "a.safetensors", "loss": NaN, "accuracy": -Infinity, "lr": 0.1, "betas": [0.8, 0.99]}"#;
    let report = CheckpointReport::parse(text).unwrap();
    assert_eq!((report.loss, report.accuracy, report.momentum()), (None, None, Some(0.8)));
    assert_eq!(report.epochs(50, 100), 1.5);
}

/// A file of a checkpoint that is cut off, or is not there, is an error that names it; the list goes on.
#[test]
fn half_a_checkpoint_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    append(dir.path(), &line(10));
    let mut folder = WatchedFolder::new(dir.path());
    folder.look().unwrap();
    let report = folder.reports[0].clone();
    let name = "step-00000010.safetensors";
    assert!(folder.tensors(&report).unwrap_err().what().contains(name));
    let values = [0_u8; 40];
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![10], &values).unwrap();
    let whole = safetensors::serialize([("a.weight", view)], None).unwrap();
    for cut in [0, 5, 20, whole.len() - 1] {
        fs::write(dir.path().join(name), &whole[..cut]).unwrap();
        let error = folder.tensors(&report).unwrap_err();
        assert!(error.what().contains(name), "{cut}: {error}");
    }
    fs::write(dir.path().join(name), &whole).unwrap();
    assert_eq!(folder.tensors(&report).unwrap().tensors[0].values, [0.0; 10]);
}

#[test]
fn commands_that_do_not_reach_a_training_are_refused_in_words() {
    let add = Command::Network(NetworkCommand::Edit(Edit::AddFilter { layer: 2 }));
    let error = check_reaches(&add).unwrap_err();
    assert!(error.what().contains("add a filter") && error.help().contains("learning rate"), "{error}");
    let others = [TrainCommand::SetBatch(5), TrainCommand::Reset(1), TrainCommand::SetNesterov(true)];
    assert!(others.into_iter().all(|command| check_reaches(&command.into()).is_err()));
    assert!(check_reaches(&DataCommand::LeaveOut(3).into()).is_err());
    assert!(check_reaches(&DataCommand::PinProbe(3).into()).is_ok());
    assert!(check_reaches(&TrainCommand::SetLearningRate(0.1).into()).is_ok());
}

#[test]
fn orders_go_on_from_those_in_the_folder_and_damaged_ones_are_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let mut orders = Orders::open(dir.path());
    orders.set.insert("lr".to_owned(), 0.01.into());
    orders.write(dir.path()).unwrap();
    let mut again = Orders::open(dir.path());
    assert_eq!((&again, again.version), (&orders, 1));
    again.pause = true;
    again.write(dir.path()).unwrap();
    assert_eq!((Orders::open(dir.path()).pause, Orders::open(dir.path()).version), (true, 2));
    fs::write(dir.path().join(ORDERS_FILE), "{\"version\": 7, \"pau").unwrap();
    assert_eq!(Orders::open(dir.path()), Orders::default());
}
