//! Histograms over a run: which steps are kept, and that the run does not change.

use revacnn::nn::Edit;
use revacnn::nn::histograms::{BINS, COLUMNS, Quantity};
use revacnn::nn::twin::{bin_of, histogram, strip_column};
use revacnn::session::{LayerId, NetworkCommand, Session, TimeControl, TrainCommand};

use serde_json::json;

use crate::bench::{self, Bench, run_to, settings};
use crate::watching::{go_on, values, watch, write, write_with};

fn steps(session: &Session) -> Vec<u32> {
    session.distributions().steps().collect()
}

/// True for each of these columns of a layer's strip that is not dark.
fn light<const N: usize>(
    session: &Session,
    (of, layer): (Quantity, usize),
    columns: [usize; N],
) -> [bool; N] {
    let view = session.distributions().view(of, [0, BINS - 1]).unwrap();
    let picture = bench::values(session.gpu(), &view);
    let tile = &picture[layer * BINS * COLUMNS..][..BINS * COLUMNS];
    columns.map(|column| tile.iter().skip(column).step_by(COLUMNS).any(|light| *light > 0.0))
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
    // A column of each of the three steps.
    let light =
        |of: Quantity| [0, 2].map(|layer| light(&session, (of, layer), [0, COLUMNS / 2, COLUMNS - 1]));
    assert_eq!(light(Quantity::Weights), [[true; 3]; 2]);
    assert_eq!(light(Quantity::Gradients), [[true, false, false], [true, false, true]]);
}

#[test]
fn a_layer_has_no_gradients_in_the_steps_in_which_it_is_frozen() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.count_distributions();
    let filters =
        |filters: &[u32]| NetworkCommand::FreezeFilters { layer: LayerId(0), filters: filters.to_vec() };
    run_to(&mut session, 20);
    session.apply(NetworkCommand::Freeze(LayerId(0))).unwrap();
    run_to(&mut session, 40);
    // A layer of which one filter is frozen learns on; one of which all are does not.
    session.apply(NetworkCommand::Thaw(LayerId(0))).unwrap();
    session.apply(filters(&[1])).unwrap();
    run_to(&mut session, 50);
    session.apply(filters(&[0, 2, 3])).unwrap();
    run_to(&mut session, 70);
    assert_eq!(steps(&session), [16, 32, 48, 64]);
    let has =
        [0, 2].map(|layer| [0, 1, 2, 3].map(|column| session.distributions().has_gradients(layer, column)));
    assert_eq!(has, [[true, false, true, false], [true; 4]]);
    // The first column of each of the four steps.
    let columns = [0, 1, 2, 3].map(|step| step * COLUMNS / 4);
    for (quantity, lights) in [(Quantity::Gradients, has), (Quantity::Weights, [[true; 4]; 2])] {
        let found = [0, 2].map(|layer| light(&session, (quantity, layer), columns));
        assert_eq!(found, lights, "{quantity:?}");
    }
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
