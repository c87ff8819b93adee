//! The journal: what is written down, what is left out, and what a damaged one leads to.

use std::fs;
use std::rc::Rc;

use revacnn::nn::OptimizerKind;
use revacnn::session::{
    Command, DataCommand, Event, LayerId, LayoutCommand, LayoutId, NetworkCommand, RunSettings, RunState,
    Session, StopCondition, TrainCommand,
};

use crate::bench::{Bench, finish, journal, open, run_to, settings};
use crate::layout_commands::CONV;

#[test]
fn commands_that_change_nothing_are_left_out() {
    let bench = Bench::new();
    let mut session = bench.kept();
    let now = settings();
    let nothing: [Command; 8] = [
        TrainCommand::SetLearningRate(now.hyper.learning_rate).into(),
        TrainCommand::SetBatch(now.batch).into(),
        TrainCommand::SetOptimizer(now.hyper.optimizer).into(),
        DataCommand::SetShift(1).into(),
        DataCommand::SetFlip(false).into(),
        DataCommand::PinProbe(0).into(),
        NetworkCommand::Thaw(LayerId(0)).into(),
        TrainCommand::SetNesterov(false).into(),
    ];
    for command in nothing {
        session.apply(command).unwrap();
    }
    assert!(journal(&bench).is_empty(), "{:?}", journal(&bench));
    let id = open(&mut session, CONV);
    for command in
        [LayoutCommand::Run(id, false), LayoutCommand::Every(id, 7), LayoutCommand::Perplexity(id, 2.0)]
    {
        session.apply(command).unwrap();
        session.apply(command).unwrap();
    }
    assert_eq!(journal(&bench).len(), 4);
    // A reset to the same seed is one, and so is a restart.
    session.apply(TrainCommand::Reset(now.seed)).unwrap();
    session.apply(LayoutCommand::Restart(id)).unwrap();
    session.apply(LayoutCommand::Restart(id)).unwrap();
    assert_eq!(journal(&bench).len(), 7);
}

