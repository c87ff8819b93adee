//! The list of what was done, with the held-out loss before, after, and 100 steps later; measured beside the run.

use revacnn::nn::Edit;
use revacnn::session::{
    Command, DataCommand, EFFECT_STEPS, Effect, NetworkCommand, Session, TimeControl, TrainCommand,
    effects_csv,
};

use crate::bench::{Bench, finish, run_to, submit};
use crate::time::go;

fn edit(edit: Edit) -> Command {
    NetworkCommand::Edit(edit).into()
}

fn split(filter: u32) -> Command {
    edit(Edit::SplitFilter { layer: 0, filter })
}

fn rate(value: f32) -> Command {
    TrainCommand::SetLearningRate(value).into()
}

fn measured(bench: &Bench) -> Session {
    let mut session = bench.session();
    session.measure_effects().unwrap();
    session
}

/// Commands at their steps, then 10 more steps.
fn carry_out(session: &mut Session, commands: &[(u32, Command)]) {
    for (step, command) in commands {
        run_to(session, *step);
        session.apply(command.clone()).unwrap();
    }
    let step = session.step() + 10;
    run_to(session, step);
    finish(session);
}

/// The loss at a step of a run of these commands, by a row of its own.
fn loss_at(bench: &Bench, commands: &[(u32, Command)], step: u32) -> f32 {
    let mut session = measured(bench);
    for (at, command) in commands {
        run_to(&mut session, *at);
        session.apply(command.clone()).unwrap();
    }
    run_to(&mut session, step);
    session.apply(DataCommand::SetFlip(true)).unwrap();
    finish(&mut session);
    session.effects().last().unwrap().before.unwrap()
}

#[test]
fn no_bit_of_the_run_changes() {
    let bench = Bench::new();
    let commands = [
        (3, split(1)),
        (5, rate(0.05)),
        (5, edit(Edit::DeleteFilter { layer: 0, filter: 0 })),
        (9, edit(Edit::InsertLayer { after: Some(0), settings: "kind = \"batch_norm\"".parse().unwrap() })),
        (14, DataCommand::SetFlip(true).into()),
        (20, TrainCommand::SetBatch(40).into()),
        (23, TrainCommand::Reset(4).into()),
    ];
    let mut plain = bench.session();
    carry_out(&mut plain, &commands);
    let mut seen = measured(&bench);
    carry_out(&mut seen, &commands);
    assert_eq!(seen.state_hash(), plain.state_hash());
    assert!(plain.effects().is_empty(), "it was not asked for");
    assert_eq!(seen.effects().len(), commands.len());
    let known = |row: &Effect| row.before.is_some() && row.after.is_some();
    assert!(seen.effects().iter().all(known), "{:?}", seen.effects());
    // In pieces of one dispatch, with commands amid steps and evaluations between them.
    let mut pieces = measured(&bench);
    pieces.play();
    let mut given = 0;
    while pieces.step() < 12 || given < commands.len() {
        submit(&mut pieces, 1e-9);
        if pieces.step() as usize > 2 * given && given < commands.len() {
            pieces.apply(commands[given].1.clone()).unwrap();
            given += 1;
        }
    }
    pieces.pause();
    finish(&mut pieces);
    assert!(pieces.effects().iter().all(known), "{:?}", pieces.effects());
    pieces.gpu().check().unwrap();
}

