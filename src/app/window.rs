//! The window: winit's events in, two submits a frame out, training and pictures.
//!
//! A frame: poll → interface → training within the budget → submit → pictures → egui → submit → present. At most two frames are in
//! flight.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use winit::application::ApplicationHandler;
use winit::dpi::PhysicalSize;
use winit::event::{ElementState, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow};
use winit::window::{Window, WindowId};

use super::canvas::Canvas;
use super::dialogs::Request;
use super::display::{Display, Ended, without_source};
use super::frame_log::FrameLog;
use super::kept::KeptSession;
use super::live::{live_frame, work};
use super::offscreen::{self, Picture};
use super::surface::{create_window, failed, open_device, surface_size};
use super::workbench::{Show, Workbench};
use super::zoom::Zoom;
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
    /// Bytes of GPU memory for the key-frames of the run's past.
    pub key_frames: u64,
}

/// Makes the session once the device is open.
pub(crate) type MakeSession = Box<dyn FnOnce(Rc<Gpu>) -> Result<Session>>;

/// Time between frames while the window cannot be drawn to.
const HIDDEN_FRAME: Duration = Duration::from_millis(15);
/// Frames until all numbers are back from the GPU.
const SETTLING_FRAMES: u32 = 4;

/// Calls the function when a signal asks the program to end.
pub(crate) type Listen = Box<dyn FnOnce(Box<dyn Fn() + Send>)>;

impl Display {
    /// Opens the window and runs until it is closed, or a signal ends it.
    ///
    /// # Errors
    /// When there is no device, or the session cannot be made or saved.
    pub fn run(self, options: WindowOptions, listen: Listen, make: MakeSession) -> Result<()> {
        let event_loop = self.0;
        event_loop.set_control_flow(ControlFlow::Wait);
        let proxy = event_loop.create_proxy();
        // Where the loop has ended already, nobody needs to hear of it.
        listen(Box::new(move || _ = proxy.send_event(Ended)));
        let mut app = App { options, make: Some(make), running: None, result: Ok(()) };
        let ended = event_loop.run_app(&mut app);
        KeptSession::release();
        if let Err(error) = ended {
            // The window system is gone, the run is not.
            app.running.map_or(Ok(()), |running| running.session.stop_and_save())?;
            let what = format!("the window system failed: {}", without_source(&error.to_string()));
            return Err(Error::new(what, "train without a window: revacnn train"));
        }
        app.result
    }
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
    session: KeptSession,
    /// Bytes of GPU memory for key-frames.
    key_frames: u64,
    workbench: Workbench,
    canvas: Canvas,
    input: egui_winit::State,
    zoom: Zoom,
    log: FrameLog,
    log_file: Option<std::fs::File>,
    in_flight: Option<(wgpu::SubmissionIndex, Option<Instant>)>,
    /// Frames still to be drawn after the last change, because numbers are on their way.
    settling: u32,
    repaint_at: Option<Instant>,
    opened: Instant,
}

