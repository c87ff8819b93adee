//! The doctor: faults that were put into a run on purpose are found, healthy runs have none, and remedies are judged.

use std::rc::Rc;

use revacnn::data::{Augmentation, DataEdits};
use revacnn::nn::{Edit, Hyper, OptimizerKind, Schedule, WeightEdit};
use revacnn::session::{
    Command, Control, Diagnosis, EFFECT_STEPS, LayerId, NetworkCommand, Problem, RunSettings, Session,
    TrainCommand, WATCHED_STEPS, examine, try_remedies,
};

use crate::bench::{Bench, run_to, settings};

/// Validation images of an examination.
const IMAGES: usize = 200;

/// A network file of layers, each a kind with its settings.
fn network(layers: &[&str]) -> String {
    let layer = |line: &&str| {
        let mut words = line.split(' ');
        let kind = words.next().unwrap_or_default();
        let settings: Vec<String> = words.map(|word| word.replace('=', " = ")).collect();
        format!("[[layer]]\nkind = \"{kind}\"\n{}\n", settings.join("\n"))
    };
    format!("name = \"tried\"\n{}", layers.iter().map(layer).collect::<String>())
}

const CONV: [&str; 6] = [
    "conv2d filters=6 kernel=3 padding=1",
    "relu",
    "max_pool2d size=2",
    "conv2d filters=8 kernel=3 padding=1",
    "relu",
    "dense",
];

/// A run on the built-in images with these layers, kept nowhere.
fn begin(bench: &Bench, layers: &[&str], settings: RunSettings) -> Session {
    let path = bench.path("tried.toml");
    std::fs::write(&path, network(layers)).unwrap();
    Session::new(Rc::clone(&bench.gpu), &path.display().to_string(), settings, None).unwrap()
}

fn with(hyper: Hyper) -> RunSettings {
    RunSettings { augmentation: Augmentation::default(), hyper, ..settings() }
}

fn look(session: &mut Session) -> Diagnosis {
    examine(session, IMAGES, &mut |_| ()).unwrap()
}

/// The problems by the names of their layers.
fn named(diagnosis: &Diagnosis) -> Vec<(Option<&str>, &str)> {
    diagnosis.findings.iter().map(|found| (found.layer.as_deref(), found.problem.name())).collect()
}

/// Number of the layer of this name.
fn id(session: &Session, name: &str) -> u32 {
    session.trainer().network.layers.iter().find(|layer| layer.name == name).expect("it is there").id
}

fn paint(session: &mut Session, layer: u32, filter: u32, weights: &[f32], bias: Option<f32>) {
    let at = weights.iter().enumerate().map(|(at, value)| (at as u32, *value)).collect();
    session.apply(NetworkCommand::EditWeights(WeightEdit { layer, filter, at, bias })).unwrap();
}

