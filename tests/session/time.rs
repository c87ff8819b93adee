//! The time machine: going back, on, to other branches, undo and redo.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use revacnn::nn::{Edit, Loss, OptimizerKind, WeightEdit};
use revacnn::session::{
    Command, Control, DataCommand, LayerId, LayoutCommand, LayoutSource, NetworkCommand, Session, TensorKind,
    TimeControl, TrainCommand,
};

use crate::bench::{Bench, finish, journal, open, run_to};

/// Bytes for all key-frames of these tests.
const ROOM: u64 = 64 << 20;

fn commands() -> Vec<(u32, Command)> {
    let edit = |edit| NetworkCommand::Edit(edit).into();
    let insert = Edit::InsertLayer { after: Some(0), settings: "kind = \"batch_norm\"".parse().unwrap() };
    let (conv, at) = (LayerId(0), vec![(3, 0.5), (4, -0.5)]);
    vec![
        (7, TrainCommand::SetBatch(45).into()),
        (9, NetworkCommand::SetLayerRate { layer: conv, factor: 0.5 }.into()),
        (12, edit(Edit::SplitFilter { layer: 0, filter: 2 })),
        (14, NetworkCommand::FreezeFilters { layer: conv, filters: vec![1] }.into()),
        (20, TrainCommand::SetOptimizer(OptimizerKind::Adam).into()),
        (20, DataCommand::SetRotation(10.0).into()),
        (25, edit(insert)),
        (28, NetworkCommand::EditWeights(WeightEdit { layer: 0, filter: 3, at, bias: None }).into()),
        (31, NetworkCommand::SetLoss(Loss::SvmHinge { margin: 1.0 }).into()),
        (33, NetworkCommand::Freeze(conv).into()),
        (36, TrainCommand::SetAverage(2.0).into()),
    ]
}

/// Runs to step `to` with the commands, each at its step.
pub(crate) fn run_with_commands(session: &mut Session, to: u32) {
    for (step, command) in commands().into_iter().filter(|(step, _)| *step < to) {
        run_to(session, step);
        session.apply(command).unwrap();
    }
    run_to(session, to);
}

/// The state hash after each step, before the commands given there.
fn reference(bench: &Bench, steps: u32) -> BTreeMap<u32, (String, usize)> {
    let mut session = bench.session();
    let mut hashes = BTreeMap::new();
    for step in 0..=steps {
        run_to(&mut session, step);
        hashes.insert(step, (session.state_hash(), session.layers().len()));
        for (_, command) in commands().into_iter().filter(|(at, _)| *at == step) {
            session.apply(command).unwrap();
        }
    }
    hashes
}

/// Goes through time, and arrives.
pub(crate) fn go(session: &mut Session, control: TimeControl) {
    session.control(Control::Time(control)).unwrap();
    finish(session);
    session.check_events().unwrap();
}

#[test]
fn any_step_can_be_gone_to_and_the_run_goes_on_from_there_as_it_did() {
    let bench = Bench::new();
    let then = reference(&bench, 50);
    // With all key-frames, with two of them, and with none.
    for room in [ROOM, 400_000, 0] {
        let mut session = bench.session();
        session.keep_time(room);
        run_with_commands(&mut session, 40);
        let whole = session.metrics().clone();
        for step in [39, 3, 20, 0, 33, 12, 13, 40, 21] {
            go(&mut session, TimeControl::GoTo(step));
            assert_eq!(session.step(), step);
            if step < 40 {
                assert_eq!(session.state_hash(), then[&step].0, "step {step}, {room} bytes");
                assert_eq!(session.layers().len(), then[&step].1);
            }
            let losses = |metrics: &revacnn::session::Metrics| {
                metrics.steps.iter().map(|s| (s.step, s.loss)).collect::<Vec<_>>()
            };
            let mut expected = losses(&whole);
            expected.retain(|(of, _)| *of <= step);
            assert_eq!(losses(session.metrics()), expected, "step {step}");
            let epochs = whole.epochs.iter().filter(|epoch| epoch.step <= step);
            assert!(epochs.eq(&session.metrics().epochs), "step {step}");
            let shown = session.timeline();
            assert_eq!((shown.step, shown.reached), (step, 40));
            let marks = shown.marks.iter().map(|mark| mark.step);
            assert!(marks.eq(commands().iter().map(|(step, _)| *step)));
            let done = shown.marks.iter().filter(|mark| mark.done).count();
            let given = commands().iter().filter(|(at, _)| *at < step).count();
            assert_eq!(done, given, "step {step}");
            assert!(shown.memory.0 <= room && shown.memory.1 == room);
        }
        // Trained on from the past, the commands come again.
        run_to(&mut session, 50);
        assert_eq!(session.state_hash(), then[&50].0, "{room} bytes");
        assert_eq!(session.metrics().steps.len(), 50);
    }
}

