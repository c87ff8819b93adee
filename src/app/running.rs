//! An open window with its run: its frames, and what the user asks of it.
//!
//! A frame: poll → interface → training within the budget → submit → pictures → egui → submit → present. One is in flight on the software
//! adapter, two on a GPU.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use winit::dpi::PhysicalSize;
use winit::event::{ElementState, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow};
use winit::window::Window;

use super::canvas::Canvas;
use super::dialogs::Request;
use super::door_picture::door_picture;
use super::drawing_share::DrawingShare;
use super::frame_log::FrameLog;
use super::kept::KeptSession;
use super::live::{live_frame, train, work};
use super::offscreen::{self, Picture};
use super::pane::Costs;
use super::surface::{
    HIDDEN_FRAME, create_window, failed, interface, open_device, surface_size, training_delay,
};
use super::theme;
use super::workbench::{Show, Workbench};
use super::zoom::Zoom;
use crate::door::Door;
use crate::error::Result;
use crate::gpu::{AdapterChoice, Gpu};
use crate::session::{LOOK_EVERY, Openable, Session, follow};

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
    /// Port on 127.0.0.1 at which programs come in, 0 for a free one; none without.
    pub listen: Option<u16>,
}

/// Makes the session once the device is open.
pub(crate) type MakeSession = Box<dyn FnOnce(Rc<Gpu>) -> Result<Session>>;

/// Frames until all numbers are back from the GPU.
const SETTLING_FRAMES: u32 = 4;

/// An open window with its run.
pub(super) struct Running {
    window: Arc<Window>,
    surface: wgpu::Surface<'static>,
    config: wgpu::SurfaceConfiguration,
    gpu: Rc<Gpu>,
    session: KeptSession,
    door: Option<Door>,
    /// Bytes of GPU memory for key-frames.
    key_frames: u64,
    workbench: Workbench,
    canvas: Canvas,
    input: egui_winit::State,
    zoom: Zoom,
    log: FrameLog,
    log_file: Option<std::fs::File>,
    drawing: DrawingShare,
    /// Turns of which the GPU is not known to be done, oldest first.
    in_flight: VecDeque<InFlight>,
    /// An input waits for a frame.
    waits: bool,
    /// Frames still to be drawn after the last change, because numbers are on their way.
    settling: u32,
    repaint_at: Option<Instant>,
    /// Time at which it was opened.
    pub(super) opened: Instant,
}

/// A turn that the GPU may still be at.
struct InFlight {
    submission: wgpu::SubmissionIndex,
    /// It is a frame, and no training alone.
    is_frame: bool,
    /// Time of the oldest input that it shows.
    inputs: Option<Instant>,
}

