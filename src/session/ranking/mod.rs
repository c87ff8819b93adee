//! The filters of a run by the loss without each: copied weights, evaluated without one filter after the other in buffers apart and in
//! pieces, whenever there is time. Only while somebody looks; the run's bits stay as they are.

mod job;
mod result;

use std::collections::BTreeMap;
use std::rc::Rc;

pub use result::{
    DUPLICATE_COSINE, FilterRanking, FilterSign, MOVING_SHARE, MeanScore, RankedFilter, SATURATED_SHARE,
    Scores,
};

use self::job::{Built, Job, Tag};
use super::held_out::{Of, Version};
use super::moment::Moment;
use super::readback::{Readback, Timed};
use super::spare_time::SpareTime;
use crate::error::Result;
use crate::gpu::{CostModel, Plan, ReadbackRing, Recorder, Work};
use crate::layouts::Layouts;

/// Validation images at most, unless others are asked for.
pub const RANKED_IMAGES: usize = 1000;
/// Share of the GPU time that a ranking may take while the run trains.
const SHARE: f64 = 0.5;
/// Encoders after a change of the network in which nothing is built, so that the frame of a click does not wait for it.
const DELAY: u32 = 2;
/// Read-backs that may be on their way at once.
const READBACKS: usize = 4;

/// A number of images, and the moment of the run at which it was asked for.
type Asked = (usize, Moment);

/// The rankings of a run's filters, measured beside it where they are asked for (see
/// [`Control::RankFilters`](super::Control::RankFilters)); its bits stay as they are.
#[derive(Default)]
pub struct Rankings {
    asked: Option<Asked>,
    /// Content of the last ranking, or of the one under way.
    begun: Option<(Asked, Version)>,
    /// Buffers for a version of the network and a number of images; none where they do not fit.
    built: Option<(Version, usize, Option<Rc<Built>>)>,
    rests: u32,
    job: Option<Job>,
    /// The works of its passes by their kinds, to learn how long they take.
    works: BTreeMap<usize, Work>,
    /// The encoder that is being recorded reads the images.
    recorded: bool,
    spare: SpareTime,
    results: Option<ReadbackRing<Tag>>,
    /// The last ranking.
    result: Option<FilterRanking>,
}

impl Rankings {
    /// Somebody looks: over this number of validation images, at this moment of the run, whose network has this version.
    pub(super) fn want(&mut self, images: usize, now: Moment, version: Version) {
        let asked = (images, now);
        // What is known, or under way, is not asked for again.
        self.asked = (self.begun != Some((asked, version))).then_some(asked);
    }

    /// The last ranking.
    pub fn result(&self) -> Option<&FilterRanking> {
        self.result.as_ref()
    }

    /// Share of the ranking under way that is done, 0 to 1; none where none is.
    pub fn progress(&self) -> Option<f64> {
        let waits = self.asked.is_some().then_some(0.0);
        self.job.as_ref().map(Job::progress).or(waits)
    }

    /// A pass of a kind, to learn how long it takes.
    pub(super) fn work(&mut self, kind: usize) -> Option<&mut Work> {
        self.works.get_mut(&kind)
    }

    /// Builds the buffers that a ranking of the network as it is needs, where it is not built.
    ///
    /// # Errors
    /// When there are no such images or filters, or they do not fit the adapter.
    pub(super) fn check(&mut self, of: Of<'_>, images: usize) -> Result<()> {
        let version = of.version();
        if self.built.as_ref().is_some_and(|(v, i, built)| (*v, *i) == (version, images) && built.is_some()) {
            return Ok(());
        }
        self.works.clear();
        (self.built, self.results) = (Some((version, images, None)), None);
        let built = Rc::new(Built::new(of.trainer, images)?);
        self.built = Some((version, images, Some(built)));
        Ok(())
    }

