//! `revacnn bench frame`: training throughput beside the frames of the window.
//!
//! The window's own loop without a window: turns that draw a frame with all panes, or only train. A display of `--rate` frames a second
//! takes no more than these. Rounds of it and of training alone alternate, so that other load on the machine disturbs both alike.

use std::time::{Duration, Instant};

use clap::Args;
use revacnn::app::Show;
use revacnn::error::Result;
use revacnn::session::Session;
use serde_json::json;

use super::measure::{above_zero, quantile};
use super::renderer::{Renderer, WindowSize};
use crate::cli::print::print_line;
use crate::cli::run_options::{AdapterOption, RunOptions};

/// Rounds of either.
const ROUNDS: usize = 4;

#[derive(Args)]
pub(crate) struct BenchFrame {
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    adapter: AdapterOption,
    #[command(flatten)]
    window: WindowSize,
    /// Frames per second that the display takes, at most.
    #[arg(long, value_name = "HZ", default_value_t = 60.0, value_parser = above_zero)]
    rate: f64,
    /// Seconds per round; there are 4 rounds with the window's frames and 4 without.
    #[arg(long, default_value_t = 4.0, value_parser = above_zero)]
    seconds: f64,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// A round: training throughput, and the frames drawn in a second.
struct Round {
    images_per_s: f64,
    frames_per_s: f64,
}

impl BenchFrame {
    pub(crate) fn run(&self) -> Result<()> {
        let mut session = Session::new(self.adapter.open()?, &self.run.network, self.run.settings()?, None)?;
        session.count_distributions();
        let mut renderer = Renderer::new(&session, Show::Workbench, self.window.size)?;
        session.play();
        session.wait_compiled();
        // Warms up both.
        self.window(&mut renderer, &mut session);
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            alone.push(self.alone(&mut session));
            beside.push(self.window(&mut renderer, &mut session));
        }
        session.check_events()?;
        let median = |rounds: &[Round], of: fn(&Round) -> f64| {
            quantile(&rounds.iter().map(of).collect::<Vec<_>>(), 0.5)
        };
        let images_per_s = |round: &Round| round.images_per_s;
        let (without, with) = (median(&alone, images_per_s), median(&beside, images_per_s));
        let (frames_per_s, kept) = (median(&beside, |round| round.frames_per_s), with / without);
        if self.json {
            let value = json!({
                "images_per_s_alone": without, "images_per_s_window": with, "kept": kept, "frames_per_s": frames_per_s,
                "rate": self.rate, "width": self.window.size.0, "height": self.window.size.1, "network": self.run.network,
                "dataset": self.run.dataset, "batch": self.run.batch, "adapter": session.gpu().info.name,
            });
            return print_line(&value.to_string());
        }
        print_line(&format!(
            "{without:.0} images/s without a window, {with:.0} images/s beside {frames_per_s:.1} frames/s of it: {:.1} % of the rate is kept",
            100.0 * kept
        ))
    }

    /// A round of training alone.
    fn alone(&self, session: &mut Session) -> Round {
        self.round(session, |session, _| {
            session.advance();
            session.take_events();
            false
        })
    }

    /// A round of the window's loop.
    fn window(&self, renderer: &mut Renderer, session: &mut Session) -> Round {
        let mut next = Duration::ZERO;
        self.round(session, |session, now| {
            let draws = renderer.turn(session, false, now >= next);
            if draws {
                next = now + Duration::from_secs_f64(self.rate.recip());
            }
            draws
        })
    }

    /// Takes turns, which say whether they drew a frame, until the round is over.
    fn round(&self, session: &mut Session, mut turn: impl FnMut(&mut Session, Duration) -> bool) -> Round {
        session.settle();
        let (began, first, mut frames) = (Instant::now(), session.step(), 0);
        while began.elapsed().as_secs_f64() < self.seconds {
            frames += u32::from(turn(session, began.elapsed()));
        }
        session.settle();
        let (steps, seconds) = (session.step() - first, began.elapsed().as_secs_f64());
        let images = f64::from(steps) * f64::from(session.settings().batch);
        Round { images_per_s: images / seconds, frames_per_s: f64::from(frames) / seconds }
    }
}
