//! Results on standard output, and words for people on standard error.

use std::io::{ErrorKind, Write as _};

use revacnn::error::{Error, Result};

/// Prints one line of a result.
///
/// # Errors
/// When standard output takes it not, or is closed ([`Error::closed`]).
pub(super) fn print_line(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| {
        if error.kind() == ErrorKind::BrokenPipe {
            return Error::closed();
        }
        Error::new(format!("cannot write to standard output: {error}"), "check where it goes")
    })
}

/// Says something on standard error; where that is full or closed, nobody hears it, and the program goes on.
pub(super) fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

/// Says an error and its help.
pub(super) fn say_error(error: &Error) {
    say(&format!("error: {}\nhelp: {}", error.what(), error.help()));
}