/// A kept run at step 40 that was saved, and the state hash after each of its steps.
fn saved_run() -> (Bench, BTreeMap<u32, (String, usize)>, Session) {
    let bench = Bench::new();
    let then = reference(&bench, 40);
    let mut session = bench.kept();
    session.keep_time(ROOM);
    run_with_commands(&mut session, 40);
    session.save().unwrap();
    (bench, then, session)
}

#[test]
fn a_command_is_undone_and_done_again() {
    let (bench, then, mut session) = saved_run();
    let (end, lines) = (session.state_hash(), journal(&bench));
    for count in 1..=3 {
        let steps = [36, 33, 31];
        for index in 0..count {
            go(&mut session, TimeControl::Undo);
            assert_eq!(session.step(), steps[index]);
            assert_eq!(session.state_hash(), then[&steps[index]].0);
            assert_eq!(journal(&bench).len(), commands().len() - index - 1);
        }
        for _ in 0..count {
            go(&mut session, TimeControl::Redo);
        }
        assert_eq!((session.step(), session.state_hash()), (40, end.clone()));
        assert_eq!(journal(&bench), lines);
    }
    assert!(session.control(Control::Time(TimeControl::Redo)).is_err());
    // Undone in part, and another way taken: the undone ones do not come back.
    go(&mut session, TimeControl::Undo);
    session.apply(TrainCommand::SetLearningRate(0.0123)).unwrap();
    let error = session.control(Control::Time(TimeControl::Redo)).unwrap_err();
    assert!(error.what().contains("nothing to do again"), "{error}");
    assert_eq!(session.timeline().branches.len(), 1);
    // Down to the beginning.
    for _ in 0..commands().len() {
        go(&mut session, TimeControl::Undo);
    }
    assert_eq!((session.step(), session.state_hash()), (7, then[&7].0.clone()));
    let error = session.control(Control::Time(TimeControl::Undo)).unwrap_err();
    assert!(error.what().contains("nothing to undo"), "{error}");
    assert!(journal(&bench).is_empty());
}

#[test]
fn what_was_undone_on_another_branch_is_not_done_again() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.keep_time(ROOM);
    run_with_commands(&mut session, 40);
    go(&mut session, TimeControl::Undo);
    go(&mut session, TimeControl::GoTo(13));
    go(&mut session, TimeControl::Fork);
    let error = session.control(Control::Time(TimeControl::Redo)).unwrap_err();
    assert!(error.what().contains("nothing to do again"), "{error}");
    assert_eq!((session.step(), session.timeline().redo), (13, None));
}

#[test]
fn a_reset_is_undone() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.keep_time(ROOM);
    run_with_commands(&mut session, 30);
    let (hash, steps) = (session.state_hash(), session.metrics().steps.clone());
    session.apply(TrainCommand::Reset(5)).unwrap();
    run_to(&mut session, 21);
    let (fresh, fresh_steps) = (session.state_hash(), session.metrics().steps.clone());
    go(&mut session, TimeControl::GoTo(4));
    assert_eq!(session.metrics().steps, fresh_steps[..4]);
    go(&mut session, TimeControl::GoToEnd);
    assert_eq!((session.state_hash(), &session.metrics().steps), (fresh.clone(), &fresh_steps));
    go(&mut session, TimeControl::Undo);
    assert_eq!((session.step(), session.state_hash()), (30, hash));
    assert_eq!(session.metrics().steps, steps);
    go(&mut session, TimeControl::Redo);
    assert_eq!((session.step(), session.state_hash()), (21, fresh));
    assert_eq!(session.metrics().steps, fresh_steps);
}

