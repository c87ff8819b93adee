//! A finding of the doctor: the sign with its evidence, the remedy, and what is to come of it.

use serde::Serialize;

use crate::session::command::Command;

/// Sign that a run does not learn as it could, with the evidence.
#[derive(Debug, Clone, PartialEq, Serialize, strum::IntoStaticStr)]
#[serde(tag = "problem", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Problem {
    /// A step's numbers stopped being finite.
    NotFinite {
        /// The error of the step.
        error: String,
    },
    /// The loss of the training images is above that of a guess.
    Diverging {
        /// Mean over the last steps.
        loss: f64,
        /// Loss of equal probabilities: ln(classes).
        guess: f64,
    },
    /// The loss of the training images stays at that of a guess.
    Guessing {
        /// Mean over the last steps.
        loss: f64,
        /// Loss of equal probabilities: ln(classes).
        guess: f64,
    },
    /// The weights of all layers change too little to learn what is left to learn.
    TooSlow {
        /// Change of the fastest layer's weights a step, in proportion to them.
        change: f64,
        /// Learning rate now, after the schedule.
        learning_rate: f64,
        /// The schedule has brought the rate down.
        scheduled: bool,
    },
    /// The losses do not fall any more.
    Plateau {
        /// Epochs in which they did not.
        epochs: usize,
        /// Least loss of the validation images before them.
        before: f32,
        /// Least loss of the validation images in them.
        now: f32,
    },
    /// The loss of the validation images rises while that of the training images falls.
    OverFitting {
        /// Epoch with the least loss of the validation images.
        best_epoch: u32,
        /// Their loss then.
        best_loss: f32,
        /// Their loss after the last epoch.
        val_loss: f32,
        /// Loss of the training images in the last epoch.
        train_loss: f32,
    },
    /// The training images are known by heart.
    Memorized {
        /// Share of the training images that is classified right, 0 to 1.
        train_accuracy: f32,
        /// Share of the validation images that is classified right, 0 to 1.
        val_accuracy: f32,
    },
    /// The training images are much harder than the validation images: dropout or augmentation hides what is to be learned.
    TooHard {
        /// Share of the training images that is classified right, 0 to 1.
        train_accuracy: f32,
        /// Share of the validation images that is classified right, 0 to 1.
        val_accuracy: f32,
    },
    /// All images are taken for one class.
    OneClass {
        /// Its name.
        class: String,
        /// Number of validation images.
        images: usize,
    },
    /// No image of a class is classified right.
    ClassNeverRight {
        /// Its name.
        class: String,
        /// Number of its validation images.
        images: usize,
        /// Number of its training images.
        training_images: usize,
    },
    /// Filters without any activation above 0.
    DeadFilters {
        /// Their numbers.
        filters: Vec<u32>,
        /// Number of the layer's filters.
        of: usize,
    },
    /// Filters whose activations are near the limits of the activation function.
    SaturatedFilters {
        /// Their numbers.
        filters: Vec<u32>,
        /// Number of the layer's filters.
        of: usize,
    },
    /// Filters with the kernel of another one.
    DuplicateFilters {
        /// Numbers of the two of each pair.
        pairs: Vec<[u32; 2]>,
        /// Number of the layer's filters.
        of: usize,
    },
    /// A layer is frozen.
    Frozen,
    /// The factor of a layer's learning rate is 0.
    NoRate,
    /// The weights of a layer do not change, though they are trained.
    NotMoving,
    /// The weights of a layer change by large parts of themselves.
    Exploding {
        /// Change a step, in proportion to the weights.
        change: f64,
    },
    /// The weights of a layer change far less than those of the last one, as gradients lose themselves on the way.
    Vanishing {
        /// Change a step, in proportion to the weights.
        change: f64,
        /// Of the last layer with weights.
        last: f64,
    },
    /// The weights of a layer have become small: decay outweighs the gradients.
    Shrinking {
        /// Root mean square of the weights.
        size: f64,
        /// With which they began.
        begun: f64,
        /// Weight decay.
        weight_decay: f32,
    },
    /// Filters of the first layer that look at one color channel alone.
    SingleColor {
        /// Their numbers.
        filters: Vec<u32>,
        /// Number of the layer's filters.
        of: usize,
    },
}

/// Outcome that is to be seen some steps after a remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// The problem is not found any more.
    Gone,
    /// The loss of the validation images is lower.
    LowerLoss,
}

impl Expected {
    /// The outcome in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Gone => "it is not found any more",
            Self::LowerLoss => "the validation loss is lower",
        }
    }
}

/// Remedy of a problem.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Remedy {
    /// Its commands, in order.
    pub commands: Vec<Command>,
    /// Outcome that is to be seen [`EFFECT_STEPS`](crate::session::EFFECT_STEPS) steps later.
    pub expected: Expected,
    /// Change of the validation loss at once, where it was measured.
    pub loss_change: Option<f64>,
}

/// A problem, and its remedy where a command is one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Name of the layer that it is about.
    pub layer: Option<String>,
    /// The problem with its evidence.
    #[serde(flatten)]
    pub problem: Problem,
    /// Its remedy.
    pub remedy: Option<Remedy>,
}

