//! Commands: when they take effect, what they leave alone, and what is refused.

use std::rc::Rc;

use revacnn::data::{Augmentation, Dataset};
use revacnn::nn::{Hyper, Network, OptimizerKind, Schedule, Shape, Trainer};
use revacnn::session::{
    Command, DataCommand, Event, LayerId, NetworkCommand, RunState, Session, StopCondition, TensorKind,
    TrainCommand,
};

use crate::bench::{Bench, finish, run_to, settings, steps, submit, values};

/// The same run without a session: 5 steps, a change, 5 steps.
fn trained(bench: &Bench, change: impl FnOnce(&mut Trainer)) -> String {
    let data = Dataset::open("digits").unwrap();
    let text = std::fs::read_to_string(bench.network()).unwrap();
    let network = Network::parse(&text, Shape::new(1, 8, 8), 10).unwrap();
    let mut trainer = Trainer::new(Rc::clone(&bench.gpu), &data, network, settings().trainer()).unwrap();
    for _ in 0..5 {
        trainer.step();
    }
    change(&mut trainer);
    for _ in 0..5 {
        trainer.step();
    }
    trainer.state_hash()
}

/// A session that makes 5 steps, takes commands, and makes 5 steps.
fn steered<C: Into<Command> + Clone>(bench: &Bench, commands: &[C]) -> String {
    let mut session = bench.session();
    run_to(&mut session, 5);
    commands.iter().for_each(|c| session.apply(c.clone()).unwrap());
    run_to(&mut session, 10);
    session.state_hash()
}

#[test]
fn the_next_step_uses_a_setting_and_nothing_is_reset() {
    let bench = Bench::new();
    let plain = steered::<Command>(&bench, &[]);
    assert_eq!(plain, trained(&bench, |_| ()));
    let hyper = Hyper::default();
    let cases = [
        (TrainCommand::SetLearningRate(0.2), Hyper { learning_rate: 0.2, ..hyper }),
        (TrainCommand::SetMomentum(0.1), Hyper { momentum: 0.1, ..hyper }),
        (TrainCommand::SetWeightDecay(0.3), Hyper { weight_decay: 0.3, ..hyper }),
        (TrainCommand::SetNesterov(true), Hyper { nesterov: true, ..hyper }),
        (TrainCommand::SetOptimizer(OptimizerKind::Adam), Hyper::of(OptimizerKind::Adam)),
        (TrainCommand::SetL1Decay(0.01), Hyper { l1_decay: 0.01, ..hyper }),
        (TrainCommand::SetClipNorm(0.1), Hyper { clip_norm: 0.1, ..hyper }),
        (
            TrainCommand::SetSchedule(Schedule::Cosine { epochs: 1.0 }),
            Hyper { schedule: Schedule::Cosine { epochs: 1.0 }, ..hyper },
        ),
        (TrainCommand::SetWarmup(2.0), Hyper { warmup: 2.0, ..hyper }),
    ];
    for (command, hyper) in cases {
        let hash = steered(&bench, &[command]);
        assert_eq!(hash, trained(&bench, |t| t.set_hyper(hyper).unwrap()), "{command:?}");
        assert_ne!(hash, plain, "{command:?} had no effect");
    }
    assert_eq!(
        steered(&bench, &[DataCommand::SetFlip(true)]),
        trained(&bench, |t| {
            let flipped = Augmentation { shift: 1, flip: true, ..Augmentation::default() };
            t.set_augmentation(flipped).unwrap();
        })
    );
    let frozen = steered(
        &bench,
        &[
            NetworkCommand::Freeze(LayerId(3)),
            NetworkCommand::Thaw(LayerId(3)),
            NetworkCommand::Freeze(LayerId(0)),
        ],
    );
    assert_eq!(frozen, trained(&bench, |t| t.set_frozen(&[0]).unwrap()));
    assert_ne!(frozen, plain);
    assert_eq!(steered(&bench, &[TrainCommand::SetBatch(7)]), trained(&bench, |t| t.set_batch(7).unwrap()));
    // There and back is as if nothing had been.
    let back = [TrainCommand::SetLearningRate(0.2), TrainCommand::SetLearningRate(hyper.learning_rate)];
    assert_eq!(steered(&bench, &back), plain);
}

