//! Each stage of the mesh against its twin, from the buffers that the stage before it wrote.

use super::*;
use crate::embed::testing::{error, open_gpu, run};
use crate::embed::twin;

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

/// A mesh after one evaluation of the forces, and these.
fn evaluated(gpu: &Gpu, points: &[[f64; 2]], highest: u32) -> (Mesh, Vec<[f32; 4]>) {
    let narrow: Vec<[f32; 2]> = points.iter().map(|p| p.map(|v| v as f32)).collect();
    let positions = Buffer::from_slice(gpu, "positions", &narrow);
    let mut flags = vec![0; points.len()];
    flags[points.len() - 1] = 1_u32;
    let flags = Buffer::from_slice(gpu, "flags", &flags);
    let forces = Buffer::<[f32; 4]>::from_slice(gpu, "forces", &vec![[f32::NAN; 4]; points.len()]);
    let ranges = [&positions.range(), &flags.range(), &forces.range()];
    let mesh = Mesh::new(gpu, ranges, points.len(), highest, false).unwrap();
    run(gpu, |plan| {
        mesh.record(plan)?;
        mesh.gates.finish(gpu);
        Ok(())
    });
    let forces = forces.read(gpu);
    (mesh, forces)
}

/// Field `[v, u]` of the nodes.
fn read_field(gpu: &Gpu, mesh: &Mesh, grid: &Grid) -> Vec<[f64; 2]> {
    let values = Buffer::<f32>::of_range(&mesh.fields.p).read(gpu);
    let nodes = 1_usize << (grid.level - 1);
    let at = |node: usize| {
        let at = (node / 4 + node / nodes) * 8 + node % 4;
        [f64::from(values[at]), f64::from(values[at + 4])]
    };
    (0..nodes * nodes).map(at).collect()
}

#[test]
fn the_grid_fits_the_points_as_that_of_the_twin() {
    let gpu = open_gpu();
    for (count, width) in [(1025, 1e-3), (700, 5.0), (701, 38.0), (2047, 60.0), (33, 150.0)] {
        let points = points(count, width);
        let (mesh, _) = evaluated(&gpu, &points, 10);
        let grid = mesh.grid.read(&gpu)[0];
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

#[test]
fn every_stage_of_the_forces_is_that_of_its_twin() {
    let gpu = open_gpu();
    let (count, width) = (1501, 20.0);
    let points = points(count, width);
    let kept = &points[..count - 1];
    let (mesh, forces) = evaluated(&gpu, &points, 9);
    let grid = mesh.grid.read(&gpu)[0];
    assert_eq!(grid.level, 8);
    let nodes = 1_usize << (grid.level - 1);
    // Weights on the nodes: within a few steps of the whole numbers.
    let scale = f64::from(mesh.scale);
    let found: Vec<f64> =
        mesh.nodes.read(&gpu)[..nodes * nodes].iter().map(|v| f64::from(*v) / scale).collect();
    let expected = twin::mesh::deposit(kept, &grid);
    assert!(error(&found, &expected) < 1e-4, "deposit: {}", error(&found, &expected));
    let shifted = Grid { center_x: grid.center_x + 0.1 * grid.spacing, ..grid };
    assert!(error(&found, &twin::mesh::deposit(kept, &shifted)) > 1e-2, "the control of deposit");
    // The kernel's transform.
    let rows = 2 * nodes / 2 + 1;
    let pitch = 4 * (2 * nodes / 8 + 1);
    let on_gpu = Buffer::<f32>::of_range(&mesh.fields.influence).read(&gpu);
    let half = |full: &[Vec<f64>]| -> Vec<f64> {
        full[..rows].iter().flat_map(|row| row[..rows].to_vec()).collect()
    };
    let influence = half(&twin::mesh::influence(grid.level, f64::from(grid.spacing)));
    let found_influence: Vec<f64> = (0..rows)
        .flat_map(|kx| (0..rows).map(move |ky| kx * pitch + ky))
        .map(|at| f64::from(on_gpu[at]))
        .collect();
    assert!(error(&found_influence, &influence) < 1e-5, "influence: {}", error(&found_influence, &influence));
    let coarser = half(&twin::mesh::influence(grid.level, 1.02 * f64::from(grid.spacing)));
    assert!(error(&found_influence, &coarser) > 1e-3, "the control of the influence");
    // The convolution of these very weights.
    let field = read_field(&gpu, &mesh, &grid);
    let weights: Vec<f64> = found.iter().map(|weight| weight * scale).collect();
    let expected = twin::mesh::convolve(&weights, grid.level, f64::from(grid.spacing));
    assert!(
        error(field.as_flattened(), expected.as_flattened()) < 1e-4,
        "convolution: {}",
        error(field.as_flattened(), expected.as_flattened())
    );
    let swapped: Vec<[f64; 2]> = expected.iter().map(|[x, y]| [*y, *x]).collect();
    assert!(error(field.as_flattened(), swapped.as_flattened()) > 0.1, "the control of the convolution");
    // The forces of this very field.
    let found: Vec<[f64; 2]> =
        forces[..count - 1].iter().map(|f| [f64::from(f[0]), f64::from(f[1])]).collect();
    let scaled: Vec<[f64; 2]> = field.iter().map(|value| value.map(|v| v / scale)).collect();
    let expected = twin::mesh::interpolate(kept, &grid, &scaled);
    assert!(
        error(found.as_flattened(), expected.as_flattened()) < 1e-4,
        "interpolation: {}",
        error(found.as_flattened(), expected.as_flattened())
    );
    let control = twin::mesh::interpolate(kept, &shifted, &scaled);
    assert!(error(found.as_flattened(), control.as_flattened()) > 1e-3, "the control of interpolation");
    assert_eq!(forces[count - 1], [0.0; 4], "a point that is left out has no force");
}
