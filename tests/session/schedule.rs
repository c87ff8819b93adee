//! Steps in pieces, evaluations beside the run, limits, and what comes back.

use std::fs;

use revacnn::nn::Hyper;
use revacnn::session::{Event, RunSettings, RunState, Session, Split, StopCondition, TrainCommand};

use crate::bench::{Bench, finish, run_to, settings, steps, submit};

#[test]
fn steps_in_pieces_are_whole_steps() {
    let bench = Bench::new();
    let mut whole = bench.session();
    run_to(&mut whole, 25);
    let mut pieces = bench.session();
    pieces.set_limit(Some(StopCondition::Steps(25)));
    pieces.play();
    let mut submits = 0;
    // Two steps of one dispatch a submit, then more and less.
    let dispatches = pieces.trainer().step_plan().len();
    while pieces.state() != RunState::Finished {
        let alone = submits < 2 * dispatches;
        let budget_ms = if alone { 1e-9 } else { [1e-9, 0.5, 1e-9, 3.0, 20.0][submits % 5] };
        submit(&mut pieces, budget_ms);
        submits += 1;
        assert!(!alone || pieces.step() as usize == submits / dispatches);
    }
    finish(&mut pieces);
    assert_eq!(pieces.state_hash(), whole.state_hash());
    assert_eq!(steps(&mut pieces), (1..=25).collect::<Vec<_>>());
    let losses = |e: &[revacnn::session::EpochMetrics]| {
        e.iter().map(|e| (e.epoch, e.step, e.train_loss, e.val_loss)).collect::<Vec<_>>()
    };
    assert_eq!(losses(&pieces.metrics().epochs), losses(&whole.metrics().epochs));
    assert_eq!(pieces.metrics().epochs.len(), 1);
}

#[test]
fn a_pause_finishes_the_step() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.play();
    submit(&mut session, 1e-9);
    assert_eq!((session.step(), session.state()), (0, RunState::Training));
    session.pause();
    finish(&mut session);
    assert_eq!((session.step(), session.state()), (1, RunState::Paused));
    assert!(!submit(&mut session, 1e9), "a paused session has nothing to do");
    let mut whole = bench.session();
    run_to(&mut whole, 1);
    assert_eq!(session.state_hash(), whole.state_hash());
}

#[test]
fn a_single_step_is_one_and_none_past_the_limit() {
    let bench = Bench::new();
    let mut session = bench.session();
    for step in 1..=3 {
        session.single_step();
        assert_eq!(session.state(), RunState::Training);
        finish(&mut session);
        assert_eq!((session.step(), session.state()), (step, RunState::Paused));
    }
    session.set_limit(Some(StopCondition::Steps(3)));
    session.single_step();
    finish(&mut session);
    assert_eq!((session.step(), session.state()), (3, RunState::Finished));
    session.set_limit(None);
    finish(&mut session);
    assert_eq!((session.step(), session.state()), (3, RunState::Paused));
}

#[test]
fn limits_are_exact() {
    let bench = Bench::new();
    let mut session = bench.session();
    // 1350 images, 60 a step: an epoch ends with step 23, the second with 45.
    for (limit, step) in [
        (StopCondition::Steps(9), 9),
        (StopCondition::Epochs(1), 23),
        (StopCondition::Epochs(2), 45),
        (StopCondition::Steps(46), 46),
    ] {
        session.set_limit(Some(limit));
        session.play();
        finish(&mut session);
        assert_eq!((session.step(), session.state()), (step, RunState::Finished), "{limit:?}");
    }
    // A limit that was passed long ago, and playing at it.
    for limit in [StopCondition::Steps(3), StopCondition::Epochs(1), StopCondition::Steps(46)] {
        session.set_limit(Some(limit));
        session.play();
        finish(&mut session);
        assert_eq!((session.step(), session.state()), (46, RunState::Finished), "{limit:?}");
    }
    assert_eq!(session.metrics().epochs.iter().map(|e| e.step).collect::<Vec<_>>(), [23, 45]);
}

