//! Soft goals in a run: journaled, repeated, taken back, refused, and gone with their filters.

use revacnn::nn::{Edit, Goal};
use revacnn::session::{Event, LayerId, NetworkCommand, TimeControl};

use crate::bench::{Bench, journal, run_to};
use crate::time::go;

const CONV: LayerId = LayerId(0);

fn set(layer: LayerId, goal: Goal, strength: f32) -> NetworkCommand {
    NetworkCommand::SetGoal { layer, goal, strength }
}

#[test]
fn goals_are_kept_repeated_and_taken_back() {
    let bench = Bench::new();
    let mut plain = bench.session();
    run_to(&mut plain, 8);
    let mut session = bench.kept();
    session.keep_time(64 << 20);
    run_to(&mut session, 2);
    session.apply(set(CONV, Goal::Attract([3, 1]), 0.5)).unwrap();
    run_to(&mut session, 4);
    let kernel = vec![0.25; 9];
    session.apply(set(CONV, Goal::Become { filter: 2, kernel }, 0.25)).unwrap();
    run_to(&mut session, 8);
    let hash = session.state_hash();
    assert_ne!(hash, plain.state_hash());
    let lines = journal(&bench);
    assert_eq!(
        lines[0],
        r#"{"step":2,"command":{"set_goal":{"layer":0,"goal":{"attract":[3,1]},"strength":0.5}}}"#
    );
    // The checkpoint is the one of the beginning: both are repeated.
    drop(session);
    let mut again = bench.resume();
    again.keep_time(64 << 20);
    run_to(&mut again, 8);
    assert_eq!(again.state_hash(), hash);
    again.save().unwrap();
    drop(again);
    let mut kept = bench.resume();
    assert_eq!((kept.state_hash(), kept.trainer().network.layers[0].goals.len()), (hash, 2));
    kept.keep_time(64 << 20);
    // Without both of them the run is as if there had been none.
    go(&mut kept, TimeControl::Undo);
    assert_eq!(kept.trainer().network.layers[0].goals.len(), 1);
    go(&mut kept, TimeControl::Undo);
    assert!(kept.trainer().network.layers[0].goals.is_empty());
    run_to(&mut kept, 8);
    assert_eq!(kept.state_hash(), plain.state_hash());
}

#[test]
fn a_goal_goes_with_its_filter() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.apply(set(CONV, Goal::Repel([0, 1]), 0.5)).unwrap();
    session.apply(set(CONV, Goal::Attract([2, 3]), 0.5)).unwrap();
    session.apply(NetworkCommand::Edit(Edit::DeleteFilter { layer: 0, filter: 1 })).unwrap();
    let goals: Vec<Goal> = session.trainer().network.layers[0].goals.iter().map(|g| g.goal.clone()).collect();
    assert_eq!(goals, [Goal::Attract([2, 3])]);
    let is_notice = |event: &Event| matches!(event, Event::Notice(error) if error.what().contains("repel filters 0 and 1 of conv1"));
    assert_eq!(session.take_events().iter().filter(|event| is_notice(event)).count(), 1);
    run_to(&mut session, 2);
    assert!(session.check_events().is_ok());
}

#[test]
fn each_branch_has_its_own_goals_and_a_removed_layer_takes_them_along() {
    let bench = Bench::new();
    let mut plain = bench.session();
    run_to(&mut plain, 5);
    let mut session = bench.session();
    session.keep_time(64 << 20);
    run_to(&mut session, 2);
    session.apply(set(CONV, Goal::Attract([0, 1]), 0.5)).unwrap();
    run_to(&mut session, 5);
    let pulled = session.state_hash();
    go(&mut session, TimeControl::GoTo(1));
    go(&mut session, TimeControl::Fork);
    run_to(&mut session, 5);
    assert!(session.trainer().network.layers[0].goals.is_empty());
    assert_eq!(session.state_hash(), plain.state_hash());
    go(&mut session, TimeControl::Switch(0));
    assert_eq!(session.state_hash(), pulled);
    assert_eq!(session.trainer().network.layers[0].goals.len(), 1);
    let settings = "kind = \"conv2d\"\nkernel = 3\npadding = 1".parse().unwrap();
    session.apply(NetworkCommand::Edit(Edit::InsertLayer { after: Some(0), settings })).unwrap();
    let inserted = session.trainer().network.layers[1].id;
    session.apply(set(LayerId(inserted), Goal::Repel([0, 1]), 0.5)).unwrap();
    session.take_events();
    session.apply(NetworkCommand::Edit(Edit::RemoveLayer { layer: inserted })).unwrap();
    let is_notice = |event: &Event| matches!(event, Event::Notice(error) if error.what().contains("repel filters 0 and 1"));
    assert_eq!(session.take_events().iter().filter(|event| is_notice(event)).count(), 1);
    run_to(&mut session, 6);
    assert!(session.check_events().is_ok());
}

#[test]
fn faulty_goals_are_refused_and_change_nothing() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.apply(set(CONV, Goal::Attract([0, 1]), 0.5)).unwrap();
    let text = session.trainer().network.to_toml();
    let kernel = |weights: usize, value| Goal::Become { filter: 1, kernel: vec![value; weights] };
    for (command, what) in [
        (set(LayerId(9), Goal::Attract([0, 1]), 1.0), "no layer 9"),
        (set(LayerId(1), Goal::Attract([0, 1]), 1.0), "no filters of its own"),
        (set(CONV, Goal::Attract([0, 9]), 1.0), "no filter 9"),
        (set(CONV, Goal::Repel([2, 2]), 1.0), "filter 2 is named twice"),
        (set(CONV, Goal::Repel([2, 3]), -1.0), "strength is -1"),
        (set(CONV, Goal::Repel([2, 3]), f32::NAN), "strength is NaN"),
        (set(CONV, kernel(8, 0.5), 1.0), "8 weights, and filter 1 has 9"),
        (set(CONV, kernel(9, f32::INFINITY), 1.0), "not finite"),
    ] {
        let error = session.apply(command.clone()).unwrap_err();
        assert!(error.what().contains(what), "{command:?}: {error}");
    }
    assert_eq!(session.trainer().network.to_toml(), text);
}
