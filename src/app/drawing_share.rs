//! The share of the time that drawing takes: turns of the window's loop draw a frame or only train, so that drawing leaves at least half of the time to the training.
//!
//! What a frame took beyond its training is owed to the training. While anything is owed, and no input waits for a frame, turns only
//! train. A frame that takes long, on a busy or a slow machine, so makes frames rare instead of training slow, and a click is
//! shown no later.

use std::time::Instant;

use crate::session::{Session, Split};

/// Most milliseconds that are owed, and so go by without a frame.
const MAX_OWED_MS: f64 = 1000.0;
/// Milliseconds over which the share of drawing is averaged.
const AVERAGED_MS: f64 = 1000.0;

/// Turns of the loop, and the time that they took.
#[derive(Debug, Default)]
pub struct DrawingShare {
    /// Beginning of the present turn; none before the first.
    began: Option<Instant>,
    /// The present turn draws a frame.
    draws: bool,
    /// Version of the network in the last turn.
    network: Option<u32>,
    balance: Balance,
}

impl DrawingShare {
    /// Begins a turn, after the GPU has finished what came before; `waits` says that an input waits for a frame, as a changed network
    /// does. Returns whether the turn draws a frame: else it only trains.
    pub fn begin(&mut self, session: &Session, waits: bool) -> bool {
        let now = Instant::now();
        let last_ms = self.began.replace(now).map_or(0.0, |began| 1e3 * (now - began).as_secs_f64());
        let waits =
            self.network.replace(session.network_version()) != Some(session.network_version()) || waits;
        // An evaluation of a training that is watched holds up its next checkpoint.
        let evaluates = session.watched().is_some() && session.is_evaluating(Split::Validation);
        if !session.is_playing() && !evaluates {
            (self.balance, self.draws) = (Balance::default(), true);
            return true;
        }
        let trained_ms = if self.draws { session.recorded_ms() } else { last_ms };
        self.balance.add(last_ms, trained_ms);
        self.draws = waits || self.balance.owed_ms == 0.0;
        self.draws
    }

    /// Makes the present turn one that only trains, as where the display takes no frame yet.
    pub fn put_off(&mut self) {
        self.draws = false;
    }

    /// Share of the time that drawing takes, 0 to 1, averaged over about a second.
    pub fn share(&self) -> f64 {
        self.balance.drawing_ms / self.balance.total_ms.max(f64::MIN_POSITIVE)
    }
}

/// Time of drawing and of training.
#[derive(Debug, Default)]
struct Balance {
    /// Drawing that training has not made up for.
    owed_ms: f64,
    /// Drawing, and all, in the last second or so.
    drawing_ms: f64,
    total_ms: f64,
}

impl Balance {
    /// Adds a turn of `total_ms`, of which `trained_ms` were training.
    fn add(&mut self, total_ms: f64, trained_ms: f64) {
        let trained_ms = trained_ms.min(total_ms);
        let drawing_ms = total_ms - trained_ms;
        self.owed_ms = (self.owed_ms + drawing_ms - trained_ms).clamp(0.0, MAX_OWED_MS);
        let kept = (-total_ms / AVERAGED_MS).exp();
        self.drawing_ms = kept * self.drawing_ms + drawing_ms;
        self.total_ms = kept * self.total_ms + total_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds of training and of drawing in `turns` turns of a loop whose frames take `frame_ms` apart from `work_ms` of
    /// training; an input waits in every `every`th.
    fn simulate(turns: u32, (frame_ms, work_ms): (f64, f64), every: u32) -> (f64, f64, Balance) {
        let (mut balance, mut trained, mut drawn) = (Balance::default(), 0.0, 0.0);
        for turn in 0..turns {
            let draws = balance.owed_ms == 0.0 || turn % every == 0;
            let frame_ms = if draws { frame_ms } else { 0.0 };
            (trained, drawn) = (trained + work_ms, drawn + frame_ms);
            balance.add(frame_ms + work_ms, work_ms);
        }
        (trained, drawn, balance)
    }

    #[test]
    fn drawing_that_takes_long_leaves_half_of_the_time() {
        for frame_ms in [1.0, 20.0, 70.0, 400.0] {
            let (trained, drawn, balance) = simulate(1000, (frame_ms, 30.0), u32::MAX);
            assert!(drawn <= trained + frame_ms, "{frame_ms}: {drawn} ms of drawing, {trained} of training");
            let share = balance.drawing_ms / balance.total_ms;
            assert!(share <= 0.65, "{frame_ms}: {share}");
        }
        // Frames that take less than their training are all drawn.
        let (_, drawn, balance) = simulate(1000, (10.0, 30.0), u32::MAX);
        assert_eq!(drawn, 10_000.0);
        assert!((balance.drawing_ms / balance.total_ms - 0.25).abs() < 1e-9);
    }

    #[test]
    fn what_inputs_cost_is_made_up_for_afterwards_and_never_for_long() {
        let (trained, drawn, balance) = simulate(100, (400.0, 30.0), 2);
        assert!(drawn > trained, "inputs come first");
        assert_eq!(balance.owed_ms, MAX_OWED_MS - 30.0);
    }
}
