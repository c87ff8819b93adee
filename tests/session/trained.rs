//! A session trained without a window, with a callback that steers it.

use std::ops::ControlFlow;

use revacnn::error::Error;
use revacnn::session::{Event, RunState, StopCondition, TrainCommand, train};

use crate::bench::{Bench, run_to};

#[test]
fn a_callback_sees_every_epoch_and_steers() {
    let bench = Bench::new();
    let mut session = bench.session();
    let (mut steps, mut epochs) = (Vec::new(), Vec::new());
    train(&mut session, StopCondition::Epochs(3), &mut |session, event| {
        match event {
            Event::Step(step) => steps.push(step.step),
            Event::Epoch(epoch) => {
                epochs.push(epoch.epoch);
                session.apply(TrainCommand::SetLearningRate(0.01 / epoch.epoch as f32))?;
            }
            other => panic!("{other:?}"),
        }
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    assert_eq!(epochs, [1, 2, 3]);
    assert!(steps.iter().copied().eq(1..=session.step()), "{steps:?}");
    assert_eq!((session.state(), session.settings().hyper.learning_rate), (RunState::Finished, 0.01 / 3.0));
    // Without commands it is a run like any other.
    let mut plain = bench.session();
    train(&mut plain, StopCondition::Steps(9), &mut |_, _| Ok(ControlFlow::Continue(()))).unwrap();
    let mut other = bench.session();
    run_to(&mut other, 9);
    assert_eq!(plain.state_hash(), other.state_hash());
}

#[test]
fn a_callback_ends_the_training() {
    let bench = Bench::new();
    let mut session = bench.session();
    let until = StopCondition::Epochs(50);
    let mut calls = 0;
    train(&mut session, until, &mut |_, event| {
        calls += 1;
        let ends = matches!(event, Event::Step(step) if step.step == 5);
        Ok(if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
    .unwrap();
    assert_eq!(calls, 5, "a call for each step up to the last");
    // Steps that were under way when the news came are finished.
    assert!((5..50).contains(&session.step()) && session.state() == RunState::Paused, "{}", session.step());
    let error = train(&mut session, until, &mut |_, _| Err(Error::new("no more", "none"))).unwrap_err();
    assert!(error.what() == "no more" && !session.is_playing(), "{error}");
    session.apply(TrainCommand::SetLearningRate(1e30)).unwrap();
    let fault = train(&mut session, until, &mut |_, _| Ok(ControlFlow::Continue(()))).unwrap_err();
    assert!(fault.to_string().contains("loss") || fault.to_string().contains("finite"), "{fault}");
    assert_eq!(session.state(), RunState::Paused);
}
