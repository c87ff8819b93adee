//! The options that describe a run, common to several commands.

use std::rc::Rc;

use clap::Args;
use revacnn::error::{Error, Result};
use revacnn::gpu::{AdapterChoice, Gpu};
use revacnn::nn::Hyper;
use revacnn::session::RunSettings;

/// Which GPU.
#[derive(Args, Clone)]
pub struct AdapterOption {
    /// The GPU: an index or name from `revacnn adapters`, or `software`.
    #[arg(long, value_name = "INDEX|NAME|software", default_value = "best", hide_default_value = true)]
    adapter: String,
}

impl AdapterOption {
    /// Opens it.
    pub fn open(&self) -> Result<Rc<Gpu>> {
        let gpu = Gpu::open(&self.choice())?;
        if gpu.is_software() && self.choice() == AdapterChoice::Best {
            log::info!("no GPU was found: computing on the CPU, which is much slower");
        }
        Ok(Rc::new(gpu))
    }

    /// What it means.
    pub fn choice(&self) -> AdapterChoice {
        let Ok(choice) = self.adapter.parse();
        choice
    }
}

/// Data, network and settings of a new run.
#[derive(Args, Clone)]
pub struct RunOptions {
    /// Data: a built-in set (`shapes`, `digits`), or a folder in MNIST's or CIFAR's format.
    #[arg(long, value_name = "NAME|PATH", default_value = "shapes")]
    pub dataset: String,
    /// Network: a preset (`revacnn`, `revacnn-keras`, `lenet`) or a TOML file.
    #[arg(long, value_name = "PRESET|FILE", default_value = "revacnn")]
    pub network: String,
    /// Images of a step.
    #[arg(long, default_value_t = 64)]
    pub batch: u32,
    /// Seed of weights, order and augmentation.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The optimizer; there is `sgd`.
    #[arg(long, default_value = "sgd")]
    pub optimizer: String,
    /// Learning rate.
    #[arg(long, value_name = "RATE", default_value_t = Hyper::default().learning_rate, allow_negative_numbers = true)]
    pub lr: f32,
    /// Momentum, 0 to below 1.
    #[arg(long, default_value_t = Hyper::default().momentum, allow_negative_numbers = true)]
    pub momentum: f32,
    /// L2 decay of the weights.
    #[arg(long, value_name = "DECAY", default_value_t = Hyper::default().weight_decay, allow_negative_numbers = true)]
    pub weight_decay: f32,
    /// Nesterov momentum.
    #[arg(long)]
    pub nesterov: bool,
    /// Shift each training image at random by up to so many pixels.
    #[arg(long, value_name = "PIXELS", default_value_t = 0)]
    pub shift: u32,
    /// Flip half of the training images left to right.
    #[arg(long)]
    pub flip: bool,
}

impl RunOptions {
    /// The settings, checked as far as they can be without the data.
    pub fn settings(&self) -> Result<RunSettings> {
        if self.optimizer != "sgd" {
            let what = format!("no optimizer is called {:?}", self.optimizer);
            return Err(Error::usage(what, "there is sgd, with --momentum and --nesterov"));
        }
        if self.shift > 127 {
            return Err(Error::usage(
                format!("the shift is {}", self.shift),
                "give it a value from 0 to 127",
            ));
        }
        if self.batch == 0 {
            return Err(Error::usage("the batch is 0", "give it a value of 1 or more"));
        }
        let hyper = Hyper {
            learning_rate: self.lr,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            nesterov: self.nesterov,
        };
        Ok(RunSettings {
            dataset: absolute(&self.dataset),
            seed: self.seed,
            batch: self.batch,
            shift: self.shift,
            flip: self.flip,
            hyper: hyper.checked()?,
            probe: 0,
        })
    }
}

/// A path made absolute, so that a run finds its data from any folder; a built-in name stays.
fn absolute(dataset: &str) -> String {
    let is_name = revacnn::data::builtin().iter().any(|(name, _)| *name == dataset);
    match std::fs::canonicalize(dataset) {
        Ok(path) if !is_name => path.display().to_string(),
        _ => dataset.to_owned(),
    }
}
