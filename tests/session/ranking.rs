//! The filters by the loss without each, measured beside the run.

use revacnn::nn::Edit;
use revacnn::session::{
    Control, FilterRanking, FilterSign, LayerId, NetworkCommand, RankedFilter, RunState, Session, Split,
    StopCondition, TrainCommand,
};
use revacnn::session::{Event, RANKED_IMAGES, rank_filters};

use crate::bench::{Bench, finish, run_to, submit};

fn rank(session: &mut Session, images: usize) -> revacnn::error::Result<FilterRanking> {
    rank_filters(session, images, &mut |_| ())
}

/// Makes steps up to `step`; with a ranking beside them, in small pieces.
fn go(session: &mut Session, step: u32, ranks: bool) {
    session.set_limit(Some(StopCondition::Steps(step)));
    session.play();
    while session.is_playing() || session.state() != RunState::Finished {
        if ranks {
            session.control(Control::RankFilters(50)).unwrap();
        }
        submit(session, if ranks { 2.0 } else { 50.0 });
    }
    assert_eq!(session.step(), step);
}

/// A deletion amid training.
fn course(session: &mut Session, ranks: bool) {
    go(session, 7, ranks);
    session.apply(NetworkCommand::Edit(Edit::DeleteFilter { layer: 0, filter: 1 })).unwrap();
    go(session, 40, ranks);
    session.set_limit(None);
    finish(session);
}

#[test]
fn no_bit_of_the_run_changes() {
    let bench = Bench::new();
    let mut plain = bench.session();
    course(&mut plain, false);
    assert!(plain.rankings().result().is_none(), "it was not asked for");
    let mut seen = bench.session();
    course(&mut seen, true);
    let beside = seen.rankings().result().expect("it was measured beside the training");
    assert!(beside.step > 7 && beside.filters.len() == 3, "{beside:?}");
    assert_eq!(seen.state_hash(), plain.state_hash());
    let filters = rank(&mut seen, 50).unwrap().filters;
    assert_eq!(filters.len(), 3, "one of four was deleted");
    assert_eq!(seen.state_hash(), plain.state_hash());
    seen.gpu().check().unwrap();
}

/// Loss and accuracy over all validation images.
fn validated(session: &mut Session) -> (f64, f64) {
    session.evaluate(Split::Validation);
    finish(session);
    let of = |event| match event {
        Event::Evaluated { loss, accuracy, .. } => Some((f64::from(loss), f64::from(accuracy))),
        _ => None,
    };
    session.take_events().into_iter().find_map(of).expect("it was evaluated")
}

#[test]
fn predicted_losses_are_those_after_the_deletion() {
    let bench = Bench::new();
    let mut session = bench.session();
    run_to(&mut session, 30);
    let ranking = rank(&mut session, RANKED_IMAGES).unwrap();
    let images = session.trainer().loader.validation_images;
    assert!(images < RANKED_IMAGES && images > 128, "several parts of all {images} images");
    let whole = validated(&mut session);
    assert!(
        (ranking.whole.all.loss - whole.0).abs() < 1e-6
            && (ranking.whole.all.accuracy - whole.1).abs() < 1e-6
    );
    assert_eq!((ranking.whole.all.images, ranking.step, ranking.filters.len()), (images, 30, 4));
    let classes = |scores: &revacnn::session::Scores| {
        let sum = scores.classes.iter().map(|class| class.loss * class.images as f64).sum::<f64>();
        (sum / images as f64, scores.classes.iter().map(|class| class.images).sum::<usize>())
    };
    for ranked in ranking.filters.iter().map(|ranked| &ranked.without).chain([&ranking.whole]) {
        assert!((classes(ranked).0 - ranked.all.loss).abs() < 1e-9 && classes(ranked).1 == images);
    }
    let loss = |ranked: &RankedFilter| ranked.without.all.loss;
    assert!(ranking.filters.is_sorted_by(|a, b| loss(a) <= loss(b)), "what can go comes first");
    let first = &ranking.filters[0];
    let mut smaller = bench.session();
    run_to(&mut smaller, 30);
    smaller.apply(NetworkCommand::Edit(Edit::DeleteFilter { layer: 0, filter: first.filter })).unwrap();
    let measured = validated(&mut smaller);
    assert!((loss(first) - measured.0).abs() < 1e-6, "{} and {}", loss(first), measured.0);
    assert!((first.without.all.accuracy - measured.1).abs() < 1e-6);
    assert!((loss(first) - whole.0).abs() > 1e-4, "it makes a difference");
    let (class, change) = ranking.worst_class(first).unwrap();
    assert!(
        ranking
            .whole
            .classes
            .iter()
            .zip(&first.without.classes)
            .all(|(a, b)| b.accuracy - a.accuracy >= change)
    );
    assert!(class < session.class_names().len());
}

