//! A layer of which no unit fires any more, and the ways in which it comes back.

use revacnn::nn::{Edit, WeightEdit};
use revacnn::session::{Command, NetworkCommand, Session, TrainCommand};

use crate::bench::{Bench, run_to};

/// Node of the relu behind the convolution.
const RELU: usize = 2;

fn biased(filter: u32, bias: f32) -> Command {
    let edit = WeightEdit { layer: 0, filter, at: vec![(4, 0.1)], bias: Some(bias) };
    NetworkCommand::EditWeights(edit).into()
}

/// A run of two epochs whose convolution is dead from step 10 on.
fn dead(bench: &Bench) -> Session {
    let mut session = bench.session();
    run_to(&mut session, 10);
    (0..4).for_each(|filter| session.apply(biased(filter, -1e3)).unwrap());
    run_to(&mut session, 46);
    assert_eq!(session.metrics().dead, [RELU]);
    let concern = session.concern().expect("it cannot learn");
    assert!(concern.what().contains("no unit fired"), "{concern}");
    session
}

/// Share of the relu's values that are above 0, over the test images.
fn firing(session: &mut Session) -> f64 {
    let all: Vec<usize> = (0..session.test_images()).collect();
    let values = session.test_features(RELU, &all).unwrap();
    values.iter().filter(|value| **value > 0.0).count() as f64 / values.len() as f64
}

#[test]
fn a_dead_layer_comes_back_by_new_filters_new_biases_or_a_reset() {
    let bench = Bench::new();
    let each = |command: &dyn Fn(u32) -> Command| (0..4).map(command).collect::<Vec<_>>();
    let reset_filter = |filter| NetworkCommand::Edit(Edit::ResetFilter { layer: 0, filter }).into();
    let ways = [
        ("nothing", vec![]),
        ("new filters", each(&reset_filter)),
        ("new biases", each(&|filter| biased(filter, 0.1))),
        ("a reset", vec![TrainCommand::Reset(3).into()]),
    ];
    for (way, commands) in ways {
        let mut session = dead(&bench);
        assert_eq!(firing(&mut session), 0.0);
        let revives = !commands.is_empty();
        commands.into_iter().for_each(|command| session.apply(command).unwrap());
        let step = session.step();
        run_to(&mut session, step + 90);
        let accuracy = session.metrics().epochs.last().unwrap().val_accuracy;
        assert_eq!(session.metrics().dead.is_empty(), revives, "{way}");
        let fires = firing(&mut session);
        assert_eq!(fires > 0.05, revives, "{way}: {fires}");
        assert_eq!(accuracy > 0.5, revives, "{way}: {accuracy}");
        assert_eq!(session.concern().is_none(), revives, "{way}: {:?}", session.concern());
    }
}
