//! A ranking under way: part of the images by part, each by the whole network and then without one filter after the other.

use std::ops::Range;
use std::rc::Rc;

use super::result::{Evidence, FilterRanking, RankedFilter, Sum, scores};
use crate::data::HeldOutImages;
use crate::error::{Error, Result};
use crate::gpu::{Buffer, Plan, ReadbackRing};
use crate::layouts::Layouts;
use crate::nn::{Ablation, AblationPass, FilterSigns, NearestKernel, Trainer};
use crate::session::held_out::{Of, Version};

/// Images of a pass at most, on a GPU and on the software adapter, whose dispatches are not to take long.
const MAX_IMAGES: usize = 512;
const MAX_SOFTWARE_IMAGES: usize = 128;
/// Passes whose results are read back together.
const GATHERED: usize = 32;
/// Kinds of passes: the first of the whole network, which compares the kernels, the others of it, and those without filters from here on,
/// by their first layer and whether that takes them by one channel.
const FIRST: usize = 0;
const WHOLE: usize = 1;
const WITHOUT: usize = 2;

/// Buffers and dispatches of rankings of a network.
pub(super) struct Built {
    /// Positions of the images in the loader's order.
    positions: Range<usize>,
    images: HeldOutImages,
    pass: AblationPass,
    signs: FilterSigns,
    ablations: Vec<Ablation>,
    /// Loss and correctness of each slot, `[pass, n]`.
    gathered: Buffer<[f32; 2]>,
    /// Total change of each filter over the last epoch.
    changes: Buffer<f32>,
    /// The evidence of all filters, to be read back.
    evidence: Buffer<u32>,
    classes: usize,
}

impl Built {
    /// Room for a ranking over this number of validation images.
    ///
    /// # Errors
    /// When it does not fit the adapter, or there are no such images or filters.
    pub(super) fn new(trainer: &Trainer, images: usize) -> Result<Self> {
        let count = images.min(trainer.loader.validation_images);
        if count == 0 {
            return Err(Error::usage("there are no validation images", "take a data set that has some"));
        }
        let ablations = Ablation::of(&trainer.network);
        if ablations.is_empty() {
            let what = format!("network {} has no filter that can be deleted", trainer.network.name);
            return Err(Error::usage(what, "take a network with a hidden layer"));
        }
        let gpu = trainer.gpu();
        let most = if gpu.is_software() { MAX_SOFTWARE_IMAGES } else { MAX_IMAGES };
        let images = trainer.room_for_validation(most.min(count))?;
        let (pass, signs) = trainer.ablation_pass(&images)?;
        let first = trainer.loader.validation().start;
        Ok(Self {
            positions: first..first + count,
            gathered: Buffer::zeroed(gpu, "results of ablations", GATHERED * images.sizes.slots),
            changes: Buffer::zeroed(gpu, "changes of filters", signs.counts.len()),
            evidence: Buffer::zeroed(gpu, "evidence of filters", 6 * signs.counts.len()),
            images,
            pass,
            signs,
            ablations,
            classes: if trainer.network.loss.has_classes() { trainer.network.classes } else { 1 },
        })
    }

    /// Bytes of the largest read-back.
    pub(super) fn readback_bytes(&self) -> u64 {
        self.gathered.range().size.max(self.evidence.range().size)
    }
}

/// Content of a read-back.
pub(super) enum Tag {
    /// Results of some passes, over images from the first on.
    Passes { passes: Range<usize>, images: Range<usize> },
    /// Counts, kernels that are alike, and changes of all filters.
    Evidence,
}

/// A ranking under way.
pub(super) struct Job {
    built: Rc<Built>,
    pub version: Version,
    step: u32,
    /// First image of the part.
    at: usize,
    /// Pass over the part: 0 for the whole network, n for ablation n − 1.
    pass: usize,
    under_way: bool,
    filled: bool,
    /// First pass whose result is not copied.
    gathered: usize,
    /// Sums by pass and class.
    sums: Vec<Vec<Sum>>,
    counts: Vec<[u32; 2]>,
    nearest: Vec<NearestKernel>,
    changes: Vec<f32>,
    /// The layers with filters.
    layers: Vec<LayerThen>,
    /// Read-backs of results on their way.
    awaited: usize,
    /// The evidence is on its way, or there.
    copied: bool,
}

/// A layer with filters, as it was when the ranking began.
struct LayerThen {
    id: u32,
    frozen: bool,
    filters: Vec<u32>,
    frozen_filters: Vec<u32>,
}

