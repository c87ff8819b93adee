//! Layouts on their way to the screen: pixels, discs and what is picked, GPU against twin.

use revacnn::gpu::{AdapterChoice, Buffer, Gpu};
use revacnn::view::{Picked, Placement, Rect, ScatterSet, Scatters};

/// Middle, scale and pixels of points in a rectangle, in f64, as `Placement` says.
fn projected(positions: &[[f32; 2]], placement: &Placement, margin: f64) -> ([f64; 3], Vec<[f64; 2]>) {
    let shown = || positions.iter().filter(|p| p[0].abs() < 1e14);
    let bound = |axis: usize| {
        let values = || shown().map(|p| f64::from(p[axis]));
        [values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max)]
    };
    let r = placement.rectangle;
    let sides = [[r.x, r.width], [r.y, r.height]].map(|side| side.map(f64::from));
    let bounds = [bound(0), bound(1)];
    let fits = |axis: usize| (sides[axis][1] - 2.0 * margin) / (bounds[axis][1] - bounds[axis][0]);
    let scale = fits(0).min(fits(1));
    let middle = bounds.map(|[a, b]| (a + b) / 2.0);
    let pixel = |p: &[f32; 2]| {
        [0, 1].map(|axis| {
            let at = (f64::from(p[axis]) - middle[axis]) * scale * f64::from(placement.zoom);
            sides[axis][0] + sides[axis][1] / 2.0 + f64::from(placement.pan[axis]) + at
        })
    };
    ([middle[0], middle[1], scale], positions.iter().map(pixel).collect())
}

#[test]
fn points_of_a_layout_lie_where_the_twin_has_them_and_the_nearest_is_picked() {
    let gpu = Gpu::open(&AdapterChoice::Best).unwrap();
    let count = 301_usize;
    let random = |i: usize, salt: usize| ((i * 7919 + salt * 104_729) % 2003) as f32 / 20.0 - 37.0;
    let mut positions: Vec<[f32; 2]> = (0..count).map(|i| [random(i, 1), 0.5 * random(i, 2)]).collect();
    positions[17] = [1e15, 1e15];
    let mut flags = vec![0_u32; count];
    (flags[17], flags[5]) = (1, 2);
    let changes: Vec<f32> = (0..count).map(|i| (i % 11) as f32).collect();
    let set = ScatterSet {
        positions: Buffer::from_slice(&gpu, "positions", &positions).range(),
        flags: Buffer::from_slice(&gpu, "flags", &flags).range(),
        count: count as u32,
        change: Some(Buffer::from_slice(&gpu, "changes", &changes).range()),
        classes: None,
    };
    let mut placement = Placement {
        rectangle: Rect { x: 120.0, y: 35.0, width: 640.0, height: 410.0 },
        pan: [13.0, -20.0],
        zoom: 1.5,
        tile: [24.0, 16.0],
        pointer: None,
        hold: false,
        dot: 5.0,
        marked: None,
        scale: 1.0,
    };
    let mut scatters = Scatters::new(&gpu, wgpu::TextureFormat::Rgba8Unorm).unwrap();
    let mut run = |placement: Placement| -> (Picked, Vec<[f32; 4]>) {
        scatters.begin(1000, 600);
        scatters.place(&gpu, 3, &set, placement).unwrap();
        let places = scatters.places(3).unwrap();
        places.write(&gpu, 0, &vec![[f32::NAN; 4]; count]);
        let mut encoder = gpu.encoder("test");
        scatters.prepare(&gpu, &mut encoder.begin_compute_pass(&Default::default()));
        gpu.submit(encoder);
        let found = scatters.found(3).unwrap().read(&gpu);
        (Picked::read(bytemuck::cast_slice(&found)), scatters.places(3).unwrap().read(&gpu))
    };
    let (picked, places) = run(placement);
    // Half a tile and the largest disc stay inside.
    let ([x, y, scale], expected) = projected(&positions, &placement, 12.0 + 14.0);
    assert_eq!(picked.index, None);
    let close = |a: f32, b: f64| (f64::from(a) - b).abs() < 1e-3;
    assert!(close(picked.middle[0], x) && close(picked.middle[1], y) && close(picked.scale, scale));
    for (i, (place, expected)) in places.iter().zip(&expected).enumerate() {
        if i == 17 {
            assert!(place[0] < -1e5, "what is left out is shown at {place:?}");
            continue;
        }
        assert!(close(place[0], expected[0]) && close(place[1], expected[1]), "{i}: {place:?}, {expected:?}");
        assert!(close(place[2], 26.0 * f64::from(changes[i]) / 10.0) && place[3] == flags[i] as f32);
    }
    // Without margin, or without the user's shift, they would lie elsewhere.
    let wrong = projected(&positions, &placement, 0.0).1;
    assert!((0..count).any(|i| i != 17 && !close(places[i][0], wrong[i][0])));
    // The nearest to a pointer near point 42, and back from its pixel to its position.
    placement.pointer = Some([places[42][0] + 1.25, places[42][1] - 0.5]);
    let nearest = |p: [f32; 2]| {
        let away = |i: &usize| (places[*i][0] - p[0]).hypot(places[*i][1] - p[1]);
        (0..count).min_by(|a, b| away(a).total_cmp(&away(b))).unwrap() as u32
    };
    let (picked, _) = run(placement);
    assert_eq!(picked.index, Some(nearest(placement.pointer.unwrap())));
    let back = picked.position([places[42][0], places[42][1]], &placement);
    assert!((0..2).all(|axis| (back[axis] - positions[42][axis]).abs() < 1e-3), "{back:?}");
    placement.pointer = Some([-500.0, 3.0]);
    assert_eq!(run(placement).0.index, None, "far from everything");
}
