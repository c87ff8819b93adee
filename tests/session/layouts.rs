//! Layouts of images and of all filters: what is forwarded for them, what the network says of it, and that none of it touches the run.

use std::rc::Rc;

use revacnn::gpu::Gpu;
use revacnn::nn::{Shape, Tensor, TopK, twin};
use revacnn::session::{Event, ImageSet, ImageSource, LayoutCommand, LayoutId, LayoutSource};
use revacnn::session::{Session, Split, TensorKind, TrainCommand};

use crate::bench::{Bench, finish, open, run_to, submit, values};

/// Everything that is on its way arrives, and layouts come to rest; nothing went wrong.
fn rest(session: &mut Session) {
    while session.advance() {}
    session.settle();
    let fault = session.take_events().into_iter().find(|event| matches!(event, Event::Fault(_)));
    assert_eq!(fault, None);
}

fn gpu(session: &Session) -> Rc<Gpu> {
    Rc::clone(session.trainer().gpu())
}

/// The activations of a layer for all test images, a row an image.
fn rows(session: &mut Session, layer: usize) -> Vec<Vec<f32>> {
    let dims: usize = session.layers()[layer].output.iter().product();
    let all: Vec<usize> = (0..session.test_images()).collect();
    session.test_features(layer, &all).unwrap().chunks(dims).map(<[f32]>::to_vec).collect()
}

fn argmax(row: &[f32]) -> u32 {
    let best =
        row.iter().enumerate().fold((0, f32::MIN), |best, (i, v)| if *v > best.1 { (i, *v) } else { best });
    best.0 as u32
}

fn softmax(row: &[f32]) -> Vec<f64> {
    let most = f64::from(row.iter().copied().fold(f32::MIN, f32::max));
    let sum: f64 = row.iter().map(|z| (f64::from(*z) - most).exp()).sum();
    row.iter().map(|z| (f64::from(*z) - most).exp() / sum).collect()
}

fn predictions(session: &Session) -> Vec<u32> {
    let images = session.layouts().iter().find_map(|e| e.images()).unwrap();
    images.predictions.read(session.gpu())
}

#[test]
fn images_are_laid_out_by_class() {
    let bench = Bench::new();
    let mut session = bench.session();
    run_to(&mut session, 60);
    let hash = session.state_hash();
    let source = session.default_images();
    assert_eq!(source, ImageSource { node: 3, set: ImageSet::Test, count: session.test_images() });
    let id = open(&mut session, LayoutSource::Images(source));
    assert_eq!(
        open(&mut session, LayoutSource::Images(source)),
        LayoutId(id.0 + 1),
        "another takes its place"
    );
    assert_eq!(session.layouts().len(), 1);
    rest(&mut session);
    assert_eq!(session.state_hash(), hash, "looking changed the run");
    let embedding = &session.layouts()[0];
    assert_eq!(embedding.forwarded_at(), Some(60));
    let images = embedding.images().unwrap();
    assert_eq!(images.tiles.tiles() as usize, session.test_images());
    // Most images lie nearest to one of their own class; with the labels of their neighbours in the set they would not.
    let positions = embedding.tsne().read_positions(session.gpu());
    let labels = images.labels.read(session.gpu());
    let nearest = |i: usize| {
        let away = |j: &usize| (0..2).map(|d| (positions[i][d] - positions[*j][d]).powi(2)).sum::<f32>();
        (0..positions.len()).filter(|j| *j != i).min_by(|a, b| away(a).total_cmp(&away(b))).unwrap()
    };
    let share = |shift: usize| {
        let count = positions.len();
        let same = (0..count).filter(|i| labels[nearest(*i)] == labels[(i + shift) % count]).count();
        same as f64 / count as f64
    };
    assert!(share(0) > 0.7 && share(1) < 0.3, "{} and {}", share(0), share(1));
    let id = session.layouts()[0].id();
    session.apply(LayoutCommand::Close(id)).unwrap();
    assert!(session.layouts().is_empty());
}

