//! The files of a run's folder, and that a resumed run is the run that never stopped.

use std::fs;
use std::path::Path;
use std::rc::Rc;

use revacnn::nn::{Hyper, OptimizerKind};
use revacnn::session::{Command, DataCommand, RunSettings, RunState, Session, TrainCommand};

use crate::bench::{Bench, finish, journal, run_to, settings, submit};

#[test]
fn commands_are_written_down_when_they_are_carried_out() {
    let bench = Bench::new();
    let mut session = bench.kept();
    session.apply(TrainCommand::SetLearningRate(0.05)).unwrap();
    run_to(&mut session, 2);
    session.single_step();
    submit(&mut session, 1e-9);
    session.apply(TrainCommand::SetBatch(30)).unwrap();
    assert_eq!(journal(&bench).len(), 1, "it waits for the end of the step");
    finish(&mut session);
    session.apply(TrainCommand::SetBatch(0)).unwrap_err();
    session.apply(DataCommand::PinProbe(3)).unwrap();
    let lines = [
        r#"{"step":0,"command":{"set_learning_rate":0.05}}"#,
        r#"{"step":3,"command":{"set_batch":30}}"#,
        r#"{"step":3,"command":{"pin_probe":3}}"#,
    ];
    assert_eq!(journal(&bench), lines);
}

