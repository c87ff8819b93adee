//! The statistics behind the pictures, GPU against twin; and the pictures themselves, texel by texel.

use std::rc::Rc;

use revacnn::gpu::{AdapterChoice, Buffer, Gpu, TensorView};
use revacnn::view::twin;
use revacnn::view::{Rect, Style, Theme, TileSet, TileStats, Tiles};

fn gpu() -> Rc<Gpu> {
    Rc::new(Gpu::open(&AdapterChoice::Best).unwrap())
}

/// Values without a pattern that a wrong stride could hide behind.
fn values(len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 7919 + 13) % 1009) as f32 / 500.0 - 1.0).collect()
}

fn view(buffer: &Buffer<f32>, offset: u32, extents: [u32; 4], strides: [u32; 4]) -> TensorView {
    TensorView { buffer: buffer.raw().clone(), offset, extents, strides }
}

#[test]
fn statistics_are_the_twins() {
    let gpu = gpu();
    let all = values(4096);
    let buffer = Buffer::from_slice(&gpu, "values", &all);
    for (offset, extents, strides) in [
        (3, [5, 1, 7, 9], [9 * 7 * 4, 0, 9 * 4, 4]),
        (0, [3, 4, 5, 5], [100, 25, 5, 1]),
        (17, [70, 1, 1, 1], [4, 0, 0, 0]),
    ] {
        let view = view(&buffer, offset, extents, strides);
        let stats = TileStats::new(&gpu, &view).unwrap();
        let poison = bytemuck::cast([f32::NAN; 4]);
        stats.tiles.write(&gpu, 0, &vec![poison; stats.tiles.len()]);
        stats.whole.write(&gpu, 0, &[bytemuck::cast([f32::NAN; 4])]);
        stats.activity.write(&gpu, 0, &vec![[f32::NAN; 2]; stats.activity.len()]);
        let mut encoder = gpu.encoder("statistics");
        stats.plan.encode(&mut encoder);
        gpu.submit(encoder);
        let mut found: Vec<[f32; 4]> = bytemuck::cast_slice(&stats.tiles.read(&gpu)).to_vec();
        found.push(bytemuck::cast(stats.whole.read(&gpu)[0]));
        let (mut twin, activity) = (twin::tile_stats(&view, &all), twin::activity(&view, &all));
        let active = stats.activity.read(&gpu);
        let close = |(a, b): (&[f32; 2], &[f64; 2])| (0..2).all(|i| (f64::from(a[i]) - b[i]).abs() < 1e-5);
        assert!(active.iter().zip(&activity).all(close), "{extents:?}: {active:?} against {activity:?}");
        assert!(!active.iter().skip(1).zip(&activity).all(close), "a neighbor's activity is told apart");
        twin.push(twin::set_stats(&twin, &activity));
        assert!(agree(&found, &twin), "{extents:?}: {found:?} against {twin:?}");
        assert!((f64::from(found[twin.len() - 1][2]) - twin[twin.len() - 1][2]).abs() < 1e-6);
        // The comparison tells a neighbour's values apart.
        let other = twin::tile_stats(&TensorView { offset: offset + 1, ..view }, &all);
        assert!(!agree(&found, &other));
    }
}

#[test]
fn statistics_are_of_what_is_finite() {
    let gpu = gpu();
    let mut all = values(4 * 130);
    for (at, value) in [(0, f32::NAN), (70, f32::INFINITY), (259, f32::NEG_INFINITY), (200, f32::NAN)] {
        all[at] = value;
    }
    all[390..].fill(f32::NAN);
    let buffer = Buffer::from_slice(&gpu, "values", &all);
    let view = view(&buffer, 0, [4, 1, 13, 10], [130, 0, 10, 1]);
    let stats = TileStats::new(&gpu, &view).unwrap();
    let mut encoder = gpu.encoder("statistics");
    stats.plan.encode(&mut encoder);
    gpu.submit(encoder);
    let found: Vec<[f32; 4]> = bytemuck::cast_slice(&stats.tiles.read(&gpu)).to_vec();
    let twin = twin::tile_stats(&view, &all);
    for (tile, (found, twin)) in found.iter().zip(&twin).enumerate() {
        let range = |i: usize| f64::from(found[i]) == twin[i] || found[i].is_nan() && twin[i].is_nan();
        assert!(
            range(0) && range(1) && found[2].is_finite() == twin[2].is_finite(),
            "{tile}: {found:?}, {twin:?}"
        );
    }
    assert!(found[3][0].is_nan() && found[2][2].is_finite());
    let whole: [f32; 4] = bytemuck::cast(stats.whole.read(&gpu)[0]);
    let expected = twin::set_stats(&twin, &twin::activity(&view, &all));
    let same = |i: usize| f64::from(whole[i]) == expected[i];
    assert!(same(0) && same(1) && same(2), "{whole:?}, {expected:?}");
    assert!((f64::from(whole[3]) - expected[3]).abs() < 1e-5, "{whole:?}, {expected:?}");
}

