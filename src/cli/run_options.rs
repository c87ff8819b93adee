//! The options that describe a run, common to several commands.

use std::path::Path;
use std::rc::Rc;

use clap::Args;
use revacnn::data::{Augmentation, Dataset};
use revacnn::error::{Error, Result};
use revacnn::gpu::{AdapterChoice, Gpu, TunePolicy};
use revacnn::nn::{Hyper, Kind, Network, Schedule, Shape};
use revacnn::session::{Command, RunSettings, Session};

/// Which GPU.
#[derive(Args, Clone)]
pub struct AdapterOption {
    /// The GPU: an index or name from `revacnn adapters`, or `software`.
    #[arg(long, value_name = "INDEX|NAME|software", default_value = "best", hide_default_value = true)]
    adapter: String,
    /// GPU memory for a data set's images, in MiB: a larger set streams (without this, one that does not fit the adapter).
    #[arg(long, value_name = "MIB")]
    image_memory: Option<u64>,
}

impl AdapterOption {
    /// Opens it.
    pub fn open(&self) -> Result<Rc<Gpu>> {
        let mut gpu = Gpu::open(&self.choice())?;
        if gpu.is_software() && self.choice() == AdapterChoice::Best {
            log::info!("no GPU was found: computing on the CPU, which is much slower");
        }
        if !gpu.is_software() {
            // Without a window nobody waits for the first picture, and a GPU's driver compiles fast.
            gpu.set_tune_policy(TunePolicy::Benchmark);
        }
        gpu.set_image_memory(self.image_memory.map(|mib| mib.saturating_mul(1 << 20)));
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
    /// Network: a preset (`revacnn`, `revacnn-keras`, `lenet`, `mnist-convnetjs`, `tiny-vgg`, `vgg-small`, `resnet-8`, `resnet-20`) or a TOML file.
    #[arg(long, value_name = "PRESET|FILE", default_value = "revacnn")]
    pub network: String,
    /// Images of a step.
    #[arg(long, default_value_t = 64)]
    pub batch: u32,
    /// Seed of weights, order and augmentation.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The optimizer: `sgd`, `adagrad`, `windowed_adagrad`, `adadelta`, `rmsprop`, `adam` or `adamw`.
    #[arg(long, default_value = "sgd")]
    pub optimizer: String,
    /// Learning rate (the optimizer's usual one: 0.02 for sgd, 0.001 for adam).
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub lr: Option<f32>,
    /// Momentum, 0 to below 1; Adam's beta 1 (0.9; 0 for rmsprop).
    #[arg(long, allow_negative_numbers = true)]
    pub momentum: Option<f32>,
    /// Adam's beta 2, RMSprop's alpha, Adadelta's rho, 0 to below 1.
    #[arg(long, allow_negative_numbers = true)]
    pub beta2: Option<f32>,
    /// L2 decay of the weights (0.0001; 0.01 for adamw).
    #[arg(long, value_name = "DECAY", allow_negative_numbers = true)]
    pub weight_decay: Option<f32>,
    /// L1 decay of the weights.
    #[arg(long, value_name = "DECAY", default_value_t = 0.0, allow_negative_numbers = true)]
    pub l1_decay: f32,
    /// Largest norm of all gradients together; 0: any.
    #[arg(long, value_name = "NORM", default_value_t = 0.0, allow_negative_numbers = true)]
    pub clip_norm: f32,
    /// Nesterov momentum.
    #[arg(long)]
    pub nesterov: bool,
    /// How the learning rate goes on: `constant`, `step:EPOCHS:FACTOR` or `cosine:EPOCHS`.
    #[arg(long, default_value = "constant")]
    pub schedule: String,
    /// Epochs over which the learning rate rises from 0.
    #[arg(long, value_name = "EPOCHS", default_value_t = 0.0, allow_negative_numbers = true)]
    pub warmup: f32,
    /// Layers whose parameters stay as they are, separated by commas: conv1,conv2.
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    pub freeze: Vec<String>,
    /// Shift each training image at random by up to so many pixels.
    #[arg(long, value_name = "PIXELS", default_value_t = 0)]
    pub shift: u32,
    /// Flip half of the training images left to right.
    #[arg(long)]
    pub flip: bool,
    /// Rotate each training image at random by up to so many degrees to either side.
    #[arg(long, value_name = "DEGREES", default_value_t = 0.0, allow_negative_numbers = true)]
    pub rotation: f32,
    /// Change the size of each training image at random by up to this share.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, allow_negative_numbers = true)]
    pub scale: f32,
    /// Change its brightness by up to this share of a pixel's range.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, allow_negative_numbers = true)]
    pub brightness: f32,
    /// Change its contrast by up to this share.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, allow_negative_numbers = true)]
    pub contrast: f32,
    /// Cut a square of so many pixels out of it.
    #[arg(long, value_name = "PIXELS", default_value_t = 0)]
    pub cutout: u32,
}

impl RunOptions {
    /// Begins the run, kept in `out` where that is given.
    pub fn begin(&self, gpu: Rc<Gpu>, out: Option<&Path>) -> Result<Session> {
        let settings = self.settings()?;
        // Names are found before a folder is made for the run.
        let frozen = if self.freeze.is_empty() {
            Vec::new()
        } else {
            let data = Dataset::open(&settings.dataset)?;
            let shape = Shape::from(data.shape);
            layers_called(&Network::open(&self.network, shape, data.classes.len())?, &self.freeze)?
        };
        let mut session = Session::new(gpu, &self.network, settings, out)?;
        for layer in frozen {
            session.apply(Command::Freeze(layer as u32))?;
        }
        Ok(session)
    }

