//! Random commands for what there is not: each is refused in words that help, and changes nothing.

use rand::seq::IndexedRandom as _;
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use revacnn::embed::Settings;
use revacnn::nn::{Edit, Schedule, Surgery};
use revacnn::session::{
    Command, DataCommand, LayoutCommand, LayoutId, LayoutSource, NetworkCommand, Session, TensorKind,
    TrainCommand,
};

use crate::bench::{Bench, journal};
use crate::random::{assert_well, commands, one_step, seed};

/// A command for what there is not, and a word of its error: the number or value that is wrong.
fn wrong_value(session: &Session, rng: &mut impl Rng) -> (Command, String) {
    let below = -rng.random_range(0.01_f32..9.0);
    let odd = *[below, f32::NAN, f32::INFINITY].choose(rng).expect("there are some");
    let above = rng.random_range(1.1_f32..9.0);
    let past = session.test_images() as u32 + rng.random_range(0..9);
    let command: Command = match rng.random_range(0..17) {
        0 => TrainCommand::SetLearningRate(odd).into(),
        1 => TrainCommand::SetMomentum(odd).into(),
        2 => TrainCommand::SetWeightDecay(odd).into(),
        3 => TrainCommand::SetBeta2(odd).into(),
        4 => TrainCommand::SetEpsilon(odd).into(),
        5 => TrainCommand::SetClipNorm(odd).into(),
        6 => TrainCommand::SetWarmup(odd).into(),
        7 => TrainCommand::SetAverage(odd).into(),
        8 => TrainCommand::SetSchedule(Schedule::Cosine { epochs: odd }).into(),
        9 => DataCommand::SetRotation(odd).into(),
        10 => return (DataCommand::SetContrast(above).into(), format!("{above}")),
        11 => return (TrainCommand::SetMomentum(above).into(), format!("{above}")),
        12 => return (DataCommand::PinProbe(past).into(), past.to_string()),
        13 => return (DataCommand::LeaveOut(past + 99_999).into(), (past + 99_999).to_string()),
        14 => return (DataCommand::Relabel { image: 0, class: 255 }.into(), "255".to_owned()),
        15 => return (DataCommand::SetShift(past).into(), past.to_string()),
        _ => return (TrainCommand::SetBatch(past + 9999).into(), (past + 9999).to_string()),
    };
    (command, format!("{odd}"))
}

fn wrong_edit(session: &Session, rng: &mut impl Rng) -> (Command, String) {
    let network = &session.trainer().network;
    let no_layer = network.next_id + rng.random_range(0..9);
    let has_filters = |layer: &&revacnn::nn::NetworkLayer| !layer.filter_ids.is_empty();
    let made: Vec<_> = network.layers.iter().filter(has_filters).collect();
    let without: Vec<_> = network.layers.iter().filter(|layer| !has_filters(layer)).collect();
    let (layer, plain) = (made.choose(rng).expect("some"), without.choose(rng).expect("some"));
    let (gone, first, last) =
        (layer.next_filter + rng.random_range(0..9), layer.filter_ids[0], made.len() - 1);
    let settings = |text: &str| text.parse().expect("a table");
    let of_gone = |edit| (edit, no_layer.to_string());
    let of_filter = |edit| (edit, gone.to_string());
    let (edit, word) = match rng.random_range(0..17) {
        0 => of_gone(Edit::AddFilter { layer: no_layer }),
        1 => of_gone(Edit::SplitFilter { layer: no_layer, filter: 0 }),
        2 => of_gone(Edit::DeleteFilter { layer: no_layer, filter: 0 }),
        3 => of_gone(Edit::RemoveLayer { layer: no_layer }),
        4 => of_gone(Edit::InsertLayer { after: Some(no_layer), settings: settings("kind = \"relu\"") }),
        5 => of_filter(Edit::SplitFilter { layer: layer.id, filter: gone }),
        6 => of_filter(Edit::DeleteFilter { layer: layer.id, filter: gone }),
        7 => of_filter(Edit::MergeFilters { layer: layer.id, filters: [first, gone] }),
        8 => of_filter(Edit::ResetFilter { layer: layer.id, filter: gone }),
        9 => of_filter(Edit::BlendFilter { layer: layer.id, filter: first, from: vec![(gone, 0.5)] }),
        // Of the wrong kind: no filters of its own, the classes, one filter with itself.
        10 => (Edit::SplitFilter { layer: plain.id, filter: 0 }, plain.name.clone()),
        11 => (Edit::ResetFilter { layer: plain.id, filter: 0 }, plain.name.clone()),
        12 => (
            Edit::DeleteFilter { layer: made[last].id, filter: made[last].filter_ids[0] },
            made[last].name.clone(),
        ),
        13 => (Edit::AddFilter { layer: made[last].id }, made[last].name.clone()),
        14 => (
            Edit::MergeFilters { layer: made[0].id, filters: [made[0].filter_ids[0]; 2] },
            made[0].filter_ids[0].to_string(),
        ),
        15 => (Edit::InsertLayer { after: None, settings: settings("kind = \"lstm\"") }, "lstm".to_owned()),
        _ => (
            Edit::InsertLayer { after: None, settings: settings("kind = \"conv2d\"\nkernel = 0") },
            "kernel".to_owned(),
        ),
    };
    (NetworkCommand::Edit(edit).into(), word)
}

