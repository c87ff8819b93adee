//! The search against its twin. Rows are whole numbers, so that distances are exact and many are equal.

use super::*;
use crate::embed::rows::Rows;
use crate::embed::testing::{open_gpu, run, scratch_of_nan, upload, whole_rows};
use crate::embed::twin;

fn point_set(gpu: &Gpu, rows: &Rows) -> PointSet {
    PointSet {
        points: rows.points.iter().map(Buffer::range).collect(),
        part: rows.part,
        slots: rows.stride,
        dims: rows.dims,
        row_ids: Buffer::zeroed(gpu, "row ids", rows.stride),
        tiles: rows.stride / TILE,
        candidates: None,
    }
}

#[test]
fn the_nearest_are_those_of_the_twin_in_order() {
    let gpu = open_gpu();
    for (count, dims, k, chunk, max_bytes) in [
        (4, 1, 3, 4, 1 << 20),
        (67, 3, 7, 67, 1 << 20),
        (1001, 9, 30, 400, 1008 * 4 * 4),
        (19, 5, 40, 19, 1 << 20),
    ] {
        let rows = whole_rows(count, dims, 3);
        let left_out = [1, count / 2];
        let uploaded = upload(&gpu, &rows, &left_out, max_bytes);
        let points = point_set(&gpu, &uploaded);
        let result = KnnResult::new(&gpu, count, k, chunk, true);
        run(&gpu, |plan| {
            identify_rows(plan, uploaded.flags.range(), &points.row_ids, count)?;
            Knn::new(&gpu, &points, &result, &mut scratch_of_nan(&gpu))?.record(plan)
        });
        let kept: Vec<usize> = (0..count).filter(|i| !left_out.contains(i)).collect();
        let (mut swapped, mut compared) = (0, 0);
        for chunk in &result.chunks {
            let (indices, distances) = (chunk.indices.read(&gpu), chunk.distances.read(&gpu));
            for row in 0..chunk.rows {
                let i = chunk.first + row;
                let expected =
                    if left_out.contains(&i) { Vec::new() } else { twin::knn::nearest(&rows, i, &kept, k) };
                let found: Vec<(usize, f64)> = indices[row * k..][..k]
                    .iter()
                    .zip(&distances[row * k..])
                    .take_while(|(index, _)| **index != u32::MAX)
                    .map(|(index, square)| (*index as usize, f64::from(*square)))
                    .collect();
                assert_eq!(found, expected, "{count} rows, row {i}");
                assert!(indices[row * k + found.len()..][..k - found.len()].iter().all(|j| *j == u32::MAX));
                let other = twin::knn::nearest(&rows, kept[(i + 1) % kept.len()], &kept, k);
                swapped += usize::from(found != other);
                compared += 1;
            }
        }
        assert!(swapped * 10 > compared * 5, "the control: {swapped} of {compared} differ");
    }
}
