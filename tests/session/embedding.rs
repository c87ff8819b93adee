//! Live embeddings: they follow the training, change nothing of it, and rest when nothing changes.

use revacnn::embed::{Settings, Tsne};
use revacnn::gpu::TensorView;
use revacnn::session::{
    DataCommand, FILTER_PERPLEXITY, LayoutCommand, LayoutSource, Session, TensorKind, TrainCommand,
};

use crate::bench::{Bench, open, run_to, values};

/// The first layer that has filters enough, counted from 1.
fn filters(session: &Session) -> usize {
    (1..session.layers().len()).find(|layer| session.can_lay_out(*layer, TensorKind::Weights)).unwrap()
}

/// Everything that is on its way arrives, and layouts come to rest.
fn rest(session: &mut Session) {
    while session.advance() {}
    session.settle();
}

/// The affinities of a fresh layout of the same tiles.
fn fresh_affinities(session: &Session, view: &TensorView) -> Vec<Vec<(u32, f32)>> {
    let gpu = session.gpu();
    Tsne::new(gpu, view, FILTER_PERPLEXITY, Settings::DEFAULT, 1).unwrap().read_affinities(gpu)
}

#[test]
fn every_kind_follows_the_training_and_changes_nothing_of_it() {
    let bench = Bench::new();
    let mut plain = bench.session();
    run_to(&mut plain, 12);
    let expected = plain.state_hash();
    for kind in [
        TensorKind::Weights,
        TensorKind::WeightGradients,
        TensorKind::Activations,
        TensorKind::ActivationGradients,
    ] {
        let mut session = bench.session();
        let layer = filters(&session);
        let id = open(&mut session, LayoutSource::Tensor { node: layer, kind });
        run_to(&mut session, 3);
        let early = session.layouts()[0].tsne().read_affinities(session.gpu());
        run_to(&mut session, 12);
        rest(&mut session);
        assert_eq!(session.state_hash(), expected, "{kind:?} changed the run");
        let embedding = session.layout(id).unwrap();
        assert!(embedding.rests());
        let (view, state) = (embedding.rows().clone(), *embedding.state().unwrap());
        assert!(state.iteration > 200 && state.divergence.is_finite(), "{state:?}");
        let late = session.layouts()[0].tsne().read_affinities(session.gpu());
        assert_eq!(late, fresh_affinities(&session, &view), "{kind:?} is behind the training");
        assert_ne!(late, early, "{kind:?} did not follow");
    }
}

#[test]
fn what_rests_does_not_move_by_one_bit_and_a_change_wakes_it() {
    let bench = Bench::new();
    let mut session = bench.session();
    run_to(&mut session, 2);
    let layer = filters(&session);
    let id = open(&mut session, LayoutSource::Tensor { node: layer, kind: TensorKind::Activations });
    rest(&mut session);
    let positions = |session: &Session| session.layouts()[0].tsne().read_positions(session.gpu());
    let before = positions(&session);
    for _ in 0..10 {
        session.advance();
    }
    rest(&mut session);
    assert_eq!(positions(&session), before, "it moved at rest");
    // Another image has other maps.
    session.apply(DataCommand::PinProbe(5)).unwrap();
    rest(&mut session);
    assert_ne!(positions(&session), before, "it did not wake");
    // So does another setting; a refused one does not.
    let before = positions(&session);
    let wrong = Settings { momentum: 1.5, ..Settings::DEFAULT };
    assert!(session.apply(LayoutCommand::Settings(id, wrong)).is_err());
    assert!(session.apply(LayoutCommand::Perplexity(id, f32::NAN)).is_err());
    assert!(session.layout(id).unwrap().rests());
    session.apply(LayoutCommand::Perplexity(id, 3.0)).unwrap();
    assert!(!session.layout(id).unwrap().rests());
    rest(&mut session);
    assert_ne!(positions(&session), before, "another perplexity, the same layout");
}

#[test]
fn a_layer_without_filters_enough_is_refused_and_a_layer_has_one_embedding() {
    let bench = Bench::new();
    let mut session = bench.session();
    assert!(
        session
            .apply(LayoutCommand::Open(LayoutSource::Tensor { node: 0, kind: TensorKind::Activations }))
            .is_err()
    );
    assert!(
        session
            .apply(LayoutCommand::Open(LayoutSource::Tensor { node: 99, kind: TensorKind::Activations }))
            .is_err()
    );
    let layer = filters(&session);
    let first = open(&mut session, LayoutSource::Tensor { node: layer, kind: TensorKind::Weights });
    let second = open(&mut session, LayoutSource::Tensor { node: layer, kind: TensorKind::Activations });
    assert!(session.layouts().len() == 1 && session.layout(first).is_none());
    // A batch of another size lies in other buffers.
    run_to(&mut session, 1);
    session.apply(TrainCommand::SetBatch(24)).unwrap();
    run_to(&mut session, 4);
    rest(&mut session);
    let view = session.tensor(layer, TensorKind::Activations).unwrap();
    let found = session.layout(second).unwrap().rows().buffer.clone();
    assert!(found == view.buffer, "it reads a buffer that is gone");
    session.apply(LayoutCommand::Close(second)).unwrap();
    assert!(session.layouts().is_empty());
}

