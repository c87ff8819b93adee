//! Changes of the network in a run: journaled, repeated, kept, and followed by layouts.

use std::fs;
use std::rc::Rc;

use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use revacnn::nn::{Edit, Surgery};
use revacnn::session::{
    Command, DataCommand, Event, LayerId, LayoutCommand, LayoutSource, NetworkCommand, Session, TensorKind,
    TrainCommand,
};

use crate::bench::{Bench, finish, journal, open, run_to, settings, submit};
use crate::layout_commands::{CONV, DENSE, IMAGES};

fn edit(edit: Edit) -> Command {
    NetworkCommand::Edit(edit).into()
}

fn insert(after: Option<u32>, settings: &str) -> Edit {
    Edit::InsertLayer { after, settings: settings.parse().unwrap() }
}

/// A change that the network allows at present.
pub(crate) fn random_edit(session: &Session, rng: &mut ChaCha8Rng) -> Option<Edit> {
    let network = &session.trainer().network;
    let layer = network.layers.choose(rng)?;
    let mut filter = || layer.filter_ids.choose(rng).copied();
    let (a, b) = (filter(), filter());
    let kinds = ["kind = \"relu\"", "kind = \"conv2d\"\nkernel = 3\npadding = 1", "kind = \"batch_norm\""];
    let id = layer.id;
    let edit = match rng.random_range(0..9) {
        0 | 1 => Edit::AddFilter { layer: id },
        2 => Edit::SplitFilter { layer: id, filter: a? },
        3 => Edit::DeleteFilter { layer: id, filter: a? },
        4 => Edit::MergeFilters { layer: id, filters: [a?, b?] },
        5 => Edit::ResetFilter { layer: id, filter: a? },
        6 => Edit::BlendFilter { layer: id, filter: a?, from: vec![(b?, 0.5), (a?, 0.5)] },
        7 if network.layers.len() < 9 => insert(Some(id), kinds.choose(rng)?),
        _ => Edit::RemoveLayer { layer: id },
    };
    // Small enough that the steps stay short.
    let surgery = Surgery::of(network, &edit).ok()?;
    (surgery.network.parameter_count() < 20_000).then_some(edit)
}

fn random_command(session: &Session, rng: &mut ChaCha8Rng) -> Option<Command> {
    let layers = &session.trainer().network.layers;
    let layer = LayerId(layers.choose(rng)?.id);
    Some(match rng.random_range(0..12) {
        0 => TrainCommand::SetLearningRate(rng.random_range(0.001..0.03)).into(),
        1 => TrainCommand::SetBatch(rng.random_range(20..70)).into(),
        2 => DataCommand::SetFlip(rng.random()).into(),
        3 => NetworkCommand::Thaw(layer).into(),
        4 => LayoutCommand::Open(LayoutSource::Tensor { node: 1, kind: TensorKind::Weights }).into(),
        _ => edit(random_edit(session, rng)?),
    })
}

#[test]
fn random_changes_between_steps_are_repeated_bit_for_bit() {
    for seed in 0..2 {
        let bench = Bench::new();
        let mut session = bench.kept();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut given = 0;
        while given < 60 {
            let Some(command) = random_command(&session, &mut rng) else { continue };
            match session.apply(command.clone()) {
                Ok(()) => given += 1,
                // Too few rows for a layout, too few values for a batch norm, nothing left to train.
                Err(error) => assert!(!error.help().is_empty(), "{command:?}: {error}"),
            }
            let step = session.step() + rng.random_range(0..2);
            run_to(&mut session, step);
            session.gpu().check().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        }
        let step = session.step() + 3;
        run_to(&mut session, step);
        let (hash, text) = (session.state_hash(), session.trainer().network.to_toml());
        let lines = journal(&bench);
        assert!(lines.len() > 30, "{} commands", lines.len());
        drop(session);
        // The checkpoint is the one of the beginning: all is repeated.
        let mut again = bench.resume();
        run_to(&mut again, step);
        assert_eq!(again.trainer().network.to_toml(), text, "seed {seed}");
        assert_eq!(again.state_hash(), hash, "seed {seed}");
        again.save().unwrap();
        drop(again);
        // And with the checkpoint of the end nothing is.
        let kept = bench.resume();
        assert_eq!((kept.state_hash(), kept.trainer().network.to_toml()), (hash, text));
        assert_eq!(journal(&bench), lines);
    }
}

#[test]
fn a_change_waits_for_the_end_of_the_step() {
    let bench = Bench::new();
    let add = || edit(Edit::AddFilter { layer: 0 });
    let mut after = bench.session();
    run_to(&mut after, 3);
    after.apply(add()).unwrap();
    run_to(&mut after, 6);
    let mut amid = bench.session();
    run_to(&mut amid, 2);
    amid.single_step();
    submit(&mut amid, 1e-9);
    amid.apply(add()).unwrap();
    assert_eq!(amid.network_version(), 0);
    finish(&mut amid);
    run_to(&mut amid, 6);
    assert_eq!(amid.network_version(), 1);
    assert_eq!(amid.state_hash(), after.state_hash());
    assert_eq!(amid.layers()[1].output[0], 5);
}

