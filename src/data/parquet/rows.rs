//! The bytes of the images, row by row through all files.

use super::cells::{Cell, Cells};
use super::shard::Shard;
use crate::data::bounded::damaged;
use crate::error::{Error, Result};

/// The images of files, one after the other: their pages are read as they come, so that little is held at once.
///
/// An item is the bytes of an image, or the reason why the row has none; the outer error is that of a file, after which nothing comes.
pub(super) struct Images<'a> {
    shards: &'a [&'a Shard],
    /// Number of the file and of the group of rows that comes next.
    next: [usize; 2],
    /// The column that is being read, and the rows that are left in it.
    cells: Option<Cells>,
    in_group: u64,
    left: usize,
}

impl<'a> Images<'a> {
    pub(super) fn new(shards: &'a [&'a Shard]) -> Self {
        let left = shards.iter().map(|shard| shard.rows()).sum();
        Self { shards, next: [0, 0], cells: None, in_group: 0, left }
    }

    fn step(&mut self) -> Result<Result<Vec<u8>>> {
        while self.in_group == 0 {
            let [file, group] = self.next;
            let shard = self.shards.get(file).ok_or_else(|| damaged("it has fewer rows than it says"))?;
            let Some(rows) = shard.groups.get(group) else {
                self.next = [file + 1, 0];
                continue;
            };
            self.next[1] += 1;
            let cells = shard.cells(0, group).map_err(|error| error.within(shard.path.display()))?;
            (self.cells, self.in_group) = (Some(cells), rows.rows);
        }
        self.in_group -= 1;
        let shard = self.shards[self.next[0]];
        let cell = self.cells.as_mut().ok_or_else(|| damaged("it has no images")).and_then(Cells::next);
        let cell =
            cell.map_err(|error| error.within(format!("{}: column {}", shard.path.display(), shard.image)))?;
        let Cell::Bytes(bytes) = cell else {
            let help = "write the data set with its images embedded";
            return Ok(Err(Error::new("it has no bytes of an image, only a path or nothing", help)));
        };
        Ok(Ok(bytes))
    }
}

impl Iterator for Images<'_> {
    type Item = Result<Result<Vec<u8>>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let item = self.step();
        if item.is_err() {
            self.left = 0;
        }
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Images<'_> {}
