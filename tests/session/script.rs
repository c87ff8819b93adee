//! Scripts: commands for times to come, checked as a whole.

use revacnn::session::{Event, LayerId, LayoutCommand, NetworkCommand, Session, StopCondition, TrainCommand};

use crate::bench::{Bench, journal, run_to, settings};
use crate::layout_commands::CONV;

const SCRIPT: &str = r#"
{"step": 3, "command": {"set_learning_rate": 0.01}}
{"step": 3, "command": {"add_filter": {"layer": 0}}}
{"epoch": 1, "command": {"set_batch": 30}}

{"epoch": 1.5, "command": {"delete_filter": {"layer": 0, "filter": 4}}}
{"step": 60, "command": {"freeze": 0}}
"#;

fn follow(session: &mut Session, text: &str) -> Result<(), String> {
    session.follow_script("steps.jsonl", text).map_err(|error| error.to_string())
}

#[test]
fn a_script_is_what_the_user_would_have_done() {
    let bench = Bench::new();
    let mut session = bench.kept();
    follow(&mut session, SCRIPT).unwrap();
    run_to(&mut session, 70);
    assert!(session.check_events().is_ok(), "{:?}", session.take_events());
    let hash = session.state_hash();
    let lines = journal(&bench);
    assert_eq!(lines.len(), 5);
    // By hand, at the steps that the journal has.
    let mut by_hand = bench.session();
    for line in &lines {
        let entry: revacnn::session::Entry = serde_json::from_str(line).unwrap();
        run_to(&mut by_hand, entry.step);
        by_hand.apply(entry.command).unwrap();
    }
    run_to(&mut by_hand, 70);
    assert_eq!(by_hand.state_hash(), hash);
    // An epoch has 23 steps of 60 images, and 45 of 30 from then on.
    let steps: Vec<u32> = lines
        .iter()
        .map(|line| serde_json::from_str::<revacnn::session::Entry>(line).unwrap().step)
        .collect();
    assert_eq!((steps[0], steps[1], steps[4]), (3, 3, 60));
    let images = by_hand.train_images() as u32;
    assert_eq!(steps[2], images.div_ceil(60));
    assert!(steps[3] > steps[2] + 20 && steps[3] < 60);
    // The journal is a script.
    let mut again = bench.session();
    follow(&mut again, &lines.join("\n")).unwrap();
    run_to(&mut again, 70);
    assert_eq!(again.state_hash(), hash);
    // So it is as a file, with its first line.
    let text = std::fs::read_to_string(bench.path("run/journal.jsonl")).unwrap();
    let mut whole = bench.session();
    follow(&mut whole, &text).unwrap();
    run_to(&mut whole, 70);
    assert_eq!(whole.state_hash(), hash);
    // A resume in the middle goes on with it.
    drop(session);
    let mut resumed = bench.resume();
    run_to(&mut resumed, 70);
    assert_eq!(resumed.state_hash(), hash);
}

