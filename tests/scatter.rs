//! Layouts on their way to the screen: pixels, discs, dots, what is picked, listed and selected, GPU against twin.

use revacnn::gpu::{AdapterChoice, Buffer, Gpu};
use revacnn::view::{
    CLASS_COLORS, Chosen, ColourBy, Hidden, Lasso, MOST_CHOSEN, MOST_LISTED, MOST_POINTS, Part, Picked,
    Placement, RIGHT_WRONG, Rect, ScatterSet, Scatters, UNKNOWN,
};

/// Width and height of the target.
const SCREEN: [u32; 2] = [320, 240];
const RECTANGLE: Rect = Rect { x: 10.0, y: 20.0, width: 300.0, height: 200.0 };
/// Half a tile of 4 pixels and the largest disc.
const MARGIN: f32 = 16.0;

fn gpu() -> Gpu {
    Gpu::open(&AdapterChoice::Best).unwrap()
}

fn set(gpu: &Gpu, positions: &[[f32; 2]]) -> ScatterSet {
    ScatterSet {
        positions: Buffer::from_slice(gpu, "positions", positions).range(),
        flags: Buffer::<u32>::zeroed(gpu, "flags", positions.len()).range(),
        count: positions.len() as u32,
        change: None,
        classes: None,
        predictions: None,
    }
}

fn random(i: usize, salt: usize) -> u32 {
    let mut x = (i as u32).wrapping_mul(0x9e37_79b9) ^ (salt as u32).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// Positions that a placement in [`RECTANGLE`] maps one to one onto the pixels that are returned with them; well within pixels, so
/// that no rounding moves one into the next. Many share the pixels in the middle.
fn in_pixels(count: usize) -> (Vec<[f32; 2]>, Vec<[f32; 2]>) {
    let half = [RECTANGLE.width / 2.0 - MARGIN, RECTANGLE.height / 2.0 - MARGIN];
    let place = |i: usize, axis: usize| -> f32 {
        // Two opposite corners hold the frame.
        if i < 2 {
            return if i == 0 { -half[axis] } else { half[axis] };
        }
        let spread = if i.is_multiple_of(3) { 6.0 } else { 2.0 * half[axis] - 2.0 };
        let at = (random(i, axis) as f32 / 4_294_967_296.0 - 0.5) * spread;
        at.floor() + [0.25, 0.625, 0.75][i % 3]
    };
    let positions: Vec<[f32; 2]> = (0..count).map(|i| [place(i, 0), place(i, 1)]).collect();
    let middle = [RECTANGLE.x + RECTANGLE.width / 2.0, RECTANGLE.y + RECTANGLE.height / 2.0];
    let pixels = positions.iter().map(|p| [p[0] + middle[0], p[1] + middle[1]]).collect();
    (positions, pixels)
}

/// Prepares a frame that shows the set, and reads back what is picked.
fn frame(gpu: &Gpu, scatters: &mut Scatters, set: &ScatterSet, placement: Placement) -> Picked {
    scatters.begin(SCREEN[0], SCREEN[1]);
    scatters.place(gpu, 3, set, placement).unwrap();
    if let Some((places, list)) = scatters.listed(3) {
        places.write(gpu, 0, &vec![[f32::NAN; 4]; places.len()]);
        list.write(gpu, 0, &vec![u32::MAX; list.len()]);
    }
    prepare(gpu, scatters)
}

fn prepare(gpu: &Gpu, scatters: &mut Scatters) -> Picked {
    let mut encoder = gpu.encoder("test");
    scatters.prepare(gpu, &mut encoder.begin_compute_pass(&Default::default()));
    gpu.submit(encoder);
    let found = scatters.found(3).unwrap().read(gpu);
    assert!(gpu.take_errors().is_empty());
    Picked::read(bytemuck::cast_slice(&found[..8]))
}

/// The pixels that a part of the layout draws onto black.
fn draw(gpu: &Gpu, scatters: &Scatters, part: Part) -> Vec<[u8; 4]> {
    let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: Some("test"),
        size: wgpu::Extent3d { width: SCREEN[0], height: SCREEN[1], depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let view = texture.create_view(&Default::default());
    let mut encoder = gpu.encoder("test");
    {
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &view,
                resolve_target: None,
                depth_slice: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..Default::default()
        });
        scatters.draw(&mut pass, 3, part);
    }
    let out = Buffer::<u8>::zeroed(gpu, "out", (SCREEN[0] * SCREEN[1] * 4) as usize);
    encoder.copy_texture_to_buffer(
        texture.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: out.raw(),
            layout: wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(SCREEN[0] * 4),
                rows_per_image: None,
            },
        },
        texture.size(),
    );
    gpu.submit(encoder);
    assert!(gpu.take_errors().is_empty());
    bytemuck::cast_slice(&out.read(gpu)).to_vec()
}

