//! Layouts of a network whose filters come and go: rows that stay keep their points and pins, new ones begin near where they come from.

use revacnn::embed::twin;
use revacnn::nn::Edit;
use revacnn::session::{LayoutSource, NetworkCommand, Session, TrainCommand};

use crate::bench::{Bench, open, run_to};
use crate::layout_commands::{CONV, DENSE, pin, pinned, positions, rest};

fn apply(session: &mut Session, edit: Edit) {
    session.apply(NetworkCommand::Edit(edit)).unwrap();
}

fn wide(positions: &[[f32; 2]]) -> Vec<[f64; 2]> {
    positions.iter().map(|y| y.map(f64::from)).collect()
}

/// Carries out a change, and compares the points right after it with those that its rows had before.
fn assert_carried(session: &mut Session, id: u64, edit: Edit, origins: &[Option<usize>]) {
    let before = positions(session, id);
    apply(session, edit.clone());
    let now = positions(session, id);
    assert_eq!(now.len(), origins.len(), "{edit:?}");
    let expected = twin::carried::carried(&wide(&before), origins);
    let span = before.iter().flatten().fold(0.0, |span: f32, value| span.max(value.abs()));
    for (row, (now, expected)) in now.iter().zip(&expected).enumerate() {
        let first = origins[row].filter(|_| !origins[..row].contains(&origins[row]));
        if let Some(old) = first {
            assert_eq!(*now, before[old], "{edit:?}, row {row} stays where it was");
        }
        let close = (0..2).all(|axis| (f64::from(now[axis]) - expected[axis]).abs() < 1e-4 * f64::from(span));
        assert!(close, "{edit:?}, row {row}: {now:?} and {expected:?}");
        let others = before.iter().filter(|_| first.is_none());
        assert!(others.clone().all(|other| other != now), "{edit:?}, row {row} is on another point");
    }
}

/// A layout of the four filters of the first layer, laid out, with filter 2 pinned.
fn laid_out(bench: &Bench) -> (Session, u64) {
    let mut session = bench.session();
    run_to(&mut session, 3);
    let id = open(&mut session, CONV).0;
    rest(&mut session);
    session.apply(pin(id, 2, [3.5, -1.25])).unwrap();
    rest(&mut session);
    assert_eq!(pinned(&session, id), 1);
    (session, id)
}

#[test]
fn filters_that_stay_keep_their_points_and_new_ones_begin_near() {
    let bench = Bench::new();
    let (mut session, id) = laid_out(&bench);
    let kept = |rows: &[usize]| rows.iter().map(|row| Some(*row)).collect::<Vec<_>>();
    let split = Edit::SplitFilter { layer: 0, filter: 1 };
    assert_carried(&mut session, id, split, &kept(&[0, 1, 1, 2, 3]));
    let all_and_new = [kept(&[0, 1, 2, 3, 4]), vec![None]].concat();
    assert_carried(&mut session, id, Edit::AddFilter { layer: 0 }, &all_and_new);
    // The pinned one, filter 2, is row 3 now, and stays there while the others move.
    rest(&mut session);
    run_to(&mut session, 6);
    rest(&mut session);
    assert_eq!((pinned(&session, id), positions(&session, id)[3]), (1, [3.5, -1.25]));
    assert_carried(&mut session, id, Edit::DeleteFilter { layer: 0, filter: 0 }, &kept(&[1, 2, 3, 4, 5]));
    rest(&mut session);
    assert_eq!((pinned(&session, id), positions(&session, id)[2]), (1, [3.5, -1.25]));
    // Other weights for a filter, and a layer more, move nothing.
    assert_carried(&mut session, id, Edit::ResetFilter { layer: 0, filter: 3 }, &kept(&[0, 1, 2, 3, 4]));
    let settings = "kind = \"relu\"".parse().unwrap();
    assert_carried(&mut session, id, Edit::InsertLayer { after: Some(0), settings }, &kept(&[0, 1, 2, 3, 4]));
    assert_carried(&mut session, id, Edit::DeleteFilter { layer: 0, filter: 2 }, &kept(&[0, 1, 3, 4]));
    rest(&mut session);
    assert_eq!(pinned(&session, id), 0, "the pin is gone with its filter");
}

#[test]
fn rows_of_other_layers_keep_their_points_too() {
    let bench = Bench::new();
    let mut session = bench.session();
    run_to(&mut session, 3);
    let (dense, all) = (open(&mut session, DENSE).0, open(&mut session, LayoutSource::Filters).0);
    rest(&mut session);
    let classes: Vec<Option<usize>> = (0..10).map(Some).collect();
    assert_carried(&mut session, dense, Edit::AddFilter { layer: 0 }, &classes);
    rest(&mut session);
    // Five filters of the first layer, then the ten classes.
    let without = |gone: usize| (0..15).filter(|row| *row != gone).map(Some).collect::<Vec<_>>();
    assert_carried(&mut session, all, Edit::DeleteFilter { layer: 0, filter: 1 }, &without(1));
    let split = [0, 1, 1, 2, 3].into_iter().chain(4..14).map(Some).collect::<Vec<_>>();
    assert_carried(&mut session, all, Edit::SplitFilter { layer: 0, filter: 2 }, &split);
}

#[test]
fn the_same_changes_give_the_same_points() {
    let points = || {
        let bench = Bench::new();
        let (mut session, id) = laid_out(&bench);
        apply(&mut session, Edit::SplitFilter { layer: 0, filter: 3 });
        apply(&mut session, Edit::AddFilter { layer: 0 });
        let right_after = positions(&session, id);
        session.apply(TrainCommand::SetLearningRate(0.01)).unwrap();
        rest(&mut session);
        assert!(positions(&session, id).iter().flatten().all(|value| value.abs() < 1e3));
        right_after
    };
    assert_eq!(points(), points());
}