#[test]
fn any_layer_of_either_set_and_any_number_of_images() {
    let bench = Bench::new();
    let mut session = bench.session();
    run_to(&mut session, 5);
    let gpu = gpu(&session);
    for (layer, set, count) in
        [(0, ImageSet::Test, 61), (1, ImageSet::Train, 130), (4, ImageSet::Train, 1347)]
    {
        let count = count.min(session.images_of(set));
        open(&mut session, LayoutSource::Images(ImageSource { node: layer, set, count }));
        rest(&mut session);
        let embedding = &session.layouts()[0];
        let images = embedding.images().unwrap();
        let dims: usize = session.layers()[layer].output.iter().product();
        let (found, tiles) = (values(&gpu, embedding.rows()), values(&gpu, &images.tiles));
        assert_eq!((found.len(), tiles.len()), (count * dims, count * 64));
        // Tiles are the images themselves, and labels theirs.
        let labels = images.labels.read(&gpu);
        for image in [0, 59, 60, count - 1] {
            let class = &session.class_names()[labels[image] as usize];
            assert_eq!(session.class_of(set, image as u32), Some(class.as_str()));
        }
        if layer == 0 {
            assert_eq!(found, tiles);
        }
        if set == ImageSet::Test {
            let expected = rows(&mut session, layer);
            assert_eq!(found, expected[..count].concat());
            assert_ne!(found, expected[1..=count].concat());
        }
    }
    let source = session.default_images();
    for (wrong, part) in [
        (ImageSource { node: 9, ..source }, "no layer 9"),
        (ImageSource { count: 3, ..source }, "3 images"),
        (ImageSource { count: source.count + 1, ..source }, "images"),
    ] {
        let error = session.apply(LayoutCommand::Open(LayoutSource::Images(wrong))).unwrap_err();
        assert!(error.what().contains(part), "{error}");
    }
    assert_eq!(session.layouts().len(), 1, "what was refused closed another");
    assert!(session.gpu().take_errors().is_empty());
}

#[test]
fn what_does_not_fit_is_refused_with_what_to_reduce() {
    let bench = Bench::new();
    let mut gpu = Gpu::open(&revacnn::gpu::AdapterChoice::Best).unwrap();
    // Rows of 144 values (4 × 6 × 6) for all training images are more.
    gpu.limits.max_storage_buffer_binding_size = 512 << 10;
    let mut session = Session::new(Rc::new(gpu), &bench.network(), crate::bench::settings(), None).unwrap();
    let count = session.train_images();
    let most = session.max_images(1, ImageSet::Train);
    assert!(most < count, "{most}");
    let source = ImageSource { node: 1, set: ImageSet::Train, count };
    let error = session.apply(LayoutCommand::Open(LayoutSource::Images(source))).unwrap_err();
    assert!(error.what().starts_with(&format!("{count} images by conv1: their activations")), "{error}");
    assert!(error.help().contains(&format!("{most} images at most")), "{}", error.help());
    assert!(session.layouts().is_empty());
    open(&mut session, LayoutSource::Images(ImageSource { count: 200, ..source }));
    rest(&mut session);
    assert!(session.layouts()[0].state().is_some_and(|state| state.iteration > 200));
    // Thumbnails are made smaller, not refused.
    let images = session.layouts()[0].images().unwrap();
    assert_eq!(images.shrink, 1);
    let bytes = session.layouts()[0].bytes();
    assert!(bytes > 200 * 4 * (2 * 144 + 64) && bytes < 8 << 20, "{bytes}");
}