fn chosen(gpu: &Gpu, scatters: &mut Scatters) -> Option<Chosen> {
    let mut read = None;
    scatters.copy_chosen(|id, buffer| {
        assert_eq!(id, 3);
        read = Some(Chosen::read(bytemuck::cast_slice(&buffer.read(gpu))));
        true
    });
    read
}

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

/// The pixels of dots of `side` pixels, each as many dots as cover it and the greatest key.
fn splatted(pixels: &[[f32; 2]], side: i32, key: impl Fn(usize) -> u32) -> Vec<(u32, u32)> {
    let mut all = vec![(0, 0); (SCREEN[0] * SCREEN[1]) as usize];
    for (i, pixel) in pixels.iter().enumerate() {
        let corner = pixel.map(|p| (p - 0.5 * side as f32 + 0.5).floor() as i32);
        for (dy, dx) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
            let away = [dx, dy].map(|d| d as f32 - 0.5 * (side - 1) as f32);
            if side > 2 && away[0].powi(2) + away[1].powi(2) > 0.25 * (side * side) as f32 + 0.3 {
                continue;
            }
            let (x, y) = (corner[0] + dx, corner[1] + dy);
            let within =
                |at: i32, from: f32, length: f32| (from as i32..(from + length) as i32).contains(&at);
            if within(x, RECTANGLE.x, RECTANGLE.width) && within(y, RECTANGLE.y, RECTANGLE.height) {
                let (count, greatest) = &mut all[(y as u32 * SCREEN[0] + x as u32) as usize];
                *count += 1;
                *greatest = (*greatest).max(key(i));
            }
        }
    }
    all
}

/// The key of a dot that is not pinned or selected.
fn key(i: usize, group: u32) -> u32 {
    (((i as u32).wrapping_mul(2_654_435_761) >> 11) << 9) | group
}

fn mixed(color: [u8; 3], count: u32, opacity: f64) -> [f64; 3] {
    let alpha = 1.0 - (1.0 - opacity).powi(count as i32);
    let white = (0.09 * f64::from(count).log2() - 0.18).clamp(0.0, 0.5);
    color.map(|c| alpha * (f64::from(c) + (255.0 - f64::from(c)) * white))
}

/// Pixels of a picture that are not as expected.
fn wrong_pixels(picture: &[[u8; 4]], expected: &[[f64; 3]]) -> usize {
    let differs = |(a, b): (&[u8; 4], &[f64; 3])| (0..3).any(|i| (f64::from(a[i]) - b[i]).abs() > 1.6);
    picture.iter().zip(expected).filter(|pair| differs(*pair)).count()
}

