//! Commands to layouts: what each promises, what is refused, and what the journal has of them.

use revacnn::embed::Settings;
use revacnn::session::{
    Action, Command, Control, DataCommand, Event, ImageSet, ImageSource, Layout, LayoutCommand, LayoutId,
    LayoutSource, Session, Split, TensorKind, TrainCommand, refusal,
};
use serde_json::json;

use crate::bench::{Bench, finish, journal, run_to, submit};
use crate::watching::{go_on, watch, write_with};

pub(crate) const DENSE: LayoutSource = LayoutSource::Tensor { node: 4, kind: TensorKind::Weights };
pub(crate) const CONV: LayoutSource = LayoutSource::Tensor { node: 1, kind: TensorKind::Weights };
pub(crate) const IMAGES: LayoutSource =
    LayoutSource::Images(ImageSource { node: 3, set: ImageSet::Test, count: 150 });

/// Everything that is on its way arrives, and layouts come to rest; nothing went wrong.
pub(crate) fn rest(session: &mut Session) {
    while session.advance() {}
    session.settle();
    let fault = session.take_events().into_iter().find(|event| matches!(event, Event::Fault(_)));
    assert_eq!(fault, None);
}

pub(crate) fn layout(session: &Session, id: u64) -> &Layout {
    session.layout(LayoutId(id)).expect("it is open")
}

pub(crate) fn positions(session: &Session, id: u64) -> Vec<[f32; 2]> {
    layout(session, id).tsne().read_positions(session.gpu())
}

pub(crate) fn pinned(session: &Session, id: u64) -> u32 {
    layout(session, id).tsne().state(session.gpu()).pinned
}

pub(crate) fn pin(id: u64, row: u32, position: [f32; 2]) -> LayoutCommand {
    LayoutCommand::Pin { layout: LayoutId(id), row, position }
}

#[test]
fn layouts_open_in_order_replace_their_like_and_close() {
    let bench = Bench::new();
    let mut session = bench.session();
    for source in [DENSE, CONV, IMAGES, LayoutSource::Filters] {
        session.apply(LayoutCommand::Open(source)).unwrap();
    }
    let open =
        |session: &Session| session.layouts().iter().map(|l| (l.id().0, l.source())).collect::<Vec<_>>();
    let expected = [(0, DENSE), (1, CONV), (2, IMAGES), (3, LayoutSource::Filters)];
    assert_eq!(open(&session), expected);
    let gradients = LayoutSource::Tensor { node: 4, kind: TensorKind::WeightGradients };
    session.apply(LayoutCommand::Run(LayoutId(0), false)).unwrap();
    session.apply(LayoutCommand::Open(gradients)).unwrap();
    assert_eq!(open(&session), [expected[1], expected[2], expected[3], (4, gradients)]);
    assert!(!layout(&session, 4).running, "it goes on as the one whose place it takes");
    session.apply(LayoutCommand::Close(LayoutId(2))).unwrap();
    assert_eq!(open(&session), [expected[1], expected[3], (4, gradients)]);
    assert!(session.layout(LayoutId(2)).is_none());
}

