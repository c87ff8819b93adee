//! A twin beside a run: it is the run without what was done since, and the run keeps its bits.

use revacnn::nn::Hyper;
use revacnn::session::{
    Control, DataCommand, Event, Session, Split, StopCondition, TimeControl, TrainCommand, TwinRun,
    twin_is_wanted,
};

use crate::bench::{Bench, finish, run_to, settings, submit};
use crate::streaming::streaming;
use crate::time::run_with_commands;

fn begin(session: &mut Session) {
    session.control(Control::Twin(true)).unwrap();
}

fn twin(session: &Session) -> &TwinRun {
    session.twin().expect("there is a twin")
}

/// Loss and accuracy of the validation images at the ends of epochs since a step, with the average where there is one, and the losses of the
/// steps.
fn results(metrics: &revacnn::session::Metrics, since: u32) -> (Vec<String>, Vec<(u32, f32)>) {
    let epochs = metrics.epochs.iter().filter(|epoch| epoch.step > since);
    let epochs = epochs.map(|e| {
        let values = [e.train_loss, e.train_accuracy, e.val_loss, e.val_accuracy];
        format!("{} {} {values:?} {:?} {:?}", e.epoch, e.step, e.average_val_loss, e.average_val_accuracy)
    });
    let steps = metrics.steps.iter().filter(|step| step.step > since).map(|step| (step.step, step.loss));
    (epochs.collect(), steps.collect())
}

/// Notices and faults since the last call.
fn told(session: &mut Session) -> Vec<String> {
    let text = |event| match event {
        Event::Notice(error) | Event::Fault(error) => Some(error.to_string()),
        _ => None,
    };
    session.take_events().into_iter().filter_map(text).collect()
}

/// Goes a way through time to its end.
fn go_to(session: &mut Session, control: TimeControl) {
    session.control(Control::Time(control)).unwrap();
    while session.is_travelling() {
        session.advance();
    }
    session.settle();
    submit(session, 1.0);
}

/// Trains on, in pieces, to a step that follows the beginning of a twin by several epochs.
fn compare_without_commands(bench: &Bench) {
    let mut alone = bench.session();
    run_with_commands(&mut alone, 38);
    run_to(&mut alone, 95);
    let mut session = bench.session();
    run_with_commands(&mut session, 38);
    begin(&mut session);
    session.set_limit(Some(StopCondition::Steps(95)));
    session.play();
    let mut furthest = 0;
    while submit(&mut session, 0.5) {
        let step = twin(&session).step();
        assert!(step <= session.step(), "it never is ahead");
        furthest = furthest.max(session.step() - step);
    }
    // The run may begin a second step in the encoder that ends the first.
    assert!(
        (1..=2).contains(&furthest),
        "it follows step by step where a step takes several encoders: {furthest}"
    );
    finish(&mut session);
    let there = twin(&session);
    assert_eq!((session.step(), there.step(), there.since()), (95, 95, 38));
    assert_eq!(session.state_hash(), alone.state_hash(), "the run keeps its bits");
    assert_eq!(there.state_hash(), alone.state_hash());
    let (of_run, of_twin) = (results(session.metrics(), 38), results(there.metrics(), 38));
    assert!(of_run.0.len() == 2 && of_run.1.len() == 57, "{of_run:?}");
    assert_eq!(of_twin, of_run);
    let difference = there.difference(session.metrics()).unwrap();
    assert_eq!((difference.epoch, difference.run), (3, difference.twin));
}

#[test]
fn a_twin_of_a_run_that_nobody_steers_is_the_run() {
    compare_without_commands(&Bench::new());
}

#[test]
fn it_streams_its_images_where_the_run_does() {
    compare_without_commands(&streaming());
}

#[test]
fn a_twin_is_the_run_without_the_commands_since() {
    let bench = Bench::new();
    let (mut plain, mut steered) = (bench.session(), bench.session());
    run_to(&mut plain, 40);
    run_with_commands(&mut steered, 40);
    let mut session = bench.session();
    run_to(&mut session, 5);
    begin(&mut session);
    run_with_commands(&mut session, 40);
    assert_eq!(session.state_hash(), steered.state_hash(), "the run keeps its bits");
    assert_eq!(twin(&session).state_hash(), plain.state_hash());
    assert_ne!(session.state_hash(), plain.state_hash());
    assert_eq!(results(twin(&session).metrics(), 0), results(plain.metrics(), 0));
    // It is no command, and is gone without a trace.
    session.control(Control::Twin(false)).unwrap();
    assert!(session.twin().is_none() && told(&mut session).is_empty());
}

#[test]
fn images_that_are_changed_by_hand_stay_as_they_were_for_the_twin() {
    let bench = Bench::new();
    let mut plain = bench.session();
    let images: Vec<(u32, u8)> = plain.trainer().loader.training_classes().collect();
    let first = DataCommand::Relabel { image: images[3].0, class: (images[3].1 + 1) % 10 };
    plain.apply(first).unwrap();
    plain.apply(DataCommand::LeaveOut(images[5].0)).unwrap();
    run_to(&mut plain, 50);
    let mut session = bench.session();
    session.apply(first).unwrap();
    session.apply(DataCommand::LeaveOut(images[5].0)).unwrap();
    run_to(&mut session, 4);
    begin(&mut session);
    for (image, class) in &images[20..200] {
        session.apply(DataCommand::Relabel { image: *image, class: (class + 1) % 10 }).unwrap();
    }
    images[200..400].iter().for_each(|(image, _)| session.apply(DataCommand::LeaveOut(*image)).unwrap());
    run_to(&mut session, 50);
    assert_eq!(twin(&session).state_hash(), plain.state_hash());
    assert_ne!(session.state_hash(), plain.state_hash());
}