#[test]
fn many_points_are_pixels_whose_colours_are_those_of_the_twin() {
    let gpu = gpu();
    let mut scatters = Scatters::new(&gpu, wgpu::TextureFormat::Rgba8Unorm).unwrap();
    let count = 7003;
    let (positions, pixels) = in_pixels(count);
    let classes: Vec<u32> = (0..count).map(|i| random(i, 7) % 13).collect();
    let predictions: Vec<u32> = (0..count)
        .map(|i| match random(i, 8) % 8 {
            0 => 2,
            1 => u32::MAX,
            _ => classes[i],
        })
        .collect();
    let set = ScatterSet {
        classes: Some(Buffer::from_slice(&gpu, "classes", &classes).range()),
        predictions: Some(Buffer::from_slice(&gpu, "predictions", &predictions).range()),
        ..set(&gpu, &positions)
    };
    for (side, opacity) in [(1, 0.6), (2, 0.85), (5, 0.85)] {
        for colour in [ColourBy::Class, ColourBy::Prediction, ColourBy::Error] {
            let placement = Placement { dot: side as f32, colour, ..Placement::new(RECTANGLE) };
            frame(&gpu, &mut scatters, &set, placement);
            let picture = draw(&gpu, &scatters, Part::Dots);
            let group = |i: usize| match colour {
                ColourBy::Class => classes[i],
                ColourBy::Prediction => predictions[i].min(255),
                ColourBy::Error if predictions[i] == u32::MAX => 255,
                ColourBy::Error => 256 + u32::from(classes[i] != predictions[i]),
            };
            let color = |group: u32| match colour {
                _ if group == 255 => UNKNOWN,
                ColourBy::Error => RIGHT_WRONG[group as usize - 256],
                _ => CLASS_COLORS[group as usize % 10],
            };
            let all = splatted(&pixels, side, |i| key(i, group(i)));
            let most = all.iter().map(|pixel| pixel.0).max().unwrap();
            assert!(most > 20, "no pixel is dense: {most}");
            let expected: Vec<[f64; 3]> = all
                .iter()
                .map(|(n, key)| if *n == 0 { [0.0; 3] } else { mixed(color(key & 511), *n, opacity) })
                .collect();
            assert_eq!(wrong_pixels(&picture, &expected), 0, "dots of {side} pixels by {colour:?}");
            // Other colours, and dots a pixel farther, are told apart.
            let swapped: Vec<[f64; 3]> = expected.iter().map(|[r, g, b]| [*b, *r, *g]).collect();
            assert!(wrong_pixels(&picture, &swapped) > 1000);
            let shifted: Vec<[f64; 3]> =
                expected.iter().cycle().skip(1).take(expected.len()).copied().collect();
            assert!(wrong_pixels(&picture, &shifted) > 1000);
        }
    }
}

#[test]
fn hidden_groups_are_neither_drawn_nor_picked_nor_selected() {
    let gpu = gpu();
    let mut scatters = Scatters::new(&gpu, wgpu::TextureFormat::Rgba8Unorm).unwrap();
    // As a list, and as pixels.
    for count in [403, 6007] {
        let (positions, pixels) = in_pixels(count);
        let classes: Vec<u32> = (0..count as u32).map(|i| 30 + i % 5).collect();
        let set = ScatterSet {
            classes: Some(Buffer::from_slice(&gpu, "classes", &classes).range()),
            ..set(&gpu, &positions)
        };
        let mut hidden = Hidden::default();
        hidden.toggle(32);
        let shown = |i: usize| classes[i] != 32;
        // Just left of point 2, whose class is hidden.
        let pointer = [pixels[2][0] - 0.125, pixels[2][1]];
        let all = Placement { pointer: Some(pointer), dot: 1.0, ..Placement::new(RECTANGLE) };
        let some = Placement { hidden, ..all };
        let whole = Lasso::rectangle([0.0, 0.0], [320.0, 240.0]);
        for (placement, hides) in [(all, false), (some, true)] {
            frame(&gpu, &mut scatters, &set, placement);
            scatters.select(&gpu, 3, &whole).unwrap();
            let picked = prepare(&gpu, &mut scatters).index.map(|i| i as usize);
            if hides {
                assert!(picked.is_none_or(shown), "{picked:?} is hidden");
            } else {
                assert!(
                    picked.is_some_and(|i| pixels[i] == pixels[2]),
                    "{picked:?} lies farther than point 2"
                );
            }
            let expected = (0..count).filter(|i| !hides || shown(*i)).count();
            assert_eq!(chosen(&gpu, &mut scatters).unwrap().count as usize, expected);
            // What is selected is drawn larger.
            scatters.clear_selection(&gpu, 3);
            prepare(&gpu, &mut scatters);
            let lit = draw(&gpu, &scatters, Part::Dots).iter().filter(|p| p[0] > 0 || p[1] > 0).count();
            if count > 3000 {
                let drawn: Vec<[f32; 2]> =
                    (0..count).filter(|i| !hides || shown(*i)).map(|i| pixels[i]).collect();
                let expected = splatted(&drawn, 1, |_| 1).iter().filter(|pixel| pixel.0 > 0).count();
                assert_eq!(lit, expected);
            }
        }
    }
}

