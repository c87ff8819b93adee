//! Changes of the network that wait neither for an evaluation nor for the end of a step.

use std::rc::Rc;

use revacnn::nn::{Edit, Hyper, WeightEdit};
use revacnn::session::{
    Command, Control, EpochMetrics, Event, NetworkCommand, RunSettings, RunState, Session, Split, TimeControl,
};

use crate::bench::{Bench, finish, journal, run_to, settings, submit};

/// The step at whose end the first epoch of the digits ends with a batch of 60.
const EPOCH_END: u32 = 23;

fn add() -> NetworkCommand {
    NetworkCommand::Edit(Edit::AddFilter { layer: 0 })
}

/// One weight of a filter is another.
fn paint(value: f32) -> Command {
    let edit = WeightEdit { layer: 0, filter: 1, at: vec![(4, value)], bias: None };
    NetworkCommand::EditWeights(edit).into()
}

/// Numbers of an epoch that do not depend on the time that it took.
fn numbers(epoch: &EpochMetrics) -> (u32, u32, [f32; 4], [Option<f32>; 2]) {
    let EpochMetrics { train_loss, train_accuracy, val_loss, val_accuracy, .. } = *epoch;
    let averages = [epoch.average_val_loss, epoch.average_val_accuracy];
    (epoch.epoch, epoch.step, [train_loss, train_accuracy, val_loss, val_accuracy], averages)
}

/// With an average of the last weights, which is evaluated too.
fn averaging() -> RunSettings {
    RunSettings { hyper: Hyper { averaging: 0.5, ..Hyper::default() }, ..settings() }
}

/// Trains to the end of the first epoch, and through this number of pieces of the evaluation that follows, of one dispatch each.
fn evaluating(session: &mut Session, pieces: u32) {
    session.play();
    while session.step() < EPOCH_END {
        submit(session, 1e-9);
    }
    (0..pieces).for_each(|_| _ = submit(session, 1e-9));
}

#[test]
fn a_change_in_the_middle_of_an_evaluation_is_made_at_once_and_both_are_as_one_after_the_other() {
    both_are_as_one_after_the_other(|_| add().into());
}

#[test]
fn so_are_weights_that_are_painted_in_the_middle_of_it() {
    both_are_as_one_after_the_other(|number| paint(0.5 + number as f32));
}

fn both_are_as_one_after_the_other(change: impl Fn(u32) -> Command) {
    let bench = Bench::new();
    // The evaluation first, then the changes.
    let mut after = bench.open(averaging(), None);
    run_to(&mut after, EPOCH_END);
    let first = numbers(&after.metrics().epochs[0]);
    let mut hashes = Vec::new();
    for number in 0..2 {
        after.apply(change(number)).unwrap();
        hashes.push(after.state_hash());
    }
    run_to(&mut after, 2 * EPOCH_END);
    let mut pieces = 0;
    // Pieces of the evaluation with the average, and of the one with the weights themselves.
    loop {
        let mut amid = bench.open(averaging(), None);
        evaluating(&mut amid, pieces);
        if amid.state() != RunState::Validating {
            break;
        }
        assert!(amid.metrics().epochs.is_empty(), "the evaluation is done");
        for (number, hash) in (0..).zip(&hashes) {
            amid.apply(change(number)).unwrap();
            assert_eq!(&amid.state_hash(), hash, "after {pieces} pieces: it waits");
            submit(&mut amid, 1e-9);
        }
        assert_eq!(amid.step(), EPOCH_END);
        finish_evaluation(&mut amid);
        // Of the weights that the epoch ended with.
        assert_eq!(numbers(&amid.metrics().epochs[0]), first, "after {pieces} pieces");
        run_to(&mut amid, 2 * EPOCH_END);
        assert_eq!(amid.state_hash(), after.state_hash(), "after {pieces} pieces");
        let both =
            [&amid, &after].map(|session| session.metrics().epochs.iter().map(numbers).collect::<Vec<_>>());
        assert_eq!(both[0], both[1], "after {pieces} pieces");
        pieces += 7;
    }
    assert!(pieces > 14, "the evaluation has {pieces} pieces");
}

/// Makes pieces until no evaluation is under way or waits, and takes in its result.
fn finish_evaluation(session: &mut Session) {
    session.pause();
    while session.state() == RunState::Validating {
        assert_eq!(session.step(), EPOCH_END, "a step came first");
        submit(session, 1e-9);
    }
    session.settle();
}

#[test]
fn an_evaluation_that_painting_overtook_tells_which_layers_are_dead_and_one_that_surgery_overtook_does_not() {
    let bench = Bench::new();
    let changed = [paint(0.5), add().into()].map(|change| {
        let mut session = bench.session();
        for filter in 0..4 {
            let edit = WeightEdit { layer: 0, filter, at: Vec::new(), bias: Some(-1e4) };
            session.apply(NetworkCommand::EditWeights(edit)).unwrap();
        }
        evaluating(&mut session, 5);
        session.apply(change).unwrap();
        finish_evaluation(&mut session);
        session.metrics().dead.clone()
    });
    // The node of the rectified linear units.
    assert_eq!(changed, [vec![2], vec![]]);
}

