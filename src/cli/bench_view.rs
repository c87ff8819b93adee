//! `revacnn bench view`: what looking costs.
//!
//! Training alone and training with the pictures drawn take turns, so that a noisy machine disturbs both alike.

use std::time::{Duration, Instant};

use clap::Args;
use revacnn::app::offscreen::{FORMAT, Picture, input, target};
use revacnn::app::{Canvas, Show, Workbench};
use revacnn::error::{Error, Result};
use revacnn::session::Session;
use serde_json::json;

use super::print_line;
use super::render::{parse_size, view_parser};
use super::run_options::{AdapterOption, RunOptions};

/// Turns of each kind.
const ROUNDS: usize = 4;

#[derive(Args)]
pub struct BenchView {
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    adapter: AdapterOption,
    /// The pane to draw, or the whole window.
    #[arg(long, default_value = "network", value_parser = view_parser())]
    view: Show,
    /// Width and height in pixels.
    #[arg(long, value_name = "WxH", default_value = "1280x800", value_parser = parse_size)]
    size: (u32, u32),
    /// How often it is drawn in a second.
    #[arg(long, value_name = "HZ", default_value_t = 8.0)]
    rate: f64,
    /// Seconds of each turn; there are 4 of each kind.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Draws a layout of so many points instead, and nothing trains.
    #[arg(long, value_name = "N")]
    points: Option<u32>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// One turn: images a second, and frames drawn.
struct Turn {
    images_per_s: f64,
    frames: u32,
}

impl BenchView {
    pub fn run(&self) -> Result<()> {
        for (name, value) in [("--rate", self.rate), ("--seconds", self.seconds)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(Error::usage(format!("{name} is {value}"), "give it a value above 0"));
            }
        }
        if let Some(points) = self.points {
            return super::bench_points::run(&*self.adapter.open()?, points, self.size, self.json);
        }
        let mut session = Session::new(self.adapter.open()?, &self.run.network, self.run.settings()?, None)?;
        let mut looker = Looker::new(&session, self)?;
        session.play();
        // Compile and warm up both.
        looker.turn(&mut session, 1.0, Some(self.rate));
        let (mut alone, mut looking) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            alone.push(looker.turn(&mut session, self.seconds, None));
            looking.push(looker.turn(&mut session, self.seconds, Some(self.rate)));
        }
        let median = |turns: &[Turn]| {
            let mut rates: Vec<f64> = turns.iter().map(|t| t.images_per_s).collect();
            rates.sort_by(f64::total_cmp);
            rates[rates.len() / 2]
        };
        let frames: u32 = looking.iter().map(|t| t.frames).sum();
        let frames_per_s = f64::from(frames) / (self.seconds * ROUNDS as f64);
        let (alone, with) = (median(&alone), median(&looking));
        let cost = 1.0 - with / alone;
        // What comes back is the two times that this benchmark prints, 16 bytes each.
        let bytes = looker.canvas.bytes_read() as f64 / looker.frames as f64;
        let views_ms = looker.workbench.costs.views_ms;
        if self.json {
            let value = json!({
                "images_per_s_alone": alone, "images_per_s_looking": with, "cost_of_looking": cost, "frames_per_s": frames_per_s,
                "views_gpu_ms": views_ms, "bytes_read_back_per_picture": bytes, "width": self.size.0, "height": self.size.1,
                "network": self.run.network, "batch": self.run.batch, "adapter": session.gpu().info.name,
            });
            return print_line(&value.to_string());
        }
        print_line(&format!(
            "{alone:.0} images/s alone, {with:.0} with {frames_per_s:.1} pictures a second of {views_ms:.1} ms GPU time: looking costs {:.1} % ({bytes:.0} bytes come back per picture: its times)",
            100.0 * cost
        ))
    }
}

/// Draws as the window does, into a texture that nobody reads.
struct Looker {
    workbench: Workbench,
    canvas: Canvas,
    picture: Picture,
    view: wgpu::TextureView,
    frames: usize,
}

impl Looker {
    fn new(session: &Session, options: &BenchView) -> Result<Self> {
        let (width, height) = options.size;
        let texture = target(session.gpu(), width, height);
        Ok(Self {
            workbench: Workbench::new(session),
            canvas: Canvas::new(session.gpu(), FORMAT, true)?,
            picture: Picture::new(options.view, width, height),
            view: texture.create_view(&Default::default()),
            frames: 0,
        })
    }

    /// Trains for so long, drawing `rate` times a second.
    fn turn(&mut self, session: &mut Session, seconds: f64, rate: Option<f64>) -> Turn {
        session.settle();
        let (began, first) = (Instant::now(), session.step());
        let mut frames = 0;
        while began.elapsed() < Duration::from_secs_f64(seconds) {
            if rate.is_some_and(|rate| f64::from(frames) <= began.elapsed().as_secs_f64() * rate) {
                self.draw(session);
                frames += 1;
            }
            session.advance();
            session.take_events();
        }
        session.settle();
        let images = f64::from(session.step() - first) * f64::from(session.settings().batch);
        Turn { images_per_s: images / began.elapsed().as_secs_f64(), frames }
    }

    fn draw(&mut self, session: &mut Session) {
        let input = input(&self.picture, self.frames);
        self.frames += 1;
        let size = [self.picture.width, self.picture.height];
        let (gpu, show) = (std::rc::Rc::clone(session.trainer().gpu()), self.picture.show);
        let painting = self.canvas.run(&gpu, input, size, |ui, frame| {
            self.workbench.ui(ui, session, frame, show);
        });
        let mut encoder = session.gpu().encoder("picture");
        let output = self.canvas.record(session.gpu(), &mut encoder, painting, &self.view);
        output.drop_without_applying_deltas();
        session.gpu().submit(encoder);
        self.canvas.after_submit();
        self.workbench.take(self.canvas.poll(), session);
    }
}