fn select_all(gpu: &Gpu, scatters: &mut Scatters) -> Chosen {
    scatters.select(gpu, 3, &Lasso::rectangle([0.0, 0.0], [320.0, 240.0])).unwrap();
    prepare(gpu, scatters);
    chosen(gpu, scatters).unwrap()
}

/// A lasso takes or leaves a pixel as its middle lies.
fn pixel_middle(pixel: [f32; 2]) -> [f32; 2] {
    pixel.map(|p| p.floor() + 0.5)
}

/// Whether a ray to the right from `at` crosses the line an odd number of times.
fn inside(path: &[[f32; 2]], at: [f32; 2]) -> bool {
    let edges = path.iter().zip(path.iter().cycle().skip(1));
    let at = at.map(f64::from);
    let crossed = edges.filter(|(a, b)| {
        let (a, b) = (a.map(f64::from), b.map(f64::from));
        (a[1] > at[1]) != (b[1] > at[1]) && at[0] < a[0] + (b[0] - a[0]) * (at[1] - a[1]) / (b[1] - a[1])
    });
    crossed.count() % 2 == 1
}

#[test]
fn a_lasso_selects_what_lies_within_it() {
    let gpu = gpu();
    let mut scatters = Scatters::new(&gpu, wgpu::TextureFormat::Rgba8Unorm).unwrap();
    // A star that crosses itself: its middle lies outside.
    let star: Vec<[f32; 2]> = (0..5)
        .map(|i| {
            let angle = std::f32::consts::TAU * (2 * i) as f32 / 5.0 + 0.1;
            [160.03 + 85.0 * angle.cos(), 120.07 + 85.0 * angle.sin()]
        })
        .collect();
    for count in [299, 7021] {
        let (positions, pixels) = in_pixels(count);
        let classes: Vec<u32> = (0..count).map(|i| random(i, 3) % 7).collect();
        let set = ScatterSet {
            classes: Some(Buffer::from_slice(&gpu, "classes", &classes).range()),
            ..set(&gpu, &positions)
        };
        frame(&gpu, &mut scatters, &set, Placement::new(RECTANGLE));
        if count == 299 {
            assert_eq!(chosen(&gpu, &mut scatters), None, "nothing is read back before anything is selected");
        }
        let mut select = |lasso: &Lasso| {
            scatters.select(&gpu, 3, lasso).unwrap();
            prepare(&gpu, &mut scatters);
            chosen(&gpu, &mut scatters).unwrap()
        };
        let within: Vec<u32> =
            (0..count as u32).filter(|i| inside(&star, pixel_middle(pixels[*i as usize]))).collect();
        let all = select(&Lasso::new(&star));
        assert_eq!(all.count as usize, within.len());
        assert_eq!(all.indices, within[..within.len().min(MOST_CHOSEN)]);
        let by_class = |class: u32| within.iter().filter(|i| classes[**i as usize] == class).count() as u32;
        assert_eq!(all.by_class, (0..7).map(by_class).collect::<Vec<_>>());
        assert!(within.len() > 20 && within.len() < count - 20);
        assert_eq!(count > 1000, within.len() > MOST_CHOSEN, "lists that are cut and lists that are not");
        let corners = [[200.1, 30.2], [90.4, 119.9]];
        let boxed = |p: [f32; 2]| p[0] > 90.4 && p[0] < 200.1 && p[1] > 30.2 && p[1] < 119.9;
        let few = select(&Lasso::rectangle(corners[0], corners[1]));
        assert_eq!(few.count as usize, pixels.iter().filter(|p| boxed(pixel_middle(**p))).count());
        assert_ne!(few.count, all.count, "a new selection takes the place of the last");
        assert_eq!(select(&Lasso::new(&star[..2])), Chosen::default(), "a line has nothing within it");
        select(&Lasso::new(&star));
        scatters.clear_selection(&gpu, 3);
        assert_eq!(chosen(&gpu, &mut scatters), Some(Chosen::default()));
        select_all(&gpu, &mut scatters);
    }
    // The layout's place is taken by one of fewer points: nothing of it is selected, and that is told.
    let (positions, _) = in_pixels(41);
    frame(&gpu, &mut scatters, &set(&gpu, &positions), Placement::new(RECTANGLE));
    assert_eq!(chosen(&gpu, &mut scatters), Some(Chosen::default()));
    assert_eq!(select_all(&gpu, &mut scatters).count, 41);
}

