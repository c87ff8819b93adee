//! Single images of a run: the user's own as probes, what the network says of them and of test images, and every image of an evaluation.

use std::rc::Rc;

use revacnn::data::Dataset;
use revacnn::gpu::{AdapterChoice, Gpu};
use revacnn::nn::TopK;
use revacnn::session::{
    Control, DataCommand, Event, Inspect, MAX_PROBES, MAX_RECENT, NewProbe, Outcome, ProbeChange,
    RunSettings, RunState, Session, Split, StopCondition, TensorKind, TrainCommand,
};

use crate::bench::{Bench, finish, run_to, settings, submit, values};

/// Room for two rings of 128 digits and the probes, of 1 797 digits in all.
const WINDOW: u64 = 3 * 128 * 64;

fn benches() -> [Bench; 2] {
    let mut gpu = Gpu::open(&AdapterChoice::Best).expect("there is an adapter");
    gpu.set_image_memory(Some(WINDOW));
    [Bench::new(), Bench { gpu: Rc::new(gpu), ..Bench::new() }]
}

pub(crate) fn digits() -> Dataset {
    Dataset::open("digits").unwrap()
}

pub(crate) fn new(name: &str, image: &[u8]) -> ProbeChange {
    ProbeChange::Add(NewProbe {
        name: name.to_owned(),
        image: image.to_vec(),
        preview: None,
        animated: false,
    })
}

pub(crate) fn ask(session: &mut Session, request: impl Into<Inspect>) {
    session.control(Control::Inspect(request.into())).unwrap();
}

/// Looks at the predictions until they are there.
pub(crate) fn look(session: &mut Session) {
    ask(session, Inspect::Predictions);
    finish(session);
}

/// Content of the Network pane: the input and the class probabilities.
pub(crate) fn shown(session: &mut Session) -> [Vec<f32>; 2] {
    session.refresh().unwrap();
    let views = [session.tensor(0, TensorKind::Activations).unwrap(), session.probabilities()];
    views.map(|view| values(session.gpu(), &view))
}

/// Classes by their outputs, the largest first, for all test images, by plain loops.
fn ranked(session: &mut Session) -> Vec<Vec<(usize, f32)>> {
    let all: Vec<usize> = (0..session.test_images()).collect();
    let outputs = session.test_features(session.layers().len() - 1, &all).unwrap();
    let ranked = outputs.chunks(10).map(|outputs| {
        let mut classes: Vec<(usize, f32)> = outputs.iter().copied().enumerate().collect();
        classes.sort_by(|a, b| b.1.total_cmp(&a.1));
        let sum: f32 = classes.iter().map(|(_, z)| (z - classes[0].1).exp()).sum();
        let largest = classes[0].1;
        classes.iter().map(|(class, z)| (*class, (z - largest).exp() / sum)).collect()
    });
    ranked.collect()
}

fn agree(best: &TopK, ranked: &[(usize, f32)]) -> bool {
    let pairs = best.classes().zip(ranked);
    best.classes().count() == 3 && pairs.into_iter().all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-5)
}

#[test]
fn an_own_image_is_normalized_and_forwarded_as_one_of_the_data_set() {
    let data = digits();
    for bench in benches() {
        let mut session = bench.session();
        run_to(&mut session, 12);
        let mut own = Vec::new();
        for image in [5, 40, 211] {
            session.apply(DataCommand::PinProbe(image)).unwrap();
            let of_set = shown(&mut session);
            ask(&mut session, new("copy", data.test.image(image as usize)));
            assert_eq!(shown(&mut session), of_set, "image {image}");
            own.push(of_set);
        }
        // The others are still themselves, and a negative is another one.
        let ids: Vec<u32> = session.inspection().probes().iter().map(|probe| probe.id).collect();
        ask(&mut session, ProbeChange::Pin(ids[0]));
        assert_eq!(shown(&mut session), own[0]);
        ask(&mut session, ProbeChange::Invert(ids[0]));
        assert_ne!(shown(&mut session), own[0]);
        ask(&mut session, ProbeChange::Invert(ids[0]));
        assert_eq!(shown(&mut session), own[0]);
        ask(&mut session, ProbeChange::Remove(ids[0]));
        session.apply(DataCommand::PinProbe(211)).unwrap();
        assert_eq!(shown(&mut session), own[2], "a test image is pinned again");
        session.gpu().check().unwrap();
    }
}

