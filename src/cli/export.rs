//! `revacnn export`: a run's network for other tools.

use std::path::{Path, PathBuf};

use clap::Args;
use revacnn::error::{Error, Result};
use revacnn::nn::{EXPORTED_OPSETS, Exported};
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

#[derive(Args)]
pub(super) struct Export {
    /// The folder of a run.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// `.onnx`: the network; `.py`: its source for PyTorch, with the weights beside it as `.safetensors`; `.safetensors` or `.npz`: the weights alone.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Export the averaged weights.
    #[arg(long)]
    averaged: bool,
    /// Let the network take pixels from 0 to 1 and normalize them itself, by a first layer `input_norm`.
    #[arg(long)]
    pixels: bool,
    /// Version of ONNX's operators, 18 to 20.
    #[arg(long, value_name = "VERSION", default_value_t = 18, value_parser = opsets())]
    opset: u32,
    #[command(flatten)]
    adapter: AdapterOption,
}

impl Export {
    pub(super) fn run(&self) -> Result<()> {
        outputs::check(&self.output, &[ONNX, PYTHON, SAFETENSORS, NPZ])?;
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
            return self.write_file(&self.output, &exported.onnx(self.opset)?);
        }
        if is(SAFETENSORS) {
            return self.write_file(&self.output, &exported.safetensors()?);
        }
        if is(NPZ) {
            return self.write_file(&self.output, &npz(exported)?);
        }
        let source = exported.pytorch()?;
        self.write_file(&self.output.with_extension(SAFETENSORS), &exported.pytorch_weights()?)?;
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

fn npz(exported: &Exported) -> Result<Vec<u8>> {
    let failed =
        |e: std::io::Error| Error::new(format!("the weights cannot be packed: {e}"), "export .safetensors");
    let tensors = exported.tensors();
    let mut arrays = Vec::new();
    for (name, shape, values) in &tensors {
        let sizes: Vec<u64> = shape.iter().map(|size| *size as u64).collect();
        arrays.push((name.as_str(), npy(&sizes, values).map_err(failed)?));
    }
    arrays::npz(arrays).map_err(failed)
}