#[test]
fn signs_name_their_evidence_and_their_remedies_hold() {
    let bench = Bench::new();
    let mut session = bench.session();
    run_to(&mut session, 5);
    let paint = |session: &mut Session, filter: u32, values: &[f32], bias: f32| {
        let at = values.iter().enumerate().map(|(at, value)| (at as u32, *value)).collect();
        let edit = revacnn::nn::WeightEdit { layer: 0, filter, at, bias: Some(bias) };
        session.apply(NetworkCommand::EditWeights(edit)).unwrap();
    };
    let kernel = [0.3, -0.1, 0.2, 0.4, -0.5, 0.1, 0.2, -0.3, 0.6];
    paint(&mut session, 0, &kernel, 0.0);
    paint(&mut session, 2, &kernel.map(|value| 2.0 * value), 0.1);
    paint(&mut session, 3, &kernel.map(|value| value * value), -1e4);
    session.apply(NetworkCommand::FreezeFilters { layer: LayerId(0), filters: vec![0, 2, 3] }).unwrap();
    let signs = |session: &mut Session, filter: u32| {
        rank(session, 60).unwrap().find((0, filter)).map(|found| found.signs.clone()).unwrap()
    };
    let duplicate = |sign: &FilterSign, other: u32| matches!(sign, FilterSign::Duplicate { of, cosine } if *of == other && *cosine > 0.999);
    assert!(signs(&mut session, 0).iter().any(|sign| duplicate(sign, 2)), "{:?}", signs(&mut session, 0));
    assert!(signs(&mut session, 2).iter().any(|sign| duplicate(sign, 0)));
    assert_eq!(signs(&mut session, 3), [FilterSign::Dead]);
    assert_eq!(signs(&mut session, 1), [], "a filter that does its work");
    // No change is known before a whole epoch is over.
    let epoch = session.steps_per_epoch();
    run_to(&mut session, 2 * epoch + 1);
    let found = signs(&mut session, 3);
    assert!(found.contains(&FilterSign::NotMoving { change: 0.0, frozen: true }), "{found:?}");
    assert_eq!(signs(&mut session, 1), []);
    let (word, command) = found[1].remedy((0, 3), false);
    let expected = NetworkCommand::ThawFilters { layer: LayerId(0), filters: vec![3] };
    assert_eq!((word, &command), ("thaw", &expected));
    for (sign, filter) in [(found[0], 3), (found[1], 3), (signs(&mut session, 2)[0], 2)] {
        session.apply(sign.remedy((0, filter), false).1).ok();
    }
    finish(&mut session);
    let left: Vec<u32> = session.trainer().network.layers[0].filter_ids.clone();
    assert_eq!(left, [0, 1], "the dead one is deleted, the duplicate merged");
}

#[test]
fn a_ranking_that_cannot_be_is_refused_with_the_reason() {
    let bench = Bench::new();
    std::fs::write(bench.path("tiny.toml"), "[[layer]]\nkind = \"dense\"").unwrap();
    let mut session = bench.session();
    let error = rank(&mut session, 10).unwrap_err();
    assert!(error.what().contains("no filter that can be deleted"), "{error}");
    // A pane that asks for it goes on, and the run too.
    session.control(Control::RankFilters(10)).unwrap();
    run_to(&mut session, 3);
    assert!(session.rankings().result().is_none() && session.rankings().progress().is_none());
    session.apply(TrainCommand::SetLearningRate(0.1)).unwrap();
}
