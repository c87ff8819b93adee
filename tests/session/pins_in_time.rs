//! Pinned points of filters on ways through time: the journal keeps them with their filters, as the layout that is looked at does.

use revacnn::nn::Edit;
use revacnn::session::{
    LayoutCommand, LayoutId, LayoutSource, NetworkCommand, Session, TimeControl, TrainCommand,
};

use crate::bench::{Bench, open, run_to};
use crate::layout_commands::{CONV, pin, pinned, positions, rest};
use crate::time::go;

const AT: [[f32; 2]; 4] = [[3.5, -1.25], [-5.0, 1.0], [6.0, -3.0], [7.5, 7.5]];

/// By layout: the rows that are pinned, each with the index in `AT` of its place.
fn pins(session: &mut Session) -> [Vec<(usize, usize)>; 2] {
    rest(session);
    [0, 1].map(|id| {
        let place = |position: &[f32; 2]| AT.iter().position(|at| at == position);
        let all = positions(session, id);
        let rows: Vec<_> =
            all.iter().enumerate().filter_map(|(row, position)| Some((row, place(position)?))).collect();
        assert_eq!(pinned(session, id) as usize, rows.len(), "layout {id}");
        rows
    })
}

/// The same in the run as it is resumed from its folder.
fn resumed(session: Session, bench: &Bench) -> (Session, [Vec<(usize, usize)>; 2]) {
    let mut session = session;
    session.save().unwrap();
    drop(session);
    let mut session = bench.resume();
    session.keep_time(1 << 26);
    session.restore_layouts();
    let found = pins(&mut session);
    (session, found)
}

/// A kept run at step 3 with a layout of the four filters of its convolution, and one of these and the ten classes.
fn laid_out(bench: &Bench) -> Session {
    let mut session = bench.kept();
    session.keep_time(1 << 26);
    run_to(&mut session, 3);
    assert_eq!((open(&mut session, CONV).0, open(&mut session, LayoutSource::Filters).0), (0, 1));
    rest(&mut session);
    session
}

fn edit(session: &mut Session, edit: Edit) {
    session.apply(NetworkCommand::Edit(edit)).unwrap();
    rest(session);
}

#[test]
fn a_pin_set_after_an_edit_stays_with_its_filter_when_the_edit_is_undone() {
    let bench = Bench::new();
    let mut session = laid_out(&bench);
    session.apply(pin(0, 3, [9.0, 9.0])).unwrap();
    run_to(&mut session, 4);
    edit(&mut session, Edit::AddFilter { layer: 0 });
    edit(&mut session, Edit::DeleteFilter { layer: 0, filter: 0 });
    run_to(&mut session, 6);
    // Of filters 1, 2, 3 and the new one: filter 2 twice, class 5, and the new one; filter 3 is released.
    for command in [pin(0, 1, AT[0]), pin(1, 1, AT[1]), pin(1, 4 + 5, AT[2]), pin(0, 3, AT[3])] {
        session.apply(command).unwrap();
    }
    session.apply(LayoutCommand::Release { layout: LayoutId(0), row: 2, position: [9.0, 9.0] }).unwrap();
    assert_eq!(pins(&mut session), [vec![(1, 0), (3, 3)], vec![(1, 1), (9, 2)]]);
    go(&mut session, TimeControl::Undo);
    assert_eq!(pins(&mut session), [vec![(2, 0), (4, 3)], vec![(2, 1), (10, 2)]]);
    go(&mut session, TimeControl::Undo);
    let expected = [vec![(2, 0)], vec![(2, 1), (9, 2)]];
    assert_eq!(pins(&mut session), expected);
    let (_, again) = resumed(session, &bench);
    assert_eq!(again, expected, "after a resume");
}

#[test]
fn pins_go_along_to_another_branch_with_their_filters() {
    let bench = Bench::new();
    let mut session = laid_out(&bench);
    edit(&mut session, Edit::AddFilter { layer: 0 });
    run_to(&mut session, 4);
    edit(&mut session, Edit::DeleteFilter { layer: 0, filter: 0 });
    run_to(&mut session, 6);
    for command in [pin(0, 1, AT[0]), pin(1, 4 + 5, AT[1])] {
        session.apply(command).unwrap();
    }
    go(&mut session, TimeControl::GoTo(4));
    // Another way, on which filter 0 stays.
    session.apply(TrainCommand::SetMomentum(0.5)).unwrap();
    run_to(&mut session, 5);
    let with_all = [vec![(2, 0)], vec![(5 + 5, 1)]];
    assert_eq!(pins(&mut session), with_all);
    session.apply(pin(0, 0, AT[2])).unwrap();
    let (mut session, again) = resumed(session, &bench);
    assert_eq!(again, [vec![(0, 2), (2, 0)], vec![(10, 1)]], "after a resume");
    go(&mut session, TimeControl::Switch(0));
    let without = [vec![(1, 0)], vec![(4 + 5, 1)]];
    assert_eq!((session.step(), pins(&mut session)), (6, without.clone()));
    let (mut session, again) = resumed(session, &bench);
    assert_eq!(again, without, "after a resume");
    go(&mut session, TimeControl::Switch(1));
    assert_eq!(pins(&mut session), with_all);
    let (_, again) = resumed(session, &bench);
    assert_eq!(again, with_all, "after a resume");
}
