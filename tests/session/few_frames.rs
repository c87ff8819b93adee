//! Ways through time where there is room for a few key-frames only: that of the end must not take the place of the one that is sought.

use revacnn::session::{TimeControl, TrainCommand};

use crate::bench::{Bench, run_to};
use crate::time::go;

#[test]
fn a_way_leads_to_its_moment_with_room_for_one_key_frame_or_a_few() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.keep_time(1 << 30);
    let one = session.timeline().memory.0;
    assert!(one > 0);
    for frames in 1..=4 {
        let place = format!("room for {frames}");
        let mut session = bench.session();
        session.keep_time(frames * one);
        run_to(&mut session, 3);
        let third = session.state_hash();
        session.apply(TrainCommand::SetMomentum(0.5)).unwrap();
        run_to(&mut session, 6);
        go(&mut session, TimeControl::Undo);
        assert_eq!((session.step(), session.state_hash()), (3, third.clone()), "{place}");
        session.apply(TrainCommand::SetMomentum(0.25)).unwrap();
        run_to(&mut session, 5);
        let first = session.state_hash();
        go(&mut session, TimeControl::GoTo(3));
        assert_eq!(session.state_hash(), third, "{place}");
        session.apply(TrainCommand::SetLearningRate(0.5)).unwrap();
        run_to(&mut session, 7);
        let second = session.state_hash();
        for (branch, step, hash) in [(0, 5, &first), (1, 7, &second), (0, 5, &first)] {
            go(&mut session, TimeControl::Switch(branch));
            assert_eq!((session.step(), &session.state_hash()), (step, hash), "{place}, branch {branch}");
        }
        go(&mut session, TimeControl::Undo);
        assert_eq!((session.step(), session.state_hash()), (3, third), "{place}");
        let (bytes, most) = session.timeline().memory;
        assert!(bytes <= most, "{place}: {bytes} bytes of {most}");
    }
}
