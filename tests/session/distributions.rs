//! Histograms over a run: which steps are kept, and that the run does not change.

use revacnn::nn::Edit;
use revacnn::nn::histograms::{BINS, COLUMNS, Quantity};
use revacnn::nn::twin::{bin_of, histogram, strip_column};
use revacnn::session::{NetworkCommand, Session, TimeControl, TrainCommand};

use serde_json::json;

use crate::bench::{self, Bench, run_to, settings};
use crate::watching::{go_on, values, watch, write, write_with};

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
fn checkpoints_without_gradients_leave_their_columns_dark() {
    let bench = Bench::new();
    let mut session = watch(&bench);
    session.count_distributions();
    go_on(&mut session);
    let folder = bench.path("watched");
    write_with(&folder, 20, &json!({}), |name| !name.starts_with("grad."));
    go_on(&mut session);
    // A frozen layer has none, and the others have.
    write_with(&folder, 30, &json!({}), |name| name != "grad.module.0.weight");
    go_on(&mut session);
    assert_eq!(session.distributions().layers(), [(1, true), (2, false), (4, true)]);
    let has =
        [0, 1, 2].map(|column| [0, 2].map(|layer| session.distributions().has_gradients(layer, column)));
    assert_eq!(has, [[true, true], [false, false], [false, true]]);
    let light = |quantity: Quantity, layer: usize| {
        let view = session.distributions().view(quantity, [0, BINS - 1]).unwrap();
        let picture = bench::values(&bench.gpu, &view);
        let tile = &picture[layer * BINS * COLUMNS..][..BINS * COLUMNS];
        // A column of each of the three steps.
        [0, COLUMNS / 2, COLUMNS - 1]
            .map(|column| tile.iter().skip(column).step_by(COLUMNS).any(|light| *light > 0.0))
    };
    assert_eq!([0, 2].map(|layer| light(Quantity::Weights, layer)), [[true; 3]; 2]);
    assert_eq!(
        [0, 2].map(|layer| light(Quantity::Gradients, layer)),
        [[true, false, false], [true, false, true]]
    );
}

#[test]
fn nothing_is_counted_where_nobody_looks() {
    let mut session = Bench::new().session();
    run_to(&mut session, 40);
    assert!(steps(&session).is_empty());
}

#[test]
fn the_checkpoints_of_a_watched_training_are_counted() {
    let bench = Bench::new();
    let mut session = watch(&bench);
    session.count_distributions();
    go_on(&mut session);
    for step in [20, 35] {
        write(&bench.path("watched"), step, &json!({}));
        go_on(&mut session);
    }
    assert_eq!(steps(&session), [10, 20, 35]);
    assert!(session.distributions().units().is_empty(), "there are no activations of a batch to count");
    for (quantity, kind) in [(Quantity::Weights, 0), (Quantity::Gradients, 1)] {
        let view = session.distributions().view(quantity, [0, BINS - 1]).unwrap();
        let picture = bench::values(&bench.gpu, &view);
        // The first layer's 4 filters of 3 × 3.
        for (column, step) in [(0, 10), (COLUMNS - 1, 35)] {
            let bins = values(step, kind, 0, 36).into_iter();
            let bins = bins.map(|value| bin_of(f64::from(value), quantity.scale()));
            for (row, light) in strip_column(&histogram(bins)).into_iter().enumerate() {
                let made = f64::from(picture[row * COLUMNS + column]);
                assert!((made - light).abs() < 1e-5, "{quantity:?} of step {step}: {made}, not {light}");
            }
        }
    }
    // Where they are too many, every second one goes.
    for step in 36..36 + COLUMNS as u32 - 2 {
        write(&bench.path("watched"), step, &json!({}));
        go_on(&mut session);
    }
    let kept = steps(&session);
    assert_eq!((kept.len(), kept[0], kept.last()), (COLUMNS / 2 + 1, 20, Some(&(33 + COLUMNS as u32))));
}
