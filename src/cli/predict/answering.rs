//! The network that predicts: that of a run, or of a file of another tool.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;
use revacnn::data::{ChannelStats, Dataset, Fit, ImageShape};
use revacnn::error::{Error, Result};
use revacnn::gpu::Gpu;
use revacnn::nn::{Answers, Model, Predictor};
use revacnn::session::Session;
use serde_json::{Value, json};

use crate::cli::reading_options::fit;

/// Largest file of class names, in bytes.
const MAX_NAMES: u64 = 1 << 20;

/// Facts about a file's network, which a run knows of itself.
#[derive(Args)]
pub(super) struct FileOptions {
    /// Class names of a file's network: a text file, one name a line [default: those of --dataset, else numbers].
    #[arg(long, value_name = "FILE", conflicts_with = "dataset")]
    classes: Option<PathBuf>,
    /// Data set whose class names a file's network has.
    #[arg(long, value_name = "NAME|PATH")]
    dataset: Option<String>,
    /// Mean of the pixels, from 0 to 1, that a file's network was trained with: one, or one for each channel, separated by commas
    /// [default: 0, and --std 1].
    #[arg(long, value_name = "MEAN", value_delimiter = ',', requires = "std", allow_negative_numbers = true)]
    mean: Vec<f32>,
    /// Standard deviation by which these pixels were divided.
    #[arg(long, value_name = "STD", value_delimiter = ',', requires = "mean", allow_negative_numbers = true)]
    std: Vec<f32>,
    /// Way of pictures of other proportions into a file's network: `crop`, `pad` or `stretch` [default: crop].
    #[arg(long, value_name = "crop|pad|stretch", value_parser = fit)]
    fit: Option<Fit>,
}

impl FileOptions {
    /// The first of these options that was given.
    fn first_given(&self) -> Option<&'static str> {
        let given = [
            (self.classes.is_some(), "--classes"),
            (self.dataset.is_some(), "--dataset"),
            (!self.mean.is_empty(), "--mean"),
            (self.fit.is_some(), "--fit"),
        ];
        given.iter().find(|(given, _)| *given).map(|(_, name)| *name)
    }

    /// Names of the classes of a network with as many.
    fn names(&self, classes: usize) -> Result<Vec<String>> {
        let (names, of) = match (&self.classes, &self.dataset) {
            (Some(path), _) => (lines(path)?, path.display().to_string()),
            (None, Some(dataset)) => (Dataset::open(dataset)?.classes, format!("data set {dataset}")),
            (None, None) => return Ok((0..classes).map(|class| class.to_string()).collect()),
        };
        if names.len() != classes {
            let what = format!("{of} has {} class names, and the network {classes} classes", names.len());
            return Err(Error::new(what, "give one name for each, one a line, in the order of the outputs"));
        }
        Ok(names)
    }
}

/// The lines of a text file without those at its end that are blank.
fn lines(path: &Path) -> Result<Vec<String>> {
    let io = |error| Error::io("read", path, &error);
    let metadata = std::fs::metadata(path).map_err(io)?;
    if !metadata.is_file() || metadata.len() > MAX_NAMES {
        let what = format!("{} is no file of class names", path.display());
        return Err(Error::new(what, "name a text file of at most 1 MiB, one name a line"));
    }
    let text = std::fs::read_to_string(path).map_err(io)?;
    Ok(text.trim_start_matches('\u{feff}').trim_end().lines().map(|line| line.trim().to_owned()).collect())
}

/// Origin of a network.
enum Origin {
    Run(Box<Session>),
    File(ChannelStats),
}

/// A network with its weights on the GPU, and what is known about its inputs and outputs.
pub(super) struct Answering {
    gpu: Rc<Gpu>,
    predictor: Predictor,
    origin: Origin,
    /// Shape of an input.
    pub shape: ImageShape,
    /// Way of pictures of other proportions.
    pub fit: Fit,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// The first line of answers in JSON.
    pub about: Value,
    /// True where nobody said how pixels are normalized.
    pub takes_plain_pixels: bool,
}

impl Answering {
    /// Opens a run's folder or a network's file.
    ///
    /// # Errors
    /// When it cannot be read, or an option does not go with it.
    pub(super) fn open(gpu: Rc<Gpu>, path: &Path, averaged: bool, options: &FileOptions) -> Result<Self> {
        if !path.exists() {
            let what = format!("there is neither a folder nor a file {}", path.display());
            return Err(Error::new(
                what,
                "name the folder of a run, or the file of a network, such as net.onnx",
            ));
        }
        if path.is_file() {
            if averaged {
                let what = format!("--averaged is for a run, and {} is a file", path.display());
                return Err(Error::usage(what, "leave it out, or name the folder of a run"));
            }
            return Self::of_file(gpu, path, options);
        }
        if let Some(option) = options.first_given() {
            let what = format!("{option} is for the file of a network, and {} is none", path.display());
            return Err(Error::usage(what, "leave it out: a run knows its classes and pixels"));
        }
        let session = Session::look_at(Rc::clone(&gpu), path)?;
        let classes = session.class_names().to_vec();
        Ok(Self {
            gpu,
            predictor: session.trainer().predictor(averaged)?,
            shape: session.trainer().loader.shape(),
            fit: session.settings().fit(),
            about: json!({ "run": path, "classes": classes, "averaged": averaged, "step": session.step() }),
            classes,
            takes_plain_pixels: false,
            origin: Origin::Run(Box::new(session)),
        })
    }

    fn of_file(gpu: Rc<Gpu>, path: &Path, options: &FileOptions) -> Result<Self> {
        let model = Model::open(path)?;
        model.notes.iter().for_each(|note| log::info!("{note}"));
        let network = &model.network;
        let has_classes = network.loss.has_classes();
        let classes = if has_classes { options.names(network.classes)? } else { Vec::new() };
        let input = network.input;
        let shape = ImageShape { channels: input.channels, height: input.height, width: input.width };
        let takes_plain_pixels = options.mean.is_empty();
        let (mean, std): (&[f32], &[f32]) =
            if takes_plain_pixels { (&[0.0], &[1.0]) } else { (&options.mean, &options.std) };
        Ok(Self {
            predictor: Predictor::of_model(&gpu, &model)?,
            gpu,
            origin: Origin::File(ChannelStats::given(shape.channels, mean, std)?),
            shape,
            fit: options.fit.unwrap_or_default(),
            about: json!({ "model": path, "classes": classes }),
            classes,
            takes_plain_pixels,
        })
    }

    /// An image `[c, y, x]` of bytes as the network's input.
    pub(super) fn normalized(&self, image: &[u8]) -> Vec<f32> {
        match &self.origin {
            Origin::Run(session) => session.trainer().loader.normalized(image),
            Origin::File(stats) => stats.normalized(image),
        }
    }

    /// Inputs that are answered at once, at most.
    pub(super) fn most(&self) -> usize {
        self.predictor.most()
    }

    /// The answers to inputs `[n, c, y, x]`.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn answer(&self, inputs: &[f32]) -> Result<Answers> {
        self.predictor.answer(&self.gpu, inputs)
    }
}
