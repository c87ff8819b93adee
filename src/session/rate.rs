//! Training throughput by the wall clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The stretch of time that the present throughput is taken over.
const WINDOW: Duration = Duration::from_millis(1500);

/// Images a second: now, and over the last epoch.
#[derive(Default)]
pub(super) struct Rate {
    recent: VecDeque<(Instant, u32)>,
    epoch_images: u64,
    /// Time of this epoch in which images were trained on, and the last such moment.
    epoch_time: Duration,
    last: Option<Instant>,
    last_epoch: f64,
}

impl Rate {
    /// A step of `images` was recorded.
    pub fn count(&mut self, images: u32) {
        let now = Instant::now();
        if let Some(last) = self.last {
            self.epoch_time += now - last;
            self.epoch_images += u64::from(images);
        }
        self.last = Some(now);
        self.recent.push_back((now, images));
        while self.recent.front().is_some_and(|(at, _)| now - *at > WINDOW) && self.recent.len() > 2 {
            self.recent.pop_front();
        }
    }

    /// Time passed without training: it does not count.
    pub fn restart(&mut self) {
        self.recent.clear();
        self.last = None;
    }

    /// The epoch ended; an evaluation follows, which does not count.
    pub fn end_epoch(&mut self) {
        let seconds = self.epoch_time.as_secs_f64();
        self.last_epoch = if seconds > 0.0 { self.epoch_images as f64 / seconds } else { 0.0 };
        (self.epoch_images, self.epoch_time) = (0, Duration::ZERO);
        self.restart();
    }

    /// Over the last second or so.
    pub fn images_per_s(&self) -> f64 {
        let (Some((first, _)), Some((last, _))) = (self.recent.front(), self.recent.back()) else {
            return 0.0;
        };
        let images: u32 = self.recent.iter().skip(1).map(|(_, images)| images).sum();
        let seconds = (*last - *first).as_secs_f64();
        if seconds > 0.0 { f64::from(images) / seconds } else { 0.0 }
    }

    /// Over the last finished epoch.
    pub fn last_epoch(&self) -> f64 {
        self.last_epoch
    }
}
