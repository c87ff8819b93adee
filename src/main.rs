//! The command line: results go to standard output, progress and log to standard error; exit status 0, 2 for a
//! wrong command line, 1 for all else.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
