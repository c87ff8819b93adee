//! Options that several commands share: the adapter, and the data, network and settings of a run.

use std::path::Path;
use std::rc::Rc;

use clap::{ArgMatches, Args, FromArgMatches};
use revacnn::data::{Augmentation, Dataset};
use revacnn::error::{Error, Result};
use revacnn::gpu::{AdapterChoice, Gpu, Precision, TunePolicy};
use revacnn::nn::{Hyper, Loss, Network, OptimizerKind, Shape, preset_names};
use revacnn::session::{Command, LayerId, NetworkCommand, RunSettings, Session};

use super::given_options::GivenOptions;
use super::reading_options::ReadingOptions;

/// The GPU adapter.
#[derive(Args, Clone)]
pub(super) struct AdapterOption {
    /// GPU adapter: an index or name from `revacnn adapters`, or `software`.
    #[arg(long, value_name = "INDEX|NAME|software", default_value = "best", hide_default_value = true)]
    adapter: String,
    /// GPU memory for the images of a data set, in MiB; larger sets are streamed [default: what the adapter allows].
    #[arg(long, value_name = "MIB", allow_negative_numbers = true)]
    image_memory: Option<u64>,
}

impl AdapterOption {
    /// Opens the adapter. What is not known of its kernels is found out while a run goes on.
    pub(super) fn open(&self) -> Result<Rc<Gpu>> {
        self.open_with(TunePolicy::Later)
    }

    /// Opens the adapter for a measurement: kernels are tuned before it.
    pub(super) fn open_tuned(&self) -> Result<Rc<Gpu>> {
        self.open_with(TunePolicy::Benchmark)
    }

    fn open_with(&self, policy: TunePolicy) -> Result<Rc<Gpu>> {
        let mut gpu = Gpu::open(&self.choice())?;
        if gpu.is_software() && self.choice() == AdapterChoice::Best {
            log::info!("no GPU was found: running on the CPU (software adapter), which is much slower");
        }
        if !gpu.is_software() {
            // A GPU's driver compiles fast.
            gpu.set_tune_policy(policy);
        }
        gpu.set_image_memory(self.image_memory.map(|mib| mib.saturating_mul(1 << 20)));
        Ok(Rc::new(gpu))
    }

    /// The adapter that the option names.
    pub(super) fn choice(&self) -> AdapterChoice {
        let Ok(choice) = self.adapter.parse();
        choice
    }
}

/// Data, network and settings of a new run.
#[derive(Args, Clone)]
pub(super) struct RunOptions {
    // Before the others, which take their values out of the matches.
    #[command(flatten)]
    pub given: GivenOptions,
    /// Data set: a built-in one (`shapes`, `digits`), a folder of images (one folder a class), or one in a format of `revacnn data list`.
    #[arg(long, value_name = "NAME|PATH", default_value = "shapes")]
    pub dataset: String,
    #[command(flatten)]
    pub reading: ReadingOptions,
    #[arg(long, value_name = "PRESET|FILE", default_value = "revacnn", help = network_help())]
    pub network: String,
    /// Batch size.
    #[arg(long, default_value_t = 64)]
    pub batch: u32,
    /// Random seed of initial weights, image order and augmentation.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    #[command(flatten)]
    pub hyper: HyperOptions,
    /// Layers whose parameters are frozen, separated by commas: conv1,conv2.
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    pub freeze: Vec<String>,
    /// Factor of the learning rate for some layers, separated by commas: conv1=0.1,dense1=2.
    #[arg(long, value_name = "LAYER=FACTOR", value_delimiter = ',', value_parser = layer_rate)]
    pub layer_rate: Vec<(String, f32)>,
    /// Loss in place of the network's: `softmax_cross_entropy[:SMOOTHING]`, `svm_hinge[:MARGIN]` or `l2_regression`.
    #[arg(long, value_name = "LOSS")]
    pub loss: Option<Loss>,
    #[command(flatten)]
    pub augmentation: Augmentation,
    /// Precision of the products of convolutions: `f32`, or `mixed`, 16-bit factors with 32-bit sums, where the adapter has cooperative matrices.
    #[arg(long, value_name = "f32|mixed", default_value = "f32", hide_default_value = true)]
    pub precision: Precision,
    #[command(flatten)]
    off: OffOptions,
}

/// The opposites of options, for a run to resume that has them on. Of an option and its opposite the last counts.
#[derive(Args, Clone)]
struct OffOptions {
    /// Flip no image: the opposite of --flip, for --resume.
    #[arg(long, overrides_with = "flip")]
    no_flip: bool,
    /// Plain momentum: the opposite of --nesterov, for --resume.
    #[arg(long, overrides_with = "nesterov")]
    no_nesterov: bool,
    /// Layers to train, separated by commas: the opposite of --freeze, for --resume.
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    unfreeze: Vec<String>,
}

fn network_help() -> String {
    format!("Network: a preset ({}) or a TOML file", preset_names().join(", "))
}

/// The optimizer with the hyper-parameters that were given, and its defaults for the others.
#[derive(Clone)]
pub(super) struct HyperOptions(pub Hyper);

impl FromArgMatches for HyperOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut options = Self(Hyper::default());
        options.update_from_arg_matches(matches)?;
        Ok(options)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let optimizer = matches.get_one::<OptimizerKind>("optimizer").copied().unwrap_or_default();
        self.0 = Hyper::of(optimizer);
        self.0.update_from_arg_matches(matches)
    }
}

