//! Each stage of the mesh against its twin, from the buffers that the stage before it wrote.

use super::*;
use crate::embed::testing::{error, open_gpu, read_range, run, scratch_of_nan};
use crate::embed::twin;
use crate::gpu::DeviceProfile;

/// The adapter with the passes of the software adapter, whose shortest transform has 256 values and so a quick twin, or of a GPU.
fn open_with(large_tiles: bool) -> Gpu {
    let mut gpu = open_gpu();
    gpu.set_profile(DeviceProfile { large_tiles, ..gpu.profile() }).unwrap();
    gpu
}

/// Points within `width`, the corners of their square among them; the last is left out.
fn points(count: usize, width: f64) -> Vec<[f64; 2]> {
    let mix =
        |i: usize, salt: usize| ((i * 7919 + salt * 104_729 + i * i % 1009 * 31) % 20_011) as f64 / 20_011.0;
    let at = |i: usize, axis: usize| f64::from((mix(i, 3 + axis) * width - 0.3 * width) as f32);
    let mut points: Vec<[f64; 2]> = (0..count).map(|i| [at(i, 0), at(i, 1)]).collect();
    points[0] = [-0.3 * width; 2].map(|v| f64::from(v as f32));
    points[1] = [0.7 * width; 2].map(|v| f64::from(v as f32));
    points[count - 1] = [1e15; 2];
    points
}

/// A mesh after one evaluation of the forces.
struct Evaluated {
    mesh: Mesh,
    grid: Grid,
    forces: Vec<[f32; 4]>,
}

impl Evaluated {
    fn new(gpu: &Gpu, points: &[[f64; 2]], highest: u32) -> Self {
        let narrow: Vec<[f32; 2]> = points.iter().map(|p| p.map(|v| v as f32)).collect();
        let positions = Buffer::from_slice(gpu, "positions", &narrow);
        let mut flags = vec![0; points.len()];
        flags[points.len() - 1] = 1_u32;
        let flags = Buffer::from_slice(gpu, "flags", &flags);
        let forces = Buffer::<[f32; 4]>::from_slice(gpu, "forces", &vec![[f32::NAN; 4]; points.len()]);
        let ranges = [&positions.range(), &flags.range(), &forces.range()];
        let mut scratch = scratch_of_nan(gpu);
        let mesh = Mesh::new(gpu, ranges, (points.len(), None), (highest, false), &mut scratch).unwrap();
        run(gpu, |plan| {
            mesh.record(plan)?;
            mesh.conditions.finish(gpu);
            Ok(())
        });
        Self { grid: mesh.grid.read(gpu)[0], forces: forces.read(gpu), mesh }
    }

    fn nodes(&self) -> usize {
        1 << (self.grid.level - 1)
    }

    /// Σ of weights on each node `[v, u]`, in steps of 1 / scale.
    fn weights(&self, gpu: &Gpu) -> Vec<f64> {
        let nodes: Vec<u32> = read_range(gpu, &self.mesh.nodes);
        nodes[..self.nodes().pow(2)].iter().map(|v| f64::from(*v)).collect()
    }

    /// The kernel's transform `[kx][ky]`.
    fn influence(&self, gpu: &Gpu) -> Vec<Vec<f64>> {
        let values = Buffer::<f32>::of_range(&self.mesh.fields.influence).read(gpu);
        let pitch = self.nodes() + 4;
        let row = |kx: usize| (0..=self.nodes()).map(|ky| f64::from(values[kx * pitch + ky])).collect();
        (0..=self.nodes()).map(row).collect()
    }

    /// Field `[v, u]` of the nodes.
    fn field(&self, gpu: &Gpu) -> Vec<[f64; 2]> {
        let values = Buffer::<f32>::of_range(&self.mesh.fields.p).read(gpu);
        let at = |node: usize| {
            let at = (node / 4 + node / self.nodes()) * 8 + node % 4;
            [f64::from(values[at]), f64::from(values[at + 4])]
        };
        (0..self.nodes().pow(2)).map(at).collect()
    }
}

#[test]
fn the_grid_fits_the_points_as_that_of_the_twin() {
    let gpu = open_with(true);
    for (count, width) in [(1025, 1e-3), (700, 5.0), (701, 38.0), (2047, 60.0), (33, 150.0)] {
        let points = points(count, width);
        let grid = Evaluated::new(&gpu, &points, 10).grid;
        let kept = &points[..count - 1];
        let (level, spacing, center) = twin::mesh::fit_grid(kept, 8, 10);
        assert_eq!(grid.level, level, "width {width}");
        assert!((f64::from(grid.spacing) / spacing - 1.0).abs() < 1e-6, "{} and {spacing}", grid.spacing);
        let [x, y] = [f64::from(grid.center_x) - center[0], f64::from(grid.center_y) - center[1]];
        assert!(x.abs().max(y.abs()) < 1e-6 * width, "the center is off by {x}, {y}");
        let [left, .., bottom] = twin::mesh::bounds(kept);
        assert!((f64::from(grid.width) / (bottom - left) - 1.0).abs() < 1e-6, "{}", grid.width);
        // A point outside changes it.
        let mut wider = kept.to_vec();
        wider[5] = [3.0 * width + 40.0, 0.0];
        let (level, spacing, _) = twin::mesh::fit_grid(&wider, 8, 10);
        assert!((level, spacing as f32) != (grid.level, grid.spacing), "the control");
    }
}

