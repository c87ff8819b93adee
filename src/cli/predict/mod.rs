//! `revacnn predict`: answers of a run, or of a network of another tool, to pictures or arrays.

mod answering;
mod inputs;

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use revacnn::error::{Error, Result};
use revacnn::nn::Answers;
use revacnn::session::write_whole;
use serde_json::{Value, json};

use super::arrays::{self, npy, words_npy};
use super::outputs;
use super::print::print_line;
use super::run_options::AdapterOption;
use answering::{Answering, FileOptions};
use inputs::Input;

/// Classes that a line of text names.
const NAMED: usize = 3;

#[derive(Args)]
pub(super) struct Predict {
    /// The folder of a run, or a network's file that `import` takes: ONNX, `.keras`, the `model.json` of TensorFlow.js, or the JSON of ConvNetJS.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Pictures, folders of pictures, or an `.npz` whose array `x` is raw input of the network, `[n, channels, height, width]`, normalized already.
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    file: FileOptions,
    #[command(flatten)]
    adapter: AdapterOption,
    /// Predict with the averaged weights.
    #[arg(long)]
    averaged: bool,
    /// Stop at the first picture that cannot be read, instead of leaving it out.
    #[arg(long)]
    strict: bool,
    /// Print JSON Lines: the network, then one object an input.
    #[arg(long)]
    json: bool,
    /// Write the arrays `logits` and `probabilities`, `[n, classes]`, and the words `inputs` and `classes`.
    #[arg(short, long, value_name = "FILE.npz")]
    output: Option<PathBuf>,
}

/// All answers so far.
#[derive(Default)]
struct Said {
    names: Vec<String>,
    answers: Answers,
    left_out: usize,
}

impl Predict {
    pub(super) fn run(&self) -> Result<()> {
        if let Some(path) = &self.output {
            outputs::check(path, &["npz"])?;
        }
        let answering = Answering::open(self.adapter.open()?, &self.model, self.averaged, &self.file)?;
        let inputs = inputs::find(&self.inputs, answering.shape)?;
        if answering.takes_plain_pixels && inputs.iter().any(|input| input.index().is_none()) {
            log::info!(
                "the network gets pixels from 0 to 1 as they are; if it was trained otherwise, say how by --mean and --std"
            );
        }
        if self.json {
            print_line(&answering.about.to_string())?;
        }
        let said = self.predict(&answering, &inputs)?;
        if said.left_out > 0 {
            log::warn!("{} of {} inputs were left out", said.left_out, inputs.len());
        }
        if said.names.is_empty() {
            return Err(Error::new("none of the inputs could be read", "see the messages above"));
        }
        self.output.as_ref().map_or(Ok(()), |path| write(path, &said, &answering.classes))
    }

    fn predict(&self, answering: &Answering, inputs: &[Input]) -> Result<Said> {
        let bar = if self.json { ProgressBar::hidden() } else { ProgressBar::new(inputs.len() as u64) };
        let style = ProgressStyle::with_template("{bar:24} {percent:>3} %  {pos} of {len}  {eta} left");
        bar.set_style(style.expect("the template is fixed").progress_chars("━╸ "));
        let mut said = Said::default();
        for inputs in inputs.chunks(answering.most()) {
            let (mut batch, mut read) = (Vec::new(), Vec::new());
            for input in inputs {
                match input.read(answering.shape, answering.fit, |image| answering.normalized(image)) {
                    Ok(values) => {
                        batch.extend(values);
                        read.push(input);
                    }
                    Err(error) if self.strict => return Err(error),
                    Err(error) => {
                        bar.suspend(|| log::warn!("left out: {error}; {}", error.help()));
                        said.left_out += 1;
                    }
                }
            }
            let answers = answering.answer(&batch)?;
            for (at, input) in read.iter().enumerate() {
                let line = self.line(input, &one(&answers, at, read.len()), &answering.classes);
                bar.suspend(|| print_line(&line))?;
                said.names.push(input.name());
            }
            said.answers.outputs.extend(answers.outputs);
            said.answers.shares.extend(answers.shares);
            bar.inc(inputs.len() as u64);
        }
        bar.finish_and_clear();
        Ok(said)
    }

    /// The line that is printed of an input.
    fn line(&self, input: &Input, answer: &Answers, classes: &[String]) -> String {
        let ranked = ranked(answer);
        let name = |class: usize| classes.get(class).map_or_else(|| class.to_string(), Clone::clone);
        if self.json {
            let best = ranked.first().map_or(Value::Null, |class| name(*class).into());
            let Answers { outputs, shares } = answer;
            let index = input.index();
            let line = json!({ "input": input.path(), "index": index, "class": best, "probabilities": shares, "logits": outputs });
            return line.to_string();
        }
        if answer.shares.is_empty() {
            let outputs: Vec<String> = answer.outputs.iter().take(8).map(|v| format!("{v:.4}")).collect();
            let more = if answer.outputs.len() > 8 { ", …" } else { "" };
            return format!("{}  {}{more}", input.name(), outputs.join(", "));
        }
        let shown = ranked
            .iter()
            .take(NAMED)
            .map(|class| format!("{} {:.1} %", name(*class), 100.0 * answer.shares[*class]));
        format!("{}  {}", input.name(), shown.collect::<Vec<_>>().join(", "))
    }
}

/// The answer to one of `count` inputs.
fn one(answers: &Answers, at: usize, count: usize) -> Answers {
    let of = |all: &[f32]| all[at * (all.len() / count)..][..all.len() / count].to_vec();
    Answers { outputs: of(&answers.outputs), shares: of(&answers.shares) }
}

/// Classes by their shares, the largest first.
fn ranked(answer: &Answers) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..answer.shares.len()).collect();
    classes.sort_by(|a, b| answer.shares[*b].total_cmp(&answer.shares[*a]));
    classes
}

fn write(path: &Path, said: &Said, classes: &[String]) -> Result<()> {
    let failed =
        |e: std::io::Error| Error::new(format!("the answers cannot be packed: {e}"), "predict fewer");
    let count = said.names.len();
    let rows = |values: &[f32]| npy(&[count as u64, (values.len() / count) as u64], values).map_err(failed);
    let mut all =
        vec![("logits", rows(&said.answers.outputs)?), ("inputs", words_npy(&said.names).map_err(failed)?)];
    if !said.answers.shares.is_empty() {
        all.push(("probabilities", rows(&said.answers.shares)?));
        all.push(("classes", words_npy(classes).map_err(failed)?));
    }
    write_whole(path, &arrays::npz(all).map_err(failed)?)
}