#[test]
fn an_evaluation_beside_the_run_changes_nothing() {
    let bench = Bench::new();
    let mut plain = bench.session();
    run_to(&mut plain, 30);
    let mut session = bench.session();
    session.evaluate(Split::Test);
    run_to(&mut session, 4);
    session.play();
    submit(&mut session, 1e-9);
    // In the middle of a step, two at once, and one during an evaluation.
    session.evaluate(Split::Test);
    session.evaluate(Split::Validation);
    while session.state() != RunState::Validating {
        submit(&mut session, 1e-9);
    }
    submit(&mut session, 1e-9);
    session.evaluate(Split::Test);
    session.pause();
    finish(&mut session);
    assert_eq!((session.step(), session.state()), (5, RunState::Paused));
    run_to(&mut session, 30);
    assert_eq!(session.state_hash(), plain.state_hash());
    assert_eq!(session.metrics().epochs.len(), 1, "an epoch is counted once");
    assert_eq!(session.metrics().epochs[0].val_loss, plain.metrics().epochs[0].val_loss);
    let events = session.take_events();
    let tests: Vec<_> =
        events.iter().filter(|e| matches!(e, Event::Evaluated { split: Split::Test, .. })).collect();
    assert_eq!(tests.len(), 3, "{tests:?}");
    assert!(tests[0] != tests[1] && tests[1] == tests[2], "{tests:?}");
    assert_eq!(
        events.iter().filter(|e| matches!(e, Event::Evaluated { split: Split::Validation, .. })).count(),
        1
    );
}

#[test]
fn each_evaluation_has_the_score_of_the_averaged_weights_beside_it() {
    let bench = Bench::new();
    let averaging = |averaging| RunSettings { hyper: Hyper { averaging, ..Hyper::default() }, ..settings() };
    let mut session = bench.open(averaging(0.5), None);
    let mut without = bench.open(averaging(0.0), None);
    let test = |session: &mut Session| {
        session.evaluate(Split::Test);
        finish(session);
        let events = session.take_events();
        let tests = events.into_iter().filter_map(|event| match event {
            Event::Evaluated { split: Split::Test, loss, accuracy, average } => {
                Some((loss, accuracy, average))
            }
            _ => None,
        });
        tests.collect::<Vec<_>>()
    };
    // An average that has just begun is the weights.
    let [(loss, accuracy, Some(average))] = test(&mut session)[..] else { panic!("one test") };
    assert_eq!((average.loss, average.accuracy), (loss, accuracy));
    run_to(&mut session, 30);
    run_to(&mut without, 30);
    assert_eq!(session.state_hash(), without.state_hash(), "the run does not see its average");
    let [epoch, plain] = [&session, &without].map(|session| session.metrics().epochs[0].clone());
    assert_eq!((epoch.val_loss, plain.average_val_loss), (plain.val_loss, None));
    assert!(epoch.average_val_loss.is_some_and(|loss| loss != epoch.val_loss));
    let [(loss, _, Some(average))] = test(&mut session)[..] else { panic!("one test") };
    assert_ne!(average.loss, loss);
    assert!(matches!(test(&mut without)[..], [(other, _, None)] if other == loss));
    // Switched on and off as it runs, it begins with the weights of then.
    without.apply(TrainCommand::SetAverage(1.0)).unwrap();
    assert!(matches!(test(&mut without)[..], [(_, _, Some(average))] if average.loss == loss));
    without.apply(TrainCommand::SetAverage(0.0)).unwrap();
    assert!(matches!(test(&mut without)[..], [(_, _, None)]));
    assert!(without.apply(TrainCommand::SetAverage(f32::NAN)).is_err());
}

