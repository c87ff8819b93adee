//! Training throughput by the wall clock, as results arrive.
//!
//! What arrives together shares the time since the last arrival by its estimated cost, because a whole epoch and its
//! validation may arrive at once. Evaluations take their share and count no images.

use std::collections::VecDeque;
use std::time::Instant;

/// The stretch of training time that the present throughput is taken over, in seconds.
const WINDOW_S: f64 = 1.5;

/// Part of what one encoder held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stretch {
    /// Estimated GPU time in milliseconds.
    pub cost_ms: f64,
    /// Whether it was training.
    pub training: bool,
    /// Images of the steps that ended in it.
    pub images: u32,
    /// Whether an epoch ended with it.
    pub ends_epoch: bool,
}

/// Images a second: now, and over each epoch.
#[derive(Default)]
pub(super) struct Rate {
    /// Recorded, but not handed over to be copied.
    recorded: Vec<Stretch>,
    /// Seconds of training and images, newest last.
    recent: VecDeque<(f64, u32)>,
    epoch_images: u64,
    epoch_s: f64,
    last: Option<Instant>,
    /// Finished epochs whose validation has not arrived.
    finished: VecDeque<f64>,
}

impl Rate {
    /// This was recorded.
    pub fn record(&mut self, stretch: Stretch) {
        match self.recorded.last_mut() {
            Some(last) if last.training == stretch.training && !last.ends_epoch => {
                last.cost_ms += stretch.cost_ms;
                last.images += stretch.images;
                last.ends_epoch = stretch.ends_epoch;
            }
            _ => self.recorded.push(stretch),
        }
    }

    /// What was recorded since the last call.
    pub fn take_recorded(&mut self) -> Vec<Stretch> {
        std::mem::take(&mut self.recorded)
    }

    /// The time until now does not count: nothing was done, or something else.
    pub fn restart(&mut self) {
        self.last = Some(Instant::now());
    }

    /// These are done, since the last arrival.
    pub fn arrived(&mut self, stretches: &[Stretch], now: Instant) {
        let seconds = self.last.map_or(0.0, |last| now.duration_since(last).as_secs_f64());
        self.last = Some(now);
        let total_ms: f64 = stretches.iter().map(|s| s.cost_ms).sum();
        for stretch in stretches.iter().filter(|s| s.training) {
            let share_s = seconds * stretch.cost_ms / total_ms.max(f64::MIN_POSITIVE);
            self.epoch_s += share_s;
            self.epoch_images += u64::from(stretch.images);
            self.recent.push_back((share_s, stretch.images));
            if stretch.ends_epoch {
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

    /// Over the last second or so of training.
    pub fn images_per_s(&self) -> f64 {
        let (seconds, images) =
            self.recent.iter().fold((0.0, 0), |(s, n), (s1, n1)| (s + s1, n + u64::from(*n1)));
        per_second(images, seconds)
    }

    /// Over the oldest finished epoch that was not asked for yet.
    pub fn next_epoch(&mut self) -> Option<f64> {
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

    const fn training(cost_ms: f64, images: u32, ends_epoch: bool) -> Stretch {
        Stretch { cost_ms, training: true, images, ends_epoch }
    }

    const EVALUATION: Stretch = Stretch { cost_ms: 5.0, training: false, images: 0, ends_epoch: false };

    #[test]
    fn an_epoch_that_arrives_at_once_has_its_share_of_the_time() {
        let mut rate = Rate::default();
        rate.restart();
        let start = rate.last.unwrap();
        let epoch = [training(15.0, 300, true), EVALUATION];
        rate.arrived(&[epoch, epoch].concat(), start + Duration::from_secs(4));
        // Each epoch: 15 of 40 parts of 4 seconds.
        assert_eq!((rate.next_epoch(), rate.next_epoch()), (Some(200.0), Some(200.0)));
        assert_eq!((rate.next_epoch(), rate.images_per_s()), (None, 200.0));
    }

    #[test]
    fn an_epoch_in_pieces_adds_up() {
        let mut rate = Rate::default();
        rate.restart();
        let start = rate.last.unwrap();
        rate.arrived(&[training(9.0, 10, false)], start + Duration::from_secs(1));
        rate.arrived(&[training(1.0, 30, true)], start + Duration::from_secs(2));
        assert_eq!(rate.next_epoch(), Some(20.0));
    }

    #[test]
    fn neighbours_are_joined_up_to_the_end_of_an_epoch() {
        let mut rate = Rate::default();
        for stretch in [training(1.0, 2, false), training(1.0, 2, true), EVALUATION, training(1.0, 2, false)]
        {
            rate.record(stretch);
        }
        let joined = [training(2.0, 4, true), EVALUATION, training(1.0, 2, false)];
        assert_eq!(rate.take_recorded(), joined);
    }
}
