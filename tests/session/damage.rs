//! Two hundred damaged folders: each is refused with the file's name, or goes on as if nothing had been, or says what it left out.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use revacnn::session::{DataCommand, Event, RunSettings, Session, TrainCommand};

use crate::bench::{Bench, run_to, settings};

const FILES: [&str; 4] = ["model.safetensors", "journal.jsonl", "metrics.csv", "network.toml"];
/// Last step of a run that is compared.
const END: u32 = 60;

type Files = BTreeMap<&'static str, Vec<u8>>;

/// A run that was killed at step 56: saved at 48, and with commands before and after that.
fn killed(bench: &Bench, name: &str, rate: f32) -> Files {
    let folder = bench.path(name);
    let settings = settings();
    let hyper = revacnn::nn::Hyper { learning_rate: rate, ..settings.hyper };
    let mut session = bench.open(RunSettings { hyper, ..settings }, Some(&folder));
    run_to(&mut session, 20);
    // From here on the settings say nothing of the rate at the beginning.
    session.apply(TrainCommand::SetLearningRate(0.01)).unwrap();
    run_to(&mut session, 48);
    session.save().unwrap();
    for (step, momentum) in [(50, 0.8), (52, 0.7), (56, 0.6)] {
        run_to(&mut session, step);
        session.apply(TrainCommand::SetMomentum(momentum)).unwrap();
        session.apply(DataCommand::SetShift(step % 5)).unwrap();
    }
    FILES.map(|file| (file, fs::read(folder.join(file)).unwrap())).into()
}

fn write(folder: &Path, files: &Files) {
    fs::create_dir_all(folder).unwrap();
    files.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).unwrap());
}

/// Hash and settings at the end, and the history without the throughput.
#[derive(Debug, PartialEq)]
struct Outcome {
    hash: String,
    settings: RunSettings,
    history: Vec<(u32, u32, [f32; 4])>,
}

/// Goes on with the run in `folder` to the end; also how often it said something.
fn outcome(bench: &Bench, folder: &Path) -> revacnn::Result<(Outcome, usize)> {
    let mut session = Session::resume(Rc::clone(&bench.gpu), folder)?;
    run_to(&mut session, END);
    let notices = session.take_events().iter().filter(|event| matches!(event, Event::Notice(_))).count();
    let history = session.metrics().epochs.iter();
    let history =
        history.map(|e| (e.epoch, e.step, [e.train_loss, e.train_accuracy, e.val_loss, e.val_accuracy]));
    Ok((
        Outcome {
            hash: session.state_hash(),
            settings: session.settings().clone(),
            history: history.collect(),
        },
        notices,
    ))
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    Bit,
    Digit,
    Cut,
    Zeros,
    Foreign,
}

impl Damage {
    /// A damaged copy; `other` is the same file of another run.
    fn of(self, bytes: &[u8], other: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
        let mut damaged = bytes.to_vec();
        let at = random.random_range(0..bytes.len());
        match self {
            Self::Bit => damaged[at] ^= 1 << random.random_range(0..8),
            Self::Digit => {
                let digits: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at].is_ascii_digit()).collect();
                let at = digits[random.random_range(0..digits.len())];
                damaged[at] = b'0' + (bytes[at] - b'0' + random.random_range(1..10)) % 10;
            }
            Self::Cut => damaged.truncate(at),
            Self::Zeros => {
                let zeros: Range<usize> = at..(at + random.random_range(1..64)).min(bytes.len());
                damaged[zeros].fill(0);
            }
            Self::Foreign => return other.to_vec(),
        }
        damaged
    }
}

/// Outcome of one damaged folder.
fn check(bench: &Bench, files: &Files, (name, damage): (&str, Damage), good: &Outcome) -> &'static str {
    let folder = bench.path("damaged");
    write(&folder, files);
    let cut_at_a_line =
        name == "journal.jsonl" && files[name].ends_with(b"\n") && matches!(damage, Damage::Cut);
    match outcome(bench, &folder) {
        Err(error) => {
            assert!(name != "metrics.csv", "{damage:?}: {error}");
            assert!(error.what().contains(name), "{name}, {damage:?}: {error}");
            "refused"
        }
        Ok((reached, _)) if reached == *good => "the same",
        // It is as if the lines that are lost had never been.
        Ok(_) if cut_at_a_line => "cut at the end of a line",
        Ok((reached, notices)) => {
            assert!(notices > 0 && name == "journal.jsonl", "{name}, {damage:?}: silently another run");
            assert_eq!(reached.history, good.history, "{name}, {damage:?}: a false history");
            "said"
        }
    }
}

#[test]
fn of_200_damaged_folders_none_goes_on_silently_with_other_weights_or_a_false_history() {
    let bench = Bench::new();
    let (own, other) = (killed(&bench, "run", 0.03), killed(&bench, "other", 0.02));
    write(&bench.path("whole"), &own);
    let (good, notices) = outcome(&bench, &bench.path("whole")).unwrap();
    assert_eq!((notices, good.history.len()), (0, 2));
    let mut random = ChaCha8Rng::seed_from_u64(8049);
    let mut counts = BTreeMap::new();
    for round in 0..200 {
        let name = FILES[round % FILES.len()];
        let damages = [Damage::Bit, Damage::Digit, Damage::Cut, Damage::Zeros, Damage::Bit, Damage::Cut];
        // Another run's file is one damage, once is enough.
        let damage = if round < FILES.len() { Damage::Foreign } else { damages[round / FILES.len() % 6] };
        // Zeros may fall on zeros.
        let mut damaged = own[name].clone();
        while damaged == own[name] {
            damaged = damage.of(&own[name], &other[name], &mut random);
        }
        let mut files = own.clone();
        files.insert(name, damaged);
        *counts.entry((name, check(&bench, &files, (name, damage), &good))).or_insert(0) += 1;
    }
    println!("{counts:#?}");
    let refused: i32 =
        counts.iter().filter(|((_, made), _)| *made == "refused").map(|(_, count)| count).sum();
    assert!(refused > 100, "{counts:?}");
    // The model decides on the history: nothing that is done to the file matters.
    assert_eq!(counts[&("metrics.csv", "the same")], 50);
    assert_eq!(counts[&("model.safetensors", "refused")], 50);
}

#[test]
fn files_of_two_runs_are_told_apart_and_the_foreign_one_is_named() {
    let bench = Bench::new();
    let (own, other) = (killed(&bench, "run", 0.03), killed(&bench, "other", 0.02));
    let mixed = |foreign: &[&'static str]| {
        let mut files = own.clone();
        foreign.iter().for_each(|name| *files.get_mut(name).unwrap() = other[name].clone());
        write(&bench.path("mixed"), &files);
        Session::resume(Rc::clone(&bench.gpu), &bench.path("mixed")).err().map(|e| e.what().to_owned())
    };
    let starts = |what: Option<String>, name: &str| {
        let what = what.expect("it is refused");
        assert!(what.contains(&format!("mixed/{name} is of another run")), "{what}");
    };
    starts(mixed(&["model.safetensors"]), "model.safetensors");
    starts(mixed(&["journal.jsonl"]), "journal.jsonl");
    starts(mixed(&["model.safetensors", "metrics.csv"]), "model.safetensors");
    starts(mixed(&["journal.jsonl", "network.toml"]), "model.safetensors");
    // The network is the same, and the history is the model's.
    assert_eq!(mixed(&["network.toml"]), None);
    assert_eq!(mixed(&["metrics.csv"]), None);
    assert_eq!(mixed(&FILES), None);
}
