//! `revacnn import`: a run out of a network of another tool.

use std::path::PathBuf;

use clap::Args;
use revacnn::data::{Dataset, NamedTensors};
use revacnn::error::{Error, Result};
use revacnn::nn::{Model, Network, Shape};
use revacnn::session::{RunFolder, RunSettings, Session};

use super::print::print_line;
use super::run_options::{AdapterOption, RunOptions};

#[derive(Args)]
pub(super) struct Import {
    /// An ONNX file (operator sets 7 to 24), as torch.onnx.export and tf2onnx write it, a .keras or .h5 file of Keras, the model.json of a
    /// layers model of TensorFlow.js, its weights beside it, the JSON of a ConvNetJS network, or weights for the network that --network names: a state dict of PyTorch (.pt),
    /// .safetensors or .npz.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Folder to save the run in: go on with it by `revacnn train --resume`, or open it in the window.
    #[arg(short, long, value_name = "RUN")]
    out: PathBuf,
    /// Mean of the pixels, from 0 to 1, that the network was trained with: one, or one for each channel, separated by commas [default:
    /// each channel's in the data set].
    #[arg(long, value_name = "MEAN", value_delimiter = ',', requires = "std", allow_negative_numbers = true)]
    mean: Vec<f32>,
    /// Standard deviation by which these pixels were divided; 1 with a mean of 0 for plain values from 0 to 1.
    #[arg(long, value_name = "STD", value_delimiter = ',', requires = "mean", allow_negative_numbers = true)]
    std: Vec<f32>,
    /// Replace the last layer by one for the classes of the data set, with fresh weights: a pretrained start for another task.
    #[arg(long)]
    classes_from_data: bool,
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    adapter: AdapterOption,
}

impl Import {
    pub(super) fn run(&self) -> Result<()> {
        RunFolder::check_free(&self.out)?;
        let mut settings = self.run.settings()?;
        let (mut model, data) = self.model(&settings)?;
        model.notes.iter().for_each(|note| log::info!("{note}"));
        settings.frozen = self.run.frozen(&model.network)?.into_iter().map(|layer| layer as u32).collect();
        if self.mean.is_empty() {
            log::info!(
                "the network gets pixels less their mean over {}, by their deviation; if it was trained otherwise, say how by --mean and --std",
                data.name
            );
        } else if model.network.input == data.shape.into() {
            model = model.normalized(&data.channel_stats(), &self.mean, &self.std)?;
            settings.frozen.iter_mut().for_each(|layer| *layer += 1);
            settings.frozen.push(Model::INPUT_NORM_NUMBER);
        }
        let mut session = Session::import(self.adapter.open()?, model, &data, settings)?;
        session.apply_all(&self.run.network_commands(&session.trainer().network)?)?;
        session.keep(&self.out)?;
        let network = &session.trainer().network;
        let (layers, parameters) = (network.layers.len(), network.parameter_count());
        let folder = self.out.display();
        print_line(&format!("{folder}: {}, {layers} layers, {parameters} parameters", session.title()))?;
        print_line(&format!("to train on: revacnn train --resume {folder}"))
    }

    /// The network of the file, or that of `--network` with the file's weights; and the data set.
    fn model(&self, settings: &RunSettings) -> Result<(Model, Dataset)> {
        let of_file = |error: Error| error.within(self.file.display());
        let fresh = self.classes_from_data.then_some(settings.seed);
        let names_network = self.run.given.has("network");
        match NamedTensors::open(&self.file)? {
            Some(weights) if names_network => {
                let data = Dataset::open(&settings.dataset)?;
                let network = Network::open(&self.run.network, Shape::from(data.shape), data.classes.len())?;
                let model = Model::of_weights(network, &weights, fresh).map_err(of_file)?;
                Ok((model, data))
            }
            None if names_network => {
                let what = format!(
                    "--network is for weights alone, and {} is no file of these",
                    self.file.display()
                );
                Err(Error::usage(what, "leave --network out: the file has its own"))
            }
            _ => {
                let model = Model::open(&self.file)?;
                let data = Dataset::open(&settings.dataset)?;
                let Some(seed) = fresh else { return Ok((model, data)) };
                Ok((model.with_classes(data.classes.len(), seed).map_err(of_file)?, data))
            }
        }
    }
}
