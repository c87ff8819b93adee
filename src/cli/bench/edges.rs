//! `revacnn bench view --edges N`: time to compute and draw what flows between two layers of N channels each.
//!
//! A convolution of 3×3 on maps of 16×16 of one image in a batch of 128, as in `vgg-small`, between two columns as far apart as a window of
//! twelve columns has them.

use std::time::Instant;

use revacnn::app::offscreen::{FORMAT, target};
use revacnn::error::{Error, Result};
use revacnn::gpu::{Buffer, Gpu, TensorView};
use revacnn::view::flow::{Anchor, EdgeKernels, EdgePlacement, EdgeSet, Flows, Joins};
use serde_json::json;

use super::measure::quantile;
use crate::cli::print::print_line;

/// Frames, of which the median is reported.
const FRAMES: usize = 31;
/// Most channels of a layer.
const MAX_CHANNELS: u32 = 1024;
/// Pixels along a map's side, and images of the batch.
const SIDE: u32 = 16;
const IMAGES: u32 = 128;

/// Draws the edges between `channels` tiles and as many into a target of `size` pixels, and prints the time per frame.
///
/// # Errors
/// If there are no channels or too many, or they do not fit the adapter.
pub(super) fn run(gpu: &Gpu, channels: u32, (width, height): (u32, u32), json: bool) -> Result<()> {
    if !(1..=MAX_CHANNELS).contains(&channels) {
        return Err(Error::usage(
            format!("--edges is {channels}"),
            format!("give it a number from 1 to {MAX_CHANNELS}"),
        ));
    }
    let set = set(gpu, channels);
    let anchors = |x: f32| -> Vec<Anchor> {
        (0..channels).map(|i| [x, x, (i as f32 + 0.5) / channels as f32 * height as f32]).collect()
    };
    let pitch = width as f32 / 12.0;
    let (sources, targets) = (anchors(5.3 * pitch), anchors(5.7 * pitch));
    let view = target(gpu, width, height).create_view(&Default::default());
    let mut flows = Flows::new(gpu, FORMAT)?;
    let mut times = Vec::new();
    for _ in 0..FRAMES + 2 {
        let began = Instant::now();
        flows.begin(width, height);
        let placement =
            EdgePlacement { sources: &sources, targets: &targets, lane: None, focus: None, scale: 1.0 };
        flows.place(gpu, 0, (&set, 0.5), placement)?;
        draw(gpu, &mut flows, &view);
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    gpu.check()?;
    let frame_ms = quantile(&times[2..], 0.5);
    let name = &gpu.info.name;
    if json {
        let value = json!({ "channels": channels, "width": width, "height": height, "frame_ms": frame_ms, "adapter": name });
        return print_line(&value.to_string());
    }
    print_line(&format!(
        "edges between {channels} and {channels} channels in {width}×{height} pixels: {frame_ms:.1} ms per frame ({name})"
    ))
}

fn set(gpu: &Gpu, channels: u32) -> EdgeSet {
    let values = |count: u32| -> Vec<f32> { (0..count).map(|i| (i as f32 * 0.7).sin()).collect() };
    let maps = Buffer::from_slice(gpu, "maps", &values(channels * SIDE * SIDE * IMAGES));
    let weights = Buffer::from_slice(gpu, "weights", &values(channels * channels * 9));
    EdgeSet {
        maps: TensorView {
            buffer: maps.raw().clone(),
            offset: IMAGES - 1,
            extents: [channels, 1, SIDE, SIDE],
            strides: [SIDE * SIDE * IMAGES, 0, SIDE * IMAGES, IMAGES],
        },
        kernels: Some(EdgeKernels {
            weights: TensorView {
                buffer: weights.raw().clone(),
                offset: 0,
                extents: [channels, channels, 3, 3],
                strides: [channels * 9, 9, 3, 1],
            },
            groups: 1,
            stride: 1,
            padding: 1,
            dilation: 1,
            transposed: false,
            output: [SIDE, SIDE],
        }),
        joins: Joins { source_divisor: 1, target_divisor: 1, first_target: 0 },
    }
}

fn draw(gpu: &Gpu, flows: &mut Flows, view: &wgpu::TextureView) {
    let mut encoder = gpu.encoder("edges");
    flows.prepare(gpu, &mut encoder.begin_compute_pass(&Default::default()));
    let ops = wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::BLACK), store: wgpu::StoreOp::Store };
    let attachment = wgpu::RenderPassColorAttachment { view, resolve_target: None, depth_slice: None, ops };
    let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        label: Some("edges"),
        color_attachments: &[Some(attachment)],
        ..Default::default()
    });
    flows.draw(&mut pass);
    drop(pass);
    gpu.submit(encoder);
    gpu.wait();
}