#[test]
fn the_network_is_kept_with_the_run_and_the_model_decides() {
    let bench = Bench::new();
    let mut session = bench.kept();
    let file = bench.path("run/network.toml");
    let initial = fs::read_to_string(&file).unwrap();
    run_to(&mut session, 2);
    session.apply(edit(Edit::DeleteFilter { layer: 0, filter: 1 })).unwrap();
    session.apply(edit(insert(Some(0), "kind = \"batch_norm\""))).unwrap();
    session.apply(NetworkCommand::Freeze(LayerId(3))).unwrap();
    run_to(&mut session, 4);
    session.save().unwrap();
    let (hash, text) = (session.state_hash(), session.trainer().network.to_toml());
    drop(session);
    let changed = fs::read_to_string(&file).unwrap();
    assert!(changed.ends_with(&text) && changed != initial);
    // A kill before the file was written leaves the old one.
    fs::write(&file, initial).unwrap();
    let mut session = bench.resume();
    assert_eq!((session.state_hash(), session.trainer().network.to_toml()), (hash, text));
    assert!(session.trainer().network.layers[4].frozen, "the dense layer stands one place further now");
    session.save().unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), changed);
    // Filters keep their numbers, and the gone one is an error.
    let gone = session.apply(edit(Edit::ResetFilter { layer: 0, filter: 1 })).unwrap_err();
    assert!(gone.help().contains("0, 2, 3"), "{gone}");
}

#[test]
fn layouts_stay_with_their_layers() {
    let bench = Bench::new();
    let mut session = bench.kept();
    let (conv, dense) = (open(&mut session, CONV), open(&mut session, DENSE));
    let images = open(&mut session, IMAGES);
    run_to(&mut session, 2);
    let relu = "kind = \"relu\"";
    session.apply(edit(insert(None, relu))).unwrap();
    session.apply(edit(Edit::AddFilter { layer: 0 })).unwrap();
    run_to(&mut session, 4);
    let nodes = |session: &Session| -> Vec<usize> { session.layouts().iter().map(|l| l.node).collect() };
    let [LayoutSource::Tensor { node: a, .. }, LayoutSource::Tensor { node: b, .. }] = [CONV, DENSE] else {
        panic!("both are tensors")
    };
    let LayoutSource::Images(source) = IMAGES else { panic!("images") };
    assert_eq!(nodes(&session), [a + 1, b + 1, source.node + 1]);
    assert_eq!(session.layout(conv).unwrap().rows().tiles(), 5);
    session.save().unwrap();
    drop(session);
    let mut session = bench.resume();
    session.restore_layouts();
    assert_eq!(nodes(&session), [a + 1, b + 1, source.node + 1], "a resumed run has them too");
    // Filters less than a layout needs close it, and it is said.
    for filter in [0, 1] {
        session.apply(edit(Edit::DeleteFilter { layer: 0, filter })).unwrap();
    }
    assert!(session.layout(conv).is_none() && session.layout(dense).is_some());
    let events = session.take_events();
    assert!(events.iter().any(|e| matches!(e, Event::Notice(n) if n.help().contains("at least 4"))));
    assert!(session.layout(images).is_some());
    run_to(&mut session, 6);
    session.gpu().check().unwrap();
}

#[test]
fn what_is_refused_leaves_run_and_journal_alone() {
    let bench = Bench::new();
    let mut session = bench.kept();
    run_to(&mut session, 2);
    let (hash, lines) = (session.state_hash(), journal(&bench));
    for (command, words) in [
        (edit(Edit::AddFilter { layer: 9 }), "no layer 9"),
        (edit(Edit::DeleteFilter { layer: 0, filter: 4 }), "no filter 4"),
        (edit(Edit::RemoveLayer { layer: 3 }), "10 classes"),
        (NetworkCommand::Freeze(LayerId(7)).into(), "no layer 7"),
    ] {
        let error = session.apply(command.clone()).unwrap_err();
        assert!(error.what().contains(words), "{command:?}: {error}");
    }
    assert_eq!((session.state_hash(), journal(&bench)), (hash, lines));
    assert_eq!(session.settings(), &settings());
    let text = r#"{"step":2,"command":{"insert_layer":{"after":0,"settings":{"kind":"relu"}}}}"#;
    session.apply(edit(insert(Some(0), "kind = \"relu\""))).unwrap();
    assert_eq!(journal(&bench), [text]);
    drop(Rc::clone(&bench.gpu));
}
