//! Results on standard output, and words for people on standard error.

use std::borrow::Cow;
use std::io::{ErrorKind, Write as _};

use revacnn::error::{Error, Result};

/// A text without characters that steer a terminal: those of names from files are shown as escapes, which
/// JSON has, too.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
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

/// Prints one line of a result.
///
/// # Errors
/// When standard output takes it not, or is closed ([`Error::closed`]).
pub(super) fn print_line(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", harmless(line)).and_then(|()| out.flush()).map_err(|error| {
        if error.kind() == ErrorKind::BrokenPipe {
            return Error::closed();
        }
        Error::new(format!("cannot write to standard output: {error}"), "check where it goes")
    })
}

/// Says something on standard error; where that is full or closed, nobody hears it, and the program goes on.
pub(super) fn say(text: &str) {
    writeln!(std::io::stderr(), "{}", harmless(text)).ok();
}

/// Says an error and its help.
pub(super) fn say_error(error: &Error) {
    say(&format!("error: {}\nhelp: {}", error.what(), error.help()));
}
