//! The user's hand on filters, rates, weights and the loss in a run: journaled, repeated, kept, refused, and marked.

use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use revacnn::nn::{Edit, Loss, Target, WeightEdit};
use revacnn::session::{Command, LayerId, NetworkCommand, Session, TimeControl, TrainCommand};

use crate::bench::{Bench, finish, journal, run_to, settings, submit};
use crate::layer_settings::PLAIN;
use crate::time::go;

const CONV: LayerId = LayerId(0);
const DENSE: LayerId = LayerId(3);

/// A command of each kind, as the journal has it.
fn commands() -> Vec<(Command, &'static str)> {
    let edit = WeightEdit { layer: 0, filter: 2, at: vec![(0, 0.5), (8, -0.25)], bias: Some(0.125) };
    let all = [
        (
            NetworkCommand::FreezeFilters { layer: CONV, filters: vec![1, 3] },
            r#"{"freeze_filters":{"layer":0,"filters":[1,3]}}"#,
        ),
        (
            NetworkCommand::SetLayerRate { layer: DENSE, factor: 0.25 },
            r#"{"set_layer_rate":{"layer":3,"factor":0.25}}"#,
        ),
        (
            NetworkCommand::EditWeights(edit),
            r#"{"edit_weights":{"layer":0,"filter":2,"at":[[0,0.5],[8,-0.25]],"bias":0.125}}"#,
        ),
        (
            NetworkCommand::SetLoss(Loss::SvmHinge { margin: 2.0 }),
            r#"{"set_loss":{"kind":"svm_hinge","margin":2.0}}"#,
        ),
        (
            NetworkCommand::ThawFilters { layer: CONV, filters: vec![3] },
            r#"{"thaw_filters":{"layer":0,"filters":[3]}}"#,
        ),
    ];
    all.map(|(command, text)| (command.into(), text)).into()
}

#[test]
fn each_command_is_kept_and_repeated_bit_for_bit() {
    let bench = Bench::new();
    let mut session = bench.kept();
    let mut lines = Vec::new();
    for (index, (command, text)) in commands().into_iter().enumerate() {
        let step = 2 * index as u32 + 1;
        run_to(&mut session, step);
        session.apply(command).unwrap();
        lines.push(format!("{{\"step\":{step},\"command\":{text}}}"));
    }
    run_to(&mut session, 12);
    assert_eq!(journal(&bench), lines);
    let (hash, text) = (session.state_hash(), session.trainer().network.to_toml());
    let conv = &session.trainer().network.layers[0];
    assert_eq!((conv.frozen_filters.as_slice(), conv.filter_ids.len()), (&[1][..], 4));
    drop(session);
    // The checkpoint is the one of the beginning: all is repeated.
    let mut again = bench.resume();
    run_to(&mut again, 12);
    assert!(again.check_events().is_ok(), "{:?}", again.take_events());
    assert_eq!((again.state_hash(), again.trainer().network.to_toml()), (hash.clone(), text.clone()));
    again.save().unwrap();
    drop(again);
    // With the checkpoint of the end nothing is, and the next steps are the same.
    let mut kept = bench.resume();
    assert_eq!((kept.state_hash(), kept.trainer().network.to_toml()), (hash, text));
    run_to(&mut kept, 15);
    // A script of the same lines gives the same run.
    let mut scripted = bench.session();
    scripted.follow_script("again.jsonl", &lines.join("\n")).unwrap();
    run_to(&mut scripted, 15);
    assert_eq!(scripted.state_hash(), kept.state_hash());
}

#[test]
fn each_command_waits_for_the_end_of_the_step() {
    let bench = Bench::new();
    for (command, text) in commands() {
        let [mut after, mut amid] = [bench.session(), bench.session()];
        run_to(&mut after, 3);
        after.apply(command.clone()).unwrap();
        run_to(&mut after, 5);
        run_to(&mut amid, 2);
        amid.single_step();
        submit(&mut amid, 1e-9);
        amid.apply(command).unwrap();
        finish(&mut amid);
        run_to(&mut amid, 5);
        assert_eq!(amid.state_hash(), after.state_hash(), "{text}");
    }
}

