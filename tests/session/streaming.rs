//! A data set of which only a window is on the GPU: the same run, bit for bit.

use std::rc::Rc;

use revacnn::gpu::{AdapterChoice, Gpu};
use revacnn::session::{
    DataCommand, Event, RunState, Session, Split, StopCondition, TensorKind, TrainCommand,
};

use crate::bench::{Bench, finish, run_to, settings, submit, values};

/// Room for two rings of 128 digits and the probes, of 1 797 digits in all.
const WINDOW: u64 = 3 * 128 * 64;

pub(crate) fn streaming() -> Bench {
    let mut gpu = Gpu::open(&AdapterChoice::Best).expect("there is an adapter");
    gpu.set_image_memory(Some(WINDOW));
    Bench { gpu: Rc::new(gpu), ..Bench::new() }
}

/// A run with everything that draws images: steps over several epochs, a larger batch, validation in between and at the ends
/// of epochs, the test set, another probe, another seed; then what it came to.
fn run(session: &mut Session) -> (String, Vec<Event>, Vec<f32>) {
    run_to(session, 30);
    session.evaluate(Split::Test);
    session.apply(TrainCommand::SetBatch(101)).unwrap();
    run_to(session, 37);
    session.apply(DataCommand::PinProbe(293)).unwrap();
    session.evaluate(Split::Validation);
    // A little at a time, so that steps and evaluations stop in the middle.
    session.set_limit(Some(StopCondition::Steps(60)));
    session.play();
    while session.state() != RunState::Finished {
        submit(session, 1.0);
    }
    finish(session);
    session.apply(TrainCommand::Reset(7)).unwrap();
    run_to(session, 20);
    session.refresh().unwrap();
    let picture = values(session.gpu(), &session.tensor(0, TensorKind::Activations).unwrap());
    (session.state_hash(), session.take_events(), picture)
}

/// The numbers of steps, epochs and evaluations, sorted: speeds, and which arrived first, are another thing.
fn numbers(events: &[Event]) -> Vec<String> {
    let plain = |event: &Event| match event {
        Event::Epoch(e) => {
            format!(
                "{} {} {} {} {} {}",
                e.epoch, e.step, e.train_loss, e.train_accuracy, e.val_loss, e.val_accuracy
            )
        }
        other => format!("{other:?}"),
    };
    let mut numbers: Vec<String> = events.iter().map(plain).collect();
    numbers.sort();
    numbers
}

#[test]
fn a_run_that_streams_is_the_same_run() {
    let whole = Bench::new();
    let windowed = streaming();
    let (hash, events, picture) = run(&mut whole.session());
    let (streamed_hash, streamed_events, streamed_picture) = run(&mut windowed.session());
    assert!(events.iter().any(|e| matches!(e, Event::Evaluated { split: Split::Test, .. })));
    assert!(events.iter().any(|e| matches!(e, Event::Evaluated { split: Split::Validation, .. })));
    assert!(events.iter().filter(|e| matches!(e, Event::Epoch(_))).count() >= 2);
    assert_eq!(numbers(&events), numbers(&streamed_events));
    assert_eq!(hash, streamed_hash);
    assert_eq!(picture, streamed_picture);
}

#[test]
fn a_run_that_streams_is_resumed_where_it_was() {
    let windowed = streaming();
    let mut session = windowed.kept();
    run_to(&mut session, 33);
    session.save().unwrap();
    run_to(&mut session, 50);
    let hash = session.state_hash();
    drop(session);
    let mut resumed = windowed.resume();
    run_to(&mut resumed, 50);
    assert_eq!(hash, resumed.state_hash());
    let mut whole = Bench::new().session();
    run_to(&mut whole, 50);
    assert_eq!(hash, whole.state_hash());
}

#[test]
fn a_batch_that_the_window_cannot_hold_is_refused() {
    let windowed = streaming();
    let mut session = windowed.session();
    assert_eq!(session.max_batch(), 128);
    let error = session.apply(TrainCommand::SetBatch(129)).unwrap_err();
    assert!(error.to_string().contains("129"), "{error}");
    session.apply(TrainCommand::SetBatch(128)).unwrap();
    run_to(&mut session, 3);
    let large = revacnn::session::RunSettings { batch: 129, ..settings() };
    let refused = Session::new(Rc::clone(&windowed.gpu), &windowed.network(), large, None);
    let error = refused.err().expect("129 images in 128 slots");
    assert!(error.help().contains("--image-memory"), "{error}");
    let mut gpu = Gpu::open(&AdapterChoice::Best).unwrap();
    gpu.set_image_memory(Some(WINDOW - 1));
    let refused = Session::new(Rc::new(gpu), &windowed.network(), settings(), None);
    assert!(refused.err().expect("no window is so small").what().contains("digits"));
}

#[test]
fn the_held_out_images_are_the_same() {
    let losses = |bench: Bench| {
        let mut session = bench.session();
        run_to(&mut session, 3);
        // An evaluation under way has the window for itself.
        session.evaluate(Split::Validation);
        submit(&mut session, 1e-9);
        session.measure_effects().unwrap();
        session.apply(TrainCommand::SetLearningRate(0.5)).unwrap();
        run_to(&mut session, 9);
        session.apply(DataCommand::SetFlip(true)).unwrap();
        finish(&mut session);
        session.effects().iter().map(|row| (row.before.unwrap(), row.after.unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(losses(streaming()), losses(Bench::new()));
}
