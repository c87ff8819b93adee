//! Results on standard output.

use std::io::{ErrorKind, Write as _};

use revacnn::error::{Error, Result};
pub(super) use revacnn::error::{harmless, say, say_error};

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
