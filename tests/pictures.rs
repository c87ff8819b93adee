//! Golden pictures: what a short, seeded run looks like, drawn without a display and compared with kept pictures.
//!
//! `UPDATE_PICTURES=1 cargo test --test pictures` draws the kept ones again: look at them before they are committed.
#![cfg(feature = "app")]

mod kept_pictures;

use std::collections::BTreeMap;
use std::process;
use std::rc::Rc;

use image::RgbaImage;
use revacnn::app::offscreen::{Picture, render};
use revacnn::app::{Show, Workbench};
use revacnn::gpu::{AdapterChoice, Gpu};
use revacnn::nn::{Edit, Hyper, WeightEdit};
use revacnn::session::{
    Command, Control, Inspect, LayerId, NetworkCommand, NewProbe, ProbeChange, RunSettings, Session,
    StopCondition, TensorKind, TimeControl, TrainCommand,
};

use kept_pictures::{compare_picture, difference};

/// A run of 60 steps on the built-in digits.
fn session(seed: u64) -> Session {
    session_of("revacnn", seed, 60)
}

fn session_of(network: &str, seed: u64, steps: u32) -> Session {
    let gpu = Rc::new(Gpu::open(&AdapterChoice::Best).unwrap());
    let settings = RunSettings {
        dataset: "digits".to_owned(),
        seed,
        batch: 32,
        augmentation: Default::default(),
        hyper: Hyper::default(),
        frozen: Vec::new(),
        data_edits: Default::default(),
        precision: Default::default(),
        probe: 7,
    };
    let mut session = Session::new(gpu, network, settings, None).unwrap();
    session.count_distributions();
    run_to(&mut session, steps);
    session
}

fn run_to(session: &mut Session, step: u32) {
    session.set_limit(Some(StopCondition::Steps(step)));
    session.play();
    while session.advance() {}
    session.settle();
}

fn draw(seed: u64, pane: &'static str, kind: TensorKind) -> RgbaImage {
    draw_session(session(seed), pane, kind)
}

fn draw_session(mut session: Session, pane: &'static str, kind: TensorKind) -> RgbaImage {
    let mut workbench = Workbench::new(&session);
    workbench.show_everywhere(&session, kind);
    render(&mut session, &mut workbench, &Picture::new(Show::Pane(pane), 900, 560)).unwrap()
}

fn compare(name: &str, pane: &'static str, kind: TensorKind, other_seed_differs: bool) {
    let kept = compare_picture(&format!("tests/pictures/{name}"), &draw(3, pane, kind));
    if let Some(kept) = kept.filter(|_| other_seed_differs) {
        let other = difference(&draw(4, pane, kind), &kept);
        assert!(other > 0.02, "a run of another seed looks the same: {other}");
    }
}

#[test]
fn activations_look_as_they_did() {
    compare("network-activations.png", "network", TensorKind::Activations, true);
}

#[test]
fn weights_look_as_they_did() {
    compare("network-weights.png", "network", TensorKind::Weights, true);
}

#[test]
fn frozen_and_edited_filters_look_as_they_did() {
    let mut session = session(3);
    let plain = draw_session(self::session(3), "network", TensorKind::Weights);
    let commands = [
        NetworkCommand::FreezeFilters { layer: LayerId(0), filters: vec![1, 4, 5] },
        NetworkCommand::Freeze(LayerId(6)),
        NetworkCommand::EditWeights(WeightEdit { layer: 0, filter: 2, at: vec![(12, 0.3)], bias: None }),
        NetworkCommand::Edit(Edit::SplitFilter { layer: 0, filter: 4 }),
    ];
    commands.into_iter().for_each(|command| session.apply(command).unwrap());
    let picture = draw_session(session, "network", TensorKind::Weights);
    assert!(difference(&picture, &plain) > 0.001, "nothing shows it");
    compare_picture("tests/pictures/network-hand.png", &picture);
}

