//! Random commands of all kinds between and amid steps: none breaks a run, and the journal repeats them bit for bit.
//!
//! `REVACNN_COMMANDS=10000 cargo test --test session random` gives as many; a few hundred otherwise, so that it takes seconds. With
//! `REVACNN_SEED=5` they are others.

use std::collections::HashSet;
use std::env;
use std::fs;

use rand::seq::IndexedRandom as _;
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use revacnn::embed::Settings;
use revacnn::nn::{Hyper, OptimizerKind, Schedule};
use revacnn::session::{
    Command, DataCommand, Event, ImageSet, ImageSource, LayerId, LayoutCommand, LayoutSource, NetworkCommand,
    RunState, Session, Split, TensorKind, TrainCommand,
};

use crate::bench::{Bench, TINY, finish, journal, settings, submit};
use crate::edits::random_edit;
use crate::hand;

/// Number of commands: `usual`, or what the environment asks for.
pub(crate) fn commands(usual: usize) -> usize {
    env::var("REVACNN_COMMANDS").map_or(usual, |count| count.parse().expect("a number of commands"))
}

/// Seed of random commands: `usual`, or what the environment asks for.
pub(crate) fn seed(usual: u64) -> u64 {
    env::var("REVACNN_SEED").map_or(usual, |seed| seed.parse().expect("a number as the seed"))
}

/// Rates and norms are such that no run diverges.
fn train_command(rng: &mut impl Rng, resets: &mut u64) -> TrainCommand {
    match rng.random_range(0..14) {
        0 => TrainCommand::SetLearningRate(rng.random_range(0.0..0.01)),
        1 => TrainCommand::SetMomentum(rng.random_range(0.0..0.95)),
        2 => TrainCommand::SetWeightDecay(rng.random_range(0.0..0.01)),
        3 => TrainCommand::SetOptimizer(*OptimizerKind::ALL.choose(rng).expect("there are some")),
        4 => TrainCommand::SetBeta2(rng.random_range(0.8..0.9999)),
        5 => TrainCommand::SetEpsilon(rng.random_range(1e-8..1e-4)),
        6 => TrainCommand::SetL1Decay(rng.random_range(0.0..0.001)),
        7 => TrainCommand::SetClipNorm(rng.random_range(0.1..2.0)),
        8 => TrainCommand::SetSchedule(match rng.random_range(0..3) {
            0 => Schedule::Constant,
            1 => Schedule::Step { epochs: rng.random_range(0.1..3.0), factor: rng.random_range(0.3..1.1) },
            _ => Schedule::Cosine { epochs: rng.random_range(0.5..9.0) },
        }),
        9 => TrainCommand::SetWarmup(rng.random_range(0.0..0.5)),
        10 => TrainCommand::SetAverage(*[0.0, 0.5, 1.0].choose(rng).expect("there are some")),
        11 => TrainCommand::SetNesterov(rng.random()),
        12 => TrainCommand::SetBatch(rng.random_range(1..90)),
        _ => {
            *resets += 1;
            TrainCommand::Reset(1000 + *resets)
        }
    }
}

fn data_command(rng: &mut impl Rng, session: &Session) -> DataCommand {
    let images = session.test_images();
    let trained: Vec<(u32, u8)> = session.trainer().loader.training_classes().collect();
    let (image, _) = *trained.choose(rng).expect("there are some");
    match rng.random_range(0..11) {
        0 => DataCommand::SetShift(rng.random_range(0..4)),
        1 => DataCommand::SetFlip(rng.random()),
        2 => DataCommand::SetRotation(rng.random_range(0.0..30.0)),
        3 => DataCommand::SetScale(rng.random_range(0.0..0.5)),
        4 => DataCommand::SetBrightness(rng.random_range(0.0..0.5)),
        5 => DataCommand::SetContrast(rng.random_range(0.0..0.5)),
        6 => DataCommand::SetCutout(rng.random_range(0..5)),
        7 => DataCommand::Relabel { image, class: rng.random_range(0..session.class_names().len() as u8) },
        8 => DataCommand::LeaveOut(image),
        9 => DataCommand::RestoreImage(image),
        _ => DataCommand::PinProbe(rng.random_range(0..images as u32)),
    }
}

