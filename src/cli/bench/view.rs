//! `revacnn bench view`: rendering overhead.
//!
//! Training with and without rendering alternate, so that other load on the machine disturbs both alike.

use std::time::{Duration, Instant};

use clap::Args;
use revacnn::app::Show;
use revacnn::error::Result;
use revacnn::session::Session;
use serde_json::json;

use super::measure::{above_zero, quantile};
use super::renderer::{Renderer, WindowSize};
use crate::cli::print::print_line;
use crate::cli::render::view_parser;
use crate::cli::run_options::{AdapterOption, RunOptions};

/// Rounds with and without rendering.
const ROUNDS: usize = 4;

#[derive(Args)]
pub(crate) struct BenchView {
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    adapter: AdapterOption,
    /// The pane to draw, or the whole window.
    #[arg(long, default_value = "network", value_parser = view_parser())]
    view: Show,
    #[command(flatten)]
    window: WindowSize,
    /// Frames per second.
    #[arg(long, value_name = "HZ", default_value_t = 8.0, value_parser = above_zero)]
    rate: f64,
    /// Seconds per round; there are 4 rounds with rendering and 4 without.
    #[arg(long, default_value_t = 4.0, value_parser = above_zero)]
    seconds: f64,
    /// Instead draw a layout of N points, without training.
    #[arg(long, value_name = "N")]
    points: Option<u32>,
    /// Instead draw what flows between two layers of N channels, without training.
    #[arg(long, value_name = "N", conflicts_with = "points")]
    edges: Option<u32>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// One round: training throughput, and number of frames drawn.
struct Round {
    images_per_s: f64,
    frames: u32,
}

impl BenchView {
    pub(crate) fn run(&self) -> Result<()> {
        if let Some(points) = self.points {
            return super::points::run(&*self.adapter.open_tuned()?, points, self.window.size, self.json);
        }
        if let Some(channels) = self.edges {
            return super::edges::run(&*self.adapter.open_tuned()?, channels, self.window.size, self.json);
        }
        let mut session =
            Session::new(self.adapter.open_tuned()?, &self.run.network, self.run.settings()?, None)?;
        let mut renderer = Renderer::new(&session, self.view, self.window.size)?;
        session.play();
        // Compiles and warms up both.
        round(&mut renderer, &mut session, 1.0, Some(self.rate));
        let (mut alone, mut rendering) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            alone.push(round(&mut renderer, &mut session, self.seconds, None));
            rendering.push(round(&mut renderer, &mut session, self.seconds, Some(self.rate)));
        }
        session.check_events()?;
        let median = |rounds: &[Round]| {
            quantile(&rounds.iter().map(|round| round.images_per_s).collect::<Vec<_>>(), 0.5)
        };
        let frames: u32 = rendering.iter().map(|round| round.frames).sum();
        let frames_per_s = f64::from(frames) / (self.seconds * ROUNDS as f64);
        let (alone, with) = (median(&alone), median(&rendering));
        let cost = 1.0 - with / alone;
        // Only the two timestamps of this benchmark are read back, 16 bytes each.
        let bytes = renderer.canvas.bytes_read() as f64 / renderer.frames as f64;
        let views_ms = renderer.workbench.costs.views_ms;
        if self.json {
            let value = json!({
                "images_per_s_alone": alone, "images_per_s_looking": with, "cost_of_looking": cost, "frames_per_s": frames_per_s,
                "views_gpu_ms": views_ms, "bytes_read_back_per_picture": bytes, "width": self.window.size.0, "height": self.window.size.1,
                "network": self.run.network, "batch": self.run.batch, "adapter": session.gpu().info.name,
            });
            return print_line(&value.to_string());
        }
        print_line(&format!(
            "{alone:.0} images/s without rendering, {with:.0} images/s at {frames_per_s:.1} frames/s of {views_ms:.1} ms GPU time: rendering overhead {:.1} % ({bytes:.0} bytes read back per frame: its timestamps)",
            100.0 * cost
        ))
    }
}

/// Trains for `seconds`, drawing `rate` frames/s.
fn round(renderer: &mut Renderer, session: &mut Session, seconds: f64, rate: Option<f64>) -> Round {
    session.settle();
    let (began, first) = (Instant::now(), session.step());
    let mut frames = 0;
    while began.elapsed() < Duration::from_secs_f64(seconds) {
        if rate.is_some_and(|rate| f64::from(frames) <= began.elapsed().as_secs_f64() * rate) {
            renderer.draw(session);
            frames += 1;
        }
        session.advance();
        session.take_events();
    }
    session.settle();
    let images = f64::from(session.step() - first) * f64::from(session.settings().batch);
    Round { images_per_s: images / began.elapsed().as_secs_f64(), frames }
}