impl Job {
    /// Records the copy of the weights as they are.
    pub(super) fn begin(
        encoder: &mut wgpu::CommandEncoder,
        of: Of<'_>,
        built: Rc<Built>,
        layouts: &Layouts,
    ) -> Self {
        let (values, network) = (&of.trainer.parameters.values, &of.trainer.network);
        encoder.copy_buffer_to_buffer(values.raw(), 0, built.pass.values.raw(), 0, 4 * values.len() as u64);
        encoder.clear_buffer(built.signs.counts.raw(), 0, None);
        encoder.clear_buffer(built.changes.raw(), 0, None);
        let mut layers = Vec::new();
        for layer in &built.signs.layers {
            let drift = layouts.filter_drift(layer.layer + 1).filter(|drift| drift.len() == layer.filters);
            if let Some(drift) = drift {
                let (to, bytes) = (4 * layer.first as u64, 4 * layer.filters as u64);
                encoder.copy_buffer_to_buffer(drift.raw(), 0, built.changes.raw(), to, bytes);
            }
            let of = &network.layers[layer.layer];
            layers.push(LayerThen {
                id: of.id,
                frozen: of.frozen,
                filters: of.filter_ids.clone(),
                frozen_filters: of.frozen_filters.clone(),
            });
        }
        Self {
            version: of.version(),
            step: of.step(),
            at: 0,
            pass: 0,
            under_way: false,
            filled: false,
            gathered: 0,
            sums: vec![vec![Sum::default(); built.classes]; 1 + built.ablations.len()],
            counts: Vec::new(),
            nearest: Vec::new(),
            changes: Vec::new(),
            layers,
            awaited: 0,
            copied: false,
            built,
        }
    }

    /// True between the beginning and the end of a pass.
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// True if all passes are recorded.
    pub(super) fn is_recorded(&self) -> bool {
        self.at >= self.built.positions.len()
    }

    /// True if the next pass begins with other images.
    pub(super) fn wants_images(&self) -> bool {
        !self.filled
    }

    /// Recorded share, 0 to 1.
    pub(super) fn progress(&self) -> f64 {
        let part = self.pass as f64 / self.sums.len() as f64 * self.part().len() as f64;
        ((self.at as f64 + part) / self.built.positions.len() as f64).min(1.0)
    }

    /// Images of the part.
    fn part(&self) -> Range<usize> {
        self.at..(self.at + self.built.images.count()).min(self.built.positions.len())
    }

    /// Kind of the pass.
    pub(super) fn kind(&self) -> usize {
        match self.pass.checked_sub(1) {
            None if self.at == 0 => FIRST,
            None => WHOLE,
            Some(ablation) => {
                let Ablation { first, channel, .. } = self.built.ablations[ablation];
                WITHOUT + 2 * first + usize::from(channel.is_some())
            }
        }
    }

