//! Steps and evaluations that share a compute pass against those that have passes of their own.

use revacnn::nn::histograms::{BINS, Quantity};
use revacnn::session::{
    Control, Event, RunSettings, Session, Split, StopCondition, TimeControl, TrainCommand,
};

use crate::bench::{Bench, finish, settings, steps, submit, values};

/// Makes steps up to `to` with as many in a submit as there may be, and what follows them; returns steps and passes of the first submit.
fn together(session: &mut Session, to: u32) -> (u32, u32) {
    let first = session.step();
    session.set_limit(Some(StopCondition::Steps(to)));
    session.play();
    submit(session, 1e9);
    let shared = (session.step() - first, session.recorded_passes());
    finish(session);
    assert_eq!(session.step(), to);
    shared
}

/// Makes steps up to `to`, each in a submit of its own.
fn apart(session: &mut Session, to: u32) {
    while session.step() < to {
        let next = session.step() + 1;
        assert_eq!(together(session, next).0, 1);
        assert!(session.step() == next);
    }
}

#[test]
fn steps_that_share_a_pass_give_the_bits_of_steps_with_passes_of_their_own() {
    let bench = Bench::new();
    let (mut shared, mut single) = (bench.session(), bench.session());
    let (made, passes) = together(&mut shared, 20);
    // Now and then one is timed by its parts.
    assert!(made == 20 && passes < 20, "{passes} passes for {made} steps");
    apart(&mut single, 20);
    assert_eq!(shared.state_hash(), single.state_hash());
    let results = |session: &mut Session| {
        let step = |event| if let Event::Step(step) = event { Some(step) } else { None };
        let all = session.take_events().into_iter().filter_map(step);
        all.map(|step| (step.step, step.loss, step.accuracy)).collect::<Vec<_>>()
    };
    let (of_shared, of_single) = (results(&mut shared), results(&mut single));
    assert_eq!(of_shared.len(), 20);
    assert_eq!(of_shared, of_single);
    for session in [&shared, &single] {
        let times = session.metrics().step_times;
        assert_eq!(times.is_some(), session.gpu().timestamps, "{times:?}");
        assert!(times.is_none_or(|times| times.forward_ms > 0.0 && times.backward_ms > 0.0), "{times:?}");
        assert_eq!(session.metrics().train_ms > 0.0, session.gpu().timestamps);
    }
}

#[test]
fn what_is_copied_between_steps_is_of_its_step() {
    let bench = Bench::new();
    let looked_at = || {
        let mut session = bench.session();
        session.keep_time(64 << 20);
        session.count_distributions();
        session.measure_effects().unwrap();
        session
    };
    let (mut shared, mut single, mut plain) = (looked_at(), looked_at(), bench.session());
    let (made, passes) = together(&mut shared, 20);
    assert!(made == 20 && passes < 20, "{passes} passes for {made} steps");
    together(&mut shared, 40);
    apart(&mut single, 40);
    together(&mut plain, 40);
    assert_eq!(shared.state_hash(), plain.state_hash());
    let seen = |session: &Session| {
        let frames = session.timeline().key_frames.len();
        let counted: Vec<u32> = session.distributions().steps().collect();
        let strips = [Quantity::Activations, Quantity::Weights, Quantity::Gradients].map(|quantity| {
            let view = session.distributions().view(quantity, [0, BINS - 1]).expect("it is counted");
            values(session.gpu(), &view)
        });
        (frames, counted, strips)
    };
    let (of_shared, of_single) = (seen(&shared), seen(&single));
    assert_eq!(of_shared.1, [16, 32]);
    assert_eq!(of_shared, of_single);
    assert!(of_shared.2.iter().all(|values| values.iter().any(|value| *value > 0.0)), "the control");
    // Back to a key-frame that was copied between two steps of a submit.
    let mut back = |step: u32| {
        shared.set_limit(None);
        shared.control(Control::Time(TimeControl::GoTo(step))).unwrap();
        finish(&mut shared);
        shared.state_hash()
    };
    for step in [16, 32] {
        let mut there = bench.session();
        together(&mut there, step);
        assert_eq!(back(step), there.state_hash(), "step {step}");
    }
}

#[test]
fn a_command_between_steps_that_are_recorded_together_takes_effect_at_its_step() {
    let bench = Bench::new();
    let mut session = bench.session();
    apart(&mut session, 5);
    session.apply(TrainCommand::SetMomentum(0.5)).unwrap();
    apart(&mut session, 12);
    let hash = session.state_hash();
    let mut without = bench.session();
    together(&mut without, 12);
    assert_ne!(without.state_hash(), hash, "the control: it has an effect");
    session.set_limit(None);
    for step in [0, 12] {
        session.control(Control::Time(TimeControl::GoTo(step))).unwrap();
        let mut most = 0;
        while session.is_travelling() {
            let before = session.step();
            submit(&mut session, 1e9);
            most = most.max(session.step().saturating_sub(before));
        }
        finish(&mut session);
        assert_eq!(session.step(), step);
        assert_eq!(most, [0, 7][usize::from(step > 0)], "the steps before the command, and those after it");
    }
    assert_eq!(session.state_hash(), hash);
}

#[test]
fn the_passes_of_an_evaluation_share_one() {
    let bench = Bench::new();
    let scores = |budget_ms: f64| {
        let mut session = bench.session();
        session.evaluate(Split::Test);
        submit(&mut session, budget_ms);
        let passes = session.recorded_passes();
        while session.is_evaluating(Split::Test) {
            submit(&mut session, budget_ms);
        }
        finish(&mut session);
        let score = |event: &Event| matches!(event, Event::Evaluated { .. });
        let scores: Vec<_> = session.take_events().into_iter().filter(score).collect();
        assert_eq!((scores.len(), steps(&mut session)), (1, Vec::new()));
        (passes, scores)
    };
    let (passes, whole) = scores(1e9);
    assert_eq!(passes, 1);
    assert_eq!(scores(1e-9).1, whole);
}

#[test]
fn a_submit_of_many_short_steps_ends_between_two_of_them() {
    let bench = Bench::new();
    let mut session = bench.open(RunSettings { batch: 8, ..settings() }, None);
    // Their time is known then.
    (1..=6).for_each(|part| _ = together(&mut session, 7 * part));
    session.set_limit(Some(StopCondition::Steps(49)));
    session.play();
    submit(&mut session, 1e9);
    let mut step_ms = session.recorded_ms() / 7.0;
    finish(&mut session);
    session.set_limit(None);
    let mut ended_by_the_budget = 0;
    for _ in 0..8 {
        session.play();
        let first = session.step();
        submit(&mut session, 40.0 * step_ms);
        let made = session.step() - first;
        assert!(made > 0);
        step_ms = session.recorded_ms() / f64::from(made);
        // An epoch ends a submit, too.
        ended_by_the_budget += u32::from(!session.is_evaluating(Split::Validation));
        session.pause();
        finish(&mut session);
        assert_eq!(session.step(), first + made, "a step was under way");
    }
    assert!(ended_by_the_budget > 0, "the control");
}