#[test]
fn predictions_are_what_the_network_says_and_follow_it() {
    let bench = Bench::new();
    let mut session = bench.session();
    run_to(&mut session, 40);
    let source = session.default_images();
    let id = open(&mut session, LayoutSource::Images(source));
    rest(&mut session);
    let outputs = rows(&mut session, 4);
    let expected: Vec<u32> = outputs.iter().map(|row| argmax(row)).collect();
    assert_eq!(predictions(&session), expected);
    // As many are right as the evaluation counts.
    let labels = session.layouts()[0].images().unwrap().labels.read(session.gpu());
    let right = labels.iter().zip(&expected).filter(|(a, b)| a == b).count() as f32 / labels.len() as f32;
    session.take_events();
    session.evaluate(Split::Test);
    finish(&mut session);
    let accuracy = session.take_events().into_iter().find_map(|event| match event {
        Event::Evaluated { split: Split::Test, accuracy, .. } => Some(accuracy),
        _ => None,
    });
    assert!(right > 0.5 && (accuracy.unwrap() - right).abs() < 1e-6, "{accuracy:?}, {right}");
    // Three classes and their shares of the image that is asked for, without waiting.
    for image in [7, 200] {
        session.ask_for_image(id, image);
        session.advance();
        session.settle();
        let images = session.layouts()[0].images().unwrap();
        let best = *images.top_classes(image).expect("it was asked for");
        assert!(images.top_classes(image + 1).is_none());
        assert_eq!(best.first, expected[image as usize]);
        let shares = softmax(&outputs[image as usize]);
        let mut order: Vec<f64> = shares.clone();
        order.sort_by(|a, b| b.total_cmp(a));
        for ((class, share), expected) in best.classes().zip(order) {
            assert!((f64::from(share) - expected).abs() < 1e-5 && (shares[class] - expected).abs() < 1e-12);
        }
        assert!(best.third != TopK::NONE && best.first_share > best.second_share);
    }
    // Without following they stay, and once more on demand they are new.
    run_to(&mut session, 90);
    rest(&mut session);
    assert_eq!(predictions(&session), expected);
    assert_eq!(session.layouts()[0].forwarded_at(), Some(40));
    session.apply(LayoutCommand::Refresh(id)).unwrap();
    assert!(!session.layouts()[0].rests());
    rest(&mut session);
    let later: Vec<u32> = rows(&mut session, 4).iter().map(|row| argmax(row)).collect();
    assert_eq!(predictions(&session), later);
    assert_ne!(later, expected, "fifty steps changed no prediction");
    assert_eq!(session.layouts()[0].forwarded_at(), Some(90));
}

#[test]
fn what_follows_is_as_fresh_as_its_cadence_and_changes_nothing_of_the_run() {
    let bench = Bench::new();
    let mut plain = bench.session();
    run_to(&mut plain, 47);
    let expected = plain.state_hash();
    let mut session = bench.session();
    let source = ImageSource { count: 200, ..session.default_images() };
    let images = open(&mut session, LayoutSource::Images(source));
    let filters = open(&mut session, LayoutSource::Filters);
    assert!(!session.layout(images).unwrap().follows());
    session.apply(LayoutCommand::Follow(images, true)).unwrap();
    session.apply(LayoutCommand::Every(images, 9)).unwrap();
    assert!(session.layout(filters).unwrap().follows());
    session.apply(LayoutCommand::Every(filters, 4)).unwrap();
    run_to(&mut session, 47);
    rest(&mut session);
    assert_eq!(session.state_hash(), expected, "looking changed the run");
    let at = |session: &mut Session, id: LayoutId| session.layout(id).unwrap().forwarded_at();
    assert_eq!((at(&mut session, images), at(&mut session, filters)), (Some(45), Some(44)));
    let kept = predictions(&session);
    // The rows were read after the images were forwarded last: a fresh layout of the same rows has the same affinities.
    let gpu = gpu(&session);
    for id in [images, filters] {
        let embedding = session.layout(id).unwrap();
        assert!(embedding.rests() && embedding.left_out() == 0);
        let perplexity = embedding.wanted_perplexity();
        let settings = embedding.settings();
        let fresh = revacnn::embed::Tsne::new(&gpu, embedding.rows(), perplexity, settings, 1).unwrap();
        assert_eq!(embedding.tsne().read_affinities(&gpu), fresh.read_affinities(&gpu));
    }
    // A layout that is paused is not forwarded, one that is closed neither.
    session.apply(LayoutCommand::Run(images, false)).unwrap();
    session.apply(LayoutCommand::Close(filters)).unwrap();
    run_to(&mut session, 60);
    rest(&mut session);
    assert_eq!(at(&mut session, images), Some(45));
    assert_eq!(predictions(&session), kept);
    // A reset makes what follows new too.
    session.apply(LayoutCommand::Run(images, true)).unwrap();
    session.apply(TrainCommand::Reset(5)).unwrap();
    rest(&mut session);
    assert_eq!(at(&mut session, images), Some(0));
}