#[test]
fn statistics_of_what_never_changes_are_known_after_some_frames() {
    let gpu = gpu();
    // One and a half million values a tile: no dispatch reads more than two of them.
    let (tiles, area) = (3, 1500 * 1000);
    let all = values(tiles * area);
    let buffer = Buffer::from_slice(&gpu, "values", &all);
    let view = view(&buffer, 0, [tiles as u32, 1, 1500, 1000], [area as u32, 0, 1000, 1]);
    let twin = twin::tile_stats(&view, &all);
    let set = TileSet { view, style: Style::Rgb };
    let mut drawer = Tiles::new(&gpu, wgpu::TextureFormat::Rgba8Unorm).unwrap();
    let mut frame = || {
        drawer.begin(8, 8);
        drawer.set(&gpu, 0, &set).unwrap();
        drawer.never_changes(0);
        drawer.place(0, 0, Rect { x: 0.0, y: 0.0, width: 8.0, height: 8.0 });
        let mut encoder = gpu.encoder("tiles");
        drawer.prepare(&gpu, &mut encoder.begin_compute_pass(&Default::default()));
        gpu.submit(encoder);
        bytemuck::cast_slice::<_, [f32; 4]>(&drawer.stats(0).unwrap().read(&gpu)).to_vec()
    };
    let first = frame();
    assert!(agree(&first[..2], &twin[..2]) && first[2] == [0.0; 4], "{first:?}");
    frame();
    let all = frame();
    assert!(agree(&all, &twin), "{all:?} against {twin:?}");
    buffer.write(&gpu, 0, &[100.0]);
    assert_eq!(frame(), all, "they are not computed again");
}

fn agree(found: &[[f32; 4]], twin: &[[f64; 4]]) -> bool {
    let close = |(a, b): (&f32, &f64)| (f64::from(*a) - b).abs() < 1e-5;
    twin.iter().zip(found).all(|(t, f)| f.iter().zip(t).all(close))
}

/// Draws one tile of `set` per 8×8 pixels beside each other; returns rows of RGBA.
fn draw(gpu: &Gpu, set: &TileSet, tiles: u32, size: u32) -> Vec<u8> {
    let format = wgpu::TextureFormat::Rgba8Unorm;
    let (width, height) = (64 * tiles.div_ceil(64 / size).max(1), size);
    let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let mut drawer = Tiles::new(gpu, format).unwrap();
    drawer.begin(width, height);
    drawer.set(gpu, 0, set).unwrap();
    let start = drawer.begin_batch();
    for tile in 0..tiles {
        let side = size as f32;
        drawer.place(0, tile, Rect { x: tile as f32 * side, y: 0.0, width: side, height: side });
    }
    let placed = drawer.end_batch(start);
    let mut encoder = gpu.encoder("tiles");
    drawer.prepare(gpu, &mut encoder.begin_compute_pass(&Default::default()));
    {
        let view = texture.create_view(&Default::default());
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &view,
                resolve_target: None,
                depth_slice: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::GREEN),
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..Default::default()
        });
        drawer.draw(&mut pass, &placed);
    }
    let row = (width * 4).next_multiple_of(256);
    let out = Buffer::<u8>::zeroed(gpu, "out", (row * height) as usize);
    encoder.copy_texture_to_buffer(
        texture.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: out.raw(),
            layout: wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: None },
        },
        texture.size(),
    );
    gpu.submit(encoder);
    let bytes = out.read(gpu);
    assert!(gpu.take_errors().is_empty());
    bytes
}

