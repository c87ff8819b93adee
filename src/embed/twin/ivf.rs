//! Twin of the IVF index.

/// Row of the whole at index `s` of a sample of `count` of `all` rows, spread evenly; also row of the sample that centroid `s` of
/// `count` starts at.
pub fn sampled(s: usize, count: usize, all: usize) -> usize {
    s * all / count
}

/// List of each row: the nearest centroid, the first of equals.
pub fn assign(rows: &[Vec<f64>], centroids: &[Vec<f64>]) -> Vec<usize> {
    let square = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum() };
    let nearest = |row: &Vec<f64>| {
        let squares: Vec<f64> = centroids.iter().map(|centroid| square(row, centroid)).collect();
        (0..squares.len()).fold(0, |best, c| if squares[c] < squares[best] { c } else { best })
    };
    rows.iter().map(nearest).collect()
}

/// Rows by list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lists {
    /// `[list]`: first slot, number of rows, first tile, 0.
    pub bounds: Vec<[u32; 4]>,
    /// `[slot]`: row in it, by index within its list; `u32::MAX` in the padding of each list to four.
    pub row_ids: Vec<u32>,
}

/// Rows by list, where `list_of[i]` is the list of row i and none leaves it out.
pub fn place_rows(list_of: &[Option<usize>], lists: usize) -> Lists {
    let mut made = Lists { bounds: Vec::new(), row_ids: Vec::new() };
    let mut tiles = 0;
    for list in 0..lists {
        let rows: Vec<u32> =
            (0..list_of.len()).filter(|i| list_of[*i] == Some(list)).map(|i| i as u32).collect();
        made.bounds.push([made.row_ids.len() as u32, rows.len() as u32, tiles, 0]);
        tiles += rows.len().div_ceil(16) as u32;
        made.row_ids.extend(&rows);
        made.row_ids.resize(made.row_ids.len().next_multiple_of(4), u32::MAX);
    }
    made
}

/// Tiles of 16 rows of the lists: first slot, end of its list, list, 0.
pub fn tiles(lists: &Lists) -> Vec<[u32; 4]> {
    let of_list = |(list, bounds): (usize, &[u32; 4])| {
        let [first, rows, ..] = *bounds;
        (0..rows.div_ceil(16)).map(move |t| [first + 16 * t, first + rows, list as u32, 0])
    };
    lists.bounds.iter().enumerate().flat_map(of_list).collect()
}

/// Centroids `[c][d]`: the mean of each list's rows, at most 4096 of them; as before where it has none.
pub fn average(rows: &[Vec<f64>], lists: &Lists, before: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let of_list = |(bounds, before): (&[u32; 4], &Vec<f64>)| -> Vec<f64> {
        let members = &lists.row_ids[bounds[0] as usize..][..bounds[1].min(4096) as usize];
        if members.is_empty() {
            return before.clone();
        }
        let sum = |d: usize| members.iter().map(|i| rows[*i as usize][d]).sum::<f64>();
        (0..before.len()).map(|d| sum(d) / members.len() as f64).collect()
    };
    lists.bounds.iter().zip(before).map(of_list).collect()
}

/// Candidate quads of a list: its own, those of its nearest list, and so on, `budget` at most.
pub fn candidates(lists: &Lists, list: usize, near: &[usize], budget: usize) -> Vec<u32> {
    let quads = |list: usize| {
        let [first, rows, ..] = lists.bounds[list];
        first / 4..first / 4 + rows.div_ceil(4)
    };
    std::iter::once(list).chain(near.iter().copied()).flat_map(quads).take(budget).collect()
}
