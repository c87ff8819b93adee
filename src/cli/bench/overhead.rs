//! Overhead of recording: CPU time and compute passes of a step, as `train` and the window record it.

use std::time::{Duration, Instant};

use revacnn::error::Result;
use revacnn::session::{RunState, SUBMIT_MS, Session};

use super::measure::quantile;

/// Factor of the time that the measurement may take where no step has ended.
const MAX_ROUNDS: u32 = 20;

/// Overhead of a step.
#[derive(Clone, Copy)]
pub(super) struct Overhead {
    /// Microseconds of the CPU, its share of the submit included.
    pub cpu_us: f64,
    /// Compute passes; below 1 where steps share them.
    pub passes: f64,
    /// Steps in a submit; below 1 where a step takes several.
    pub steps: f64,
}

impl Overhead {
    /// Records and submits steps for about `time` while the GPU has nothing else to do; none where no step ends in many times that.
    ///
    /// # Errors
    /// When a step was halted or a kernel failed.
    pub(super) fn measure(session: &mut Session, time: Duration) -> Result<Option<Self>> {
        session.play();
        // Compiles, and learns how long a step takes.
        for _ in 0..4 {
            session.advance();
        }
        session.settle();
        // A submit as `train` has it at least, and several steps also where they are slow: one of those that follow each other at once is timed by its parts, in passes of its own.
        let budget_ms = SUBMIT_MS.max(500.0 * time.as_secs_f64());
        let (began, mut each) = (Instant::now(), [const { Vec::new() }; 3]);
        let mut since = [0.0; 3];
        while began.elapsed() < time || each[0].is_empty() && began.elapsed() < MAX_ROUNDS * time {
            if session.state() == RunState::Validating {
                // What it takes is none of a step.
                submit(session, budget_ms);
                since = [0.0; 3];
                continue;
            }
            let (cpu_us, steps) = submit(session, budget_ms);
            // A long step takes several submits.
            since = [since[0] + cpu_us, since[1] + f64::from(session.recorded_passes()), since[2] + 1.0];
            if steps > 0 {
                let [cpu_us, passes, submits] = std::mem::take(&mut since);
                let steps = f64::from(steps);
                let values = [cpu_us / steps, passes / steps, steps / submits];
                each.iter_mut().zip(values).for_each(|(all, value): (&mut Vec<f64>, f64)| all.push(value));
            }
        }
        session.check_events()?;
        if each[0].is_empty() {
            return Ok(None);
        }
        // Other load on the machine makes it longer, never shorter.
        let [cpu_us, passes, steps] = [(0, 0.1), (1, 0.5), (2, 0.5)].map(|(of, at)| quantile(&each[of], at));
        Ok(Some(Self { cpu_us, passes, steps }))
    }
}

/// Records and submits what fits, and waits for it; returns microseconds of the CPU and the number of steps that ended.
fn submit(session: &mut Session, budget_ms: f64) -> (f64, u32) {
    let (first, began) = (session.step(), Instant::now());
    let mut encoder = session.gpu().encoder("recording");
    session.record(&mut encoder, budget_ms);
    session.gpu().submit(encoder);
    let cpu_us = 1e6 * began.elapsed().as_secs_f64();
    session.after_submit();
    session.settle();
    (cpu_us, session.step() - first)
}
