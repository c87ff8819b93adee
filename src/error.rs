//! The one error of the crate: what happened, to what, and what to do next.
//!
//! Every error that a user can reach carries two sentences, which the command line prints as
//! `error: what` and `help: help`, and the window shows in its status bar.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;

/// Shorthand for results whose error is [`struct@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Kind of an error; decides the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A mistake in the command line: exit status 2.
    Usage,
    /// Any other: exit status 1.
    Runtime,
    /// A fault that the GPU reports, exit status 1; errors that follow may be its effects.
    Gpu,
    /// Nobody reads standard output any more, as after `| head`: exit status 141 without a word, as other commands do.
    Closed,
}

/// An error: the event, its object, and the user's next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    what: String,
    help: String,
    kind: ErrorKind,
}

impl Error {
    /// A runtime error: `what` happened, and `help`, the user's next step.
    pub fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into(), kind: ErrorKind::Runtime }
    }

    /// A mistake in the command line (exit status 2).
    pub fn usage(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into(), kind: ErrorKind::Usage }
    }

    /// A fault that the GPU reports.
    pub fn gpu(fault: &str, help: impl Into<String>) -> Self {
        Self { what: format!("the GPU reports: {fault}"), help: help.into(), kind: ErrorKind::Gpu }
    }

    /// Standard output was closed by its reader.
    pub fn closed() -> Self {
        let (what, help) = ("standard output was closed by its reader", "send it to a file");
        Self { what: what.to_owned(), help: help.to_owned(), kind: ErrorKind::Closed }
    }

    /// A file operation that the system refused; `verb` is "read", "write", "create", ...
    pub fn io(verb: &str, path: &Path, source: &io::Error) -> Self {
        let help = match source.kind() {
            io::ErrorKind::NotFound => "check the spelling of the path",
            io::ErrorKind::PermissionDenied => "check who may read and write there, or name another path",
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                "a file is in the way: name another path, or move the file"
            }
            io::ErrorKind::FileTooLarge => {
                "raise the limit on the size of files (ulimit -f), or name another disk"
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free some disk space, or name a path on another disk"
            }
            io::ErrorKind::InvalidData => "save it as text in UTF-8",
            _ => "check the path and the disk it is on",
        };
        Self::new(format!("cannot {verb} {}: {source}", path.display()), help)
    }

    /// The event and its object.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The user's next step.
    pub fn help(&self) -> &str {
        &self.help
    }

    /// Kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The error with `place` (a file, a layer, a line) before its text.
    pub fn within(mut self, place: impl fmt::Display) -> Self {
        self.what = format!("{place}: {}", self.what);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Error {}

/// A text without characters that steer a terminal: those of names from files are shown as escapes, which
/// JSON has, too.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let steers = |c: char| {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        turns || (c.is_control() && !matches!(c, '\n' | '\t'))
    };
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if steers(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    Cow::Owned(text.chars().map(shown).collect())
}

/// Says something on standard error; where that is full or closed, nobody hears it, and the program goes on.
pub fn say(text: &str) {
    writeln!(std::io::stderr(), "{}", harmless(text)).ok();
}

/// Says an error and its help.
pub fn say_error(error: &Error) {
    say(&format!("error: {}\nhelp: {}", error.what(), error.help()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_goes_in_front_and_the_help_stays() {
        let error = Error::new("a negative size", "give a size above zero").within("layer conv1");
        assert_eq!(error.to_string(), "layer conv1: a negative size");
        assert_eq!(error.help(), "give a size above zero");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Error::io("read", Path::new("no/such"), &io::Error::from(io::ErrorKind::NotFound));
        assert!(error.what().contains("no/such"));
    }
}
