//! Hyper-parameters of the optimizers, their defaults and ranges.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// An optimizer; its index is the shader's `optimizer`. Its name on the command line and in the journal is in snake case.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::VariantArray,
    strum::EnumCount,
    strum::IntoStaticStr,
    strum::EnumString,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = Error, parse_err_fn = unknown_optimizer)]
pub enum OptimizerKind {
    /// Stochastic gradient descent with momentum.
    #[default]
    Sgd,
    /// Adagrad.
    Adagrad,
    /// ConvNetJS's Adagrad over a window.
    WindowedAdagrad,
    /// Adadelta.
    Adadelta,
    /// RMSprop.
    Rmsprop,
    /// Adam.
    Adam,
    /// Adam with decoupled weight decay.
    Adamw,
}

impl OptimizerKind {
    /// Every optimizer.
    pub const ALL: [Self; <Self as strum::EnumCount>::COUNT] =
        *<Self as strum::VariantArray>::VARIANTS.first_chunk().expect("there are as many variants");

    /// Name on the command line and in the journal.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// True if it uses [`Hyper::momentum`].
    pub fn has_momentum(self) -> bool {
        matches!(self, Self::Sgd | Self::Rmsprop | Self::Adam | Self::Adamw)
    }

    /// True if it averages squares with [`Hyper::beta2`].
    pub fn has_beta2(self) -> bool {
        !matches!(self, Self::Sgd | Self::Adagrad)
    }
}

fn unknown_optimizer(name: &str) -> Error {
    let known = OptimizerKind::ALL.map(OptimizerKind::name).join(", ");
    Error::usage(format!("no optimizer is called {name:?}"), format!("take one of {known}"))
}

/// Sizes of epoch and step, which say how many steps an epoch has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepsPerEpoch {
    /// Images of an epoch.
    pub train_images: usize,
    /// Images of a step.
    pub batch: usize,
}

/// Learning-rate schedule; epochs count from the beginning of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Constant.
    #[default]
    Constant,
    /// Multiplied by `factor` every `epochs`.
    Step {
        /// Epochs from one change to the next, above 0.
        epochs: f32,
        /// Factor, above 0.
        factor: f32,
    },
    /// Down to 0 at `epochs` along half a cosine.
    Cosine {
        /// Epochs until it is 0, above 0.
        epochs: f32,
    },
}

/// The optimizer and its hyper-parameters. The command line has those with `arg`, by these texts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, clap::Args)]
pub struct Hyper {
    /// The optimizer.
    #[arg(long, default_value = "sgd", value_parser = PossibleValuesParser::new(OptimizerKind::ALL.map(OptimizerKind::name)).try_map(|name| name.parse::<OptimizerKind>()))]
    pub optimizer: OptimizerKind,
    /// Learning rate before the schedule, 0 or more [default: by optimizer, such as 0.02 for sgd, 0.001 for adam].
    #[arg(long = "lr", value_name = "RATE", allow_negative_numbers = true)]
    pub learning_rate: f32,
    /// Momentum (Adam's β₁), from 0 to below 1 [default: 0.9 for sgd and adam, 0 for rmsprop].
    #[arg(long, allow_negative_numbers = true)]
    pub momentum: f32,
    /// Decay of the mean of squares (Adam's β₂, RMSprop's α, Adadelta's ρ), from 0 to below 1 [default: by optimizer].
    #[arg(long, allow_negative_numbers = true)]
    pub beta2: f32,
    /// ε, added to a divisor: finite and above 0.
    #[arg(skip)]
    pub epsilon: f32,
    /// L2 decay of the weights, 0 or more [default: 0.0001; 0.01 for adamw].
    #[arg(long, value_name = "DECAY", allow_negative_numbers = true)]
    pub weight_decay: f32,
    /// L1 decay of the weights, 0 or more.
    #[arg(long, value_name = "DECAY", default_value_t = 0.0, allow_negative_numbers = true)]
    pub l1_decay: f32,
    /// Largest norm of all gradients together; 0 for no clipping.
    #[arg(long, value_name = "NORM", default_value_t = 0.0, allow_negative_numbers = true)]
    pub clip_norm: f32,
    /// Nesterov momentum of SGD.
    #[arg(long)]
    pub nesterov: bool,
    /// Learning-rate schedule: `constant`, `step:EPOCHS:FACTOR` or `cosine:EPOCHS`.
    #[arg(long, default_value = "constant")]
    pub schedule: Schedule,
    /// Epochs of linear warm-up from 0.
    #[arg(long, value_name = "EPOCHS", default_value_t = 0.0, allow_negative_numbers = true)]
    pub warmup: f32,
    /// Longest span in epochs of the average of the last weights, which evaluations report beside them; 0 for no average.
    #[arg(long = "average", value_name = "EPOCHS", default_value_t = Self::AVERAGING, allow_negative_numbers = true)]
    #[serde(default)]
    pub averaging: f32,
    /// Step at which this optimizer began with moments of 0.
    #[arg(skip)]
    pub since: u32,
}

impl Default for Hyper {
    fn default() -> Self {
        Self::of(OptimizerKind::Sgd)
    }
}

impl Hyper {
    /// Default span of the average: of an eighth, a quarter, half, one and two epochs it had the highest mean test accuracy
    /// over 5 seeds each of MNIST, CIFAR-10 and shapes.
    const AVERAGING: f32 = 1.0;

