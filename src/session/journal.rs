//! `journal.jsonl`: what the user did, as JSON Lines: a header, then `{"step", "command"}`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::command::Command;
use super::options::RunSettings;
use crate::error::{Error, Result};
use crate::files;

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

/// The whole journal as text.
fn text(header: &Header, entries: &[Entry]) -> String {
    line(header) + &entries.iter().map(line).collect::<String>()
}

/// Writes a journal anew; a kill at any moment leaves the old or the new one.
///
/// # Errors
/// When the file cannot be written; then the old one stays.
pub fn write(folder: &Path, header: &Header, entries: &[Entry]) -> Result<()> {
    files::write_whole(&folder.join(JOURNAL_FILE), text(header, entries).as_bytes())
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

/// Makes sure that what was appended is on the disk.
///
/// # Errors
/// When the system refuses.
pub fn flush(folder: &Path) -> Result<()> {
    let path = folder.join(JOURNAL_FILE);
    // For writing, because some systems flush no other handle.
    let flush = || OpenOptions::new().append(true).open(&path)?.sync_all();
    flush().map_err(|e| Error::io("write", &path, &e))
}

/// Whether `folder` has a journal with a whole header.
pub fn is_there(folder: &Path) -> bool {
    read(folder).is_ok()
}

/// Reads a journal; a last line that a kill cut short is left out.
///
/// # Errors
/// When the file cannot be read, has no header, or a whole line is damaged.
pub fn read(folder: &Path) -> Result<(Header, Vec<Entry>)> {
    let path = folder.join(JOURNAL_FILE);
    let damaged = |number: usize| {
        Error::new(
            format!("{}, line {number}, is damaged", path.display()),
            "bring the file back from a copy, resume another run, or begin anew",
        )
    };
    let bytes = files::read_whole(&path)?;
    // What a kill cut short has no line end.
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    let text = std::str::from_utf8(&bytes[..whole])
        .map_err(|e| damaged(bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1))?;
    let mut lines = text.lines();
    let header = lines.next().and_then(|l| serde_json::from_str(l).ok()).ok_or_else(|| damaged(1))?;
    let entry = |(index, line)| serde_json::from_str(line).map_err(|_| damaged(index + 2));
    Ok((header, lines.enumerate().map(entry).collect::<Result<_>>()?))
}
