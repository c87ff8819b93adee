//! The push of all other points by a mesh, against pairs in f64: forces, their sum, any extent, any order of the points.

use revacnn::data::Dataset;
use revacnn::embed::{Grid, Method, Options, Repulsion, Tsne, TsneBuilder, default_components, twin};
use revacnn::gpu::{AdapterChoice, Buffer, DeviceProfile, Gpu, PlanBuilder, TensorView};

/// Iterations until digits are laid out.
const ITERATIONS: usize = 200;

/// Points in clumps of a few units, within `width`.
fn clumps(count: usize, width: f64) -> Vec<[f32; 2]> {
    let mix =
        |i: usize, salt: usize| ((i * 7919 + salt * 104_729 + i * i % 1009 * 31) % 20_011) as f64 / 20_011.0;
    let at = |i: usize, axis: usize| {
        let middle = mix(i % 17, 3 + axis) * width * 0.9;
        let away = mix(i, 5 + axis) + mix(i, 11 + axis) - 1.0;
        (middle + away * (width * 0.05).min(8.0)) as f32
    };
    let mut points: Vec<[f32; 2]> = (0..count).map(|i| [at(i, 0), at(i, 1)]).collect();
    // The corners, so that what goes out at one edge and comes in at the other would be seen.
    points[0] = [-0.05 * width as f32, -0.05 * width as f32];
    points[1] = [0.95 * width as f32, 0.95 * width as f32];
    points
}

/// Force on each point and the sum of all q̃, in f64.
fn twin(points: &[[f32; 2]]) -> (Vec<[f64; 2]>, f64) {
    twin::repulsion::forces(&points.iter().map(|p| p.map(f64::from)).collect::<Vec<_>>())
}

/// Forces, sum and mesh for these points, `flags` of which say who is left out.
fn found(
    gpu: &Gpu,
    points: &[[f32; 2]],
    flags: &[u32],
    method: Method,
) -> (Vec<[f32; 2]>, f64, Option<Grid>) {
    let mut padded = points.to_vec();
    padded.resize(points.len().next_multiple_of(8), [1e15; 2]);
    for (point, flag) in padded.iter_mut().zip(flags) {
        if *flag == 1 {
            *point = [1e15; 2];
        }
    }
    let positions = Buffer::from_slice(gpu, "positions", &padded);
    let flags_buffer = Buffer::from_slice(gpu, "flags", flags);
    let repulsion = Repulsion::new(gpu, &positions, &flags_buffer.range(), points.len(), method).unwrap();
    let mut plan = PlanBuilder::new(gpu);
    repulsion.record(&mut plan).unwrap();
    let plan = plan.finish();
    let mut encoder = gpu.encoder("test");
    plan.encode(&mut encoder);
    gpu.submit(encoder);
    let present = flags.iter().filter(|flag| **flag == 0).count();
    let (mut forces, z) = repulsion.read(gpu, present);
    forces.truncate(points.len());
    (forces, z, repulsion.grid(gpu))
}

/// Root mean square of the difference over that of what is expected.
fn error(found: &[[f32; 2]], expected: &[[f64; 2]]) -> f64 {
    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
    let apart =
        &mut found.iter().zip(expected).flat_map(|(f, e)| [0, 1].map(|axis| f64::from(f[axis]) - e[axis]));
    norm(apart) / norm(&mut expected.iter().flatten().copied())
}

#[test]
fn a_mesh_pushes_as_pairs_do_at_any_extent() {
    pushes_as_pairs_do(&Gpu::open(&AdapterChoice::Best).unwrap());
}

#[test]
fn a_mesh_with_the_passes_of_another_adapter_does_so_too() {
    let mut gpu = Gpu::open(&AdapterChoice::Best).unwrap();
    let profile = gpu.profile();
    gpu.set_profile(DeviceProfile { large_tiles: !profile.large_tiles, ..profile }).unwrap();
    pushes_as_pairs_do(&gpu);
}