#[test]
fn a_resumed_run_goes_on_with_its_average() {
    let bench = Bench::new();
    let mut plain = bench.session();
    run_to(&mut plain, 40);
    let mut session = bench.kept();
    run_to(&mut session, 30);
    session.save().unwrap();
    drop(session);
    let mut session = bench.resume();
    run_to(&mut session, 40);
    let averages = |s: &Session| s.trainer().parameters.averages.read(s.gpu());
    assert_eq!(averages(&session), averages(&plain));
}

/// Thirteen training images, of which twelve are trained on, and three test images, of 4×6 pixels.
fn write_tiny_data(bench: &Bench) -> String {
    let idx = |sizes: &[u32], values: Vec<u8>| {
        let sizes_be = sizes.iter().flat_map(|s| s.to_be_bytes());
        [0, 0, 8, sizes.len() as u8].into_iter().chain(sizes_be).chain(values).collect::<Vec<u8>>()
    };
    for (part, count) in [("train", 13_u32), ("t10k", 3)] {
        let pixels = (0..count * 24).map(|i| (i * 91 % 256) as u8).collect();
        let labels = (0..count).map(|i| (i % 3) as u8).collect();
        let write = |name: String, bytes| fs::write(bench.path(&name), bytes).unwrap();
        write(format!("{part}-images-idx3-ubyte"), idx(&[count, 4, 6], pixels));
        write(format!("{part}-labels-idx1-ubyte"), idx(&[count], labels));
    }
    bench.folder.path().display().to_string()
}

#[test]
fn epochs_of_a_few_images_are_all_there() {
    let bench = Bench::new();
    let dataset = write_tiny_data(&bench);
    // Whole epochs a step, and batches that reach over the end of an epoch.
    for batch in [12, 5, 1] {
        let mut session = bench.open(RunSettings { dataset: dataset.clone(), batch, ..settings() }, None);
        session.set_limit(Some(StopCondition::Epochs(20)));
        session.play();
        // Room for all of them in one submit.
        while session.state() != RunState::Finished {
            submit(&mut session, 1e6);
        }
        finish(&mut session);
        let last = (20 * 12_u32).div_ceil(batch);
        assert_eq!(session.step(), last);
        assert_eq!(steps(&mut session), (1..=last).collect::<Vec<_>>());
        let epochs: Vec<_> = session.metrics().epochs.iter().map(|e| (e.epoch, e.step)).collect();
        let ends = (1..=20_u32).map(|e| (e, (e * 12).div_ceil(batch))).collect::<Vec<_>>();
        assert_eq!(epochs, ends, "batch {batch}");
        let mut again = bench.open(RunSettings { dataset: dataset.clone(), batch, ..settings() }, None);
        run_to(&mut again, last);
        assert_eq!(session.state_hash(), again.state_hash());
    }
}

#[test]
fn one_submit_has_no_more_steps_than_are_remembered() {
    let bench = Bench::new();
    let mut session = bench.open(RunSettings { batch: 1, ..settings() }, None);
    session.set_limit(Some(StopCondition::Steps(700)));
    session.play();
    while session.state() != RunState::Finished {
        let before = session.step();
        submit(&mut session, 1e9);
        assert!(session.step() - before <= 256);
    }
    finish(&mut session);
    assert_eq!(steps(&mut session), (1..=700).collect::<Vec<_>>());
}

#[test]
fn no_pictures_come_back() {
    let bench = Bench::new();
    let mut session = bench.open(RunSettings { batch: 1000, ..settings() }, None);
    session.set_limit(Some(StopCondition::Steps(12)));
    session.play();
    let mut submits = 0;
    while session.state() != RunState::Finished {
        submit(&mut session, 2.0);
        submits += 1;
    }
    session.settle();
    // The last 256 steps' numbers, some times, and an evaluation's: less than one column of the batch has.
    let most = 256 * 16 + 64 * 16 + 64;
    assert!(session.bytes_read() > 0 && session.bytes_read() <= submits * most, "{}", session.bytes_read());
}