/// A canvas, and egui's input of the window.
fn interface(window: &Window, gpu: &Gpu, format: wgpu::TextureFormat) -> Result<(Canvas, egui_winit::State)> {
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

impl Running {
    fn open(event_loop: &ActiveEventLoop, options: &WindowOptions, make: MakeSession) -> Result<Self> {
        let window = create_window(event_loop)?;
        let (gpu, surface, config) = open_device(event_loop, &window, &options.adapter)?;
        let mut session = make(Rc::clone(&gpu))?;
        session.restore_layouts();
        session.keep_time(options.key_frames);
        session.count_distributions();
        if options.play {
            session.play();
            // The pipelines of the interface take longer to make than a step.
            work(&mut session, 0.0, 1.0);
        }
        let (canvas, input) = interface(&window, &gpu, config.format)?;
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
            session: KeptSession::new(session),
            workbench,
            canvas,
            input,
            zoom: Zoom::new(),
            log: FrameLog::new(),
            log_file,
            in_flight: None,
            settling: SETTLING_FRAMES,
            repaint_at: None,
            opened: Instant::now(),
            key_frames: options.key_frames,
        })
    }

    fn resize(&mut self, size: PhysicalSize<u32>) {
        if size.width > 0 && size.height > 0 {
            [self.config.width, self.config.height] = surface_size(&self.gpu, size);
            self.surface.configure(&self.gpu.device, &self.config);
            self.window.request_redraw();
        }
    }

    /// Saves the run (see [`Workbench::save`]).
    fn save(&mut self) {
        self.workbench.save(&mut self.session.get());
        self.window.request_redraw();
    }

    /// Prepares to close (see [`Workbench::close`]). Returns whether to close.
    fn close(&mut self) -> bool {
        self.window.request_redraw();
        self.workbench.close(&mut self.session.get())
    }

    /// Opens the run in a folder in place of the present one, which is saved before.
    fn open_run(&mut self, folder: &Path) -> Result<()> {
        self.workbench.leave_field(&mut self.session.get());
        self.session.stop_and_save()?;
        let mut session = Session::resume(Rc::clone(&self.gpu), folder)?;
        session.restore_layouts();
        session.keep_time(self.key_frames);
        session.count_distributions();
        (self.canvas, self.input) = interface(&self.window, &self.gpu, self.config.format)?;
        self.zoom = Zoom::new();
        self.workbench = Workbench::new(&session);
        self.window.set_title(&format!("ReVACNN – {}", session.title()));
        *self.session.get() = session;
        self.settling = SETTLING_FRAMES;
        self.window.request_redraw();
        Ok(())
    }

    /// Does what the user asks of the window; returns whether to close it.
    fn take_requests(&mut self) -> bool {
        for request in self.workbench.take_requests() {
            match request {
                Request::Save => self.save(),
                Request::SaveAndClose if self.close() => return true,
                Request::SaveAndClose => (),
                Request::Close => return true,
                Request::Open(folder) => {
                    let opened = self.open_run(&folder);
                    self.workbench.report(opened);
                }
                Request::Draw { pane, size: [width, height], scale, file } => {
                    let picture = Picture { scale, ..Picture::new(Show::Pane(pane), width, height) };
                    let drawn =
                        offscreen::render_live(&mut self.session.get(), &mut self.workbench, &picture);
                    self.workbench.report(drawn.and_then(|image| offscreen::save(&image, &file)));
                    self.window.request_redraw();
                }
            }
        }
        false
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
        self.session.get().poll();
        self.workbench.take(self.canvas.poll(), &self.session.get());
        self.workbench.costs.frames_per_s = self.log.frames_per_s();
        if self.workbench.take_epoch_ended() {
            self.save();
        }
        let Some(texture) = self.next_texture() else {
            // Nobody sees the window: the run goes on.
            work(&mut self.session.get(), self.workbench.costs.views_ms, 1.0);
            self.repaint_at = Instant::now().checked_add(HIDDEN_FRAME);
            return Ok(());
        };
        let view = texture.texture.create_view(&Default::default());
        let size = [self.config.width, self.config.height];
        self.zoom.fit(&self.canvas.ctx, size, self.window.scale_factor() as f32);
        let raw_input = self.input.take_egui_input(&self.window);
        let inputs = self.log.take_inputs();
        let (mut session, workbench) = (self.session.get(), &mut self.workbench);
        let (painting, trained) =
            live_frame(&mut self.canvas, workbench, &mut session, raw_input, size, Show::Workbench);
        drop(session);
        let mut encoder = self.gpu.encoder("frame");
        let output = self.canvas.record(&self.gpu, &mut encoder, painting, &view);
        let submission = self.gpu.submit(encoder);
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
        if let Some(line) = self.log.line(&self.workbench, &self.session.get(), scale) {
            writeln!(file, "{line}").map_err(|e| failed("the frame log cannot be written", e))?;
        }
        Ok(())
    }
}

impl App {
    /// Saves the run and ends; where it cannot be saved, the end is an error.
    fn save_and_stop(&mut self, event_loop: &ActiveEventLoop) {
        let saved = self.running.as_mut().map_or(Ok(()), |running| {
            running.workbench.leave_field(&mut running.session.get());
            running.session.stop_and_save()
        });
        self.stop(event_loop, saved);
    }

    fn stop(&mut self, event_loop: &ActiveEventLoop, result: Result<()>) {
        if self.result.is_ok() {
            self.result = result;
        }
        event_loop.exit();
    }
}

impl ApplicationHandler<Ended> for App {
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
            WindowEvent::CloseRequested if running.close() => return self.stop(event_loop, Ok(())),
            WindowEvent::Resized(size) => running.resize(*size),
            WindowEvent::DroppedFile(path) => running.workbench.take_dropped(path),
            WindowEvent::MouseInput { .. } => running.log.input(),
            WindowEvent::CursorMoved { .. } => running.settling = SETTLING_FRAMES,
            WindowEvent::KeyboardInput { event, .. } if event.state == ElementState::Pressed => {
                running.log.input()
            }
            WindowEvent::RedrawRequested => {
                let drawn = running.frame();
                if drawn.is_err() || running.take_requests() {
                    return self.stop(event_loop, drawn);
                }
            }
            _ => (),
        }
        if response.repaint {
            running.window.request_redraw();
        }
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, _: Ended) {
        self.save_and_stop(event_loop);
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        let Some(running) = &mut self.running else { return };
        if self.options.exit_after.is_some_and(|time| running.opened.elapsed() > time) {
            return self.save_and_stop(event_loop);
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
