//! Render kernels.

use revacnn::gpu::{Buffer, BufferRange, Gpu, Params as _, RenderKernel, RenderOptions, Source};
use revacnn::params;

use super::compare::{assert_no_errors, open_gpu};

/// A quad over the whole target in a color of the program.
const PAINT: Source = Source {
    path: "tests/paint.wgsl",
    text: "
#import Paint
@group(0) @binding(0) var<uniform> paint: Paint;
@group(1) @binding(3) var<storage, read> shades: array<f32>;
@vertex
fn corner(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    return vec4<f32>(f32(index & 1u) * 4.0 - 2.0, f32(index >> 1u) * 4.0 - 2.0, 0.0, 1.0);
}
@vertex
fn shifted_corner(@builtin(vertex_index) index: u32, @location(0) shift: vec4<f32>) -> @builtin(position) vec4<f32> {
    return shift * f32(index);
}
@fragment
fn color() -> @location(0) vec4<f32> { return paint.color * shades[1]; }
",
    structs: &[Paint::DEF],
};

params! { struct Paint { color: [f32; 4] } }
params! { struct Shift { shift: [f32; 4] } }

/// A pixel of a target that `record` draws into.
fn drawn(gpu: &Gpu, record: impl FnOnce(&mut wgpu::RenderPass<'_>)) -> [u8; 4] {
    let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: 64, height: 1, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let view = texture.create_view(&Default::default());
    let pixels = Buffer::<u8>::zeroed(gpu, "pixels", 256);
    let mut encoder = gpu.encoder("draw");
    let attachment = wgpu::RenderPassColorAttachment {
        view: &view,
        depth_slice: None,
        resolve_target: None,
        ops: wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::BLACK), store: wgpu::StoreOp::Store },
    };
    record(&mut encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        color_attachments: &[Some(attachment)],
        ..Default::default()
    }));
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(256), rows_per_image: None };
    let target = wgpu::TexelCopyBufferInfo { buffer: pixels.raw(), layout };
    encoder.copy_texture_to_buffer(texture.as_image_copy(), target, texture.size());
    gpu.submit(encoder);
    pixels.read(gpu)[..4].try_into().unwrap()
}

#[test]
fn a_render_kernel_binds_by_name_and_draws() {
    let gpu = open_gpu();
    let options = RenderOptions {
        format: wgpu::TextureFormat::Rgba8Unorm,
        blend: None,
        topology: wgpu::PrimitiveTopology::TriangleStrip,
        instance: None,
    };
    let kernel = RenderKernel::new(&gpu, &PAINT, ("corner", "color"), &[], &options).unwrap();
    let named = |name| kernel.bindings.iter().find(|b| b.name == name).unwrap();
    assert_eq!((named("paint").group, named("shades").group, named("shades").index), (0, 1, 3));
    let uniform = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 16,
        usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    gpu.queue.write_buffer(&uniform, 0, bytemuck::bytes_of(&Paint { color: [1.0, 0.5, 0.25, 1.0] }));
    let paint = BufferRange { element: Some(Paint::DEF), ..BufferRange::whole(&uniform) };
    let shades = Buffer::from_slice(&gpu, "shades", &[9.0_f32, 0.8]);
    let groups = [("paint", paint.clone()), ("shades", shades.range())];
    let [first, second] = [0, 1].map(|group| kernel.bind(&gpu, group, groups.clone()).unwrap());
    let pixel = drawn(&gpu, |pass| {
        pass.set_pipeline(kernel.pipeline());
        pass.set_bind_group(0, &first, &[]);
        pass.set_bind_group(1, &second, &[]);
        pass.draw(0..4, 0..1);
    });
    // 255 · 0.8 · (1, ½, ¼, 1)
    assert_eq!(pixel, [204, 102, 51, 204]);
    let missing = kernel.bind(&gpu, 1, [("paint", paint.clone())]).unwrap_err();
    assert!(
        missing.what().contains("tests/paint.wgsl:corner+color: nothing is bound to \"shades\""),
        "{missing}"
    );
    let untyped = kernel.bind(&gpu, 0, [("paint", BufferRange::whole(&uniform))]).unwrap_err();
    assert!(untyped.what().contains("binding \"paint\""), "{untyped}");
    assert!(RenderKernel::new(&gpu, &PAINT, ("corner", "shade"), &[], &options).is_err());
    // The instances' struct must have a field of the argument's name.
    for (instance, accepted) in [(None, false), (Some(Paint::DEF), false), (Some(Shift::DEF), true)] {
        let options = RenderOptions { instance, ..options };
        let made = RenderKernel::new(&gpu, &PAINT, ("shifted_corner", "color"), &[], &options);
        assert_eq!(made.is_ok(), accepted, "{instance:?}");
    }
    assert_no_errors(&gpu);
}
