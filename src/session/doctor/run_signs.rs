//! Findings of a whole run: what its losses and its learning rate say.

use super::checkup::Checkup;
use super::finding::{Expected, Finding, Problem, Remedy};
use super::remedies::{lowers, slower};
use crate::nn::Schedule;
use crate::session::command::{DataCommand, LayerId, NetworkCommand, TrainCommand};
use crate::session::metrics::EpochMetrics;

/// Loss in proportion to that of a guess from which on a run diverges.
const DIVERGING: f64 = 1.2;
/// Loss in proportion to that of a guess from which on a run guesses.
const GUESSING: f64 = 0.98;
/// Loss in proportion to that of a guess, above which there is something left to learn.
const UNLEARNED: f64 = 0.3;
/// The same for a plateau.
const WORTH_IT: f64 = 0.1;
/// Change of the weights a step in proportion to them, without what only shortens them, below which nothing is learned.
const TOO_SLOW: f64 = 1e-5;
/// Learning rate in proportion to that of the settings, below which the schedule has ended.
const SCHEDULE_ENDED: f64 = 0.001;
/// Epochs of a plateau.
const PLATEAU_EPOCHS: usize = 3;
/// Losses in proportion to those before a plateau, at which they stay.
const STAYS: f32 = 0.99;
/// Epochs from the best one on after which a run may over-fit.
const OVER_FITTING_EPOCHS: usize = 2;
/// Rise of the validation loss, and fall of the training loss, of a run that over-fits.
const RISE: f32 = 1.1;
const FALL: f32 = 0.9;
/// Accuracy that training images may have above that of validation images.
const BY_HEART: f32 = 0.15;
/// Accuracy that training images may lack beside validation images.
const TOO_HARD: f32 = 0.25;
/// Pixels of the shift that is advised against over-fitting.
const SHIFT: u32 = 2;

/// The findings of a run.
pub(super) fn of_run(checkup: &Checkup) -> Vec<Finding> {
    let whole = |(problem, remedy)| Finding { layer: None, problem, remedy };
    if let Some(error) = &checkup.halted {
        let problem = Problem::NotFinite { error: error.clone() };
        return vec![whole((problem, slower(checkup, Expected::Gone)))];
    }
    // Weights that stand still do not diverge, whatever the loss.
    let stuck = is_too_slow(checkup).or_else(|| diverges(checkup)).or_else(|| guesses(checkup));
    let found = stuck.or_else(|| plateau(checkup)).into_iter();
    found.chain(over_fits(checkup)).chain(is_too_hard(checkup)).map(whole).collect()
}

/// A problem, and its remedy.
type Found = (Problem, Option<Remedy>);

/// The training loss of the last steps, and that of a guess, once a run has settled.
fn losses(checkup: &Checkup) -> Option<(f64, f64)> {
    checkup.recent.map(|(loss, _)| loss).zip(checkup.guess).filter(|_| checkup.has_settled())
}

fn diverges(checkup: &Checkup) -> Option<Found> {
    let (loss, guess) = losses(checkup).filter(|(loss, guess)| *loss > DIVERGING * guess)?;
    Some((Problem::Diverging { loss, guess }, slower(checkup, Expected::LowerLoss)))
}

fn is_too_slow(checkup: &Checkup) -> Option<Found> {
    losses(checkup).filter(|(loss, guess)| *loss > UNLEARNED * guess)?;
    let trained = checkup.layers.iter().filter(|layer| !layer.frozen && layer.rate_factor > 0.0);
    let change =
        trained.map(|layer| layer.turn).collect::<Option<Vec<f64>>>()?.into_iter().reduce(f64::max)?;
    let (hyper, learning_rate) = (&checkup.settings.hyper, checkup.learning_rate);
    let scheduled = learning_rate < SCHEDULE_ENDED * f64::from(hyper.learning_rate);
    if change >= TOO_SLOW {
        return None;
    }
    let command = match scheduled {
        true => TrainCommand::SetSchedule(Schedule::Constant),
        false => TrainCommand::SetLearningRate(hyper.learning_rate * 10.0),
    };
    Some((Problem::TooSlow { change, learning_rate, scheduled }, lowers(command)))
}

