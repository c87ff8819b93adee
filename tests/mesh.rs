//! The push of all other points by a mesh, against pairs in f64: forces, their sum, any extent, any order of the points.

use revacnn::embed::{Grid, Method, Repulsion};
use revacnn::gpu::{AdapterChoice, Buffer, Gpu, PlanBuilder};

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

/// The push on each point and the sum of all q̃, in f64.
fn twin(points: &[[f32; 2]]) -> (Vec<[f64; 2]>, f64) {
    let mut z = 0.0;
    let wide: Vec<[f64; 2]> = points.iter().map(|p| p.map(f64::from)).collect();
    let push = |(i, a): (usize, &[f64; 2])| {
        let mut sum = [0.0; 2];
        for (j, b) in wide.iter().enumerate() {
            let apart = [a[0] - b[0], a[1] - b[1]];
            let near = 1.0 / (1.0 + apart[0] * apart[0] + apart[1] * apart[1]);
            z += if i == j { 0.0 } else { near };
            sum = [sum[0] + near * near * apart[0], sum[1] + near * near * apart[1]];
        }
        sum
    };
    let forces = wide.iter().enumerate().map(push).collect();
    (forces, z)
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
    let mut plan = PlanBuilder::new(gpu);
    let repulsion =
        Repulsion::new(gpu, &mut plan, &positions, &flags_buffer.range(), points.len(), method).unwrap();
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
    let gpu = Gpu::open(&AdapterChoice::Best).unwrap();
    for (count, width, level) in
        [(1501, 1e-4, 8), (1501, 3.0, 8), (1501, 40.0, 8), (2003, 90.0, 9), (2003, 190.0, 10)]
    {
        let points = clumps(count, width);
        let (expected, z) = twin(&points);
        let (forces, sum, grid) = found(&gpu, &points, &vec![0; count], Method::Mesh);
        let grid = grid.unwrap();
        println!("width {width}: {grid:?}, force {:.5}, sum {:.6}", error(&forces, &expected), sum / z - 1.0);
        assert_eq!(grid.level, level);
        assert!(grid.spacing <= 0.42 && (f64::from(grid.width) - width).abs() < 1e-3 * width);
        assert!(error(&forces, &expected) < 0.01, "width {width}: {}", error(&forces, &expected));
        assert!((sum / z - 1.0).abs() < 1e-3, "width {width}: {sum}, {z}");
        // Turned, they are wrong.
        let turned: Vec<[f64; 2]> = expected.iter().map(|[x, y]| [*y, *x]).collect();
        assert!(error(&forces, &turned) > 0.1);
    }
    assert!(gpu.take_errors().is_empty());
}

#[test]
#[ignore = "a measurement"]
fn time_of_each_pass() {
    let gpu = Gpu::open(&AdapterChoice::Best).unwrap();
    for (count, width) in [(10_000, 40.0), (10_000, 90.0), (10_000, 190.0), (100_000, 380.0)] {
        let mut points = clumps(count, width);
        points.resize(count.next_multiple_of(8), [1e15; 2]);
        let positions = Buffer::from_slice(&gpu, "positions", &points);
        let flags = Buffer::from_slice(&gpu, "flags", &vec![0_u32; points.len()]);
        let mut plan = PlanBuilder::new(&gpu);
        let r = Repulsion::new(&gpu, &mut plan, &positions, &flags.range(), count, Method::Mesh).unwrap();
        let plan = plan.finish();
        for _ in 0..3 {
            plan.time(&gpu);
        }
        let mut all: std::collections::BTreeMap<String, f64> = Default::default();
        for span in plan.time(&gpu) {
            *all.entry(span.label.to_string()).or_default() += span.time_ms;
        }
        let began = std::time::Instant::now();
        for _ in 0..10 {
            let mut encoder = gpu.encoder("test");
            plan.encode(&mut encoder);
            gpu.submit(encoder);
        }
        gpu.wait();
        println!(
            "{count} {width} {:?}: {:.2} ms, {} dispatches, {all:.2?}",
            r.grid(&gpu).unwrap().level,
            began.elapsed().as_secs_f64() * 100.0,
            plan.len()
        );
    }
}
