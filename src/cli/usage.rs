//! Mistakes in the command line: clap's message in the form of the program's own errors, `error: …` and `help: …`.

use std::error::Error as _;
use std::ffi::OsString;
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
    let mut hints = hints(error);
    if error.kind() == ErrorKind::InvalidUtf8 {
        say(&format!("error: {}\n", not_text(std::env::args_os().skip(1))));
        hints.push("rename the file or folder, or make a link to it whose name is UTF-8".to_owned());
    } else {
        say(&format!("{}\n", message(error)));
    }
    if hints.is_empty() {
        hints.push(format!("see {} --help", command_meant(command)));
    }
    hints.iter().for_each(|hint| say(&format!("help: {hint}")));
    ExitCode::from(2)
}

/// Names the arguments that are not UTF-8, each with the one before it.
fn not_text(args: impl Iterator<Item = OsString>) -> String {
    let args: Vec<OsString> = args.collect();
    let odd = args.iter().enumerate().filter(|(_, arg)| arg.to_str().is_none()).map(|(at, arg)| {
        let before = at.checked_sub(1).and_then(|before| args[before].to_str());
        before.map_or(format!("{arg:?}"), |before| format!("{arg:?} after {before}"))
    });
    format!("an argument is not text in UTF-8: {}", odd.collect::<Vec<_>>().join(", "))
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
    for word in std::env::args_os().skip(1) {
        let Some(found) = command.find_subcommand(&word) else { break };
        command = found;
        words.push(word.to_string_lossy().into_owned());
    }
    words.join(" ")
}