#[test]
fn it_begins_between_the_commands_before_and_after_it() {
    let bench = Bench::new();
    let rate = |rate| TrainCommand::SetLearningRate(rate);
    let mut plain = bench.session();
    run_to(&mut plain, 3);
    plain.apply(rate(0.02)).unwrap();
    run_to(&mut plain, 12);
    let mut session = bench.session();
    run_to(&mut session, 2);
    // In the middle of a step, so that all of them wait for its end.
    session.play();
    while !submit(&mut session, 0.1) {}
    assert!(session.step() == 2 && !revacnn::session::is_between_steps(&session));
    session.apply(rate(0.02)).unwrap();
    begin(&mut session);
    assert!(session.twin().is_none() && twin_is_wanted(&session));
    session.apply(rate(0.3)).unwrap();
    run_to(&mut session, 12);
    assert_eq!(session.settings().hyper.learning_rate, 0.3);
    assert_eq!((twin(&session).since(), twin_is_wanted(&session)), (3, false));
    assert_eq!(twin(&session).state_hash(), plain.state_hash());
    assert_ne!(session.state_hash(), plain.state_hash());
    // An evaluation that is under way ends first.
    session.evaluate(Split::Validation);
    while !submit(&mut session, 0.1) {}
    session.control(Control::Twin(true)).unwrap();
    assert!(session.twin().is_none());
    finish(&mut session);
    assert_eq!(twin(&session).since(), 12);
}

#[test]
fn it_waits_while_the_run_is_in_the_past_and_ends_before_its_beginning() {
    let bench = Bench::new();
    let mut plain = bench.session();
    run_to(&mut plain, 40);
    let mut session = bench.session();
    session.keep_time(64 << 20);
    run_to(&mut session, 20);
    begin(&mut session);
    run_to(&mut session, 30);
    session.apply(TrainCommand::SetMomentum(0.5)).unwrap();
    run_to(&mut session, 34);
    // The key-frame that the way begins with is of a step before the beginning.
    session.control(Control::Time(TimeControl::GoTo(24))).unwrap();
    assert!(session.control(Control::Twin(true)).unwrap_err().to_string().contains("on its way"));
    go_to(&mut session, TimeControl::GoTo(24));
    assert_eq!((session.step(), twin(&session).step()), (24, 34));
    run_to(&mut session, 33);
    assert_eq!(twin(&session).step(), 34);
    go_to(&mut session, TimeControl::Undo);
    assert_eq!((session.step(), twin(&session).step()), (30, 34));
    session.apply(TrainCommand::SetMomentum(0.7)).unwrap();
    run_to(&mut session, 40);
    assert_eq!(twin(&session).state_hash(), plain.state_hash());
    assert!(told(&mut session).is_empty());
    go_to(&mut session, TimeControl::GoTo(19));
    assert!(session.twin().is_none());
    let told = told(&mut session);
    assert!(told.len() == 1 && told[0].contains("does not come from step 20"), "{told:?}");
}

#[test]
fn another_life_or_a_branch_from_before_ends_it() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.keep_time(64 << 20);
    run_to(&mut session, 6);
    go_to(&mut session, TimeControl::GoTo(4));
    go_to(&mut session, TimeControl::Fork);
    run_to(&mut session, 5);
    begin(&mut session);
    run_to(&mut session, 8);
    go_to(&mut session, TimeControl::Switch(0));
    assert!(session.step() == 6 && session.twin().is_none(), "the other branch does not have its beginning");
    begin(&mut session);
    session.apply(TrainCommand::Reset(2)).unwrap();
    run_to(&mut session, 8);
    assert!(session.twin().is_none());
    assert_eq!(told(&mut session).len(), 2);
}

#[test]
fn a_twin_whose_numbers_are_not_finite_stops_and_the_run_goes_on() {
    let bench = Bench::new();
    let mut plain = bench.session();
    run_to(&mut plain, 12);
    let mut session = bench.session();
    run_to(&mut session, 3);
    let rate = Hyper::default().learning_rate;
    session.apply(TrainCommand::SetLearningRate(1e30)).unwrap();
    begin(&mut session);
    session.apply(TrainCommand::SetLearningRate(rate)).unwrap();
    run_to(&mut session, 12);
    assert_eq!(session.state_hash(), plain.state_hash());
    let stopped = twin(&session).stopped().expect("it is stopped").to_string();
    assert!(stopped.contains("numbers stopped being finite"), "{stopped}");
    assert!(twin(&session).step() < 12 && told(&mut session).is_empty());
}

#[test]
fn a_network_that_is_not_finite_has_no_twin() {
    let bench = Bench::new();
    let mut session = bench.open(settings(), None);
    session.trainer().parameters.values.write(session.gpu(), 5, &[f32::NAN]);
    let error = session.control(Control::Twin(true)).unwrap_err();
    assert!(error.to_string().contains("not finite") && !error.help().is_empty(), "{error}");
    assert!(session.twin().is_none() && !twin_is_wanted(&session));
}
