//! A blend on trial: the kernel and the loss that it would give are those that it gives, and until then nothing changes.

use std::rc::Rc;

use revacnn::data::Dataset;
use revacnn::nn::{Edit, Hyper, OptimizerKind};
use revacnn::session::{Command, Control, NetworkCommand, RunSettings, Session, StopCondition, TrialLosses};

use crate::compare::open_gpu;
use crate::fixture::{MIXED, NETWORKS, changeable, trained};

/// A session of one of [`NETWORKS`] after a few steps.
fn session(name: &str) -> Session {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mixed.toml");
    std::fs::write(&file, MIXED).unwrap();
    let settings = RunSettings {
        dataset: "digits".to_owned(),
        seed: 5,
        batch: 16,
        augmentation: Default::default(),
        hyper: Hyper { averaging: 1.0, ..Hyper::of(OptimizerKind::Adam) },
        frozen: Vec::new(),
        data_edits: Default::default(),
        precision: Default::default(),
        probe: 0,
    };
    let network = if name == "mixed" { file.display().to_string() } else { name.to_owned() };
    let mut session = Session::new(Rc::new(open_gpu()), &network, settings, None).unwrap();
    run_to(&mut session, 4);
    session
}

fn run_to(session: &mut Session, step: u32) {
    session.set_limit(Some(StopCondition::Steps(step)));
    session.play();
    finish(session);
}

fn finish(session: &mut Session) {
    while session.advance() || session.step() < 4 {}
    session.settle();
}

/// A blend of the middle filter of a layer out of the first and the last.
fn blend(session: &Session, layer: u32) -> Edit {
    let network = &session.trainer().network;
    let filters = &network.layers[network.layer_index(layer).unwrap()].filter_ids;
    let (first, filter, last) = (filters[0], filters[filters.len() / 2], filters[filters.len() - 1]);
    Edit::BlendFilter { layer, filter, from: vec![(first, 0.7), (last, 0.3)] }
}

fn losses(session: &mut Session, edit: &Edit) -> TrialLosses {
    session.control(Control::Try(Some(edit.clone()))).unwrap();
    finish(session);
    let trial = session.trial().expect("it is on trial");
    assert!(trial.is_measured(), "{edit:?}");
    trial.losses().unwrap()
}

/// The values of the flat parameters where a view of filters lies.
fn filters(session: &Session, view: &revacnn::gpu::TensorView) -> Vec<f32> {
    let range = revacnn::gpu::BufferRange::whole(&view.buffer);
    let [tiles, ..] = view.extents;
    let len = (tiles * view.strides[0]) as usize;
    let all = revacnn::gpu::Buffer::<f32>::of_range(&range).read(session.gpu());
    all[view.offset as usize..][..len].to_vec()
}

#[test]
fn what_a_blend_would_give_is_what_it_gives() {
    for name in NETWORKS {
        let layers = changeable(&trained(name));
        let mut session = session(name);
        for layer in layers {
            let (hash, place) = (session.state_hash(), format!("{name}, layer {layer}"));
            let edit = blend(&session, layer);
            let node = session.trainer().network.layer_index(layer).unwrap() + 1;
            let tried = losses(&mut session, &edit);
            let shown = filters(&session, &session.trial_filters(node).unwrap());
            assert_eq!(session.state_hash(), hash, "{place}: a trial changes nothing");
            assert_ne!(tried.present.to_bits(), tried.changed.to_bits(), "{place}: the blend has an effect");
            // Let go of, it leaves no trace.
            session.control(Control::Try(None)).unwrap();
            assert!(session.trial().is_none());
            finish(&mut session);
            assert_eq!(session.state_hash(), hash, "{place}");
            let command: Command = NetworkCommand::Edit(edit).into();
            session.apply(command).unwrap();
            finish(&mut session);
            let row = session.effects().last().unwrap().clone();
            let [before, after] = [row.before, row.after].map(|loss| loss.expect("it was measured"));
            assert!((before - tried.present).abs() <= 1e-6, "{place}: {before}, {tried:?}");
            assert!((after - tried.changed).abs() <= 1e-6, "{place}: {after}, {tried:?}");
            let made = filters(&session, &session.trainer().weights(node).unwrap());
            assert_eq!(made, shown, "{place}: the kernel that was shown");
        }
        session.gpu().check().unwrap();
    }
}