#[test]
fn gradient_maps_are_of_the_class_that_the_user_gives_or_of_the_answer() {
    let data = digits();
    let mut session = Bench::new().session();
    run_to(&mut session, 30);
    let gradients = |session: &mut Session| {
        session.refresh().unwrap();
        values(session.gpu(), &session.tensor(1, TensorKind::ActivationGradients).unwrap())
    };
    session.apply(DataCommand::PinProbe(9)).unwrap();
    let of_set = gradients(&mut session);
    let class = data.test.labels[9];
    ask(&mut session, new("nine", data.test.image(9)));
    assert_eq!(session.probe_class(), None);
    let id = session.inspection().probes().pinned().unwrap().id;
    ask(&mut session, ProbeChange::SetClass(id, Some(class)));
    assert_eq!((session.probe_class(), gradients(&mut session)), (Some(usize::from(class)), of_set.clone()));
    ask(&mut session, ProbeChange::SetClass(id, Some((class + 1) % 10)));
    assert_ne!(gradients(&mut session), of_set);
    // Not said: the network finds this one, and its answer stands for the class.
    ask(&mut session, ProbeChange::SetClass(id, None));
    look(&mut session);
    let answer = *session.inspection().answer(id).unwrap();
    assert_eq!(gradients(&mut session) == of_set, answer.first == u32::from(class));
}

#[test]
fn looking_at_images_changes_no_bit_of_the_run() {
    let data = digits();
    for bench in benches() {
        let mut plain = bench.session();
        run_to(&mut plain, 40);
        let mut seen = bench.session();
        ask(&mut seen, Inspect::KeepOutcomes);
        seen.measure_effects().unwrap();
        seen.set_limit(Some(StopCondition::Steps(40)));
        seen.play();
        let mut frame = 0;
        while seen.state() != RunState::Finished {
            ask(&mut seen, Inspect::Predictions);
            if frame % 7 == 0 && seen.inspection().probes().len() < 20 {
                ask(&mut seen, new("one", data.test.image(frame % 290)));
            }
            if frame % 11 == 0 && frame < 50 {
                seen.evaluate(Split::Test);
                ask(&mut seen, Inspect::ShowImages((0..frame as u32 % 64).collect()));
            }
            // Pieces of a dispatch, and whole steps.
            submit(&mut seen, if frame % 3 == 0 { 30.0 } else { 1e-9 });
            frame += 1;
        }
        finish(&mut seen);
        assert!(seen.inspection().recent().len() > 8 && seen.inspection().outcomes(Split::Test).is_some());
        assert_eq!((seen.step(), seen.state_hash()), (40, plain.state_hash()));
        seen.gpu().check().unwrap();
    }
}

#[test]
fn answers_are_those_of_the_network_as_it_is() {
    for bench in benches() {
        let mut session = bench.session();
        run_to(&mut session, 30);
        // 63 probes: every fourth image of the test set, by its number.
        for image in 0..MAX_PROBES {
            let number = session.trainer().loader.test_number(4 * image);
            let class = session.test_labels()[4 * image];
            ask(&mut session, ProbeChange::AddNumber { name: format!("{image}"), number, class });
        }
        look(&mut session);
        let ranked = ranked(&mut session);
        for (image, probe) in session.inspection().probes().iter().enumerate() {
            let answer = session.inspection().answer(probe.id).expect("it is there");
            assert!(agree(answer, &ranked[4 * image]), "{image}: {answer:?}, not {:?}", ranked[4 * image]);
        }
        let recent: Vec<_> = session.inspection().recent().copied().collect();
        assert!(!recent.is_empty());
        for recent in &recent {
            let image = recent.image as usize;
            assert!(
                agree(&recent.best, &ranked[image]) && recent.class == session.test_labels()[image],
                "{recent:?}"
            );
            assert_eq!(recent.is_right(), ranked[image][0].0 == usize::from(recent.class));
        }
        assert!(
            (0..10).any(|step| !agree(&recent[0].best, &ranked[step * 20])),
            "all images have the same answer"
        );
        session.gpu().check().unwrap();
    }
}

#[test]
fn the_list_goes_through_the_test_set_while_it_trains_and_rests_with_it() {
    let mut session = Bench::new().session();
    for step in 1..=60 {
        run_to(&mut session, step);
        look(&mut session);
    }
    let images: Vec<u32> = session.inspection().recent().map(|recent| recent.image).collect();
    assert_eq!(images.len(), MAX_RECENT, "of 480 that were drawn");
    let mut distinct = images.clone();
    distinct.sort_unstable();
    distinct.dedup();
    // The test set has 360 images: these are of one or two rounds.
    assert!(distinct.len() > 150, "{} different images of {}", distinct.len(), images.len());
    look(&mut session);
    assert!(
        session.inspection().recent().map(|recent| recent.image).eq(images),
        "a run that rests draws no others"
    );
    session.apply(TrainCommand::Reset(5)).unwrap();
    assert_eq!(session.inspection().recent().len(), 0, "they were of another network");
}

