//! From the evidence to the findings: the rules, with their bounds.

use std::collections::BTreeMap;

use super::checkup::{Checkup, LayerCheckup};
use super::finding::{Expected, Finding, Problem, Remedy};
use super::remedies::{cure, lowers, slower};
use super::run_signs;
use crate::nn::Edit;
use crate::session::command::{LayerId, NetworkCommand, TrainCommand};
use crate::session::ranking::{FilterRanking, FilterSign, RankedFilter};

/// Fewest images of a class from which anything is concluded.
const MIN_IMAGES: usize = 10;
/// Least share of a class for a network that takes all images for it.
const ALL: f64 = 0.99;
/// Accuracy in proportion to that of a guess, from which on a class without any is told.
const LEARNED: f64 = 2.0;
/// Change of a layer's weights a step in proportion to them: about 0.001 is usual (Karpathy, CS231n, "Ratio of weights:updates").
const EXPLODING: f64 = 0.05;
/// Change of a layer's weights in proportion to that of the last one's, both without what only shortens them, as decay does.
const VANISHING: f64 = 0.01;
/// Size of a layer's weights in proportion to that with which they began.
const SHRUNK: f64 = 0.2;

/// Findings of an examination, and its evidence.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    /// The evidence.
    pub checkup: Checkup,
    /// The findings, those of the whole run first.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// Loss of the validation images, where it was measured.
    pub fn loss(&self) -> Option<f64> {
        self.checkup.ranking.as_ref().map(|ranking| ranking.whole.all.loss)
    }
}

/// The problems that the evidence speaks for: those of the run, then those of its layers in order.
pub fn diagnose(checkup: &Checkup) -> Vec<Finding> {
    let mut findings = run_signs::of_run(checkup);
    findings.extend(checkup.ranking.iter().flat_map(|ranking| of_classes(checkup, ranking)));
    let moving = |layer: &&LayerCheckup| !layer.frozen && layer.change.is_some_and(|change| change > 0.0);
    let last = checkup.layers.iter().rev().find(moving).and_then(|layer| layer.turn);
    for layer in &checkup.layers {
        findings.extend(checkup.ranking.iter().flat_map(|ranking| of_filters(layer, ranking)));
        findings.extend(of_weights(checkup, layer, last));
    }
    findings
}

/// A finding about a layer.
fn finding(layer: &LayerCheckup, problem: Problem, remedy: Option<Remedy>) -> Finding {
    Finding { layer: Some(layer.name.clone()), problem, remedy }
}

/// Classes that are never right, and the one that all images are taken for.
fn of_classes(checkup: &Checkup, ranking: &FilterRanking) -> Vec<Finding> {
    let scores = &ranking.whole.classes;
    let names = &checkup.classes;
    let known: Vec<usize> =
        (0..scores.len().min(names.len())).filter(|class| scores[*class].images >= MIN_IMAGES).collect();
    if known.len() < 2 {
        return Vec::new();
    }
    let (right, wrong): (Vec<usize>, Vec<usize>) =
        known.iter().partition(|class| scores[**class].accuracy > 0.0);
    if let [only] = right[..]
        && scores[only].accuracy > ALL
    {
        let problem = Problem::OneClass { class: names[only].clone(), images: ranking.whole.all.images };
        return vec![Finding { layer: None, problem, remedy: slower(checkup, Expected::LowerLoss) }];
    }
    // Of a network that has learned little, nothing is to be said about single classes.
    let learned = ranking.whole.all.accuracy * names.len() as f64 >= LEARNED && checkup.has_settled();
    if !learned || 2 * wrong.len() > known.len() {
        return Vec::new();
    }
    let of = |class: usize| Problem::ClassNeverRight {
        class: names[class].clone(),
        images: scores[class].images,
        training_images: checkup.training_images.get(class).copied().unwrap_or(0),
    };
    wrong.into_iter().map(|class| Finding { layer: None, problem: of(class), remedy: None }).collect()
}