/// A fault that is put into a run: its name, the run with it, and the problems of which one is to be found, in this layer.
type Fault = (&'static str, fn(&Bench) -> Session, &'static [&'static str], Option<&'static str>);

fn trained(bench: &Bench) -> Session {
    let mut session = begin(bench, &CONV, with(Hyper::default()));
    run_to(&mut session, 100);
    session
}

fn after(bench: &Bench, commands: &[Command], steps: u32) -> Session {
    let mut session = trained(bench);
    session.apply_all(commands).unwrap();
    run_to(&mut session, 100 + steps);
    session
}

/// A new run with this optimizer.
fn fresh(bench: &Bench, layers: &[&str], hyper: Hyper, steps: u32) -> Session {
    let mut session = begin(bench, layers, with(hyper));
    run_to(&mut session, steps);
    session
}

fn too_fast(bench: &Bench) -> Session {
    let mut session = trained(bench);
    session.apply(TrainCommand::SetLearningRate(5.0)).unwrap();
    session
}

fn too_slow(bench: &Bench) -> Session {
    fresh(bench, &CONV, Hyper { learning_rate: 1e-7, ..Hyper::default() }, 60)
}

fn schedule_ended(bench: &Bench) -> Session {
    let schedule = Schedule::Step { epochs: 0.2, factor: 0.01 };
    fresh(bench, &CONV, Hyper { learning_rate: 0.001, schedule, ..Hyper::default() }, 60)
}

fn dead_layer(bench: &Bench) -> Session {
    let mut session = trained(bench);
    let layer = id(&session, "conv2");
    (0..8).for_each(|filter| paint(&mut session, layer, filter, &[], Some(-1e4)));
    session
}

fn dead_filter(bench: &Bench) -> Session {
    let mut session = trained(bench);
    let layer = id(&session, "conv1");
    paint(&mut session, layer, 4, &[], Some(-1e4));
    session
}

fn saturated(bench: &Bench) -> Session {
    let layers = ["conv2d filters=6 kernel=3 padding=1", "tanh", "max_pool2d size=2", "dense"];
    let mut session = fresh(bench, &layers, Hyper::default(), 60);
    let layer = id(&session, "conv1");
    paint(
        &mut session,
        layer,
        2,
        &[900.0, -800.0, 950.0, 700.0, -900.0, 800.0, 650.0, -700.0, 990.0],
        Some(5e4),
    );
    session
}

fn duplicated(bench: &Bench) -> Session {
    let mut session = trained(bench);
    let edit = Edit::SplitFilter { layer: id(&session, "conv1"), filter: 1 };
    session.apply(NetworkCommand::Edit(edit)).unwrap();
    session
}

fn frozen(bench: &Bench) -> Session {
    after(bench, &[NetworkCommand::Freeze(LayerId(0)).into()], 0)
}

fn without_rate(bench: &Bench) -> Session {
    after(bench, &[NetworkCommand::SetLayerRate { layer: LayerId(3), factor: 0.0 }.into()], 0)
}

/// Few images, some of them by other classes' names.
fn over_fitted(bench: &Bench) -> Session {
    let layers = ["conv2d filters=16 kernel=3 padding=1", "relu", "dense units=64", "relu", "dense"];
    let hyper = Hyper { weight_decay: 0.0, learning_rate: 0.004, ..Hyper::of(OptimizerKind::Adam) };
    let mut edits = DataEdits::default();
    for (at, (image, _)) in training_classes(bench).into_iter().enumerate() {
        match at {
            0..100 if at % 4 == 0 => edits.relabel(image, (image / 4 % 10) as u8),
            0..100 => {}
            _ => edits.leave_out(image),
        }
    }
    let mut session = begin(bench, &layers, RunSettings { data_edits: edits, ..with(hyper) });
    let epoch = session.steps_per_epoch();
    run_to(&mut session, 7 * epoch);
    session
}

/// Numbers and classes of the training images.
fn training_classes(bench: &Bench) -> Vec<(u32, u8)> {
    begin(bench, &CONV, with(Hyper::default())).trainer().loader.training_classes().collect()
}

fn mislabeled(bench: &Bench) -> Session {
    let mut edits = DataEdits::default();
    let threes = training_classes(bench).into_iter().filter(|(_, class)| *class == 3);
    threes.for_each(|(image, _)| edits.relabel(image, 5));
    let mut session = begin(bench, &CONV, RunSettings { data_edits: edits, ..with(Hyper::default()) });
    run_to(&mut session, 100);
    session
}

fn shrunken(bench: &Bench) -> Session {
    after(bench, &[TrainCommand::SetWeightDecay(1.0).into()], 60)
}

fn vanishing(bench: &Bench) -> Session {
    let mut layers = ["dense units=24", "sigmoid"].repeat(7);
    layers.push("dense");
    fresh(bench, &layers, Hyper::default(), 60)
}

fn dropped_out(bench: &Bench) -> Session {
    let layers = ["conv2d filters=8 kernel=3 padding=1", "relu", "dropout rate=0.93", "dense"];
    let mut session = begin(bench, &layers, with(Hyper::default()));
    let epoch = session.steps_per_epoch();
    run_to(&mut session, 4 * epoch);
    session
}

/// Every kernel of the first layer looks at one channel of images in color.
fn single_colored(bench: &Bench) -> Session {
    let folder = bench.path("colors");
    for (class, image) in (0..2_u8).flat_map(|class| (0..40_u8).map(move |image| (class, image))) {
        let at = folder.join(format!("class{class}"));
        std::fs::create_dir_all(&at).unwrap();
        let pixel = |x: u32, y: u32| image::Rgb([5 * image + class, 9 * x as u8, (3 * x * y) as u8]);
        image::RgbImage::from_fn(12, 12, pixel).save(at.join(format!("{image}.png"))).unwrap();
    }
    let slow = Hyper { learning_rate: 0.001, ..Hyper::default() };
    let data = RunSettings { dataset: folder.display().to_string(), batch: 8, ..with(slow) };
    let mut session = begin(bench, &["conv2d filters=4 kernel=3", "relu", "dense"], data);
    for filter in 0..4_u32 {
        let weight = |at: u32| if at / 9 == filter % 3 { 1.0 - (at % 9 + filter) as f32 / 20.0 } else { 0.0 };
        paint(&mut session, 0, filter, &(0..27).map(weight).collect::<Vec<f32>>(), None);
    }
    session
}

const FAULTS: [Fault; 15] = [
    ("a rate that is too high", too_fast, &["not_finite", "diverging", "exploding"], None),
    ("a rate that is too low", too_slow, &["too_slow"], None),
    ("a schedule that ended", schedule_ended, &["too_slow"], None),
    ("a dead layer", dead_layer, &["dead_filters"], Some("conv2")),
    ("a dead filter", dead_filter, &["dead_filters"], Some("conv1")),
    ("a saturated filter", saturated, &["saturated_filters"], Some("conv1")),
    ("a filter that is there twice", duplicated, &["duplicate_filters"], Some("conv1")),
    ("a frozen layer", frozen, &["frozen"], Some("conv1")),
    ("a layer without a rate", without_rate, &["no_rate"], Some("conv2")),
    ("few images with wrong classes", over_fitted, &["over_fitting", "memorized"], None),
    ("a class by another's name", mislabeled, &["class_never_right"], None),
    ("a strong decay", shrunken, &["shrinking"], Some("conv1")),
    ("a deep network of sigmoids", vanishing, &["vanishing"], Some("dense1")),
    ("a strong dropout", dropped_out, &["too_hard"], None),
    ("filters of single colors", single_colored, &["single_color"], Some("conv1")),
];

#[test]
fn injected_faults_are_found() {
    let bench = Bench::new();
    let mut missed = Vec::new();
    for (name, make, problems, layer) in FAULTS {
        let mut session = make(&bench);
        let diagnosis = look(&mut session);
        let found = named(&diagnosis);
        let is_found =
            found.iter().any(|(of, problem)| problems.contains(problem) && (layer.is_none() || *of == layer));
        if !is_found {
            missed.push((name, format!("{found:?} {:?}", diagnosis.checkup.layers)));
        }
        for finding in &diagnosis.findings {
            let texts = [finding.problem.heading(), finding.problem.evidence()];
            assert!(texts.iter().all(|text| !text.is_empty() && !text.contains("NaN")), "{texts:?}");
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}

/// A healthy run: layers, optimizer, schedule and steps.
type Healthy = (&'static [&'static str], Hyper, u32);

fn healthy() -> [Healthy; 12] {
    const TANH: [&str; 4] = ["conv2d filters=6 kernel=3 padding=1", "tanh", "max_pool2d size=2", "dense"];
    const NORM: [&str; 6] = [
        "conv2d filters=8 kernel=3 padding=1",
        "batch_norm",
        "relu",
        "max_pool2d size=2",
        "dropout rate=0.3",
        "dense",
    ];
    const LEAKY: [&str; 4] =
        ["conv2d filters=8 kernel=3 padding=1", "leaky_relu", "avg_pool2d size=2", "dense"];
    const DENSE: [&str; 3] = ["dense units=32", "gelu", "dense"];
    const SIGMOID: [&str; 3] = ["dense units=32", "sigmoid", "dense"];
    let of = |kind| Hyper::of(kind);
    let cosine = Hyper { schedule: Schedule::Cosine { epochs: 10.0 }, ..Hyper::default() };
    [
        (&CONV, Hyper::default(), 60),
        (&CONV, Hyper::default(), 260),
        (&CONV, cosine, 260),
        (&CONV, of(OptimizerKind::Adam), 150),
        (&TANH, Hyper::default(), 150),
        (&TANH, of(OptimizerKind::Rmsprop), 150),
        (&NORM, Hyper::default(), 150),
        (&NORM, of(OptimizerKind::Adamw), 260),
        (&LEAKY, of(OptimizerKind::Adagrad), 150),
        (&LEAKY, Hyper { momentum: 0.0, learning_rate: 0.1, ..Hyper::default() }, 150),
        (&DENSE, of(OptimizerKind::Adam), 260),
        (&SIGMOID, Hyper::default(), 150),
    ]
}

#[test]
fn healthy_runs_have_no_findings() {
    let bench = Bench::new();
    let mut false_ones = Vec::new();
    for (index, (layers, hyper, steps)) in healthy().into_iter().enumerate() {
        let mut session = fresh(&bench, layers, hyper, steps);
        let diagnosis = look(&mut session);
        let loss = diagnosis.loss().unwrap();
        assert!(loss < 1.2, "run {index} learned: {loss}");
        for finding in &diagnosis.findings {
            false_ones.push((
                index,
                named(&diagnosis).len(),
                finding.layer.clone(),
                finding.problem.evidence(),
            ));
        }
    }
    assert!(false_ones.is_empty(), "{false_ones:#?}");
}

#[test]
fn an_examination_changes_no_bit_and_says_when_it_was() {
    let bench = Bench::new();
    let (mut plain, mut examined) = (trained(&bench), trained(&bench));
    let diagnosis = look(&mut examined);
    assert_eq!((diagnosis.checkup.step, examined.step()), (100 + WATCHED_STEPS, 100 + WATCHED_STEPS));
    run_to(&mut plain, 100 + WATCHED_STEPS);
    assert_eq!(examined.state_hash(), plain.state_hash());
    let changes: Vec<f64> = diagnosis.checkup.layers.iter().map(|layer| layer.change.unwrap()).collect();
    assert!(changes.len() == 3 && changes.iter().all(|change| (1e-5..0.05).contains(change)), "{changes:?}");
    // Of a run that does not train nothing is known of its movement.
    examined.control(Control::Examine(IMAGES)).unwrap();
    while examined.doctor().progress().is_some() {
        examined.advance();
    }
    let still = examined.doctor().diagnosis().unwrap();
    assert_eq!(still.checkup.step, 100 + WATCHED_STEPS);
    assert!(still.checkup.layers.iter().all(|layer| layer.change.is_none()));
    assert!(still.findings.is_empty(), "{:?}", still.findings);
}

#[test]
fn remedies_are_tried_and_judged() {
    let bench = Bench::new();
    let mut session =
        after(&bench, &[NetworkCommand::SetLayerRate { layer: LayerId(3), factor: 0.0 }.into()], 0);
    paint(&mut session, 0, 4, &[], Some(-1e4));
    session.apply(NetworkCommand::Freeze(LayerId(5))).unwrap();
    let diagnosis = look(&mut session);
    let found = named(&diagnosis);
    assert_eq!(
        found,
        [(Some("conv1"), "dead_filters"), (Some("conv2"), "no_rate"), (Some("dense1"), "frozen")],
        "{found:?}"
    );
    let begun = diagnosis.checkup.step;
    let tried = try_remedies(&mut session, &diagnosis, IMAGES, &mut |_| ()).unwrap();
    assert!(tried.loss_without.is_some_and(f64::is_finite));
    let [dead, rate, thawed] = &tried.treatments[..] else { panic!("{:?}", tried.treatments) };
    for treatment in [dead, rate, thawed] {
        let outcome = treatment.outcome.unwrap();
        assert!(outcome.came_true && outcome.loss.is_some(), "{treatment:?}");
        assert_eq!((treatment.step, outcome.step), (begun, begun + EFFECT_STEPS));
    }
    let delete = Command::Network(NetworkCommand::Edit(Edit::DeleteFilter { layer: 0, filter: 4 }));
    let remedy = dead.finding.remedy.as_ref().unwrap();
    assert_eq!((&remedy.commands[..], remedy.loss_change), (&[delete][..], Some(0.0)));
    // A remedy that the user takes back again has not helped.
    let diagnosis = look(&mut session);
    let index = diagnosis.findings.iter().position(|found| matches!(found.problem, Problem::NoRate)).unwrap();
    session.control(Control::Treat(index)).unwrap();
    session.apply(NetworkCommand::SetLayerRate { layer: LayerId(3), factor: 0.0 }).unwrap();
    let due = session.step() + EFFECT_STEPS;
    run_to(&mut session, due);
    while session.doctor().progress().is_some() {
        session.advance();
    }
    let last = session.doctor().treatments().last().unwrap();
    assert_eq!(last.outcome.map(|outcome| (outcome.step, outcome.came_true)), Some((due, false)));
    assert!(session.control(Control::Treat(99)).unwrap_err().help().contains("again"));
}
