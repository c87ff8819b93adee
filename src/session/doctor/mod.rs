//! The doctor: examines a run and finds signs that it does not learn as it could, each with its evidence, a remedy, and what is to come
//! of it; once the remedy was carried out, it looks whether that came true.
//!
//! An examination copies the weights, lets the run make [`WATCHED_STEPS`] steps where it trains, copies them again and has the filters
//! ranked. It only reads: the run's bits stay as they are.

mod checkup;
mod diagnose;
mod finding;
mod remedies;
mod run_signs;
mod treatment;

pub use checkup::{Checkup, LayerCheckup};
pub(super) use checkup::{dropouts, layers};
pub use diagnose::{Diagnosis, diagnose};
pub use finding::{Expected, Finding, Problem, Remedy};
pub use treatment::{Outcome, Treatment};

use checkup::Copied;

use super::effects::EFFECT_STEPS;
use super::held_out::{Of, Version};
use super::moment::Moment;
use super::ranking::{FilterRanking, Rankings};
use crate::gpu::{ReadbackRing, Recorder};

/// Steps over which the change of the weights is watched.
pub const WATCHED_STEPS: u32 = 20;
/// Share of the progress bar that these steps are.
const WATCHED_SHARE: f64 = 0.3;

/// Place of a copy of the weights: before the watched steps, and after them.
#[derive(Clone, Copy)]
enum Place {
    Before,
    After,
}

/// Evidence of an examination that is complete.
pub(super) struct Evidence {
    /// Step of the last copy of the weights; none where a step was halted before.
    pub step: Option<u32>,
    /// The weights before the watched steps, and after them.
    pub copies: [Option<Copied>; 2],
    /// The filters by the loss without each.
    pub ranking: Option<FilterRanking>,
    /// Error of a step that was halted meanwhile.
    pub halted: Option<String>,
}

/// An examination under way.
struct Job {
    images: usize,
    version: Version,
    /// Steps of the copies that were recorded.
    asked: [Option<u32>; 2],
    arrived: [Option<Copied>; 2],
    /// The ranking, or none where there can be none.
    ranking: Option<Option<FilterRanking>>,
    /// Error of a step that was halted meanwhile.
    halted: Option<String>,
}

impl Job {
    fn new(images: usize, version: Version) -> Self {
        let (asked, arrived, ranking, halted) = Default::default();
        Self { images, version, asked, arrived, ranking, halted }
    }

    fn is_complete(&self) -> bool {
        let mut places = self.asked.iter().zip(&self.arrived);
        let copied =
            self.asked[1].is_some() && places.all(|(asked, arrived)| asked.is_some() == arrived.is_some());
        self.halted.is_some() || copied && self.ranking.is_some()
    }
}

/// Examinations of a run.
#[derive(Default)]
pub struct Doctor {
    job: Option<Job>,
    /// Room for this number of parameters.
    ring: Option<(usize, ReadbackRing<(Place, u32)>)>,
    ranking_share: f64,
    diagnosis: Option<Diagnosis>,
    treatments: Vec<Treatment>,
    /// The run when it was last asked for an examination or a remedy.
    asked: Moment,
    /// Validation images of the last examination.
    images: usize,
}

impl Doctor {
    /// The last examination.
    pub fn diagnosis(&self) -> Option<&Diagnosis> {
        self.diagnosis.as_ref()
    }

    /// Remedies that were carried out, oldest first.
    pub fn treatments(&self) -> &[Treatment] {
        &self.treatments
    }

    /// Share of the examination under way that is done, 0 to 1; none where none is.
    pub fn progress(&self) -> Option<f64> {
        let job = self.job.as_ref()?;
        let ranked = job.asked[1].map(|_| WATCHED_SHARE + (1.0 - WATCHED_SHARE) * self.ranking_share);
        Some(ranked.unwrap_or(0.0))
    }

    /// Begins an examination over this number of validation images, unless one is under way.
    pub(super) fn begin(&mut self, images: usize, now: Moment, version: Version) {
        self.asked = now;
        if self.job.is_none() {
            self.images = images;
            self.job = Some(Job::new(images, version));
        }
    }

    /// The run is at another moment: the examination under way is dropped, and what was to come of remedies never comes.
    pub(super) fn forget(&mut self) {
        self.job.take_if(|job| job.halted.is_none());
        self.treatments.retain(|treatment| treatment.outcome.is_some());
    }