#[test]
fn a_row_has_the_losses_of_its_moments() {
    let bench = Bench::new();
    let commands = [(30, edit(Edit::DeleteFilter { layer: 0, filter: 2 }))];
    let mut session = measured(&bench);
    carry_out(&mut session, &commands);
    assert!(session.effects()[0].waits() && session.effects()[0].later.is_none());
    let due = 30 + EFFECT_STEPS;
    run_to(&mut session, due + 1);
    let row = session.effects()[0].clone();
    assert_eq!((row.step, row.action.as_str(), row.due()), (30, "delete filter 2 of conv1", due));
    assert_eq!(row.before, Some(loss_at(&bench, &[], 30)));
    assert_eq!(row.after, Some(loss_at(&bench, &commands, 30)));
    assert_eq!(row.later, Some(loss_at(&bench, &commands, due)));
    assert!(row.before != row.after && row.after != row.later && !row.waits(), "{row:?}");
    assert_eq!((row.shared_with, row.cut_short, row.trend), (0, false, None));
    // A setting changes no weight; a new filter is taken by nothing yet.
    session.apply(rate(0.001)).unwrap();
    session.apply(edit(Edit::AddFilter { layer: 0 })).unwrap();
    finish(&mut session);
    for row in &session.effects()[1..] {
        assert!((row.before.unwrap() - row.after.unwrap()).abs() < 1e-6, "{row:?}");
    }
    // The loss of 100 steps is that of step 100, which is 31 steps old: too short for a trend, so that of the beginning counts.
    let trend = session.effects()[1].trend.unwrap();
    let began = loss_at(&bench, &[], 0);
    let slope = (session.effects()[1].before.unwrap() - began) / (due + 1) as f32 * 100.0;
    assert!((trend - slope).abs() < 1e-6, "{trend}, {slope}");
}

#[test]
fn commands_within_100_steps_share_in_an_effect_and_a_reset_cuts_it_short() {
    let bench = Bench::new();
    let mut session = measured(&bench);
    run_to(&mut session, 10);
    session.apply(split(0)).unwrap();
    run_to(&mut session, 60);
    session.apply(split(1)).unwrap();
    session.apply(rate(0.05)).unwrap();
    // The positions of a slider's drag are one row.
    session.apply(rate(0.06)).unwrap();
    run_to(&mut session, 62);
    session.apply(rate(0.07)).unwrap();
    session.apply(DataCommand::PinProbe(3)).unwrap();
    run_to(&mut session, 115);
    session.apply(TrainCommand::Reset(9)).unwrap();
    let shared = |session: &Session| -> Vec<(u32, u32, bool)> {
        session.effects().iter().map(|row| (row.step, row.shared_with, row.cut_short)).collect()
    };
    assert_eq!(shared(&session), [(10, 2, false), (60, 2, true), (60, 1, true), (115, 0, false)]);
    assert_eq!(session.effects()[2].action, "set the learning rate to 0.07");
    run_to(&mut session, EFFECT_STEPS + 1);
    let later: Vec<bool> = session.effects().iter().map(|row| row.later.is_some()).collect();
    assert_eq!(later, [true, false, false, true]);
    let reset = &session.effects()[3];
    assert_eq!(reset.action, "start again with seed 9");
    assert!(reset.after.unwrap() > 1.5 * reset.before.unwrap() && reset.later < reset.after, "{reset:?}");
}

