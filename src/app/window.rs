//! The window: winit's events in, one encoder and one submit a frame out.
//!
//! A frame: poll → interface → training within the budget → pictures → egui → submit → present. At most two frames
//! are in flight.

use std::io::Write as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use winit::application::ApplicationHandler;
use winit::event::{ElementState, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop};
use winit::window::{Window, WindowId};

use super::canvas::{Canvas, Show};
use super::frame_log::FrameLog;
use super::workbench::Workbench;
use crate::error::{Error, Result};
use crate::gpu::{AdapterChoice, Gpu};
use crate::session::Session;

/// How the window runs.
#[derive(Debug, Clone, Default)]
pub struct WindowOptions {
    /// Which GPU.
    pub adapter: AdapterChoice,
    /// Closes by itself after this time.
    pub exit_after: Option<Duration>,
    /// Appends a line of JSON four times a second to this file.
    pub frame_log: Option<PathBuf>,
    /// Whether training begins at once.
    pub play: bool,
}

/// Makes the session once the device is open.
pub type MakeSession = Box<dyn FnOnce(Rc<Gpu>) -> Result<Session>>;

/// Milliseconds of GPU work in a frame: a display's frame on a GPU; on the software adapter, which shares its cores
/// with everything else, enough frames to be responsive.
const FRAME_MS: f64 = 15.0;
const SOFTWARE_FRAME_MS: f64 = 60.0;
/// Numbers come back from the GPU within so many frames.
const SETTLING_FRAMES: u32 = 4;

/// Opens the window and runs until it is closed.
///
/// # Errors
/// When there is no display, no device, or the session cannot be made.
pub fn run(options: WindowOptions, make: MakeSession) -> Result<()> {
    check_libraries()?;
    let event_loop = EventLoop::new().map_err(|e| {
        Error::new(
            format!("no window can be opened: {e}"),
            "log in to a desktop, or train without one: revacnn train",
        )
    })?;
    event_loop.set_control_flow(ControlFlow::Wait);
    let mut app = App { options, make: Some(make), running: None, result: Ok(()) };
    event_loop.run_app(&mut app).map_err(|e| {
        Error::new(format!("the window system failed: {e}"), "train without a window: revacnn train")
    })?;
    app.result
}

/// Whether a display can be reached at all.
pub fn has_display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

/// Libraries that a window on X11 opens at run time, and their packages on Debian and Ubuntu.
const X11_LIBRARIES: [(&str, &str); 4] = [
    ("libX11.so.6", "libx11-6"),
    ("libXcursor.so.1", "libxcursor1"),
    ("libXi.so.6", "libxi6"),
    ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
];

/// An error where a library is missing that the window opens at run time: there its absence is a panic.
fn check_libraries() -> Result<()> {
    let wayland = std::env::var_os("WAYLAND_DISPLAY").is_some_and(|v| !v.is_empty());
    if !cfg!(target_os = "linux") || wayland {
        return Ok(());
    }
    let folders = [
        "/usr/lib",
        "/usr/lib64",
        "/lib",
        "/lib64",
        "/usr/local/lib",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
    ];
    let listed = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let folders: Vec<PathBuf> =
        std::env::split_paths(&listed).chain(folders.iter().map(PathBuf::from)).collect();
    for (name, package) in X11_LIBRARIES {
        if !folders.iter().any(|folder| folder.join(name).exists()) {
            return Err(Error::new(
                format!("the window needs the library {name}"),
                format!("install it; on Debian and Ubuntu: sudo apt-get install {package}"),
            ));
        }
    }
    Ok(())
}

struct App {
    options: WindowOptions,
    make: Option<MakeSession>,
    running: Option<Running>,
    result: Result<()>,
}

struct Running {
    window: Arc<Window>,
    surface: wgpu::Surface<'static>,
    config: wgpu::SurfaceConfiguration,
    gpu: Rc<Gpu>,
    session: Session,
    bench: Workbench,
    canvas: Canvas,
    input: egui_winit::State,
    log: FrameLog,
    log_file: Option<std::fs::File>,
    in_flight: Option<(wgpu::SubmissionIndex, Option<Instant>)>,
    /// Frames still to be drawn after the last change: numbers are on their way.
    settling: u32,
    repaint_at: Option<Instant>,
    opened: Instant,
}