fn pushes_as_pairs_do(gpu: &Gpu) {
    for (count, width, level) in
        [(1501, 1e-4, 8), (1501, 3.0, 8), (1501, 38.0, 8), (2003, 80.0, 9), (2003, 160.0, 10)]
    {
        let points = clumps(count, width);
        let (expected, z) = twin(&points);
        let (forces, sum, grid) = found(gpu, &points, &vec![0; count], Method::Mesh);
        let grid = grid.unwrap();
        // A GPU's shortest transform has 512 values.
        assert_eq!(grid.level, level.max(if gpu.profile().large_tiles { 8 } else { 9 }));
        assert!(grid.spacing <= 0.34 && (f64::from(grid.width) - width).abs() < 1e-3 * width);
        assert!(error(&forces, &expected) < 0.01, "width {width}: {}", error(&forces, &expected));
        assert!((sum / z - 1.0).abs() < 1e-3, "width {width}: {sum}, {z}");
        // Turned, they are wrong.
        let turned: Vec<[f64; 2]> = expected.iter().map(|[x, y]| [*y, *x]).collect();
        assert!(error(&forces, &turned) > 0.1);
    }
    assert!(gpu.take_errors().is_empty());
}

#[test]
fn two_points_push_each_other_as_the_formula_says_at_any_distance() {
    let gpu = Gpu::open(&AdapterChoice::Best).unwrap();
    for apart in [0.01, 0.3, 1.0, 5.5, 31.0, 150.0] {
        // Not along an axis, and the others left out.
        let points = [[1.3, -2.1], [1.3 + 0.8 * apart as f32, -2.1 + 0.6 * apart as f32], [0.0; 2], [9.0; 2]];
        let (forces, sum, _) = found(&gpu, &points, &[0, 0, 1, 1], Method::Mesh);
        let (expected, z) = twin(&points[..2]);
        let scale = expected[0][0].hypot(expected[0][1]);
        // Of a kernel that is 1 at its highest a mesh errs by some thousandths.
        let bound = 0.004_f64.min(0.01 * scale).max(2e-5);
        for (force, expected) in forces.iter().zip(&expected) {
            let away = (f64::from(force[0]) - expected[0]).hypot(f64::from(force[1]) - expected[1]);
            assert!(away < bound, "{apart} apart: {force:?}, {expected:?}");
        }
        assert!((sum - z).abs() < 0.002, "{apart} apart: {sum}, {z}");
        assert_eq!(forces[2..], [[0.0; 2]; 2], "what is left out is pushed");
    }
}

#[test]
fn the_order_of_points_does_not_matter_by_one_bit() {
    let gpu = Gpu::open(&AdapterChoice::Best).unwrap();
    let points = clumps(3001, 60.0);
    let mut flags = vec![0; 3001];
    flags[17] = 1;
    let (forces, sum, _) = found(&gpu, &points, &flags, Method::Mesh);
    let (again, sum_again, _) = found(&gpu, &points, &flags, Method::Mesh);
    assert!(forces == again && sum.to_bits() == sum_again.to_bits(), "the same points, other bits");
    let turned: Vec<[f32; 2]> = points.iter().rev().copied().collect();
    flags.reverse();
    let (mut turned, sum_turned, _) = found(&gpu, &turned, &flags, Method::Mesh);
    turned.reverse();
    assert!(forces == turned && sum.to_bits() == sum_turned.to_bits(), "another order, other bits");
    // One point elsewhere is seen by the others.
    let mut moved = points.clone();
    moved[5][0] += 1.0;
    assert_ne!(found(&gpu, &moved, &flags, Method::Mesh).0[..5], forces[..5]);
}

#[test]
fn all_points_on_one_place_overflow_nothing() {
    let gpu = Gpu::open(&AdapterChoice::Best).unwrap();
    let count = 200_000;
    let mut points = vec![[3.25, -1.5]; count];
    // Halfway between nodes; and on one, where a point has most of its weight: nodes lie 0.1 apart, about the middle of the farthest.
    for last in [[3.25, -1.5], [3.35, -1.4]] {
        points[count - 1] = last;
        let (forces, sum, grid) = found(&gpu, &points, &vec![0; count], Method::Mesh);
        assert!((grid.unwrap().spacing - 0.1).abs() < 1e-6);
        let all = count as f64 * (count as f64 - 1.0);
        assert!((sum / all - 1.0).abs() < 1e-3, "{sum} of {all}");
        assert!(
            forces[..count - 1].iter().flatten().all(|f| f.abs() < 1e-3 * count as f32),
            "{:?}",
            forces[0]
        );
    }
}

