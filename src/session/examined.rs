//! A session examined: where the evidence comes from, and how a remedy is carried out.

use super::command::{Command, Control};
use super::doctor::{Checkup, Diagnosis, Evidence, Finding, WATCHED_STEPS, diagnose, dropouts, layers};
use super::event::{Split, StopCondition};
use super::state::Session;
use crate::error::{Error, Result};
use crate::nn::Loss;

/// Narrowest images that may be shifted.
const MIN_SHIFTED: usize = 12;
/// Help where a diagnosis is out of date.
const AGAIN: &str = "examine the run again";
/// Steps of which loss and accuracy are taken.
const RECENT: usize = WATCHED_STEPS as usize;

/// Begins an examination of a session over this number of validation images, beside the run.
pub(super) fn begin(session: &mut Session, images: usize) {
    let (now, version) = (session.moment(), session.run.forward_version);
    session.measurements.doctor.begin(images, now, version);
}

/// Makes the diagnosis, once all evidence is there.
pub(super) fn conclude(session: &mut Session) {
    let Some(job) = session.measurements.doctor.take_complete() else { return };
    let checkup = checkup(session, job);
    let findings = diagnose(&checkup);
    session.measurements.doctor.conclude(Diagnosis { checkup, findings });
}

fn checkup(session: &Session, job: Evidence) -> Checkup {
    let trainer = &session.run.trainer;
    let network = &trainer.network;
    let classes = if network.loss.has_classes() { session.run.classes.clone() } else { Vec::new() };
    let plain = network.loss == Loss::SoftmaxCrossEntropy { label_smoothing: 0.0 };
    let edits = &session.run.settings.data_edits;
    let mut training_images = vec![0; classes.len()];
    for (image, class) in &session.run.images[Split::Training as usize] {
        if let Some(count) =
            training_images.get_mut(usize::from(*class)).filter(|_| !edits.leaves_out(*image))
        {
            *count += 1;
        }
    }
    let [before, after] = &job.copies;
    let step = job.step.unwrap_or_else(|| session.step());
    let image = trainer.loader.shape();
    Checkup {
        step,
        settings: session.run.settings.clone(),
        learning_rate: trainer.learning_rate(),
        guess: (plain && classes.len() > 1).then(|| (classes.len() as f64).ln()),
        classes,
        training_images,
        recent: session.metrics.recent(RECENT),
        epochs: session.metrics.epochs.clone(),
        halted: job.halted,
        ranking: job.ranking,
        layers: layers(
            network,
            &trainer.parameters.tensors,
            [before.as_ref(), after.as_ref()],
            trainer.start().is_none(),
        ),
        dropouts: dropouts(network),
        can_shift: image.height.min(image.width) >= MIN_SHIFTED,
    }
}

/// Carries out the remedy of a finding of the last diagnosis, by its index.
///
/// # Errors
/// When there is no such finding, it has no remedy, or that is not possible any more; then nothing changes.
pub(super) fn treat(session: &mut Session, index: usize) -> Result<()> {
    let missing = || Error::new("there is no such finding", AGAIN);
    let diagnosis = session.doctor().diagnosis().ok_or_else(missing)?;
    let finding = diagnosis.findings.get(index).cloned().ok_or_else(missing)?;
    let loss = diagnosis.loss();
    carry_out(session, finding, loss)
}

/// Carries out the remedy of a finding; `loss` is the validation loss that was found with it.
pub(super) fn carry_out(session: &mut Session, finding: Finding, loss: Option<f64>) -> Result<()> {
    let remedy = finding.remedy.as_ref().ok_or_else(|| Error::new("the finding has no remedy", AGAIN))?;
    let network = &session.run.trainer.network;
    let words: Vec<String> =
        remedy.commands.iter().map(|command: &Command| command.words_in(network)).collect();
    session.apply_all(&remedy.commands)?;
    let now = session.moment();
    session.measurements.doctor.treated((finding, loss), words.join("; "), now);
    Ok(())
}

/// Examines a session as it is, over this number of validation images: makes [`WATCHED_STEPS`] steps and waits for the GPU; `beside` is told
/// the share that is done.
///
/// # Errors
/// When the GPU reports a fault. A step whose numbers are not finite is a finding.
pub fn examine(session: &mut Session, images: usize, beside: &mut dyn FnMut(f64)) -> Result<Diagnosis> {
    let limit = session.progress.limit;
    session.take_events();
    session.set_limit(Some(StopCondition::Steps(session.step().saturating_add(WATCHED_STEPS))));
    session.play();
    session.control(Control::Examine(images))?;
    let halts = session.progress.faults;
    while let Some(done) = session.doctor().progress() {
        session.advance();
        if session.progress.faults == halts {
            session.check_events()?;
        }
        beside(done);
    }
    session.set_limit(limit);
    let missing = || Error::new("the run could not be examined", "see the messages above");
    session.doctor().diagnosis().cloned().ok_or_else(missing)
}