#[test]
fn edges_look_as_they_did() {
    for (name, network, size) in [
        ("flow-revacnn.png", "revacnn", [1280, 420]),
        ("flow-resnet-8.png", "resnet-8", [1900, 420]),
        ("flow-revacnn-keras.png", "revacnn-keras", [900, 600]),
    ] {
        let mut session = session_of(network, 3, 20);
        let mut workbench = Workbench::new(&session);
        let picture = Picture::new(Show::Pane("network"), size[0], size[1]);
        compare_picture(
            &format!("tests/pictures/{name}"),
            &render(&mut session, &mut workbench, &picture).unwrap(),
        );
    }
}

#[test]
fn charts_look_as_they_did() {
    compare("charts.png", "charts", TensorKind::Activations, false);
}

#[test]
fn statistics_look_as_they_did() {
    // Large: times differ from run to run by a few digits.
    let mut session = session_of("revacnn", 3, 140);
    let mut workbench = Workbench::new(&session);
    let picture = Picture::new(Show::Pane("statistics"), 1280, 800);
    compare_picture(
        "tests/pictures/statistics.png",
        &render(&mut session, &mut workbench, &picture).unwrap(),
    );
}

#[test]
fn distributions_look_as_they_did() {
    let mut session = session_of("revacnn", 3, 200);
    let mut workbench = Workbench::new(&session);
    let picture = Picture::new(Show::Pane("distributions"), 940, 600);
    let picture = render(&mut session, &mut workbench, &picture).unwrap();
    compare_picture("tests/pictures/distributions.png", &picture);
}

/// Pictures of the user's own, of which one is pinned; answers of every tenth step.
fn session_with_probes() -> Session {
    let mut session = session(3);
    let shape = revacnn::data::ImageShape { channels: 1, height: 8, width: 8 };
    let disc = |x: u32, y: u32| (x as f32 - 130.0).hypot(y as f32 - 60.0);
    let ring = RgbaImage::from_fn(240, 120, |x, y| {
        let light = if (25.0..48.0).contains(&disc(x, y)) { 250 } else { 20 };
        image::Rgba([light, light, light, 255])
    });
    let ring = revacnn::data::Picture::of_rgba([240, 120], ring.into_raw())
        .unwrap()
        .fit(shape, revacnn::data::Fit::Crop)
        .unwrap();
    let (name, preview, animated) = ("ring.gif".to_owned(), Some(ring.preview), true);
    let new = NewProbe { name, image: ring.image, preview, animated };
    let first = session.trainer().loader.test_number(0);
    let number = |image: u32| (first + image, session.test_labels()[image as usize]);
    let others = [17, 4, 30].map(|image| {
        let (number, class) = number(image);
        ProbeChange::AddNumber { name: format!("test image {image}"), number, class }
    });
    for change in others.into_iter().chain([ProbeChange::Add(new)]) {
        session.control(Control::Inspect(change.into())).unwrap();
    }
    for step in 61..70 {
        session.control(Control::Inspect(Inspect::Predictions)).unwrap();
        session.set_limit(Some(StopCondition::Steps(step)));
        session.play();
        while session.advance() {}
        session.settle();
    }
    session
}

#[test]
fn pictures_of_the_user_look_as_they_did() {
    let picture = draw_session(session_with_probes(), "test", TensorKind::Activations);
    let plain = draw_session(session(3), "test", TensorKind::Activations);
    assert!(difference(&picture, &plain) > 0.02, "nothing shows them");
    compare_picture("tests/pictures/test.png", &picture);
}

#[test]
fn the_confusion_matrix_looks_as_it_did() {
    let picture = draw_session(session(3), "confusion", TensorKind::Activations);
    let other = draw_session(session(4), "confusion", TensorKind::Activations);
    assert!(difference(&picture, &other) > 0.01, "a run of another seed looks the same");
    compare_picture("tests/pictures/confusion.png", &picture);
}