    /// A step was halted with this error, after `step` others: no remedy that waits for its outcome has come true.
    pub(super) fn halted(&mut self, error: &str, step: u32) {
        self.job.iter_mut().for_each(|job| job.halted = Some(error.to_owned()));
        let waiting = self.treatments.iter_mut().filter(|treatment| treatment.outcome.is_none());
        waiting
            .for_each(|treatment| treatment.outcome = Some(Outcome { step, came_true: false, loss: None }));
    }

    /// Records what is due between two steps; call also after each step.
    pub(super) fn record(
        &mut self,
        recorder: &mut Recorder<'_>,
        of: Of<'_>,
        rankings: &mut Rankings,
        trains: bool,
    ) {
        let now = Moment { step: of.step(), ..self.asked };
        let due = |treatment: &Treatment| {
            treatment.outcome.is_none() && treatment.due.saturating_sub(WATCHED_STEPS) <= of.step()
        };
        if trains && self.treatments.iter().any(due) {
            self.begin(self.images, now, of.version());
        }
        let Some(job) = &mut self.job else { return };
        if job.version != of.version() {
            // It is of a network that is gone.
            *job = Job::new(job.images, of.version());
        }
        let place = match job.asked {
            [_, Some(_)] => return,
            [None, None] if trains => Place::Before,
            [Some(step), None] if trains && of.step() < step + WATCHED_STEPS => return,
            [_, None] => Place::After,
        };
        let values = &of.trainer.parameters.values;
        if self.ring.as_ref().is_none_or(|(len, _)| *len != values.len()) {
            self.ring = Some((values.len(), ReadbackRing::new(of.trainer.gpu(), 4 * values.len() as u64, 2)));
        }
        let Some((len, ring)) = &mut self.ring else { return };
        if !ring.copy(recorder.encoder(), values.raw(), 0, 4 * *len as u64, (place, of.step())) {
            return;
        }
        job.asked[place as usize] = Some(of.step());
        if matches!(place, Place::After) {
            rankings.want(job.images, now, of.version());
        }
    }

    /// Call after the submit of the encoder.
    pub(super) fn after_submit(&mut self) {
        self.ring.iter_mut().for_each(|(_, ring)| ring.after_submit());
    }

    /// Takes in what has arrived.
    pub(super) fn poll(&mut self, rankings: &Rankings) {
        let arrived = self.ring.as_mut().map(|(_, ring)| ring.take()).unwrap_or_default();
        let Some(job) = &mut self.job else { return };
        for ((place, step), bytes) in arrived {
            // A copy of an examination that was dropped is of no use.
            if job.asked[place as usize] == Some(step) {
                let values = bytemuck::pod_collect_to_vec(&bytes);
                job.arrived[place as usize] = Some(Copied { step, values });
            }
        }
        let Some(step) = job.asked[1].filter(|_| job.ranking.is_none()) else { return };
        let of_now = |ranking: &&FilterRanking| ranking.version == job.version && ranking.step >= step;
        let progress = rankings.progress();
        self.ranking_share = progress.unwrap_or(1.0);
        match rankings.result().filter(of_now) {
            Some(ranking) => job.ranking = Some(Some(ranking.clone())),
            // It cannot be made: the network has no filter that can be deleted, or there are no images.
            None if progress.is_none() => job.ranking = Some(None),
            None => {}
        }
    }

    /// The evidence of the examination under way, once it is complete.
    pub(super) fn take_complete(&mut self) -> Option<Evidence> {
        let job = self.job.take_if(|job| job.is_complete())?;
        let (step, copies, ranking, halted) = (job.asked[1], job.arrived, job.ranking.flatten(), job.halted);
        Some(Evidence { step, copies, ranking, halted })
    }

    /// Takes in a diagnosis.
    pub(super) fn conclude(&mut self, diagnosis: Diagnosis) {
        self.treatments.iter_mut().for_each(|treatment| treatment.judge(&diagnosis));
        self.diagnosis = Some(diagnosis);
    }

    /// A remedy was carried out at this moment; the loss was this before it.
    pub(super) fn treated(
        &mut self,
        (finding, loss_before): (Finding, Option<f64>),
        words: String,
        now: Moment,
    ) {
        self.asked = now;
        let due = now.step.saturating_add(EFFECT_STEPS);
        self.treatments.push(Treatment { finding, words, step: now.step, due, loss_before, outcome: None });
    }
}