#[test]
fn each_setting_of_a_layout_is_its_own() {
    let bench = Bench::new();
    let mut session = bench.session();
    run_to(&mut session, 3);
    let hash = session.state_hash();
    session.apply(LayoutCommand::Open(DENSE)).unwrap();
    session.apply(LayoutCommand::Open(IMAGES)).unwrap();
    rest(&mut session);
    let (dense, images) = (LayoutId(0), LayoutId(1));
    assert!(layout(&session, 0).rests() && layout(&session, 0).running);
    // Paused, it does not move even when it starts again.
    session.apply(LayoutCommand::Run(dense, false)).unwrap();
    assert!(!layout(&session, 0).running && layout(&session, 1).running);
    session.apply(LayoutCommand::Run(dense, true)).unwrap();
    let settings = Settings { exaggeration: 4.0, momentum: 0.7, ..Settings::DEFAULT };
    session.apply(LayoutCommand::Settings(dense, settings)).unwrap();
    assert_eq!(
        (layout(&session, 0).settings(), layout(&session, 1).settings()),
        (settings, Settings::DEFAULT)
    );
    session.apply(LayoutCommand::Perplexity(dense, 2.0)).unwrap();
    assert_eq!((layout(&session, 0).perplexity(), layout(&session, 1).perplexity()), (2.0, 30.0));
    session.apply(LayoutCommand::Every(images, 7)).unwrap();
    session.apply(LayoutCommand::Follow(images, true)).unwrap();
    assert_eq!((layout(&session, 1).every, layout(&session, 1).follows()), (7, true));
    assert_eq!(layout(&session, 0).every, 1);
    rest(&mut session);
    // Started again, it has fewer iterations than before, and the other one as many.
    let iterations = |session: &Session| {
        let of = |id| layout(session, id).tsne().state(session.gpu()).iteration;
        (of(0), of(1))
    };
    let before = iterations(&session);
    session.apply(LayoutCommand::Restart(dense)).unwrap();
    rest(&mut session);
    let after = iterations(&session);
    assert!(after.0 < before.0 && after.1 == before.1, "{before:?}, {after:?}");
    // Forwarded again, its images went through the weights of now.
    assert_eq!(session.state_hash(), hash, "layouts changed the run");
    session.apply(LayoutCommand::Follow(images, false)).unwrap();
    run_to(&mut session, 30);
    assert_eq!(layout(&session, 1).forwarded_at(), Some(3));
    session.apply(LayoutCommand::Refresh(images)).unwrap();
    rest(&mut session);
    assert_eq!(layout(&session, 1).forwarded_at(), Some(30));
}

#[test]
fn a_pinned_point_stays_where_it_was_put_until_it_is_released() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.apply(LayoutCommand::Open(DENSE)).unwrap();
    // Before the layout has begun, which puts every point elsewhere.
    session.apply(pin(0, 2, [31.0, -17.0])).unwrap();
    rest(&mut session);
    assert_eq!((positions(&session, 0)[2], pinned(&session, 0)), ([31.0, -17.0], 1));
    session.apply(pin(0, 5, [-3.0, 44.0])).unwrap();
    assert_eq!(positions(&session, 0)[5], [-3.0, 44.0]);
    rest(&mut session);
    assert_eq!((positions(&session, 0)[5], pinned(&session, 0)), ([-3.0, 44.0], 2));
    let release = LayoutCommand::Release { layout: LayoutId(0), row: 5, position: [-5.0, 90.0] };
    session.apply(release).unwrap();
    rest(&mut session);
    assert_ne!(positions(&session, 0)[5], [-5.0, 90.0], "it was not released");
    assert_eq!((positions(&session, 0)[2], pinned(&session, 0)), ([31.0, -17.0], 1));
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let bench = Bench::new();
    let mut session = bench.kept();
    session.apply(LayoutCommand::Open(DENSE)).unwrap();
    session.apply(LayoutCommand::Open(IMAGES)).unwrap();
    let (dense, images, gone) = (LayoutId(0), LayoutId(1), LayoutId(2));
    let wrong = Settings { momentum: 1.5, ..Settings::DEFAULT };
    let refused = [
        LayoutCommand::Open(LayoutSource::Tensor { node: 0, kind: TensorKind::Activations }),
        LayoutCommand::Open(LayoutSource::Tensor { node: 99, kind: TensorKind::Weights }),
        LayoutCommand::Open(LayoutSource::Images(ImageSource { node: 9, set: ImageSet::Test, count: 9 })),
        LayoutCommand::Open(LayoutSource::Images(ImageSource { node: 1, set: ImageSet::Test, count: 3 })),
        LayoutCommand::Close(gone),
        LayoutCommand::Run(gone, true),
        LayoutCommand::Restart(gone),
        LayoutCommand::Settings(dense, wrong),
        LayoutCommand::Perplexity(dense, 0.5),
        LayoutCommand::Perplexity(dense, f32::NAN),
        LayoutCommand::Every(images, 0),
        LayoutCommand::Follow(dense, false),
        LayoutCommand::Refresh(dense),
        pin(0, 10, [0.0, 0.0]),
        pin(1, 150, [0.0, 0.0]),
        pin(0, 3, [0.0, f32::INFINITY]),
        LayoutCommand::Release { layout: gone, row: 0, position: [0.0, 0.0] },
    ];
    let lines = journal(&bench);
    for command in refused {
        let error = session.apply(command).unwrap_err();
        assert!(!error.help().is_empty(), "{command:?}");
    }
    assert_eq!((journal(&bench), session.layouts().len()), (lines, 2));
    assert_eq!(layout(&session, 0).settings(), Settings::DEFAULT);
    // The last of each is within range.
    session.apply(pin(0, 9, [0.0, 0.0])).unwrap();
    session.apply(pin(1, 149, [0.0, 0.0])).unwrap();
}