#[test]
fn a_save_in_the_middle_of_a_step_keeps_the_command_that_waits() {
    let bench = Bench::new();
    let mut session = bench.kept();
    run_to(&mut session, 2);
    session.play();
    submit(&mut session, 1e-9);
    session.apply(TrainCommand::SetLearningRate(0.05)).unwrap();
    session.pause();
    session.save().unwrap();
    assert_eq!(journal(&bench), [r#"{"step":3,"command":{"set_learning_rate":0.05}}"#]);
    drop(session);
    assert_eq!(bench.resume().settings().hyper.learning_rate, 0.05);
}

/// A user's commands in a run of 31 steps and, after a reset, 40 more.
fn story(session: &mut Session) {
    let commands: [(u32, Command); 5] = [
        (10, TrainCommand::SetLearningRate(0.1).into()),
        (10, TrainCommand::SetBatch(50).into()),
        (31, TrainCommand::Reset(9).into()),
        (4, TrainCommand::SetMomentum(0.5).into()),
        (30, DataCommand::SetFlip(true).into()),
    ];
    // After the reset steps count from 0 again.
    for (step, command) in commands {
        run_to(session, step);
        session.apply(command).unwrap();
    }
    run_to(session, 40);
}

#[test]
fn commands_after_the_checkpoint_are_carried_out_again() {
    let bench = Bench::new();
    let mut session = bench.session();
    story(&mut session);
    let (hash, settings) = (session.state_hash(), session.settings().clone());
    let mut session = bench.kept();
    run_to(&mut session, 7);
    session.save().unwrap();
    story(&mut session);
    assert_eq!(session.state_hash(), hash);
    // The program ends here without saving: the last checkpoint is of step 7, before the reset.
    drop(session);
    let lines = journal(&bench);
    assert_eq!(lines.len(), 5);
    let mut session = bench.resume();
    assert_eq!(session.step(), 7);
    session.set_limit(None);
    session.play();
    while session.settings().seed != 9 {
        session.advance();
    }
    run_to(&mut session, 40);
    assert_eq!((session.state_hash(), session.settings()), (hash.clone(), &settings));
    session.save().unwrap();
    drop(session);
    assert_eq!(journal(&bench), lines);
    let session = bench.resume();
    assert_eq!((session.state_hash(), session.step()), (hash, 40));
}

#[test]
fn a_new_command_takes_the_place_of_those_to_come() {
    let bench = Bench::new();
    let mut session = bench.kept();
    run_to(&mut session, 5);
    session.save().unwrap();
    run_to(&mut session, 9);
    session.apply(TrainCommand::SetLearningRate(0.5)).unwrap();
    drop(session);
    let mut session = bench.resume();
    session.apply(DataCommand::PinProbe(4)).unwrap();
    assert_eq!(journal(&bench).len(), 2, "a pin leaves them");
    run_to(&mut session, 6);
    session.apply(TrainCommand::SetMomentum(0.0)).unwrap();
    let lines = [r#"{"step":5,"command":{"pin_probe":4}}"#, r#"{"step":6,"command":{"set_momentum":0.0}}"#];
    assert_eq!(journal(&bench), lines);
    run_to(&mut session, 12);
    let hash = session.state_hash();
    let mut plain = bench.session();
    run_to(&mut plain, 6);
    plain.apply(TrainCommand::SetMomentum(0.0)).unwrap();
    run_to(&mut plain, 12);
    assert_eq!(plain.state_hash(), hash);
}

#[test]
fn a_save_finishes_what_is_under_way() {
    let bench = Bench::new();
    let mut session = bench.kept();
    run_to(&mut session, 22);
    session.play();
    submit(&mut session, 1e-9);
    // Step 23 ends the epoch, whose validation belongs to it.
    session.save().unwrap();
    assert_eq!(session.state(), RunState::Training, "it goes on");
    assert_eq!((session.step(), session.metrics().epochs.len()), (23, 1));
    let hash = session.state_hash();
    drop(session);
    let mut session = bench.resume();
    assert_eq!((session.step(), session.state_hash()), (23, hash));
    assert_eq!(session.metrics().epochs.len(), 1);
    run_to(&mut session, 50);
    let mut plain = bench.session();
    run_to(&mut plain, 50);
    assert_eq!(session.state_hash(), plain.state_hash());
    let losses =
        |s: &Session| s.metrics().epochs.iter().map(|e| (e.train_loss, e.val_loss)).collect::<Vec<_>>();
    assert_eq!(losses(&session), losses(&plain));
}

#[test]
fn a_command_that_could_not_be_written_is_written_with_the_next_save() {
    let bench = Bench::new();
    let mut session = bench.kept();
    let (file, aside) = (bench.path("run/journal.jsonl"), bench.path("aside"));
    fs::rename(&file, &aside).unwrap();
    session.apply(DataCommand::SetShift(2)).unwrap_err();
    assert_eq!(session.settings().augmentation.shift, 2);
    fs::rename(&aside, &file).unwrap();
    session.save().unwrap();
    drop(session);
    assert_eq!(bench.resume().settings().augmentation.shift, 2);
}

#[test]
fn one_flipped_bit_anywhere_is_noticed() {
    let bench = Bench::new();
    let mut session = bench.kept();
    run_to(&mut session, 3);
    session.save().unwrap();
    drop(session);
    let file = bench.path("run/model.safetensors");
    let whole = fs::read(&file).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    // Every third byte of the header, and some of the tensors.
    let places = (0..header).step_by(3).chain((header..whole.len()).step_by(41));
    for (count, place) in places.enumerate() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (count % 8);
        fs::write(&file, &bytes).unwrap();
        let resumed = Session::resume(Rc::clone(&bench.gpu), &bench.path("run"));
        assert!(resumed.is_err(), "bit {} of byte {place} of {header}", count % 8);
    }
    for len in (0..whole.len()).step_by(97) {
        fs::write(&file, &whole[..len]).unwrap();
        assert!(Session::resume(Rc::clone(&bench.gpu), &bench.path("run")).is_err(), "{len} bytes");
    }
    fs::write(&file, &whole).unwrap();
    assert_eq!(bench.resume().step(), 3);
}

#[test]
fn a_folder_is_held_by_one_session() {
    let bench = Bench::new();
    let session = bench.kept();
    let again = Session::resume(Rc::clone(&bench.gpu), &bench.path("run"));
    assert!(again.is_err_and(|e| e.what().contains("another program")));
    drop(session);
    bench.resume();
}

/// Batch normalisation, dropout and a skip connection.
const RESIDUAL: &str = r#"
name = "residual"
[[layer]]
kind = "conv2d"
filters = 4
kernel = 3
padding = 1
[[layer]]
kind = "batch_norm"
name = "trunk"
[[layer]]
kind = "gelu"
[[layer]]
kind = "conv2d"
filters = 4
kernel = 3
padding = 1
[[layer]]
kind = "dropout"
name = "branch"
[[layer]]
kind = "add"
inputs = ["trunk", "branch"]
[[layer]]
kind = "avg_pool2d"
size = 2
[[layer]]
kind = "dense"
"#;

#[test]
fn a_residual_network_with_adam_goes_on_bit_for_bit() {
    let bench = Bench::new();
    let network = bench.path("residual.toml");
    fs::write(&network, RESIDUAL).unwrap();
    let hyper = Hyper { clip_norm: 1.0, warmup: 1.0, ..Hyper::of(OptimizerKind::Adam) };
    let begin = |folder: Option<&Path>| {
        let settings = RunSettings { hyper, ..settings() };
        Session::new(Rc::clone(&bench.gpu), network.to_str().unwrap(), settings, folder).unwrap()
    };
    let steer = |session: &mut Session, resume: Option<&Path>| {
        run_to(session, 9);
        session.apply(TrainCommand::SetOptimizer(OptimizerKind::Adamw)).unwrap();
        run_to(session, 15);
        if let Some(folder) = resume {
            session.save().unwrap();
            let begun = std::mem::replace(session, begin(None));
            drop(begun);
            *session = Session::resume(Rc::clone(&bench.gpu), folder).unwrap();
        }
        run_to(session, 30);
    };
    let mut plain = begin(None);
    steer(&mut plain, None);
    let folder = bench.path("residual");
    let mut resumed = begin(Some(&folder));
    steer(&mut resumed, Some(&folder));
    assert_eq!(resumed.state_hash(), plain.state_hash());
    assert_eq!(resumed.settings(), plain.settings());
    // Without the moments it would not.
    let mut other = begin(None);
    run_to(&mut other, 9);
    other.apply(TrainCommand::SetOptimizer(OptimizerKind::Adamw)).unwrap();
    run_to(&mut other, 15);
    other.apply(TrainCommand::SetOptimizer(OptimizerKind::Adam)).unwrap();
    other.apply(TrainCommand::SetOptimizer(OptimizerKind::Adamw)).unwrap();
    run_to(&mut other, 30);
    assert_ne!(other.state_hash(), plain.state_hash());
}
