//! Predictions beside a run: of the probes and of some test images, with a copy of the weights after a step, in buffers of their own
//! and in pieces, whenever there is time. Only while somebody looks.

use std::collections::{BTreeMap, VecDeque};

use super::probes::{MAX_PROBES, Probes};
use crate::data::{HeldOutImages, nth_shuffled};
use crate::error::Result;
use crate::gpu::{CostModel, Plan, ReadbackRing, Recorder, Work};
use crate::nn::{HeldOutPass, Predictions, TopK, Trainer};
use crate::session::held_out::{Of, Version};
use crate::session::readback::{Readback, Timed};
use crate::session::spare_time::SpareTime;

/// Test images whose answers are kept.
pub const MAX_RECENT: usize = 200;
/// Test images of a pass, after the probes.
const TESTS: usize = 8;
/// Images of a pass are a multiple of it, so that it is seldom built again.
const STRIDE: usize = 16;
/// Share of the GPU time that predictions may take while the run trains.
const SHARE: f64 = 0.1;
/// Answers that may be on their way at once.
const READBACKS: usize = 4;

/// A test image and the network's answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recent {
    /// Its number among all images.
    pub number: u32,
    /// Its index in the test set.
    pub image: u32,
    /// Its class.
    pub class: u8,
    /// The network's answer.
    pub best: TopK,
    /// Steps that the network had made.
    pub step: u32,
}

impl Recent {
    /// True if the network's first class is the image's.
    pub fn is_right(&self) -> bool {
        self.best.first == u32::from(self.class)
    }
}

/// A state of run and probes, to be predicted once.
#[derive(Debug, Clone, Copy, PartialEq)]
struct State {
    step: u32,
    version: Version,
    changes: u64,
}

/// Images of a pass: ids of the probes, then indices of test images.
struct Job {
    probes: Vec<u32>,
    tests: Vec<u32>,
    step: u32,
}

/// A pass over a number of images for a version of the network.
struct Built {
    images: HeldOutImages,
    pass: HeldOutPass,
    predictions: Predictions,
}

/// Predictions beside a run.
pub(super) struct Predicting {
    /// Answers to the probes, by their ids.
    pub answers: BTreeMap<u32, TopK>,
    /// Test images, the last one first.
    pub recent: VecDeque<Recent>,
    wanted: bool,
    built: Option<(Version, usize, Option<Built>)>,
    work: Work,
    job: Option<Job>,
    last: Option<State>,
    /// Test images that were drawn so far.
    drawn: u64,
    /// Step whose test images were drawn last.
    listed: Option<u32>,
    /// The encoder that is being recorded reads the pass's images.
    recorded: bool,
    spare: SpareTime,
    results: Option<ReadbackRing<Job>>,
}

impl Default for Predicting {
    fn default() -> Self {
        Self {
            answers: BTreeMap::new(),
            recent: VecDeque::new(),
            wanted: false,
            built: None,
            work: Work::new(Plan::default(), CostModel::SOFTWARE),
            job: None,
            last: None,
            drawn: 0,
            listed: None,
            recorded: false,
            spare: SpareTime::default(),
            results: None,
        }
    }
}

/// Images of a pass for this number of probes.
fn slots(probes: usize) -> usize {
    (probes + TESTS).next_multiple_of(STRIDE)
}

impl Predicting {
    /// Somebody looks.
    pub(super) fn want(&mut self) {
        self.wanted = true;
    }

    /// True while somebody looks and no pass was begun for it.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// The pass under way, to learn how long it takes.
    pub(super) fn work(&mut self) -> &mut Work {
        &mut self.work
    }

    fn is_due(&self, of: Of<'_>, changes: u64) -> bool {
        let state = State { step: of.step(), version: of.version(), changes };
        self.wanted && self.last != Some(state)
    }

    /// True while a pass is under way or to be begun.
    pub(super) fn is_busy(&self, of: Of<'_>, (probes, changes): (&Probes, u64)) -> bool {
        let fails = |(version, slots_of, built): &(Version, usize, Option<Built>)| {
            built.is_none() && (*version, *slots_of) == (of.version(), slots(probes.len()))
        };
        self.job.is_some() || self.is_due(of, changes) && !self.built.as_ref().is_some_and(fails)
    }

