//! Signs that a run cannot learn, in words: the user looks at curves, not at every number.

use super::event::Split;
use super::metrics::Metrics;
use super::run::Run;
use crate::error::Error;
use crate::nn::Loss;

/// Epochs for which the loss has to stay where it is.
const EPOCHS: usize = 2;
/// Largest difference from the loss of guessing, as a share of it.
const CLOSE: f32 = 0.02;

/// The first sign that there is, with what to do.
pub(super) fn concern(run: &Run, metrics: &Metrics) -> Option<Error> {
    one_class(run).or_else(|| dead_layers(run, metrics)).or_else(|| guesses(run, metrics))
}

/// All training images are of one class: then every network is right.
fn one_class(run: &Run) -> Option<Error> {
    let images = &run.images[Split::Training as usize];
    let (_, first) = images.first()?;
    let has_classes = run.trainer.network.loss.has_classes();
    if !has_classes || images.iter().any(|(_, class)| class != first) {
        return None;
    }
    let name = run.classes.get(usize::from(*first)).map_or("one class", String::as_str);
    let what = format!("all training images are of one class, {name}: an accuracy of 100 % is no result");
    Some(Error::new(what, "train on images of two classes or more"))
}

/// Layers of which no unit fired: no gradient passes them.
fn dead_layers(run: &Run, metrics: &Metrics) -> Option<Error> {
    let names: Vec<&str> = metrics.dead.iter().map(|node| run.layers[*node].name.as_str()).collect();
    if names.is_empty() {
        return None;
    }
    let what = format!(
        "{}: no unit fired for any validation image of the last epoch, so nothing is learned through it",
        names.join(", ")
    );
    Some(Error::new(what, "lower the learning rate and reset (R), or add batch_norm before it"))
}

/// The loss stays where it is for equal probabilities.
fn guesses(run: &Run, metrics: &Metrics) -> Option<Error> {
    let classes = run.classes.len();
    let plain = matches!(run.trainer.network.loss, Loss::SoftmaxCrossEntropy { label_smoothing: 0.0 });
    if !plain || classes < 2 || metrics.epochs.len() < EPOCHS {
        return None;
    }
    let guess = (classes as f32).ln();
    let close = |loss: f32| (loss - guess).abs() <= CLOSE * guess;
    let last = &metrics.epochs[metrics.epochs.len() - EPOCHS..];
    if !last.iter().all(|epoch| close(epoch.train_loss) && close(epoch.val_loss)) {
        return None;
    }
    let what = format!(
        "the loss stays at ln({classes}) = {guess:.2}, that of guessing, for {EPOCHS} epochs: nothing is learned"
    );
    Some(Error::new(what, "lower the learning rate and reset (R), or raise it where it is tiny"))
}
