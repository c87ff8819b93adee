//! Tables as text: the names and the index of the columns, labels, and missing values as common tools write them.

use std::collections::HashSet;
use std::fs::File;

use super::columns::{Selection, find_all, find_label, named_label, names_index};
use super::labels::{Labels, Words};
use super::text::{Records, number};
use super::{LabeledRows, Matrix};
use crate::error::{Error, Result};

/// Records by which names, numbers and words are told apart, and their cells.
const SAMPLE_RECORDS: usize = 200;
const SAMPLE_CELLS: usize = 1 << 20;

/// Line number and cells.
type Record = (u64, Vec<String>);

/// Content of a column.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Number,
    Word,
}

/// Columns of a table, by its first lines.
struct Columns {
    /// Names; none where the first line is a row.
    names: Vec<String>,
    kinds: Vec<Kind>,
    /// Column of the labels.
    label: Option<usize>,
    /// The labels that the user names are none of the columns.
    labels_elsewhere: bool,
    separator: u8,
}

/// Cells of the sample in column `column`.
fn column_of(records: &[Record], column: usize) -> impl Iterator<Item = &str> + Clone {
    records.iter().filter_map(move |(_, cells)| cells.get(column)).map(String::as_str)
}

/// True for a column of which most cells are neither numbers nor missing.
fn holds_words<'a>(cells: impl Iterator<Item = &'a str>, separator: u8) -> bool {
    let (mut words, mut numbers) = (0, 0);
    for cell in cells {
        match number(cell, separator) {
            None => words += 1,
            Some(value) if !value.is_nan() => numbers += 1,
            Some(_) => {}
        }
    }
    words > numbers
}

/// True if values are `first`, `first + 1`, and so on.
fn counts_from(first: f64, values: &[f64]) -> bool {
    values.iter().zip(0..).all(|(value, i)| *value == first + f64::from(i))
}

/// True if the first line of a table holds the names of its columns: over columns of numbers mostly words, or whole numbers that are
/// no row.
fn has_names(first: &[String], rest: &[Record], separator: u8) -> bool {
    let of_numbers = |column: &usize| !holds_words(column_of(rest, *column), separator);
    let columns: Vec<usize> = (0..first.len()).filter(of_numbers).collect();
    let cells = || columns.iter().map(|column| number(&first[*column], separator));
    let words = cells().filter(Option::is_none).count();
    let present: Vec<f64> = cells().flatten().filter(|value| !value.is_nan()).collect();
    if words > present.len() {
        return true;
    }
    let counts = counts_from(0.0, &present) || counts_from(1.0, &present);
    if words > 0 || present.is_empty() {
        return words > 0 && counts;
    }
    // A line that counts the columns is none of the numbers below it, unless they go on counting.
    let next = rest.first().and_then(|(_, cells)| number(cells.first()?, separator));
    let begins_empty = first[0].is_empty() && next == Some(0.0);
    let counts = counts_from(0.0, &present);
    if counts && (begins_empty || (present.len() > 3 && next != Some(present.len() as f64))) {
        return true;
    }
    let below =
        || columns.iter().flat_map(|column| column_of(rest, *column)).filter_map(|c| number(c, separator));
    let parts = below().filter(|value| value.fract() != 0.0 && !value.is_nan()).count();
    let distinct: HashSet<u64> = present.iter().map(|value| value.to_bits()).collect();
    let all_whole = present.iter().all(|value| value.fract() == 0.0);
    all_whole && present.len() > 1 && distinct.len() == present.len() && 2 * parts > below().count()
}

