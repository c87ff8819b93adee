//! Hidden groups, lassos, what is selected, and a million points.

use glam::Vec2;
use revacnn::gpu::{Buffer, Gpu};
use revacnn::view::{
    GroupMask, Lasso, MAX_POINTS, MAX_SELECTED, Placement, PointPrimitive, PointStyle, ScatterSet, Scatters,
    SelectionSummary, twin,
};

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
        let mut hidden = GroupMask::default();
        hidden.toggle(32);
        let shown = |i: usize| classes[i] != 32;
        // Just left of point 2, whose class is hidden.
        let pointer = Vec2::from(pixels[2]) - Vec2::new(0.125, 0.0);
        let style = PointStyle { dot: 1.0, ..Default::default() };
        let all = Placement { pointer: Some(pointer), style, ..Placement::new(RECTANGLE) };
        let some = Placement { style: PointStyle { hidden, ..style }, ..all };
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
            assert_eq!(changed_selection(&gpu, &mut scatters).unwrap().count as usize, expected);
            // What is selected is drawn larger.
            scatters.clear_selection(&gpu, 3);
            prepare(&gpu, &mut scatters);
            let lit =
                draw(&gpu, &scatters, PointPrimitive::Dots).iter().filter(|p| p[0] > 0 || p[1] > 0).count();
            if count > 3000 {
                let drawn: Vec<[f32; 2]> =
                    (0..count).filter(|i| !hides || shown(*i)).map(|i| pixels[i]).collect();
                let expected =
                    splatted(&drawn, 1, |_| (1, [0; 3])).iter().filter(|pixel| pixel.dots > 0).count();
                assert_eq!(lit, expected);
            }
        }
    }
}

fn select_all(gpu: &Gpu, scatters: &mut Scatters) -> SelectionSummary {
    scatters.select(gpu, 3, &Lasso::rectangle([0.0, 0.0], [320.0, 240.0])).unwrap();
    prepare(gpu, scatters);
    changed_selection(gpu, scatters).unwrap()
}

/// A lasso takes or leaves a pixel as its middle lies.
fn pixel_middle(pixel: [f32; 2]) -> [f32; 2] {
    pixel.map(|p| p.floor() + 0.5)
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
            assert_eq!(
                changed_selection(&gpu, &mut scatters),
                None,
                "nothing is read back before anything is selected"
            );
        }
        let mut select = |lasso: &Lasso| {
            scatters.select(&gpu, 3, lasso).unwrap();
            prepare(&gpu, &mut scatters);
            changed_selection(&gpu, &mut scatters).unwrap()
        };
        let within: Vec<u32> =
            (0..count as u32).filter(|i| twin::is_inside(&star, pixel_middle(pixels[*i as usize]))).collect();
        let all = select(&Lasso::new(&star));
        assert_eq!(all.count as usize, within.len());
        assert_eq!(all.indices, within[..within.len().min(MAX_SELECTED)]);
        assert_eq!(all.by_class, twin::class_counts(&within, &classes));
        assert_eq!(all.by_class.len(), 7);
        assert!(within.len() > 20 && within.len() < count - 20);
        assert_eq!(count > 1000, within.len() > MAX_SELECTED, "lists that are cut and lists that are not");
        let corners = [[200.1, 30.2], [90.4, 119.9]];
        let boxed = |p: [f32; 2]| p[0] > 90.4 && p[0] < 200.1 && p[1] > 30.2 && p[1] < 119.9;
        let few = select(&Lasso::rectangle(corners[0], corners[1]));
        assert_eq!(few.count as usize, pixels.iter().filter(|p| boxed(pixel_middle(**p))).count());
        assert_ne!(few.count, all.count, "a new selection takes the place of the last");
        assert_eq!(
            select(&Lasso::new(&star[..2])),
            SelectionSummary::default(),
            "a line has nothing within it"
        );
        select(&Lasso::new(&star));
        scatters.clear_selection(&gpu, 3);
        assert_eq!(changed_selection(&gpu, &mut scatters), Some(SelectionSummary::default()));
        select_all(&gpu, &mut scatters);
    }
    // A layout of fewer points takes its id: its selection is empty, and is read back as such.
    let (positions, _) = in_pixels(41);
    frame(&gpu, &mut scatters, &set(&gpu, &positions), Placement::new(RECTANGLE));
    assert_eq!(changed_selection(&gpu, &mut scatters), Some(SelectionSummary::default()));
    assert_eq!(select_all(&gpu, &mut scatters).count, 41);
}

#[test]
fn what_is_selected_stands_out() {
    let gpu = gpu();
    let mut scatters = Scatters::new(&gpu, wgpu::TextureFormat::Rgba8Unorm).unwrap();
    let (positions, pixels) = in_pixels(6007);
    let set = set(&gpu, &positions);
    let style = PointStyle { dot: 1.0, ..Default::default() };
    let placement = Placement { style, ..Placement::new(RECTANGLE) };
    frame(&gpu, &mut scatters, &set, placement);
    let before = draw(&gpu, &scatters, PointPrimitive::Dots);
    scatters.select(&gpu, 3, &Lasso::rectangle([0.0, 0.0], [160.0, 240.0])).unwrap();
    frame(
        &gpu,
        &mut scatters,
        &set,
        Placement { style: PointStyle { dim_unselected: true, ..style }, ..placement },
    );
    let after = draw(&gpu, &scatters, PointPrimitive::Dots);
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
        (0..MAX_POINTS).map(|i| [(i % 1024) as f32 - 511.5, (i / 1024) as f32 - 511.5]).collect();
    let set = set(&gpu, &positions);
    // Ten pixels from one to the next.
    let scale = (RECTANGLE.height - 2.0 * MARGIN) / 1023.0;
    let zoom = 10.0 / scale;
    for index in [MAX_POINTS - 1, 1024 * 500 + 321] {
        let [x, y] = positions[index as usize];
        // The point stands in the middle; the pointer is 3 pixels from it.
        let placement = Placement {
            zoom,
            pan: Vec2::new(-10.0 * x, -10.0 * y),
            pointer: Some(RECTANGLE.min() + Vec2::new(153.0, 99.0)),
            ..Placement::new(RECTANGLE)
        };
        assert_eq!(frame(&gpu, &mut scatters, &set, placement).index, Some(index));
    }
    let placement = Placement::new(RECTANGLE);
    frame(&gpu, &mut scatters, &set, placement);
    let middle = [RECTANGLE.x + 150.0, RECTANGLE.y + 100.0];
    scatters.select(&gpu, 3, &Lasso::rectangle(middle, [middle[0] + 500.0, middle[1] + 500.0])).unwrap();
    prepare(&gpu, &mut scatters);
    let quarter = changed_selection(&gpu, &mut scatters).unwrap();
    assert_eq!((quarter.count, quarter.indices[0]), (MAX_POINTS / 4, 1024 * 512 + 512));
    let more = ScatterSet { count: MAX_POINTS + 1, ..set };
    let error = scatters.place(&gpu, 4, &more, placement).unwrap_err();
    assert!(error.what().contains("1048577"), "{error}");
}
