//! Single images of a run, looked at: the probes and what the network says of them, test images as it goes, and every image of an
//! evaluation. All of it only reads the run, whose bits stay as they are.

mod gallery;
mod outcomes;
mod predicting;
mod probe_file;
mod probes;
mod request;

pub use gallery::Gallery;
pub use outcomes::{Outcome, Outcomes};
pub use predicting::{MAX_RECENT, Recent};
pub use probe_file::PROBES_FILE;
pub(super) use probe_file::{read, write};
pub use probes::{MAX_PROBES, Probe, Probes};
pub use request::{Inspect, NewProbe, ProbeChange};

pub(super) use outcomes::Evaluated;
use predicting::Predicting;

use super::event::{Event, Split};
use super::held_out::Of;
use super::readback::Readback;
use super::run::SplitImages;
use crate::error::Result;
use crate::gpu::{Recorder, Work};
use crate::nn::{TopK, Trainer};

/// Test images of [`Inspection::recent`] that are shown at most.
pub const MAX_SHOWN: usize = 24;

/// Single images of a run, and what the network says of them.
#[derive(Default)]
pub struct Inspection {
    /// The probes.
    pub(super) probes: Probes,
    predicting: Predicting,
    outcomes: outcomes::Keeper,
    /// Images of the probes, of the last test images, and those that were asked for.
    galleries: [Gallery; 3],
    /// The state of the run has changed otherwise than by a step.
    changes: u64,
}

impl Inspection {
    /// The probes of the user's own.
    pub fn probes(&self) -> &Probes {
        &self.probes
    }

    /// The network's answer to a probe, a few frames old.
    pub fn answer(&self, probe: u32) -> Option<&TopK> {
        self.predicting.answers.get(&probe)
    }

    /// The last test images and the network's answers, the last one first; at most [`MAX_RECENT`].
    pub fn recent(&self) -> impl ExactSizeIterator<Item = &Recent> {
        self.predicting.recent.iter()
    }

    /// True while predictions are asked for and not begun.
    pub fn wants_predictions(&self) -> bool {
        self.predicting.is_wanted()
    }

    /// Images of the last evaluation over a split, if there was one since they are kept.
    pub fn outcomes(&self, split: Split) -> Option<&Outcomes> {
        self.outcomes.of(split)
    }

    /// Images of the probes, in their order.
    pub fn probe_images(&self) -> &Gallery {
        &self.galleries[0]
    }

    /// Images of [`Inspection::recent`], the first [`MAX_SHOWN`] of them.
    pub fn recent_images(&self) -> &Gallery {
        &self.galleries[1]
    }

    /// The images that were asked for last by [`Inspect::ShowImages`].
    pub fn shown_images(&self) -> &Gallery {
        &self.galleries[2]
    }

    /// Does what a user interface asks for; where the probes are others now, returns whether they are to be stored.
    ///
    /// # Errors
    /// When there is no such probe, no room for another one, or no room on the GPU.
    pub(super) fn request(
        &mut self,
        request: Inspect,
        trainer: &mut Trainer,
        test_image: u32,
    ) -> Result<Option<bool>> {
        match request {
            Inspect::Predictions => self.predicting.want(),
            Inspect::ShowImages(numbers) => self.galleries[2].show(trainer, &numbers)?,
            Inspect::KeepOutcomes => self.outcomes.keep(),
            Inspect::Probe(change) => {
                // While it is drawn it changes with every move of the pointer.
                let stored = !matches!(change, ProbeChange::SetImage(..));
                self.probes.change(change, trainer)?;
                self.probes.pin(trainer, test_image);
                self.changes += 1;
                self.show_probes(trainer)?;
                return Ok(Some(stored));
            }
        }
        Ok(None)
    }

    /// Takes stored probes for the present ones.
    ///
    /// # Errors
    /// When they do not fit the data set or the GPU.
    pub(super) fn restore(&mut self, probes: Probes, trainer: &mut Trainer, test_image: u32) -> Result<()> {
        self.probes = probes;
        self.probes.upload(trainer);
        self.probes.pin(trainer, test_image);
        self.show_probes(trainer)
    }

    /// Pins a test image, that of the run's settings.
    pub(super) fn pin_test_image(&mut self, trainer: &mut Trainer, image: u32) {
        self.probes.unpin();
        self.probes.pin(trainer, image);
    }

    fn show_probes(&mut self, trainer: &Trainer) -> Result<()> {
        let numbers: Vec<u32> = self.probes.iter().map(|probe| probe.number).collect();
        self.galleries[0].show_again(trainer, &numbers)
    }

    /// The run is another one than its steps say: it was reset, changed, or taken through time.
    pub(super) fn run_changed(&mut self) {
        self.changes += 1;
    }

    /// All that is known of images is of a run that is gone.
    pub(super) fn forget(&mut self) {
        self.changes += 1;
        self.outcomes.forget();
        self.predicting.recent.clear();
    }

    /// The pass under way, to learn how long it takes.
    pub(super) fn work(&mut self) -> &mut Work {
        self.predicting.work()
    }

    /// A step was recorded: records a copy of its weights where predictions are due.
    pub(super) fn after_step(&mut self, recorder: &mut Recorder<'_>, of: Of<'_>) {
        self.predicting.begin(recorder, of, (&self.probes, self.changes));
    }

    /// Records predictions that fit their share of `budget_ms`; returns whether there is anything to do, now or soon.
    pub(super) fn record(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        of: Of<'_>,
        readback: &mut Readback,
        (budget_ms, trains, between): (f64, bool, bool),
    ) -> bool {
        if between {
            self.predicting.begin(&mut Recorder::new(encoder), of, (&self.probes, self.changes));
        }
        self.predicting.record(encoder, readback, (budget_ms, trains));
        self.predicting.is_busy(of, (&self.probes, self.changes))
    }

    /// An evaluation over a split begins, or one of its passes ended.
    pub(super) fn evaluated(&mut self, recorder: Option<&mut Recorder<'_>>, of: Evaluated<'_>) {
        self.outcomes.evaluated(recorder, of);
    }

    /// Call after the submit of the encoder.
    pub(super) fn after_submit(&mut self) {
        self.predicting.after_submit();
        self.outcomes.after_submit();
    }

    /// Takes in what has arrived.
    pub(super) fn poll(&mut self, trainer: &mut Trainer, images: &SplitImages, events: &mut Vec<Event>) {
        self.outcomes.poll(images);
        if !self.predicting.poll(&images[Split::Test as usize]) {
            return;
        }
        let answers = &self.predicting.answers;
        self.probes.take_answers(trainer, |probe| answers.get(&probe).map(|best| best.first));
        let shown: Vec<u32> =
            self.predicting.recent.iter().take(MAX_SHOWN).map(|recent| recent.number).collect();
        if let Err(error) = self.galleries[1].show(trainer, &shown) {
            events.push(Event::Notice(error));
        }
    }
}