/// 1 501 points, one of them left out, and their mesh of 128 nodes a side.
fn fixture(gpu: &Gpu) -> (Vec<[f64; 2]>, Evaluated) {
    let mut points = points(1501, 20.0);
    let evaluated = Evaluated::new(gpu, &points, 9);
    assert_eq!(evaluated.grid.level, 8);
    points.pop();
    (points, evaluated)
}

#[test]
fn points_are_deposited_by_their_weights() {
    let gpu = open_with(true);
    let (points, evaluated) = fixture(&gpu);
    let grid = evaluated.grid;
    let scale = f64::from(evaluated.mesh.scale);
    let found: Vec<f64> = evaluated.weights(&gpu).iter().map(|weight| weight / scale).collect();
    let expected = twin::mesh::deposit(&points, &grid);
    // Weights are whole steps.
    assert!(error(&found, &expected) < 1e-4, "{}", error(&found, &expected));
    let shifted = Grid { center_x: grid.center_x + 0.1 * grid.spacing, ..grid };
    assert!(error(&found, &twin::mesh::deposit(&points, &shifted)) > 1e-2, "the control");
}

#[test]
fn the_kernels_transform_is_that_of_the_twin() {
    let gpu = open_with(true);
    let (_, evaluated) = fixture(&gpu);
    let (nodes, spacing) = (evaluated.nodes(), f64::from(evaluated.grid.spacing));
    let found = evaluated.influence(&gpu);
    // Without the division by B², which amplifies the rounding of high frequencies up to 50 000 times.
    let undivided = |influence: &[Vec<f64>]| -> Vec<f64> {
        let window =
            |kx: usize, ky: usize| twin::mesh::window(kx, 2 * nodes) * twin::mesh::window(ky, 2 * nodes);
        let value = |kx: usize, ky: usize| influence[kx][ky] * window(kx, ky).powi(2);
        (0..=nodes).flat_map(|kx| (0..=nodes).map(move |ky| (kx, ky))).map(|(kx, ky)| value(kx, ky)).collect()
    };
    let expected = undivided(&twin::mesh::influence(8, spacing));
    assert!(error(&undivided(&found), &expected) < 1e-5, "{}", error(&undivided(&found), &expected));
    let coarser = undivided(&twin::mesh::influence(8, 1.02 * spacing));
    assert!(error(&undivided(&found), &coarser) > 1e-3, "the control");
}

#[test]
fn fields_are_the_convolution_of_weights_and_influence() {
    let gpu = open_with(true);
    let (_, evaluated) = fixture(&gpu);
    let (weights, influence) = (evaluated.weights(&gpu), evaluated.influence(&gpu));
    let expected = twin::mesh::convolve(&weights, 8, f64::from(evaluated.grid.spacing), &influence);
    let field = evaluated.field(&gpu);
    let apart = |expected: &[[f64; 2]]| error(field.as_flattened(), expected.as_flattened());
    assert!(apart(&expected) < 1e-4, "{}", apart(&expected));
    let swapped: Vec<[f64; 2]> = expected.iter().map(|[x, y]| [*y, *x]).collect();
    assert!(apart(&swapped) > 0.1, "the control");
}

#[test]
fn forces_are_interpolated_from_the_fields() {
    let gpu = open_with(true);
    let (points, evaluated) = fixture(&gpu);
    let (grid, scale) = (evaluated.grid, f64::from(evaluated.mesh.scale));
    let field: Vec<[f64; 2]> = evaluated.field(&gpu).iter().map(|value| value.map(|v| v / scale)).collect();
    let (left_out, forces) = evaluated.forces.split_last().unwrap();
    let found: Vec<[f64; 2]> = forces.iter().map(|f| [f64::from(f[0]), f64::from(f[1])]).collect();
    let apart = |expected: &[[f64; 2]]| error(found.as_flattened(), expected.as_flattened());
    let expected = twin::mesh::interpolate(&points, &grid, &field);
    assert!(apart(&expected) < 1e-4, "{}", apart(&expected));
    let shifted = Grid { center_x: grid.center_x + 0.1 * grid.spacing, ..grid };
    assert!(apart(&twin::mesh::interpolate(&points, &shifted, &field)) > 1e-3, "the control");
    assert_eq!(*left_out, [0.0; 4], "a point that is left out has no force");
}

#[test]
fn lengths_that_share_their_dispatches_give_the_forces_of_each_length_by_itself() {
    let (apart, shared) = (open_with(true), open_with(false));
    // At a highest level of 12 the first passes of the lengths differ, at 10 the others.
    for (width, level, highest) in [(60.0, 9, 12), (60.0, 9, 10), (150.0, 10, 12), (300.0, 11, 12)] {
        let points = points(1501, width);
        let (expected, found) =
            (Evaluated::new(&apart, &points, level), Evaluated::new(&shared, &points, highest));
        assert!(expected.grid.level == level && found.grid.level == level, "{:?}", found.grid);
        let narrow = |forces: &[[f32; 4]]| -> Vec<f64> {
            forces.iter().flat_map(|f| [f64::from(f[0]), f64::from(f[1])]).collect()
        };
        let (found, expected) = (narrow(&found.forces), narrow(&expected.forces));
        assert!(error(&found, &expected) < 1e-4, "width {width}: {}", error(&found, &expected));
        let longer: Vec<f64> = expected.iter().map(|force| 1.01 * force).collect();
        assert!(error(&found, &longer) > 1e-3, "the control");
    }
}