fn layout_command(session: &Session, rng: &mut impl Rng) -> Option<LayoutCommand> {
    let node = rng.random_range(0..session.layers().len());
    let opened = match rng.random_range(0..4) {
        0 => LayoutSource::Filters,
        1 => LayoutSource::Images(ImageSource { node, set: ImageSet::Test, count: rng.random_range(4..40) }),
        kind => {
            let kind = if kind == 2 { TensorKind::Weights } else { TensorKind::Activations };
            LayoutSource::Tensor { node, kind }
        }
    };
    if session.layouts().len() < 2 {
        return Some(LayoutCommand::Open(opened));
    }
    let layout = session.layouts().choose(rng)?;
    let (id, rows) = (layout.id(), layout.rows().tiles());
    let position = [rng.random_range(-9.0..9.0), rng.random_range(-9.0..9.0)];
    Some(match rng.random_range(0..11) {
        0 => LayoutCommand::Open(opened),
        1 => LayoutCommand::Close(id),
        2 => LayoutCommand::Run(id, rng.random()),
        3 => LayoutCommand::Restart(id),
        4 | 5 => LayoutCommand::Pin { layout: id, row: rng.random_range(0..rows), position },
        6 => LayoutCommand::Release { layout: id, row: rng.random_range(0..rows), position },
        7 => LayoutCommand::Settings(
            id,
            Settings { exaggeration: rng.random_range(1.0..20.0), ..Settings::DEFAULT },
        ),
        8 => LayoutCommand::Perplexity(id, rng.random_range(1.0..40.0)),
        9 => LayoutCommand::Every(id, rng.random_range(1..9)),
        _ => LayoutCommand::Refresh(id),
    })
}

/// A command for the run as it is, where the first that comes to mind is one.
pub(crate) fn command(session: &Session, rng: &mut ChaCha8Rng, resets: &mut u64) -> Option<Command> {
    Some(match rng.random_range(0..12) {
        0 | 1 => train_command(rng, resets).into(),
        2 => data_command(rng, session).into(),
        3 => {
            let layer = LayerId(session.trainer().network.layers.choose(rng)?.id);
            [NetworkCommand::Freeze(layer), NetworkCommand::Thaw(layer)].choose(rng)?.clone().into()
        }
        4 | 5 => layout_command(session, rng)?.into(),
        6 | 7 => hand::random(session, rng)?,
        _ => NetworkCommand::Edit(random_edit(session, rng)?).into(),
    })
}

pub(crate) fn one_step(session: &mut Session) {
    session.single_step();
    finish(session);
}

/// Nothing is wrong with the GPU, and no event says that something went wrong.
pub(crate) fn assert_well(session: &mut Session, place: &str) {
    session.gpu().check().unwrap_or_else(|error| panic!("{place}: {error}"));
    let fault = session.take_events().into_iter().find(|event| matches!(event, Event::Fault(_)));
    assert_eq!(fault, None, "{place}");
    assert_eq!(session.state(), RunState::Paused, "{place}");
}

/// All relations of channels: kept, added, joined, in groups, each on its own, the largest of several, and flattened.
pub(crate) const TIED: &str = r#"
layer = [
    { kind = "conv2d", name = "stem", filters = 4, kernel = 3, padding = 1 },
    { kind = "batch_norm", name = "norm" },
    { kind = "relu", name = "trunk" },
    { kind = "conv2d", name = "own", filters = 8, kernel = 3, padding = 1, groups = 4 },
    { kind = "maxout", name = "largest" },
    { kind = "add", name = "sum", inputs = ["trunk", "largest"] },
    { kind = "max_pool2d", name = "pool", size = 2 },
    { kind = "conv2d", name = "halves", filters = 4, kernel = 1, groups = 2 },
    { kind = "concat", name = "both", inputs = ["halves", "pool"] },
    { kind = "flatten", name = "flat" },
    { kind = "dense", name = "hidden", units = 6 },
    { kind = "tanh", name = "squashed" },
    { kind = "dense", name = "last" },
]
"#;

