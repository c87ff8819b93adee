//! Every image of an evaluation: what it is, what the network says, and its loss. They are written on the GPU beside each pass, and
//! come back once at its end.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Plan, PlanBuilder, ReadbackRing, Recorder};
use crate::nn::{TopK, Trainer};
use crate::session::event::Split;
use crate::session::run::SplitImages;

/// Bytes of an image: the best classes, loss and correctness.
const BYTES: usize = size_of::<TopK>() + size_of::<[f32; 2]>();

/// An image of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Its number among all images.
    pub number: u32,
    /// Its class.
    pub class: u8,
    /// The network's answer.
    pub best: TopK,
    /// Its loss.
    pub loss: f32,
}

impl Outcome {
    /// True if the network's first class is the image's.
    pub fn is_right(&self) -> bool {
        self.best.first == u32::from(self.class)
    }
}

/// The images of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcomes {
    /// Steps that the network had made.
    pub step: u32,
    /// The images, in the order of their split.
    pub images: Vec<Outcome>,
    /// `[class, first class of the answer]`; images without an answer, whose outputs are no numbers, are in none.
    pub counts: Vec<u32>,
    /// Number of classes.
    pub classes: usize,
}

impl Outcomes {
    fn new(step: u32, images: Vec<Outcome>, classes: usize) -> Self {
        let mut counts = vec![0; classes * classes];
        for image in images.iter().filter(|image| (image.best.first as usize) < classes) {
            counts[usize::from(image.class) * classes + image.best.first as usize] += 1;
        }
        Self { step, images, counts, classes }
    }

    /// Number of images of a class for which the network's first class is another or the same.
    pub fn count(&self, class: usize, answer: usize) -> u32 {
        self.counts[class * self.classes + answer]
    }

    /// Share of the images of a class that the network finds, 0 to 1; none where there are no images of it.
    pub fn recall(&self, class: usize) -> Option<f64> {
        let all = (0..self.classes).map(|answer| self.count(class, answer)).sum::<u32>();
        share(self.count(class, class), all)
    }

    /// Share of the images that the network takes for a class that are of it, 0 to 1; none where it takes none for it.
    pub fn precision(&self, class: usize) -> Option<f64> {
        let all = (0..self.classes).map(|of| self.count(of, class)).sum::<u32>();
        share(self.count(class, class), all)
    }

    /// The matrix as CSV: a row for each class with the number of images for each answer, recall and precision; `names` are those of
    /// the classes.
    ///
    /// # Errors
    /// None that a user can reach.
    pub fn csv(&self, names: &[String]) -> Result<String> {
        let name = |class: usize| names.get(class).map_or_else(|| class.to_string(), Clone::clone);
        let share = |share: Option<f64>| share.map_or_else(String::new, |share| share.to_string());
        let text = || -> csv::Result<Vec<u8>> {
            let mut writer = csv::Writer::from_writer(Vec::new());
            let answers = (0..self.classes).map(name);
            let ends = ["recall", "precision"].map(str::to_owned);
            writer.write_record(std::iter::once("true_class".to_owned()).chain(answers).chain(ends))?;
            for class in 0..self.classes {
                let counts = (0..self.classes).map(|answer| self.count(class, answer).to_string());
                let ends = [self.recall(class), self.precision(class)].map(share);
                writer.write_record(std::iter::once(name(class)).chain(counts).chain(ends))?;
            }
            writer.into_inner().map_err(|error| error.into_error().into())
        };
        let failed = |e| Error::new(format!("cannot store the confusion matrix: {e}"), "report this fault");
        Ok(String::from_utf8(text().map_err(failed)?).expect("names and numbers are UTF-8"))
    }

    /// Indices of the images for which `fits` holds, the largest loss first.
    pub fn worst(&self, fits: impl Fn(&Outcome) -> bool) -> Vec<usize> {
        let mut found: Vec<usize> = (0..self.images.len()).filter(|i| fits(&self.images[*i])).collect();
        found.sort_by(|a, b| self.images[*b].loss.total_cmp(&self.images[*a].loss));
        found
    }
}

fn share(part: u32, all: u32) -> Option<f64> {
    (all > 0).then(|| f64::from(part) / f64::from(all))
}

