//! The command line: one file or folder per command.
#![warn(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "they panic where these are full or closed; see `print`"
)]

mod ablate;
mod adapters;
mod arrays;
mod bench;
mod contact_sheet;
mod data;
mod data_info;
mod doctor;
mod dry_run;
mod embed;
mod export;
#[cfg(feature = "app")]
mod film;
mod given_options;
mod gradcheck;
mod import;
mod interrupt;
mod letters;
mod listening;
mod numbers;
mod outputs;
mod predict;
mod print;
mod reading_options;
#[cfg(feature = "app")]
mod render;
mod replay;
#[cfg(feature = "app")]
mod report;
mod run_options;
mod saving;
mod train;
mod train_report;
mod twin;
mod usage;
#[cfg(feature = "app")]
mod watch;
#[cfg(feature = "app")]
mod workbench;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
#[cfg(not(feature = "app"))]
use revacnn::error::Error;
use revacnn::error::{ErrorKind, Result};

/// Watch and steer a convolutional network while it learns on your GPU.
#[derive(Parser)]
#[command(version, about, subcommand_required = false, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[cfg(feature = "app")]
    #[command(flatten)]
    workbench: workbench::OpenWorkbench,
}

#[derive(Subcommand)]
enum Command {
    /// Train without a window.
    Train(train::Train),
    /// Draw a run as a picture, without a display.
    #[cfg(feature = "app")]
    Render(render::Render),
    /// A run made again from its journal, as a film of a view.
    #[cfg(feature = "app")]
    Film(film::Film),
    /// A run as a page of HTML, and its numbers and charts as CSV and SVG.
    #[cfg(feature = "app")]
    Report(report::WriteReport),
    /// Benchmarks: throughput and GPU time.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Make a run again from its journal, and check that it comes to the same.
    Replay(replay::Replay),
    /// Make a run out of a network of another tool: an ONNX file, a model of Keras or TensorFlow.js, ...
    Import(import::Import),
    /// Write the network of a run for other tools: ONNX, PyTorch, safetensors, NumPy.
    Export(export::Export),
    /// The filters of a run by the loss without each: which can go.
    Ablate(ablate::Ablate),
    /// Signs that a run does not learn as it could, with remedies.
    Doctor(doctor::Doctor),
    /// The effect of commands over several seeds, each against the same run without them.
    Twin(twin::Twin),
    /// Watch and steer a training of PyTorch by the checkpoints that its callback writes.
    #[cfg(feature = "app")]
    Watch(watch::Watch),
    /// Classes, shares and logits of pictures or arrays, by a run or a network of another tool.
    Predict(predict::Predict),
    /// Embed rows in two dimensions by t-SNE, without a window.
    Embed(embed::Embed),
    /// List the built-in data sets, or describe a data set.
    #[command(subcommand)]
    Data(data::Data),
    /// List the GPU adapters, and mark the default one.
    Adapters(adapters::Adapters),
    /// Check every layer's gradients against central differences.
    Gradcheck(gradcheck::Gradcheck),
}

/// Runs the command line.
pub(crate) fn run() -> ExitCode {
    env_logger::Builder::from_env(
        env_logger::Env::default().default_filter_or("warn,revacnn=info,wgpu_hal=off"),
    )
    .format(|out, record| {
        let (level, message) = (record.level(), record.args().to_string());
        let style = out.default_level_style(level);
        writeln!(out, "[{style}{level:5}{style:#} {}] {}", record.target(), print::harmless(&message))
    })
    .init();
    interrupt::hear_file_size_signal();
    let result = match Cli::try_parse() {
        Ok(cli) => cli.run(),
        Err(error) => return usage::report(&error, &Cli::command()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == ErrorKind::Closed => ExitCode::from(141),
        Err(error) => {
            print::say_error(&error);
            ExitCode::from(if error.kind() == ErrorKind::Usage { 2 } else { 1 })
        }
    }
}

impl Cli {
    fn run(self) -> Result<()> {
        match self.command {
            #[cfg(feature = "app")]
            None => self.workbench.run(),
            #[cfg(not(feature = "app"))]
            None => Err(Error::usage("this build has no window", "name a command (see: revacnn --help)")),
            #[cfg(feature = "app")]
            Some(Command::Render(render)) => render.run(),
            #[cfg(feature = "app")]
            Some(Command::Film(film)) => film.run(),
            #[cfg(feature = "app")]
            Some(Command::Report(report)) => report.run(),
            #[cfg(feature = "app")]
            Some(Command::Watch(watch)) => watch.run(),
            Some(Command::Train(train)) => train.run(),
            Some(Command::Bench(bench)) => bench.run(),
            Some(Command::Replay(replay)) => replay.run(),
            Some(Command::Import(import)) => import.run(),
            Some(Command::Export(export)) => export.run(),
            Some(Command::Ablate(ablate)) => ablate.run(),
            Some(Command::Doctor(doctor)) => doctor.run(),
            Some(Command::Twin(twin)) => twin.run(),
            Some(Command::Predict(predict)) => predict.run(),
            Some(Command::Embed(embed)) => embed.run(),
            Some(Command::Data(data)) => data.run(),
            Some(Command::Adapters(adapters)) => adapters.run(),
            Some(Command::Gradcheck(gradcheck)) => gradcheck.run(),
        }
    }
}