#[test]
fn a_command_in_the_middle_of_a_step_waits_for_its_end_and_finds_those_before_it() {
    let bench = Bench::new();
    let mut session = bench.session();
    run_to(&mut session, 2);
    session.single_step();
    submit(&mut session, 1e-9);
    session.apply(LayoutCommand::Open(DENSE)).unwrap();
    session.apply(LayoutCommand::Every(LayoutId(0), 5)).unwrap();
    session.apply(LayoutCommand::Close(LayoutId(1))).unwrap_err();
    assert!(session.layouts().is_empty(), "it was opened at once");
    finish(&mut session);
    assert_eq!((session.step(), layout(&session, 0).every), (3, 5));
}

#[test]
fn a_drag_is_one_entry_of_the_journal() {
    let bench = Bench::new();
    let mut session = bench.kept();
    session.apply(LayoutCommand::Open(DENSE)).unwrap();
    rest(&mut session);
    for x in 0..20 {
        session.apply(pin(0, 3, [x as f32, 1.0])).unwrap();
        session.advance();
        assert_eq!(positions(&session, 0)[3], [x as f32, 1.0]);
    }
    session.apply(pin(0, 4, [0.5, 2.0])).unwrap();
    // Another point in between, and another step, begin another entry.
    session.apply(pin(0, 3, [7.0, 7.0])).unwrap();
    run_to(&mut session, 1);
    session.apply(pin(0, 3, [8.0, 8.0])).unwrap();
    // In the middle of a step they wait together.
    session.single_step();
    submit(&mut session, 1e-9);
    session.apply(pin(0, 3, [9.0, 8.0])).unwrap();
    session.apply(pin(0, 3, [10.0, 8.0])).unwrap();
    finish(&mut session);
    let release = LayoutCommand::Release { layout: LayoutId(0), row: 3, position: [0.0, 0.25] };
    session.apply(release).unwrap();
    let point = |step: u32, name: &str, row: u32, position: &str| {
        format!(
            r#"{{"step":{step},"command":{{"{name}":{{"layout":0,"row":{row},"position":{position}}}}}}}"#
        )
    };
    let expected = [
        r#"{"step":0,"command":{"open_layout":{"tensor":{"node":4,"kind":"weights"}}}}"#.to_owned(),
        point(0, "pin_point", 3, "[19.0,1.0]"),
        point(0, "pin_point", 4, "[0.5,2.0]"),
        point(0, "pin_point", 3, "[7.0,7.0]"),
        point(1, "pin_point", 3, "[8.0,8.0]"),
        point(2, "pin_point", 3, "[10.0,8.0]"),
        point(2, "release_point", 3, "[0.0,0.25]"),
    ];
    assert_eq!(journal(&bench), expected);
    // The last position of a drag is kept by a save, and is not joined with those after it.
    session.apply(pin(0, 3, [1.0, 1.0])).unwrap();
    assert_eq!(journal(&bench).len(), expected.len());
    session.save().unwrap();
    assert_eq!(journal(&bench).len(), expected.len() + 1);
    session.apply(pin(0, 3, [2.0, 1.0])).unwrap();
    run_to(&mut session, 3);
    session.advance();
    assert_eq!(journal(&bench).len(), expected.len() + 2, "a step has passed since");
}

