//! Lines of a table as text: packed or not, the encoding, the separator, the records.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};

use csv::{ByteRecord, Position, Trim};

use crate::data::bounded::damaged;
use crate::data::gzip::{GzipReader, is_gzip};
use crate::error::Result;

/// Words for a missing value: those of `na_values` of pandas.read_csv, and a question mark.
pub(super) const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
    "NA", "NULL", "NaN", "None", "n/a", "null", "?",
];
/// Bytes and lines of a file by which its separator is chosen.
const SAMPLE_BYTES: usize = 1 << 16;
const SAMPLE_LINES: usize = 20;
/// Separators of cells, the likelier first.
const SEPARATORS: [u8; 5] = *b"\t;,| ";

/// Number in a cell, NaN where it is missing; where cells are not separated by commas, a comma may stand for the point.
pub(super) fn number(cell: &str, separator: u8) -> Option<f64> {
    if let Ok(number) = cell.parse() {
        return Some(number);
    }
    if MISSING.contains(&cell) {
        return Some(f64::NAN);
    }
    if ["true", "false"].iter().any(|truth| cell.eq_ignore_ascii_case(truth)) {
        return Some(f64::from(u8::from(cell.eq_ignore_ascii_case("true"))));
    }
    // The minus sign of typesetting.
    let cell = cell.replace('\u{2212}', "-");
    let with_point = || (separator != b',' && !cell.contains('.')).then(|| cell.replacen(',', ".", 1));
    cell.parse().ok().or_else(|| with_point()?.parse().ok())
}

/// Cells of a line, without the spaces around them.
fn cells(line: &str, separator: u8) -> Vec<&str> {
    let mut quoted = false;
    let split = line.split(|c: char| {
        quoted ^= c == '"';
        !quoted && c == char::from(separator)
    });
    let bare = split.map(|cell| cell.trim().trim_matches('"').trim());
    bare.filter(|cell| separator != b' ' || !cell.is_empty()).collect()
}

/// Separator of the cells of some lines: of those that each line has the one by which most cells are numbers; else a comma.
fn separator_of(sample: &str) -> u8 {
    let is_data = |line: &&str| !line.trim().is_empty() && !line.starts_with(['#', '%']);
    let lines: Vec<&str> = sample.split(['\n', '\r']).filter(is_data).take(SAMPLE_LINES).collect();
    let share = |separator: u8| {
        let lines: Vec<Vec<&str>> = lines.iter().map(|line| cells(line.trim(), separator)).collect();
        let count = lines.iter().map(Vec::len).sum::<usize>() as f64;
        let numbers = lines.iter().flatten().filter(|cell| number(cell, separator).is_some()).count();
        let separates = !lines.is_empty() && lines.iter().all(|cells| cells.len() > 1);
        separates.then_some(numbers as f64 / count)
    };
    let mut best = (b',', -1.0);
    for separator in SEPARATORS {
        if let Some(share) = share(separator).filter(|share| *share > best.1) {
            best = (separator, share);
        }
    }
    best.0
}

/// Text of a file in UTF-16, which has a mark at its beginning.
fn utf16(mut source: impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    source.read_to_end(&mut bytes).map_err(damaged)?;
    let unit = |pair: &[u8]| {
        let pair = [pair[0], pair[1]];
        if bytes.starts_with(&[0xfe, 0xff]) { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
    };
    let units: Vec<u16> = bytes.chunks_exact(2).skip(1).map(unit).collect();
    Ok(String::from_utf16_lossy(&units))
}

/// The content of a file, unpacked where it is a gzip stream.
pub(super) fn unpacked(file: File) -> Result<Box<dyn BufRead>> {
    let mut file = BufReader::with_capacity(SAMPLE_BYTES, file);
    if is_gzip(file.fill_buf().map_err(damaged)?) {
        return Ok(Box::new(BufReader::with_capacity(SAMPLE_BYTES, GzipReader::new(file))));
    }
    Ok(Box::new(file))
}

/// Text of a cell. What is not UTF-8 is the encoding of Windows in the west, whose letters are those of Latin-1.
fn text(cell: &[u8]) -> String {
    let text = str::from_utf8(cell)
        .map_or_else(|_| cell.iter().map(|byte| char::from(*byte)).collect(), str::to_owned);
    // Quotes after a space are none to the reader.
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(quoted) => quoted.trim().to_owned(),
        None => text,
    }
}

/// The records of a table.
pub(super) struct Records {
    reader: csv::Reader<Box<dyn BufRead>>,
    /// Separator of the cells.
    pub separator: u8,
    record: ByteRecord,
}

impl Records {
    pub(super) fn new(file: File) -> Result<Self> {
        let mut source = unpacked(file)?;
        let start = source.fill_buf().map_err(damaged)?;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            source = Box::new(Cursor::new(utf16(source)?.into_bytes()));
        }
        let sample = source.fill_buf().map_err(damaged)?;
        let sample = &sample[..sample.len().min(SAMPLE_BYTES)];
        // The last line may be cut off, and is judged only where it is the first, too.
        let whole = sample.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(sample.len());
        let separator = separator_of(&String::from_utf8_lossy(&sample[..whole]));
        if separator != b',' {
            log::info!("its cells are separated by {:?}", char::from(separator));
        }
        let mut builder = csv::ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(separator).trim(Trim::All);
        Ok(Self { reader: builder.from_reader(source), separator, record: ByteRecord::new() })
    }

    /// Line number and cells of the next line that is neither comment nor blank.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Vec<String>)>> {
        while self.reader.read_byte_record(&mut self.record).map_err(damaged)? {
            let line = self.record.position().map_or(0, Position::line);
            let cells =
                self.record.iter().map(text).filter(|cell| self.separator != b' ' || !cell.is_empty());
            let cells: Vec<String> = cells.collect();
            let first = cells.first().map_or("", String::as_str);
            let comment = first.starts_with(['#', '%']) && !MISSING.contains(&first);
            if !comment && !(first.is_empty() && cells.len() < 2) {
                return Ok(Some((line, cells)));
            }
        }
        Ok(None)
    }
}
