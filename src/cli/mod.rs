//! The commands, one file each.

mod adapters;
mod bench;
mod data;
mod gradcheck;
mod interrupt;
#[cfg(feature = "app")]
mod render;
mod run_options;
mod train;
#[cfg(feature = "app")]
mod workbench;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use revacnn::error::{Error, Kind, Result};

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
    /// Measure throughput and GPU time.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// The data sets: list the built-in ones, or describe one.
    #[command(subcommand)]
    Data(data::Data),
    /// The GPUs there are, and which one would be taken.
    Adapters(adapters::Adapters),
    /// Compare every layer's gradients with central differences.
    Gradcheck(gradcheck::Gradcheck),
}

/// Runs the command line.
pub fn run() -> ExitCode {
    env_logger::Builder::from_env(
        env_logger::Env::default().default_filter_or("warn,revacnn=info,wgpu_hal=off"),
    )
    .format_timestamp(None)
    .init();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            error.print().ok();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let result = match cli.command {
        #[cfg(feature = "app")]
        None => cli.workbench.run(),
        #[cfg(not(feature = "app"))]
        None => Err(Error::usage("this build has no window", "name a command (see: revacnn --help)")),
        #[cfg(feature = "app")]
        Some(Command::Render(render)) => render.run(),
        Some(Command::Train(train)) => train.run(),
        Some(Command::Bench(bench)) => bench.run(),
        Some(Command::Data(data)) => data.run(),
        Some(Command::Adapters(adapters)) => adapters.run(),
        Some(Command::Gradcheck(gradcheck)) => gradcheck.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}\nhelp: {}", error.what(), error.help());
            ExitCode::from(if error.kind() == Kind::Usage { 2 } else { 1 })
        }
    }
}

/// Prints one line of a result; a closed pipe ends the program quietly, as other commands do.
fn print_line(line: &str) -> Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            Err(Error::new(format!("cannot write to standard output: {error}"), "check where it goes"))
        }
    }
}
