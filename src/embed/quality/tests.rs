//! Distances, ranks, recall and quality against plain loops.

use super::Judge;
use super::distances::Distances;
use super::space::{Space, unit};
use crate::embed::testing::{open_gpu, upload, whole_rows};
use crate::embed::{NeighborSearch, Options, TsneBuilder, twin};
use crate::gpu::{Buffer, Gpu, TensorView};

fn view(gpu: &Gpu, values: &[f32], dims: usize) -> TensorView {
    TensorView {
        buffer: Buffer::from_slice(gpu, "rows", values).raw().clone(),
        offset: 0,
        extents: [(values.len() / dims) as u32, 1, 1, dims as u32],
        strides: [dims as u32, 0, 0, 1],
    }
}

/// Nearest rows and ranks in a space are those of the twin, for samples that are not left out.
fn check(gpu: &Gpu, space: &Space, rows: &[Vec<f64>], left_out: &[usize], samples: &[usize]) {
    let mut flags = vec![0_u32; rows.len()];
    left_out.iter().for_each(|row| flags[*row] = 1);
    let flags = Buffer::from_slice(gpu, "flags", &flags);
    let wanted = 5;
    let distances = Distances::new(gpu, space, &flags.range(), rows.len(), [wanted, 21]).unwrap();
    let kept: Vec<usize> = (0..rows.len()).filter(|row| !left_out.contains(row)).collect();
    // Ranks of some kept rows, some of them equally near, and more than a workgroup counts.
    let targets: Vec<u32> = kept.iter().step_by(kept.len() / 20).take(21).map(|row| *row as u32).collect();
    let mut differ = 0;
    for samples in samples.chunks(distances.samples()) {
        distances.measure(samples);
        let nearest = distances.nearest(samples.len()).unwrap();
        let ranks = distances.count_nearer(&vec![targets.clone(); samples.len()], 1.0).unwrap();
        let looser = distances.count_nearer(&vec![targets.clone(); samples.len()], 1.0 + 1e-5).unwrap();
        for (s, sample) in samples.iter().enumerate() {
            let sorted = twin::knn::nearest(rows, *sample, &kept, kept.len());
            let expected: Vec<u32> = sorted.iter().take(wanted).map(|(row, _)| *row as u32).collect();
            assert_eq!(nearest[s], expected, "row {sample} of {}", rows.len());
            for (t, target) in targets.iter().enumerate().filter(|(_, target)| **target != *sample as u32) {
                let rank = sorted.iter().position(|(row, _)| *row as u32 == *target).unwrap();
                assert_eq!(ranks[s][t] as usize, rank, "row {target} from {sample} of {}", rows.len());
                let nearer = sorted.iter().take_while(|(_, square)| *square < sorted[rank].1).count();
                assert_eq!(looser[s][t] as usize, nearer, "row {target} from {sample} of {}", rows.len());
                differ += usize::from(nearer != rank);
            }
        }
    }
    assert!(differ > 10, "the control: {differ} ranks are among equally near rows");
    assert!(gpu.take_errors().is_empty());
}

#[test]
fn nearest_rows_and_ranks_are_those_of_the_twin() {
    let gpu = open_gpu();
    // One chunk and two; rows in one range, and in ranges of 100 to 200 rows.
    for (count, dims, max_bytes) in [(67, 5, 1 << 27), (611, 7, 4096), (16_387, 2, 1 << 27)] {
        let rows = whole_rows(count, dims, 3);
        let left_out = [3, count - 1];
        let mut values: Vec<f32> = rows.iter().flatten().map(|value| *value as f32).collect();
        values[3 * dims] = f32::NAN;
        let samples: Vec<usize> = [0, 1, count / 2, count - 2, 7, 11, 2, 4, 5, 6, count / 3].into();
        let view = view(&gpu, &values, dims);
        check(&gpu, &Space::of_view(&gpu, &view, 4.0, max_bytes), &rows, &left_out, &samples);
        let uploaded = upload(&gpu, &rows, &left_out, max_bytes.max(4 * 4 * (count as u64 + 16)));
        check(&gpu, &Space::of_rows(&uploaded), &rows, &left_out, &samples[..3]);
    }
}

#[test]
fn a_small_binding_takes_one_sample_at_once() {
    let mut gpu = open_gpu();
    gpu.limits.max_storage_buffer_binding_size = 4 * 3 * 611;
    let rows = whole_rows(611, 2, 5);
    let values: Vec<f32> = rows.iter().flatten().map(|value| *value as f32).collect();
    let view = view(&gpu, &values, 2);
    let space = Space::of_view(&gpu, &view, 1.0, 1 << 20);
    let flags = Buffer::<u32>::zeroed(&gpu, "flags", 611);
    let distances = Distances::new(&gpu, &space, &flags.range(), 611, [1, 1]).unwrap();
    assert_eq!(distances.samples(), 1);
    check(&gpu, &space, &rows, &[], &[5, 610, 0]);
}

