//! Hidden groups, lassos, what is selected, and a million points.

use revacnn::gpu::{Buffer, Gpu};
use revacnn::view::{Chosen, Hidden, Lasso, MOST_CHOSEN, MOST_POINTS, Part, Placement, ScatterSet, Scatters};

use crate::stage::*;

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
