//! Seconds of the command, part by part: together they are all of it.

use std::time::{Duration, Instant};

use serde_json::{Map, Value};

/// Parts of the time since the command began.
pub(super) struct WallTime {
    last: Instant,
    /// Names and seconds, in their order.
    parts: Vec<(&'static str, f64)>,
}

impl WallTime {
    pub(super) fn begin() -> Self {
        Self { last: Instant::now(), parts: Vec::new() }
    }

    /// Ends the part `name`, which began where the one before ended; its seconds. A part may come again.
    pub(super) fn end(&mut self, name: &'static str) -> f64 {
        let now = Instant::now();
        let seconds = (now - self.last).as_secs_f64();
        self.last = now;
        self.add(name, seconds);
        seconds
    }

    /// Ends a part of known length, before now; what follows it belongs to the next part.
    pub(super) fn end_after(&mut self, name: &'static str, seconds: f64) {
        let now = Instant::now();
        self.last = now.min(self.last + Duration::from_secs_f64(seconds));
        self.add(name, seconds);
    }

    fn add(&mut self, name: &'static str, seconds: f64) {
        match self.parts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += seconds,
            None => self.parts.push((name, seconds)),
        }
    }

    /// Seconds of all parts.
    pub(super) fn total(&self) -> f64 {
        self.parts.iter().map(|(_, seconds)| seconds).sum()
    }

    /// Milliseconds of each part, and of all of them as `total`.
    pub(super) fn to_json(&self) -> Value {
        let of = |(name, seconds): (&str, f64)| (name.to_owned(), Value::from(seconds * 1e3));
        let total = ("total", self.total());
        Value::Object(self.parts.iter().copied().chain([total]).map(of).collect::<Map<_, _>>())
    }

    /// All parts in words, the longest first.
    pub(super) fn text(&self) -> String {
        let mut parts = self.parts.clone();
        parts.sort_by(|a, b| b.1.total_cmp(&a.1));
        let parts: Vec<String> = parts
            .iter()
            .map(|(name, seconds)| format!("{} {seconds:.2} s", name.replace('_', " ")))
            .collect();
        format!("{:.2} s in all: {}", self.total(), parts.join(", "))
    }
}