#[test]
fn a_batch_of_another_size_and_a_closed_layout_do_not_disturb_a_forward_pass() {
    let bench = Bench::new();
    let mut session = bench.session();
    run_to(&mut session, 3);
    let source = ImageSource { node: 4, ..session.default_images() };
    open(&mut session, LayoutSource::Images(source));
    // In the middle of the passes the batch changes; it waits for the last of them.
    assert!(submit(&mut session, 0.01));
    session.apply(TrainCommand::SetBatch(24)).unwrap();
    rest(&mut session);
    assert_eq!(session.settings().batch, 24);
    let expected = rows(&mut session, 4).concat();
    assert_eq!(values(session.gpu(), session.layouts()[0].rows()), expected);
    session.apply(LayoutCommand::Refresh(session.layouts()[0].id())).unwrap();
    rest(&mut session);
    let found = values(session.gpu(), session.layouts()[0].rows());
    let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-4, "passes of 24 images: {worst}");
    // Closed in the middle, the other passes are left out and steps go on.
    let id = open(&mut session, LayoutSource::Images(source));
    assert!(submit(&mut session, 0.01));
    assert!(session.layout_progress(id).is_some_and(|(what, done)| what == "forwarding" && done < 1.0));
    session.apply(LayoutCommand::Close(id)).unwrap();
    assert!(session.layouts().is_empty(), "it waited for its images");
    run_to(&mut session, 6);
    assert!(session.layouts().is_empty() && session.gpu().take_errors().is_empty());
}

#[test]
fn all_filters_lie_in_one_layout_by_how_they_respond() {
    let bench = Bench::new();
    let mut session = bench.session();
    run_to(&mut session, 20);
    open(&mut session, LayoutSource::Filters);
    rest(&mut session);
    let embedding = &session.layouts()[0];
    let filters = embedding.filters().unwrap();
    assert_eq!((filters.count(), &filters.names[..]), (14, &["conv1".to_owned(), "dense1".to_owned()][..]));
    let labels = filters.labels.read(session.gpu());
    assert_eq!(labels, [vec![0; 4], vec![1; 10]].concat());
    for (row, filter) in
        [(0, Some((1, 0))), (3, Some((1, 3))), (4, Some((4, 0))), (13, Some((4, 9))), (14, None)]
    {
        assert_eq!(filters.filter(row), filter);
        if let Some((layer, filter)) = filter {
            assert_eq!(filters.row(layer, filter), Some(row));
        }
    }
    assert_eq!((filters.row(1, 4), filters.row(2, 0)), (None, None));
    let images = embedding.forwards();
    let found = values(session.gpu(), embedding.rows());
    assert_eq!((images, found.len()), (128, 14 * 128));
    assert!(embedding.state().is_some_and(|s| s.iteration > 200 && s.divergence.is_finite()));
    // Convolutions respond after their relu (layer 2), the classes by their logits.
    let mut expected = Vec::new();
    for (place, channels, side) in [(2, 4, 6), (4, 10, 1)] {
        let shape = Shape::new(channels, side, side);
        let rows = rows(&mut session, place);
        let mut maps = Tensor::zeros(shape, images);
        for (n, row) in rows.iter().take(images).enumerate() {
            row.iter().enumerate().for_each(|(d, value)| maps.values[d * images + n] = f64::from(*value));
        }
        expected.extend(twin::responses(&maps));
    }
    for (row, (found, expected)) in found.chunks(images).zip(&expected).enumerate() {
        let off = found.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
        assert!(off < 1e-5, "row {row}: {off}");
        assert!(expected.iter().any(|value| value.abs() > 0.01));
    }
    let id = session.layouts()[0].id();
    session.apply(LayoutCommand::Close(id)).unwrap();
    assert!(session.layouts().is_empty());
}

