//! The commands, one file each.

mod adapters;
mod bench;
mod bench_edit;
mod bench_embed;
#[cfg(feature = "app")]
mod bench_points;
#[cfg(feature = "app")]
mod bench_view;
mod data;
mod dry_run;
mod embed;
mod embed_output;
mod embed_source;
mod gradcheck;
mod interrupt;
#[cfg(feature = "app")]
mod render;
mod run_options;
mod train;
#[cfg(feature = "app")]
mod workbench;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
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
    /// Lay rows out in two dimensions by t-SNE, without a window.
    Embed(embed::Embed),
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
        Err(error) => return wrong_command_line(&error),
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
        Some(Command::Embed(embed)) => embed.run(),
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

/// Prints what clap found, with a line of help; `--help` and `--version` go to standard output.
fn wrong_command_line(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.print().ok();
        return ExitCode::SUCCESS;
    }
    let text = error.render().to_string();
    if !text.starts_with("error:") {
        // A command without its subcommand: clap prints the whole help.
        eprintln!("error: the command line is not complete\n\n{}", text.trim_end());
        eprintln!("\nhelp: add one of the commands above");
        return ExitCode::from(2);
    }
    let tips: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("tip: ")).collect();
    let kept = text.lines().filter(|line| !line.trim().starts_with("tip: ") && !line.contains("'--help'"));
    let kept = kept.collect::<Vec<_>>().join("\n").replace("\n\n\n", "\n\n");
    eprintln!("{}\n", kept.trim_end());
    tips.iter().for_each(|tip| eprintln!("help: {tip}"));
    if tips.is_empty() {
        eprintln!("help: see {} --help", command_meant());
    }
    ExitCode::from(2)
}

/// The command that was meant: the words before the first option.
fn command_meant() -> String {
    let mut command = Cli::command();
    let mut words = vec!["revacnn".to_owned()];
    for word in std::env::args().skip(1) {
        let Some(found) = command.find_subcommand(&word) else { break };
        command = found.clone();
        words.push(word);
    }
    words.join(" ")
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
