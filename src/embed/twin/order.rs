//! Twin of the order of points by their rows' lists.

/// Position in each slot, by the row that it holds; none where that is `u32::MAX`.
pub fn by_list(row_ids: &[u32], positions: &[[f32; 2]]) -> Vec<Option<[f32; 2]>> {
    row_ids.iter().map(|row| positions.get(*row as usize).copied()).collect()
}

/// Slot of each of `count` rows; none for a row in no slot.
pub fn slots(row_ids: &[u32], count: usize) -> Vec<Option<usize>> {
    (0..count).map(|row| row_ids.iter().position(|held| *held as usize == row)).collect()
}