#[test]
fn random_commands_leave_a_run_that_the_journal_repeats() {
    give_and_repeat(TINY, seed(11), commands(140));
}

#[test]
fn random_commands_to_a_network_of_tied_filters_too() {
    give_and_repeat(TIED, seed(12), commands(110));
}

/// The commands of a journal are of most kinds.
fn assert_many_kinds(lines: &[String]) {
    let name = |line: &String| line.split('"').nth(5).expect("a line has a command").to_owned();
    let kinds: HashSet<String> = lines.iter().map(name).collect();
    assert!(kinds.len() > 28, "only {} kinds of commands: {kinds:?}", kinds.len());
}

/// A run of a network that is kept, with the files of its beginning in `copy`.
fn begun(bench: &Bench, network: &str) -> Session {
    fs::write(bench.path("tiny.toml"), network).unwrap();
    let hyper = Hyper { clip_norm: 1.0, ..Hyper::default() };
    let settings = revacnn::session::RunSettings { hyper, ..settings() };
    let session = bench.open(settings, Some(&bench.path("run")));
    // Without the folder's lock.
    fs::create_dir(bench.path("copy")).unwrap();
    for file in fs::read_dir(bench.path("run")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), bench.path("copy").join(file.file_name())).unwrap();
    }
    session
}

/// Begins a step or an evaluation, or nothing; returns the number of steps.
fn begun_work(session: &mut Session, rng: &mut ChaCha8Rng) -> u32 {
    let kind = rng.random_range(0..8);
    if kind < 2 {
        session.single_step();
        submit(session, 1e-9);
    } else if kind == 2 {
        session.evaluate(Split::Validation);
        (0..rng.random_range(0..9)).for_each(|_| _ = submit(session, 1e-9));
    }
    u32::from(kind < 2)
}

fn give_and_repeat(network: &str, seed: u64, count: usize) {
    let bench = Bench::new();
    let mut session = begun(&bench, network);
    let (mut rng, mut resets) = (ChaCha8Rng::seed_from_u64(seed), 0);
    let (mut given, mut refused, mut steps) = (0, 0, 0);
    while given < count {
        let Some(command) = command(&session, &mut rng, &mut resets) else { continue };
        let place = format!("seed {seed}, command {given}, {command:?}");
        steps += begun_work(&mut session, &mut rng);
        match session.apply(command) {
            Ok(()) => given += 1,
            // Too few rows for a layout, too few values for a batch norm, nothing left to train.
            Err(error) => {
                assert!(!error.help().is_empty(), "{place}: {error}");
                refused += 1;
            }
        }
        finish(&mut session);
        for _ in 0..rng.random_range(0..2) {
            one_step(&mut session);
            steps += 1;
        }
        assert_well(&mut session, &place);
        // Now and then the window is closed and opened.
        #[cfg(feature = "app")]
        if given % 50 == 25 {
            session = crate::reopened::reopened(session, &bench.path("run"));
            finish(&mut session);
            assert_well(&mut session, &place);
        }
    }
    assert!(refused < given, "{refused} refused of {given}");
    one_step(&mut session);
    steps += 1;
    session.save().unwrap();
    let (hash, text) = (session.state_hash(), session.trainer().network.to_toml());
    let after = session.settings().clone();
    drop(session);
    assert_many_kinds(&journal(&bench));
    // From the checkpoint of the end nothing is repeated, from that of the beginning all.
    let kept = bench.resume();
    assert_eq!((kept.state_hash(), kept.trainer().network.to_toml()), (hash.clone(), text.clone()));
    drop(kept);
    fs::copy(bench.path("run/journal.jsonl"), bench.path("copy/journal.jsonl")).unwrap();
    let mut again = Session::resume(std::rc::Rc::clone(&bench.gpu), &bench.path("copy")).unwrap();
    for step in 0..steps {
        one_step(&mut again);
        assert_well(&mut again, &format!("seed {seed}, step {step} again"));
    }
    assert_eq!(again.settings(), &after);
    assert_eq!((again.state_hash(), again.trainer().network.to_toml()), (hash, text), "seed {seed}");
}
