//! Running a layout: submits of its plans, its settings, and pins. Nothing waits for the GPU unless it says so.

use std::ops::Range;
use std::time::Instant;

use super::Tsne;
use super::points::Pin;
use super::settings::Settings;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Plan};

/// Progress reports of a timed refresh.
const REPORTS: usize = 100;

impl Tsne {
    /// Sets the settings of the next iterations.
    ///
    /// # Errors
    /// When one is out of range; then nothing changes.
    pub fn set_settings(&self, gpu: &Gpu, settings: Settings) -> Result<()> {
        settings.checked()?;
        self.points.settings.write(gpu, 0, &[settings]);
        Ok(())
    }

    /// Reads the rows and recomputes their affinities; the layout goes on from where it is.
    pub fn refresh(&self, gpu: &Gpu) {
        submit_each(gpu, &self.plans.refresh);
    }

    /// Reads the rows and no more: enough to start along the principal components.
    pub fn read_rows(&self, gpu: &Gpu) {
        submit_each(gpu, &self.plans.read);
    }

    /// A refresh, timed: seconds until the neighbors are found, then until the affinities are computed. Waits, and reports the share
    /// of the dispatches that are done to `progress`.
    pub fn refresh_timed(&self, gpu: &Gpu, progress: &mut dyn FnMut(f64)) -> [f64; 2] {
        let all = self.plans.refresh.len();
        let some = all.div_ceil(REPORTS).max(1);
        let mut done = 0;
        let mut seconds = |plan: &Plan| {
            let began = Instant::now();
            for index in 0..plan.len() {
                submit(gpu, plan, index..index + 1);
                done += 1;
                if done % some == 0 {
                    gpu.wait();
                    progress(done as f64 / all as f64);
                }
            }
            gpu.wait();
            began.elapsed().as_secs_f64()
        };
        let neighbors = seconds(&self.plans.read) + seconds(&self.plans.search);
        [neighbors, seconds(&self.plans.affinities)]
    }

    /// Dispatches that read the rows, and project them where that was asked for.
    pub fn reading_plan(&self) -> &Plan {
        &self.plans.read
    }

    /// Dispatches of a refresh.
    pub fn refresh_plan(&self) -> &Plan {
        &self.plans.refresh
    }

    /// First dispatches of a refresh, which read the rows; the others work on a copy.
    pub fn reading_len(&self) -> usize {
        self.plans.read.len()
    }

    /// Dispatches that set the initial positions.
    pub fn begin_plan(&self) -> &Plan {
        &self.plans.begin
    }

    /// Dispatches of one iteration.
    pub fn iteration_plan(&self) -> &Plan {
        &self.plans.step
    }

    /// Starts again along the principal components, at iteration 0.
    pub fn reset(&self, gpu: &Gpu) {
        submit_each(gpu, &self.plans.begin);
    }

    /// Goes on from where another layout of as many rows is.
    pub fn take_over(&self, gpu: &Gpu, other: &Self) {
        let mut encoder = gpu.encoder("t-SNE");
        let flags = (self.rows.flags.range(), other.rows.flags.range());
        let pairs = self.points.kept().into_iter().zip(other.points.kept()).chain([flags]);
        for (to, of) in pairs {
            encoder.copy_buffer_to_buffer(&of.buffer, 0, &to.buffer, 0, to.size.min(of.size));
        }
        gpu.submit(encoder);
    }

    /// Submits iterations, up to 50 at a time, so that no submit takes long.
    pub fn iterate(&self, gpu: &Gpu, iterations: usize) {
        let per_submit = (30_000_000 / (self.rows.stride * self.rows.stride)).clamp(1, 50);
        for first in (0..iterations).step_by(per_submit) {
            let mut encoder = gpu.encoder("t-SNE");
            for _ in first..(first + per_submit).min(iterations) {
                self.plans.step.encode(&mut encoder);
            }
            gpu.submit(encoder);
        }
    }

    /// Moves row `index` to a position and, if it is pinned, holds it there, where it goes on exerting forces. A submit of its own.
    ///
    /// # Errors
    /// When there is no such row.
    pub fn place(&self, gpu: &Gpu, index: usize, position: [f32; 2], pinned: bool) -> Result<()> {
        if index >= self.rows.count || !position.iter().all(|p| p.is_finite()) {
            let what = format!("row {index} cannot be put at {position:?}");
            return Err(Error::new(what, format!("there are rows 0 to {}", self.rows.count - 1)));
        }
        let [x, y] = position;
        self.points.pin.write(gpu, 0, &[Pin { row: index as u32, x, y, held: pinned.into() }]);
        submit_each(gpu, &self.plans.pin);
        Ok(())
    }
}

/// Submits each dispatch by itself: some take as long as a submit should.
fn submit_each(gpu: &Gpu, plan: &Plan) {
    (0..plan.len()).for_each(|index| submit(gpu, plan, index..index + 1));
}

fn submit(gpu: &Gpu, plan: &Plan, dispatches: Range<usize>) {
    let mut encoder = gpu.encoder("t-SNE");
    plan.record(&mut encoder.begin_compute_pass(&Default::default()), dispatches);
    gpu.submit(encoder);
}
