//! Kernels that are tuned while the run goes on: not before its first step, and without a change of its bits.

use std::rc::Rc;

use revacnn::data::Dataset;
use revacnn::gpu::{Gpu, TunePolicy};
use revacnn::nn::{Network, Trainer, TrainerOptions};
use revacnn::session::{EpochMetrics, Session};

use crate::bench::{Bench, run_to, settings};

/// A handle of its own that knows of no kernel which is the fastest, and writes nothing of what it finds.
fn untuned(policy: TunePolicy) -> Gpu {
    let mut gpu = (*Bench::new().gpu).clone();
    gpu.keep_choices_in_memory();
    gpu.set_tune_policy(policy);
    gpu
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
        while hashes.len() < 7 {
            let more = tunes && trainer.tune_next().unwrap();
            let mut timed = trainer.gpu().take_choices();
            timed.retain(|choice| !choice.known);
            assert_eq!(timed.len(), usize::from(more && hashes.len() <= 5), "{timed:?}");
            assert!(timed.iter().all(|choice| choice.tried.len() > 1), "{timed:?}");
            hashes.push(step(&mut trainer));
        }
        assert!(!trainer.tune_next().unwrap(), "all are tuned, or none is to be");
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
    run_to(&mut session, 30);
    assert!(!session.gpu().take_choices().is_empty(), "a kernel was timed");
    // Not while it must not hold anything up, and then where it had stopped.
    let mut held = begin(TunePolicy::Later);
    held.may_tune(false);
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
