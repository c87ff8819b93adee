//! GPU time of the parts of a training step: now and then a step is recorded in timed passes that end with its parts.
//!
//! The same dispatches run in the same order, so that nothing of the run changes; a step that is not timed by parts costs nothing more.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::gpu::Cost;
use crate::nn::StepPart;

/// Time from one timed step to the next at least.
const INTERVAL: Duration = Duration::from_millis(125);
/// Last timed steps that the present times are of, and steps of an epoch that are kept, at most.
const MAX_RECENT: usize = 32;
const MAX_OF_EPOCH: usize = 512;

/// GPU milliseconds of each part of a step for each image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepTimes {
    /// Sampling, layers and loss.
    pub forward_ms: f32,
    /// Gradients.
    pub backward_ms: f32,
    /// Optimizer.
    pub update_ms: f32,
}

/// A piece of a step whose parts are timed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sampled {
    /// Number of the step among those that are timed.
    step: u32,
    /// Images of the step.
    images: u32,
    part: StepPart,
}

/// A step whose pieces are coming back.
struct Arriving {
    step: u32,
    /// Dispatch that the next piece has to begin with.
    next: usize,
    /// By part.
    ms: [f64; 3],
}

/// Times of the steps that were timed by parts.
#[derive(Default)]
pub(super) struct StepClock {
    /// The step under way is timed by parts: its number and images.
    under_way: Option<(u32, u32)>,
    timed: u32,
    last: Option<Instant>,
    arriving: Option<Arriving>,
    recent: VecDeque<[f64; 3]>,
    epoch: Vec<[f64; 3]>,
}

impl StepClock {
    /// A step of `images` images begins.
    pub(super) fn begin(&mut self, images: u32, now: Instant) {
        let due = self.last.is_none_or(|last| now.duration_since(last) >= INTERVAL);
        self.under_way = due.then(|| {
            self.last = Some(now);
            self.timed += 1;
            (self.timed, images)
        });
    }

    /// The sample that a piece of the step under way belongs to, where its parts are timed.
    pub(super) fn sampled(&self, part: StepPart) -> Option<Sampled> {
        self.under_way.map(|(step, images)| Sampled { step, images, part })
    }

    /// Takes in the time of a piece. A step of which a piece is missing does not count.
    pub(super) fn arrived(&mut self, of: Sampled, piece: &Cost, time_ms: f64) {
        if piece.range.start == 0 {
            self.arriving = Some(Arriving { step: of.step, next: 0, ms: [0.0; 3] });
        }
        let follows = |step: &&mut Arriving| step.step == of.step && step.next == piece.range.start;
        let Some(step) = self.arriving.as_mut().filter(follows) else {
            self.arriving = None;
            return;
        };
        step.next = piece.range.end;
        step.ms[of.part as usize] += time_ms;
        if piece.ends {
            let ms = step.ms.map(|ms| ms / f64::from(of.images.max(1)));
            self.arriving = None;
            self.recent.push_back(ms);
            self.recent.drain(..self.recent.len().saturating_sub(MAX_RECENT));
            if self.epoch.len() < MAX_OF_EPOCH {
                self.epoch.push(ms);
            }
        }
    }

    /// Medians over the last timed steps; none where the adapter has no timestamps, or before the first.
    pub(super) fn recent(&self) -> Option<StepTimes> {
        medians(self.recent.iter().copied())
    }

    /// Medians over the timed steps since the last call, or the recent ones where there are none.
    pub(super) fn take_epoch(&mut self) -> Option<StepTimes> {
        let epoch = std::mem::take(&mut self.epoch);
        medians(epoch.into_iter()).or_else(|| self.recent())
    }

    /// Steps are others from now on: another network, other images in a step.
    pub(super) fn forget(&mut self) {
        (self.arriving, self.under_way) = (None, None);
        self.recent.clear();
        self.epoch.clear();
    }
}

/// The median of each part.
fn medians(steps: impl Iterator<Item = [f64; 3]> + Clone) -> Option<StepTimes> {
    let median = |part: usize| {
        let mut all: Vec<f64> = steps.clone().map(|step| step[part]).collect();
        all.sort_by(f64::total_cmp);
        Some(*all.get(all.len() / 2)? as f32)
    };
    Some(StepTimes { forward_ms: median(0)?, backward_ms: median(1)?, update_ms: median(2)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [StepPart; 3] = [StepPart::Forward, StepPart::Backward, StepPart::Update];

    /// Hands over a step in pieces `(part, dispatches, milliseconds)`.
    fn arrive(clock: &mut StepClock, pieces: &[(usize, std::ops::Range<usize>, f64)], ends: bool) {
        for (index, (part, range, time_ms)) in pieces.iter().enumerate() {
            let ends = ends && index + 1 == pieces.len();
            let piece = Cost { plan: 0, range: range.clone(), runs: 1, time_ms: 0.0, ends };
            clock.arrived(clock.sampled(PARTS[*part]).unwrap(), &piece, *time_ms);
        }
    }

    fn times(forward_ms: f32, backward_ms: f32, update_ms: f32) -> Option<StepTimes> {
        Some(StepTimes { forward_ms, backward_ms, update_ms })
    }

    #[test]
    fn pieces_add_up_to_parts_of_whole_steps_and_medians_are_of_an_image() {
        let start = Instant::now();
        let mut clock = StepClock::default();
        assert_eq!((clock.recent(), clock.take_epoch()), (None, None));
        // Two passes of a batch of 4, the first forward part in two pieces.
        let whole =
            [(0, 0..2, 1.0), (0, 2..5, 3.0), (1, 5..7, 8.0), (0, 7..8, 4.0), (1, 8..9, 8.0), (2, 9..10, 2.0)];
        clock.begin(4, start);
        arrive(&mut clock, &whole, true);
        assert_eq!(clock.recent(), times(2.0, 4.0, 0.5));
        // A piece is missing, then the end of the step.
        clock.begin(4, start + INTERVAL);
        arrive(&mut clock, &[(0, 0..5, 400.0), (2, 9..10, 400.0)], true);
        clock.begin(4, start + 2 * INTERVAL);
        arrive(&mut clock, &[(0, 0..5, 400.0)], false);
        assert_eq!(clock.recent(), times(2.0, 4.0, 0.5));
        // One disturbed step of three does not count.
        for (index, scale) in [(3, 100.0), (4, 2.0)] {
            clock.begin(4, start + index * INTERVAL);
            arrive(&mut clock, &whole.clone().map(|(part, range, ms)| (part, range, scale * ms)), true);
        }
        assert_eq!(clock.take_epoch(), times(4.0, 8.0, 1.0));
        // An epoch in which no step was timed has the times of those before it.
        assert_eq!(clock.take_epoch(), times(4.0, 8.0, 1.0));
        clock.forget();
        assert_eq!(clock.take_epoch(), None);
    }

    #[test]
    fn a_step_now_and_then_is_timed() {
        let start = Instant::now();
        let mut clock = StepClock::default();
        let timed = (0..1000).filter(|ms| {
            clock.begin(8, start + Duration::from_millis(*ms));
            clock.sampled(StepPart::Forward).is_some()
        });
        assert_eq!(timed.count(), 8);
    }
}
