//! The frame log: frames per second, and the latency from an input to the frame that shows its effect.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::workbench::Workbench;
use crate::session::{Layout, LayoutSource, Session};

/// Frame counter and input latency.
pub(crate) struct FrameLog {
    began: Instant,
    frames: u64,
    recent: Vec<Instant>,
    /// Time of the oldest input that no presented frame has shown yet.
    waiting: Option<Instant>,
    longest_wait: Duration,
    last_line: Instant,
}

impl FrameLog {
    pub(crate) fn new() -> Self {
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

    /// Notes a click or key.
    pub(crate) fn input(&mut self) {
        self.waiting.get_or_insert_with(Instant::now);
    }

    /// Takes the time of the oldest input that the next frame shows.
    pub(crate) fn take_inputs(&mut self) -> Option<Instant> {
        self.waiting.take()
    }

    /// Counts a frame that the GPU has finished and that shows the inputs since `inputs`.
    pub(crate) fn presented(&mut self, inputs: Option<Instant>) {
        let now = Instant::now();
        self.frames += 1;
        self.recent.push(now);
        self.recent.retain(|at| now - *at < Duration::from_secs(2));
        if let Some(at) = inputs {
            self.longest_wait = self.longest_wait.max(now - at);
        }
    }

    /// Frames per second over the last two seconds.
    pub(crate) fn frames_per_s(&self) -> f64 {
        match (self.recent.first(), self.recent.last()) {
            (Some(first), Some(last)) if last > first => {
                (self.recent.len() - 1) as f64 / (*last - *first).as_secs_f64()
            }
            _ => 0.0,
        }
    }

    /// A line of the log, four times per second.
    pub(crate) fn line(&mut self, workbench: &Workbench, session: &Session, scale: f32) -> Option<Value> {
        if self.last_line.elapsed() < Duration::from_millis(250) {
            return None;
        }
        self.last_line = Instant::now();
        let pixels = |r: &egui::Rect| [r.left(), r.top(), r.width(), r.height()].map(|v| v * scale);
        let places: serde_json::Map<_, _> =
            workbench.targets().iter().map(|(name, rect)| (name.to_string(), json!(pixels(rect)))).collect();
        let hyper = session.settings().hyper;
        let layout = |e: &Layout| {
            let state = e.state().copied().unwrap_or_default();
            let (refresh_ms, iteration_ms) = e.costs_ms();
            let layer = match e.source() {
                LayoutSource::Tensor { node, .. } => &session.layers()[node].name,
                LayoutSource::Images(source) => &session.layers()[source.node].name,
                LayoutSource::Filters => "all filters",
            };
            let selected = workbench.selection().rows(e.id()).map_or(0, |rows| rows.count);
            json!({ "layer": layer, "iteration": state.iteration, "kl": state.divergence, "pinned": state.pinned,
                    "selected": selected, "refresh_ms": refresh_ms, "iteration_ms": iteration_ms })
        };
        let layouts: Vec<Value> = session.layouts().iter().map(layout).collect();
        Some(json!({
            "seconds": self.began.elapsed().as_secs_f64(), "frames": self.frames, "frames_per_s": self.frames_per_s(),
            "longest_wait_ms": self.longest_wait.as_secs_f64() * 1e3, "state": format!("{:?}", session.state()).to_lowercase(),
            "playing": session.is_playing(), "step": session.step(), "epoch": session.epoch(), "batch": session.settings().batch,
            "images_per_s": session.metrics().images_per_s, "train_ms": session.metrics().train_ms, "views_ms": workbench.costs.views_ms,
            "learning_rate": hyper.learning_rate, "momentum": hyper.momentum, "places": places, "layouts": layouts,
            "layouts_ms": session.metrics().layouts_ms,
        }))
    }
}