#[test]
fn a_fork_goes_its_own_way_and_both_can_be_gone_to() {
    let bench = Bench::new();
    let then = reference(&bench, 40);
    let mut session = bench.session();
    session.keep_time(ROOM);
    run_with_commands(&mut session, 40);
    let end = session.state_hash();
    go(&mut session, TimeControl::SetBookmark(1));
    // Without a command, and before any that would come: the same run.
    go(&mut session, TimeControl::GoTo(37));
    go(&mut session, TimeControl::Fork);
    run_to(&mut session, 40);
    assert_eq!(session.state_hash(), end);
    // With another command it is another run.
    go(&mut session, TimeControl::GoTo(15));
    session.apply(TrainCommand::SetLearningRate(0.0)).unwrap();
    go(&mut session, TimeControl::SetBookmark(0));
    run_to(&mut session, 30);
    let other = session.state_hash();
    assert_ne!(other, then[&30].0);
    let shown = session.timeline();
    let branches: Vec<_> = shown.branches.iter().map(|b| (b.from, b.reached, b.is_present)).collect();
    assert_eq!(branches, [(0, 40, false), (37, 40, false), (15, 30, true)]);
    for (branch, step, hash) in [(0, 40, &end), (2, 30, &other), (1, 40, &end), (2, 30, &other)] {
        go(&mut session, TimeControl::Switch(branch));
        assert_eq!((session.step(), &session.state_hash()), (step, hash), "branch {branch}");
    }
    // A and B are on two branches.
    for (bookmark, step) in [(1, 40), (0, 15), (1, 40), (0, 15)] {
        go(&mut session, TimeControl::GoToBookmark(bookmark));
        assert_eq!(session.step(), step);
        let rate = session.settings().hyper.learning_rate;
        assert_eq!(rate == 0.0, bookmark == 0);
    }
    assert_eq!(session.timeline().bookmarks, [Some(15), Some(40)]);
    assert!(session.control(Control::Time(TimeControl::Switch(3))).is_err());
}