#[test]
fn distances_of_any_size_keep_their_order() {
    let gpu = open_gpu();
    for scale in [1e-30_f32, 1.0, 1e30] {
        // One row far from all others, which its distance must not flatten.
        let row = |i: usize| [scale * (i * i) as f32, if i == 9 { scale * 1e7 } else { 0.0 }];
        let values: Vec<f32> = (0..40).flat_map(row).collect();
        let rows: Vec<Vec<f64>> =
            values.chunks(2).map(|row| row.iter().map(|v| f64::from(*v)).collect()).collect();
        let view = view(&gpu, &values, 2);
        let space = Space::of_view(&gpu, &view, unit(&values, 2), 1 << 20);
        let flags = Buffer::<u32>::zeroed(&gpu, "flags", 40);
        let distances = Distances::new(&gpu, &space, &flags.range(), 40, [39, 0]).unwrap();
        let samples = [0, 9, 20, 39];
        distances.measure(&samples);
        for (sample, found) in samples.iter().zip(distances.nearest(4).unwrap()) {
            let all: Vec<usize> = (0..40).collect();
            let expected = twin::knn::nearest(&rows, *sample, &all, 39);
            assert_eq!(found.len(), 39, "{scale}");
            // From the far one all others are nearly equally far.
            let same = found.iter().zip(&expected).filter(|(a, b)| **a as usize == b.0).count();
            assert!(same == 39 || *sample == 9, "{scale}: {found:?}, {expected:?}");
        }
    }
}

#[test]
fn quality_and_recall_are_those_of_the_twin() {
    let gpu = open_gpu();
    let (count, dims) = (709, 6);
    let rows = whole_rows(count, dims, 4);
    let mut values: Vec<f32> = rows
        .iter()
        .enumerate()
        .flat_map(|(i, row)| row.iter().map(move |v| *v as f32 + (i % 5 * 9) as f32))
        .collect();
    values[100 * dims + 1] = f32::INFINITY;
    let view = view(&gpu, &values, dims);
    // By lists, of which few are searched.
    let search = NeighborSearch::Ivf { lists: 64, probes: 2 };
    let options = Options { search, ..Options::default() };
    let tsne = TsneBuilder::new(5.0).options(options).build(&gpu, &view).unwrap();
    tsne.refresh(&gpu);
    tsne.reset(&gpu);
    tsne.iterate(&gpu, 60);
    let positions = tsne.read_positions(&gpu);
    for sample in [1, 50, 709] {
        let found = tsne.quality(&gpu, (&view, unit(&values, dims)), tsne.positions(), [12, sample]).unwrap();
        let expected = twin::quality::judge(&values, dims, &positions, 12, sample);
        assert!((found.preserved - expected.preserved).abs() < 1e-9, "{found:?}, {expected:?}");
        assert!((found.trustworthiness - expected.trustworthiness).abs() < 1e-9, "{found:?}, {expected:?}");
        let differs = expected.preserved < 0.95 && expected.trustworthiness < 0.999;
        assert!(differs || sample == 1, "the control: {expected:?}");
        // Those that were found, and some of them lost or replaced by other rows.
        let mut searched = tsne.read_searched_rows(&gpu).concat();
        searched[100 * dims..][..dims].fill(f32::NAN);
        let (k, found) = (tsne.neighbors(), tsne.read_neighbors(&gpu));
        let expected = twin::quality::recall(&searched, dims, &found, k, sample);
        assert!((tsne.recall(&gpu, sample).unwrap() - expected).abs() < 1e-12, "{expected}");
        let damage = |at: usize, row: u32| match at % 5 {
            0 => ((at / k + 1 + at * 31 % 700) % count) as u32,
            3 => u32::MAX,
            _ => row,
        };
        let damaged: Vec<u32> = found.iter().enumerate().map(|(at, row)| damage(at, *row)).collect();
        let kept = (0..count).filter(|row| *row != 100).collect();
        let judge = Judge { gpu: &gpu, flags: tsne.flags(), count, kept };
        let of = |rows: &[usize]| rows.iter().flat_map(|row| damaged[row * k..][..k].to_vec()).collect();
        let space = Space::of_view(&gpu, &view, unit(&values, dims), 1 << 27);
        let found = judge.recall(&space, k, of, sample).unwrap();
        let expected = twin::quality::recall(&values, dims, &damaged, k, sample);
        assert!((found - expected).abs() < 1e-12, "{found}, {expected}");
        assert!((0.5..0.7).contains(&expected), "the control: {expected}");
    }
    let other = self::view(&gpu, &values[..100 * dims], dims);
    assert!(tsne.quality(&gpu, (&other, 1.0), tsne.positions(), [12, 5]).is_err());
}
