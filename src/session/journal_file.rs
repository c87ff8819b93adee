//! The journal's file, `journal.jsonl`: JSON Lines, a header and then `{"step", "command"}` each.
//!
//! Each line ends with a check: a hash of its text and of the check before it. A line that was changed, lost, moved or is of
//! another journal is found by its number. Journals of before there were checks have none.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::command::{Command, TrainCommand};
use super::settings::RunSettings;
use crate::error::{Error, Result};
use crate::files;

/// The file's name in a run's folder.
pub const JOURNAL_FILE: &str = "journal.jsonl";

/// Beginning of a line's check.
const CHECK: &str = ",\"check\":\"";
/// Hexadecimal digits of a check.
const CHECK_DIGITS: usize = 16;

/// The first line of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Identity of the run; none in runs of before there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Version of the program that began the run.
    pub revacnn: String,
    /// Name of the network.
    pub network: String,
    /// The network at its beginning, as TOML; none in runs of before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_toml: Option<String>,
    /// Fingerprint of the data set.
    pub data_fingerprint: String,
    /// Adapter that it began on: bit equality holds on the same one.
    pub adapter: String,
    /// Order in which kernels added there, and with the same one (see [`crate::gpu::Gpu::summation`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summation: Option<String>,
    /// Hash of the file of the weights that it began with, where these are not of the seed, `start.safetensors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Settings at its beginning.
    pub settings: RunSettings,
}

/// Why a run that began on an adapter, with an order in which its kernels add, and goes on with others does not give the bits that it would
/// have given there; none where both are the same.
pub(super) fn differing_bits(then: (&str, Option<&str>), now: (&str, Option<&str>)) -> Option<String> {
    let differ = "the numbers may differ in their last digits";
    if then.0 != now.0 {
        return Some(format!("the run began on {}; on {} {differ}", then.0, now.0));
    }
    let [before, after] = [then.1, now.1].map(|order| order.unwrap_or("first"));
    (before != after).then(|| {
        format!("the run began with kernels that add in another order ({before}, now {after}); {differ}")
    })
}

/// A later line of a journal: a command, applied before step `step` + 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Number of steps finished when it was applied.
    pub step: u32,
    /// The command.
    pub command: Command,
}

/// A line's value and its text without the check. A journal that is written again keeps the texts that were read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line<T> {
    pub value: T,
    text: String,
}

impl<T: Serialize> Line<T> {
    pub(super) fn new(value: T) -> Self {
        let text = serde_json::to_string(&value).expect("journal lines are plain data");
        Self { value, text }
    }
}

impl<T> Line<T> {
    /// The check of this line after one with the check `before`.
    pub(super) fn check(&self, before: &str) -> String {
        let mut hash = blake3::Hasher::new();
        hash.update(before.as_bytes()).update(self.text.as_bytes());
        hash.finalize().to_hex()[..CHECK_DIGITS].to_owned()
    }

    /// The line with its check, as the file has it.
    fn written(&self, before: &mut String) -> String {
        *before = self.check(before);
        let open = self.text.strip_suffix('}').expect("a line is an object");
        format!("{open}{CHECK}{before}\"}}\n")
    }
}

impl<T: DeserializeOwned> Line<T> {
    /// Reads a line after one with the check `before`, which becomes its own; `None` if it is damaged. Whether it has to have a
    /// check is said by `checked`.
    fn read(bytes: &[u8], before: &mut String, checked: bool) -> Option<Self> {
        let line = std::str::from_utf8(bytes).ok()?;
        let (text, found) = match line.rsplit_once(CHECK) {
            Some((open, check)) if checked => (format!("{open}}}"), Some(check.strip_suffix("\"}")?)),
            None if !checked => (line.to_owned(), None),
            _ => return None,
        };
        let line = Self { value: serde_json::from_str(&text).ok()?, text };
        let check = line.check(before);
        if found.is_some_and(|found| found != check) {
            return None;
        }
        *before = check;
        Some(line)
    }
}