impl Problem {
    /// Name in JSON, such as `dead_filters`.
    pub fn name(&self) -> &'static str {
        self.into()
    }

    /// Its heading: a few words.
    pub fn heading(&self) -> String {
        let of = |filters: usize, of: &usize, what: &str| match filters == *of {
            true => format!("All {of} filters {what}"),
            false => format!("{filters} of {of} filters {what}"),
        };
        match self {
            Self::NotFinite { .. } => "Numbers are not finite".to_owned(),
            Self::Diverging { .. } => "The loss is above that of a guess".to_owned(),
            Self::Guessing { .. } => "It guesses".to_owned(),
            Self::TooSlow { .. } => "It learns too slowly".to_owned(),
            Self::Plateau { .. } => "The loss has stopped falling".to_owned(),
            Self::OverFitting { .. } => "It over-fits".to_owned(),
            Self::Memorized { .. } => "It knows the training images by heart".to_owned(),
            Self::TooHard { .. } => "The training images are made too hard".to_owned(),
            Self::OneClass { class, .. } => format!("Every image is taken for {class}"),
            Self::ClassNeverRight { class, .. } => format!("{class} is never right"),
            Self::DeadFilters { filters, of: all } => of(filters.len(), all, "are dead"),
            Self::SaturatedFilters { filters, of: all } => of(filters.len(), all, "are saturated"),
            Self::DuplicateFilters { pairs, .. } => match pairs.len() {
                1 => "A filter is there twice".to_owned(),
                pairs => format!("{pairs} filters are there twice"),
            },
            Self::Frozen => "It is frozen".to_owned(),
            Self::NoRate => "Its learning rate is 0".to_owned(),
            Self::NotMoving => "Its weights do not change".to_owned(),
            Self::Exploding { .. } => "Its weights change by large parts of themselves".to_owned(),
            Self::Vanishing { .. } => "Hardly any gradient arrives".to_owned(),
            Self::Shrinking { .. } => "Its weights have shrunk".to_owned(),
            Self::SingleColor { filters, of: all } => of(filters.len(), all, "see a single color"),
        }
    }

    /// The evidence in a sentence.
    pub fn evidence(&self) -> String {
        let percent = |share: f64| format!("{} %", rounded(100.0 * share));
        match self {
            Self::NotFinite { error } => error.clone(),
            Self::Diverging { loss, guess } | Self::Guessing { loss, guess } => {
                format!("the training loss is {loss:.3}, that of equal probabilities {guess:.3}")
            }
            Self::TooSlow { change, learning_rate, scheduled } => {
                let why = if *scheduled { ", to which the schedule has brought it" } else { "" };
                let change = percent(*change);
                format!(
                    "no layer's weights change by more than {change} a step, at a learning rate of {}{why}",
                    rounded(*learning_rate)
                )
            }
            Self::Plateau { epochs, before, now } => format!(
                "least validation loss of the last {epochs} epochs {now:.4}, before them {before:.4}; the training loss stays too"
            ),
            Self::OverFitting { best_epoch, best_loss, val_loss, train_loss } => format!(
                "validation loss {val_loss:.4} after {best_loss:.4} in epoch {best_epoch}; training loss {train_loss:.4}, and falling"
            ),
            Self::Memorized { train_accuracy, val_accuracy }
            | Self::TooHard { train_accuracy, val_accuracy } => format!(
                "accuracy {:.1} % on training images, {:.1} % on validation images",
                100.0 * train_accuracy,
                100.0 * val_accuracy
            ),
            Self::OneClass { images, .. } => format!("{images} validation images of all classes"),
            Self::ClassNeverRight { images, training_images, .. } => {
                format!("none of its {images} validation images; it has {training_images} training images")
            }
            Self::Frozen => "its weights are as they were when it was frozen".to_owned(),
            Self::NoRate => "the factor of its learning rate is 0".to_owned(),
            Self::NotMoving => "not a bit of them changed over the last steps".to_owned(),
            Self::Exploding { change } => format!("by {} a step", percent(*change)),
            Self::Vanishing { change, last } => {
                format!(
                    "its weights change by {} a step, those of the last layer by {}",
                    percent(*change),
                    percent(*last)
                )
            }
            Self::Shrinking { size, begun, weight_decay } => format!(
                "root mean square {} in place of {} at the beginning, with a weight decay of {weight_decay}",
                rounded(*size),
                rounded(*begun)
            ),
            _ => self.evidence_of_filters(),
        }
    }

    /// The same of what is wrong with single filters.
    fn evidence_of_filters(&self) -> String {
        match self {
            Self::DeadFilters { filters, .. } => {
                format!("no activation above 0 for any validation image: {}", numbers(filters))
            }
            Self::SaturatedFilters { filters, .. } => {
                format!("nearly all activations are near the limits of the function: {}", numbers(filters))
            }
            Self::DuplicateFilters { pairs, .. } => {
                let pairs: Vec<String> = pairs.iter().map(|[a, b]| format!("{a} and {b}")).collect();
                format!("the same kernel but for its length: {}", pairs.join(", "))
            }
            Self::SingleColor { filters, .. } => {
                format!("over 90 % of the squares of their weights are of one channel: {}", numbers(filters))
            }
            _ => String::new(),
        }
    }
}

impl Finding {
    /// True if both are the same problem of the same layer, with whatever evidence.
    pub fn is_same(&self, other: &Self) -> bool {
        self.layer == other.layer && self.problem.name() == other.problem.name()
    }
}

/// Two significant digits.
fn rounded(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let digits = (1 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    format!("{value:.digits$}")
}

/// Numbers of filters, the first of many.
fn numbers(filters: &[u32]) -> String {
    const MOST: usize = 12;
    let shown: Vec<String> = filters.iter().take(MOST).map(u32::to_string).collect();
    let rest = filters.len().saturating_sub(MOST);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    shown.join(", ") + &more
}