fn failed(what: &str, error: impl std::fmt::Display) -> Error {
    Error::new(format!("{what}: {error}"), "try another adapter (see: revacnn adapters), or revacnn train")
}

impl Running {
    fn open(event_loop: &ActiveEventLoop, options: &WindowOptions, make: MakeSession) -> Result<Self> {
        let attributes = Window::default_attributes()
            .with_title("ReVACNN")
            .with_inner_size(winit::dpi::LogicalSize::new(1280.0, 800.0))
            .with_min_inner_size(winit::dpi::LogicalSize::new(640.0, 400.0));
        let window =
            event_loop.create_window(attributes).map_err(|e| failed("no window can be opened", e))?;
        let window = Arc::new(window);
        let display = Box::new(event_loop.owned_display_handle());
        let instance =
            crate::gpu::instance(wgpu::InstanceDescriptor::new_with_display_handle_from_env(display));
        let surface = instance
            .create_surface(Arc::clone(&window))
            .map_err(|e| failed("the window cannot be drawn to", e))?;
        let (gpu, adapter) = Gpu::open_for_surface(&instance, &options.adapter, &surface)?;
        let gpu = Rc::new(gpu);
        let size = window.inner_size();
        let mut config = surface
            .get_default_config(&adapter, size.width.max(1), size.height.max(1))
            .ok_or_else(|| failed("the window cannot be drawn to", "its format is not supported"))?;
        // egui blends in gamma space: a format without conversion.
        let formats = surface.get_capabilities(&adapter).formats;
        config.format = formats.into_iter().find(|f| !f.is_srgb()).unwrap_or(config.format);
        config.present_mode = wgpu::PresentMode::AutoVsync;
        config.desired_maximum_frame_latency = 1;
        surface.configure(&gpu.device, &config);
        let mut session = make(Rc::clone(&gpu))?;
        if options.play {
            session.play();
        }
        let canvas = Canvas::new(&gpu, config.format, false)?;
        let most = gpu.limits.max_texture_dimension_2d as usize;
        let scale = Some(window.scale_factor() as f32);
        let input = egui_winit::State::new(
            canvas.ctx.clone(),
            egui::ViewportId::ROOT,
            &window,
            scale,
            window.theme(),
            Some(most),
        );
        window.set_title(&format!("ReVACNN – {}", session.title()));
        let log_file = options.frame_log.as_ref().map(std::fs::File::create).transpose();
        let log_file = log_file.map_err(|e| failed("the frame log cannot be written", e))?;
        let bench = Workbench::new(&session);
        window.request_redraw();
        Ok(Self {
            window,
            surface,
            config,
            gpu,
            session,
            bench,
            canvas,
            input,
            log: FrameLog::new(),
            log_file,
            in_flight: None,
            settling: SETTLING_FRAMES,
            repaint_at: None,
            opened: Instant::now(),
        })
    }

    fn resize(&mut self, width: u32, height: u32) {
        if width > 0 && height > 0 {
            (self.config.width, self.config.height) = (width, height);
            self.surface.configure(&self.gpu.device, &self.config);
            self.window.request_redraw();
        }
    }

    /// The texture of the next frame; none when the window cannot be drawn to just now.
    fn next_texture(&mut self) -> Option<wgpu::SurfaceTexture> {
        use wgpu::CurrentSurfaceTexture as Current;
        match self.surface.get_current_texture() {
            Current::Success(texture) | Current::Suboptimal(texture) => Some(texture),
            Current::Outdated | Current::Lost => {
                self.surface.configure(&self.gpu.device, &self.config);
                self.window.request_redraw();
                None
            }
            Current::Timeout | Current::Occluded | Current::Validation => None,
        }
    }

    /// Waits for the frame before the last, so that a click never stands behind a queue of frames.
    fn wait_for_last(&mut self) {
        if let Some((submission, inputs)) = self.in_flight.take() {
            self.gpu.wait_for(submission);
            self.log.presented(inputs);
        }
        self.gpu.poll();
    }

