//! Files of the branches of a run that were left: `journal-N.jsonl` for branch N, as `journal.jsonl` is for the present one, and
//! `branches.json`, which says what came from what.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::journal_file::{self, Entry, Header, Line, StoredJournal};
use super::moment::Moment;
use super::timeline::{Branch, Timeline};
use crate::error::{Error, Result};
use crate::files;

/// Name of the file that says what came from what.
pub(super) const BRANCHES_FILE: &str = "branches.json";

/// Name of the journal of branch `index` while it is not the present one.
fn journal_name(index: usize) -> String {
    format!("journal-{index}.jsonl")
}

/// Content of `branches.json`.
#[derive(Serialize, Deserialize)]
struct Tree {
    /// The branch that `journal.jsonl` is of.
    present: usize,
    branches: Vec<Stem>,
}

/// A branch in it.
#[derive(Serialize, Deserialize)]
struct Stem {
    parent: Option<usize>,
    /// The moment up to which it is its parent.
    from: Moment,
    reached: Moment,
}

/// Writes the journal of the present branch, which is to be left, and what came from what.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write(
    folder: &Path,
    header: &Line<Header>,
    lines: &[Line<Entry>],
    timeline: &Timeline,
) -> Result<()> {
    journal_file::write_as(&folder.join(journal_name(timeline.branch)), header, lines)?;
    write_whole_tree(folder, timeline)
}

/// Writes the journals of all branches but the present one, and what came from what, of a run that was kept nowhere.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write_others(folder: &Path, header: &Line<Header>, timeline: &Timeline) -> Result<()> {
    for (index, branch) in timeline.branches.iter().enumerate().filter(|(index, _)| *index != timeline.branch)
    {
        journal_file::write_as(&folder.join(journal_name(index)), header, &branch.lines)?;
    }
    write_tree(folder, timeline)
}

/// Writes what came from what, if anything did.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write_tree(folder: &Path, timeline: &Timeline) -> Result<()> {
    if timeline.branches.len() < 2 { Ok(()) } else { write_whole_tree(folder, timeline) }
}

fn write_whole_tree(folder: &Path, timeline: &Timeline) -> Result<()> {
    let reached = |index: usize, branch: &Branch| {
        if index == timeline.branch { timeline.reached } else { branch.reached }
    };
    let stem = |(index, branch): (usize, &Branch)| {
        let (parent, from) = branch.parent.map_or((None, Moment::default()), |(of, at)| (Some(of), at));
        Stem { parent, from, reached: reached(index, branch) }
    };
    let tree =
        Tree { present: timeline.branch, branches: timeline.branches.iter().enumerate().map(stem).collect() };
    let text = serde_json::to_string_pretty(&tree).expect("a tree is plain data");
    files::write_whole(&folder.join(BRANCHES_FILE), text.as_bytes())
}

/// The branches of a run, the present one without its commands, and its index.
pub(super) struct StoredBranches {
    pub branches: Vec<Branch>,
    pub present: usize,
}

/// Reads the branches in `folder`, of which the run's journal has these lines; it is that of branch `of`, where that is known. Returns
/// also what is wrong with them.
pub(super) fn read(
    folder: &Path,
    lines: &[Line<Entry>],
    of: Option<usize>,
) -> (StoredBranches, Option<Error>) {
    let none = || StoredBranches { branches: vec![Branch::first()], present: 0 };
    let file = folder.join(BRANCHES_FILE);
    if !file.exists() {
        return (none(), None);
    }
    match read_tree(folder, lines, of) {
        Ok(branches) => (branches, None),
        Err(error) => {
            let what = format!("the other branches of the run are left out: {}", error.what());
            (
                none(),
                Some(Error::new(
                    what,
                    "the present one is whole; bring the file back from a copy to have them",
                )),
            )
        }
    }
}

/// The branch that the run's journal with these lines is of. A kill amid a save leaves the journal of one and the tree of the other.
fn present_branch(folder: &Path, lines: &[Line<Entry>], tree: &Tree) -> usize {
    let changes = |lines: &[Line<Entry>]| -> Vec<Entry> {
        let entries = lines.iter().map(|line| &line.value);
        entries.filter(|entry| !entry.command.is_view()).cloned().collect()
    };
    let present = changes(lines);
    let shared = |index: usize| {
        let left = changes(&StoredJournal::read_file(&folder.join(journal_name(index))).ok()?.entries);
        present.starts_with(&left).then_some(left.len())
    };
    let left = folder.join(journal_name(tree.present)).exists();
    if !left || shared(tree.present).is_some() {
        return tree.present;
    }
    (0..tree.branches.len()).max_by_key(|index| shared(*index)).unwrap_or(tree.present)
}

fn read_tree(folder: &Path, lines: &[Line<Entry>], of: Option<usize>) -> Result<StoredBranches> {
    let file = folder.join(BRANCHES_FILE);
    let damaged = || Error::new(format!("{} is damaged", file.display()), "bring it back from a copy");
    let tree: Tree = serde_json::from_slice(&files::read_whole(&file)?).map_err(|_| damaged())?;
    let present = of.unwrap_or_else(|| present_branch(folder, lines, &tree));
    if present >= tree.branches.len() {
        return Err(damaged());
    }
    let mut branches = Vec::new();
    for (index, stem) in tree.branches.iter().enumerate() {
        // What came from another came after it.
        if stem.parent.is_some_and(|parent| parent >= index) || (index > 0) != stem.parent.is_some() {
            return Err(damaged());
        }
        let lines = if index == present {
            Vec::new()
        } else {
            let file = folder.join(journal_name(index));
            let journal = StoredJournal::read_file(&file)?;
            journal.cut(&file).map_or(Ok(journal.entries), Err)?
        };
        let parent = stem.parent.map(|parent| (parent, stem.from));
        branches.push(Branch { parent, lines, reached: stem.reached, ..Branch::first() });
    }
    Ok(StoredBranches { branches, present })
}

/// A journal in `folder` of a branch that was left which `fits`, and the branch; a kill while the run goes from one branch to another
/// leaves the model to one of these.
pub(super) fn find(folder: &Path, fits: impl Fn(&StoredJournal) -> bool) -> Option<(usize, StoredJournal)> {
    let tree: Tree = serde_json::from_slice(&files::read_whole(&folder.join(BRANCHES_FILE)).ok()?).ok()?;
    (0..tree.branches.len()).find_map(|index| {
        let journal = StoredJournal::read_file(&folder.join(journal_name(index))).ok()?;
        fits(&journal).then_some((index, journal))
    })
}
