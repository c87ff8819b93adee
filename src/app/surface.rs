//! The window, its surface and its interface: made, kept within the sizes of screen and adapter, and the pace of its turns.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use winit::dpi::{LogicalSize, PhysicalSize};
use winit::event_loop::ActiveEventLoop;
use winit::window::Window;

use super::canvas::Canvas;
use super::display::without_source;
use crate::error::{Error, Result};
use crate::gpu::{AdapterChoice, Gpu, TunePolicy};
use crate::session::Session;

/// Time between frames while the window cannot be drawn to and nothing trains.
pub(super) const HIDDEN_FRAME: Duration = Duration::from_millis(15);
/// An error of the window or its surface.
pub(super) fn failed(what: &str, error: impl std::fmt::Display) -> Error {
    Error::new(format!("{what}: {error}"), "try another adapter (see: revacnn adapters), or revacnn train")
}

/// A window no larger than the screen.
///
/// # Errors
/// When the window system makes none.
pub(super) fn create_window(event_loop: &ActiveEventLoop) -> Result<Arc<Window>> {
    let monitor = event_loop.primary_monitor().or_else(|| event_loop.available_monitors().next());
    let mut size = LogicalSize::new(1280.0_f64, 800.0);
    if let Some(monitor) = monitor.filter(|monitor| monitor.size().width > 0) {
        let room: LogicalSize<f64> = monitor.size().to_logical(monitor.scale_factor());
        size = LogicalSize::new(size.width.min(room.width), size.height.min(room.height));
    }
    let attributes = Window::default_attributes()
        .with_title("ReVACNN")
        .with_inner_size(size)
        .with_min_inner_size(PhysicalSize::new(480, 300));
    let window = event_loop.create_window(attributes);
    let reason = |e: winit::error::OsError| failed("no window can be opened", without_source(&e.to_string()));
    Ok(Arc::new(window.map_err(reason)?))
}

/// Size of a surface for a window of `size`: no larger than the adapter's textures.
pub(super) fn surface_size(gpu: &Gpu, size: PhysicalSize<u32>) -> [u32; 2] {
    [size.width, size.height].map(|side| side.clamp(1, gpu.limits.max_texture_dimension_2d))
}

/// Opens the adapter and configures the window's surface.
///
/// # Errors
/// When there is no adapter that can draw in the window.
pub(super) fn open_device(
    event_loop: &ActiveEventLoop,
    window: &Arc<Window>,
    adapter: &AdapterChoice,
) -> Result<(Rc<Gpu>, wgpu::Surface<'static>, wgpu::SurfaceConfiguration)> {
    let descriptor = || {
        let display = Box::new(event_loop.owned_display_handle());
        wgpu::InstanceDescriptor::new_with_display_handle_from_env(display)
    };
    let surface = |instance: &wgpu::Instance| {
        let made = instance.create_surface(Arc::clone(window));
        made.map_err(|e| failed("the window cannot be drawn to", e))
    };
    let (mut gpu, adapter, surface) = Gpu::open_for_surface(adapter, descriptor, surface)?;
    if !gpu.is_software() {
        // Training begins on the usual kernels; faster ones are found while the hand rests.
        gpu.set_tune_policy(TunePolicy::Later);
    }
    let [width, height] = surface_size(&gpu, window.inner_size());
    let mut config = surface
        .get_default_config(&adapter, width, height)
        .ok_or_else(|| failed("the window cannot be drawn to", "its format is not supported"))?;
    // egui blends in gamma space: a format without conversion.
    let formats = surface.get_capabilities(&adapter).formats;
    config.format = formats.into_iter().find(|f| !f.is_srgb()).unwrap_or(config.format);
    config.present_mode = wgpu::PresentMode::AutoVsync;
    config.desired_maximum_frame_latency = 1;
    surface.configure(&gpu.device, &config);
    Ok((Rc::new(gpu), surface, config))
}

/// A canvas, and egui's input of the window.
pub(super) fn interface(
    window: &Window,
    gpu: &Gpu,
    format: wgpu::TextureFormat,
) -> Result<(Canvas, egui_winit::State)> {
    let canvas = Canvas::new(gpu, format, false)?.sharing_time();
    let input = egui_winit::State::new(
        canvas.ctx.clone(),
        egui::ViewportId::ROOT,
        window,
        Some(window.scale_factor() as f32),
        window.theme(),
        Some(gpu.limits.max_texture_dimension_2d as usize),
    );
    Ok((canvas, input))
}

/// Delay of the next turn of a run that trains: none but while its kernels are compiled, which needs the cores.
pub(super) fn training_delay(session: &Session) -> Duration {
    if session.compiles() { HIDDEN_FRAME } else { Duration::ZERO }
}