/// The run in a copy of its folder, as after a kill at this moment.
fn after_a_kill(bench: &Bench, name: &str) -> Session {
    let copy = bench.path(name);
    fs::create_dir(&copy).unwrap();
    for file in fs::read_dir(bench.path("run")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    let session = Session::resume(Rc::clone(&bench.gpu), Path::new(&copy)).unwrap();
    session.check_events().unwrap();
    session
}

/// By branch: true for the present one.
fn present(session: &Session) -> Vec<bool> {
    session.timeline().branches.iter().map(|branch| branch.is_present).collect()
}

#[test]
fn a_kill_anywhere_in_time_leaves_a_run_that_goes_on() {
    let (bench, then, mut session) = saved_run();
    let end = session.state_hash();
    // In the past, with nothing changed: the model is still that of the end.
    go(&mut session, TimeControl::GoTo(10));
    assert_eq!(after_a_kill(&bench, "a").state_hash(), end);
    // A layout there is a command at a moment of the past.
    open(&mut session, LayoutSource::Tensor { node: 1, kind: TensorKind::Weights });
    let mut killed = after_a_kill(&bench, "b");
    run_to(&mut killed, 40);
    assert_eq!(killed.state_hash(), end);
    // Another way.
    session.apply(TrainCommand::SetMomentum(0.5)).unwrap();
    let mut killed = after_a_kill(&bench, "c");
    run_to(&mut killed, 30);
    run_to(&mut session, 30);
    assert_eq!((killed.step(), killed.state_hash()), (30, session.state_hash()));
    session.save().unwrap();
    let other = session.state_hash();
    // The branch that was left is there after a resume, made again from the beginning.
    let mut killed = after_a_kill(&bench, "d");
    assert_eq!(killed.state_hash(), other);
    go(&mut killed, TimeControl::Switch(0));
    assert_eq!((killed.step(), killed.state_hash()), (40, end.clone()));
    go(&mut killed, TimeControl::GoTo(12));
    assert_eq!(killed.state_hash(), then[&12].0);
    killed.save().unwrap();
    drop(killed);
    // Switched and not saved, then saved.
    go(&mut session, TimeControl::Switch(0));
    let mut killed = after_a_kill(&bench, "e");
    assert_eq!((killed.state_hash(), present(&killed)), (other.clone(), vec![false, true]));
    go(&mut killed, TimeControl::Switch(0));
    assert_eq!((killed.step(), killed.state_hash()), (40, end.clone()));
    // A command there is kept, though nothing was saved by hand.
    killed.apply(TrainCommand::SetMomentum(0.25)).unwrap();
    drop(killed);
    let killed = Session::resume(Rc::clone(&bench.gpu), &bench.path("e")).unwrap();
    assert_eq!((killed.step(), present(&killed)), (40, vec![true, false]));
    assert_eq!(killed.timeline().marks.len(), commands().len() + 1);
    session.save().unwrap();
    assert_eq!(after_a_kill(&bench, "f").state_hash(), end);
    // A kill between the two files of the save leaves the journal of the one and the model of the other.
    fs::copy(bench.path("d/journal.jsonl"), bench.path("run/journal.jsonl")).unwrap();
    drop(session);
    let mut mended = bench.resume();
    assert_eq!(mended.state_hash(), end);
    assert_eq!(present(&mended), [true, false]);
    go(&mut mended, TimeControl::Switch(1));
    assert_eq!((mended.step(), mended.state_hash()), (30, other));
}

#[test]
fn layouts_and_the_probe_stay_as_they_are_on_a_way_back() {
    let bench = Bench::new();
    let mut session = bench.kept();
    session.keep_time(ROOM);
    run_to(&mut session, 20);
    let layout = open(&mut session, LayoutSource::Tensor { node: 1, kind: TensorKind::Weights });
    session.apply(DataCommand::PinProbe(3)).unwrap();
    run_to(&mut session, 30);
    go(&mut session, TimeControl::GoTo(5));
    assert_eq!((session.layouts().len(), session.probe().0), (1, 3));
    session.apply(LayoutCommand::Run(layout, false)).unwrap();
    session.apply(TrainCommand::SetMomentum(0.5)).unwrap();
    run_to(&mut session, 25);
    assert_eq!((session.layouts().len(), session.probe().0), (1, 3));
    session.apply(LayoutCommand::Close(layout)).unwrap();
    session.save().unwrap();
    let hash = session.state_hash();
    drop(session);
    let mut again = bench.resume();
    again.restore_layouts();
    assert_eq!((again.layouts().len(), again.probe().0, again.state_hash()), (0, 3, hash));
    again.check_events().unwrap();
}

#[test]
fn a_way_can_be_stopped_and_a_moment_that_is_not_there_is_said() {
    let bench = Bench::new();
    let mut session = bench.session();
    run_to(&mut session, 30);
    session.control(Control::Time(TimeControl::GoTo(25))).unwrap();
    while session.step() >= 25 || session.step() < 3 {
        crate::bench::submit(&mut session, 1e-9);
    }
    assert_eq!(session.timeline().sought, Some(25));
    session.pause();
    finish(&mut session);
    let step = session.step();
    assert!((3..25).contains(&step), "{step}");
    assert_eq!((session.timeline().sought, session.metrics().steps.len() as u32), (None, step));
    let mut other = bench.session();
    run_to(&mut other, step);
    assert_eq!(other.state_hash(), session.state_hash());
    let error = session.control(Control::Time(TimeControl::GoTo(31))).unwrap_err();
    assert_eq!(error.what(), "step 31 was not reached yet");
    assert!(error.help().contains("0 to 30"), "{error}");
    assert!(session.control(Control::Time(TimeControl::GoToBookmark(0))).is_err());
    // Trained on from there, it is the same run.
    run_to(&mut session, 30);
    run_to(&mut other, 30);
    assert_eq!(other.state_hash(), session.state_hash());
}

#[test]
fn a_run_that_streams_its_images_goes_back_and_on() {
    let mut gpu = revacnn::gpu::Gpu::open(&revacnn::gpu::AdapterChoice::Best).unwrap();
    gpu.set_image_memory(Some(3 * 128 * 64));
    let bench = Bench { gpu: Rc::new(gpu), ..Bench::new() };
    let then = reference(&bench, 40);
    let mut session = bench.session();
    session.keep_time(ROOM);
    run_with_commands(&mut session, 40);
    let end = session.state_hash();
    for step in [39, 3, 26] {
        go(&mut session, TimeControl::GoTo(step));
        assert_eq!(session.state_hash(), then[&step].0);
    }
    run_to(&mut session, 40);
    assert_eq!(session.state_hash(), end);
}
