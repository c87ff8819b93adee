//! The window: winit's events in, one encoder and one submit a frame out.
//!
//! A frame: poll → interface → training within the budget → pictures → egui → submit → present. At most two frames are in flight.

use std::io::Write as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use winit::application::ApplicationHandler;
use winit::event::{ElementState, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop};
use winit::window::{Window, WindowId};

use super::canvas::Canvas;
use super::frame_log::FrameLog;
use super::workbench::{Show, Workbench};
use crate::error::{Error, Result};
use crate::gpu::{AdapterChoice, Gpu};
use crate::session::Session;

/// Options of the window.
#[derive(Debug, Clone, Default)]
pub struct WindowOptions {
    /// Adapter to open.
    pub adapter: AdapterChoice,
    /// Time after which it closes by itself.
    pub exit_after: Option<Duration>,
    /// File for a line of JSON four times per second.
    pub frame_log: Option<PathBuf>,
    /// Trains from the start.
    pub play: bool,
}

/// Makes the session once the device is open.
pub(crate) type MakeSession = Box<dyn FnOnce(Rc<Gpu>) -> Result<Session>>;

/// GPU milliseconds per frame.
const FRAME_MS: f64 = 15.0;
/// The same on the software adapter, which shares its cores with everything else.
const SOFTWARE_FRAME_MS: f64 = 60.0;
/// Frames until all numbers are back from the GPU.
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

/// True where a display can be reached.
pub fn has_display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

/// Libraries that a window on X11 loads at run time, and their packages on Debian and Ubuntu.
const X11_LIBRARIES: [(&str, &str); 4] = [
    ("libX11.so.6", "libx11-6"),
    ("libXcursor.so.1", "libxcursor1"),
    ("libXi.so.6", "libxi6"),
    ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
];

/// Checks for the libraries that the window loads at run time, where a missing one would be a panic.
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
    workbench: Workbench,
    canvas: Canvas,
    input: egui_winit::State,
    log: FrameLog,
    log_file: Option<std::fs::File>,
    in_flight: Option<(wgpu::SubmissionIndex, Option<Instant>)>,
    /// Frames still to be drawn after the last change, because numbers are on their way.
    settling: u32,
    repaint_at: Option<Instant>,
    opened: Instant,
}

fn failed(what: &str, error: impl std::fmt::Display) -> Error {
    Error::new(format!("{what}: {error}"), "try another adapter (see: revacnn adapters), or revacnn train")
}

fn create_window(event_loop: &ActiveEventLoop) -> Result<Arc<Window>> {
    let attributes = Window::default_attributes()
        .with_title("ReVACNN")
        .with_inner_size(winit::dpi::LogicalSize::new(1280.0, 800.0))
        .with_min_inner_size(winit::dpi::LogicalSize::new(640.0, 400.0));
    let window = event_loop.create_window(attributes).map_err(|e| failed("no window can be opened", e))?;
    Ok(Arc::new(window))
}

/// Opens the adapter and configures the window's surface.
fn open_device(
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
    let (gpu, adapter, surface) = Gpu::open_for_surface(adapter, descriptor, surface)?;
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
    Ok((Rc::new(gpu), surface, config))
}

impl Running {
    fn open(event_loop: &ActiveEventLoop, options: &WindowOptions, make: MakeSession) -> Result<Self> {
        let window = create_window(event_loop)?;
        let (gpu, surface, config) = open_device(event_loop, &window, &options.adapter)?;
        let mut session = make(Rc::clone(&gpu))?;
        session.restore_layouts();
        if options.play {
            session.play();
        }
        let canvas = Canvas::new(&gpu, config.format, false)?;
        let input = egui_winit::State::new(
            canvas.ctx.clone(),
            egui::ViewportId::ROOT,
            &window,
            Some(window.scale_factor() as f32),
            window.theme(),
            Some(gpu.limits.max_texture_dimension_2d as usize),
        );
        window.set_title(&format!("ReVACNN – {}", session.title()));
        let log_file = options.frame_log.as_ref().map(std::fs::File::create).transpose();
        let log_file = log_file.map_err(|e| failed("the frame log cannot be written", e))?;
        let workbench = Workbench::new(&session);
        window.request_redraw();
        Ok(Self {
            window,
            surface,
            config,
            gpu,
            session,
            workbench,
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

    /// Texture of the next frame; none while the window cannot be drawn to.
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

    /// Waits for the last frame, so that a click never waits behind a queue of frames.
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
        self.workbench.take(self.canvas.poll(), &self.session);
        self.workbench.costs.frames_per_s = self.log.frames_per_s();
        if self.workbench.take_epoch_ended() {
            self.session.save()?;
        }
        let Some(texture) = self.next_texture() else { return Ok(()) };
        let view = texture.texture.create_view(&Default::default());
        let raw_input = self.input.take_egui_input(&self.window);
        let inputs = self.log.take_inputs();
        // The interface is laid out first, so that a click acts on this very frame, and painted last, from the state
        // after the frame's training.
        let size = [self.config.width, self.config.height];
        let (session, workbench) = (&mut self.session, &mut self.workbench);
        let painting = self.canvas.run(&self.gpu, raw_input, size, |ui, frame| {
            workbench.ui(ui, session, frame, Show::Workbench);
        });
        let budget = if self.gpu.is_software() { SOFTWARE_FRAME_MS } else { FRAME_MS };
        let budget = (budget - self.workbench.costs.views_ms).max(budget / 4.0);
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

    /// Delay of the next frame while nothing trains: short while numbers are on their way, then until an event; a log
    /// goes on.
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
        if let Some(line) = self.log.line(&self.workbench, &self.session, scale) {
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
