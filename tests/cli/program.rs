//! Runs the program and looks at what comes out.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A network that learns the digits in a moment.
pub(crate) const TINY: &str = r#"
name = "tiny"
[[layer]]
kind = "conv2d"
filters = 4
kernel = 3
[[layer]]
kind = "relu"
[[layer]]
kind = "max_pool2d"
size = 2
[[layer]]
kind = "dense"
"#;

/// Exit status and output of a run of the program.
pub(crate) struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// The program with these arguments, about to be run in `folder`.
pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_revacnn"));
    command.current_dir(folder).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Without it the driver itself complains on standard error.
    command.env("XDG_RUNTIME_DIR", folder).env_remove("RUST_LOG");
    command
}

/// Runs the program in `folder`.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Ran {
    Ran::from(command(folder, args).output().expect("the program can be run"))
}

/// Sends a signal, such as `-INT`.
#[cfg(unix)]
pub(crate) fn kill(child: &std::process::Child, signal: &str) {
    let done = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(done.expect("there is a kill command").success());
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    /// It went well.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.err);
        assert!(!self.err.contains("error:") && !self.err.contains("panicked"), "{}", self.err);
        self
    }

    /// It failed with this status, said nothing on standard output, and its error names `part`.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, part: &str) -> Self {
        assert_eq!(self.code, Some(code), "standard error:\n{}", self.err);
        assert_eq!(self.out, "", "results of a failed run");
        assert!(!self.err.contains("panicked"), "{}", self.err);
        let error = self.err.find("error: ").unwrap_or_else(|| panic!("no error: in\n{}", self.err));
        let help = self.err.find("help: ").unwrap_or_else(|| panic!("no help: in\n{}", self.err));
        assert!(error < help, "help before the error:\n{}", self.err);
        assert!(self.err[error..help].contains(part), "no {part:?} in\n{}", self.err);
        self
    }

    /// Standard output as JSON Lines.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line}"));
        self.out.lines().map(parse).collect()
    }

    /// The hash in the last line.
    #[track_caller]
    pub(crate) fn hash(&self) -> String {
        let events = self.events();
        let end = events.last().expect("there is a last line");
        assert_eq!(end["event"], "end", "{}", self.out);
        end["state_hash"].as_str().expect("the end has a hash").to_owned()
    }
}

/// A folder with `tiny.toml`.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    fs::write(folder.path().join("tiny.toml"), TINY).expect("it can be written");
    folder
}

/// `train` on the digits with the tiny network and these arguments more.
pub(crate) fn train<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["train", "--dataset", "digits", "--network", "tiny.toml"];
    args.extend(more);
    args
}

/// `metrics.csv` of a run without throughput and times, which no two runs share, and without the changes of weights, which are of epochs
/// that were not interrupted.
#[track_caller]
pub(crate) fn metrics(run: &Path) -> Vec<String> {
    let text = fs::read_to_string(run.join("metrics.csv")).expect("a run has metrics");
    let head = text.lines().next().expect("it has a head").split(',');
    let kept = |name: &str| {
        name != "images_per_s"
            && !name.starts_with("weight_change_")
            && !["forward_ms", "backward_ms", "update_ms"].contains(&name)
    };
    let kept: Vec<bool> = head.map(kept).collect();
    assert_eq!(kept.iter().filter(|kept| **kept).count(), 10, "{text}");
    let without = |line: &str| {
        let cells = line.split(',').zip(&kept).filter(|(_, kept)| **kept);
        cells.map(|(cell, _)| cell).collect::<Vec<_>>().join(",")
    };
    text.lines().map(without).collect()
}