    /// One frame.
    fn frame(&mut self) -> Result<()> {
        self.wait_for_last();
        self.session.poll();
        self.canvas.poll(&mut self.bench);
        self.bench.costs.frames_per_s = self.log.frames_per_s();
        if std::mem::take(&mut self.bench.epoch_ended) {
            self.session.save()?;
        }
        let Some(texture) = self.next_texture() else { return Ok(()) };
        let view = texture.texture.create_view(&Default::default());
        let raw_input = self.input.take_egui_input(&self.window);
        let inputs = self.log.take_inputs();
        // The interface runs first, so that a click acts on this very frame; it is painted last, from the state that
        // the frame's training leaves.
        let size = [self.config.width, self.config.height];
        let painting = self.canvas.run(&mut self.session, &mut self.bench, raw_input, Show::Workbench, size);
        let budget = if self.gpu.is_software() { SOFTWARE_FRAME_MS } else { FRAME_MS };
        let budget = (budget - self.bench.costs.views_ms).max(budget / 4.0);
        let mut encoder = self.gpu.encoder("frame");
        let trained = self.session.record(&mut encoder, budget);
        let output = self.canvas.record(&self.gpu, &mut encoder, painting, &view);
        let submission = self.gpu.submit(encoder);
        self.session.after_submit();
        self.canvas.after_submit();
        self.window.pre_present_notify();
        self.gpu.queue.present(texture);
        self.in_flight = Some((submission, inputs));
        self.input.handle_platform_output(&self.window, output.platform_output);
        let delay = output.viewport_output.values().map(|v| v.repaint_delay).min().unwrap_or(Duration::MAX);
        let delay = if trained { Duration::ZERO } else { delay.min(self.settling_delay()) };
        self.settling =
            if trained || inputs.is_some() { SETTLING_FRAMES } else { self.settling.saturating_sub(1) };
        self.repaint_at = Instant::now().checked_add(delay);
        self.write_log()
    }

    /// When the next frame is due while nothing trains: soon while numbers are on their way, then only at an event;
    /// a log goes on.
    fn settling_delay(&self) -> Duration {
        match (self.settling, &self.log_file) {
            (1.., _) => Duration::from_millis(100),
            (0, Some(_)) => Duration::from_millis(250),
            (0, None) => Duration::MAX,
        }
    }

    fn write_log(&mut self) -> Result<()> {
        let Some(file) = &mut self.log_file else { return Ok(()) };
        let scale = self.canvas.ctx.pixels_per_point();
        if let Some(line) = self.log.line(&self.bench, &self.session, scale) {
            writeln!(file, "{line}").map_err(|e| failed("the frame log cannot be written", e))?;
        }
        Ok(())
    }
}

impl App {
    fn stop(&mut self, event_loop: &ActiveEventLoop, result: Result<()>) {
        if self.result.is_ok() {
            self.result = result;
        }
        event_loop.exit();
    }
}

impl ApplicationHandler for App {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        let Some(make) = self.make.take() else { return };
        match Running::open(event_loop, &self.options, make) {
            Ok(running) => self.running = Some(running),
            Err(error) => self.stop(event_loop, Err(error)),
        }
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _id: WindowId, event: WindowEvent) {
        let Some(running) = &mut self.running else { return };
        let response = running.input.on_window_event(&running.window, &event);
        match &event {
            WindowEvent::CloseRequested => {
                running.session.pause();
                let saved = running.session.save();
                return self.stop(event_loop, saved);
            }
            WindowEvent::Resized(size) => running.resize(size.width, size.height),
            WindowEvent::MouseInput { .. } => running.log.input(),
            WindowEvent::CursorMoved { .. } => running.settling = SETTLING_FRAMES,
            WindowEvent::KeyboardInput { event, .. } if event.state == ElementState::Pressed => {
                running.log.input()
            }
            WindowEvent::RedrawRequested => {
                if let Err(error) = running.frame() {
                    return self.stop(event_loop, Err(error));
                }
            }
            _ => (),
        }
        if response.repaint {
            running.window.request_redraw();
        }
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        let Some(running) = &mut self.running else { return };
        if self.options.exit_after.is_some_and(|time| running.opened.elapsed() > time) {
            let saved = running.session.save();
            return self.stop(event_loop, saved);
        }
        match running.repaint_at {
            Some(at) if at <= Instant::now() => {
                running.window.request_redraw();
                event_loop.set_control_flow(ControlFlow::Wait);
            }
            Some(at) => event_loop.set_control_flow(ControlFlow::WaitUntil(at)),
            None => event_loop.set_control_flow(ControlFlow::Wait),
        }
    }
}
