//! Kernels that are tuned while the run goes on: not before its first step, and without a change of its bits.

use std::rc::Rc;
use std::time::Duration;

use revacnn::data::Dataset;
use revacnn::gpu::{Choice, Gpu, TunePolicy};
use revacnn::nn::{Network, Trainer, TrainerOptions, TuneTurn};
use revacnn::session::{EpochMetrics, Session};

use crate::bench::{Bench, run_to, settings};

/// A handle of its own that knows of no kernel which is the fastest, and writes nothing of what it finds.
fn untuned(policy: TunePolicy) -> Gpu {
    let mut gpu = (*Bench::new().gpu).clone();
    gpu.keep_choices_in_memory();
    gpu.set_tune_policy(policy);
    gpu
}

/// Waits until the candidates that were left to be timed later are compiled.
fn compile(gpu: &Gpu) {
    while !gpu.compile_untimed() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The choices since the last call for which candidates were timed.
fn timed(gpu: &Gpu) -> Vec<Choice> {
    gpu.take_choices().into_iter().filter(|choice| !choice.known).collect()
}

#[test]
fn plans_that_are_tuned_in_mid_run_give_the_same_bits() {
    let bench = Bench::new();
    let data = Dataset::open("digits").unwrap();
    // The hash after each of a few steps; after the first, one kernel is tuned between two of them.
    let hashes = |gpu: Gpu, tunes: bool| {
        let network = Network::open(&bench.network(), data.shape.into(), data.classes.len()).unwrap();
        let options = TrainerOptions { batch: 12, ..TrainerOptions::default() };
        let mut trainer = Trainer::new(Rc::new(gpu), &data, network, options).unwrap();
        assert!(trainer.gpu().take_choices().is_empty(), "nothing is timed before the first step");
        let step = |trainer: &mut Trainer| {
            trainer.step();
            trainer.state_hash()
        };
        let mut hashes = vec![step(&mut trainer)];
        let before = trainer.gpu().kernel_count();
        // Steps go on while candidates are compiled, and nothing is timed before all of them are.
        while tunes && hashes.len() < 3 && trainer.tune_next().unwrap() == TuneTurn::Compiling {
            assert!(timed(trainer.gpu()).is_empty(), "timed while candidates are compiled");
            hashes.push(step(&mut trainer));
        }
        assert_eq!(trainer.gpu().kernel_count() > before, tunes, "candidates are compiled ahead");
        compile(trainer.gpu());
        let ahead = trainer.gpu().kernel_count();
        while hashes.len() < 10 {
            let turn = if tunes { trainer.tune_next().unwrap() } else { TuneTurn::Done };
            let timed = timed(trainer.gpu());
            assert_eq!(timed.len(), usize::from(turn == TuneTurn::Timed), "{turn:?}: {timed:?}");
            assert!(timed.iter().all(|choice| choice.tried.len() > 1), "{timed:?}");
            hashes.push(step(&mut trainer));
        }
        assert_eq!(trainer.tune_next().unwrap(), TuneTurn::Done, "all are tuned, or none is to be");
        let more = trainer.gpu().kernel_count() - ahead;
        assert_eq!(more, usize::from(tunes), "none but the one that is timed beside the candidates is new");
        hashes
    };
    let plain = hashes(untuned(TunePolicy::Heuristic), false);
    // Forward and weight gradient of the convolution; forward, weight and input gradient of the dense layer.
    assert_eq!(hashes(untuned(TunePolicy::Later), true), plain);
    assert!(plain.windows(2).all(|pair| pair[0] != pair[1]), "the control: a step changes the hash");
}

#[test]
fn a_session_tunes_after_its_first_step() {
    let bench = Bench::new();
    let begin = |policy| {
        let gpu = Rc::new(untuned(policy));
        Session::new(gpu, &bench.network(), settings(), None).unwrap()
    };
    let mut session = begin(TunePolicy::Later);
    run_to(&mut session, 1);
    assert!(session.gpu().take_choices().is_empty(), "nothing is timed before the first step");
    compile(session.gpu());
    run_to(&mut session, 30);
    assert!(!session.gpu().take_choices().is_empty(), "a kernel was timed");
    // Not while it must not hold anything up, and then where it had stopped.
    let mut held = begin(TunePolicy::Later);
    held.may_tune(false);
    run_to(&mut held, 10);
    compile(held.gpu());
    run_to(&mut held, 20);
    assert!(held.gpu().take_choices().is_empty(), "nothing is timed while it is held");
    held.may_tune(true);
    run_to(&mut held, 30);
    assert!(!held.gpu().take_choices().is_empty());
    let mut plain = begin(TunePolicy::Heuristic);
    run_to(&mut plain, 30);
    assert!(plain.gpu().take_choices().is_empty(), "the control");
    assert_eq!([session.state_hash(), held.state_hash()], [plain.state_hash(), plain.state_hash()]);
    let of = |session: &Session| {
        let epochs = session.metrics().epochs.iter();
        let numbers = |e: &EpochMetrics| [e.train_loss, e.train_accuracy, e.val_loss, e.val_accuracy];
        epochs.map(numbers).collect::<Vec<_>>()
    };
    assert_eq!((of(&session), of(&plain).len()), (of(&plain), 1));
}
