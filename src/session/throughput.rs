//! Training throughput by the wall clock, as results arrive.
//!
//! Work that arrives together shares the time since the last arrival by its estimated cost, because a whole epoch and its
//! validation may arrive at once. Evaluations take their share and count no images.

use std::collections::VecDeque;
use std::time::Instant;

/// Training time in seconds that the present throughput is averaged over.
const WINDOW_S: f64 = 1.5;

/// A span of recorded work of one kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct WorkSpan {
    /// Estimated GPU time in milliseconds.
    pub cost_ms: f64,
    /// Training, not an evaluation.
    pub training: bool,
    /// Number of images of the steps that ended in it.
    pub images: u32,
    /// An epoch ended with it.
    pub ends_epoch: bool,
}

/// Images per second: now, and over each epoch.
#[derive(Default)]
pub(super) struct Throughput {
    /// Spans that were recorded and not handed over for read-back.
    recorded: Vec<WorkSpan>,
    /// Seconds of training and images, newest last.
    recent: VecDeque<(f64, u32)>,
    epoch_images: u64,
    epoch_s: f64,
    last: Option<Instant>,
    /// Images per second of finished epochs whose validation has not arrived.
    finished: VecDeque<f64>,
}

impl Throughput {
    /// Adds a recorded span.
    pub(super) fn record(&mut self, span: WorkSpan) {
        match self.recorded.last_mut() {
            Some(last) if last.training == span.training && !last.ends_epoch => {
                last.cost_ms += span.cost_ms;
                last.images += span.images;
                last.ends_epoch = span.ends_epoch;
            }
            _ => self.recorded.push(span),
        }
    }

    /// Spans recorded since the last call.
    pub(super) fn take_recorded(&mut self) -> Vec<WorkSpan> {
        std::mem::take(&mut self.recorded)
    }

    /// Leaves out the time until now, in which nothing was done, or something else.
    pub(super) fn restart(&mut self) {
        self.last = Some(Instant::now());
    }

    /// Counts spans that were done since the last arrival.
    pub(super) fn arrived(&mut self, spans: &[WorkSpan], now: Instant) {
        let seconds = self.last.map_or(0.0, |last| now.duration_since(last).as_secs_f64());
        self.last = Some(now);
        let total_ms: f64 = spans.iter().map(|s| s.cost_ms).sum();
        for span in spans.iter().filter(|s| s.training) {
            let share_s = seconds * span.cost_ms / total_ms.max(f64::MIN_POSITIVE);
            self.epoch_s += share_s;
            self.epoch_images += u64::from(span.images);
            self.recent.push_back((share_s, span.images));
            if span.ends_epoch {
                self.finished.push_back(per_second(self.epoch_images, self.epoch_s));
                (self.epoch_images, self.epoch_s) = (0, 0.0);
            }
        }
        let mut window_s: f64 = self.recent.iter().map(|(s, _)| s).sum();
        while let Some((first_s, _)) = self.recent.front()
            && window_s - first_s > WINDOW_S
        {
            window_s -= first_s;
            self.recent.pop_front();
        }
    }

    /// Images per second over the last second or so of training.
    pub(super) fn images_per_s(&self) -> f64 {
        let (seconds, images) =
            self.recent.iter().fold((0.0, 0), |(s, n), (s1, n1)| (s + s1, n + u64::from(*n1)));
        per_second(images, seconds)
    }

    /// Images per second over the oldest finished epoch that was not asked for yet.
    pub(super) fn next_epoch(&mut self) -> Option<f64> {
        self.finished.pop_front()
    }
}

fn per_second(images: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { images as f64 / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const fn training(cost_ms: f64, images: u32, ends_epoch: bool) -> WorkSpan {
        WorkSpan { cost_ms, training: true, images, ends_epoch }
    }

    const EVALUATION: WorkSpan = WorkSpan { cost_ms: 5.0, training: false, images: 0, ends_epoch: false };

    #[test]
    fn an_epoch_that_arrives_at_once_has_its_share_of_the_time() {
        let mut throughput = Throughput::default();
        throughput.restart();
        let start = throughput.last.unwrap();
        let epoch = [training(15.0, 300, true), EVALUATION];
        throughput.arrived(&[epoch, epoch].concat(), start + Duration::from_secs(4));
        // Each epoch: 15 of 40 parts of 4 seconds.
        assert_eq!((throughput.next_epoch(), throughput.next_epoch()), (Some(200.0), Some(200.0)));
        assert_eq!((throughput.next_epoch(), throughput.images_per_s()), (None, 200.0));
    }

    #[test]
    fn an_epoch_in_pieces_adds_up() {
        let mut throughput = Throughput::default();
        throughput.restart();
        let start = throughput.last.unwrap();
        throughput.arrived(&[training(9.0, 10, false)], start + Duration::from_secs(1));
        throughput.arrived(&[training(1.0, 30, true)], start + Duration::from_secs(2));
        assert_eq!(throughput.next_epoch(), Some(20.0));
    }

    #[test]
    fn neighbours_are_joined_up_to_the_end_of_an_epoch() {
        let mut throughput = Throughput::default();
        for span in [training(1.0, 2, false), training(1.0, 2, true), EVALUATION, training(1.0, 2, false)] {
            throughput.record(span);
        }
        let joined = [training(2.0, 4, true), EVALUATION, training(1.0, 2, false)];
        assert_eq!(throughput.take_recorded(), joined);
    }
}