/// Writes a whole journal, and returns the check of its last line; a kill at any moment leaves the old or the new one.
///
/// # Errors
/// When the file cannot be written; then the old one stays.
pub(super) fn write(folder: &Path, header: &Line<Header>, entries: &[Line<Entry>]) -> Result<String> {
    write_as(&folder.join(JOURNAL_FILE), header, entries)
}

/// The same in the file `path`.
///
/// # Errors
/// When the file cannot be written; then the old one stays.
pub(super) fn write_as(path: &Path, header: &Line<Header>, entries: &[Line<Entry>]) -> Result<String> {
    let mut check = String::new();
    let mut text = header.written(&mut check);
    text.extend(entries.iter().map(|entry| entry.written(&mut check)));
    files::write_whole(path, text.as_bytes())?;
    Ok(check)
}

/// Appends an entry after one with the check `before`, which becomes its own.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn append(folder: &Path, entry: &Line<Entry>, before: &mut String) -> Result<()> {
    let path = folder.join(JOURNAL_FILE);
    let line = entry.written(before);
    let write = || OpenOptions::new().append(true).open(&path)?.write_all(line.as_bytes());
    write().map_err(|e| Error::io("write", &path, &e))
}

/// Flushes the appended entries to the disk.
///
/// # Errors
/// When the system refuses.
pub(super) fn flush(folder: &Path) -> Result<()> {
    let path = folder.join(JOURNAL_FILE);
    // For writing, because some systems flush no other handle.
    let flush = || OpenOptions::new().append(true).open(&path)?.sync_all();
    flush().map_err(|e| Error::io("write", &path, &e))
}

/// True if `folder` has a journal with a whole header.
pub(super) fn is_there(folder: &Path) -> bool {
    StoredJournal::read(folder).is_ok()
}

/// A journal as its file has it.
pub(super) struct StoredJournal {
    pub header: Line<Header>,
    pub entries: Vec<Line<Entry>>,
    /// The file ends within a line, which is left out if it is not whole.
    pub cut_short: bool,
    /// The number of the line that was left out.
    lost: Option<usize>,
}

impl StoredJournal {
    /// Reads a journal; a last line that a kill cut short is left out.
    ///
    /// # Errors
    /// When the file cannot be read, has no header, or a whole line is damaged.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        Self::read_file(&folder.join(JOURNAL_FILE))
    }

    /// The same of the file `path`.
    ///
    /// # Errors
    /// As [`StoredJournal::read`].
    pub(super) fn read_file(path: &Path) -> Result<Self> {
        let bytes = files::read_whole(path)?;
        let mut lines = bytes.split(|byte| *byte == b'\n').enumerate().peekable();
        let (mut check, mut entries, mut cut_short, mut lost) = (String::new(), Vec::new(), false, None);
        let first = lines.next().map_or(&b""[..], |(_, line)| line);
        let (header, checked) = match Line::<Header>::read(first, &mut check, true) {
            Some(header) => (header, true),
            None => {
                // Of before there were checks; a run with an identity has them.
                let header = Line::<Header>::read(first, &mut check, false);
                let header = header.filter(|header| header.value.run.is_none());
                (header.ok_or_else(|| damaged(path, 1, ""))?, false)
            }
        };
        while let Some((index, line)) = lines.next() {
            let is_last = lines.peek().is_none();
            // A line that is cut short has no end; that the rest of it is whole is told by its check.
            cut_short = is_last && !line.is_empty();
            match Line::read(line, &mut check, checked) {
                Some(entry) if checked || !is_last => entries.push(entry),
                _ if is_last => lost = cut_short.then_some(index + 1),
                _ => return Err(damaged(path, index + 1, "")),
            }
        }
        Ok(Self { header, entries, cut_short, lost })
    }

    /// Error for the line of the file `path` that was left out because the rest of it is missing, if one was.
    pub(super) fn cut(&self, path: &Path) -> Option<Error> {
        let what = |line| {
            let file = path.display();
            format!("{file}, line {line}, is cut short: the rest of the command is missing")
        };
        let help = "bring the file back from a copy, or take the line out to do without its command";
        self.lost.map(|line| Error::new(what(line), help))
    }

    /// Checks that it has as many commands as its model.
    ///
    /// # Errors
    /// When it has fewer; the first line that is missing is named.
    pub(super) fn check_len(&self, path: &Path, commands: usize) -> Result<()> {
        let has = self.entries.len();
        if has >= commands {
            return Ok(());
        }
        let (file, line) = (path.display(), has + 2);
        let few = format!("it has {has} commands where the model had {commands}");
        Err(damaged_file(format!("{file} is damaged: {few}: line {line} is missing or cut short")))
    }

    /// The check after `count` entries.
    pub(super) fn check(&self, count: usize) -> String {
        chained(&self.header, &self.entries[..count])
    }

    /// True if one of the entries changes the network.
    pub(super) fn changes_network(&self) -> bool {
        changes_network(&self.entries)
    }

    /// The settings after `count` entries.
    pub(super) fn settings(&self, count: usize) -> RunSettings {
        settings(&self.header.value, &self.entries[..count])
    }

    /// Checks the entries after the first `carried_out`, which follow a checkpoint at `step`: steps fall only after a reset, so
    /// that the time of each will come.
    ///
    /// # Errors
    /// When one comes too late.
    pub(super) fn check_steps(&self, path: &Path, carried_out: usize, step: u32) -> Result<()> {
        let mut reached = step;
        for (index, Line { value: entry, .. }) in self.entries.iter().enumerate().skip(carried_out) {
            if entry.step < reached {
                let Entry { step, .. } = entry;
                let why = format!(": its step {step} is over, because the run is at step {reached} by then");
                return Err(damaged(path, index + 2, &why));
            }
            let resets = matches!(entry.command, Command::Train(TrainCommand::Reset(_)));
            reached = if resets { 0 } else { entry.step };
        }
        Ok(())
    }
}