    /// Records the copy of the weights as they are and puts a pass under way, where somebody looks and there is something new to see.
    /// No step may be under way.
    pub(super) fn begin(
        &mut self,
        recorder: &mut Recorder<'_>,
        of: Of<'_>,
        (probes, changes): (&Probes, u64),
    ) {
        if self.recorded || self.job.is_some() || !self.is_due(of, changes) {
            return;
        }
        let bytes = (size_of::<TopK>() * slots(MAX_PROBES)) as u64;
        let gpu = of.trainer.gpu();
        let ring = self.results.get_or_insert_with(|| ReadbackRing::new(gpu, bytes, READBACKS));
        if !ring.has_room() {
            return;
        }
        let (version, slots) = (of.version(), slots(probes.len()));
        if self.built.as_ref().is_none_or(|(v, s, _)| (*v, *s) != (version, slots)) {
            let built = build(of.trainer, slots);
            if let Err(error) = &built {
                log::warn!("the predictions cannot be made: {error}; {}", error.help());
            }
            self.built = Some((version, slots, built.ok()));
        }
        let Some((_, _, Some(built))) = &self.built else { return };
        let (all, step) = (of.trainer.loader.test_images, of.step());
        let count = if self.listed == Some(step) { 0 } else { TESTS.min(all) };
        let tests: Vec<u32> = (0..count as u64).map(|i| nth_shuffled(self.drawn + i, all as u32)).collect();
        let numbers = probes.iter().map(|probe| probe.number);
        let numbers = numbers.chain(tests.iter().map(|test| of.trainer.loader.test_number(*test as usize)));
        if let Err(error) = of.trainer.loader.choose(gpu, &built.images, &numbers.collect::<Vec<_>>()) {
            log::warn!("the images cannot be predicted: {error}; {}", error.help());
            return;
        }
        let (from, to) = (&of.trainer.parameters.values, &built.pass.values);
        let encoder = recorder.encoder();
        encoder.copy_buffer_to_buffer(from.raw(), 0, to.raw(), 0, 4 * from.len() as u64);
        built.images.restart(encoder);
        let mut plan = built.pass.plan.clone();
        plan.extend(&built.predictions.plan);
        self.work.replace(plan);
        self.drawn += count as u64;
        self.listed = Some(step);
        self.last = Some(State { step, version, changes });
        self.job = Some(Job { probes: probes.iter().map(|probe| probe.id).collect(), tests, step });
        (self.wanted, self.recorded) = (false, true);
    }

    /// Records pieces of the pass under way that fit their share of `budget_ms`.
    pub(super) fn record(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        readback: &mut Readback,
        (budget_ms, trains): (f64, bool),
    ) {
        self.spare.grant(budget_ms, SHARE, trains);
        while let Some(left_ms) = self.spare.left_ms().filter(|_| self.job.is_some()) {
            let piece = readback.record(encoder, &mut self.work, left_ms, Timed::Predictions);
            self.recorded = true;
            self.spare.charge(piece.time_ms);
            let Some(job) = piece.ends.then(|| self.job.take()).flatten() else { continue };
            if let (Some((_, _, Some(built))), Some(ring)) = (&self.built, &mut self.results) {
                let bytes = (size_of::<TopK>() * (job.probes.len() + job.tests.len()).max(1)) as u64;
                ring.copy(encoder, built.predictions.best.raw(), 0, bytes, job);
            }
        }
    }

    /// Call after the submit of the encoder.
    pub(super) fn after_submit(&mut self) {
        self.recorded = false;
        self.results.iter_mut().for_each(ReadbackRing::after_submit);
    }

    /// Takes in the answers that have arrived; returns whether there were any. `test` are numbers and classes of the test images.
    pub(super) fn poll(&mut self, test: &[(u32, u8)]) -> bool {
        let arrived = self.results.as_mut().map(ReadbackRing::take).unwrap_or_default();
        for (job, bytes) in &arrived {
            let best: Vec<TopK> = bytemuck::pod_collect_to_vec(bytes);
            self.answers = job.probes.iter().copied().zip(best.iter().copied()).collect();
            for (image, best) in job.tests.iter().zip(best.iter().skip(job.probes.len())) {
                let (number, class) = test[*image as usize];
                self.recent.push_front(Recent { number, image: *image, class, best: *best, step: job.step });
            }
            self.recent.truncate(MAX_RECENT);
        }
        !arrived.is_empty()
    }
}

fn build(trainer: &Trainer, slots: usize) -> Result<Built> {
    let images = trainer.loader.room_for(trainer.gpu(), slots)?;
    let pass = trainer.held_out_pass(&images)?;
    let predictions = trainer.predictions(&pass, &images)?;
    Ok(Built { images, pass, predictions })
}