#[test]
fn the_loss_is_that_of_the_first_validation_images() {
    for name in NETWORKS {
        let mut trainer = trained(name);
        let images = trainer.hold_out().unwrap();
        let pass = trainer.held_out_pass(&images).unwrap();
        let hash = trainer.state_hash();
        pass.values.write(trainer.gpu(), 0, &trainer.parameters.values.read(trainer.gpu()));
        for _ in 0..2 {
            let mut encoder = trainer.gpu().encoder("held out");
            images.restart(&mut encoder);
            pass.plan.encode(&mut encoder);
            trainer.gpu().submit(encoder);
        }
        let loss = revacnn::nn::HeldOutPass::loss(&images.clock.read(trainer.gpu())[0], images.count());
        assert_eq!(trainer.state_hash(), hash);
        // The same by the outputs of an evaluation and the definition of the loss.
        let first = trainer.loader.validation().start;
        let positions: Vec<usize> = (first..first + images.count()).collect();
        let outputs = trainer.features(trainer.network.layers.len(), &positions).unwrap();
        let targets = trainer.features(0, &positions).unwrap();
        let data = Dataset::open("digits").unwrap();
        let order = revacnn::data::split_order(data.train.len(), data.test.len());
        let labels: Vec<usize> =
            positions.iter().map(|at| usize::from(data.train.labels[order[*at] as usize])).collect();
        let rows = outputs.chunks(outputs.len() / positions.len());
        let of_row = |(row, index): (&[f32], usize)| -> f64 {
            let values: Vec<f64> = row.iter().map(|value| f64::from(*value)).collect();
            if name == "autoencoder" {
                let target = &targets[index * row.len()..][..row.len()];
                let squares = values.iter().zip(target).map(|(a, b)| (a - f64::from(*b)).powi(2));
                return squares.sum::<f64>() / row.len() as f64;
            }
            let sum: f64 = values.iter().map(|value| value.exp()).sum();
            sum.ln() - values[labels[index]]
        };
        let mean = rows.zip(0..).map(of_row).sum::<f64>() / positions.len() as f64;
        assert!((f64::from(loss) - mean).abs() < 1e-5 * mean.max(1.0), "{name}: {loss}, {mean}");
    }
}

#[test]
fn only_blends_of_this_network_are_tried_out() {
    let mut session = session("revacnn");
    let hash = session.state_hash();
    for (edit, words) in [
        (Edit::AddFilter { layer: 0 }, "cannot be tried out"),
        (Edit::ResetFilter { layer: 0, filter: 0 }, "cannot be tried out"),
        (Edit::BlendFilter { layer: 0, filter: 0, from: Vec::new() }, "sum of nothing"),
        (Edit::BlendFilter { layer: 0, filter: 99, from: vec![(0, 1.0)] }, "no filter 99"),
    ] {
        let error = session.control(Control::Try(Some(edit.clone()))).unwrap_err();
        assert!(error.what().contains(words), "{edit:?}: {error}");
        assert!(session.trial().is_none());
    }
    // Where the filter goes while its blend is on trial, the trial ends.
    let edit = blend(&session, 0);
    losses(&mut session, &edit);
    let Edit::BlendFilter { layer, filter, .. } = edit else { unreachable!("it is a blend") };
    let command: Command = NetworkCommand::Edit(Edit::DeleteFilter { layer, filter }).into();
    session.apply(command).unwrap();
    finish(&mut session);
    assert!(session.trial().is_none());
    assert_ne!(session.state_hash(), hash);
    session.gpu().check().unwrap();
}
