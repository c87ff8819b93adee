//! Kernels of a workgroup a row where there are more rows than an adapter takes workgroups in one dimension: folded into two.
//!
//! The limit is 65 535; here it is lowered. Layers are folded in tests/layers, wide rows in tests/degenerate.rs.

mod compare;

use compare::{assert_no_errors, open_gpu};
use revacnn::embed::{Drift, twin};
use revacnn::gpu::{Buffer, Gpu, Plan, TensorView};
use revacnn::view::TileStats;

/// Rows: a multiple of neither limit, and the last line of workgroups is not full.
const ROWS: usize = 23;
/// Values of a row.
const VALUES: usize = 70;
/// Most workgroups in one dimension: folded, and as it is.
const LIMITS: [u32; 2] = [6, 65_535];

/// Values of rows that are told apart, in a round.
fn values(round: usize) -> Vec<f32> {
    (0..ROWS * VALUES)
        .map(|i| ((i * 7919 * (round + 1) + i / VALUES * 17) % 1009) as f32 / 500.0 - 1.0)
        .collect()
}

fn view(buffer: &Buffer<f32>) -> TensorView {
    let extents = [ROWS as u32, 1, 1, VALUES as u32];
    TensorView { buffer: buffer.raw().clone(), offset: 0, extents, strides: [VALUES as u32, 0, 0, 1] }
}

fn run(gpu: &Gpu, plan: &Plan) {
    let mut encoder = gpu.encoder("folded");
    plan.encode(&mut encoder);
    gpu.submit(encoder);
}

#[test]
fn the_drift_of_many_rows_is_that_of_the_twin() {
    let mut gpu = open_gpu();
    for limit in LIMITS {
        gpu.limits.max_compute_workgroups_per_dimension = limit;
        let tensor = Buffer::from_slice(&gpu, "tensor", &values(0));
        let drift = Drift::new(&gpu, &view(&tensor)).unwrap();
        drift.values.write(&gpu, 0, &[f32::NAN; ROWS]);
        run(&gpu, &drift.keep);
        tensor.write(&gpu, 0, &values(1));
        run(&gpu, &drift.measure);
        let rows = |round| values(round).chunks(VALUES).map(<[f32]>::to_vec).collect::<Vec<_>>();
        let expected = twin::drift::drift(&rows(1), &rows(0));
        for (row, (found, expected)) in drift.values.read(&gpu).iter().zip(&expected).enumerate() {
            let apart = (f64::from(*found) - expected).abs();
            assert!(apart < 1e-5 * expected, "{limit} workgroups, row {row}: {found}, {expected}");
        }
        assert!(expected.windows(2).all(|two| (two[0] - two[1]).abs() > 1e-3), "the control: {expected:?}");
    }
    assert_no_errors(&gpu);
}

#[test]
fn statistics_of_many_tiles_are_the_twins() {
    let mut gpu = open_gpu();
    for limit in LIMITS {
        gpu.limits.max_compute_workgroups_per_dimension = limit;
        let all = values(2);
        let view = view(&Buffer::from_slice(&gpu, "values", &all));
        let stats = TileStats::new(&gpu, &view).unwrap();
        stats.tiles.write(&gpu, 0, &vec![bytemuck::cast([f32::NAN; 4]); stats.tiles.len()]);
        run(&gpu, &stats.plan);
        let found: Vec<[f32; 4]> = bytemuck::cast_slice(&stats.tiles.read(&gpu)).to_vec();
        let expected = revacnn::view::twin::tile_stats(&view, &all);
        assert_eq!(found.len(), ROWS);
        for (tile, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let apart =
                found.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
            assert!(apart < 1e-5, "{limit} workgroups, tile {tile}: {found:?}, {expected:?}");
        }
        assert!(expected.windows(2).all(|two| (two[0][2] - two[1][2]).abs() > 1e-4), "the control");
    }
    assert_no_errors(&gpu);
}
