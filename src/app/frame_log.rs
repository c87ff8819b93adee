//! How the window fares: frames a second, and how long an input waits for the frame that shows its effect.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::workbench::Workbench;
use crate::session::{Embedding, Session};

/// Counts frames and waits.
pub struct FrameLog {
    began: Instant,
    frames: u64,
    recent: Vec<Instant>,
    /// When the oldest input came that no presented frame has shown yet.
    waiting: Option<Instant>,
    longest_wait: Duration,
    last_line: Instant,
}

impl FrameLog {
    pub fn new() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            frames: 0,
            recent: Vec::new(),
            waiting: None,
            longest_wait: Duration::ZERO,
            last_line: now,
        }
    }

    /// A click or key came.
    pub fn input(&mut self) {
        self.waiting.get_or_insert_with(Instant::now);
    }

    /// The inputs that came before this moment are in the frame that is being made.
    pub fn take_inputs(&mut self) -> Option<Instant> {
        self.waiting.take()
    }

    /// A frame was presented that shows the effect of the inputs since `inputs`, and the GPU is done with it.
    pub fn presented(&mut self, inputs: Option<Instant>) {
        let now = Instant::now();
        self.frames += 1;
        self.recent.push(now);
        self.recent.retain(|at| now - *at < Duration::from_secs(2));
        if let Some(at) = inputs {
            self.longest_wait = self.longest_wait.max(now - at);
        }
    }

    /// Frames a second over the last two seconds.
    pub fn frames_per_s(&self) -> f64 {
        match (self.recent.first(), self.recent.last()) {
            (Some(first), Some(last)) if last > first => {
                (self.recent.len() - 1) as f64 / (*last - *first).as_secs_f64()
            }
            _ => 0.0,
        }
    }

    /// A line of the log, four times a second.
    pub fn line(&mut self, bench: &Workbench, session: &Session, scale: f32) -> Option<Value> {
        if self.last_line.elapsed() < Duration::from_millis(250) {
            return None;
        }
        self.last_line = Instant::now();
        let pixels = |r: &egui::Rect| [r.left(), r.top(), r.width(), r.height()].map(|v| v * scale);
        let places: serde_json::Map<_, _> =
            bench.places().iter().map(|(name, rect)| ((*name).to_owned(), json!(pixels(rect)))).collect();
        let hyper = session.settings().hyper;
        let layout = |e: &Embedding| {
            let state = e.state().copied().unwrap_or_default();
            let (refresh_ms, iteration_ms) = e.costs_ms();
            let layer = &session.layers()[e.layer].name;
            let layer = if e.filters().is_some() { "all filters" } else { layer };
            let selected = bench.embedding.chosen.get(&e.id().0).map_or(0, |c| c.count);
            json!({ "layer": layer, "iteration": state.iteration, "kl": state.divergence, "pinned": state.pinned,
                    "selected": selected, "refresh_ms": refresh_ms, "iteration_ms": iteration_ms })
        };
        let layouts: Vec<Value> = session.embeddings().iter().map(layout).collect();
        Some(json!({
            "seconds": self.began.elapsed().as_secs_f64(), "frames": self.frames, "frames_per_s": self.frames_per_s(),
            "longest_wait_ms": self.longest_wait.as_secs_f64() * 1e3, "state": format!("{:?}", session.state()).to_lowercase(),
            "playing": session.is_playing(), "step": session.step(), "epoch": session.epoch(), "batch": session.settings().batch,
            "images_per_s": session.metrics().images_per_s, "train_ms": session.metrics().train_ms, "views_ms": bench.costs.views_ms,
            "learning_rate": hyper.learning_rate, "momentum": hyper.momentum, "places": places, "layouts": layouts,
            "embed_ms": session.metrics().embed_ms,
        }))
    }
}
