//! Training images changed by hand: in the journal, through time, after a resume, streaming, and in the evaluation of the training images.

use revacnn::session::{
    Control, DataCommand, Event, Inspect, Outcomes, Session, Split, TimeControl, TrainCommand,
};

use crate::bench::{Bench, finish, journal, run_to, settings};
use crate::streaming::streaming;

/// Numbers of the first training images in the loader's order.
fn trained(session: &Session) -> Vec<u32> {
    session.trainer().loader.training_classes().map(|(image, _)| image).collect()
}

/// Changes after 5 and 9 steps; the images are drawn in every epoch.
fn change(session: &mut Session) {
    let images = trained(session);
    run_to(session, 5);
    for image in &images[..40] {
        session.apply(DataCommand::LeaveOut(*image)).unwrap();
    }
    run_to(session, 9);
    for image in &images[60..100] {
        session.apply(DataCommand::Relabel { image: *image, class: 3 }).unwrap();
    }
    session.apply(DataCommand::RestoreImage(images[0])).unwrap();
}

fn evaluated(session: &mut Session, split: Split) -> Outcomes {
    session.control(Control::Inspect(Inspect::KeepOutcomes)).unwrap();
    session.control(Control::Evaluate(split)).unwrap();
    finish(session);
    session.inspection().outcomes(split).expect("it was evaluated").clone()
}

#[test]
fn changes_of_images_stay_with_the_run() {
    let bench = Bench::new();
    let mut plain = bench.session();
    run_to(&mut plain, 40);
    let mut session = bench.kept();
    change(&mut session);
    run_to(&mut session, 20);
    session.save().unwrap();
    run_to(&mut session, 40);
    let hash = session.state_hash();
    assert_ne!(hash, plain.state_hash());
    let edits = session.settings().data_edits.clone();
    assert_eq!((edits.left_out.len(), edits.relabeled.len()), (39, 40));
    drop(session);
    let first = trained(&plain)[0];
    assert_eq!(journal(&bench)[0], format!(r#"{{"step":5,"command":{{"leave_out":{first}}}}}"#));
    let mut resumed = bench.resume();
    assert_eq!(resumed.settings().data_edits, edits);
    run_to(&mut resumed, 40);
    assert_eq!(resumed.state_hash(), hash);
    let windowed = streaming();
    let mut streamed = windowed.session();
    change(&mut streamed);
    run_to(&mut streamed, 40);
    assert_eq!(streamed.state_hash(), hash, "of a set that streams");
}

#[test]
fn changes_of_images_are_taken_back_and_repeated() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.keep_time(64 << 20);
    change(&mut session);
    run_to(&mut session, 30);
    let hash = session.state_hash();
    let time = |session: &mut Session, control| {
        session.control(Control::Time(control)).unwrap();
        finish(session);
    };
    time(&mut session, TimeControl::GoTo(4));
    assert!(session.settings().data_edits.is_empty());
    assert!(session.trainer().loader.edits().is_empty());
    time(&mut session, TimeControl::GoTo(7));
    assert_eq!(session.settings().data_edits.left_out.len(), 40);
    time(&mut session, TimeControl::GoToEnd);
    assert_eq!(session.state_hash(), hash);
    // The last command took the first image back.
    time(&mut session, TimeControl::Undo);
    assert_eq!(session.settings().data_edits.left_out.len(), 40);
    assert_eq!(*session.trainer().loader.edits(), session.settings().data_edits);
    // A reset is of weights, not of data.
    session.apply(TrainCommand::Reset(5)).unwrap();
    assert_eq!(session.trainer().loader.edits().left_out.len(), 40);
}

#[test]
fn training_images_are_evaluated_each_once_with_their_classes_of_now() {
    for bench in [Bench::new(), streaming()] {
        let mut session = bench.session();
        change(&mut session);
        run_to(&mut session, 12);
        let step = session.step();
        session.take_events();
        let outcomes = evaluated(&mut session, Split::Training);
        let numbers: Vec<u32> = outcomes.images.iter().map(|image| image.number).collect();
        assert_eq!(numbers, trained(&session), "those that are left out too");
        assert!(outcomes.images[60..100].iter().all(|image| image.class == 3));
        assert_eq!((outcomes.step, session.step()), (step, step));
        // The same count and loss as of the evaluation itself.
        let events = session.take_events();
        let score = events.iter().find_map(|event| match event {
            Event::Evaluated { split: Split::Training, loss, accuracy, .. } => Some((*loss, *accuracy)),
            _ => None,
        });
        let (loss, accuracy) = score.expect("it is handed out");
        let right = outcomes.images.iter().filter(|image| image.is_right()).count();
        assert_eq!(accuracy, right as f32 / numbers.len() as f32);
        let sum: f64 = outcomes.images.iter().map(|image| f64::from(image.loss)).sum();
        assert!((sum / numbers.len() as f64 - f64::from(loss)).abs() < 1e-5, "{loss}");
    }
}

#[test]
fn only_training_images_are_changed_and_one_stays() {
    let bench = Bench::new();
    let mut session = bench.session();
    let hash = session.state_hash();
    let images = trained(&session);
    let validation = evaluated(&mut session, Split::Validation).images[0].number;
    let test = session.trainer().loader.test_number(0);
    for image in [validation, test, u32::MAX] {
        for command in [
            DataCommand::LeaveOut(image),
            DataCommand::RestoreImage(image),
            DataCommand::Relabel { image, class: 0 },
        ] {
            let error = session.apply(command).unwrap_err();
            assert!(error.what().contains(&format!("image {image} is no training image")), "{error}");
        }
    }
    let error = session.apply(DataCommand::Relabel { image: images[0], class: 10 }).unwrap_err();
    assert!(error.what().contains("10") && error.help().contains("0 to 9"), "{error}");
    assert_eq!((session.state_hash(), session.settings().data_edits.is_empty()), (hash, true));
    // All but two are left out from the start.
    let mut few = settings();
    few.data_edits.left_out = images[2..].to_vec();
    few.data_edits.left_out.sort_unstable();
    let mut session = bench.open(few, None);
    session.apply(DataCommand::LeaveOut(images[1])).unwrap();
    let error = session.apply(DataCommand::LeaveOut(images[0])).unwrap_err();
    assert!(error.what().contains("the last training image"), "{error}");
    run_to(&mut session, 2);
}
