//! Batch normalization over one value of each channel: refused at the start and between two steps, as by PyTorch.

use std::fs;
use std::rc::Rc;

use revacnn::data::Dataset;
use revacnn::nn::{Network, Trainer, TrainerOptions};
use revacnn::session::{Event, NetworkCommand, RunSettings, Session, TrainCommand};

use crate::bench::{Bench, run_to, settings, submit};

/// Normalizes maps of one pixel.
const NETWORK: &str =
    "[[layer]]\nkind = \"dense\"\nunits = 6\n[[layer]]\nkind = \"batch_norm\"\n[[layer]]\nkind = \"dense\"\n";

fn open(bench: &Bench, network: &str, settings: RunSettings) -> revacnn::error::Result<Session> {
    let path = bench.path("network.toml");
    fs::write(&path, network).unwrap();
    Session::new(Rc::clone(&bench.gpu), &path.display().to_string(), settings, None)
}

fn refused(error: &revacnn::error::Error) {
    assert!(error.what().contains("norm1") && error.what().contains("more than 1 value"), "{error}");
    assert!(error.help().contains("2 images or more"), "{}", error.help());
}

#[test]
fn a_batch_of_one_is_refused_at_the_start_unless_there_are_pixels_or_nothing_is_learned() {
    let bench = Bench::new();
    let one = || RunSettings { batch: 1, ..settings() };
    refused(&open(&bench, NETWORK, one()).err().expect("one value has no variance"));
    run_to(&mut open(&bench, NETWORK, RunSettings { frozen: vec![1], ..one() }).unwrap(), 2);
    run_to(&mut open(&bench, NETWORK, RunSettings { batch: 2, ..settings() }).unwrap(), 2);
    // 8×8 pixels before the first layer.
    let first = "[[layer]]\nkind = \"batch_norm\"\n[[layer]]\nkind = \"dense\"\n";
    run_to(&mut open(&bench, first, one()).unwrap(), 2);
}

#[test]
fn a_batch_that_becomes_one_is_refused_and_changes_nothing() {
    let bench = Bench::new();
    let begin = || open(&bench, NETWORK, RunSettings { batch: 4, ..settings() }).unwrap();
    let mut plain = begin();
    run_to(&mut plain, 6);
    let mut steered = begin();
    run_to(&mut steered, 3);
    refused(&steered.apply(TrainCommand::SetBatch(1)).unwrap_err());
    // Amid a step, too.
    steered.play();
    submit(&mut steered, 1e-9);
    refused(&steered.apply(TrainCommand::SetBatch(1)).unwrap_err());
    run_to(&mut steered, 6);
    assert_eq!(steered.state_hash(), plain.state_hash());
    // A layer that was frozen may have come to batch 1; it does not thaw there.
    let layer = revacnn::session::LayerId(1);
    steered.apply(NetworkCommand::Freeze(layer)).unwrap();
    steered.apply(TrainCommand::SetBatch(1)).unwrap();
    refused(&steered.apply(NetworkCommand::Thaw(layer)).unwrap_err());
    run_to(&mut steered, 8);
    assert!(!steered.take_events().iter().any(|event| matches!(event, Event::Fault(_))));
}

#[test]
fn passes_of_one_image_are_refused() {
    let bench = Bench::new();
    let data = Dataset::open("digits").unwrap();
    let build = |batch: usize, micro_batch: usize| {
        let network = Network::parse(NETWORK, data.shape.into(), 10).unwrap();
        let options = TrainerOptions { batch, micro_batch: Some(micro_batch), ..TrainerOptions::default() };
        Trainer::new(Rc::clone(&bench.gpu), &data, network, options)
    };
    refused(&build(6, 1).err().expect("each pass has one image"));
    // Passes of 2, 2 and 1.
    let error = build(5, 2).err().expect("the last pass has one image");
    assert!(error.what().contains("the last pass of a batch of 5 has 1"), "{error}");
    assert!(build(6, 2).is_ok() && build(5, 3).is_ok());
}
