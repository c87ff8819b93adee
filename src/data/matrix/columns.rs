//! Columns by name or number, as the user and common files name them.

use std::path::Path;

use crate::error::{Error, Result};

/// Names of columns and arrays that hold the class of each row.
const LABEL_NAMES: [&str; 11] = [
    "label",
    "labels",
    "class",
    "classes",
    "target",
    "targets",
    "species",
    "variety",
    "category",
    "diagnosis",
    "y",
];
/// Of these, `y` in a table is a coordinate as often as a label.
const TABLE_LABEL_NAMES: usize = 10;
/// Names of a first column that counts or names the rows.
const INDEX_NAMES: [&str; 5] = ["", "index", "rownames", "row", "no"];
/// Names shown at most.
const SHOWN: usize = 20;

/// Parts of a file of rows to read; by default those that its own names tell.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection<'a> {
    /// Columns to take: names, numbers from 0 (from the end below 0), or ranges such as `2-5`; empty for all but labels.
    pub columns: &'a [String],
    /// Name or number of a column, name of an array, or path of a file, that holds the labels.
    pub labels: Option<&'a str>,
    /// Array of the rows, in an `.npz`.
    pub array: Option<&'a str>,
}

/// Index of the labels in a table with these names, if a column is called so.
pub(super) fn named_label(names: &[String]) -> Option<usize> {
    let lower: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    LABEL_NAMES[..TABLE_LABEL_NAMES].iter().find_map(|known| lower.iter().position(|name| name == known))
}

/// Arrays in which the labels of the array `rows` may lie, the likeliest first.
pub(super) fn label_arrays(rows: &str) -> impl Iterator<Item = String> {
    let sibling = rows.strip_prefix(['x', 'X']).map(|rest| [format!("y{rest}"), format!("Y{rest}")]);
    let of_images = ["images", "data"].map(|kind| rows.replace(kind, "labels"));
    let others = LABEL_NAMES.map(str::to_owned);
    sibling.into_iter().flatten().chain(of_images).chain(others)
}

/// True if a column of this name counts or names the rows: `id`, `PassengerId`, `sample_id`, or the first and called so.
pub(super) fn names_rows(name: &str, column: usize) -> bool {
    let lower = name.to_lowercase();
    let first = column == 0 && (INDEX_NAMES.contains(&lower.as_str()) || lower.starts_with("unnamed:"));
    let before = lower.strip_suffix("id").map(|_| &name[..name.len().saturating_sub(2)]);
    let is_id = before.is_some_and(|before| {
        let capital = name.ends_with(['D']) || name.ends_with("Id");
        before.is_empty()
            || before.ends_with(['_', '-', '.', ' '])
            || (capital && before.ends_with(char::is_lowercase))
    });
    first || is_id
}

/// Index of the column `wanted` among `count`, of which all or none have names.
fn find(wanted: &str, names: &[String], count: usize) -> Result<usize> {
    let wanted = wanted.trim();
    if let Some(index) = names.iter().position(|name| name == wanted) {
        return Ok(index);
    }
    let number: Option<i64> = wanted.parse().ok();
    let index = number.map(|n| if n < 0 { n.saturating_add(count as i64) } else { n });
    if let Some(index) = index.filter(|index| (0..count as i64).contains(index)) {
        return Ok(index as usize);
    }
    Err(Error::usage(format!("no column is called {wanted:?}"), known(names, count)))
}

/// Columns by name, for people: each in quotes, of many the first ones.
pub(super) fn list(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let shown: Vec<String> = names.take(SHOWN).collect();
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

/// The columns that there are, for help.
fn known(names: &[String], count: usize) -> String {
    if names.is_empty() {
        return format!("they have no names: give a number from 0 to {}", count - 1);
    }
    let names = list(names.iter().map(|name| format!("{name:?}")));
    format!("there are {names}; or give a number from 0 to {}", count - 1)
}

/// Indices of the columns that a user's list means.
pub(super) fn find_all(wanted: &[String], names: &[String], count: usize) -> Result<Vec<usize>> {
    let mut found = Vec::new();
    let is_number = |end: &&str| end.parse::<usize>().is_ok();
    for item in wanted {
        let ends = item.trim().split_once('-').filter(|(a, b)| is_number(a) && is_number(b));
        let Some((first, last)) = ends.filter(|_| !names.contains(item)) else {
            found.push(find(item, names, count)?);
            continue;
        };
        let (from, to) = (find(first, names, count)?, find(last, names, count)?);
        if from > to {
            let what = format!("the range {item} ends before it begins");
            return Err(Error::usage(what, format!("write {last}-{first}")));
        }
        found.extend(from..=to);
    }
    Ok(found)
}

/// Index of the labels that the user names; none where they are in a file instead.
pub(super) fn find_label(wanted: &str, names: &[String], count: usize) -> Result<Option<usize>> {
    match find(wanted, names, count) {
        Ok(index) => Ok(Some(index)),
        Err(_) if Path::new(wanted).is_file() => Ok(None),
        Err(error) => {
            let what = format!("the labels {wanted:?} are no column, and no file is there");
            Err(Error::usage(what, error.help()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_values_by_their_names() {
        for name in ["id", "Id", "ID", "PassengerId", "customerID", "sample_id", "user id", "SAMPLE_ID"] {
            assert!(names_rows(name, 0) && names_rows(name, 3), "{name}");
        }
        for name in ["", "index", "Unnamed: 0", "rownames"] {
            assert!(names_rows(name, 0) && !names_rows(name, 1), "{name}");
        }
        for name in ["grid", "GRID", "width", "acid", "x", "identity", "\u{e4}d"] {
            assert!(!names_rows(name, 0), "{name}");
        }
    }

    #[test]
    fn ranges_go_by_names_where_those_are_numbers() {
        let all = |items: &[&str], names: &[&str], count: usize| {
            let owned = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
            find_all(&owned(items), &owned(names), count)
        };
        assert_eq!(all(&["0-2"], &["", "0", "1", "2"], 4).unwrap(), [1, 2, 3]);
        assert_eq!(all(&["0-2", " b"], &["a", "b-1", "c", "b"], 4).unwrap(), [0, 1, 2, 3]);
        assert_eq!(all(&["b-1", "-1"], &["a", "b-1", "c"], 3).unwrap(), [1, 2]);
        for (items, said) in [(&["2-1"][..], "ends before"), (&["1-9"], "\"9\"")] {
            let error = all(items, &[], 3).unwrap_err();
            assert!(error.what().contains(said) && !error.help().is_empty(), "{error}");
        }
    }
}
