//! Histograms over a run: which steps are kept, and that the run does not change.

use revacnn::nn::Edit;
use revacnn::nn::histograms::COLUMNS;
use revacnn::session::{NetworkCommand, Session, TimeControl, TrainCommand};

use crate::bench::{Bench, run_to, settings};

fn steps(session: &Session) -> Vec<u32> {
    session.distributions().steps().collect()
}

#[test]
fn steps_are_kept_over_the_whole_run_and_the_interval_doubles() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.count_distributions();
    run_to(&mut session, 60);
    assert_eq!(steps(&session), [16, 32, 48]);
    let last = 16 * COLUMNS as u32;
    run_to(&mut session, last + 7);
    assert_eq!(steps(&session), (1..=COLUMNS as u32).map(|n| 16 * n).collect::<Vec<_>>());
    // One more does not fit: every second one goes.
    run_to(&mut session, last + 80);
    assert_eq!(steps(&session), (1..=COLUMNS as u32 / 2 + 2).map(|n| 32 * n).collect::<Vec<_>>());
    let layers = session.distributions().layers();
    assert_eq!(layers, [(1, true), (2, false), (4, true)]);
    let units = session.distributions().units();
    assert_eq!(units.iter().map(|units| units.channels).collect::<Vec<_>>(), [4, 4, 10]);
    // 6 × 6 pixels of 4 maps for 64 images.
    assert_eq!(units[1].saturated, [0, 4 * 36 * settings().batch]);
}

#[test]
fn a_step_of_the_past_knows_none_after_it_and_another_network_begins_anew() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.count_distributions();
    run_to(&mut session, 100);
    assert_eq!(steps(&session), [16, 32, 48, 64, 80, 96]);
    session.control(revacnn::session::Control::Time(TimeControl::GoTo(66))).unwrap();
    while session.is_travelling() && session.advance() {}
    session.settle();
    assert_eq!((session.step(), steps(&session)), (66, vec![16, 32, 48, 64]));
    // A filter more is another channel of the same layers; another batch other buffers.
    session.apply(NetworkCommand::Edit(Edit::AddFilter { layer: 0 })).unwrap();
    session.apply(TrainCommand::SetBatch(32)).unwrap();
    run_to(&mut session, 80);
    assert_eq!(steps(&session), [16, 32, 48, 64, 80]);
    assert_eq!(session.distributions().units()[0].channels, 5);
    session.apply(TrainCommand::Reset(9)).unwrap();
    run_to(&mut session, 20);
    assert_eq!(steps(&session), [16]);
}

#[test]
fn nothing_is_counted_where_nobody_looks() {
    let mut session = Bench::new().session();
    run_to(&mut session, 40);
    assert!(steps(&session).is_empty());
}
