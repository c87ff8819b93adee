//! Losses over held-out images, measured beside the run: of weights that were copied at a moment, evaluated in buffers apart, in pieces,
//! whenever there is time. The run's own buffers are only read, so that its bits stay as they are.

use std::collections::VecDeque;
use std::rc::Rc;

use super::effects::{Moment, RowId};
use super::readback::{Readback, Timed};
use super::spare_time::SpareTime;
use crate::data::{Clock, HeldOutImages};
use crate::error::Result;
use crate::gpu::{Buffer, CostModel, Plan, ReadbackRing, Work};
use crate::nn::{HeldOutPass, Trainer};

/// Share of the GPU time that measurements may take while the run trains.
const SHARE: f64 = 0.25;
/// Encoders after a command in which nothing is built or measured, so that the frame of a click does not wait for it.
const DELAY: u32 = 2;
/// Results that may be on their way at once.
const READBACKS: usize = 8;

/// Purpose of a loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Target {
    /// A row of the list of actions.
    Row(RowId, Moment),
    /// The trend at this step.
    Trend(u32),
    /// The present weights beside a change on trial, by its number.
    Present(u64),
    /// A change on trial, by its number.
    Trial(u64),
}

impl Target {
    /// True for the losses of a change on trial.
    pub(super) fn is_of_trial(&self) -> bool {
        matches!(self, Self::Present(_) | Self::Trial(_))
    }
}

/// A run as it is measured.
#[derive(Clone, Copy)]
pub(super) struct Of<'t> {
    /// The trainer.
    pub trainer: &'t Trainer,
    /// Number of times that what its layers or its loss compute was changed.
    pub version: u32,
}

impl Of<'_> {
    /// Steps recorded.
    pub(super) fn step(&self) -> u32 {
        self.trainer.clock().step
    }

    /// The network that an evaluation is for.
    pub(super) fn version(&self) -> Version {
        self.version
    }
}

/// The network that an evaluation is for: number of changes of what its layers or its loss compute.
pub(super) type Version = u32;

/// Weights to be evaluated.
struct Job {
    values: Buffer<f32>,
    version: u32,
    /// The evaluation, once it is built.
    pass: Option<Rc<HeldOutPass>>,
    targets: Vec<Target>,
}

/// Losses over held-out images.
pub(super) struct HeldOut {
    images: HeldOutImages,
    /// The version that was built last, and its evaluation; none where it does not fit.
    pass: Option<(u32, Option<Rc<HeldOutPass>>)>,
    /// Encoders until it goes on.
    rests: u32,
    /// Number of commands that were carried out since it is measured.
    pub changes: u64,
    /// Number of measurements of changes on trial.
    pub trials: u64,
    queue: VecDeque<Job>,
    under_way: Option<Job>,
    /// The evaluation under way.
    pub work: Work,
    spare: SpareTime,
    /// Buffers to be used again.
    free: Vec<Buffer<f32>>,
    results: ReadbackRing<Vec<Target>>,
}

