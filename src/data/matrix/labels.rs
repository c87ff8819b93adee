//! Classes of rows, by the numbers or the words that a file names them by.

use std::collections::{BTreeSet, HashMap};

use super::text::is_missing;
use crate::error::{Error, Result};

/// Classes of rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Labels {
    /// Names of the classes, in order.
    pub names: Vec<String>,
    /// Numbers by which the source names them; empty where it names them by words.
    pub numbers: Vec<f64>,
    /// `[rows]`: class of each row, [`Labels::NONE`] where it is missing.
    pub classes: Vec<u32>,
}

impl Labels {
    /// Class of a row whose label is missing.
    pub const NONE: u32 = u32::MAX;

    /// Classes counted from 0, by their names.
    pub fn counted(names: &[String], classes: &[u8]) -> Self {
        Self {
            names: names.to_vec(),
            numbers: (0..names.len()).map(|class| class as f64).collect(),
            classes: classes.iter().map(|class| u32::from(*class)).collect(),
        }
    }

    /// One class for each number, in ascending order; NaN is missing.
    pub(super) fn of_numbers(values: &[f64]) -> Self {
        let mut numbers: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        numbers.sort_by(f64::total_cmp);
        // −0 is 0.
        numbers.dedup_by(|a, b| a == b);
        let class = |value: &f64| numbers.partition_point(|number| number < value) as u32;
        let classes = values.iter().map(|value| if value.is_nan() { Self::NONE } else { class(value) });
        Self { classes: classes.collect(), names: numbers.iter().map(ToString::to_string).collect(), numbers }
    }

    /// The number of each row's class, NaN where it is missing.
    pub(super) fn values(&self) -> Result<Vec<f64>> {
        if self.numbers.is_empty() {
            return Err(Error::usage(
                "the column of the labels holds words, not numbers",
                "leave it out of --columns",
            ));
        }
        let value = |class: &u32| self.numbers.get(*class as usize).copied().unwrap_or(f64::NAN);
        Ok(self.classes.iter().map(value).collect())
    }

    /// The classes that rows have, in order.
    pub fn present(&self) -> Vec<usize> {
        let classes: BTreeSet<u32> =
            self.classes.iter().copied().filter(|class| *class != Self::NONE).collect();
        classes.into_iter().map(|class| class as usize).collect()
    }

    /// Number of rows without a class.
    pub fn missing(&self) -> usize {
        self.classes.iter().filter(|class| **class == Self::NONE).count()
    }

    /// The labels of some rows.
    #[must_use]
    pub fn of_rows(&self, rows: &[usize]) -> Self {
        Self { classes: rows.iter().map(|row| self.classes[*row]).collect(), ..self.clone() }
    }
}

/// A column of words: each distinct one once.
#[derive(Default)]
pub(super) struct Words {
    /// The distinct words, as they came.
    pub words: Vec<String>,
    /// `[rows]`: index of each row's word.
    pub of_rows: Vec<u32>,
    indices: HashMap<String, u32>,
}

impl Words {
    pub(super) fn add(&mut self, word: &str) {
        let index = self.index(word);
        self.of_rows.push(index);
    }

    /// Appends the words of later rows.
    pub(super) fn append(&mut self, later: &Self) {
        let indices: Vec<u32> = later.words.iter().map(|word| self.index(word)).collect();
        self.of_rows.extend(later.of_rows.iter().map(|index| indices[*index as usize]));
    }

    /// Index of a word, which may be a new one.
    fn index(&mut self, word: &str) -> u32 {
        self.indices.get(word).copied().unwrap_or_else(|| {
            let index = self.words.len() as u32;
            self.words.push(word.to_owned());
            self.indices.insert(word.to_owned(), index);
            index
        })
    }

    /// A word that stands for none of the missing ones, if there is any.
    pub(super) fn example(&self) -> &str {
        self.words.iter().find(|word| !is_missing(word)).map_or("", String::as_str)
    }

    /// True if words come again: then they are classes, else names.
    pub(super) fn repeat(&self) -> bool {
        self.words.len() > 1 && 2 * self.words.len() <= self.of_rows.len()
    }

    /// Classes in numeric order where all words but the missing ones are numbers, by `number`; else in alphabetic order.
    pub(super) fn labels(&self, number: impl Fn(&str) -> Option<f64>) -> Labels {
        let numbers: Option<Vec<f64>> = self.words.iter().map(|word| number(word)).collect();
        if let Some(numbers) = numbers.filter(|numbers| numbers.iter().any(|value| !value.is_nan())) {
            let values: Vec<f64> = self.of_rows.iter().map(|index| numbers[*index as usize]).collect();
            return Labels::of_numbers(&values);
        }
        let mut order: Vec<usize> = (0..self.words.len()).filter(|i| !is_missing(&self.words[*i])).collect();
        order.sort_by_key(|index| &self.words[*index]);
        let mut classes = vec![Labels::NONE; self.words.len()];
        order.iter().zip(0..).for_each(|(index, class)| classes[*index] = class);
        Labels {
            names: order.iter().map(|index| self.words[*index].clone()).collect(),
            numbers: Vec::new(),
            classes: self.of_rows.iter().map(|index| classes[*index as usize]).collect(),
        }
    }
}