#[test]
fn every_command_reads_as_it_was_written() {
    let id = LayoutId(7);
    let commands: Vec<Command> = vec![
        LayoutCommand::Open(DENSE).into(),
        LayoutCommand::Open(IMAGES).into(),
        LayoutCommand::Open(LayoutSource::Filters).into(),
        LayoutCommand::Close(id).into(),
        LayoutCommand::Run(id, false).into(),
        LayoutCommand::Restart(id).into(),
        pin(7, 1, [0.1, -1e-7]).into(),
        LayoutCommand::Release { layout: id, row: 2, position: [3e7, 0.3] }.into(),
        LayoutCommand::Settings(id, Settings { momentum: 0.7, ..Settings::DEFAULT }).into(),
        LayoutCommand::Perplexity(id, 12.3).into(),
        LayoutCommand::Follow(id, true).into(),
        LayoutCommand::Every(id, 9).into(),
        LayoutCommand::Refresh(id).into(),
        TrainCommand::SetLearningRate(0.05).into(),
        TrainCommand::SetBatch(3).into(),
        DataCommand::SetFlip(true).into(),
    ];
    let mut names = std::collections::BTreeSet::new();
    for command in &commands {
        let text = serde_json::to_string(command).unwrap();
        assert_eq!(serde_json::from_str::<Command>(&text).unwrap(), *command, "{text}");
        names.insert(text.split('"').nth(1).unwrap().to_owned());
    }
    assert_eq!(
        names.len(),
        commands.len() - 2,
        "three of them open a layout, the others have names of their own"
    );
    for unknown in [r#"{"set_magic":1}"#, r#"{"close_layout":-1}"#, r#"{"open_layout":"everything"}"#, "3"] {
        assert!(serde_json::from_str::<Command>(unknown).is_err(), "{unknown}");
    }
}

#[test]
fn actions_are_commands_and_controls() {
    let bench = Bench::new();
    let mut session = bench.session();
    let actions: [Action; 4] = [
        TrainCommand::SetBatch(30).into(),
        Command::from(LayoutCommand::Open(DENSE)).into(),
        Control::SetLimit(Some(revacnn::session::StopCondition::Steps(5))).into(),
        Control::Play.into(),
    ];
    for action in actions {
        session.perform(action).unwrap();
    }
    assert!(session.is_playing());
    finish(&mut session);
    assert_eq!((session.step(), session.settings().batch, session.layouts().len()), (5, 30, 1));
    session.control(Control::SetLimit(None)).unwrap();
    session.control(Control::SingleStep).unwrap();
    session.control(Control::Evaluate(Split::Test)).unwrap();
    finish(&mut session);
    assert_eq!(session.step(), 6);
    let tests = session
        .take_events()
        .into_iter()
        .filter(|event| matches!(event, Event::Evaluated { split: Split::Test, .. }));
    assert_eq!(tests.count(), 1);
    session.control(Control::Play).unwrap();
    session.control(Control::Pause).unwrap();
    finish(&mut session);
    assert_eq!(session.step(), 6);
}

#[test]
fn a_layout_by_gradients_that_a_checkpoint_lacks_is_refused() {
    let bench = Bench::new();
    let mut session = watch(&bench);
    go_on(&mut session);
    let open = |node, kind| LayoutCommand::Open(LayoutSource::Tensor { node, kind });
    let refused = |session: &Session| {
        [1, 4].map(|node| {
            let action = open(node, TensorKind::WeightGradients).into();
            refusal(session, &action).map(|error| error.what().to_owned())
        })
    };
    let none = |name: &str| Some(format!("this checkpoint has no gradients of {name}"));
    assert_eq!(refused(&session), [None, None]);
    write_with(&bench.path("watched"), 20, &json!({}), |name| !name.starts_with("grad."));
    go_on(&mut session);
    assert_eq!(refused(&session), [none("conv1"), none("dense1")]);
    let error = session.apply(open(1, TensorKind::WeightGradients)).unwrap_err();
    assert!(Some(error.what().to_owned()) == none("conv1") && session.layouts().is_empty(), "{error}");
    session.apply(open(1, TensorKind::Weights)).unwrap();
    // Of a layer that PyTorch does not train.
    write_with(&bench.path("watched"), 30, &json!({}), |name| name != "grad.module.0.weight");
    go_on(&mut session);
    assert_eq!(refused(&session), [none("conv1"), None]);
    session.apply(open(4, TensorKind::WeightGradients)).unwrap();
}