#[test]
fn what_is_selected_stands_out() {
    let gpu = gpu();
    let mut scatters = Scatters::new(&gpu, wgpu::TextureFormat::Rgba8Unorm).unwrap();
    let (positions, pixels) = in_pixels(6007);
    let set = set(&gpu, &positions);
    let placement = Placement { dot: 1.0, ..Placement::new(RECTANGLE) };
    frame(&gpu, &mut scatters, &set, placement);
    let before = draw(&gpu, &scatters, Part::Dots);
    scatters.select(&gpu, 3, &Lasso::rectangle([0.0, 0.0], [160.0, 240.0])).unwrap();
    frame(&gpu, &mut scatters, &set, Placement { dims: true, ..placement });
    let after = draw(&gpu, &scatters, Part::Dots);
    let mut compared = [0, 0];
    for pixel in &pixels {
        let at = (pixel[1] as u32 * SCREEN[0] + pixel[0] as u32) as usize;
        let brightness = |picture: &[[u8; 4]]| picture[at][..3].iter().map(|c| u32::from(*c)).sum::<u32>();
        let (was, is) = (brightness(&before), brightness(&after));
        // A selected dot is a pixel wider: around the border others come to lie under it.
        if pixel[0] < 157.0 {
            assert!(is >= was, "{pixel:?} is selected and went from {was} to {is}");
            compared[0] += 1;
        } else if pixel[0] > 163.0 {
            assert!(f64::from(is) < 0.4 * f64::from(was), "{pixel:?} went from {was} to {is}");
            compared[1] += 1;
        }
    }
    assert!(compared[0] > 1000 && compared[1] > 1000, "{compared:?}");
}

#[test]
fn a_million_points_can_be_picked_and_selected_and_no_more_are_taken() {
    let gpu = gpu();
    let mut scatters = Scatters::new(&gpu, wgpu::TextureFormat::Rgba8Unorm).unwrap();
    // A grid of 1024 × 1024.
    let positions: Vec<[f32; 2]> =
        (0..MOST_POINTS).map(|i| [(i % 1024) as f32 - 511.5, (i / 1024) as f32 - 511.5]).collect();
    let set = set(&gpu, &positions);
    // Ten pixels from one to the next.
    let scale = (RECTANGLE.height - 2.0 * MARGIN) / 1023.0;
    let zoom = 10.0 / scale;
    for index in [MOST_POINTS - 1, 1024 * 500 + 321] {
        let [x, y] = positions[index as usize];
        // The point stands in the middle; the pointer is 3 pixels from it.
        let placement = Placement {
            zoom,
            pan: [-10.0 * x, -10.0 * y],
            pointer: Some([RECTANGLE.x + 153.0, RECTANGLE.y + 99.0]),
            ..Placement::new(RECTANGLE)
        };
        assert_eq!(frame(&gpu, &mut scatters, &set, placement).index, Some(index));
    }
    let placement = Placement::new(RECTANGLE);
    frame(&gpu, &mut scatters, &set, placement);
    let middle = [RECTANGLE.x + 150.0, RECTANGLE.y + 100.0];
    scatters.select(&gpu, 3, &Lasso::rectangle(middle, [middle[0] + 500.0, middle[1] + 500.0])).unwrap();
    prepare(&gpu, &mut scatters);
    let quarter = chosen(&gpu, &mut scatters).unwrap();
    assert_eq!((quarter.count, quarter.indices[0]), (MOST_POINTS / 4, 1024 * 512 + 512));
    let more = ScatterSet { count: MOST_POINTS + 1, ..set };
    let error = scatters.place(&gpu, 4, &more, placement).unwrap_err();
    assert!(error.what().contains("1048577"), "{error}");
}
