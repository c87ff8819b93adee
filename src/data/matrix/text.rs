//! Lines of a table as text: packed or not, the encoding, the separator, how numbers are written, the records.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};

use csv::{ByteRecord, Position, Trim};

use super::format::{Format, MAX_BYTES};
use crate::data::bounded::damaged;
use crate::data::gzip::{GzipReader, is_gzip};
use crate::error::Result;

/// Words for a missing value: those of `na_values` of pandas.read_csv, and a question mark.
const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
    "NA", "NULL", "NaN", "None", "n/a", "null", "?",
];
/// Bytes of a file by which its separator and decimal mark are chosen, and lines for the separator.
const SAMPLE_BYTES: usize = 1 << 18;
const SAMPLE_LINES: usize = 20;
/// Bytes of memory of a line that is kept, beside its text and the ends of its cells, about.
const LINE_BYTES: usize = 192;
/// Separators of cells, the likelier first.
const SEPARATORS: [u8; 5] = *b"\t;,| ";
/// Characters that a line of remarks begins with.
const REMARK: [char; 2] = ['#', '%'];

/// True for the words that stand for a missing value.
pub(super) fn is_missing(cell: &str) -> bool {
    MISSING.contains(&cell)
}

/// Writing of cells and numbers in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Notation {
    /// Separator of the cells.
    pub separator: u8,
    /// The decimal mark is a comma, and points group digits by thousands; else the other way.
    pub decimal_comma: bool,
}

impl Notation {
    /// Number in a cell, NaN where it is missing; none for words.
    pub(super) fn number(self, cell: &str) -> Option<f64> {
        let missing = || is_missing(cell).then_some(f64::NAN);
        plain(cell, self.decimal_comma).or_else(missing).or_else(|| grouped(cell, self.decimal_comma))
    }

    /// The same where true is 1, and false 0.
    pub(super) fn value(self, cell: &str) -> Option<f64> {
        let truths = || [("true", 1.0), ("false", 0.0)].into_iter();
        let truth = || truths().find_map(|(word, value)| cell.eq_ignore_ascii_case(word).then_some(value));
        self.number(cell).or_else(truth)
    }
}

/// Number as programs write it.
fn plain(cell: &str, decimal_comma: bool) -> Option<f64> {
    cell.parse().ok().filter(|_| !decimal_comma || !cell.contains('.'))
}

/// Number as people write it: with their decimal mark, and thousands in groups.
fn grouped(cell: &str, decimal_comma: bool) -> Option<f64> {
    let (decimal, group) = if decimal_comma { (',', '.') } else { ('.', ',') };
    // The minus sign of typesetting.
    let cell = cell.replace('\u{2212}', "-");
    if cell.contains(group) && !is_grouped(&cell, decimal, group) {
        return None;
    }
    cell.replace(group, "").replace(decimal, ".").parse().ok()
}

