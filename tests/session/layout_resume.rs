//! Layouts of a resumed run: opened again where someone looks, with what commands have set of them.

use std::rc::Rc;

use revacnn::embed::Settings;
use revacnn::nn::Edit;
use revacnn::session::{
    Command, Event, ImageSet, ImageSource, Layout, LayoutCommand, LayoutId, LayoutSource, NetworkCommand,
    Session, TrainCommand,
};

use crate::bench::{Bench, journal, run_to};
use crate::layout_commands::{CONV, DENSE, IMAGES, layout, pin, pinned, positions, rest};

/// Sources and settings of the open layouts.
fn described(session: &Session) -> Vec<(LayoutId, LayoutSource, [bool; 2], u32, Settings, f32)> {
    let describe = |l: &Layout| {
        (l.id(), l.source(), [l.running, l.follows()], l.every, l.settings(), l.wanted_perplexity())
    };
    session.layouts().iter().map(describe).collect()
}

#[test]
fn a_resume_opens_what_was_open_with_its_settings_and_pins() {
    let bench = Bench::new();
    let mut session = bench.kept();
    let settings = Settings { early_momentum: 0.6, ..Settings::DEFAULT };
    let before: [Command; 12] = [
        LayoutCommand::Open(CONV).into(),
        LayoutCommand::Open(IMAGES).into(),
        LayoutCommand::Open(DENSE).into(),
        LayoutCommand::Close(LayoutId(0)).into(),
        TrainCommand::SetBatch(50).into(),
        LayoutCommand::Open(LayoutSource::Filters).into(),
        LayoutCommand::Follow(LayoutId(1), true).into(),
        LayoutCommand::Every(LayoutId(2), 4).into(),
        LayoutCommand::Settings(LayoutId(2), settings).into(),
        LayoutCommand::Perplexity(LayoutId(2), 2.5).into(),
        pin(2, 6, [12.0, 13.0]).into(),
        pin(2, 7, [-12.0, 13.0]).into(),
    ];
    for command in before {
        session.apply(command).unwrap();
    }
    run_to(&mut session, 6);
    session.save().unwrap();
    let at_checkpoint = described(&session);
    assert_eq!(at_checkpoint.iter().map(|l| l.0.0).collect::<Vec<_>>(), [1, 2, 3]);
    run_to(&mut session, 8);
    session.apply(LayoutCommand::Run(LayoutId(2), false)).unwrap();
    session.apply(LayoutCommand::Open(CONV)).unwrap();
    run_to(&mut session, 10);
    let (at_end, hash) = (described(&session), session.state_hash());
    drop(session);
    let lines = journal(&bench);

    // Nobody looks: no layout is opened, and the run is the same.
    let mut session = bench.resume();
    run_to(&mut session, 10);
    assert!(session.layouts().is_empty());
    assert_eq!(session.state_hash(), hash);
    // Whoever looks later finds what the journal has by then.
    session.restore_layouts();
    assert_eq!(described(&session), at_end);
    drop(session);

    let mut session = bench.resume();
    session.restore_layouts();
    assert_eq!(described(&session), at_checkpoint);
    rest(&mut session);
    assert_eq!((positions(&session, 2)[6], positions(&session, 2)[7]), ([12.0, 13.0], [-12.0, 13.0]));
    assert_eq!(pinned(&session, 2), 2);
    run_to(&mut session, 10);
    rest(&mut session);
    assert_eq!(described(&session), at_end, "the commands after the checkpoint were not repeated");
    assert_eq!((session.state_hash(), journal(&bench)), (hash, lines));
}

/// Rows of the points at a position.
fn rows_at(session: &Session, id: u64, position: [f32; 2]) -> Vec<usize> {
    let all = positions(session, id);
    (0..all.len()).filter(|row| all[*row] == position).collect()
}