#[test]
fn every_image_of_an_evaluation_is_counted_once() {
    for bench in benches() {
        let mut session = bench.session();
        ask(&mut session, Inspect::KeepOutcomes);
        run_to(&mut session, 25);
        assert!(session.inspection().outcomes(Split::Validation).is_some(), "an epoch has ended");
        assert!(session.inspection().outcomes(Split::Test).is_none());
        session.take_events();
        session.evaluate(Split::Test);
        finish(&mut session);
        let ranked = ranked(&mut session);
        let labels = session.test_labels().to_vec();
        let outcomes = session.inspection().outcomes(Split::Test).unwrap();
        let mut counts = vec![0; 100];
        for (image, (label, ranked)) in labels.iter().zip(&ranked).enumerate() {
            counts[10 * usize::from(*label) + ranked[0].0] += 1;
            let found: &Outcome = &outcomes.images[image];
            assert!(agree(&found.best, ranked) && found.class == *label, "{image}: {found:?}");
            let share = ranked.iter().find(|(class, _)| *class == usize::from(*label)).unwrap().1;
            assert!(
                (found.loss + share.ln()).abs() < 1e-3 * (1.0 + found.loss),
                "{image}: {found:?}, {share}"
            );
            assert_eq!(found.number, session.trainer().loader.test_number(image));
        }
        assert_eq!((&outcomes.counts, outcomes.step), (&counts, 25));
        let right: u32 = (0..10).map(|class| counts[11 * class]).sum();
        assert!(right > 36 && (right as usize) < labels.len(), "{right} of {} are right", labels.len());
        let told = session.take_events().into_iter().find_map(|event| match event {
            Event::Evaluated { split: Split::Test, accuracy, .. } => Some(accuracy),
            _ => None,
        });
        let outcomes = session.inspection().outcomes(Split::Test).unwrap();
        assert!((told.unwrap() - right as f32 / labels.len() as f32).abs() < 1e-6);
        // A class's shares, by plain sums; a cell's images, the worst first, are all of the cell.
        for class in 0..10 {
            let row: u32 = counts[10 * class..10 * class + 10].iter().sum();
            let column: u32 = (0..10).map(|of| counts[10 * of + class]).sum();
            let hit = f64::from(counts[11 * class]);
            assert_eq!(outcomes.recall(class), Some(hit / f64::from(row)));
            assert_eq!(outcomes.precision(class), (column > 0).then(|| hit / f64::from(column)));
            let cell = outcomes.worst(|image| usize::from(image.class) == class && image.is_right());
            assert_eq!(cell.len(), counts[11 * class] as usize);
            let losses: Vec<f32> = cell.iter().map(|index| outcomes.images[*index].loss).collect();
            assert!(losses.is_sorted_by(|a, b| a >= b), "{losses:?}");
        }
    }
}

/// Real images, where they are beside the project.
#[test]
fn ten_thousand_test_images_are_counted_exactly() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/mnist");
    if !folder.exists() {
        return;
    }
    let settings = RunSettings { dataset: folder.display().to_string(), ..settings() };
    let mut session = Bench::new().open(settings, None);
    ask(&mut session, Inspect::KeepOutcomes);
    run_to(&mut session, 10);
    session.evaluate(Split::Test);
    finish(&mut session);
    let began = std::time::Instant::now();
    let outcomes = session.inspection().outcomes(Split::Test).unwrap();
    let mistakes = outcomes.worst(|image| !image.is_right());
    let first: Vec<u32> = mistakes.iter().take(64).map(|index| outcomes.images[*index].number).collect();
    ask(&mut session, Inspect::ShowImages(first));
    session.gpu().wait();
    println!(
        "from a click to 64 of {} images: {:.1} ms",
        mistakes.len(),
        1e3 * began.elapsed().as_secs_f64()
    );
    let ranked = ranked(&mut session);
    let mut counts = vec![0; 100];
    for (label, ranked) in session.test_labels().iter().zip(&ranked) {
        counts[10 * usize::from(*label) + ranked[0].0] += 1;
    }
    assert_eq!(session.inspection().outcomes(Split::Test).unwrap().counts, counts);
    assert_eq!(counts.iter().sum::<u32>(), 10_000);
}

#[test]
fn images_that_are_asked_for_are_shown_as_the_network_sees_them() {
    for bench in benches() {
        let mut session = bench.session();
        let numbers: Vec<u32> = (0..64).map(|i| i * 28).collect();
        ask(&mut session, Inspect::ShowImages(numbers.clone()));
        assert_eq!(session.inspection().shown_images().numbers(), numbers);
        let view = session.inspection().shown_images().view().unwrap().clone();
        let all = values(session.gpu(), &view);
        let first = session.trainer().loader.test_number(0);
        let mut compared = 0;
        for (place, number) in numbers.iter().enumerate().filter(|(_, number)| **number >= first) {
            session.apply(DataCommand::PinProbe(number - first)).unwrap();
            assert_eq!(all[64 * place..64 * (place + 1)], shown(&mut session)[0], "image {number}");
            compared += 1;
        }
        assert!(compared > 5);
        session.gpu().check().unwrap();
    }
}