#[test]
fn another_batch_keeps_the_weights() {
    let bench = Bench::new();
    let mut session = bench.session();
    run_to(&mut session, 5);
    let state = |s: &Session| {
        let parameters = &s.trainer().parameters;
        (parameters.values.read(&bench.gpu), parameters.moments.read(&bench.gpu), s.state_hash())
    };
    let before = state(&session);
    assert!(before.1.iter().any(|m| *m != 0.0));
    session.apply(TrainCommand::SetBatch(1350)).unwrap();
    assert!(state(&session) == before, "the weights were touched");
    run_to(&mut session, 6);
    assert_eq!(session.metrics().steps.last().unwrap().step, 6);
    assert!(session.metrics().epochs[0].epoch == 1, "a batch of all images ends the epoch");
}

#[test]
fn a_reset_returns_to_the_start() {
    let bench = Bench::new();
    let mut session = bench.session();
    let fresh = session.state_hash();
    run_to(&mut session, 40);
    steps(&mut session);
    let once = session.state_hash();
    session.apply(TrainCommand::Reset(1)).unwrap();
    assert_eq!(session.state_hash(), fresh);
    assert_eq!((session.step(), session.epoch()), (0, 0.0));
    assert!(session.metrics().steps.is_empty() && session.metrics().epochs.is_empty());
    run_to(&mut session, 3);
    assert_eq!(steps(&mut session), [1, 2, 3], "results of the run before the reset came along");
    run_to(&mut session, 40);
    assert_eq!(session.state_hash(), once);
    assert_eq!(session.metrics().epochs.len(), 1);
    session.apply(TrainCommand::Reset(2)).unwrap();
    assert_ne!(session.state_hash(), fresh);
}

#[test]
fn a_command_in_the_middle_of_a_step_waits_for_its_end() {
    let bench = Bench::new();
    let commands: [Command; 3] = [
        TrainCommand::SetLearningRate(0.3).into(),
        TrainCommand::SetBatch(9).into(),
        DataCommand::SetFlip(true).into(),
    ];
    for command in commands {
        let mut after = bench.session();
        run_to(&mut after, 3);
        after.apply(command.clone()).unwrap();
        run_to(&mut after, 6);
        let mut amid = bench.session();
        run_to(&mut amid, 2);
        amid.single_step();
        submit(&mut amid, 1e-9);
        amid.apply(command.clone()).unwrap();
        assert_eq!(amid.settings(), &settings(), "it was carried out at once");
        finish(&mut amid);
        assert_eq!(amid.step(), 3);
        run_to(&mut amid, 6);
        assert_eq!(amid.state_hash(), after.state_hash(), "{command:?}");
    }
}

#[test]
fn a_command_before_the_submit_waits_for_it() {
    let bench = Bench::new();
    let mut after = bench.session();
    run_to(&mut after, 3);
    after.apply(TrainCommand::SetLearningRate(0.3)).unwrap();
    run_to(&mut after, 5);
    let mut before = bench.session();
    run_to(&mut before, 2);
    before.single_step();
    let mut encoder = before.gpu().encoder("test");
    before.record(&mut encoder, 1e9);
    // The step is recorded whole, but the GPU has not seen it.
    before.apply(TrainCommand::SetLearningRate(0.3)).unwrap();
    before.gpu().submit(encoder);
    before.after_submit();
    run_to(&mut before, 5);
    assert_eq!(before.state_hash(), after.state_hash());
}