    /// Buffers of a ranking of the network as it is; none where it does not fit.
    fn build(&mut self, of: Of<'_>, images: usize) -> Option<Rc<Built>> {
        if self.built.as_ref().is_none_or(|(v, i, _)| (*v, *i) != (of.version(), images))
            && let Err(error) = self.check(of, images)
        {
            log::warn!("the filters cannot be ranked: {error}; {}", error.help());
        }
        self.built.as_ref()?.2.clone()
    }

    /// Records a copy of the weights as they are and puts a ranking under way, where somebody looks and there is something new to see.
    /// No step may be under way.
    pub(super) fn begin(&mut self, recorder: &mut Recorder<'_>, of: Of<'_>, layouts: &Layouts) {
        if self.job.as_ref().is_some_and(|job| job.version != of.version()) {
            // It is of a network that is gone.
            (self.job, self.begun, self.rests) = (None, None, DELAY);
        }
        let Some(asked) = self.asked.filter(|_| self.job.is_none() && self.rests == 0) else { return };
        self.asked = None;
        if self.begun == Some((asked, of.version())) {
            return;
        }
        let Some(built) = self.build(of, asked.0) else { return };
        let size = built.readback_bytes();
        self.results.get_or_insert_with(|| ReadbackRing::new(of.trainer.gpu(), size, READBACKS));
        self.begun = Some((asked, of.version()));
        self.job = Some(Job::begin(recorder.encoder(), of, built, layouts));
    }

    /// Records pieces that fit their share of `budget_ms`; returns whether there is anything to do, now or soon.
    pub(super) fn record(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        (of, layouts): (Of<'_>, &Layouts),
        readback: &mut Readback,
        (budget_ms, trains, between): (f64, bool, bool),
    ) -> bool {
        if between {
            self.begin(&mut Recorder::new(encoder), of, layouts);
        }
        self.rests = self.rests.saturating_sub(1);
        self.spare.grant(budget_ms, SHARE, trains);
        while let Some(left_ms) = self.spare.left_ms()
            && self.record_piece(encoder, of, readback, left_ms)
        {}
        self.job.is_some() || self.asked.is_some()
    }

    /// Records a piece; returns whether another one may follow in this encoder.
    fn record_piece(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        of: Of<'_>,
        readback: &mut Readback,
        left_ms: f64,
    ) -> bool {
        let (Some(job), Some(results)) = (&mut self.job, &mut self.results) else { return false };
        if job.version != of.version() {
            return false;
        }
        if !job.is_under_way() {
            if job.is_recorded() {
                job.copy_evidence(encoder, results);
                return false;
            }
            if !results.has_room() || job.wants_images() && self.recorded {
                return false;
            }
            let begun = job.begin_pass(encoder, of.trainer);
            match begun {
                Ok((kind, plan)) => {
                    let new = || Work::new(Plan::default(), CostModel::SOFTWARE);
                    self.works.entry(kind).or_insert_with(new).replace(plan);
                }
                Err(error) => {
                    log::warn!("the filters cannot be ranked: {error}; {}", error.help());
                    self.job = None;
                    return false;
                }
            }
        }
        let kind = job.kind();
        let Some(work) = self.works.get_mut(&kind) else { return false };
        let piece = readback.record(encoder, work, left_ms, Timed::Ranking(kind));
        self.recorded = true;
        self.spare.charge(piece.time_ms);
        if piece.ends {
            job.end_pass(encoder, results);
        }
        true
    }

    /// Call after the submit of the encoder.
    pub(super) fn after_submit(&mut self) {
        self.recorded = false;
        self.results.iter_mut().for_each(ReadbackRing::after_submit);
    }

    /// Takes in what has arrived; `labels` are the classes of the validation images in their order.
    pub(super) fn poll(&mut self, labels: &[(u32, u8)]) {
        let arrived = self.results.as_mut().map(ReadbackRing::take).unwrap_or_default();
        let Some(job) = &mut self.job else { return };
        for (tag, bytes) in arrived {
            job.take(&tag, &bytes, labels);
        }
        if let Some(result) = job.result() {
            self.result = Some(result);
            self.job = None;
        }
    }
}