    /// The settings, checked as far as they can be without the data.
    pub fn settings(&self) -> Result<RunSettings> {
        let augmentation = Augmentation {
            shift: self.shift,
            flip: self.flip,
            rotation: self.rotation,
            scale: self.scale,
            brightness: self.brightness,
            contrast: self.contrast,
            cutout: self.cutout,
        }
        .checked()?;
        if self.batch == 0 {
            return Err(Error::usage("the batch is 0", "give it a value of 1 or more"));
        }
        let usual = Hyper::of(self.optimizer.parse::<Kind>()?);
        let hyper = Hyper {
            learning_rate: self.lr.unwrap_or(usual.learning_rate),
            momentum: self.momentum.unwrap_or(usual.momentum),
            beta2: self.beta2.unwrap_or(usual.beta2),
            weight_decay: self.weight_decay.unwrap_or(usual.weight_decay),
            l1_decay: self.l1_decay,
            clip_norm: self.clip_norm,
            nesterov: self.nesterov,
            schedule: schedule(&self.schedule)?,
            warmup: self.warmup,
            ..usual
        };
        Ok(RunSettings {
            dataset: absolute(&self.dataset),
            seed: self.seed,
            batch: self.batch,
            augmentation,
            hyper: hyper.checked()?,
            frozen: Vec::new(),
            probe: 0,
        })
    }
}

/// The places of the layers called `names`.
pub fn layers_called(network: &Network, names: &[String]) -> Result<Vec<usize>> {
    let place = |name: &String| {
        let found = network.layers.iter().position(|layer| layer.name == *name && layer.trains());
        found.ok_or_else(|| {
            let known = network.layers.iter().filter(|layer| layer.trains()).map(|layer| layer.name.as_str());
            let help = format!("take some of {}", known.collect::<Vec<_>>().join(", "));
            Error::usage(format!("no layer with parameters is called {name:?}"), help)
        })
    };
    names.iter().map(place).collect()
}

/// Reads `constant`, `step:EPOCHS:FACTOR` or `cosine:EPOCHS`.
fn schedule(text: &str) -> Result<Schedule> {
    let parts: Vec<&str> = text.split(':').collect();
    let number = |part: &str| part.parse::<f32>().ok();
    let found = match parts[..] {
        ["constant"] => Some(Schedule::Constant),
        ["step", epochs, factor] => {
            number(epochs).zip(number(factor)).map(|(epochs, factor)| Schedule::Step { epochs, factor })
        }
        ["cosine", epochs] => number(epochs).map(|epochs| Schedule::Cosine { epochs }),
        _ => None,
    };
    let help = "write constant, step:EPOCHS:FACTOR such as step:10:0.1, or cosine:EPOCHS";
    found.ok_or_else(|| Error::usage(format!("no schedule is written {text:?}"), help))
}

/// A path made absolute, so that a run finds its data from any folder; a built-in name stays.
fn absolute(dataset: &str) -> String {
    let is_name = revacnn::data::builtin().iter().any(|(name, _)| *name == dataset);
    match std::fs::canonicalize(dataset) {
        Ok(path) if !is_name => path.display().to_string(),
        _ => dataset.to_owned(),
    }
}
