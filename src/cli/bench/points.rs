//! `revacnn bench view --points N`: time to draw a layout of N points.
//!
//! Ten round clusters, drawn as the Embedding pane draws them, entire and enlarged; bounds, pick and dots are computed in
//! every frame, as they are for a layout that iterates.

use std::time::Instant;

use revacnn::app::offscreen::{FORMAT, target};
use revacnn::error::{Error, Result};
use revacnn::gpu::{Buffer, Gpu};
use revacnn::view::{Lasso, MAX_POINTS, Placement, PointPrimitive, PointStyle, Rect, ScatterSet, Scatters};
use serde_json::json;

use super::measure::quantile;
use crate::cli::print::print_line;

/// Frames of each kind, of which the median is reported.
const FRAMES: usize = 31;

/// Draws `points` points into a target of `size` pixels, and prints the time per frame.
///
/// # Errors
/// If there are no points or too many, or they do not fit the adapter.
pub(super) fn run(gpu: &Gpu, points: u32, size: (u32, u32), json: bool) -> Result<()> {
    if !(1..=MAX_POINTS).contains(&points) {
        return Err(Error::usage(
            format!("--points is {points}"),
            format!("give it a number from 1 to {MAX_POINTS}"),
        ));
    }
    let mut bench = BenchPoints::new(gpu, points, size)?;
    let (whole, near) = (bench.median_ms(1.0, false)?, bench.median_ms(8.0, false)?);
    let selecting = bench.median_ms(1.0, true)?;
    gpu.check()?;
    let name = &gpu.info.name;
    let (width, height) = size;
    if json {
        let value = json!({ "points": points, "width": width, "height": height, "whole_ms": whole, "near_ms": near,
            "selecting_ms": selecting, "adapter": name });
        return print_line(&value.to_string());
    }
    print_line(&format!(
        "{points} points in {width}×{height} pixels: {whole:.1} ms per frame, {near:.1} ms at 8× zoom, \
         {selecting:.1} ms while a lasso selects half of them ({name})"
    ))
}

struct BenchPoints<'g> {
    gpu: &'g Gpu,
    set: ScatterSet,
    scatters: Scatters,
    view: wgpu::TextureView,
    size: (u32, u32),
}

impl<'g> BenchPoints<'g> {
    fn new(gpu: &'g Gpu, points: u32, size: (u32, u32)) -> Result<Self> {
        let classes: Vec<u32> = (0..points).map(|i| i % 10).collect();
        let positions: Vec<[f32; 2]> = classes.iter().zip(0..).map(|(class, i)| place(*class, i)).collect();
        let set = ScatterSet {
            positions: Buffer::from_slice(gpu, "positions", &positions).range(),
            flags: Buffer::<u32>::zeroed(gpu, "flags", points as usize).range(),
            count: points,
            change: None,
            classes: Some(Buffer::from_slice(gpu, "classes", &classes).range()),
            predictions: None,
        };
        let view = target(gpu, size.0, size.1).create_view(&Default::default());
        Ok(Self { gpu, set, scatters: Scatters::new(gpu, FORMAT)?, view, size })
    }

    /// Median of the frames, after two for warm-up.
    fn median_ms(&mut self, zoom: f32, selects: bool) -> Result<f64> {
        let mut times = Vec::new();
        for _ in 0..FRAMES + 2 {
            let began = Instant::now();
            self.frame(zoom, selects)?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        Ok(quantile(&times[2..], 0.5))
    }

    fn frame(&mut self, zoom: f32, selects: bool) -> Result<()> {
        let (gpu, scatters) = (self.gpu, &mut self.scatters);
        let [width, height] = [self.size.0 as f32, self.size.1 as f32];
        let dot = (0.3 * width * height / self.set.count as f32).sqrt().min(4.0);
        let placement = Placement {
            zoom,
            pointer: Some(0.4 * glam::Vec2::new(width, height)),
            style: PointStyle { dot: (dot * zoom).clamp(1.0, 4.0), ..Default::default() },
            ..Placement::new(Rect { x: 0.0, y: 0.0, width, height })
        };
        scatters.begin(self.size.0, self.size.1);
        scatters.place(gpu, 0, &self.set, placement)?;
        if selects {
            let corner = |i: u32| std::f32::consts::TAU * i as f32 / 500.0;
            let circle =
                |i: u32| [width * (0.5 + 0.35 * corner(i).cos()), height * (0.5 + 0.35 * corner(i).sin())];
            scatters.select(gpu, 0, &Lasso::new(&(0..500).map(circle).collect::<Vec<_>>()))?;
        }
        let mut encoder = gpu.encoder("points");
        scatters.prepare(gpu, &mut encoder.begin_compute_pass(&Default::default()));
        {
            let ops = wgpu::Operations {
                load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                store: wgpu::StoreOp::Store,
            };
            let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("points"),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &self.view,
                    resolve_target: None,
                    depth_slice: None,
                    ops,
                })],
                ..Default::default()
            });
            scatters.draw(&mut pass, 0, PointPrimitive::Dots);
        }
        gpu.submit(encoder);
        gpu.wait();
        Ok(())
    }
}

/// Position in the round cluster of a class.
fn place(class: u32, i: u32) -> [f32; 2] {
    let random = |salt: u32| {
        let mut x = i.wrapping_mul(0x9e37_79b9) ^ salt;
        x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
        x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
        (x ^ (x >> 16)) as f32 / 4_294_967_296.0
    };
    let (angle, radius) = (std::f32::consts::TAU * random(1), random(2).sqrt());
    let ring = std::f32::consts::TAU * class as f32 / 9.0;
    let middle = if class == 9 { [0.0; 2] } else { [3.2 * ring.cos(), 3.2 * ring.sin()] };
    [middle[0] + 1.1 * radius * angle.cos(), middle[1] + 1.1 * radius * angle.sin()]
}