impl HeldOut {
    /// The held-out images of a run, and no evaluation yet.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub(super) fn new(trainer: &Trainer) -> Result<Self> {
        Ok(Self {
            images: trainer.hold_out()?,
            pass: None,
            rests: 0,
            changes: 0,
            trials: 0,
            queue: VecDeque::new(),
            under_way: None,
            work: Work::new(Plan::default(), CostModel::SOFTWARE),
            spare: SpareTime::default(),
            free: Vec::new(),
            results: ReadbackRing::new(trainer.gpu(), size_of::<Clock>() as u64, READBACKS),
        })
    }

    /// Number of images.
    pub(super) fn images(&self) -> usize {
        self.images.count()
    }

    /// True while a loss waits to be measured.
    pub(super) fn is_busy(&self) -> bool {
        self.under_way.is_some() || !self.queue.is_empty()
    }

    /// Builds the evaluation of the network as it is, where it is not built. Weights that were copied before wait for it no longer.
    pub(super) fn build(&mut self, run: Of<'_>) {
        let version = run.version;
        if self.pass.as_ref().is_none_or(|(of, _)| *of != version) {
            let built = run.trainer.held_out_pass(&self.images).map(Rc::new);
            if let Err(error) = &built {
                log::warn!("the held-out loss cannot be measured: {error}; {}", error.help());
            }
            self.pass = Some((version, built.ok()));
        }
        let pass = self.pass.as_ref().and_then(|(_, pass)| pass.clone());
        for job in self.queue.iter_mut().filter(|job| job.version == version && job.pass.is_none()) {
            job.pass.clone_from(&pass);
        }
        // What still has none is of a network that is gone, or does not fit.
        self.queue.retain(|job| job.pass.is_some());
    }

    /// Records a copy of weights of the network as it is, to be evaluated later.
    pub(super) fn copy(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        run: Of<'_>,
        values: &Buffer<f32>,
        targets: Vec<Target>,
    ) {
        let version = run.version;
        let len = values.len();
        self.free.retain(|buffer| buffer.len() == len);
        let copy =
            self.free.pop().unwrap_or_else(|| Buffer::zeroed(run.trainer.gpu(), "copied weights", len));
        encoder.copy_buffer_to_buffer(values.raw(), 0, copy.raw(), 0, 4 * len as u64);
        let pass = self.pass.as_ref().filter(|(of, _)| *of == version);
        let pass = match pass {
            Some((_, None)) => return,
            Some((_, pass)) => pass.clone(),
            None => None,
        };
        self.queue.push_back(Job { values: copy, version, pass, targets });
    }

    /// Copies the weights of the network as they are, to be evaluated later, with what was submitted.
    pub(super) fn copy_now(&mut self, run: Of<'_>, targets: Vec<Target>) {
        let gpu = run.trainer.gpu();
        let mut encoder = gpu.encoder("copied weights");
        self.copy(&mut encoder, run, &run.trainer.parameters.values, targets);
        self.rests = DELAY;
        gpu.submit(encoder);
    }

    /// Drops what waits for targets of this kind.
    pub(super) fn forget(&mut self, of: impl Fn(&Target) -> bool) {
        self.queue.retain(|job| !job.targets.iter().any(&of));
    }

    /// Begins the next evaluation, where one can be; returns whether one is under way.
    fn begin(&mut self, encoder: &mut wgpu::CommandEncoder) -> bool {
        if self.under_way.is_some() {
            return true;
        }
        if !self.results.has_room() || self.queue.front().is_none_or(|job| job.pass.is_none()) {
            return false;
        }
        let job = self.queue.pop_front().expect("there is a first");
        let pass = job.pass.as_ref().expect("it has one");
        let bytes = 4 * job.values.len() as u64;
        encoder.copy_buffer_to_buffer(job.values.raw(), 0, pass.values.raw(), 0, bytes);
        self.free.push(job.values.clone());
        self.images.restart(encoder);
        self.work.replace(pass.plan.clone());
        self.under_way = Some(job);
        true
    }

    /// Records measurements that fit their share of `budget_ms`; returns whether there is anything to do, now or soon.
    pub(super) fn record(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        run: Of<'_>,
        readback: &mut Readback,
        (budget_ms, training): (f64, bool),
    ) -> bool {
        if self.rests > 0 {
            self.rests -= 1;
            return true;
        }
        self.build(run);
        self.spare.grant(budget_ms, SHARE, training);
        while let Some(left_ms) = self.spare.left_ms()
            && self.begin(encoder)
        {
            let piece = readback.record(encoder, &mut self.work, left_ms, Timed::HeldOut);
            self.spare.charge(piece.time_ms);
            if piece.ends
                && let Some(job) = self.under_way.take()
            {
                let bytes = size_of::<Clock>() as u64;
                self.results.copy(encoder, self.images.clock.raw(), 0, bytes, job.targets);
            }
        }
        self.is_busy()
    }

    /// Call after the submit of the encoder.
    pub(super) fn after_submit(&mut self) {
        self.results.after_submit();
    }

    /// Losses that have arrived, each with what it was measured for.
    pub(super) fn take(&mut self) -> Vec<(Target, f32)> {
        let mut all = Vec::new();
        for (targets, bytes) in self.results.take() {
            let clock: Clock = bytemuck::pod_read_unaligned(&bytes);
            let loss = HeldOutPass::loss(&clock, self.images());
            all.extend(targets.into_iter().map(|target| (target, loss)));
        }
        all
    }
}