fn wrong_layout(session: &Session, rng: &mut impl Rng) -> (Command, String) {
    let gone = LayoutId(rng.random_range(90..99));
    let open = session.layouts().choose(rng).expect("one is open");
    let (id, rows) = (open.id(), open.rows().tiles());
    let position = [0.0, rng.random_range(-1.0..1.0)];
    let (row, node) = (rows + rng.random_range(0..9), session.layers().len() + rng.random_range(90..99));
    let odd = *[-1.0, 0.5, f32::NAN].choose(rng).expect("there are some");
    let kind = TensorKind::Weights;
    let (command, word) = match rng.random_range(0..10) {
        0 => (LayoutCommand::Close(gone), gone.to_string()),
        1 => (LayoutCommand::Run(gone, true), gone.to_string()),
        2 => (LayoutCommand::Restart(gone), gone.to_string()),
        3 => (LayoutCommand::Pin { layout: gone, row: 0, position }, gone.to_string()),
        4 => (LayoutCommand::Pin { layout: id, row, position }, row.to_string()),
        5 => (LayoutCommand::Release { layout: id, row, position }, row.to_string()),
        6 => (LayoutCommand::Perplexity(id, odd), odd.to_string()),
        7 => (LayoutCommand::Every(id, 0), "0".to_owned()),
        8 => (LayoutCommand::Settings(id, Settings { momentum: 2.0, ..Settings::DEFAULT }), "2".to_owned()),
        _ => (LayoutCommand::Open(LayoutSource::Tensor { node, kind }), node.to_string()),
    };
    (command.into(), word)
}

/// True if a help names what there is: a number, a layer, a range, a kind.
fn names_what_there_is(help: &str, session: &Session) -> bool {
    let mut layers = session.trainer().network.layers.iter();
    help.contains(|c: char| c.is_ascii_digit())
        || layers.any(|layer| help.contains(&layer.name))
        || ["relu", "before it", "change another", "name two"].iter().any(|words| help.contains(words))
}

#[test]
fn random_commands_for_what_there_is_not_are_refused_and_change_nothing() {
    let (bench, seed, count) = (Bench::new(), seed(5), commands(10_000) / 5);
    let mut session = bench.kept();
    // Numbers with gaps, and one filter more than there were.
    for edit in [
        Edit::DeleteFilter { layer: 0, filter: 1 },
        Edit::AddFilter { layer: 0 },
        Edit::AddFilter { layer: 0 },
    ] {
        session.apply(NetworkCommand::Edit(edit)).unwrap();
    }
    session.apply(LayoutCommand::Open(LayoutSource::Tensor { node: 1, kind: TensorKind::Weights })).unwrap();
    for _ in 0..3 {
        one_step(&mut session);
    }
    let before = |session: &Session| {
        let layouts: Vec<_> = session.layouts().iter().map(|layout| (layout.id(), layout.running)).collect();
        (
            session.state_hash(),
            session.trainer().network.to_toml(),
            session.settings().clone(),
            layouts,
            journal(&bench),
        )
    };
    let (expected, mut rng) = (before(&session), ChaCha8Rng::seed_from_u64(seed));
    for number in 0..count {
        let (command, word) = match rng.random_range(0..3) {
            0 => wrong_value(&session, &mut rng),
            1 => wrong_edit(&session, &mut rng),
            _ => wrong_layout(&session, &mut rng),
        };
        let place = format!("seed {seed}, command {number}, {command:?}");
        let Err(error) = session.apply(command) else { panic!("{place} is carried out") };
        assert!(error.what().contains(&word), "{place}, {word:?}: {error}");
        assert!(names_what_there_is(error.help(), &session), "{place}: {error}");
        assert!(before(&session) == expected, "{place} changed something");
        session.gpu().check().unwrap_or_else(|error| panic!("{place}: {error}"));
    }
    one_step(&mut session);
    assert_well(&mut session, "after all");
    // The same changes are possible with the numbers that there are.
    assert!(Surgery::of(&session.trainer().network, &Edit::AddFilter { layer: 0 }).is_ok());
}