#[test]
fn by_hand_and_in_a_script_the_same_is_refused() {
    let bench = Bench::new();
    let mut session = bench.kept();
    run_to(&mut session, 2);
    session.apply(NetworkCommand::Freeze(DENSE)).unwrap();
    let (hash, lines) = (session.state_hash(), journal(&bench));
    let text = session.trainer().network.to_toml();
    let weight = |at: &[(u32, f32)]| WeightEdit { layer: 0, filter: 1, at: at.to_vec(), bias: None };
    let filters = |layer, filters: &[u32]| NetworkCommand::FreezeFilters { layer, filters: filters.to_vec() };
    let rate = |layer, factor| NetworkCommand::SetLayerRate { layer: LayerId(layer), factor };
    let commands: [(Command, &str, &str); 12] = [
        (filters(LayerId(7), &[0]).into(), "no layer 7", "0 (conv1)"),
        (filters(CONV, &[0, 9]).into(), "no filter 9", "0, 1, 2, 3"),
        (filters(LayerId(1), &[0]).into(), "no filters of its own", "convolution"),
        (filters(CONV, &[]).into(), "no filter is named", "list"),
        (filters(CONV, &[0, 1, 2, 3]).into(), "nothing left to train", "thaw"),
        (rate(8, 0.5).into(), "no layer 8", "3 (dense1)"),
        (rate(1, 0.5).into(), "no weights to learn", "convolution"),
        (rate(0, -0.5).into(), "-0.5", "0 or more"),
        (NetworkCommand::EditWeights(weight(&[(9, 1.0)])).into(), "no weight 9", "0 to 8"),
        (NetworkCommand::EditWeights(weight(&[])).into(), "no weight", "`at`"),
        (NetworkCommand::SetLoss(Loss::SvmHinge { margin: -1.0 }).into(), "margin is -1", "above 0"),
        (NetworkCommand::SetLoss(Loss::L2Regression { target: Target::Image }).into(), "the image", "loss"),
    ];
    for (command, what, help) in commands {
        let error = session.apply(command.clone()).unwrap_err();
        assert!(error.what().contains(what) && error.help().contains(help), "{command:?}: {error}");
        let line = serde_json::json!({ "step": 3, "command": command });
        let scripted = session.follow_script("s", &line.to_string()).unwrap_err();
        assert!(scripted.what().ends_with(error.what()) && scripted.help() == error.help(), "{scripted}");
    }
    assert_eq!((session.state_hash(), journal(&bench)), (hash, lines));
    assert_eq!(session.trainer().network.to_toml(), text);
    for line in [
        r#"{"step":3,"command":{"freeze_filters":{"layer":0,"filters":[1],"until":9}}}"#,
        r#"{"step":3,"command":{"set_layer_rate":{"layer":0}}}"#,
        r#"{"step":3,"command":{"edit_weights":{"layer":0,"filter":0,"at":[[0,null]]}}}"#,
        r#"{"step":3,"command":{"set_loss":{"kind":"hinge"}}}"#,
    ] {
        assert!(session.follow_script("s", line).unwrap_err().what().contains("no command"), "{line}");
    }
}

/// Numbers of the convolution's filters with a mark.
fn marked(session: &Session) -> Vec<u32> {
    let ids = &session.trainer().network.layers[0].filter_ids;
    ids.iter().copied().filter(|id| session.is_filter_edited((0, *id))).collect()
}

#[test]
fn what_was_edited_is_marked_until_the_epoch_ends() {
    let bench = Bench::new();
    let mut session = bench.session();
    let epoch = session.steps_per_epoch();
    run_to(&mut session, 2);
    let paint =
        |filter| NetworkCommand::EditWeights(WeightEdit { layer: 0, filter, at: vec![(0, 1.0)], bias: None });
    session.apply(NetworkCommand::FreezeFilters { layer: CONV, filters: vec![0] }).unwrap();
    session.apply(NetworkCommand::Edit(Edit::DeleteFilter { layer: 0, filter: 0 })).unwrap();
    assert!(marked(&session).is_empty(), "those beside a deleted one are as they were");
    session.apply(paint(1)).unwrap();
    session.apply(NetworkCommand::Edit(Edit::AddFilter { layer: 0 })).unwrap();
    assert_eq!(marked(&session), [1, 4]);
    session.apply(NetworkCommand::Edit(Edit::SplitFilter { layer: 0, filter: 2 })).unwrap();
    assert_eq!(marked(&session), [1, 2, 5, 4]);
    run_to(&mut session, epoch - 1);
    assert_eq!(marked(&session).len(), 4);
    run_to(&mut session, epoch);
    assert!(marked(&session).is_empty(), "the epoch has ended");
    for edit in [
        Edit::ResetFilter { layer: 0, filter: 1 },
        Edit::BlendFilter { layer: 0, filter: 2, from: vec![(3, 1.0)] },
        Edit::MergeFilters { layer: 0, filters: [5, 4] },
    ] {
        session.apply(NetworkCommand::Edit(edit)).unwrap();
    }
    assert_eq!(marked(&session), [1, 2, 5]);
    session.apply(TrainCommand::Reset(4)).unwrap();
    assert!(marked(&session).is_empty(), "a reset run has none");
    assert_eq!(session.settings().batch, settings().batch);
}

