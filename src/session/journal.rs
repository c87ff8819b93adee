//! `journal.jsonl`: what the user did, as JSON Lines: a header, then `{"step", "command"}`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::command::Command;
use super::files;
use super::options::RunSettings;
use crate::error::{Error, Result};

/// The file's name in a run's folder.
pub const JOURNAL_FILE: &str = "journal.jsonl";

/// The first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the program that began the run.
    pub revacnn: String,
    /// Name of the network; `network.toml` has it in full.
    pub network: String,
    /// Fingerprint of the data set.
    pub data_fingerprint: String,
    /// The adapter that it ran on: bit equality holds on the same one.
    pub adapter: String,
    /// Settings at the beginning.
    pub settings: RunSettings,
}

/// Each later line: a command, applied before step `step` + 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Steps finished when it was applied.
    pub step: u32,
    /// What was done.
    pub command: Command,
}

fn line<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("journal lines are plain data") + "\n"
}

/// Begins a journal.
///
/// # Errors
/// When the file cannot be written.
pub fn begin(folder: &Path, header: &Header) -> Result<()> {
    files::write_whole(&folder.join(JOURNAL_FILE), line(header).as_bytes())
}

/// Appends an entry.
///
/// # Errors
/// When the file cannot be written.
pub fn append(folder: &Path, entry: &Entry) -> Result<()> {
    let path = folder.join(JOURNAL_FILE);
    let write = || OpenOptions::new().append(true).open(&path)?.write_all(line(entry).as_bytes());
    write().map_err(|e| Error::io("write", &path, &e))
}

/// Reads a journal; a last line that a kill cut short is left out.
///
/// # Errors
/// When the file cannot be read, has no header, or another line than the last is damaged.
pub fn read(folder: &Path) -> Result<(Header, Vec<Entry>)> {
    let path = folder.join(JOURNAL_FILE);
    let damaged = |number: usize| {
        Error::new(
            format!("{}, line {number}, is damaged", path.display()),
            "resume another run, or begin anew",
        )
    };
    let text = files::read_whole(&path)?;
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let header = lines.first().and_then(|l| serde_json::from_str(l).ok()).ok_or_else(|| damaged(1))?;
    let mut entries = Vec::new();
    for (index, line) in lines.iter().enumerate().skip(1) {
        match serde_json::from_str(line) {
            Ok(entry) => entries.push(entry),
            Err(_) if index + 1 == lines.len() => break,
            Err(_) => return Err(damaged(index + 1)),
        }
    }
    Ok((header, entries))
}

/// Drops the entries after `step`: they belong to steps that a kill took back.
///
/// # Errors
/// As [`read`], or when the file cannot be written.
pub fn rewind(folder: &Path, step: u32) -> Result<()> {
    let (header, entries) = read(folder)?;
    let kept: String = entries.iter().filter(|e| e.step <= step).map(line).collect();
    files::write_whole(&folder.join(JOURNAL_FILE), (line(&header) + &kept).as_bytes())
}