/// Beginning or end of a pass of an evaluation.
pub(in crate::session) enum Evaluated<'t> {
    /// An evaluation of these positions of the image order begins.
    Begins(&'t Trainer, Split, Range<usize>),
    /// A pass ended; it was the last one or not.
    Pass(&'t Trainer, bool),
}

struct Tag {
    generation: u64,
    split: Split,
    step: u32,
    count: usize,
    classes: usize,
}

/// An evaluation under way.
struct UnderWay {
    split: Split,
    /// Copies what the network says after each pass.
    plan: Plan,
    /// Images of the passes that ended.
    done: usize,
}

/// Buffers for a number of images.
struct Room {
    count: usize,
    /// Best classes of all images, then losses and correctness of all.
    said: Buffer<TopK>,
    others: [Buffer<u32>; 2],
    results: ReadbackRing<Tag>,
}

/// Keeps the images of the last evaluations.
#[derive(Default)]
pub(super) struct Keeper {
    keeps: bool,
    under_way: Option<UnderWay>,
    room: Option<Room>,
    generation: u64,
    /// Of each split.
    last: [Option<Outcomes>; Split::ALL.len()],
}

impl Keeper {
    /// Keeps them from the next evaluation on.
    pub(super) fn keep(&mut self) {
        self.keeps = true;
    }

    /// The images of the last evaluation over a split.
    pub(super) fn of(&self, split: Split) -> Option<&Outcomes> {
        self.last[split as usize].as_ref()
    }

    /// Drops them, and those that are on their way.
    pub(super) fn forget(&mut self) {
        (self.under_way, self.last) = (None, Default::default());
        self.generation += 1;
    }

    /// An evaluation begins, or one of its passes ended.
    pub(super) fn evaluated(&mut self, recorder: Option<&mut Recorder<'_>>, of: Evaluated<'_>) {
        match (of, recorder) {
            (Evaluated::Begins(trainer, split, positions), _) => {
                self.under_way = None;
                if !self.keeps {
                    return;
                }
                match self.begin(trainer, split, &positions) {
                    Ok(under_way) => self.under_way = Some(under_way),
                    Err(error) => log::warn!("the images are not kept: {error}; {}", error.help()),
                }
            }
            (Evaluated::Pass(trainer, last), Some(recorder)) => self.copy(trainer, last, recorder),
            (Evaluated::Pass(..), None) => (),
        }
    }

    fn begin(&mut self, trainer: &Trainer, split: Split, positions: &Range<usize>) -> Result<UnderWay> {
        let (gpu, count) = (trainer.gpu(), positions.len());
        if self.room.as_ref().is_none_or(|room| room.count != count) {
            gpu.check_fits("what the network says of all images", (count * BYTES) as u64)?;
            self.room = Some(Room {
                count,
                said: Buffer::zeroed(
                    gpu,
                    "answers of an evaluation",
                    (count * BYTES).div_ceil(size_of::<TopK>()),
                ),
                others: ["labels", "classes"].map(|label| Buffer::zeroed(gpu, label, count)),
                results: ReadbackRing::new(gpu, (count * BYTES) as u64, 2),
            });
        }
        let mut plan = PlanBuilder::new(gpu);
        if let Some(Room { said, others: [labels, classes], .. }) = &self.room {
            let best = BufferRange { size: (count * size_of::<TopK>()) as u64, ..said.range() };
            trainer.copy_predictions(&mut plan, positions, [labels.range(), classes.range(), best])?;
        }
        Ok(UnderWay { split, plan: plan.finish(), done: 0 })
    }

    fn copy(&mut self, trainer: &Trainer, last: bool, recorder: &mut Recorder<'_>) {
        let (Some(under_way), Some(room)) = (&mut self.under_way, &mut self.room) else { return };
        let encoder = recorder.encoder();
        under_way.plan.encode(encoder);
        let (results, size) = (trainer.results(), size_of::<[f32; 2]>());
        let images = trainer.sizes().micro_batch.min(room.count - under_way.done);
        let at = (room.count * size_of::<TopK>() + under_way.done * size) as u64;
        let said = room.said.raw();
        encoder.copy_buffer_to_buffer(&results.buffer, results.offset, said, at, (images * size) as u64);
        under_way.done += images;
        if last {
            let UnderWay { split, .. } = *under_way;
            let (step, classes) = (trainer.clock().step, trainer.network.classes);
            let tag = Tag { generation: self.generation, split, step, count: room.count, classes };
            room.results.copy(encoder, said, 0, (room.count * BYTES) as u64, tag);
            self.under_way = None;
        }
    }

    /// Call after the submit of the encoder.
    pub(super) fn after_submit(&mut self) {
        self.room.iter_mut().for_each(|room| room.results.after_submit());
    }

    /// Takes in what has arrived; numbers and classes of the images of each split are given.
    pub(super) fn poll(&mut self, images: &SplitImages) {
        for (tag, bytes) in self.room.as_mut().map(|room| room.results.take()).unwrap_or_default() {
            if tag.generation != self.generation {
                continue;
            }
            let (best, results) = bytes.split_at(tag.count * size_of::<TopK>());
            let best: Vec<TopK> = bytemuck::pod_collect_to_vec(best);
            let results: Vec<[f32; 2]> = bytemuck::pod_collect_to_vec(results);
            let images = &images[tag.split as usize];
            let outcome = |((image, best), result): ((&(u32, u8), &TopK), &[f32; 2])| Outcome {
                number: image.0,
                class: image.1,
                best: *best,
                loss: result[0],
            };
            let images = images.iter().zip(&best).zip(&results).map(outcome).collect();
            self.last[tag.split as usize] = Some(Outcomes::new(tag.step, images, tag.classes));
        }
    }
}