#[test]
fn a_command_that_is_undone_is_marked_and_waits_for_nothing() {
    let bench = Bench::new();
    let mut session = measured(&bench);
    session.keep_time(64 << 20);
    let rows = |session: &Session| -> Vec<(u32, String, bool, bool)> {
        let row = |row: &Effect| (row.step, row.action.clone(), row.undone, row.waits());
        session.effects().iter().map(row).collect()
    };
    let row = |step, action: &str, undone, waits| (step, action.to_owned(), undone, waits);
    let slow = "set the learning rate to 0.01";
    let faster = "set the learning rate to 0.02";
    let split_it = "split filter 0 of conv1";
    session.apply(split(0)).unwrap();
    // Undone before a step was made, a command has no share in the effect of others.
    session.apply(DataCommand::SetFlip(true)).unwrap();
    assert_eq!(session.effects()[0].shared_with, 1);
    go(&mut session, TimeControl::Undo);
    assert_eq!((session.effects()[0].shared_with, session.effects()[0].waits()), (0, true));
    let rows = |session: &Session| -> Vec<_> {
        rows(session).into_iter().filter(|(_, action, ..)| !action.contains("flips")).collect()
    };
    run_to(&mut session, 30);
    session.apply(rate(0.01)).unwrap();
    run_to(&mut session, 32);
    session.apply(rate(0.02)).unwrap();
    run_to(&mut session, 40);
    assert_eq!(rows(&session), [row(0, split_it, false, true), row(30, faster, false, true)]);
    // The last position of the slider, then the first.
    go(&mut session, TimeControl::Undo);
    assert_eq!(rows(&session)[1], row(30, slow, false, false));
    go(&mut session, TimeControl::Undo);
    assert_eq!(rows(&session)[1], row(30, slow, true, false));
    // Back to before it, the run makes other steps than the first command was waiting for.
    assert_eq!(rows(&session)[0], row(0, split_it, false, false));
    assert!(effects_csv(session.effects()).unwrap().lines().nth(3).unwrap().ends_with(",true"));
    go(&mut session, TimeControl::Redo);
    let again = row(30, slow, false, true);
    assert_eq!(rows(&session)[1..], [row(30, slow, true, false), again]);
    // Of two rows with the same words the present one is undone.
    go(&mut session, TimeControl::Undo);
    go(&mut session, TimeControl::Undo);
    assert!(session.effects().iter().all(|row| row.undone), "{:?}", session.effects());
}

#[test]
fn a_command_that_fails_leaves_no_row() {
    let bench = Bench::new();
    let mut session = measured(&bench);
    run_to(&mut session, 3);
    session.apply(edit(Edit::DeleteFilter { layer: 0, filter: 77 })).unwrap_err();
    session.apply(TrainCommand::SetBatch(0)).unwrap_err();
    finish(&mut session);
    assert!(session.effects().is_empty());
}

#[test]
fn the_list_goes_on_after_a_resume() {
    let bench = Bench::new();
    let mut session = bench.kept();
    session.measure_effects().unwrap();
    run_to(&mut session, 20);
    session.apply(split(0)).unwrap();
    run_to(&mut session, 25);
    session.save().unwrap();
    let rows = session.effects().to_vec();
    assert!(rows[0].after.is_some(), "a save waits for what is being measured");
    run_to(&mut session, 30);
    session.apply(split(1)).unwrap();
    run_to(&mut session, 20 + EFFECT_STEPS);
    let whole = session.effects().to_vec();
    drop(session);
    let mut session = bench.resume();
    assert_eq!(session.effects(), without_ids(&rows));
    session.measure_effects().unwrap();
    run_to(&mut session, 20 + EFFECT_STEPS);
    assert_eq!(without_ids(session.effects()), without_ids(&whole));
    assert!(session.effects()[0].later.is_some());
}

/// The rows as a file has them.
fn without_ids(rows: &[Effect]) -> Vec<Effect> {
    serde_json::from_str(&serde_json::to_string(rows).unwrap()).unwrap()
}

#[test]
fn the_list_is_a_table() {
    let bench = Bench::new();
    let mut session = measured(&bench);
    run_to(&mut session, 2);
    session.apply(edit(Edit::MergeFilters { layer: 0, filters: [1, 3] })).unwrap();
    let text = effects_csv(session.effects()).unwrap();
    let head = "step,action,loss_change_per_100_steps_before,loss_before,loss_after,loss_100_steps_after,other_actions_within_100_steps,cut_short,undone";
    assert_eq!(text, format!("{head}\n2,merge filters 1 and 3 of conv1,,,,,0,false,false\n"));
    finish(&mut session);
    let text = effects_csv(session.effects()).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let row = reader.records().next().unwrap().unwrap();
    let [before, after] = [3, 4].map(|column| row[column].parse::<f32>().unwrap());
    assert_eq!([Some(before), Some(after)], [session.effects()[0].before, session.effects()[0].after]);
    assert_eq!(&row[5], "", "not yet");
}
