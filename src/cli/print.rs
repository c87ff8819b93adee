//! Results on standard output.

use std::io::{ErrorKind, Write as _};

use revacnn::error::{Error, Result};

/// Prints one line of a result; a closed pipe ends the program quietly, as other commands do.
pub(super) fn print_line(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            Err(Error::new(format!("cannot write to standard output: {error}"), "check where it goes"))
        }
    }
}