/// Findings of the signs of a layer's filters.
fn of_filters(layer: &LayerCheckup, ranking: &FilterRanking) -> Vec<Finding> {
    let filters: BTreeMap<u32, &RankedFilter> = ranking
        .filters
        .iter()
        .filter(|ranked| ranked.layer == layer.layer)
        .map(|ranked| (ranked.filter, ranked))
        .collect();
    let with = |is: fn(&FilterSign) -> bool| -> Vec<u32> {
        filters.values().filter(|ranked| ranked.signs.iter().any(is)).map(|ranked| ranked.filter).collect()
    };
    let reset = |filters: &[u32]| {
        let edit =
            |filter: &u32| NetworkCommand::Edit(Edit::ResetFilter { layer: layer.layer, filter: *filter });
        cure(filters.iter().map(edit).collect())
    };
    let (of, mut findings) = (layer.filters, Vec::new());
    let dead = with(|sign| matches!(sign, FilterSign::Dead));
    if !dead.is_empty() {
        // Without any filter there is no layer.
        let remedy = if dead.len() == of { reset(&dead) } else { delete(layer, ranking, &filters, &dead) };
        findings.push(finding(layer, Problem::DeadFilters { filters: dead, of }, remedy));
    }
    let saturated = with(|sign| matches!(sign, FilterSign::Saturated { .. }));
    if !saturated.is_empty() {
        let remedy = reset(&saturated);
        findings.push(finding(layer, Problem::SaturatedFilters { filters: saturated, of }, remedy));
    }
    let pairs = duplicates(&filters);
    if !pairs.is_empty() {
        let merge =
            |pair: &[u32; 2]| NetworkCommand::Edit(Edit::MergeFilters { layer: layer.layer, filters: *pair });
        let remedy = cure(pairs.iter().map(merge).collect());
        findings.push(finding(layer, Problem::DuplicateFilters { pairs, of }, remedy));
    }
    findings
}

/// Deletes filters; the change of the loss is that of each by itself where it is one.
fn delete(
    layer: &LayerCheckup,
    ranking: &FilterRanking,
    filters: &BTreeMap<u32, &RankedFilter>,
    those: &[u32],
) -> Option<Remedy> {
    let edit =
        |filter: &u32| NetworkCommand::Edit(Edit::DeleteFilter { layer: layer.layer, filter: *filter });
    let mut remedy = cure(those.iter().map(edit).collect())?;
    if let [only] = those {
        remedy.loss_change = filters.get(only).map(|ranked| ranking.loss_change(ranked));
    }
    Some(remedy)
}

/// Pairs of duplicates, each filter in one pair at most.
fn duplicates(filters: &BTreeMap<u32, &RankedFilter>) -> Vec<[u32; 2]> {
    let mut pairs: Vec<[u32; 2]> = Vec::new();
    for (filter, ranked) in filters {
        let other = ranked.signs.iter().find_map(|sign| match sign {
            FilterSign::Duplicate { of, .. } => Some(*of),
            _ => None,
        });
        let Some(other) = other else { continue };
        if pairs.iter().flatten().all(|taken| taken != filter && *taken != other) {
            pairs.push([(*filter).min(other), (*filter).max(other)]);
        }
    }
    pairs
}

/// Findings of a layer's weights and of their change.
fn of_weights(checkup: &Checkup, layer: &LayerCheckup, last: Option<f64>) -> Vec<Finding> {
    let id = LayerId(layer.layer);
    let mut findings = Vec::new();
    let moves = |problem| (problem, cure(vec![NetworkCommand::SetLayerRate { layer: id, factor: 1.0 }]));
    let still = match layer.change {
        _ if layer.frozen => Some((Problem::Frozen, cure(vec![NetworkCommand::Thaw(id)]))),
        _ if layer.rate_factor == 0.0 => Some(moves(Problem::NoRate)),
        Some(0.0) if last.is_some() => Some((Problem::NotMoving, None)),
        _ => None,
    };
    if let Some((problem, remedy)) = still {
        findings.push(finding(layer, problem, remedy));
    } else if let Some(change) = layer.change.filter(|_| checkup.has_settled() && checkup.learning_rate > 0.0)
    {
        let rate = |times: f32| {
            let factor = layer.rate_factor * times;
            cure(vec![NetworkCommand::SetLayerRate { layer: id, factor }])
        };
        if change > EXPLODING {
            findings.push(finding(layer, Problem::Exploding { change }, rate(0.1)));
        }
        if let Some((change, last)) = layer.turn.zip(last).filter(|(turn, last)| *turn < VANISHING * last) {
            findings.push(finding(layer, Problem::Vanishing { change, last }, rate(100.0)));
        }
    }
    let weight_decay = checkup.settings.hyper.weight_decay;
    if let Some(begun) = layer.begun.filter(|begun| weight_decay > 0.0 && layer.size < SHRUNK * begun) {
        let problem = Problem::Shrinking { size: layer.size, begun, weight_decay };
        findings.push(finding(layer, problem, lowers(TrainCommand::SetWeightDecay(weight_decay / 100.0))));
    }
    if let Some(filters) = layer.single_color.clone().filter(|filters| 2 * filters.len() > layer.filters) {
        let reset =
            |filter: &u32| NetworkCommand::Edit(Edit::ResetFilter { layer: layer.layer, filter: *filter });
        let remedy = cure(filters.iter().map(reset).collect());
        findings.push(finding(layer, Problem::SingleColor { filters, of: layer.filters }, remedy));
    }
    findings
}
