//! `revacnn export`: a run's network for other tools.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use revacnn::error::{Error, Result};
use revacnn::nn::{EXPORTED_OPSETS, Exported, NamedArray};
use revacnn::session::{Session, write_whole};

use super::arrays::{self, npy};
use super::outputs;
use super::print::print_line;
use super::run_options::AdapterOption;

/// Extensions of files.
const ONNX: &str = "onnx";
const SAFETENSORS: &str = "safetensors";
const NPZ: &str = "npz";
const PYTHON: &str = "py";
const JSON: &str = "json";

/// A framework whose source is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Framework {
    /// PyTorch, with `torch.nn` and safetensors.
    Pytorch,
    /// Keras 3, with NumPy.
    Keras,
}

#[derive(Args)]
pub(super) struct Export {
    /// The folder of a run.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// `.onnx`: the network; `.py`: its source for PyTorch, with the weights beside it as `.safetensors`, or for Keras, with them as `.npz`;
    /// `.json`: for ConvNetJS; `.safetensors` or `.npz`: the weights alone.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Export the averaged weights.
    #[arg(long)]
    averaged: bool,
    /// Let the network take pixels from 0 to 1 and normalize them itself, by a first layer `input_norm`.
    #[arg(long)]
    pixels: bool,
    /// Framework of `.py` [default: pytorch].
    #[arg(long, value_name = "NAME")]
    framework: Option<Framework>,
    /// Version of ONNX's operators, 18 to 20 [default: 18].
    #[arg(long, value_name = "VERSION", value_parser = opsets())]
    opset: Option<u32>,
    #[command(flatten)]
    adapter: AdapterOption,
}

impl Export {
    pub(super) fn run(&self) -> Result<()> {
        outputs::check(&self.output, &[ONNX, PYTHON, JSON, SAFETENSORS, NPZ])?;
        let given = [("framework", PYTHON, self.framework.is_some()), ("opset", ONNX, self.opset.is_some())];
        for (option, extension, _) in given.into_iter().filter(|(.., is_given)| *is_given) {
            if !outputs::has_extension(&self.output, &[extension]) {
                let what =
                    format!("--{option} is for .{extension}, and the output is {}", self.output.display());
                return Err(Error::usage(what, format!("leave it out, or name a .{extension} file")));
            }
        }
        let session = Session::look_at(self.adapter.open()?, &self.run)?;
        let trainer = session.trainer();
        let (mut model, mut normalization) =
            (trainer.model(self.averaged)?, Some(trainer.loader.channel_stats()));
        if self.pixels
            && let Some(of_data) = normalization.take()
        {
            model = model.taking_pixels(&of_data)?;
        }
        let has_classes = model.network.loss.has_classes();
        let classes = if has_classes { session.class_names().to_vec() } else { Vec::new() };
        self.write(&Exported { model, classes, normalization })
    }

    fn write(&self, exported: &Exported) -> Result<()> {
        let is = |extension: &str| outputs::has_extension(&self.output, &[extension]);
        if is(ONNX) {
            return self.write_file(&self.output, &exported.onnx(self.opset.unwrap_or(18))?);
        }
        if is(SAFETENSORS) {
            return self.write_file(&self.output, &exported.safetensors()?);
        }
        if is(NPZ) {
            let tensors = exported.tensors().into_iter();
            return self.write_file(&self.output, &npz(tensors.map(|(n, s, v)| (n, s, v.to_vec())))?);
        }
        if is(JSON) {
            return self.write_file(&self.output, exported.convnetjs()?.as_bytes());
        }
        // The weights come first: source is of no use without them.
        let (source, beside, weights) = match self.framework.unwrap_or(Framework::Pytorch) {
            Framework::Pytorch => (exported.pytorch()?, SAFETENSORS, exported.pytorch_weights()?),
            Framework::Keras => (exported.keras()?, NPZ, npz(exported.keras_weights())?),
        };
        self.write_file(&self.output.with_extension(beside), &weights)?;
        self.write_file(&self.output, source.as_bytes())
    }

    fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        write_whole(path, bytes)?;
        print_line(&format!("{}: {} bytes", path.display(), bytes.len()))
    }
}

fn opsets() -> clap::builder::RangedI64ValueParser<u32> {
    let [first, last] = [EXPORTED_OPSETS.start(), EXPORTED_OPSETS.end()].map(|version| i64::from(*version));
    clap::value_parser!(u32).range(first..=last)
}

fn npz(named: impl IntoIterator<Item = NamedArray>) -> Result<Vec<u8>> {
    let failed =
        |e: std::io::Error| Error::new(format!("the weights cannot be packed: {e}"), "export .safetensors");
    let mut arrays = Vec::new();
    for (name, shape, values) in named {
        let sizes: Vec<u64> = shape.iter().map(|size| *size as u64).collect();
        arrays.push((name, npy(&sizes, &values).map_err(failed)?));
    }
    arrays::npz(arrays).map_err(failed)
}