#[test]
fn the_change_of_filters_is_that_of_the_last_epoch() {
    let bench = Bench::new();
    let mut session = bench.session();
    let layer = filters(&session);
    let filters_of = |session: &Session| -> Vec<Vec<f32>> {
        let view = session.tensor(layer, TensorKind::Weights).unwrap();
        let all = session.trainer().parameters.values.read(session.gpu());
        let [rows, c, h, w] = view.extents;
        let row = |i: u32| view.element([i, 0, 0, 0]) as usize;
        (0..rows).map(|i| all[row(i)..row(i) + (c * h * w) as usize].to_vec()).collect()
    };
    let steps = |session: &Session| session.train_images().div_ceil(session.settings().batch as usize) as u32;
    let epoch = steps(&session);
    run_to(&mut session, 1);
    assert!(session.filter_drift(layer).unwrap().read(session.gpu()).iter().all(|change| *change == 0.0));
    // The end of an epoch is where the cursor passes the last image.
    let mut at_end = Vec::new();
    let mut step = 1;
    while at_end.len() < 2 {
        step += 1;
        let before = session.trainer().clock().epoch;
        run_to(&mut session, step);
        if session.trainer().clock().epoch > before {
            at_end.push(filters_of(&session));
        }
        assert!(step < 3 * epoch);
    }
    let found = session.filter_drift(layer).unwrap().read(session.gpu());
    let expected = revacnn::embed::twin::drift::drift(&at_end[1], &at_end[0]);
    for (found, expected) in found.iter().zip(&expected) {
        assert!((f64::from(*found) - expected).abs() < 1e-5 * expected, "{found}, {expected}");
    }
    session.apply(TrainCommand::Reset(5)).unwrap();
    run_to(&mut session, 1);
    assert!(session.filter_drift(layer).unwrap().read(session.gpu()).iter().all(|change| *change == 0.0));
}

#[test]
fn rows_of_test_images_are_the_activations_that_a_probe_shows() {
    let bench = Bench::new();
    let mut session = bench.session();
    run_to(&mut session, 5);
    let hash = session.state_hash();
    for layer in [0, 1, 3, 4] {
        let dims: usize = session.layers()[layer].output.iter().product();
        let gpu = std::rc::Rc::clone(session.trainer().gpu());
        let all: Vec<usize> = (0..session.test_images()).collect();
        let rows = session.test_features(layer, &all).unwrap();
        let labels = session.test_labels().to_vec();
        assert_eq!(rows.len(), session.test_images() * dims);
        assert_eq!(labels.len(), session.test_images());
        // Some of them, in passes of their own, have the same bits: neighbors, far ones, the last one alone.
        for some in [&[0, 1, 7, 63, 64, 65, 295][..], &[296], &[3]] {
            let found = session.test_features(layer, some).unwrap();
            let expected = some.iter().flat_map(|image| &rows[image * dims..][..dims]);
            assert!(
                found.iter().map(|v| v.to_bits()).eq(expected.map(|v| v.to_bits())),
                "layer {layer}, {some:?}"
            );
        }
        for image in [0, 7, 59, 60, session.test_images() - 1] {
            session.apply(DataCommand::PinProbe(image as u32)).unwrap();
            session.refresh().unwrap();
            let view = session.tensor(layer, TensorKind::Activations).unwrap();
            let shown = values(&gpu, &view);
            assert_eq!(session.probe().1, usize::from(labels[image]));
            let row = &rows[image * dims..][..dims];
            let worst = row.iter().zip(&shown).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "layer {layer}, image {image}: {worst}");
            let other = &rows[(image + 1) % session.test_images() * dims..][..dims];
            assert!(other.iter().zip(&shown).any(|(a, b)| (a - b).abs() > 1e-3), "another image is the same");
        }
    }
    for (layer, images) in
        [(99, &[0][..]), (1, &[]), (1, &[5, 4]), (1, &[4, 4]), (1, &[session.test_images()])]
    {
        let error = session.test_features(layer, images).unwrap_err();
        assert!(!error.help().is_empty(), "layer {layer}, {images:?}");
    }
    assert_eq!(session.state_hash(), hash, "looking changed the run");
}
