//! Tables as text: rows, labels, and missing values as common tools write them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;

use super::columns::{Selection, list, names_rows};
use super::labels::{Labels, Words};
use super::rows::{LabeledRows, Matrix, Numbers};
use super::schema::{Content, Schema, no_rows, shortened};
use super::text::{Line, Records};
use crate::error::{Error, Result};
use crate::threads;

/// Records by which names, numbers and words are told apart, and their cells.
const SAMPLE_RECORDS: usize = 200;
const SAMPLE_CELLS: usize = 1 << 20;
/// Bytes of the lines that a core takes at once, and most cores that do so.
const BATCH_BYTES: usize = 1 << 20;
const MAX_BATCHES: usize = 16;

/// The cells of a table that are read.
#[derive(Default)]
struct Cells {
    rows: usize,
    /// `[rows, columns of numbers]`.
    values: Vec<f64>,
    /// The columns of words.
    words: Vec<Words>,
}

impl Cells {
    fn new(schema: &Schema) -> Self {
        let words = schema.of_content(Content::Words).iter().map(|_| Words::default()).collect();
        Self { words, ..Self::default() }
    }

    /// Adds the cells of a line.
    fn add<'a>(
        &mut self,
        line: u64,
        cells: impl Iterator<Item = Cow<'a, str>> + Clone,
        schema: &Schema,
    ) -> Result<()> {
        let (width, count) = (schema.contents.len(), cells.clone().count());
        if count != width {
            let what = format!("line {line} has {count} values, those before it {width}");
            return Err(Error::new(what, "give every line as many values"));
        }
        let mut words = self.words.iter_mut();
        for (at, (cell, content)) in cells.zip(&schema.contents).enumerate() {
            match content {
                Content::Unread => {}
                Content::Words => words.next().expect("there is one for each column of words").add(&cell),
                Content::Numbers => self.values.push(
                    schema.notation.value(&cell).ok_or_else(|| no_number(line, &cell, &schema.name(at)))?,
                ),
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// The cells of some lines.
    fn of_lines(lines: &[Line], schema: &Schema) -> Result<Self> {
        let mut cells = Self::new(schema);
        lines.iter().try_for_each(|line| cells.add(line.number, line.cells(), schema))?;
        Ok(cells)
    }

    /// Appends the cells of later lines.
    fn append(&mut self, later: Self) {
        self.rows += later.rows;
        self.values.extend(later.values);
        self.words.iter_mut().zip(later.words).for_each(|(words, later)| words.append(&later));
    }

    /// Adds all lines that are left, in batches that the cores share.
    fn add_all(&mut self, records: &mut Records, schema: &Schema) -> Result<()> {
        loop {
            let (lines, read) = records.next_lines(threads::cores().min(MAX_BATCHES) * BATCH_BYTES);
            let share = threads::share(lines.len(), lines.len() / MAX_BATCHES);
            let batches = threads::each(lines.chunks(share), |lines| Self::of_lines(lines, schema));
            batches.into_iter().try_for_each(|batch| batch.map(|batch| self.append(batch)))?;
            read?;
            if lines.is_empty() {
                return Ok(());
            }
        }
    }

    /// Values of one of the columns of numbers.
    fn column(&self, at: usize) -> impl Iterator<Item = f64> {
        self.values.iter().skip(at).step_by((self.values.len() / self.rows).max(1)).copied()
    }

    /// True if the column of numbers `at` has distinct whole numbers.
    fn is_distinct(&self, at: usize) -> bool {
        let mut seen = HashSet::new();
        self.column(at).all(|value| value.fract() == 0.0 && seen.insert(value.to_bits()))
    }

    /// Columns of numbers that are taken where the user names none: not those that count or name the rows, and none without values.
    fn default_columns(&self, schema: &Schema) -> Vec<usize> {
        let numbers = schema.of_content(Content::Numbers);
        let mut left = numbers.iter().copied().enumerate();
        let (mut kept, mut ids, mut empty) = (Vec::new(), Vec::new(), Vec::new());
        for (at, column) in left.by_ref() {
            let is_id = || {
                let named = schema.names.get(column).is_some_and(|name| names_rows(name, column));
                named && self.is_distinct(at)
            };
            let to = if self.column(at).all(f64::is_nan) {
                &mut empty
            } else if is_id() {
                &mut ids
            } else {
                &mut kept
            };
            to.push(column);
        }
        if kept.is_empty() {
            return numbers;
        }
        if !ids.is_empty() {
            log::info!("{} left out: counts or names the rows", schema.list(&ids));
        }
        if !empty.is_empty() {
            log::info!("{} left out: without values", schema.list(&empty));
        }
        if kept[0] == 0
            && kept.len() > 1
            && self.rows > 2
            && [0.0, 1.0].iter().any(|first| self.counts_from(*first))
        {
            log::warn!(
                "the first column counts the rows, and is taken for a value; choose others by --columns"
            );
        }
        kept
    }

    /// True if the first column of numbers is `first`, `first + 1`, and so on.
    fn counts_from(&self, first: f64) -> bool {
        self.column(0).zip(0_u32..).all(|(value, i)| value == first + f64::from(i))
    }

    /// Index of the column of labels: the one that is called so, or that of the fewest words that come again.
    fn label(&self, schema: &Schema) -> Option<usize> {
        let columns = schema.of_content(Content::Words);
        let repeat = |at: &usize| self.words[*at].repeat();
        let fewest = (0..columns.len()).filter(repeat).min_by_key(|at| self.words[*at].words.len());
        schema.label.or_else(|| fewest.map(|at| columns[at]))
    }

    /// The words of a column that holds some.
    fn words_of(&self, schema: &Schema, column: usize) -> &Words {
        let at = schema.of_content(Content::Words).iter().position(|c| *c == column);
        &self.words[at.expect("a label is a column of words")]
    }

    fn labels(&self, schema: &Schema, column: usize) -> Labels {
        self.words_of(schema, column).labels(|word| schema.notation.number(word))
    }

    /// The rows of some columns, of which each is one of numbers or the labels.
    fn rows_of(self, schema: &Schema, taken: &[usize]) -> Result<Matrix> {
        let numbers = schema.of_content(Content::Numbers);
        if taken == numbers {
            return Ok(Matrix {
                rows: self.rows,
                columns: taken.len(),
                numbers: Numbers::Double(self.values),
            });
        }
        // The label is kept as words, which may all be numbers.
        let label = schema.label.filter(|label| taken.contains(label));
        let label = label.map(|label| self.labels(schema, label).values()).transpose()?;
        let at: Vec<Option<usize>> = taken.iter().map(|column| numbers.binary_search(column).ok()).collect();
        let row = |row: usize| {
            let (own, label) = (&self.values[row * numbers.len()..], label.as_ref());
            at.iter()
                .map(move |at| at.map_or_else(|| label.map_or(f64::NAN, |label| label[row]), |at| own[at]))
        };
        let numbers = Numbers::Double((0..self.rows).flat_map(row).collect());
        Ok(Matrix { rows: self.rows, columns: taken.len(), numbers })
    }

    /// Tells what becomes of the columns of words, and refuses those that cannot be values.
    fn check_words(&self, schema: &Schema, label: Option<usize>, taken: &[usize]) -> Result<()> {
        let words = schema.of_content(Content::Words);
        let with_example = |column: &usize| {
            let example = self.words_of(schema, *column).example();
            format!("{} ({:?})", schema.name(*column), shortened(example))
        };
        let is_refused = |column: &&usize| words.contains(column) && schema.label != Some(**column);
        if let Some(refused) = taken.iter().find(is_refused) {
            let what = format!("column {} holds words, not numbers", with_example(refused));
            return Err(Error::usage(what, "leave it out of --columns"));
        }
        if taken.is_empty() {
            let what = format!("{} hold no numbers", schema.list(&words));
            return Err(Error::new(what, "give it columns of numbers beside words"));
        }
        if let Some(label) = label {
            log::info!("{} holds the labels (others: --labels)", schema.list(&[label]));
        }
        let left_out: Vec<usize> =
            words.into_iter().filter(|c| Some(*c) != label && !taken.contains(c)).collect();
        if !left_out.is_empty() {
            log::info!("left out, words or labels: column {}", list(left_out.iter().map(with_example)));
        }
        Ok(())
    }
}

fn no_number(line: u64, cell: &str, column: &str) -> Error {
    let what = format!("line {line}: {:?} is no number (column {column})", shortened(cell));
    let help = "put numbers only there (nan where one is missing) and names in the first line; or choose other columns: --columns";
    Error::new(what, help)
}

/// Rows and labels of a table. The names, labels and columns that are taken, and what is left out, are written to the log.
pub(super) fn read_table(file: BufReader<File>, selection: &Selection<'_>) -> Result<LabeledRows> {
    let mut records = Records::new(file)?;
    let (mut sample, mut sampled) = (Vec::new(), 0);
    while sample.len() < SAMPLE_RECORDS
        && sampled < SAMPLE_CELLS
        && let Some(record) = records.next()?
    {
        sampled += record.1.len();
        sample.push(record);
    }
    let schema = Schema::of(&mut sample, &records, selection)?;
    let mut cells = Cells::new(&schema);
    for (line, record) in sample {
        cells.add(line, record.into_iter().map(Cow::Owned), &schema)?;
    }
    cells.add_all(&mut records, &schema)?;
    if cells.rows == 0 {
        return Err(no_rows());
    }
    if records.left_out > 0 {
        log::info!("{} lines that begin with # or % are left out", records.left_out);
    }
    let label = cells.label(&schema).filter(|_| !schema.labels_elsewhere);
    let taken = schema.chosen.clone().unwrap_or_else(|| cells.default_columns(&schema));
    cells.check_words(&schema, label, &taken)?;
    let labels = label.map(|column| cells.labels(&schema, column));
    Ok(LabeledRows { matrix: cells.rows_of(&schema, &taken)?, labels })
}