/// The first `count` images of a data set, training images first, laid out by their pixels.
fn laid_out(gpu: &Gpu, data: &str, count: usize, method: Method, iterations: usize) -> Tsne {
    let data = Dataset::open(data).unwrap();
    let values = data.shape.len();
    let images = [&data.train, &data.test].into_iter().flat_map(|split| split.images.iter());
    let rows: Vec<f32> = images.take(count * values).map(|v| f32::from(*v)).collect();
    let view = TensorView {
        buffer: Buffer::from_slice(gpu, "rows", &rows).raw().clone(),
        offset: 0,
        extents: [(rows.len() / values) as u32, 1, 1, values as u32],
        strides: [values as u32, 0, 0, 1],
    };
    let components = default_components(rows.len() / values, values);
    let options = Options { method: Some(method), components, ..Options::default() };
    let tsne = TsneBuilder::new(30.0).options(options).build(gpu, &view).unwrap();
    tsne.refresh(gpu);
    tsne.reset(gpu);
    tsne.iterate(gpu, iterations);
    tsne
}

fn digits_laid_out(gpu: &Gpu, method: Method, iterations: usize) -> Tsne {
    laid_out(gpu, "digits", 1797, method, iterations)
}

#[test]
fn images_are_pushed_by_a_mesh_as_by_pairs() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/mnist");
    if !folder.is_dir() {
        eprintln!("skipped: there is no {}", folder.display());
        return;
    }
    let gpu = Gpu::open(&AdapterChoice::Best).unwrap();
    let points =
        laid_out(&gpu, folder.to_str().unwrap(), 4000, Method::Both, ITERATIONS).read_positions(&gpu);
    let (expected, z) = twin(&points);
    let (forces, sum, grid) = found(&gpu, &points, &vec![0; points.len()], Method::Mesh);
    println!("{grid:?}: force {:.5}, sum {:.6}", error(&forces, &expected), sum / z - 1.0);
    assert!(grid.unwrap().spacing <= 0.4);
    assert!(error(&forces, &expected) < 0.01 && (sum / z - 1.0).abs() < 1e-3);
    let doubled: Vec<[f64; 2]> = expected.iter().map(|f| f.map(|x| 1.02 * x)).collect();
    assert!(error(&forces, &doubled) > 0.01, "the control");
}

#[test]
fn digits_come_out_as_well_by_a_mesh_as_by_pairs() {
    let gpu = Gpu::open(&AdapterChoice::Best).unwrap();
    let by_pairs = digits_laid_out(&gpu, Method::Exact, ITERATIONS);
    let points = by_pairs.read_positions(&gpu);
    let (expected, z) = twin(&points);
    let (forces, sum, grid) = found(&gpu, &points, &vec![0; points.len()], Method::Mesh);
    println!("{grid:?}: force {:.5}, sum {:.6}", error(&forces, &expected), sum / z - 1.0);
    assert!(error(&forces, &expected) < 0.01 && (sum / z - 1.0).abs() < 1e-3);
    let pairs = f64::from(by_pairs.state(&gpu).divergence);
    for method in [Method::Mesh, Method::Both] {
        let tsne = digits_laid_out(&gpu, method, ITERATIONS);
        let mesh = f64::from(tsne.state(&gpu).divergence);
        assert!((mesh / pairs - 1.0).abs() < 0.015, "{method:?}: {mesh}, by pairs {pairs}");
        // It begins again as it began.
        let [first, again] = [(); 2].map(|()| {
            tsne.reset(&gpu);
            tsne.iterate(&gpu, 30);
            tsne.read_positions(&gpu)
        });
        assert_eq!(first, again, "the same run has other bits");
    }
    assert!(gpu.take_errors().is_empty());
}

#[test]
fn all_lengths_are_the_same_dispatches_on_a_gpu() {
    let mut gpu = Gpu::open(&AdapterChoice::Best).unwrap();
    let dispatches = |gpu: &Gpu, count: usize, method: Method| {
        let positions = Buffer::from_slice(gpu, "positions", &vec![[1e15; 2]; count]);
        let flags = Buffer::from_slice(gpu, "flags", &vec![0_u32; count]);
        let repulsion = Repulsion::new(gpu, &positions, &flags.range(), count, method).unwrap();
        let mut plan = PlanBuilder::new(gpu);
        repulsion.record(&mut plan).unwrap();
        plan.finish().len()
    };
    gpu.set_profile(DeviceProfile::GPU).unwrap();
    // Bounds, grid, nodes cleared, deposits, forces; for the kernel four passes along each axis, transposed between and scaled at the
    // end; for the convolution four passes, untangled, three, the products with the passes before and after them, three back of both
    // field, both packed, and four. Pairs are one more.
    let meshes = dispatches(&gpu, 2000, Method::Mesh);
    assert_eq!(meshes, 5 + (2 * 4 + 2) + (4 + 1 + 3 + 1 + 3 + 1 + 4));
    assert_eq!(dispatches(&gpu, 80_000, Method::Both), meshes + 1);
}
