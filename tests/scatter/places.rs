//! Pixels, discs, what is picked, and what is listed to be drawn.

use glam::Vec2;
use revacnn::gpu::Buffer;
use revacnn::view::{MAX_LISTED, Placement, PointStyle, Rect, ScatterSet, Scatters, twin};

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
            pan: Vec2::new(13.0, -20.0),
            zoom: 1.5,
            style: PointStyle { tile: Vec2::new(24.0, 16.0), tiles: true, ..Default::default() },
            ..Placement::new(Rect { x: 120.0, y: 35.0, width: 640.0, height: 410.0 })
        };
        let picked = frame(&gpu, &mut scatters, &set, placement);
        let places = scatters.listed(3).unwrap().points.read(&gpu);
        // Half a tile and the largest disc stay inside.
        let (fit, expected) = projected(&positions, &placement, 12.0 + 14.0);
        assert_eq!(picked.index, None);
        let close = |a: f32, b: f64| (f64::from(a) - b).abs() < 1e-3;
        let [x, y] = fit.center;
        assert!(close(picked.center.x, x) && close(picked.center.y, y) && close(picked.scale, fit.scale));
        for (i, (place, expected)) in places.iter().zip(&expected).enumerate() {
            if i == 17 {
                assert!(place.pixel.x < -1e5, "what is left out is shown at {place:?}");
                continue;
            }
            assert!(
                close(place.pixel.x, expected[0]) && close(place.pixel.y, expected[1]),
                "{i}: {place:?}, {expected:?}"
            );
            assert!(close(place.radius, 26.0 * f64::from(changes[i]) / 20.0) && place.state == flags[i]);
        }
        // Without margin they would lie elsewhere.
        let wrong = projected(&positions, &placement, 0.0).1;
        assert!((0..count).any(|i| i != 17 && !close(places[i].pixel.x, wrong[i][0])));
        // The nearest to a pointer near point 42, and back from its pixel to its position.
        placement.pointer = Some(places[42].pixel + Vec2::new(1.25, -0.5));
        let away = |i: u32| places[i as usize].pixel.distance(placement.pointer.unwrap());
        let expected = (0..count as u32).min_by(|a, b| away(*a).total_cmp(&away(*b))).unwrap();
        let picked = frame(&gpu, &mut scatters, &set, placement);
        // Distances are told apart in eighths of a pixel.
        assert!(picked.index.is_some_and(|i| away(i) - away(expected) < 0.13), "{picked:?}, not {expected}");
        let back = picked.position(places[42].pixel, &placement);
        assert!((0..2).all(|axis| (back[axis] - positions[42][axis]).abs() < 1e-3), "{back:?}");
        placement.pointer = Some(Vec2::new(-500.0, 3.0));
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
        let placement = Placement {
            zoom,
            style: PointStyle { tiles: true, ..Default::default() },
            ..Placement::new(RECTANGLE)
        };
        frame(&gpu, &mut scatters, &set, placement);
        let pixels = projected(&positions, &placement, f64::from(MARGIN)).1;
        let margin = f64::from(MARGIN);
        let expected = twin::visible(&pixels, &RECTANGLE, margin);
        // Zoomed so far, points within a hundredth of a pixel of the edge may fall on either side.
        let [wider, narrower] = [0.01, -0.01].map(|more| twin::visible(&pixels, &RECTANGLE, margin + more));
        assert_eq!(wider, narrower, "one lies on the edge");
        let list = scatters.listed(3).unwrap().list.read(&gpu);
        assert_eq!(list[0] as usize, expected.len());
        let listed = expected.len().min(MAX_LISTED as usize);
        assert_eq!(list[1..=listed], expected[..listed]);
        // Both a list that is cut and one that is not are compared.
        assert_eq!(zoom == 1.0, expected.len() > MAX_LISTED as usize, "{} are shown", expected.len());
        assert!(!expected.is_empty() && (zoom == 1.0 || expected.len() < positions.len()));
    }
}