/// True for digits in groups of three, as in 1,234,567.8.
fn is_grouped(cell: &str, decimal: char, group: char) -> bool {
    let (whole, parts) = cell.split_once(decimal).unwrap_or((cell, ""));
    let mut groups = whole.trim_start_matches(['-', '+']).split(group);
    let all_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let first = groups.next().unwrap_or_default();
    matches!(first.len(), 1..=3)
        && !first.starts_with('0')
        && all_digits(first)
        && groups.all(|digits| digits.len() == 3 && all_digits(digits))
        && !parts.contains(group)
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
fn separator_of(lines: &[&str]) -> u8 {
    let share = |separator: u8| {
        let lines: Vec<Vec<&str>> = lines.iter().map(|line| cells(line.trim(), separator)).collect();
        let count = lines.iter().map(Vec::len).sum::<usize>() as f64;
        let with = |decimal_comma| Notation { separator, decimal_comma };
        let is_number =
            |cell: &&&str| [false, true].into_iter().any(|comma| with(comma).value(cell).is_some());
        let numbers = lines.iter().flatten().filter(is_number).count();
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

/// Notation of some lines. Of cells such as 1,5 that are no number with a decimal point, and of such as 1.5, the more frequent tell the
/// decimal mark; of 1,234 and 1.234, which may be either, a comma in cells that commas do not separate.
fn notation_of(sample: &str) -> Notation {
    let is_data = |line: &&str| !line.trim().is_empty() && !line.starts_with(REMARK);
    let lines: Vec<&str> = sample.split(['\n', '\r']).filter(is_data).collect();
    let separator = separator_of(&lines[..lines.len().min(SAMPLE_LINES)]);
    let [mut commas, mut points, mut either] = [0_usize; 3];
    for cell in lines.iter().flat_map(|line| cells(line.trim(), separator)).filter(|c| c.contains([',', '.']))
    {
        match [true, false].map(|comma| plain(cell, comma).or_else(|| grouped(cell, comma))) {
            [Some(_), None] => commas += 1,
            [None, Some(_)] => points += 1,
            [Some(_), Some(_)] if cell.contains(',') => either += 1,
            _ => {}
        }
    }
    let decimal_comma = match commas.cmp(&points) {
        Ordering::Equal => either > 0 && separator != b',',
        order => order == Ordering::Greater,
    };
    Notation { separator, decimal_comma }
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

/// The content of a file, unpacked where it is a gzip stream, in an encoding that has the letters of ASCII.
fn text_of(file: BufReader<File>) -> Result<Box<dyn BufRead>> {
    let buffered = |source| BufReader::with_capacity(SAMPLE_BYTES, source);
    let mut file = buffered(Box::new(file) as Box<dyn Read>);
    if is_gzip(file.fill_buf().map_err(damaged)?) {
        file = buffered(Box::new(GzipReader::new(file, MAX_BYTES)));
    }
    let start = file.fill_buf().map_err(damaged)?;
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return Ok(Box::new(Cursor::new(utf16(file)?.into_bytes())));
    }
    Format::Table.check(start)?;
    Ok(Box::new(file))
}

/// Text of a cell. What is not UTF-8 is the encoding of Windows in the west, whose letters are those of Latin-1.
fn text(cell: &[u8]) -> Cow<'_, str> {
    let unquoted = |text: &str| {
        // Quotes after a space are none to the reader.
        let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        quoted.map(|quoted| quoted.trim().to_owned())
    };
    let text = str::from_utf8(cell)
        .map_or_else(|_| cell.iter().map(|byte| char::from(*byte)).collect::<String>().into(), Cow::Borrowed);
    if text.starts_with('"') { unquoted(&text).map_or(text, Cow::Owned) } else { text }
}

/// Line number and cells.
pub(super) type Record = (u64, Vec<String>);

/// A line of a table, cut into cells that are not looked at yet.
pub(super) struct Line {
    pub number: u64,
    record: ByteRecord,
    /// Several separators in a row are one.
    spaced: bool,
}

impl Line {
    /// Its cells.
    pub(super) fn cells(&self) -> impl Iterator<Item = Cow<'_, str>> + Clone {
        self.record.iter().map(text).filter(|cell| !self.spaced || !cell.is_empty())
    }
}

/// The records of a table.
pub(super) struct Records {
    reader: csv::Reader<Box<dyn BufRead>>,
    /// Writing of its cells.
    pub notation: Notation,
    line: Line,
    /// Cells of the last remark before the first record: names of columns, as numpy.savetxt writes them.
    pub remark: Vec<String>,
    /// Number of records so far, and of remarks after the first.
    pub read: usize,
    pub left_out: usize,
}

impl Records {
    pub(super) fn new(file: BufReader<File>) -> Result<Self> {
        let mut source = text_of(file)?;
        let sample = source.fill_buf().map_err(damaged)?;
        let sample = &sample[..sample.len().min(SAMPLE_BYTES)];
        // The last line may be cut off, and is judged only where it is the first, too.
        let whole = sample.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(sample.len());
        let notation = notation_of(&String::from_utf8_lossy(&sample[..whole]));
        if notation.separator != b',' {
            log::info!("its cells are separated by {:?}", char::from(notation.separator));
        }
        if notation.decimal_comma {
            log::info!("the decimal mark of its numbers is a comma");
        }
        let mut builder = csv::ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(notation.separator).trim(Trim::All);
        let reader = builder.from_reader(source);
        let line = Line { number: 0, record: ByteRecord::new(), spaced: notation.separator == b' ' };
        Ok(Self { reader, notation, line, remark: Vec::new(), read: 0, left_out: 0 })
    }

    /// The next line that is neither remark nor blank.
    fn next_line(&mut self) -> Result<Option<&Line>> {
        while self.reader.read_byte_record(&mut self.line.record).map_err(damaged)? {
            self.line.number = self.line.record.position().map_or(0, Position::line);
            let line = &self.line;
            let mut cells = line.cells();
            let first = cells.next().unwrap_or_default();
            if first.starts_with(REMARK) && !is_missing(&first) {
                if self.read == 0 {
                    self.remark = without_mark(line.cells().map(Cow::into_owned).collect());
                }
                self.left_out += usize::from(self.read > 0);
            } else if !first.is_empty() || cells.next().is_some() {
                self.read += 1;
                return Ok(Some(&self.line));
            }
        }
        Ok(None)
    }

    /// Line number and cells of the next line that is neither remark nor blank.
    pub(super) fn next(&mut self) -> Result<Option<Record>> {
        let line = self.next_line()?;
        Ok(line.map(|line| (line.number, line.cells().map(Cow::into_owned).collect())))
    }

    /// The next such lines, which take about `bytes` bytes of memory together, and the error that ended them.
    pub(super) fn next_lines(&mut self, bytes: usize) -> (Vec<Line>, Result<()>) {
        let (mut lines, mut read) = (Vec::new(), 0);
        while read < bytes {
            match self.next_line() {
                Ok(None) => break,
                Err(error) => return (lines, Err(error)),
                Ok(Some(line)) => {
                    // The reader's own record keeps the room of the longest line.
                    let (len, count) = (line.record.as_slice().len(), line.record.len());
                    let mut record = ByteRecord::with_capacity(len, count);
                    record.extend(&line.record);
                    read += len + count * size_of::<usize>() + LINE_BYTES;
                    lines.push(Line { record, ..*line });
                }
            }
        }
        (lines, Ok(()))
    }
}

/// Cells of a remark, without the mark.
fn without_mark(mut cells: Vec<String>) -> Vec<String> {
    let first = cells[0].trim_start_matches(REMARK).trim().to_owned();
    if first.is_empty() {
        cells.remove(0);
    } else {
        cells[0] = first;
    }
    cells
}