impl Running {
    /// Opens the window, the device and the run.
    pub(super) fn open(
        event_loop: &ActiveEventLoop,
        options: &WindowOptions,
        make: MakeSession,
    ) -> Result<Self> {
        let window = create_window(event_loop)?;
        let (gpu, surface, config) = open_device(event_loop, &window, &options.adapter)?;
        let mut session = make(Rc::clone(&gpu))?;
        session.restore_layouts();
        session.keep_time(options.key_frames);
        session.count_distributions();
        let door = options.listen.map(|port| Door::open(port, false)).transpose()?;
        door.iter().for_each(Door::announce);
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
            door,
            workbench,
            canvas,
            input,
            zoom: Zoom::new(),
            log: FrameLog::new(),
            log_file,
            drawing: DrawingShare::default(),
            in_flight: VecDeque::new(),
            waits: false,
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

    /// Opens a run, a training or a network in place of the present run, which is saved before.
    fn open_in_place(&mut self, path: &Path) -> Result<()> {
        self.workbench.leave_field(&mut self.session.get());
        self.session.stop_and_save()?;
        let settings = self.session.get().settings().clone();
        let mut session = Openable::at(path).open(Rc::clone(&self.gpu), &settings)?;
        session.restore_layouts();
        session.keep_time(self.key_frames);
        session.count_distributions();
        (self.canvas, self.input) = interface(&self.window, &self.gpu, self.config.format)?;
        self.zoom = Zoom::new();
        self.workbench = Workbench::new(&session);
        self.window.set_title(&format!("ReVACNN – {}", session.title()));
        *self.session.get() = session;
        self.door.iter_mut().for_each(Door::forget);
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
                Request::Open(path) => {
                    let opened = self.open_in_place(&path);
                    self.workbench.report(opened);
                }
                Request::Keep(folder) => {
                    self.workbench.keep(&mut self.session.get(), &folder);
                    self.window.request_redraw();
                }
                Request::Draw { pane, size: [width, height], scale, file } => {
                    let theme = theme::shown();
                    let picture = Picture { scale, theme, ..Picture::new(Show::Pane(pane), width, height) };
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

    /// Waits for the turns before, so that a click never waits behind a queue of frames. A GPU may still be at the last one: it trains
    /// while the CPU lays out the next frame.
    fn wait_for_last(&mut self) {
        let most = usize::from(!self.gpu.is_software() && self.session.get().is_playing());
        while self.in_flight.len() > most
            && let Some(turn) = self.in_flight.pop_front()
        {
            self.gpu.wait_for(turn.submission);
            if turn.is_frame {
                self.log.presented(turn.inputs);
            }
        }
        self.gpu.poll();
    }

    /// One turn of the loop: a frame, or training alone.
    fn turn(&mut self) -> Result<()> {
        self.wait_for_last();
        self.session.get().poll();
        self.workbench.take(self.canvas.poll(), &self.session.get());
        let Costs { frames_per_s, drawing_share, .. } = &mut self.workbench.costs;
        (*frames_per_s, *drawing_share) = (self.log.frames_per_s(), self.drawing.share());
        if self.workbench.take_epoch_ended() {
            self.save();
        }
        let drawn = if self.drawing.begin(&self.session.get(), self.waits) {
            self.waits = false;
            self.frame()
        } else {
            let submission = train(&self.canvas, &mut self.session.get());
            self.in_flight.push_back(InFlight { submission, is_frame: false, inputs: None });
            self.repaint_at = Instant::now().checked_add(training_delay(&self.session.get()));
            Ok(())
        };
        drawn.and_then(|()| self.write_log())
    }

    /// One frame.
    fn frame(&mut self) -> Result<()> {
        let Some(texture) = self.next_texture() else {
            // Nobody sees the window: the run goes on.
            let mut session = self.session.get();
            self.workbench.take_events(&mut session);
            let (trained, submission) = work(&mut session, self.workbench.costs.views_ms, 1.0);
            self.in_flight.push_back(InFlight { submission, is_frame: false, inputs: None });
            let delay = if trained { training_delay(&session) } else { HIDDEN_FRAME };
            self.repaint_at = Instant::now().checked_add(delay);
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
        let training_delay = training_delay(&session);
        drop(session);
        let mut encoder = self.gpu.encoder("frame");
        let output = self.canvas.record(&self.gpu, &mut encoder, painting, &view);
        let submission = self.gpu.submit(encoder);
        self.canvas.after_submit();
        self.window.pre_present_notify();
        self.gpu.queue.present(texture);
        self.in_flight.push_back(InFlight { submission, is_frame: true, inputs });
        self.input.handle_platform_output(&self.window, output.platform_output);
        let delay = output.viewport_output.values().map(|v| v.repaint_delay).min().unwrap_or(Duration::MAX);
        let delay = if trained { training_delay } else { delay.min(self.settling_delay()) };
        self.settling =
            if trained || inputs.is_some() { SETTLING_FRAMES } else { self.settling.saturating_sub(1) };
        self.repaint_at = Instant::now().checked_add(delay);
        Ok(())
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

    /// Takes an event of the window; returns whether to close it.
    pub(super) fn on_event(&mut self, event: &WindowEvent) -> Result<bool> {
        let response = self.input.on_window_event(&self.window, event);
        self.waits |= waits_for_frame(event, &self.canvas.ctx);
        match event {
            WindowEvent::CloseRequested if self.close() => return Ok(true),
            WindowEvent::Resized(size) => self.resize(*size),
            WindowEvent::DroppedFile(path) => self.workbench.take_dropped(path),
            WindowEvent::MouseInput { .. } => self.log.input(),
            WindowEvent::CursorMoved { .. } => self.settling = SETTLING_FRAMES,
            WindowEvent::KeyboardInput { event, .. } if event.state == ElementState::Pressed => {
                self.log.input()
            }
            WindowEvent::RedrawRequested => {
                self.turn()?;
                if self.take_requests() {
                    return Ok(true);
                }
            }
            _ => (),
        }
        if response.repaint {
            self.window.request_redraw();
        }
        Ok(false)
    }

    /// Requests the next turn where it is due; returns until when the loop is to wait.
    pub(super) fn request_turn(&mut self) -> ControlFlow {
        let served =
            self.door.as_mut().is_some_and(|door| door.serve(&mut self.session.get(), &mut door_picture));
        if served {
            self.settling = SETTLING_FRAMES;
            self.window.request_redraw();
        }
        let watches = self.session.get().watched().is_some();
        if watches && follow(&mut self.session.get()) {
            self.window.request_redraw();
        }
        let look_at = (watches || self.door.is_some()).then(|| Instant::now() + LOOK_EVERY);
        match self.repaint_at.into_iter().chain(look_at).min() {
            Some(at) if at <= Instant::now() => {
                self.window.request_redraw();
                ControlFlow::Wait
            }
            Some(at) => ControlFlow::WaitUntil(at),
            None => ControlFlow::Wait,
        }
    }

    /// Takes the number that is being typed, and stops and saves the run.
    pub(super) fn stop_and_save(&mut self) -> Result<()> {
        self.workbench.leave_field(&mut self.session.get());
        self.session.stop_and_save()
    }
}

/// True for an input that waits for a frame: all but a pointer that moves without a button.
fn waits_for_frame(event: &WindowEvent, ctx: &egui::Context) -> bool {
    match event {
        WindowEvent::RedrawRequested => false,
        WindowEvent::CursorMoved { .. } => ctx.input(|input| input.pointer.any_down()),
        _ => true,
    }
}