impl Columns {
    /// The columns of a table that begins with `sample`, of which the line of names is taken.
    fn of(sample: &mut Vec<Record>, separator: u8, selection: &Selection<'_>) -> Result<Self> {
        let Some((line, first)) = sample.first() else {
            return Err(Error::new(
                "it has no rows of numbers",
                "put one row on each line, separated by commas",
            ));
        };
        let mut width = first.len();
        let mut names = Vec::new();
        if has_names(first, &sample[1..], separator) {
            log::info!("line {line} holds the names of the columns");
            names = sample.remove(0).1;
            width = sample.first().map_or(width, |(_, cells)| cells.len());
            // R leaves out the name of the rows' names; others end the names in a separator.
            if names.len() + 1 == width {
                names.insert(0, String::new());
            } else if names.len() == width + 1 && names.last().is_some_and(String::is_empty) {
                names.pop();
            }
        }
        if !names.is_empty() && names.len() != width {
            let what = format!("line {} has {width} values, the line of names {}", sample[0].0, names.len());
            return Err(Error::new(what, "give every line as many values"));
        }
        let label = selection.labels.map(|wanted| find_label(wanted, &names, width)).transpose()?.flatten();
        let labels_elsewhere = selection.labels.is_some() && label.is_none();
        let label = label.or_else(|| named_label(&names));
        let kind = |column: usize| {
            let is_label = label == Some(column);
            if is_label || holds_words(column_of(sample, column), separator) {
                Kind::Word
            } else {
                Kind::Number
            }
        };
        let kinds = (0..width).map(kind).collect();
        Ok(Self { kinds, names, label, labels_elsewhere, separator })
    }

    /// A column as people call it.
    fn name(&self, column: usize) -> String {
        match self.names.get(column).filter(|name| !name.is_empty()) {
            Some(name) => format!("{name:?}"),
            None => column.to_string(),
        }
    }

    /// Columns by name, for people.
    fn list(&self, columns: &[usize]) -> String {
        let names: Vec<String> = columns.iter().map(|column| self.name(*column)).collect();
        format!("column{} {}", if names.len() == 1 { "" } else { "s" }, names.join(", "))
    }

    fn of_kind(&self, kind: Kind) -> Vec<usize> {
        (0..self.kinds.len()).filter(|column| self.kinds[*column] == kind).collect()
    }
}

/// The cells of a table.
#[derive(Default)]
struct Cells {
    rows: usize,
    /// `[rows, columns of numbers]`.
    values: Vec<f64>,
    /// The columns of words.
    words: Vec<Words>,
}

impl Cells {
    fn add(&mut self, line: u64, cells: &[String], columns: &Columns) -> Result<()> {
        if cells.len() != columns.kinds.len() {
            let what =
                format!("line {line} has {} values, those before it {}", cells.len(), columns.kinds.len());
            return Err(Error::new(what, "give every line as many values"));
        }
        let mut words = self.words.iter_mut();
        for (at, (cell, kind)) in cells.iter().zip(&columns.kinds).enumerate() {
            if *kind == Kind::Word {
                words.next().expect("there are as many as kinds").add(cell);
                continue;
            }
            let Some(value) = number(cell, columns.separator) else {
                let what = format!("line {line}: {cell:?} is no number (column {})", columns.name(at));
                let help = "put numbers only there (nan where one is missing); names in the first line; or choose other columns: --columns";
                return Err(Error::new(what, help));
            };
            self.values.push(value);
        }
        self.rows += 1;
        Ok(())
    }

    /// Values of one of the columns of numbers.
    fn column(&self, at: usize) -> impl Iterator<Item = f64> {
        self.values.iter().skip(at).step_by((self.values.len() / self.rows).max(1)).copied()
    }

    /// True if the column of numbers `at` has distinct whole numbers: it counts or names the rows.
    fn counts_rows(&self, at: usize) -> bool {
        let mut seen = HashSet::new();
        self.column(at).all(|value| value.fract() == 0.0 && seen.insert(value.to_bits()))
    }

    /// Columns of numbers that are taken where the user names none: not an index, and none without values.
    fn default_columns(&self, columns: &Columns) -> Vec<usize> {
        let numbers = columns.of_kind(Kind::Number);
        let present = |at: usize| self.column(at).any(|value| !value.is_nan());
        let (kept, empty): (Vec<_>, Vec<_>) = numbers.iter().enumerate().partition(|(at, _)| present(*at));
        let (mut kept, empty): (Vec<usize>, Vec<usize>) =
            (kept.into_iter().map(|(_, c)| *c).collect(), empty.into_iter().map(|(_, c)| *c).collect());
        if kept.is_empty() {
            return numbers;
        }
        if !empty.is_empty() {
            log::info!("{} left out: without values", columns.list(&empty));
        }
        let indexed = columns.names.first().is_some_and(|name| names_index(name));
        if indexed && kept.len() > 1 && kept[0] == 0 && self.counts_rows(0) {
            log::info!("the first column counts the rows: it is left out");
            kept.remove(0);
        }
        kept
    }

