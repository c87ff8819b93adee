//! Tables as text: the separator, names and index of the columns, and missing values as common tools write them.

use std::fs::File;
use std::io::{BufRead as _, BufReader};

use csv::{Position, StringRecord, Trim};

use crate::data::bounded::damaged;
use crate::error::{Error, Result};

/// Words for a missing value: those of `na_values` of pandas.read_csv, and a question mark.
const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
    "NA", "NULL", "NaN", "None", "n/a", "null", "?",
];
/// Bytes and lines of a file by which its separator is chosen.
const SAMPLE_BYTES: usize = 1 << 16;
const SAMPLE_LINES: usize = 20;

/// Rows of numbers.
pub(super) struct Table {
    /// Number of rows.
    pub rows: usize,
    /// Values of a row.
    pub columns: usize,
    /// `[rows, columns]`.
    pub values: Vec<f64>,
}

/// Number in a cell, NaN where it is missing; where cells are not separated by commas, a comma may stand for the point.
fn number(cell: &str, separator: u8) -> Option<f64> {
    if MISSING.contains(&cell) {
        return Some(f64::NAN);
    }
    let with_point = || (separator != b',' && !cell.contains('.')).then(|| cell.replacen(',', ".", 1));
    cell.parse().ok().or_else(|| with_point()?.parse().ok())
}

/// Separator of the cells of some lines: the one that each of them has, as often as the others; else a comma.
fn separator_of(sample: &str) -> u8 {
    let is_data = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let lines: Vec<&str> = sample.lines().filter(is_data).take(SAMPLE_LINES).collect();
    let count = |line: &str, separator: u8| {
        let mut quoted = false;
        let outside = |byte: &u8| {
            quoted ^= *byte == b'"';
            !quoted && *byte == separator
        };
        line.trim().bytes().filter(outside).count()
    };
    let each = |separator: &u8| !lines.is_empty() && lines.iter().all(|line| count(line, *separator) > 0);
    // Commas may be decimal ones where another separator is there, and spaces may follow commas.
    *b"\t;, ".iter().find(|separator| each(separator)).unwrap_or(&b',')
}

/// The records of a table.
struct Records {
    reader: csv::Reader<BufReader<File>>,
    separator: u8,
    record: StringRecord,
}

impl Records {
    fn new(file: File, is_tsv: bool) -> Result<Self> {
        let mut file = BufReader::with_capacity(SAMPLE_BYTES, file);
        let sample = file.fill_buf().map_err(damaged)?;
        let separator = if is_tsv { b'\t' } else { separator_of(&String::from_utf8_lossy(sample)) };
        if separator != b',' {
            log::info!("its cells are separated by {:?}", char::from(separator));
        }
        let mut builder = csv::ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(separator).trim(Trim::All);
        Ok(Self { reader: builder.from_reader(file), separator, record: StringRecord::new() })
    }

    /// Line number and cells of the next line that is no comment.
    fn next(&mut self) -> Result<Option<(u64, Vec<String>)>> {
        while self.reader.read_record(&mut self.record).map_err(damaged)? {
            let line = self.record.position().map_or(0, Position::line);
            let comment =
                self.record.get(0).is_some_and(|cell| cell.starts_with('#') && !MISSING.contains(&cell));
            if !comment {
                let cells = self.record.iter().filter(|cell| self.separator != b' ' || !cell.is_empty());
                return Ok(Some((line, cells.map(str::to_owned).collect())));
            }
        }
        Ok(None)
    }
}

/// True if the first line of a table holds the names of its columns: mostly words, or whole numbers over others.
fn has_names(first: &[String], second: Option<&[String]>, separator: u8) -> bool {
    let numbers: Vec<Option<f64>> = first.iter().map(|cell| number(cell, separator)).collect();
    let words = numbers.iter().filter(|number| number.is_none()).count();
    let present = || numbers.iter().flatten().filter(|number| !number.is_nan());
    let counts =
        |from: f64| present().count() > 1 && present().zip(0..).all(|(v, i)| *v == from + f64::from(i));
    if words > present().count() || (words > 0 && (counts(0.0) || counts(1.0))) {
        return true;
    }
    let whole = |value: &f64| value.fract() == 0.0;
    let below: Vec<f64> = second.into_iter().flatten().filter_map(|cell| number(cell, separator)).collect();
    let parts = below.iter().filter(|value| !value.is_nan() && !whole(value)).count();
    let distinct = || present().enumerate().all(|(at, v)| present().take(at).all(|other| other != v));
    words == 0 && present().count() > 1 && present().all(whole) && distinct() && 2 * parts > below.len()
}

/// Rows as they come, and what is known of their first and last columns.
struct Rows {
    table: Table,
    /// The first column counts the rows from 0.
    counted: bool,
    /// All cells of the last column are empty: each line ends in a separator.
    ends_empty: bool,
}

impl Rows {
    fn add(&mut self, line: u64, cells: &[String], separator: u8) -> Result<()> {
        let table = &mut self.table;
        if table.rows > 0 && cells.len() != table.columns {
            let what = format!("line {line} has {} values, those before it {}", cells.len(), table.columns);
            return Err(Error::new(what, "give every line as many values"));
        }
        for (at, cell) in cells.iter().enumerate() {
            let Some(value) = number(cell, separator) else {
                let what = format!("line {line}: {cell:?} is no number");
                let help = "put numbers only there (nan where one is missing); names in the first line";
                return Err(Error::new(what, help));
            };
            self.counted &= at > 0 || value == table.rows as f64;
            self.ends_empty &= at + 1 < cells.len() || cell.is_empty();
            table.values.push(value);
        }
        (table.rows, table.columns) = (table.rows + 1, cells.len());
        Ok(())
    }

    /// The rows without some columns at the beginning and at the end.
    fn without(self, first: usize, last: usize) -> Table {
        let Table { rows, columns, values } = self.table;
        if first + last == 0 || columns <= first + last {
            return Table { rows, columns, values };
        }
        let kept = values.chunks_exact(columns).flat_map(|row| &row[first..columns - last]);
        Table { rows, columns: columns - first - last, values: kept.copied().collect() }
    }
}

/// Rows of a table of numbers. What is taken for names, and what is left out, is said in the log.
pub(super) fn read_table(file: File, is_tsv: bool) -> Result<Table> {
    let mut records = Records::new(file, is_tsv)?;
    let separator = records.separator;
    let table = Table { rows: 0, columns: 0, values: Vec::new() };
    let mut rows = Rows { table, counted: true, ends_empty: true };
    let (first, second) = (records.next()?, records.next()?);
    let mut indexed = false;
    if let Some((line, cells)) = &first {
        if has_names(cells, second.as_ref().map(|(_, cells)| &cells[..]), separator) {
            log::info!("line {line} holds the names of the columns");
            indexed = cells.first().is_some_and(|name| name.is_empty() || name.starts_with("Unnamed"));
        } else {
            rows.add(*line, cells, separator)?;
        }
    }
    let mut next = second;
    while let Some((line, cells)) = next {
        rows.add(line, &cells, separator)?;
        next = records.next()?;
    }
    if rows.table.rows == 0 {
        return Err(Error::new("it has no rows of numbers", "put one row on each line, separated by commas"));
    }
    let (index, end) = (indexed && rows.counted, rows.ends_empty && rows.table.columns > 1);
    if index {
        log::info!("the first column counts the rows: it is left out");
    }
    Ok(rows.without(usize::from(index), usize::from(end)))
}
