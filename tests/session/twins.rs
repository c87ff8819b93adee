//! Twins: the effect of commands against the same run without them, seed by seed.

use revacnn::session::{Interval, RunSettings, Session, TwinCourses, TwinPlan, begin_like};

use crate::bench::{Bench, finish, run_to, settings};

const FREEZE: &str = r#"{"step": 20, "command": {"freeze": 3}}"#;

fn begin(bench: &Bench, seed: u64) -> Session {
    bench.open(RunSettings { seed, ..settings() }, None)
}

fn twins(bench: &Bench, seed: u64, script: &str, steps: u32, points: u32) -> TwinCourses {
    let plan = TwinPlan { name: "script", script, steps, points };
    plan.run(&mut begin(bench, seed), &mut |_| true).unwrap().unwrap()
}

/// Differences of the last losses.
fn differences(all: &[TwinCourses]) -> Vec<f64> {
    let last = |courses: &TwinCourses| {
        f64::from(courses.with.last().unwrap().loss) - f64::from(courses.without.last().unwrap().loss)
    };
    all.iter().map(last).collect()
}

#[test]
fn twins_without_a_command_are_the_same_and_the_same_twins_twice_are_equal() {
    let bench = Bench::new();
    let same = twins(&bench, 3, "", 9, 3);
    assert_eq!(same.with, same.without);
    assert_eq!(same.with.iter().map(|point| point.step).collect::<Vec<_>>(), [0, 3, 6, 9]);
    assert!(same.with[3].loss < same.with[0].loss, "they learn");
    let script = r#"{"step": 4, "command": {"set_learning_rate": 0.001}}
        {"step": 6, "command": {"delete_filter": {"layer": 0, "filter": 1}}}"#;
    let first = twins(&bench, 3, script, 8, 4);
    assert_eq!(first, twins(&bench, 3, script, 8, 4));
    assert_eq!(first.with[0], first.without[0], "a rate changes no weight");
    assert!(first.with[1..].iter().zip(&first.without[1..]).all(|(with, without)| with.loss != without.loss));
    assert_ne!(first, TwinCourses { seed: 3, ..twins(&bench, 4, script, 8, 4) });
}

#[test]
fn each_course_is_that_of_a_run_of_its_own() {
    let bench = Bench::new();
    let script = r#"{"step": 0, "command": {"delete_filter": {"layer": 0, "filter": 2}}}
        {"step": 5, "command": {"add_filter": {"layer": 0}}}"#;
    let found = twins(&bench, 2, script, 12, 2);
    assert_ne!(found.with[0].loss, found.without[0].loss, "just after the command at the fork");
    for (script, course) in [(Some(script), &found.with), (None, &found.without)] {
        let mut session = begin(&bench, 2);
        script.into_iter().for_each(|script| session.follow_script("script", script).unwrap());
        run_to(&mut session, 12);
        session.evaluate(revacnn::session::Split::Validation);
        finish(&mut session);
        let loss = session.take_events().into_iter().find_map(|event| match event {
            revacnn::session::Event::Evaluated { loss, .. } => Some(loss),
            _ => None,
        });
        assert_eq!(loss, Some(course[2].loss));
    }
}

#[test]
fn known_effects_have_their_sign_and_their_intervals_leave_out_zero() {
    let bench = Bench::new();
    // While it still learns fast, a tenth of the rate, or the last layer held fast, makes it learn less.
    for script in [r#"{"step": 20, "command": {"set_learning_rate": 0.001}}"#, FREEZE] {
        let all: Vec<TwinCourses> = (1..=5).map(|seed| twins(&bench, seed, script, 30, 1)).collect();
        let effect = Interval::of(&differences(&all));
        assert!(effect.mean > 0.0 && effect.leaves_out_zero(), "{script}: {effect:?}");
        assert!(all.iter().all(|courses| courses.with[0] == courses.without[0]));
    }
    // The same rate again has none.
    let script = r#"{"step": 20, "command": {"set_learning_rate": 0.01}}"#;
    let rate = settings().hyper.learning_rate;
    let script = script.replace("0.01", &rate.to_string());
    let all: Vec<TwinCourses> = (1..=2).map(|seed| twins(&bench, seed, &script, 10, 1)).collect();
    assert_eq!(differences(&all), [0.0, 0.0]);
}

#[test]
fn a_folder_begins_again_with_another_seed_and_faulty_scripts_are_named() {
    let bench = Bench::new();
    let mut kept = bench.kept();
    run_to(&mut kept, 5);
    kept.apply(revacnn::session::TrainCommand::SetLearningRate(0.5)).unwrap();
    kept.save().unwrap();
    let like = |seed| begin_like(std::rc::Rc::clone(&bench.gpu), &bench.path("run"), seed).unwrap();
    let plan = TwinPlan { name: "script", script: FREEZE, steps: 3, points: 1 };
    let mut own = like(Some(9));
    assert_eq!((own.settings(), own.step()), (&RunSettings { seed: 9, ..settings() }, 0));
    let found = plan.run(&mut own, &mut |_| true).unwrap().unwrap();
    assert_eq!(found, twins(&bench, 9, FREEZE, 3, 1));
    assert_eq!(like(None).settings().seed, settings().seed);
    let fails = |script: &str, steps: u32| {
        let plan = TwinPlan { name: "script", script, steps, points: 1 };
        plan.run(&mut begin(&bench, 1), &mut |_| true).unwrap_err()
    };
    assert!(fails(r#"{"step": 3, "command": {"freeze": 77}}"#, 9).what().contains("script, line 1"));
    let late = format!("{FREEZE}\n{}", r#"{"step": 31, "command": {"thaw": 3}}"#);
    assert!(fails(&late, 10).help().contains("at least 11 steps"));
    assert!(
        plan.run(&mut begin(&bench, 1), &mut |session| session.step() < 7).unwrap().is_none(),
        "it is ended"
    );
}
