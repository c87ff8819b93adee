//! Each stage of the index against its twin. Rows are whole numbers, so that distances are exact.

use super::*;
use crate::embed::testing::{error, open_gpu, read_range, run, scratch_of_nan, upload, whole_rows};
use crate::embed::twin::{self, ivf::Lists};

const NONE: u32 = u32::MAX;

/// 1 013 rows of 7 values in two buffers, of which three are left out, and an index of 37 lists.
fn index(gpu: &Gpu) -> (Vec<Vec<f64>>, Vec<usize>, Ivf) {
    let (rows, left_out) = (whole_rows(1013, 7, 9), vec![0, 500, 1012]);
    let uploaded = upload(gpu, &rows, &left_out, 1024 * 4 * 4);
    assert_eq!(uploaded.points.len(), 2);
    let ivf = Ivf::new(gpu, &uploaded, 5, [37, 3], &mut scratch_of_nan(gpu)).unwrap();
    (rows, left_out, ivf)
}

/// Whole numbers as centroids, far from all rows in the last two lists, of which one stays empty.
fn set_centroids(gpu: &Gpu, ivf: &Ivf) -> Vec<Vec<f64>> {
    let mut centroids: Vec<Vec<f64>> = whole_rows(2048, 7, 8)[2011..].to_vec();
    centroids[35] = vec![90.0; 7];
    write_centroids(gpu, ivf, &centroids);
    centroids
}

fn write_centroids(gpu: &Gpu, ivf: &Ivf, centroids: &[Vec<f64>]) {
    let mut values = vec![0.0; ivf.centroids.len()];
    for (c, centroid) in centroids.iter().enumerate() {
        centroid.iter().enumerate().for_each(|(d, value)| values[d * ivf.stride() + c] = *value as f32);
    }
    ivf.centroids.write(gpu, 0, &values);
}

fn read_centroids(gpu: &Gpu, ivf: &Ivf) -> Vec<Vec<f64>> {
    let values = ivf.centroids.read(gpu);
    let centroid = |c: usize| (0..7).map(|d| f64::from(values[d * ivf.stride() + c])).collect();
    (0..37).map(centroid).collect()
}

fn expected_lists(rows: &[Vec<f64>], left_out: &[usize], centroids: &[Vec<f64>]) -> Vec<Option<usize>> {
    let all = twin::ivf::assign(rows, centroids);
    all.iter().enumerate().map(|(i, list)| (!left_out.contains(&i)).then_some(*list)).collect()
}

/// The lists of all rows, as they lie on the GPU.
fn read_lists(gpu: &Gpu, members: &Members, slots: usize) -> Lists {
    let mut row_ids = members.row_ids.read(gpu);
    assert!(row_ids[slots..].iter().all(|row| *row == NONE), "rows past the last list");
    row_ids.truncate(slots);
    Lists { bounds: members.bounds.read(gpu), row_ids }
}

#[test]
fn rows_are_assigned_to_the_nearest_centroid() {
    let gpu = open_gpu();
    let (rows, left_out, ivf) = index(&gpu);
    let mut centroids = set_centroids(&gpu, &ivf);
    run(&gpu, |plan| ivf.assign(plan, &ivf.whole));
    let found: Vec<Option<usize>> =
        ivf.whole.list_of.read(&gpu).iter().map(|list| (*list != NONE).then_some(*list as usize)).collect();
    assert_eq!(found, expected_lists(&rows, &left_out, &centroids));
    centroids[3] = vec![0.0; 7];
    assert_ne!(found, expected_lists(&rows, &left_out, &centroids), "the control");
}

#[test]
fn rows_are_placed_by_list_and_by_index_within_it() {
    let gpu = open_gpu();
    let (rows, left_out, ivf) = index(&gpu);
    let centroids = set_centroids(&gpu, &ivf);
    let mut list_of = expected_lists(&rows, &left_out, &centroids);
    let on_gpu: Vec<u32> = list_of.iter().map(|list| list.map_or(NONE, |list| list as u32)).collect();
    let expected = twin::ivf::place_rows(&list_of, 37);
    assert!(expected.bounds.iter().any(|bounds| bounds[1] == 0), "no list is empty");
    list_of.swap(1, 2);
    let other = twin::ivf::place_rows(&list_of, 37);
    // Four blocks of a round; two of three rounds, the last of which is empty; one that holds all rows.
    for (rounds, blocks) in [(1, 4), (3, 2), (4, 1)] {
        let members = Members::in_blocks(&gpu, ivf.whole.rows.clone(), 37, rounds, &mut scratch_of_nan(&gpu));
        assert_eq!(members.blocks, blocks);
        members.list_of.write(&gpu, 0, &on_gpu);
        // What another sort left behind counts for nothing.
        Buffer::<u32>::of_range(&members.counts).write(&gpu, 0, &vec![9; 37 * blocks]);
        run(&gpu, |plan| ivf.place(plan, &members));
        let found = read_lists(&gpu, &members, expected.row_ids.len());
        assert_eq!(found, expected, "{rounds} rounds");
        assert_ne!(found, other, "the control");
    }
}

#[test]
fn counts_of_many_rows_fit_any_adapter() {
    // By hand: 4 bytes for each list of each block of 256 rows, 64 times as many rows to a block where that is 2.6 GB.
    assert_eq!(count_bytes(1_000, 100), 4 * 4 * 100);
    assert_eq!(count_bytes(1_000_000, 4096), 4 * 3907 * 4096);
    assert_eq!(count_bytes(10_000_000, 16_384), 4 * 611 * 16_384);
}