impl Args for HyperOptions {
    // None of the options is required, as in an update.
    fn augment_args(command: clap::Command) -> clap::Command {
        Hyper::augment_args_for_update(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Hyper::augment_args_for_update(command)
    }
}

impl RunOptions {
    /// Ids of all these options, for an option that excludes them.
    #[cfg(feature = "app")]
    pub(super) fn ids() -> Vec<clap::Id> {
        let command = Self::augment_args(clap::Command::new("run"));
        command.get_arguments().map(|option| option.get_id().clone()).collect()
    }

    /// Ids of the options that a run has for good.
    pub(super) const FIXED: [&str; 7] =
        ["dataset", "image_size", "fit", "strict", "network", "seed", "precision"];

    /// Starts the run, saved in `out` if that is given.
    pub(super) fn begin(&self, gpu: Rc<Gpu>, out: Option<&Path>) -> Result<Session> {
        let mut settings = self.settings()?;
        if !self.freeze.is_empty() || !self.off.unfreeze.is_empty() {
            let data = Dataset::open(&settings.dataset)?;
            let shape = Shape::from(data.shape);
            let network = Network::open(&self.network, shape, data.classes.len())?;
            settings.frozen = self.frozen(&network)?.into_iter().map(|l| l as u32).collect();
        }
        let mut session = Session::new(gpu, &self.network, settings, None)?;
        session.apply_all(&self.network_commands(&session.trainer().network)?)?;
        out.map_or(Ok(()), |folder| session.keep(folder))?;
        Ok(session)
    }

    /// Commands for the options that change the network.
    pub(super) fn network_commands(&self, network: &Network) -> Result<Vec<Command>> {
        let rate = |(name, factor): &(String, f32)| {
            let index = layers_called(network, std::slice::from_ref(name))?[0];
            let layer = LayerId(network.layers[index].id);
            Ok(NetworkCommand::SetLayerRate { layer, factor: *factor }.into())
        };
        let loss = self.loss.map(|loss| Ok(NetworkCommand::SetLoss(loss).into()));
        self.layer_rate.iter().map(rate).chain(loss).collect()
    }

    /// The layers to freeze.
    pub(super) fn frozen(&self, network: &Network) -> Result<Vec<usize>> {
        let thawed = layers_called(network, &self.off.unfreeze)?;
        let frozen = layers_called(network, &self.freeze)?;
        match frozen.iter().find(|layer| thawed.contains(layer)) {
            None => Ok(frozen),
            Some(layer) => {
                let name = &network.layers[*layer].name;
                let what = format!("{name} is named by --freeze and by --unfreeze");
                Err(Error::usage(what, "leave it out of one of them"))
            }
        }
    }

    /// Goes on with the run in `folder`, with the options that were given in place of its own: commands, as all that steers a run.
    pub(super) fn resume(&self, gpu: Rc<Gpu>, folder: &Path) -> Result<Session> {
        self.settings()?;
        let mut session = Session::resume(gpu, folder)?;
        self.steer(&mut session)?;
        Ok(session)
    }

    /// Gives the options that were given to a run in place of its own settings, as commands.
    pub(super) fn steer(&self, session: &mut Session) -> Result<()> {
        let settings = self.settings()?;
        let network = &session.trainer().network;
        let id = |layer: usize| LayerId(network.layers[layer].id);
        let thaw = layers_called(network, &self.off.unfreeze)?.into_iter().map(id).map(NetworkCommand::Thaw);
        let freeze = self.frozen(network)?.into_iter().map(id).map(NetworkCommand::Freeze);
        // Those that may not fit come first.
        let given = self.given.commands(&settings).into_iter();
        let steered = self.network_commands(network)?;
        let commands: Vec<Command> =
            given.chain(thaw.chain(freeze).map(Command::from)).chain(steered).collect();
        session.apply_all(&commands)
    }

    /// The settings, checked as far as possible without the data.
    pub(super) fn settings(&self) -> Result<RunSettings> {
        let augmentation = self.augmentation.checked()?;
        if self.batch == 0 {
            return Err(Error::usage("the batch is 0", "give it a value of 1 or more"));
        }
        Ok(RunSettings {
            dataset: self.reading.source(&self.dataset),
            seed: self.seed,
            batch: self.batch,
            augmentation,
            hyper: self.hyper.0.checked()?,
            frozen: Vec::new(),
            data_edits: Default::default(),
            precision: self.precision,
            probe: 0,
        })
    }
}

/// A layer's name and the factor of its learning rate.
fn layer_rate(text: &str) -> Result<(String, f32)> {
    let parsed =
        text.split_once('=').and_then(|(name, factor)| Some((name.to_owned(), factor.parse().ok()?)));
    parsed.ok_or_else(|| Error::usage(format!("{text:?} is no layer with a factor"), "write conv1=0.1"))
}

/// Indices of the layers called `names`.
pub(super) fn layers_called(network: &Network, names: &[String]) -> Result<Vec<usize>> {
    let index = |name: &String| {
        let found =
            network.layers.iter().position(|layer| layer.name == *name && layer.parameter_count() > 0);
        found.ok_or_else(|| {
            let known = network
                .layers
                .iter()
                .filter(|layer| layer.parameter_count() > 0)
                .map(|layer| layer.name.as_str());
            let help = format!("take some of {}", known.collect::<Vec<_>>().join(", "));
            Error::usage(format!("no layer with parameters is called {name:?}"), help)
        })
    };
    let mut layers = Vec::new();
    for name in names {
        let layer = index(name)?;
        if !layers.contains(&layer) {
            layers.push(layer);
        }
    }
    Ok(layers)
}
