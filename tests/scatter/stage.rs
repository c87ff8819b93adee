//! A small screen, points that lie on known pixels, and what of a layout comes back from it.

use revacnn::gpu::{AdapterChoice, Buffer, Gpu};
use revacnn::view::{
    Picked, Placement, PointPrimitive, Rect, Rgb, ScatterSet, Scatters, ScreenPoint, SelectionSummary, twin,
};

/// Width and height of the target.
pub(crate) const SCREEN: [u32; 2] = [320, 240];
pub(crate) const RECTANGLE: Rect = Rect { x: 10.0, y: 20.0, width: 300.0, height: 200.0 };
/// Half a tile of 4 pixels and the largest disc.
pub(crate) const MARGIN: f32 = 16.0;

pub(crate) fn gpu() -> Gpu {
    Gpu::open(&AdapterChoice::Best).unwrap()
}

pub(crate) fn set(gpu: &Gpu, positions: &[[f32; 2]]) -> ScatterSet {
    ScatterSet {
        positions: Buffer::from_slice(gpu, "positions", positions).range(),
        flags: Buffer::<u32>::zeroed(gpu, "flags", positions.len()).range(),
        count: positions.len() as u32,
        change: None,
        classes: None,
        predictions: None,
    }
}

pub(crate) fn random(i: usize, salt: usize) -> u32 {
    let mut x = (i as u32).wrapping_mul(0x9e37_79b9) ^ (salt as u32).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// Positions that a placement in [`RECTANGLE`] maps one to one onto the pixels that are returned with them; well within pixels, so
/// that no rounding moves one into the next. Many share the pixels in the middle.
pub(crate) fn in_pixels(count: usize) -> (Vec<[f32; 2]>, Vec<[f32; 2]>) {
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
pub(crate) fn frame(gpu: &Gpu, scatters: &mut Scatters, set: &ScatterSet, placement: Placement) -> Picked {
    scatters.begin(SCREEN[0], SCREEN[1]);
    scatters.place(gpu, 3, set, placement).unwrap();
    if let Some(listed) = scatters.listed(3) {
        let poison = ScreenPoint { pixel: glam::Vec2::NAN, radius: f32::NAN, state: u32::MAX };
        listed.points.write(gpu, 0, &vec![poison; listed.points.len()]);
        listed.list.write(gpu, 0, &vec![u32::MAX; listed.list.len()]);
    }
    prepare(gpu, scatters)
}

pub(crate) fn prepare(gpu: &Gpu, scatters: &mut Scatters) -> Picked {
    let mut encoder = gpu.encoder("test");
    scatters.prepare(gpu, &mut encoder.begin_compute_pass(&Default::default()));
    gpu.submit(encoder);
    let pick = scatters.pick(3).unwrap().read(gpu);
    assert!(gpu.take_errors().is_empty());
    Picked::read(bytemuck::cast_slice(&pick))
}

/// The pixels that a primitive of the layout draws onto black.
pub(crate) fn draw(gpu: &Gpu, scatters: &Scatters, primitive: PointPrimitive) -> Vec<[u8; 4]> {
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
        scatters.draw(&mut pass, 3, primitive);
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

/// The selection that is to be read back.
pub(crate) fn changed_selection(gpu: &Gpu, scatters: &mut Scatters) -> Option<SelectionSummary> {
    let mut read = None;
    scatters.copy_selections(|id, buffer| {
        assert_eq!(id, 3);
        read = Some(SelectionSummary::read(bytemuck::cast_slice(&buffer.read(gpu))));
        true
    });
    read
}

/// Fit and pixels of points in a placement, with `margin` pixels around them.
pub(crate) fn projected(
    positions: &[[f32; 2]],
    placement: &Placement,
    margin: f64,
) -> (twin::Fit, Vec<[f64; 2]>) {
    let fit = twin::fit(positions, &placement.rectangle, margin);
    (fit, twin::project(positions, placement, fit))
}

/// The pixel buffer of dots of `side` pixels in [`RECTANGLE`].
pub(crate) fn splatted(
    pixels: &[[f32; 2]],
    side: i32,
    of: impl Fn(usize) -> (u32, Rgb),
) -> Vec<twin::Splatted> {
    twin::splat(pixels, side, &RECTANGLE, SCREEN, of)
}