#[test]
fn centroids_become_the_mean_of_their_rows() {
    let gpu = open_gpu();
    let (rows, _, ivf) = index(&gpu);
    let (all, sample) = (&ivf.whole.rows, &ivf.sample);
    run(&gpu, |plan| {
        for part in 0..2 {
            let params = ivf.params(sample, all, part);
            let threads = [sample.rows.stride as u32, 4, 1];
            ivf.kmeans(&gpu, sample, all, part).dispatch(plan, "sample_rows", &params, threads)?;
        }
        let params = ivf.params(sample, &sample.rows, 0);
        let threads = [ivf.stride() as u32, 8, 1];
        ivf.kmeans(&gpu, sample, &sample.rows, 0).dispatch(plan, "init_centroids", &params, threads)
    });
    let count = sample.rows.count;
    assert!(count > 37 && count <= 1013, "{count} rows are a sample");
    let sampled: Vec<Vec<f64>> =
        (0..count).map(|s| rows[twin::ivf::sampled(s, count, 1013)].clone()).collect();
    let first: Vec<Vec<f64>> = (0..37).map(|c| sampled[twin::ivf::sampled(c, 37, count)].clone()).collect();
    // Row 0 is left out: its values are 0 on the GPU.
    assert_eq!(read_centroids(&gpu, &ivf)[1..], first[1..]);
    assert_ne!(read_centroids(&gpu, &ivf)[2..], first[1..36], "the control");
    // Then their means.
    let mut centroids = first;
    centroids[0] = vec![0.0; 7];
    centroids[36] = vec![77.0; 7];
    write_centroids(&gpu, &ivf, &centroids);
    run(&gpu, |plan| {
        ivf.sort_into_lists(plan, sample)?;
        let params = ivf.params(sample, &sample.rows, 0);
        ivf.kmeans(&gpu, sample, &sample.rows, 0).dispatch(plan, "average", &params, [37, 8, 1])
    });
    let out: Vec<usize> =
        (0..count).filter(|s| [0, 500, 1012].contains(&twin::ivf::sampled(*s, count, 1013))).collect();
    let lists = twin::ivf::place_rows(&expected_lists(&sampled, &out, &centroids), 37);
    let expected = twin::ivf::average(&sampled, &lists, &centroids);
    assert_eq!(expected[36], [77.0; 7], "list 36 is empty");
    let found = read_centroids(&gpu, &ivf).concat();
    assert!(error(&found, &expected.concat()) < 1e-6, "{}", error(&found, &expected.concat()));
    assert!(error(&found, &centroids.concat()) > 1e-2, "the control");
}

#[test]
fn each_list_searches_itself_and_its_nearest_lists() {
    let gpu = open_gpu();
    let (rows, left_out, ivf) = index(&gpu);
    let centroids = set_centroids(&gpu, &ivf);
    let list_of = expected_lists(&rows, &left_out, &centroids);
    let on_gpu: Vec<u32> = list_of.iter().map(|list| list.map_or(NONE, |list| list as u32)).collect();
    ivf.whole.list_of.write(&gpu, 0, &on_gpu);
    let mut points = None;
    run(&gpu, |plan| {
        ivf.place(plan, &ivf.whole)?;
        points = Some(ivf.choose_candidates(plan, &mut scratch_of_nan(&gpu))?);
        Ok(())
    });
    let points = points.unwrap();
    let lists = twin::ivf::place_rows(&list_of, 37);
    // Tiles, and the rows in their slots.
    let tiles = twin::ivf::tiles(&lists);
    let found = ivf.whole.tile_table.read(&gpu);
    assert_eq!(found[..tiles.len()], tiles);
    assert!(found[tiles.len()..].iter().all(|tile| tile[2] == NONE), "tiles past the last");
    for (slot, row) in lists.row_ids.iter().enumerate() {
        for (part, d) in [(0, 3), (1, 6)] {
            let values: Vec<f32> = read_range(&gpu, &points.points[part]);
            let expected = if *row == NONE { 0.0 } else { rows[*row as usize][d] };
            assert_eq!(f64::from(values[(d - 4 * part) * points.slots + slot]), expected, "slot {slot}");
        }
        if slot > 40 {
            break;
        }
    }
    // Candidates.
    let budget = ivf.params.budget as usize;
    let found = read_range::<u32>(&gpu, &ivf.candidates);
    let filled: Vec<usize> = (0..37).filter(|list| lists.bounds[*list][1] > 0).collect();
    let mut differ = 0;
    for list in &filled {
        let near = twin::knn::nearest(&centroids, *list, &filled, ivf.near.k);
        let near: Vec<usize> = near.iter().map(|(other, _)| *other).collect();
        let mut expected = twin::ivf::candidates(&lists, *list, &near, budget);
        expected.resize(budget, NONE);
        assert_eq!(found[list * budget..][..budget], expected, "list {list}");
        let reversed: Vec<usize> = near.into_iter().rev().collect();
        let control = twin::ivf::candidates(&lists, *list, &reversed, budget);
        differ += usize::from(found[list * budget..][..control.len()] != control);
    }
    assert!(2 * differ > filled.len(), "the control: only {differ} lists differ");
}