#[test]
fn the_journal_of_a_change_during_an_evaluation_is_made_again_to_the_same_bits() {
    let bench = Bench::new();
    let mut session = bench.kept();
    evaluating(&mut session, 5);
    session.apply(add()).unwrap();
    assert_eq!((session.network_version(), session.state()), (1, RunState::Validating));
    run_to(&mut session, 30);
    session.save().unwrap();
    let (hash, epochs) = (session.state_hash(), session.metrics().epochs.clone());
    assert!(journal(&bench)[0].contains("\"step\":23"), "{:?}", journal(&bench));
    drop(session);
    let mut again = Session::replay(Rc::clone(&bench.gpu), &bench.path("run"), None).unwrap();
    finish(&mut again);
    again.check_events().unwrap();
    assert_eq!((again.step(), again.state_hash()), (30, hash.clone()));
    assert_eq!(numbers(&again.metrics().epochs[0]), numbers(&epochs[0]));
    let kept = bench.resume();
    assert_eq!((kept.state_hash(), numbers(&kept.metrics().epochs[0])), (hash, numbers(&epochs[0])));
}

#[test]
fn undo_of_a_change_during_an_evaluation_loses_no_result() {
    let bench = Bench::new();
    let mut plain = bench.session();
    run_to(&mut plain, 30);
    let mut session = bench.session();
    session.keep_time(1 << 24);
    evaluating(&mut session, 5);
    session.apply(add()).unwrap();
    session.control(Control::Time(TimeControl::Undo)).unwrap();
    finish(&mut session);
    session.check_events().unwrap();
    run_to(&mut session, 30);
    assert_eq!(session.state_hash(), plain.state_hash());
    assert_eq!(session.metrics().epochs.len(), 1);
    assert_eq!(numbers(&session.metrics().epochs[0]), numbers(&plain.metrics().epochs[0]));
}

#[test]
fn an_evaluation_that_the_user_asked_for_is_of_the_weights_before_a_change_that_overtook_it() {
    let bench = Bench::new();
    let test = |session: &mut Session| {
        let result = |event| {
            if let Event::Evaluated { split: Split::Test, loss, accuracy, .. } = event {
                Some((loss, accuracy))
            } else {
                None
            }
        };
        session.take_events().into_iter().find_map(result).expect("there is a result")
    };
    let mut plain = bench.session();
    run_to(&mut plain, 3);
    plain.evaluate(Split::Test);
    finish(&mut plain);
    let mut session = bench.session();
    run_to(&mut session, 3);
    session.evaluate(Split::Test);
    // It has not begun.
    session.apply(NetworkCommand::Edit(Edit::DeleteFilter { layer: 0, filter: 1 })).unwrap();
    assert_eq!((session.network_version(), session.state()), (1, RunState::Validating));
    finish(&mut session);
    assert_eq!(test(&mut session), test(&mut plain));
    session.evaluate(Split::Test);
    finish(&mut session);
    plain.evaluate(Split::Test);
    finish(&mut plain);
    assert_ne!(test(&mut session), test(&mut plain), "it is of the changed network from then on");
}

#[test]
fn a_step_is_taken_back_for_a_change_until_it_changes_weights() {
    is_taken_back(&add().into());
    is_taken_back(&paint(0.5));
}

/// Number of commands that were carried out.
fn carried_out(session: &Session) -> usize {
    session.timeline().marks.len()
}

fn is_taken_back(change: &Command) {
    let bench = Bench::new();
    // Made after two steps, and after three.
    let hash = |steps: u32| {
        let mut after = bench.session();
        run_to(&mut after, steps);
        after.apply(change.clone()).unwrap();
        run_to(&mut after, 6);
        after.state_hash()
    };
    let hashes = [hash(2), hash(3)];
    let mut taken_back = Vec::new();
    for pieces in 1.. {
        let mut amid = bench.session();
        run_to(&mut amid, 2);
        amid.play();
        (0..pieces).for_each(|_| _ = submit(&mut amid, 1e-9));
        if amid.step() > 2 {
            break;
        }
        amid.apply(change.clone()).unwrap();
        assert_eq!(carried_out(&amid), 0, "it waits for the end of the step");
        let waits = amid.put_changes_first();
        assert_eq!(carried_out(&amid), usize::from(!waits));
        taken_back.push(!waits);
        run_to(&mut amid, 6);
        assert_eq!(carried_out(&amid), 1);
        assert_eq!(amid.state_hash(), hashes[usize::from(waits)], "after {pieces} pieces");
    }
    let [could, could_not] = [true, false].map(|of| taken_back.iter().filter(|back| **back == of).count());
    // The optimizer and the clock at its end are a few dispatches.
    assert!(
        could > 5 && (1..=5).contains(&could_not) && taken_back.is_sorted_by(|a, b| a >= b),
        "{taken_back:?}"
    );
}

#[test]
fn a_step_that_ends_a_run_or_was_taken_back_often_is_finished() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.single_step();
    let mut waits = 0;
    while waits == 0 && session.network_version() < 9 {
        submit(&mut session, 1e-9);
        session.apply(add()).unwrap();
        waits += u32::from(session.put_changes_first());
    }
    assert_eq!(
        (session.network_version(), session.step()),
        (3, 0),
        "changes without end keep it from learning"
    );
    finish(&mut session);
    assert_eq!((session.network_version(), session.step()), (4, 1));
    // A pause finishes the step.
    session.play();
    submit(&mut session, 1e-9);
    session.pause();
    session.apply(add()).unwrap();
    assert!(session.put_changes_first());
    finish(&mut session);
    assert_eq!((session.network_version(), session.step()), (5, 2));
}