#[test]
fn a_faulty_line_is_named_and_nothing_is_done() {
    let bench = Bench::new();
    let mut session = bench.kept();
    run_to(&mut session, 5);
    session.set_limit(Some(StopCondition::Epochs(3)));
    let good = r#"{"step": 6, "command": {"add_filter": {"layer": 0}}}"#;
    session.apply(NetworkCommand::Freeze(LayerId(0))).unwrap();
    let (hash, lines) = (session.state_hash(), journal(&bench));
    for (line, words) in [
        (r#"{"step": 7, "command": {"set_learning_rate": 0.1"#, "it is cut short"),
        (r#"{"step": 7, "command": }"#, "no line of a script"),
        (r#"{"step": 7, "at": 3, "command": {"set_flip": true}}"#, "unknown field `at`"),
        (r#"{"step": 7, "command": {"set_speed": 2}}"#, r#"no command {"set_speed":2}"#),
        (r#"{"step": 7, "epoch": 1, "command": {"set_flip": true}}"#, "no time of its own"),
        (r#"{"command": {"set_flip": true}}"#, "no time of its own"),
        (r#"{"step": 4, "command": {"set_flip": true}}"#, "step 4 is over"),
        (r#"{"epoch": -1, "command": {"set_flip": true}}"#, "out of range"),
        (r#"{"epoch": 4, "command": {"set_flip": true}}"#, "past the end"),
        (r#"{"step": 7, "command": {"set_momentum": 1.5}}"#, "momentum"),
        (r#"{"step": 7, "command": {"set_batch": 0}}"#, "batch"),
        (r#"{"step": 7, "command": {"delete_filter": {"layer": 0, "filter": 9}}}"#, "no filter 9"),
        (r#"{"step": 7, "command": {"freeze": 8}}"#, "no layer 8"),
        (r#"{"step": 7, "command": {"close_layout": 0}}"#, "about a layout"),
        (r#"{"step": 7, "command": {"freeze": 3}}"#, "nothing left to train"),
    ] {
        let error = follow(&mut session, &format!("{good}\n{line}\n{good}")).unwrap_err();
        assert!(error.contains("steps.jsonl, line 2") && error.contains(words), "{line}: {error}");
    }
    assert_eq!((session.state_hash(), journal(&bench)), (hash, lines));
    // What the filter added by a line makes possible is allowed after it.
    let then = r#"{"step": 8, "command": {"reset_filter": {"layer": 0, "filter": 4}}}"#;
    follow(&mut session, &format!("{good}\n{then}")).unwrap();
    assert!(follow(&mut session, then).is_err());
}

#[test]
fn the_users_command_takes_the_place_of_what_a_script_had_to_come() {
    let bench = Bench::new();
    let mut session = bench.session();
    follow(&mut session, SCRIPT).unwrap();
    run_to(&mut session, 10);
    session.apply(TrainCommand::SetMomentum(0.5)).unwrap();
    run_to(&mut session, 65);
    assert_eq!(session.settings().batch, 60);
    assert!(!session.take_events().iter().any(|event| matches!(event, Event::Fault(_))));
}

#[test]
fn the_readmes_script_can_be_followed() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("```jsonl").expect("the README has a script");
    let (script, _) = rest.split_once("```").unwrap();
    let bench = Bench::new();
    let settings = crate::bench::settings();
    let mut session = Session::new(std::rc::Rc::clone(&bench.gpu), "revacnn", settings, None).unwrap();
    follow(&mut session, script).unwrap();
    run_to(&mut session, 82);
    assert!(session.check_events().is_ok(), "{:?}", session.take_events());
    assert_eq!((session.network_version(), session.settings().frozen.as_slice()), (2, &[0][..]));
}

#[test]
fn a_journal_is_a_script_for_a_run_that_begins_alike_and_for_no_other() {
    let bench = Bench::new();
    let mut session = bench.kept();
    session.apply(LayoutCommand::Open(CONV)).unwrap();
    run_to(&mut session, 3);
    session.apply(TrainCommand::SetLearningRate(0.01)).unwrap();
    run_to(&mut session, 6);
    let text = std::fs::read_to_string(bench.path("run/journal.jsonl")).unwrap();
    let mut again = bench.session();
    // What is looked at is left out.
    follow(&mut again, &text).unwrap();
    run_to(&mut again, 6);
    assert_eq!((again.state_hash(), again.layouts().len()), (session.state_hash(), 0));
    let seed = settings().seed;
    let others = [
        (format!("\"seed\":{seed}"), format!("\"seed\":{}", seed + 1), "with seed"),
        ("\"data_fingerprint\":\"".to_owned(), "\"data_fingerprint\":\"0".to_owned(), "on other data"),
        ("\"network_toml\":\"".to_owned(), "\"network_toml\":\"# \\n".to_owned(), "of another network"),
    ];
    for (own, other, word) in others {
        let mut session = bench.session();
        let before = (session.state_hash(), session.settings().clone());
        assert!(text.contains(&own), "{own}");
        let error = follow(&mut session, &text.replacen(&own, &other, 1)).unwrap_err();
        assert!(error.contains("steps.jsonl, line 1") && error.contains(word), "{error}");
        run_to(&mut session, 0);
        assert_eq!((session.state_hash(), session.settings().clone()), before);
    }
}