#[test]
fn rows_that_change_much_are_stirred_and_a_perplexity_compiles_nothing() {
    let bench = Bench::new();
    let mut session = bench.session();
    run_to(&mut session, 30);
    let gpu = gpu(&session);
    let source = ImageSource { count: 150, ..session.default_images() };
    let id = open(&mut session, LayoutSource::Images(source));
    rest(&mut session);
    let compiled = gpu.kernel_count();
    session.apply(LayoutCommand::Perplexity(id, 12.0)).unwrap();
    assert!(!session.layout(id).unwrap().rests());
    rest(&mut session);
    assert_eq!(gpu.kernel_count(), compiled);
    assert_eq!(session.layouts()[0].reexaggerations(), 0, "another perplexity is no change of the rows");
    let settled = session.layouts()[0].state().unwrap().divergence;
    // Other weights: the images lie elsewhere.
    session.apply(TrainCommand::Reset(77)).unwrap();
    session.apply(LayoutCommand::Refresh(id)).unwrap();
    let (mut exaggerated, mut worst) = (0.0_f32, 0.0_f32);
    // A few iterations at a time, so that those with the attraction doubled are seen.
    while !session.layouts()[0].rests() {
        submit(&mut session, 1.0);
        let state = session.layouts()[0].state().unwrap();
        (exaggerated, worst) = (exaggerated.max(state.exaggeration), worst.max(state.divergence));
    }
    let embedding = &session.layouts()[0];
    let state = embedding.state().unwrap();
    assert!(
        embedding.reexaggerations() >= 1 && exaggerated == 2.0,
        "{} times, {exaggerated}",
        embedding.reexaggerations()
    );
    assert!(state.exaggeration == 1.0 && state.divergence < worst, "{state:?}, {worst}, {settled}");
    // A layout of its own begins again, the others stay.
    let layer = 4;
    open(&mut session, LayoutSource::Tensor { node: layer, kind: TensorKind::Weights });
    rest(&mut session);
    let before: Vec<u32> = session.layouts().iter().map(|e| e.state().unwrap().iteration).collect();
    session.apply(LayoutCommand::Restart(id)).unwrap();
    rest(&mut session);
    let after: Vec<u32> = session.layouts().iter().map(|e| e.state().unwrap().iteration).collect();
    assert!(after[0] < before[0] && after[1] == before[1], "{before:?}, {after:?}");
    assert_eq!(session.layouts()[0].reexaggerations(), 0);
}

#[test]
fn filters_that_hold_no_number_are_left_out_and_counted() {
    let bench = Bench::new();
    let mut session = bench.session();
    let id = open(&mut session, LayoutSource::Tensor { node: 4, kind: TensorKind::Weights });
    rest(&mut session);
    assert_eq!(session.layouts()[0].left_out(), 0);
    let view = session.tensor(4, TensorKind::Weights).unwrap();
    let values = &session.trainer().parameters.values;
    let first = view.element([2, 0, 0, 0]) as usize;
    let before = values.read(session.gpu());
    values.write(session.gpu(), first, &[f32::NAN]);
    session.apply(LayoutCommand::Restart(id)).unwrap();
    rest(&mut session);
    let embedding = &session.layouts()[0];
    assert_eq!(embedding.left_out(), 1);
    assert_eq!(embedding.tsne().left_out(session.gpu()), [2]);
    assert!(embedding.state().unwrap().divergence.is_finite());
    session.trainer().parameters.values.write(session.gpu(), first, &before[first..=first]);
    session.apply(LayoutCommand::Restart(id)).unwrap();
    rest(&mut session);
    assert_eq!(session.layouts()[0].left_out(), 0);
}
