//! A fixed share of the time for what is costly to look at: it is computed again once the former times took no more than that.

use std::time::{Duration, Instant};

/// Share of the time that it takes, on all adapters and at all sizes.
const SHARE: f64 = 0.06;
/// Milliseconds that are assumed where no measured time has come for this long.
const UNMEASURED_MS: f64 = 20.0;
const OVERDUE: Duration = Duration::from_millis(250);

/// The next time that is due.
#[derive(Debug, Default)]
pub struct TimeShare {
    /// Not before then.
    next: Option<Instant>,
    /// Begin of the time whose milliseconds are still to come.
    unmeasured: Option<Instant>,
}

impl TimeShare {
    /// True when the former times have taken no more than their share up to now.
    pub fn is_due(&mut self, now: Instant) -> bool {
        if let Some(began) = self.unmeasured {
            if now < began + OVERDUE {
                return false;
            }
            self.took(UNMEASURED_MS);
        }
        self.next.is_none_or(|next| next <= now)
    }

    /// Notes a time that begins now, due or not.
    pub fn begins(&mut self, now: Instant) {
        self.unmeasured = self.unmeasured.or(Some(now));
    }

    /// Notes what a time took, in milliseconds.
    pub fn took(&mut self, time_ms: f64) {
        let Some(began) = self.unmeasured.take() else { return };
        let pause = Duration::from_secs_f64(time_ms.clamp(0.0, 1e5) / 1e3 / SHARE);
        // A frame comes late now and then: what it was late by is made up for, up to one pause.
        let earliest = began.checked_sub(pause).unwrap_or(began);
        self.next = Some(self.next.map_or(began, |next| next.max(earliest)) + pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_its_share_of_the_time_whatever_it_costs() {
        for (frame_ms, cost_ms) in [(7.0, 0.02), (16.0, 3.0), (120.0, 50.0), (40.0, 400.0)] {
            let (began, mut share) = (Instant::now(), TimeShare::default());
            let (mut spent_ms, mut times, frames) = (0.0, 0, 20_000);
            for frame in 0..frames {
                let now = began + Duration::from_secs_f64(f64::from(frame) * frame_ms / 1e3);
                // What a time took arrives two frames after it.
                if frame % 3 == 2 {
                    share.took(cost_ms);
                }
                if frame % 3 == 0 && share.is_due(now) {
                    share.begins(now);
                    (spent_ms, times) = (spent_ms + cost_ms, times + 1);
                }
            }
            let spent = spent_ms / (f64::from(frames) * frame_ms);
            assert!(spent <= 1.01 * SHARE, "{cost_ms} ms: {spent}");
            assert!(spent >= 0.9 * SHARE || times > frames / 3, "{cost_ms} ms: {spent}, {times} times");
        }
    }

    #[test]
    fn a_time_that_is_never_measured_holds_nothing_up() {
        let (began, mut share) = (Instant::now(), TimeShare::default());
        share.begins(began);
        assert!(!share.is_due(began + OVERDUE / 2));
        assert!(share.is_due(began + OVERDUE * 2));
    }
}