    /// Column of the labels: the one that is called so, or that of the fewest words that come again.
    fn label(&self, columns: &Columns) -> Option<usize> {
        let words = columns.of_kind(Kind::Word);
        let repeat = |at: &usize| self.words[*at].repeat();
        let fewest = (0..words.len()).filter(repeat).min_by_key(|at| self.words[*at].words.len());
        columns.label.or_else(|| fewest.map(|at| words[at]))
    }

    fn labels(&self, columns: &Columns, column: usize) -> Labels {
        let at = columns.of_kind(Kind::Word).iter().position(|c| *c == column);
        self.words[at.expect("a label is a column of words")].labels(|word| number(word, columns.separator))
    }

    /// The rows of some columns, of which each is one of numbers or the labels.
    fn rows_of(self, columns: &Columns, taken: &[usize]) -> Result<Matrix> {
        let numbers = columns.of_kind(Kind::Number);
        if taken == numbers {
            return Ok(Matrix { rows: self.rows, columns: taken.len(), values: self.values });
        }
        // The label is kept as words, which may all be numbers.
        let label = columns.label.filter(|label| taken.contains(label));
        let label = label.map(|label| self.labels(columns, label).values()).transpose()?;
        let at: Vec<Option<usize>> = taken.iter().map(|column| numbers.binary_search(column).ok()).collect();
        let row = |row: usize| {
            let (own, label) = (&self.values[row * numbers.len()..], label.as_ref());
            at.iter()
                .map(move |at| at.map_or_else(|| label.map_or(f64::NAN, |label| label[row]), |at| own[at]))
        };
        let values = (0..self.rows).flat_map(row).collect();
        Ok(Matrix { rows: self.rows, columns: taken.len(), values })
    }
}

/// Rows and labels of a table. What is taken for names and labels, and what is left out, is said in the log.
pub(super) fn read_table(file: File, selection: &Selection<'_>) -> Result<LabeledRows> {
    let mut records = Records::new(file)?;
    let sample = &mut Vec::new();
    while sample.len() < SAMPLE_RECORDS
        && sample.iter().map(|(_, cells): &Record| cells.len()).sum::<usize>() < SAMPLE_CELLS
        && let Some(record) = records.next()?
    {
        sample.push(record);
    }
    let columns = Columns::of(sample, records.separator, selection)?;
    let words = columns.of_kind(Kind::Word).iter().map(|_| Words::default()).collect();
    let mut cells = Cells { words, ..Cells::default() };
    for (line, record) in sample.drain(..) {
        cells.add(line, &record, &columns)?;
    }
    while let Some((line, record)) = records.next()? {
        cells.add(line, &record, &columns)?;
    }
    if cells.rows == 0 {
        return Err(Error::new("it has no rows of numbers", "put one row on each line, separated by commas"));
    }
    let label = cells.label(&columns).filter(|_| !columns.labels_elsewhere);
    let taken = if selection.columns.is_empty() {
        cells.default_columns(&columns)
    } else {
        find_all(selection.columns, &columns.names, columns.kinds.len())?
    };
    say_words(&columns, label, &taken)?;
    let labels = label.map(|column| cells.labels(&columns, column));
    Ok(LabeledRows { matrix: cells.rows_of(&columns, &taken)?, labels })
}

/// Says what becomes of the columns of words, and refuses those that cannot be values.
fn say_words(columns: &Columns, label: Option<usize>, taken: &[usize]) -> Result<()> {
    let words = columns.of_kind(Kind::Word);
    let refused: Vec<usize> = taken
        .iter()
        .copied()
        .filter(|column| words.contains(column) && columns.label != Some(*column))
        .collect();
    if !refused.is_empty() {
        let what = format!("{} hold words, not numbers", columns.list(&refused));
        return Err(Error::usage(what, "leave them out of --columns"));
    }
    if taken.is_empty() {
        let what = format!("{} hold no numbers", columns.list(&words));
        return Err(Error::new(what, "give it columns of numbers beside words"));
    }
    if let Some(label) = label {
        log::info!("{} holds the labels (others: --labels)", columns.list(&[label]));
    }
    let left_out: Vec<usize> =
        words.into_iter().filter(|c| Some(*c) != label && !taken.contains(c)).collect();
    if !left_out.is_empty() {
        log::info!("{} left out: words or labels, not values", columns.list(&left_out));
    }
    Ok(())
}