#[test]
fn a_command_that_keeps_a_setting_from_changing_later_is_kept() {
    let bench = Bench::new();
    let mut session = bench.kept();
    run_to(&mut session, 4);
    session.apply(TrainCommand::SetLearningRate(0.5)).unwrap();
    drop(session);
    let mut session = bench.resume();
    let rate = settings().hyper.learning_rate;
    session.apply(TrainCommand::SetLearningRate(rate)).unwrap();
    assert_eq!(journal(&bench), [r#"{"step":0,"command":{"set_learning_rate":0.02}}"#]);
    run_to(&mut session, 8);
    assert_eq!(session.settings().hyper.learning_rate, rate);
}

#[test]
fn a_save_between_two_commands_to_come_writes_none_twice() {
    let bench = Bench::new();
    let mut session = bench.kept();
    for (step, rate) in [(10, 0.1), (20, 0.2), (30, 0.3)] {
        run_to(&mut session, step);
        session.apply(TrainCommand::SetLearningRate(rate)).unwrap();
    }
    run_to(&mut session, 40);
    let hash = session.state_hash();
    drop(session);
    let lines = journal(&bench);
    for step in [5, 15, 25] {
        let mut session = bench.resume();
        run_to(&mut session, step);
        session.save().unwrap();
        assert_eq!(journal(&bench), lines, "at step {step}");
        run_to(&mut session, step + 7);
        session.save().unwrap();
        assert_eq!(journal(&bench), lines, "at step {step} + 7");
    }
    let mut session = bench.resume();
    run_to(&mut session, 40);
    assert_eq!(session.state_hash(), hash);
}

#[test]
fn commands_given_ahead_of_a_halted_step_count_from_the_step_it_went_back_to() {
    let bench = Bench::new();
    let mut session = bench.kept();
    run_to(&mut session, 6);
    session.save().unwrap();
    session.apply(TrainCommand::SetLearningRate(1e30)).unwrap();
    session.set_limit(Some(StopCondition::Steps(40)));
    session.play();
    // Steps 7 to 40 are recorded before the first result of them is back.
    while session.step() < 40 {
        let mut encoder = session.gpu().encoder("ahead");
        session.record(&mut encoder, 1e4);
        session.gpu().submit(encoder);
        session.after_submit();
    }
    let last = session.step();
    session.apply(TrainCommand::SetMomentum(0.5)).unwrap();
    session.apply(TrainCommand::SetOptimizer(OptimizerKind::Adam)).unwrap();
    session.apply(DataCommand::SetFlip(true)).unwrap();
    assert_eq!(
        journal(&bench).last().unwrap(),
        &format!(r#"{{"step":{last},"command":{{"set_flip":true}}}}"#)
    );
    finish(&mut session);
    assert_eq!((session.step(), session.state()), (7, RunState::Paused));
    assert_eq!(session.settings().hyper.since, 7, "the averages begin with the step that comes next");
    session.apply(TrainCommand::SetLearningRate(1e-9)).unwrap();
    let lines = [
        r#"{"step":6,"command":{"set_learning_rate":1e+30}}"#,
        r#"{"step":7,"command":{"set_momentum":0.5}}"#,
        r#"{"step":7,"command":{"set_optimizer":"adam"}}"#,
        r#"{"step":7,"command":{"set_flip":true}}"#,
        r#"{"step":7,"command":{"set_learning_rate":1e-9}}"#,
    ];
    assert_eq!(journal(&bench), lines);
    session.apply(TrainCommand::Reset(3)).unwrap();
    run_to(&mut session, 30);
    let (hash, now) = (session.state_hash(), session.settings().clone());
    drop(session);
    let mut session = bench.resume();
    session.play();
    while session.settings().seed != 3 {
        session.advance();
    }
    run_to(&mut session, 30);
    assert_eq!((session.state_hash(), session.settings()), (hash, &now));
}

/// A journal's text with these steps in the lines after the first, and checks that fit.
fn with_steps(bench: &Bench, steps: &[(u32, &str)]) {
    let mut session = bench.kept();
    run_to(&mut session, 30);
    session.save().unwrap();
    drop(session);
    let file = bench.path("run/journal.jsonl");
    let mut text = fs::read_to_string(&file).unwrap();
    let mut check =
        text.trim_end().rsplit_once(",\"check\":\"").unwrap().1.strip_suffix("\"}").unwrap().to_owned();
    for (step, command) in steps {
        let line = format!(r#"{{"step":{step},"command":{command}}}"#);
        let hash = blake3::hash(format!("{check}{line}").as_bytes());
        check = hash.to_hex()[..16].to_owned();
        text += &format!("{},\"check\":\"{check}\"}}\n", line.strip_suffix('}').unwrap());
    }
    fs::write(&file, text).unwrap();
}

#[test]
fn steps_fall_only_after_a_reset() {
    let (rate, reset) = (r#"{"set_learning_rate":0.1}"#, r#"{"reset":7}"#);
    type Case<'a> = (&'a [(u32, &'a str)], Option<usize>);
    let cases: [Case<'_>; 6] = [
        (&[(32, rate), (32, rate), (40, rate)], None),
        (&[(32, rate), (31, rate), (40, rate)], Some(3)),
        (&[(29, rate)], Some(2)),
        (&[(30, reset), (4, rate)], None),
        (&[(30, reset), (9, rate), (4, rate)], Some(4)),
        (&[(29, reset), (4, rate)], Some(2)),
    ];
    for (steps, line) in cases {
        let bench = Bench::new();
        with_steps(&bench, steps);
        let resumed = Session::resume(Rc::clone(&bench.gpu), &bench.path("run"));
        let what = resumed.err().map(|error| error.what().to_owned());
        let named = line.map(|line| format!("journal.jsonl, line {line}, is damaged"));
        assert_eq!(what.is_some(), named.is_some(), "{what:?}");
        assert!(named.is_none_or(|named| what.unwrap().contains(&named)), "{steps:?}");
    }
}

#[test]
fn a_last_command_that_was_cut_short_is_said_and_left_out() {
    let bench = Bench::new();
    let mut session = bench.kept();
    for rate in [0.1, 0.2] {
        session.apply(TrainCommand::SetLearningRate(rate)).unwrap();
    }
    drop(session);
    let file = bench.path("run/journal.jsonl");
    let whole = fs::read_to_string(&file).unwrap();
    let last = whole.trim_end().rfind('\n').unwrap() + 1;
    for len in [last, last + 1, last + 30, whole.len() - 2, whole.len() - 1] {
        fs::write(&file, &whole[..len]).unwrap();
        let mut session = bench.resume();
        let said = session.take_events();
        let cut = len > last;
        assert_eq!(said.len(), usize::from(cut), "{len}: {said:?}");
        assert!(
            said.iter().all(|e| matches!(e, Event::Notice(e) if e.what().contains("cut short"))),
            "{said:?}"
        );
        run_to(&mut session, 1);
        // All that is missing from a whole line is its end.
        let rate = if len == whole.len() - 1 { 0.2 } else { 0.1 };
        assert_eq!(session.settings().hyper.learning_rate, rate);
    }
}

#[test]
fn the_first_save_has_the_frozen_layers() {
    let bench = Bench::new();
    let frozen = RunSettings { frozen: vec![0], ..settings() };
    let mut session = bench.open(frozen.clone(), Some(&bench.path("run")));
    run_to(&mut session, 9);
    let hash = session.state_hash();
    drop(session);
    let mut session = bench.resume();
    assert_eq!((session.step(), session.settings()), (0, &frozen));
    run_to(&mut session, 9);
    assert_eq!(session.state_hash(), hash);
    // All layers cannot be frozen, and nothing is begun.
    let all = RunSettings { frozen: vec![0, 3], ..settings() };
    let place = bench.path("none");
    assert!(Session::new(Rc::clone(&bench.gpu), &bench.network(), all, Some(&place)).is_err());
    assert!(!place.exists());
}

#[test]
fn commands_together_are_all_applied_or_none() {
    let bench = Bench::new();
    let mut session = bench.kept();
    let wrong: [Command; 2] = [TrainCommand::SetBatch(9).into(), DataCommand::SetShift(999).into()];
    session.apply_all(&wrong).unwrap_err();
    assert_eq!((session.settings(), journal(&bench).len()), (&settings(), 0));
    session.apply_all(&[wrong[0].clone(), LayoutCommand::Open(CONV).into()]).unwrap();
    assert_eq!((session.settings().batch, session.layouts()[0].id()), (9, LayoutId(0)));
}
