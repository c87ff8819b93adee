//! Columns of a table, by its first lines: their names, what they hold, and what becomes of each.

use std::collections::HashSet;

use super::columns::{Selection, find_all, find_label, list, named_label};
use super::text::{Notation, Record, Records};
use crate::error::{Error, Result};

/// Letters of a cell that are shown.
const MAX_SHOWN: usize = 24;

/// Content of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Numbers,
    /// Words, or labels.
    Words,
    /// Numbers that are not taken, and are not read.
    Unread,
}

/// Columns of a table.
pub(super) struct Schema {
    /// Names; none where the first line is a row.
    pub names: Vec<String>,
    pub contents: Vec<Content>,
    /// Index of the column of labels, by the user's choice or its name.
    pub label: Option<usize>,
    /// The labels that the user names are none of the columns.
    pub labels_elsewhere: bool,
    /// Columns that the user takes.
    pub chosen: Option<Vec<usize>>,
    pub notation: Notation,
}

/// Cells of the sample in a column.
fn column_of(sample: &[Record], column: usize) -> impl Iterator<Item = &str> + Clone {
    sample.iter().filter_map(move |(_, cells)| cells.get(column)).map(String::as_str)
}

/// True for a column of words: most cells are neither numbers nor missing, or a tenth are several words, as codes and tickets have
/// them. One word among numbers is a mistake, or stands for a missing value.
fn holds_words<'a>(cells: impl Iterator<Item = &'a str>, notation: Notation) -> bool {
    let (mut distinct, mut words, mut numbers) = (HashSet::new(), 0, 0);
    for cell in cells {
        match notation.value(cell) {
            None => {
                words += 1;
                distinct.insert(cell);
            }
            Some(value) => numbers += usize::from(!value.is_nan()),
        }
    }
    words > numbers || (distinct.len() > 1 && 10 * words > words + numbers)
}

/// True if values are `first`, `first + 1`, and so on.
fn counts_from(first: f64, values: &[f64]) -> bool {
    values.iter().zip(0..).all(|(value, i)| *value == first + f64::from(i))
}

/// True if the first line of a table holds the names of its columns: over columns of numbers mostly words, or whole numbers that are
/// no row.
fn has_names(first: &[String], rest: &[Record], notation: Notation) -> bool {
    let of_numbers = |column: &usize| !holds_words(column_of(rest, *column), notation);
    let columns: Vec<usize> = (0..first.len()).filter(of_numbers).collect();
    let cells = || columns.iter().map(|column| notation.value(&first[*column]));
    let words = cells().filter(Option::is_none).count();
    let present: Vec<f64> = cells().flatten().filter(|value| !value.is_nan()).collect();
    if words > present.len() {
        return true;
    }
    if words > 0 || present.is_empty() {
        return words > 0 && (counts_from(0.0, &present) || counts_from(1.0, &present));
    }
    // A line that counts the columns is none of the numbers below it, unless they go on counting.
    let next = rest.first().and_then(|(_, cells)| notation.value(cells.first()?));
    let begins_empty = first[0].is_empty() && next == Some(0.0);
    let goes_on = next == Some(present.len() as f64);
    if counts_from(0.0, &present) && (begins_empty || (present.len() > 3 && !goes_on)) {
        return true;
    }
    let values = |column: &usize| column_of(rest, *column).filter_map(|cell| notation.value(cell));
    let below: Vec<f64> = columns.iter().flat_map(values).collect();
    let parts = below.iter().filter(|value| value.fract() != 0.0 && !value.is_nan()).count();
    let distinct: HashSet<u64> = present.iter().map(|value| value.to_bits()).collect();
    let all_whole = present.iter().all(|value| value.fract() == 0.0);
    all_whole && present.len() > 1 && distinct.len() == present.len() && 2 * parts > below.len()
}

impl Schema {
    /// The columns of a table that begins with `sample`, of which the line of names is taken.
    pub(super) fn of(sample: &mut Vec<Record>, records: &Records, selection: &Selection<'_>) -> Result<Self> {
        let notation = records.notation;
        let names = names_of(sample, records);
        let Some((line, cells)) = sample.first() else { return Err(no_rows()) };
        let width = cells.len();
        if !names.is_empty() && names.len() != width {
            let what = format!("line {line} has {width} values, the line of names {}", names.len());
            return Err(Error::new(what, "give every line as many values"));
        }
        let label = selection.labels.map(|wanted| find_label(wanted, &names, width)).transpose()?.flatten();
        let labels_elsewhere = selection.labels.is_some() && label.is_none();
        let label = label.or_else(|| named_label(&names).filter(|_| width > 1));
        let chosen = match selection.columns {
            [] => None,
            wanted => Some(find_all(wanted, &names, width)?),
        };
        let content = |column: usize| {
            let chosen = || chosen.as_ref().is_none_or(|chosen| chosen.contains(&column));
            if label == Some(column) || holds_words(column_of(sample, column), notation) {
                Content::Words
            } else if chosen() {
                Content::Numbers
            } else {
                Content::Unread
            }
        };
        let contents = (0..width).map(content).collect();
        Ok(Self { names, contents, label, labels_elsewhere, chosen, notation })
    }

    /// A column as people call it.
    pub(super) fn name(&self, column: usize) -> String {
        match self.names.get(column).filter(|name| !name.is_empty()) {
            Some(name) => format!("{:?}", shortened(name)),
            None => column.to_string(),
        }
    }

    /// Columns by name, for people.
    pub(super) fn list(&self, columns: &[usize]) -> String {
        let names = list(columns.iter().map(|column| self.name(*column)));
        format!("column{} {names}", if columns.len() == 1 { "" } else { "s" })
    }

    /// The columns of one content.
    pub(super) fn of_content(&self, content: Content) -> Vec<usize> {
        (0..self.contents.len()).filter(|column| self.contents[*column] == content).collect()
    }
}

/// Error of a table without rows.
pub(super) fn no_rows() -> Error {
    Error::new(
        "it has no rows of numbers",
        "put one row on each line, separated by commas; # and % begin remarks",
    )
}

/// Text that fits a line.
pub(super) fn shortened(text: &str) -> String {
    let mut letters = text.chars();
    let shown: String = letters.by_ref().take(MAX_SHOWN).collect();
    if letters.next().is_some() { shown + "…" } else { shown }
}

/// Names of the columns, in the first line, which is taken of the sample, or in a remark before it; none where there are none.
fn names_of(sample: &mut Vec<Record>, records: &Records) -> Vec<String> {
    let Some((line, first)) = sample.first() else { return Vec::new() };
    if !has_names(first, &sample[1..], records.notation) {
        let words = records.remark.iter().all(|name| records.notation.value(name).is_none());
        let named = words && records.remark.len() == first.len() && first.len() > 1;
        return if named { records.remark.clone() } else { Vec::new() };
    }
    log::info!("line {line} holds the names of the columns");
    let mut names = sample.remove(0).1;
    let width = sample.first().map_or(names.len(), |(_, cells)| cells.len());
    // R leaves out the name of the rows' names; others end the names in a separator.
    if names.len() + 1 == width {
        names.insert(0, String::new());
    } else if names.len() == width + 1 && names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    names
}