#[test]
fn a_pin_changes_what_is_shown_and_not_what_is_learned() {
    let bench = Bench::new();
    let mut plain = bench.session();
    run_to(&mut plain, 8);
    let mut session = bench.session();
    run_to(&mut session, 4);
    let shown = |s: &Session| {
        let input = values(&bench.gpu, &s.tensor(0, TensorKind::Activations).unwrap());
        let maps = values(&bench.gpu, &s.tensor(1, TensorKind::Activations).unwrap());
        (input, maps, values(&bench.gpu, &s.probabilities()))
    };
    let first = shown(&session);
    session.apply(DataCommand::PinProbe(17)).unwrap();
    session.refresh().unwrap();
    let second = shown(&session);
    assert!(first.0 != second.0 && first.1 != second.1 && first.2 != second.2);
    assert!((second.2.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{:?}", second.2);
    let data = Dataset::open("digits").unwrap();
    assert_eq!(session.probe(), (17, usize::from(data.test.labels[17])));
    run_to(&mut session, 8);
    assert_eq!(session.state_hash(), plain.state_hash());
    // Pinned again, the first image is shown as at first.
    session.apply(DataCommand::PinProbe(0)).unwrap();
    session.refresh().unwrap();
    assert!(shown(&session).0 == first.0);
}

#[test]
fn values_out_of_range_are_refused() {
    let bench = Bench::new();
    let mut session = bench.session();
    let hash = session.state_hash();
    let refused: [Command; 22] = [
        TrainCommand::SetLearningRate(f32::NAN).into(),
        TrainCommand::SetLearningRate(-1.0).into(),
        TrainCommand::SetMomentum(1.0).into(),
        TrainCommand::SetWeightDecay(f32::INFINITY).into(),
        TrainCommand::SetBatch(0).into(),
        TrainCommand::SetBatch(1351).into(),
        DataCommand::SetShift(128).into(),
        DataCommand::SetRotation(f32::NAN).into(),
        DataCommand::SetScale(1.0).into(),
        DataCommand::SetBrightness(-0.1).into(),
        DataCommand::SetContrast(1.5).into(),
        DataCommand::SetCutout(256).into(),
        DataCommand::PinProbe(297).into(),
        DataCommand::PinProbe(u32::MAX).into(),
        NetworkCommand::Freeze(LayerId(4)).into(),
        TrainCommand::SetBeta2(1.0).into(),
        TrainCommand::SetEpsilon(0.0).into(),
        TrainCommand::SetClipNorm(-1.0).into(),
        TrainCommand::SetL1Decay(f32::NAN).into(),
        TrainCommand::SetSchedule(Schedule::Cosine { epochs: 0.0 }).into(),
        TrainCommand::SetSchedule(Schedule::Step { epochs: 1.0, factor: 0.0 }).into(),
        TrainCommand::SetWarmup(f32::INFINITY).into(),
    ];
    for command in refused {
        let error = session.apply(command.clone()).unwrap_err();
        assert!(!error.help().is_empty(), "{command:?}");
    }
    assert_eq!((session.settings(), session.state_hash()), (&settings(), hash));
    session.apply(TrainCommand::SetBatch(1350)).unwrap();
    for command in [DataCommand::PinProbe(296), DataCommand::SetShift(127)] {
        session.apply(command).unwrap();
    }
    run_to(&mut session, 2);
}

#[test]
fn numbers_that_are_not_finite_stop_the_run_before_the_step() {
    let bench = Bench::new();
    let mut plain = bench.session();
    run_to(&mut plain, 6);
    let good = plain.state_hash();
    for settle_each in [false, true] {
        let folder = bench.path(if settle_each { "settled" } else { "ahead" });
        let mut session = bench.open(settings(), Some(&folder));
        run_to(&mut session, 6);
        session.take_events();
        session.apply(TrainCommand::SetLearningRate(1e30)).unwrap();
        session.set_limit(Some(StopCondition::Steps(40)));
        session.play();
        while session.advance() {
            if settle_each {
                session.settle();
            }
        }
        session.settle();
        let faults = session.take_events().into_iter().filter_map(|event| match event {
            Event::Fault(error) => Some(error),
            _ => None,
        });
        let faults: Vec<_> = faults.collect();
        assert_eq!(faults.len(), 1, "{faults:?}");
        // The first step at this rate is finite still, and makes weights of about 1e30.
        let what = faults[0].what();
        assert!(what.starts_with("in step 8 numbers stopped being finite, first in "), "{what}");
        assert_eq!((session.state(), session.step()), (RunState::Paused, 7));
        assert_eq!(session.metrics().steps.last().unwrap().step, 7);
        assert!(session.trainer().parameters.values.read(&bench.gpu).iter().all(|v| v.is_finite()));
        session.save().unwrap();
        // Back to weights that are of use, it goes on.
        session.apply(TrainCommand::SetLearningRate(settings().hyper.learning_rate)).unwrap();
        session.apply(TrainCommand::Reset(1)).unwrap();
        run_to(&mut session, 6);
        assert_eq!(session.state_hash(), good);
        drop(session);
        assert_eq!(Session::resume(Rc::clone(&bench.gpu), &folder).unwrap().step(), 7);
    }
}