    /// Puts the next pass under way; returns its kind and its dispatches. Nothing recorded before may read the images, where it wants others.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub(super) fn begin_pass(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        trainer: &Trainer,
    ) -> Result<(usize, Plan)> {
        let built = &self.built;
        if !self.filled {
            let (part, first) = (self.part(), built.positions.start);
            trainer.loader.fill(trainer.gpu(), &built.images, first + part.start..first + part.end)?;
        }
        let ablation = self.pass.checked_sub(1).map(|index| &built.ablations[index]);
        let plan = match ablation {
            Some(ablation) => trainer.without(&built.pass, ablation)?,
            None => {
                let mut plan = built.pass.whole();
                plan.extend(&built.signs.count);
                if self.at == 0 {
                    plan.extend(&built.signs.compare);
                }
                plan
            }
        };
        built.pass.begin(encoder, ablation);
        (self.filled, self.under_way) = (true, true);
        Ok((self.kind(), plan))
    }

    /// Records what follows a pass; there must be room in the ring.
    pub(super) fn end_pass(&mut self, encoder: &mut wgpu::CommandEncoder, ring: &mut ReadbackRing<Tag>) {
        let built = Rc::clone(&self.built);
        let bytes = 8 * built.images.sizes.slots as u64;
        let results = built.pass.results();
        let to = (self.pass - self.gathered) as u64 * bytes;
        encoder.copy_buffer_to_buffer(&results.buffer, results.offset, built.gathered.raw(), to, bytes);
        (self.pass, self.under_way) = (self.pass + 1, false);
        let part_ends = self.pass == self.sums.len();
        if part_ends || self.pass - self.gathered == GATHERED {
            let tag = Tag::Passes { passes: self.gathered..self.pass, images: self.part() };
            self.awaited += 1;
            ring.copy(encoder, built.gathered.raw(), 0, to + bytes, tag);
            self.gathered = self.pass;
        }
        if part_ends {
            (self.at, self.pass, self.gathered, self.filled) = (self.part().end, 0, 0, false);
        }
    }

    /// Records the copy of the evidence, once all passes are recorded and there is room.
    pub(super) fn copy_evidence(&mut self, encoder: &mut wgpu::CommandEncoder, ring: &mut ReadbackRing<Tag>) {
        if self.copied || !ring.has_room() {
            return;
        }
        let FilterSigns { counts, nearest, .. } = &self.built.signs;
        let evidence = self.built.evidence.raw();
        let (rows, mut to) = (counts.len() as u64, 0);
        for (from, bytes) in [(counts.raw(), 8), (nearest.raw(), 12), (self.built.changes.raw(), 4)] {
            encoder.copy_buffer_to_buffer(from, 0, evidence, to, bytes * rows);
            to += bytes * rows;
        }
        self.copied = ring.copy(encoder, evidence, 0, to, Tag::Evidence);
    }

    /// Takes in a read-back.
    pub(super) fn take(&mut self, tag: &Tag, bytes: &[u8], labels: &[(u32, u8)]) {
        match tag {
            Tag::Evidence => {
                let rows = self.built.signs.counts.len();
                let (counts, rest) = bytes.split_at(8 * rows);
                let (nearest, changes) = rest.split_at(12 * rows);
                self.counts = bytemuck::pod_collect_to_vec(counts);
                self.nearest = bytemuck::pod_collect_to_vec(nearest);
                self.changes = bytemuck::pod_collect_to_vec(changes);
            }
            Tag::Passes { passes, images } => {
                self.awaited -= 1;
                let values: Vec<[f32; 2]> = bytemuck::pod_collect_to_vec(bytes);
                for (pass, values) in passes.clone().zip(values.chunks(self.built.images.sizes.slots)) {
                    for (image, [loss, correct]) in images.clone().zip(values) {
                        let class = if self.built.classes > 1 { usize::from(labels[image].1) } else { 0 };
                        let sum = &mut self.sums[pass][class];
                        sum.images += 1;
                        sum.loss += f64::from(*loss);
                        sum.correct += f64::from(*correct);
                    }
                }
            }
        }
    }

    /// The ranking, once all has arrived.
    pub(super) fn result(&self) -> Option<FilterRanking> {
        let complete = self.is_recorded() && self.awaited == 0 && !self.counts.is_empty();
        complete.then(|| {
            let whole = scores(&self.sums[0]);
            let mut filters = Vec::new();
            for (ablation, sums) in self.built.ablations.iter().zip(&self.sums[1..]) {
                let without = scores(sums);
                for (layer, filter) in &ablation.filters {
                    let tied = ablation.filters.iter().filter(|other| **other != (*layer, *filter));
                    filters.push(RankedFilter {
                        layer: *layer,
                        filter: *filter,
                        tied: tied.copied().collect(),
                        without: without.clone(),
                        signs: self.evidence(*layer, *filter).map_or_else(Vec::new, |found| found.signs()),
                    });
                }
            }
            let key = |ranked: &RankedFilter| (ranked.layer, ranked.filter);
            filters
                .sort_by(|a, b| a.without.all.loss.total_cmp(&b.without.all.loss).then(key(a).cmp(&key(b))));
            FilterRanking { step: self.step, version: self.version, whole, filters }
        })
    }

    fn evidence(&self, layer: u32, filter: u32) -> Option<Evidence<'_>> {
        let mut layers = self.built.signs.layers.iter().zip(&self.layers);
        let (of, then) = layers.find(|(_, then)| then.id == layer)?;
        let row = of.first + then.filters.iter().position(|id| *id == filter)?;
        // All of them are 0 before an epoch ended.
        let knows_changes = self.changes.iter().any(|change| *change > 0.0);
        Some(Evidence {
            layer: of,
            counts: self.counts[row],
            images: self.built.positions.len(),
            nearest: self.nearest[row],
            ids: &then.filters,
            change: knows_changes.then(|| self.changes[row]),
            frozen: then.frozen || then.frozen_filters.contains(&filter),
        })
    }
}