#[test]
fn every_texel_has_the_color_of_its_value() {
    let gpu = gpu();
    let all = values(2048);
    let buffer = Buffer::from_slice(&gpu, "values", &all);
    // Two tiles of 4×4 texels, 16 pixels a side: strides as activations have them.
    let view = view(&buffer, 5, [2, 1, 4, 4], [4 * 4 * 3, 0, 4 * 3, 3]);
    let twin = twin::tile_stats(&view, &all);
    let scale = twin::set_stats(&twin, &twin::activity(&view, &all))[2] as f32;
    let picture = draw(&gpu, &TileSet { view: view.clone(), style: Style::Signed }, 2, 16);
    let mut wrong = 0;
    for (t, y, x) in (0..2).flat_map(|t| (0..4).flat_map(move |y| (0..4).map(move |x| (t, y, x)))) {
        let value = all[view.element([t, 0, y, x]) as usize];
        let expected = Theme::Dark.palette().diverging(value / scale);
        let at = ((y * 4 + 2) * 256 + (t * 16 + x * 4 + 2) * 4) as usize;
        let close = |i: usize| picture[at + i].abs_diff(expected[i]) <= 1;
        wrong += u32::from(!(close(0) && close(1) && close(2)));
    }
    assert_eq!(wrong, 0, "texels of another color than their value's");
    // Beyond the tiles nothing is drawn.
    assert_eq!(picture[(8 * 256 + 40 * 4) as usize..][..3], [0, 255, 0]);
}

#[test]
fn a_value_that_is_no_number_shows() {
    let gpu = gpu();
    let buffer = Buffer::from_slice(&gpu, "values", &[0.5, f32::NAN, -0.25, 1.0]);
    let set = TileSet { view: view(&buffer, 0, [1, 1, 2, 2], [4, 0, 2, 1]), style: Style::Signed };
    let picture = draw(&gpu, &set, 1, 16);
    assert_eq!(picture[(4 * 256 + 12 * 4) as usize..][..3], [255, 0, 255]);
    assert_ne!(picture[(4 * 256 + 4 * 4) as usize..][..3], [255, 0, 255]);
}

#[test]
fn glows_of_activity_are_as_bright_as_their_tiles_are_active() {
    let gpu = gpu();
    let all = [[-1.0, 0.0, -1.0, 0.0], [1.0; 4], [0.0, 0.0, 1.0, 0.0]].concat();
    let buffer = Buffer::from_slice(&gpu, "values", &all);
    let view = view(&buffer, 0, [3, 1, 2, 2], [4, 0, 2, 1]);
    let palette = Theme::Dark.palette();
    for (style, shares) in [
        (Style::MeanGlow, [-0.5, 1.0, 0.25]),
        (Style::MagnitudeGlow, [0.5, 1.0, 0.25]),
        (Style::ZerosGlow, [0.5, 0.0, 0.75]),
    ] {
        let picture = draw(&gpu, &TileSet { view: view.clone(), style }, 3, 16);
        for (tile, share) in shares.into_iter().enumerate() {
            let end = if share < 0.0 { palette.selected } else { palette.pinned };
            for x in [1, 14] {
                for c in 0..3 {
                    let ground = f64::from(palette.zero[c]);
                    let expected = ground + (f64::from(end[c]) - ground) * f64::abs(share);
                    let drawn = f64::from(picture[(8 * 256 + (16 * tile + x) * 4) + c]);
                    assert!(
                        (drawn - expected).abs() < 1.6,
                        "{style:?}, tile {tile}: {drawn}, not {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn bars_of_activity_are_as_long_as_their_tiles_are_active() {
    let gpu = gpu();
    // Means −0.5, 1 and 0.25, of which the largest magnitude is 1; shares of zeros ½, 0 and ¾.
    let all = [[-1.0, 0.0, -1.0, 0.0], [1.0; 4], [0.0, 0.0, 1.0, 0.0]].concat();
    let buffer = Buffer::from_slice(&gpu, "values", &all);
    let view = view(&buffer, 0, [3, 1, 2, 2], [4, 0, 2, 1]);
    for (style, shares, first_is_blue) in [
        (Style::MeanBar, [0.5, 1.0, 0.25], true),
        (Style::MagnitudeBar, [0.5, 1.0, 0.25], false),
        (Style::ZerosBar, [0.5, 0.0, 0.75], false),
    ] {
        let picture = draw(&gpu, &TileSet { view: view.clone(), style }, 3, 16);
        for (tile, share) in shares.into_iter().enumerate() {
            let color = |x: usize| &picture[(8 * 256 + (16 * tile + x) * 4)..][..3];
            let lit: Vec<usize> = (0..16).filter(|x| color(*x).iter().any(|v| *v > 100)).collect();
            assert_eq!(lit, (0..(16.0 * share) as usize).collect::<Vec<_>>(), "{style:?}, tile {tile}");
            let blue = lit.first().is_some_and(|x| color(*x)[2] > color(*x)[0]);
            assert_eq!(blue, first_is_blue && tile == 0, "{style:?}, tile {tile}");
        }
    }
}