/// The check of the last of these lines.
pub(super) fn chained(header: &Line<Header>, entries: &[Line<Entry>]) -> String {
    entries.iter().fold(header.check(""), |check, entry| entry.check(&check))
}

/// True if one of these entries changes the network.
pub(super) fn changes_network(entries: &[Line<Entry>]) -> bool {
    let changes = |command: &Command| matches!(command, Command::Network(command) if command.changes_file());
    entries.iter().any(|line| changes(&line.value.command))
}

/// The settings that the entries lead to.
pub(super) fn settings(header: &Header, entries: &[Line<Entry>]) -> RunSettings {
    let changed =
        |settings: RunSettings, entry: &Line<Entry>| settings.changed(&entry.value.command, entry.value.step);
    entries.iter().fold(header.settings.clone(), changed)
}

/// Error for a line, counted from 1, that is not what was written.
fn damaged(path: &Path, line: usize, why: &str) -> Error {
    damaged_file(format!("{}, line {line}, is damaged{why}", path.display()))
}

fn damaged_file(what: String) -> Error {
    Error::new(what, "bring the file back from a copy, resume another run, or begin a new one")
}

#[cfg(test)]
mod tests {
    use super::differing_bits;

    #[test]
    fn a_run_says_where_its_bits_come_to_an_end() {
        assert_eq!(differing_bits(("A", None), ("A", None)), None);
        assert_eq!(differing_bits(("A", Some("gpu 1")), ("A", Some("gpu 1"))), None);
        for (then, now, said) in [
            (("A", None), ("B", None), "began on A; on B"),
            (("A", Some("gpu 1")), ("B", None), "began on A; on B"),
            (("A", None), ("A", Some("gpu 1")), "(first, now gpu 1)"),
            (("A", Some("gpu 1")), ("A", Some("gpu 2")), "(gpu 1, now gpu 2)"),
            (("A", Some("gpu 1 mixed 1")), ("A", Some("gpu 1")), "(gpu 1 mixed 1, now gpu 1)"),
        ] {
            let text = differing_bits(then, now).unwrap();
            assert!(text.contains(said) && text.contains("may differ"), "{text}");
        }
    }
}