#[test]
fn a_resume_pins_the_filters_that_stayed_where_they_are_now() {
    let bench = Bench::new();
    let mut session = bench.kept();
    run_to(&mut session, 2);
    for source in [CONV, DENSE, LayoutSource::Filters] {
        session.apply(LayoutCommand::Open(source)).unwrap();
    }
    rest(&mut session);
    let places = [[3.5, -1.25], [4.5, 2.0], [-5.0, 1.0], [6.0, -3.0]];
    // Filter 2 and filter 0 of the convolution, a class, and among all filters class 5, which comes after four filters.
    for command in [pin(0, 2, places[0]), pin(0, 0, [9.0, 9.0]), pin(1, 7, places[1])] {
        session.apply(command).unwrap();
    }
    session.apply(pin(2, 2, places[2])).unwrap();
    session.apply(pin(2, 4 + 5, places[3])).unwrap();
    let settings = "kind = \"relu\"".parse().unwrap();
    for edit in [
        Edit::SplitFilter { layer: 0, filter: 1 },
        Edit::InsertLayer { after: Some(0), settings },
        Edit::DeleteFilter { layer: 0, filter: 0 },
        Edit::AddFilter { layer: 0 },
    ] {
        session.apply(NetworkCommand::Edit(edit)).unwrap();
        rest(&mut session);
    }
    run_to(&mut session, 4);
    session.save().unwrap();
    let pins = |session: &Session| {
        let at = |id, place: usize| rows_at(session, id, places[place]);
        let rows = [at(0, 0), at(1, 1), at(2, 2), at(2, 3)];
        (rows, [0, 1, 2].map(|id| pinned(session, id)))
    };
    rest(&mut session);
    // One of the two halves of filter 1, its other half and filter 2 come first; a filter more comes before the classes.
    let expected = ([vec![2], vec![7], vec![2], vec![5 + 5]], [1, 1, 2]);
    assert_eq!(pins(&session), expected);
    drop(session);
    let mut session = bench.resume();
    session.restore_layouts();
    rest(&mut session);
    assert_eq!(pins(&session), expected);
}

#[test]
fn a_layout_command_of_a_resumed_run_leaves_the_training_commands_to_come() {
    let bench = Bench::new();
    let mut session = bench.kept();
    session.apply(LayoutCommand::Open(CONV)).unwrap();
    run_to(&mut session, 2);
    session.save().unwrap();
    run_to(&mut session, 4);
    session.apply(LayoutCommand::Open(DENSE)).unwrap();
    session.apply(TrainCommand::SetLearningRate(0.2)).unwrap();
    run_to(&mut session, 8);
    let hash = session.state_hash();
    drop(session);
    let mut session = bench.resume();
    // The first of them opens what was open.
    session.apply(LayoutCommand::Every(LayoutId(0), 3)).unwrap();
    assert_eq!((session.layouts().len(), layout(&session, 0).every), (1, 3));
    let lines = [
        r#"{"step":0,"command":{"open_layout":{"tensor":{"node":1,"kind":"weights"}}}}"#,
        r#"{"step":2,"command":{"set_layout_interval":[0,3]}}"#,
        r#"{"step":4,"command":{"set_learning_rate":0.2}}"#,
    ];
    assert_eq!(journal(&bench), lines);
    run_to(&mut session, 8);
    assert_eq!((session.state_hash(), session.layouts().len()), (hash, 1));
    // The next number is that of the layout which was not opened.
    session.apply(LayoutCommand::Open(DENSE)).unwrap();
    assert_eq!(session.layouts()[1].id(), LayoutId(1));
}

#[test]
fn a_layout_that_does_not_fit_any_more_is_told_and_the_run_goes_on() {
    let bench = Bench::new();
    let mut session = bench.kept();
    let wide = LayoutSource::Images(ImageSource { node: 1, set: ImageSet::Train, count: 1200 });
    session.apply(LayoutCommand::Open(wide)).unwrap();
    session.apply(LayoutCommand::Open(DENSE)).unwrap();
    session.save().unwrap();
    session.apply(LayoutCommand::Every(LayoutId(0), 5)).unwrap();
    session.apply(TrainCommand::SetLearningRate(0.2)).unwrap();
    run_to(&mut session, 3);
    let hash = session.state_hash();
    drop(session);
    let mut gpu = revacnn::gpu::Gpu::open(&revacnn::gpu::AdapterChoice::Best).unwrap();
    gpu.limits.max_storage_buffer_binding_size = 512 << 10;
    let mut session = Session::resume(Rc::new(gpu), &bench.path("run")).unwrap();
    session.restore_layouts();
    let faults: Vec<Event> = session.take_events();
    assert!(matches!(&faults[..], [Event::Notice(e)] if e.what().starts_with("1200 images")), "{faults:?}");
    let open: Vec<LayoutId> = session.layouts().iter().map(Layout::id).collect();
    assert_eq!(open, [LayoutId(1)]);
    run_to(&mut session, 3);
    assert_eq!(session.state_hash(), hash);
}