#[test]
fn actions_look_as_in_the_readme() {
    let mut session = session(3);
    session.measure_effects().unwrap();
    let insert = Edit::InsertLayer { after: Some(1), settings: "kind = \"sigmoid\"".parse().unwrap() };
    let commands: [(u32, Command); 3] = [
        (100, TrainCommand::SetLearningRate(0.01).into()),
        (210, NetworkCommand::Edit(Edit::DeleteFilter { layer: 0, filter: 3 }).into()),
        (320, NetworkCommand::Edit(insert).into()),
    ];
    for (step, command) in commands {
        run_to(&mut session, step);
        session.apply(command).unwrap();
    }
    run_to(&mut session, 330);
    session.control(Control::Time(TimeControl::Undo)).unwrap();
    while session.advance() {}
    session.apply(NetworkCommand::Edit(Edit::SplitFilter { layer: 3, filter: 5 })).unwrap();
    run_to(&mut session, 430);
    let mut workbench = Workbench::new(&session);
    let picture = render(&mut session, &mut workbench, &Picture::new(Show::Pane("actions"), 480, 300));
    compare_picture("examples/pictures/actions.png", &picture.unwrap());
}

#[test]
fn every_pane_can_be_drawn_by_its_name() {
    let mut session = session(3);
    for (name, _, show) in Show::all() {
        let mut workbench = Workbench::new(&session);
        let picture = render(&mut session, &mut workbench, &Picture::new(show, 500, 300)).unwrap();
        let background = picture.get_pixel(1, 1);
        let drawn = picture.pixels().filter(|pixel| *pixel != background).count();
        assert!(drawn > 100, "{name} has {drawn} pixels beside its background");
    }
    let mut workbench = Workbench::new(&session);
    let unknown = Picture::new(Show::Pane("no such pane"), 500, 300);
    let error = render(&mut session, &mut workbench, &unknown).unwrap_err();
    assert!(error.what().contains("no such pane") && error.help().contains("embedding"), "{error}");
}

#[test]
fn a_picture_leaves_the_run_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let revacnn = |arguments: &[&str]| {
        let mut command = process::Command::new(env!("CARGO_BIN_EXE_revacnn"));
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let path = run.to_str().unwrap();
    revacnn(&["train", "--dataset", "digits", "--epochs", "1", "--out", path]);
    let files = || {
        let entries = std::fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|file| (file.clone(), std::fs::read(file).unwrap())).collect::<BTreeMap<_, _>>()
    };
    let before = files();
    let picture = folder.path().join("picture.png");
    revacnn(&["render", path, "--view", "embedding", "-o", picture.to_str().unwrap()]);
    assert!(picture.exists());
    assert!(before.len() >= 3 && files() == before, "the layouts of a picture were written to the run");
}

#[test]
fn a_picture_too_large_is_refused() {
    let mut session = session(3);
    let mut workbench = Workbench::new(&session);
    let Err(error) = render(&mut session, &mut workbench, &Picture::new(Show::Workbench, 1 << 20, 10)) else {
        panic!("a picture of a million pixels a side was drawn")
    };
    assert!(error.what().contains("1048576"));
}

/// Pictures drawn on several threads at once, each with a GPU of its own. A process of its own draws them, in which glibc fills freed memory,
/// so that a driver that looks at freed memory ends it at once and not once in a hundred times.
#[test]
fn several_threads_draw_at_once() {
    const CHILD: &str = "REVACNN_TEST_DRAWS";
    if std::env::var_os(CHILD).is_none() {
        let status = process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "several_threads_draw_at_once"])
            .envs([(CHILD, "1"), ("MALLOC_PERTURB_", "165")])
            .status()
            .unwrap();
        assert!(status.success(), "{status}");
        return;
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope
                    .spawn(|| (0..3).map(|_| draw(3, "network", TensorKind::Activations)).collect::<Vec<_>>())
            })
            .collect();
        let pictures: Vec<RgbaImage> =
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert!(pictures.iter().all(|picture| difference(picture, &pictures[0]) < 0.004));
    });
}
