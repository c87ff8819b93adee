//! Mistakes in the command line: clap's message in the form of the program's own errors, `error: …` and `help: …`.

use std::error::Error as _;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use revacnn::error::Error;

use super::print::say;

/// Contexts of an error that become its help.
const HINTS: [(ContextKind, &str); 4] = [
    (ContextKind::SuggestedArg, "a similar argument exists: "),
    (ContextKind::SuggestedSubcommand, "a similar subcommand exists: "),
    (ContextKind::SuggestedValue, "a similar value exists: "),
    (ContextKind::Suggested, ""),
];

/// Prints what clap found; `--help` and `--version` go to standard output.
pub(super) fn report(error: &clap::Error, command: &clap::Command) -> ExitCode {
    if !error.use_stderr() {
        error.print().ok();
        return ExitCode::SUCCESS;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let help = error.render().to_string();
        say(&format!("error: the command line is not complete\n\n{}", help.trim_end()));
        say("\nhelp: add one of the commands above");
        return ExitCode::from(2);
    }
    say(&format!("{}\n", message(error)));
    let mut hints = hints(error);
    if hints.is_empty() {
        hints.push(format!("see {} --help", command_meant(command)));
    }
    hints.iter().for_each(|hint| say(&format!("help: {hint}")));
    ExitCode::from(2)
}

/// Message and usage, without hints.
fn message(error: &clap::Error) -> String {
    let mut bare = clap::Error::new(error.kind());
    for (kind, value) in error.context() {
        if HINTS.iter().all(|(hint, _)| *hint != kind) {
            bare.insert(kind, value.clone());
        }
    }
    let text = bare.render().to_string().trim_end().to_owned();
    // A new error has no source, which is why a value was refused.
    error.source().map_or(text.clone(), |source| format!("{text}: {source}"))
}

/// Clap's suggestions, or the help of our own error about a value.
fn hints(error: &clap::Error) -> Vec<String> {
    let own = error.source().and_then(|source| source.downcast_ref::<Error>());
    let mut hints: Vec<String> = own.map(|error| error.help().to_owned()).into_iter().collect();
    for (kind, text) in HINTS {
        match error.get(kind) {
            Some(ContextValue::String(name)) => hints.push(format!("{text}'{name}'")),
            Some(ContextValue::Strings(names)) => {
                hints.extend(names.iter().map(|name| format!("{text}'{name}'")));
            }
            Some(ContextValue::StyledStrs(texts)) => hints.extend(texts.iter().map(ToString::to_string)),
            _ => {}
        }
    }
    hints
}

/// The command that was meant: the words before the first option.
fn command_meant(command: &clap::Command) -> String {
    let mut command = command;
    let mut words = vec!["revacnn".to_owned()];
    for word in std::env::args().skip(1) {
        let Some(found) = command.find_subcommand(&word) else { break };
        command = found;
        words.push(word);
    }
    words.join(" ")
}
