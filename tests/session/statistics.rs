//! Statistics of a run against what its weights say.

use revacnn::nn::{OptimizerKind, Role};
use revacnn::session::{EpochMetrics, NetworkCommand, Session, TrainCommand};

use crate::bench::{Bench, run_to, settings, values};

/// The weights of each layer that has any.
fn weights(session: &Session) -> Vec<(String, Vec<f64>)> {
    let trainer = session.trainer();
    let of = |(index, layer): (usize, &revacnn::nn::NetworkLayer)| {
        let view = trainer.weights(index + 1)?;
        let len = view.extents.iter().product::<u32>() as usize;
        let all = values(session.gpu(), &view);
        Some((layer.name.clone(), all[..len].iter().map(|w| f64::from(*w)).collect()))
    };
    trainer.network.layers.iter().enumerate().filter_map(of).collect()
}

fn mean_change(before: &[f64], after: &[f64]) -> f64 {
    before.iter().zip(after).map(|(a, b)| (a - b).abs()).sum::<f64>() / before.len() as f64
}

#[track_caller]
fn close(value: f64, expected: f64) {
    assert!((value - expected).abs() <= 1e-5 * expected.abs(), "{value} instead of {expected}");
}

#[test]
fn an_epoch_tells_the_change_of_weights_the_decay_and_the_images() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.apply(TrainCommand::SetWeightDecay(0.003)).unwrap();
    session.apply(TrainCommand::SetL1Decay(0.0002)).unwrap();
    let mut before = weights(&session);
    for epoch in 1..=3 {
        let images = epoch * session.train_images() as u32;
        run_to(&mut session, images.div_ceil(settings().batch));
        let after = weights(&session);
        let told = session.metrics().epochs.last().unwrap().clone();
        assert_eq!(told.epoch, epoch);
        let changes: Vec<_> = told.weight_changes.iter().map(|c| c.layer.as_str()).collect();
        assert_eq!(changes, ["conv1", "dense1"]);
        for (told, ((_, before), (_, after))) in told.weight_changes.iter().zip(before.iter().zip(&after)) {
            close(told.change.into(), mean_change(before, after));
        }
        let all = || after.iter().flat_map(|(_, weights)| weights);
        let decay = 0.0015 * all().map(|w| w * w).sum::<f64>() + 0.0002 * all().map(|w| w.abs()).sum::<f64>();
        close(told.decay_loss.unwrap().into(), decay);
        assert_eq!(told.images, Some(u64::from(session.step() * settings().batch)));
        assert_eq!(told.images.unwrap(), session.trainer().images_trained());
        let times = [told.forward_ms, told.backward_ms, told.update_ms];
        assert!(
            times.iter().all(|ms| ms.is_some_and(|ms| ms > 0.0) == session.gpu().timestamps),
            "{times:?}"
        );
        before = after;
    }
    let roles = session.trainer().parameters.tensors.iter().filter(|tensor| tensor.spec.role == Role::Weight);
    assert_eq!(roles.count(), before.len());
}

#[test]
fn an_epoch_that_was_not_watched_as_a_whole_tells_no_change() {
    let bench = Bench::new();
    let mut session = bench.kept();
    let epoch = (session.train_images() as u32).div_ceil(settings().batch);
    let told = |session: &Session| {
        session.metrics().epochs.iter().map(|epoch| epoch.weight_changes.len()).collect::<Vec<_>>()
    };
    run_to(&mut session, epoch + 3);
    session.save().unwrap();
    let epochs = |session: &Session| {
        let plain = |e: &EpochMetrics| EpochMetrics { images_per_s: 0.0, ..e.clone() };
        session.metrics().epochs.iter().map(plain).collect::<Vec<_>>()
    };
    let kept = epochs(&session);
    // A network that was changed within the epoch; the next one is whole again.
    session.apply(NetworkCommand::Edit(revacnn::nn::Edit::AddFilter { layer: 0 })).unwrap();
    run_to(&mut session, 3 * epoch);
    assert_eq!(told(&session), [2, 0, 2]);
    drop(session);
    let mut session = bench.resume();
    assert_eq!(epochs(&session), kept, "the run's folder has the statistics");
    run_to(&mut session, 3 * epoch);
    assert_eq!(told(&session), [2, 0, 2]);
}

#[test]
fn decay_that_is_apart_from_the_loss_has_no_share_in_it() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.apply(TrainCommand::SetOptimizer(OptimizerKind::Adamw)).unwrap();
    let steps = (session.train_images() as u32).div_ceil(settings().batch);
    run_to(&mut session, steps);
    assert_eq!(session.metrics().epochs[0].decay_loss, None);
    assert_eq!(session.metrics().decay_loss, None);
}