    /// An optimizer with its default hyper-parameters.
    pub fn of(optimizer: OptimizerKind) -> Self {
        let (learning_rate, momentum, beta2, epsilon) = match optimizer {
            OptimizerKind::Sgd => (0.02, 0.9, 0.999, 1e-8),
            OptimizerKind::Adagrad => (0.01, 0.0, 0.999, 1e-10),
            OptimizerKind::WindowedAdagrad => (0.01, 0.0, 0.95, 1e-6),
            OptimizerKind::Adadelta => (1.0, 0.0, 0.9, 1e-6),
            OptimizerKind::Rmsprop => (0.001, 0.0, 0.99, 1e-8),
            OptimizerKind::Adam => (0.001, 0.9, 0.999, 1e-8),
            OptimizerKind::Adamw => (0.001, 0.9, 0.999, 1e-8),
        };
        Self {
            optimizer,
            learning_rate,
            momentum,
            beta2,
            epsilon,
            weight_decay: if optimizer == OptimizerKind::Adamw { 0.01 } else { 1e-4 },
            l1_decay: 0.0,
            clip_norm: 0.0,
            nesterov: false,
            schedule: Schedule::Constant,
            warmup: 0.0,
            averaging: Self::AVERAGING,
            since: 0,
        }
    }

    /// Another optimizer with its default rate, momentum, averages and decay; clipping, schedule, warm-up and averaging stay.
    pub fn with_optimizer(self, optimizer: OptimizerKind) -> Self {
        Self {
            l1_decay: self.l1_decay,
            clip_norm: self.clip_norm,
            nesterov: self.nesterov,
            schedule: self.schedule,
            warmup: self.warmup,
            averaging: self.averaging,
            ..Self::of(optimizer)
        }
    }

    /// Learning rate of a step at `epochs`.
    pub fn rate(&self, epochs: f64, epoch: StepsPerEpoch) -> f64 {
        let share = match self.schedule {
            Schedule::Constant => 1.0,
            Schedule::Step { epochs: period, factor } => {
                f64::from(factor).powf((epochs / f64::from(period)).floor())
            }
            Schedule::Cosine { epochs: period } => {
                0.5 + 0.5 * (std::f64::consts::PI * (epochs / f64::from(period)).min(1.0)).cos()
            }
        };
        let step = epoch.batch as f64 / epoch.train_images as f64;
        let warmup = f64::from(self.warmup);
        let warm = if epochs < warmup { ((epochs + step) / warmup).min(1.0) } else { 1.0 };
        f64::from(self.learning_rate) * share * warm
    }

    /// These values, checked.
    ///
    /// # Errors
    /// When one is out of range, not a number or infinite.
    pub fn checked(self) -> Result<Self> {
        let fault = |name: &str, value: f32, range: &str| {
            Err(Error::usage(format!("the {name} is {value}"), format!("give it a value {range}")))
        };
        let finite = |value: f32| value.is_finite() && value >= 0.0;
        let above_zero = |value: f32| value.is_finite() && value > 0.0;
        if !finite(self.learning_rate) {
            return fault("learning rate", self.learning_rate, "of 0 or more, such as 0.01");
        }
        if !(0.0..1.0).contains(&self.momentum) {
            return fault("momentum", self.momentum, "from 0 to below 1, such as 0.9");
        }
        if !(0.0..1.0).contains(&self.beta2) {
            return fault("beta2", self.beta2, "from 0 to below 1, such as 0.999");
        }
        if !above_zero(self.epsilon) {
            return fault("epsilon", self.epsilon, "above 0, such as 1e-8");
        }
        for (name, value) in [("weight decay", self.weight_decay), ("L1 decay", self.l1_decay)] {
            if !finite(value) {
                return fault(name, value, "of 0 or more, such as 0.0001");
            }
        }
        if !finite(self.clip_norm) {
            return fault("largest norm of the gradients", self.clip_norm, "above 0, or 0 for any");
        }
        if !finite(self.warmup) {
            return fault("warm-up", self.warmup, "of 0 or more epochs");
        }
        if !finite(self.averaging) {
            return fault("span of the average", self.averaging, "of 0 or more epochs");
        }
        match self.schedule {
            Schedule::Step { epochs, .. } | Schedule::Cosine { epochs } if !above_zero(epochs) => {
                fault("period of the schedule", epochs, "above 0, in epochs")
            }
            Schedule::Step { factor, .. } if !above_zero(factor) => {
                fault("factor of the schedule", factor, "above 0, such as 0.1")
            }
            _ => Ok(self),
        }
    }
}

impl std::str::FromStr for Schedule {
    type Err = Error;

    /// Reads `constant`, `step:EPOCHS:FACTOR` or `cosine:EPOCHS`.
    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let number = |part: &str| part.parse::<f32>().ok();
        let found = match parts[..] {
            ["constant"] => Some(Self::Constant),
            ["step", epochs, factor] => {
                number(epochs).zip(number(factor)).map(|(epochs, factor)| Self::Step { epochs, factor })
            }
            ["cosine", epochs] => number(epochs).map(|epochs| Self::Cosine { epochs }),
            _ => None,
        };
        let help = "write constant, step:EPOCHS:FACTOR such as step:10:0.1, or cosine:EPOCHS";
        found.ok_or_else(|| Error::usage(format!("no schedule is written {text:?}"), help))
    }
}
