//! Frames of the benchmarks.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use clap::Args;
use revacnn::app::offscreen::{FORMAT, Picture, input, target};
use revacnn::app::{Canvas, DrawingShare, Painting, Show, Workbench, live_frame, train};
use revacnn::error::Result;
use revacnn::session::Session;

use crate::cli::render::parse_size;

/// Size of the window that is drawn.
#[derive(Args)]
pub(super) struct WindowSize {
    /// Width and height in pixels.
    #[arg(long, value_name = "WxH", default_value = "1280x800", value_parser = parse_size)]
    pub size: (u32, u32),
}

/// Renders as the window does, into a texture that nobody reads.
pub(super) struct Renderer {
    pub workbench: Workbench,
    pub canvas: Canvas,
    picture: Picture,
    view: wgpu::TextureView,
    pub frames: usize,
    /// Position of the pointer, in points; none outside the window.
    pub pointer: Option<egui::Pos2>,
    began: Instant,
    drawing: DrawingShare,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
}

impl Renderer {
    pub(super) fn new(session: &Session, show: Show, (width, height): (u32, u32)) -> Result<Self> {
        let texture = target(session.gpu(), width, height);
        Ok(Self {
            workbench: Workbench::new(session),
            canvas: Canvas::new(session.gpu(), FORMAT, true)?.sharing_time(),
            picture: Picture::new(show, width, height),
            view: texture.create_view(&Default::default()),
            frames: 0,
            pointer: None,
            began: Instant::now(),
            drawing: DrawingShare::default(),
            in_flight: VecDeque::new(),
        })
    }

    /// Submits a frame of pictures alone.
    pub(super) fn draw(&mut self, session: &mut Session) {
        let (input, size) = self.next_input();
        let (gpu, show) = (Rc::clone(session.trainer().gpu()), self.picture.show);
        let painting = self.canvas.run(&gpu, input, size, |ui, frame| {
            self.workbench.ui(ui, session, frame, show);
        });
        self.paint(session, painting);
    }

    /// A turn as the window has them: a frame with its training, until it could be presented, or training alone, as where a frame `may`
    /// not be drawn yet. `waits` says that an input waits for a frame. Returns whether it was a frame.
    pub(super) fn turn(&mut self, session: &mut Session, waits: bool, may: bool) -> bool {
        self.wait(session, usize::from(!session.gpu().is_software()));
        session.poll();
        let draws = self.drawing.begin(session, waits) && may;
        if !draws {
            self.drawing.put_off();
        }
        let submission = if draws {
            let (input, size) = self.next_input();
            let (workbench, canvas) = (&mut self.workbench, &mut self.canvas);
            let (painting, _) = live_frame(canvas, workbench, session, input, size, self.picture.show);
            self.paint(session, painting)
        } else {
            train(&self.canvas, session)
        };
        self.in_flight.push_back(submission);
        draws
    }

    /// Waits until the GPU is done with all but the last `most` turns.
    pub(super) fn wait(&mut self, session: &Session, most: usize) {
        while self.in_flight.len() > most
            && let Some(submission) = self.in_flight.pop_front()
        {
            session.gpu().wait_for(submission);
        }
        session.gpu().poll();
    }

    fn next_input(&mut self) -> (egui::RawInput, [u32; 2]) {
        let mut input = input(&self.picture, self.frames);
        // Whether the pointer moves depends on the time.
        input.time = Some(self.began.elapsed().as_secs_f64());
        input.events.extend(self.pointer.map(egui::Event::PointerMoved));
        self.frames += 1;
        (input, [self.picture.width, self.picture.height])
    }

    fn paint(&mut self, session: &Session, painting: Painting) -> wgpu::SubmissionIndex {
        let mut encoder = session.gpu().encoder("picture");
        let output = self.canvas.record(session.gpu(), &mut encoder, painting, &self.view);
        output.drop_without_applying_deltas();
        let submission = session.gpu().submit(encoder);
        self.canvas.after_submit();
        self.workbench.take(self.canvas.poll(), session);
        submission
    }
}
