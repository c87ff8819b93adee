//! Pixels, discs, what is picked, and what is listed to be drawn.

use revacnn::gpu::Buffer;
use revacnn::view::{MOST_LISTED, Placement, Rect, ScatterSet, Scatters};

use crate::stage::*;

#[test]
fn points_of_a_layout_lie_where_the_twin_has_them_and_the_nearest_is_picked() {
    let gpu = gpu();
    let mut scatters = Scatters::new(&gpu, wgpu::TextureFormat::Rgba8Unorm).unwrap();
    // One part of the frame, and three.
    for count in [301_usize, 9001] {
        let at = |i: usize, salt: usize| (random(i, salt) % 2003) as f32 / 20.0 - 37.0;
        let mut positions: Vec<[f32; 2]> = (0..count).map(|i| [at(i, 1), 0.5 * at(i, 2)]).collect();
        positions[17] = [1e15, 1e15];
        // The frame hangs on the last point.
        positions[count - 1] = [400.0, -90.0];
        let mut flags = vec![0_u32; count];
        (flags[17], flags[5]) = (1, 2);
        let mut changes: Vec<f32> = (0..count).map(|i| (i % 11) as f32).collect();
        changes[count - 2] = 20.0;
        let set = ScatterSet {
            flags: Buffer::from_slice(&gpu, "flags", &flags).range(),
            change: Some(Buffer::from_slice(&gpu, "changes", &changes).range()),
            ..set(&gpu, &positions)
        };
        let mut placement = Placement {
            pan: [13.0, -20.0],
            zoom: 1.5,
            tile: [24.0, 16.0],
            tiles: true,
            ..Placement::new(Rect { x: 120.0, y: 35.0, width: 640.0, height: 410.0 })
        };
        let picked = frame(&gpu, &mut scatters, &set, placement);
        let places = scatters.listed(3).unwrap().0.read(&gpu);
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
            assert!(
                close(place[0], expected[0]) && close(place[1], expected[1]),
                "{i}: {place:?}, {expected:?}"
            );
            assert!(close(place[2], 26.0 * f64::from(changes[i]) / 20.0) && place[3] == flags[i] as f32);
        }
        // Without margin they would lie elsewhere.
        let wrong = projected(&positions, &placement, 0.0).1;
        assert!((0..count).any(|i| i != 17 && !close(places[i][0], wrong[i][0])));
        // The nearest to a pointer near point 42, and back from its pixel to its position.
        placement.pointer = Some([places[42][0] + 1.25, places[42][1] - 0.5]);
        let nearest = |p: [f32; 2]| {
            let away = |i: &usize| (places[*i][0] - p[0]).hypot(places[*i][1] - p[1]);
            (0..count).min_by(|a, b| away(a).total_cmp(&away(b))).unwrap() as u32
        };
        let picked = frame(&gpu, &mut scatters, &set, placement);
        let expected = nearest(placement.pointer.unwrap());
        let away = |i: u32| {
            let p = placement.pointer.unwrap();
            (places[i as usize][0] - p[0]).hypot(places[i as usize][1] - p[1])
        };
        // Distances are told apart in eighths of a pixel.
        assert!(picked.index.is_some_and(|i| away(i) - away(expected) < 0.13), "{picked:?}, not {expected}");
        let back = picked.position([places[42][0], places[42][1]], &placement);
        assert!((0..2).all(|axis| (back[axis] - positions[42][axis]).abs() < 1e-3), "{back:?}");
        placement.pointer = Some([-500.0, 3.0]);
        assert_eq!(frame(&gpu, &mut scatters, &set, placement).index, None, "far from everything");
    }
}

#[test]
fn points_that_the_rectangle_shows_are_listed_in_their_order() {
    let gpu = gpu();
    let mut scatters = Scatters::new(&gpu, wgpu::TextureFormat::Rgba8Unorm).unwrap();
    let (positions, _) = in_pixels(13_001);
    let set = set(&gpu, &positions);
    for zoom in [1.0, 120.0] {
        let placement = Placement { tiles: true, zoom, ..Placement::new(RECTANGLE) };
        frame(&gpu, &mut scatters, &set, placement);
        let pixels = projected(&positions, &placement, f64::from(MARGIN)).1;
        let middle =
            [RECTANGLE.x + RECTANGLE.width / 2.0, RECTANGLE.y + RECTANGLE.height / 2.0].map(f64::from);
        let half = [RECTANGLE.width / 2.0 + MARGIN, RECTANGLE.height / 2.0 + MARGIN].map(f64::from);
        // Zoomed so far, points within a hundredth of a pixel of the edge may fall on either side.
        let shows = |p: &[f64; 2], more: f64| (0..2).all(|a| (p[a] - middle[a]).abs() <= half[a] + more);
        let expected: Vec<u32> = (0..).zip(&pixels).filter(|(_, p)| shows(p, 0.0)).map(|(i, _)| i).collect();
        assert!(pixels.iter().all(|p| shows(p, 0.01) == shows(p, -0.01)), "one lies on the edge");
        let list = scatters.listed(3).unwrap().1.read(&gpu);
        assert_eq!(list[0] as usize, expected.len());
        let listed = expected.len().min(MOST_LISTED as usize);
        assert_eq!(list[1..=listed], expected[..listed]);
        // Both a list that is cut and one that is not are compared.
        assert_eq!(zoom == 1.0, expected.len() > MOST_LISTED as usize, "{} are shown", expected.len());
        assert!(!expected.is_empty() && (zoom == 1.0 || expected.len() < positions.len()));
    }
}