#[test]
fn a_mark_goes_with_the_command_that_is_undone() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.keep_time(64 << 20);
    run_to(&mut session, 3);
    // At one step, and with steps between.
    for (filter, to) in [(1, 3), (2, 4), (0, 4)] {
        let edit = WeightEdit { layer: 0, filter, at: vec![(0, 1.0)], bias: None };
        session.apply(NetworkCommand::EditWeights(edit)).unwrap();
        run_to(&mut session, to);
    }
    assert_eq!(marked(&session), [0, 1, 2]);
    for left in [&[1, 2][..], &[1], &[]] {
        go(&mut session, TimeControl::Undo);
        assert_eq!(marked(&session), left);
    }
    for now in [&[1][..], &[1, 2], &[0, 1, 2]] {
        go(&mut session, TimeControl::Redo);
        assert_eq!(marked(&session), now);
    }
}

/// A random command of the hand, or a change of the filters that it is about.
pub(crate) fn random(session: &Session, rng: &mut ChaCha8Rng) -> Option<Command> {
    let layers = &session.trainer().network.layers;
    let layer = layers.choose(rng)?;
    let (id, filter) = (LayerId(layer.id), layer.filter_ids.choose(rng).copied());
    let filters = || filter.map(|filter| vec![filter, layer.filter_ids[0]]);
    let losses =
        [Loss::default(), Loss::SvmHinge { margin: 1.0 }, Loss::L2Regression { target: Target::Class }];
    let at = vec![(rng.random_range(0..9), rng.random_range(-0.5..0.5))];
    let mut set = |setting: &str| {
        let settings = format!("{setting} = {}", rng.random_range(0.0..0.9)).parse().unwrap();
        NetworkCommand::SetLayer { layer: id, settings }
    };
    if let Some(setting) = layer.layer.plain_settings().first() {
        return Some(set(setting.name).into());
    }
    Some(match rng.random_range(0..9) {
        0 | 1 => NetworkCommand::FreezeFilters { layer: id, filters: filters()? }.into(),
        2 => NetworkCommand::ThawFilters { layer: id, filters: filters()? }.into(),
        3 => NetworkCommand::SetLayerRate { layer: id, factor: rng.random_range(0.0..2.0) }.into(),
        4 => NetworkCommand::SetLoss(*losses.choose(rng)?).into(),
        5 => {
            NetworkCommand::EditWeights(WeightEdit { layer: layer.id, filter: filter?, at, bias: Some(0.1) })
                .into()
        }
        6 => NetworkCommand::Edit(Edit::SplitFilter { layer: layer.id, filter: filter? }).into(),
        7 => NetworkCommand::Edit(Edit::DeleteFilter { layer: layer.id, filter: filter? }).into(),
        _ => NetworkCommand::Edit(Edit::AddFilter { layer: layer.id }).into(),
    })
}

#[test]
fn random_commands_of_the_hand_are_repeated_bit_for_bit() {
    let bench = Bench::new();
    std::fs::write(bench.network(), PLAIN).unwrap();
    let mut session = bench.kept();
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let mut given = 0;
    while given < 60 {
        let Some(command) = random(&session, &mut rng) else { continue };
        match session.apply(command.clone()) {
            Ok(()) => given += 1,
            Err(error) => assert!(!error.help().is_empty(), "{command:?}: {error}"),
        }
        let step = session.step() + rng.random_range(0..2);
        run_to(&mut session, step);
    }
    let (step, text) = (session.step() + 2, session.trainer().network.to_toml());
    run_to(&mut session, step);
    let state = (session.state_hash(), session.trainer().network.to_toml());
    assert_eq!(state.1, text, "steps change nothing of the network");
    drop(session);
    let mut again = bench.resume();
    run_to(&mut again, step);
    assert!(again.check_events().is_ok(), "{:?}", again.take_events());
    assert_eq!((again.state_hash(), again.trainer().network.to_toml()), state);
}
