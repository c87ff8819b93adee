//! Columns by name or number, as the user and common files name them.

use std::path::Path;

use crate::error::{Error, Result};

/// Names of columns and arrays that hold the class of each row.
const LABEL_NAMES: [&str; 7] = ["label", "labels", "class", "classes", "target", "targets", "y"];
/// Of these, `y` in a table is a coordinate as often as a label.
const TABLE_LABEL_NAMES: usize = 6;
/// Names of a first column that counts or names the rows.
const INDEX_NAMES: [&str; 4] = ["", "index", "id", "rownames"];

/// What to read of a file of rows; by default what its own names say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection<'a> {
    /// Columns to take: names, numbers from 0 (from the end below 0), or ranges of numbers such as `2-5`; empty for all but labels.
    pub columns: &'a [String],
    /// Column, array or file of the labels.
    pub labels: Option<&'a str>,
    /// Array of the rows, in an `.npz`.
    pub array: Option<&'a str>,
}

/// Column of the label in a table with these names, if one is called so.
pub(super) fn named_label(names: &[String]) -> Option<usize> {
    names.iter().position(|name| LABEL_NAMES[..TABLE_LABEL_NAMES].contains(&name.to_lowercase().as_str()))
}

/// Arrays in which the labels of the array `rows` may lie, the likeliest first.
pub(super) fn label_arrays(rows: &str) -> impl Iterator<Item = String> {
    let sibling = rows.strip_prefix(['x', 'X']).map(|rest| [format!("y{rest}"), format!("Y{rest}")]);
    let of_images = ["images", "data"].map(|kind| rows.replace(kind, "labels"));
    let others = LABEL_NAMES.map(str::to_owned);
    sibling.into_iter().flatten().chain(of_images).chain(others)
}

/// True if a first column of this name counts or names the rows.
pub(super) fn names_index(name: &str) -> bool {
    let name = name.to_lowercase();
    name.starts_with("unnamed:") || INDEX_NAMES.contains(&name.as_str())
}

/// Index of the column `wanted` among `count`, of which all or none have names.
pub(super) fn find(wanted: &str, names: &[String], count: usize) -> Result<usize> {
    if let Some(index) = names.iter().position(|name| name == wanted) {
        return Ok(index);
    }
    let number: Option<i64> = wanted.parse().ok();
    let index = number.map(|n| if n < 0 { n + count as i64 } else { n });
    if let Some(index) = index.filter(|index| (0..count as i64).contains(index)) {
        return Ok(index as usize);
    }
    Err(Error::usage(format!("no column is called {wanted:?}"), known(names, count)))
}

/// The columns that there are, for help.
fn known(names: &[String], count: usize) -> String {
    /// Names shown at most.
    const SHOWN: usize = 20;
    if names.is_empty() {
        return format!("they have no names: give a number from 0 to {}", count - 1);
    }
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("{name:?}")).collect();
    let more = if names.len() > SHOWN { format!(" and {} more", names.len() - SHOWN) } else { String::new() };
    format!("there are {}{more}; or give a number from 0 to {}", shown.join(", "), count - 1)
}

/// Indices of the columns that a user's list means.
pub(super) fn find_all(wanted: &[String], names: &[String], count: usize) -> Result<Vec<usize>> {
    let mut found = Vec::new();
    for item in wanted {
        let range = item.split_once('-').and_then(|(a, b)| a.parse().ok().zip(b.parse::<usize>().ok()));
        match range.filter(|_| !names.contains(item)) {
            Some((first, last)) if first <= last && last < count => found.extend(first..=last),
            Some((first, last)) => {
                let what = format!("there are no columns {first} to {last}");
                return Err(Error::usage(what, format!("count from 0 to {}", count - 1)));
            }
            None => found.push(find(item, names, count)?),
        }
    }
    Ok(found)
}

/// Column of the labels that the user names; none where it is a file instead.
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
