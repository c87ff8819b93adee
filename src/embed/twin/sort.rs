//! Twin of the sort of rows.

/// Entries sorted by key within each row; row i has those from `starts[i]` to `starts[i + 1]`.
pub fn rows(starts: &[u32], entries: &[(u32, f32)]) -> Vec<(u32, f32)> {
    let mut sorted = entries.to_vec();
    for pair in starts.windows(2) {
        sorted[pair[0] as usize..pair[1] as usize].sort_by_key(|entry| entry.0);
    }
    sorted
}