fn guesses(checkup: &Checkup) -> Option<Found> {
    let (loss, guess) = losses(checkup).filter(|(loss, guess)| *loss > GUESSING * guess)?;
    Some((Problem::Guessing { loss, guess }, slower(checkup, Expected::LowerLoss)))
}

/// Least validation loss of some epochs.
fn least(epochs: &[EpochMetrics]) -> Option<f32> {
    epochs.iter().map(|epoch| epoch.val_loss).reduce(f32::min)
}

fn plateau(checkup: &Checkup) -> Option<Found> {
    let (before, last) =
        checkup.epochs.split_at_checked(checkup.epochs.len().checked_sub(PLATEAU_EPOCHS)?)?;
    let (then, now) = (before.last()?.train_loss, last.last()?.train_loss);
    let (least_before, least_now) = (least(before)?, least(last)?);
    let worth_it = checkup.guess.is_some_and(|guess| f64::from(now) > WORTH_IT * guess);
    let stays = least_now > STAYS * least_before && now > STAYS * then;
    (stays && worth_it).then(|| {
        let problem = Problem::Plateau { epochs: PLATEAU_EPOCHS, before: least_before, now: least_now };
        (problem, slower(checkup, Expected::LowerLoss))
    })
}

fn over_fits(checkup: &Checkup) -> Option<Found> {
    let (last, epochs) = checkup.epochs.split_last()?;
    let best = epochs.iter().min_by(|a, b| a.val_loss.total_cmp(&b.val_loss))?;
    let old = last.epoch.saturating_sub(best.epoch) as usize >= OVER_FITTING_EPOCHS;
    let rises = old && last.val_loss > RISE * best.val_loss && last.train_loss < FALL * best.train_loss;
    let (train_accuracy, val_accuracy) = (last.train_accuracy, last.val_accuracy);
    let problem = match rises {
        true => Problem::OverFitting {
            best_epoch: best.epoch,
            best_loss: best.val_loss,
            val_loss: last.val_loss,
            train_loss: last.train_loss,
        },
        false if train_accuracy - val_accuracy > BY_HEART => {
            Problem::Memorized { train_accuracy, val_accuracy }
        }
        false => return None,
    };
    let settings = &checkup.settings;
    let shifts = checkup.can_shift && settings.augmentation.shift < SHIFT;
    let decay = 10.0 * settings.hyper.weight_decay.max(1e-4);
    let remedy = match shifts {
        true => lowers(DataCommand::SetShift(SHIFT)),
        false => lowers(TrainCommand::SetWeightDecay(decay)),
    };
    Some((problem, remedy))
}

fn is_too_hard(checkup: &Checkup) -> Option<Found> {
    let last = checkup.epochs.last()?;
    let (train_accuracy, val_accuracy) = (last.train_accuracy, last.val_accuracy);
    if checkup.classes.is_empty() || val_accuracy - train_accuracy < TOO_HARD {
        return None;
    }
    Some((Problem::TooHard { train_accuracy, val_accuracy }, easier(checkup)))
}

/// Half of the strongest dropout, or no more of the augmentation that hides most.
fn easier(checkup: &Checkup) -> Option<Remedy> {
    if let Some((layer, rate)) = checkup.dropouts.iter().max_by(|a, b| a.1.total_cmp(&b.1)) {
        let mut settings = toml::Table::new();
        settings.insert("rate".to_owned(), toml::Value::Float(f64::from(rate / 2.0)));
        return lowers(NetworkCommand::SetLayer { layer: LayerId(*layer), settings });
    }
    let augmentation = &checkup.settings.augmentation;
    let off = [
        (augmentation.cutout > 0, DataCommand::SetCutout(0)),
        (augmentation.rotation > 0.0, DataCommand::SetRotation(0.0)),
        (augmentation.scale > 0.0, DataCommand::SetScale(0.0)),
        (augmentation.shift > 0, DataCommand::SetShift(0)),
        (augmentation.contrast > 0.0, DataCommand::SetContrast(0.0)),
        (augmentation.brightness > 0.0, DataCommand::SetBrightness(0.0)),
    ];
    off.into_iter().find(|(on, _)| *on).and_then(|(_, command)| lowers(command))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::settings::RunSettings;

    /// A run of these losses by epoch, of training and of validation.
    fn checkup(losses: &[[f32; 2]]) -> Checkup {
        let epoch = |(index, [train_loss, val_loss]): (usize, &[f32; 2])| EpochMetrics {
            epoch: index as u32 + 1,
            train_loss: *train_loss,
            val_loss: *val_loss,
            train_accuracy: 0.8,
            val_accuracy: 0.8,
            ..EpochMetrics::default()
        };
        let settings = RunSettings::of_digits();
        Checkup {
            step: 1000,
            learning_rate: f64::from(settings.hyper.learning_rate),
            settings,
            classes: vec!["a".to_owned(), "b".to_owned()],
            training_images: vec![10, 10],
            guess: Some(2.0_f64.ln()),
            recent: losses.last().map(|[train, _]| (f64::from(*train), 0.8)),
            epochs: losses.iter().enumerate().map(epoch).collect(),
            halted: None,
            ranking: None,
            layers: Vec::new(),
            dropouts: Vec::new(),
            can_shift: true,
        }
    }

    fn names(checkup: &Checkup) -> Vec<&'static str> {
        of_run(checkup).iter().map(|found| found.problem.name()).collect()
    }

    #[test]
    fn losses_that_stay_are_a_plateau() {
        let falls = [[0.6, 0.6], [0.5, 0.55], [0.45, 0.5], [0.4, 0.45], [0.35, 0.4]];
        let stays = [[0.6, 0.6], [0.5, 0.5], [0.501, 0.5], [0.499, 0.502], [0.5, 0.498]];
        let jumps = [[0.6, 0.6], [0.5, 0.5], [0.47, 0.55], [0.44, 0.52], [0.41, 0.51]];
        assert_eq!((names(&checkup(&falls)), names(&checkup(&jumps))), (vec![], vec![]));
        assert_eq!(names(&checkup(&stays)), ["plateau"]);
        assert_eq!(names(&checkup(&stays[..3])), [""; 0], "there was no time for one");
        let learned = stays.map(|[train, val]| [train / 10.0, val / 10.0]);
        assert_eq!(names(&checkup(&learned)), [""; 0], "there is nothing left to learn");
    }

    #[test]
    fn a_validation_loss_that_rises_while_the_other_falls_is_over_fitting() {
        let over = [[0.6, 0.6], [0.4, 0.5], [0.3, 0.52], [0.2, 0.56], [0.1, 0.61]];
        let found = of_run(&checkup(&over));
        let Problem::OverFitting { best_epoch, .. } = found[0].problem else { panic!("{found:?}") };
        assert_eq!((found.len(), best_epoch), (1, 2));
        let narrow = Checkup { can_shift: false, ..checkup(&over) };
        for (of, command) in [(checkup(&over), "set_shift"), (narrow, "set_weight_decay")] {
            let remedy = of_run(&of)[0].remedy.clone().unwrap();
            assert!(serde_json::to_string(&remedy.commands[0]).unwrap().contains(command));
        }
        let accurate = |train_accuracy| {
            let mut of = checkup(&over[..2]);
            of.epochs.iter_mut().for_each(|epoch| epoch.train_accuracy = train_accuracy);
            names(&of)
        };
        assert_eq!((accurate(0.9), accurate(0.99)), (vec![], vec!["memorized"]), "validation 0.8");
        let both_rise = over.map(|[_, val]| [val, val]);
        assert_eq!(names(&checkup(&both_rise)), ["plateau"], "neither falls");
    }
}
