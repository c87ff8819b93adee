//! A session that follows a training: new checkpoints come in, what steers it goes out.

use std::fs;
use std::time::Instant;

use super::folder::News;
use super::refusals::check_control;
use super::report::CheckpointReport;
use super::watched::Watched;
use crate::error::Result;
use crate::gpu::Recorder;
use crate::nn::OptimizerKind;
use crate::session::command::{Command, Control, TimeControl};
use crate::session::event::{Event, Split};
use crate::session::metrics::{EpochMetrics, Metrics, StepMetrics};
use crate::session::state::Session;

/// Looks for a new checkpoint and takes it, and evaluates the one that is shown; nothing for a session that does not watch. To be called
/// after everything recorded is submitted. Returns whether there is anything to record for it. Faults are [`Event::Notice`]s, each told once.
pub fn follow(session: &mut Session) -> bool {
    let Some(mut watched) = session.run.watched.take() else { return false };
    let taken = look(session, &mut watched).and_then(|()| take(session, &mut watched));
    watched.folder.faults.drain(..).for_each(|fault| session.events.push(Event::Notice(fault)));
    let (taken, fault) = taken.map_or_else(|error| (false, Some(error)), |taken| (taken, None));
    let new = fault.filter(|error| watched.told.as_ref() != Some(error));
    let told = new.is_some();
    if let Some(error) = new {
        session.events.push(Event::Notice(error.clone()));
        watched.told = Some(error);
    }
    let evaluates = evaluate(session, &mut watched);
    let quiet = watched.quiet_for().is_some();
    let quietens = std::mem::replace(&mut watched.was_quiet, quiet) != quiet;
    session.run.watched = Some(watched);
    taken || evaluates || told || quietens
}

/// Takes in what was added to the list of checkpoints.
fn look(session: &mut Session, watched: &mut Watched) -> Result<()> {
    let news = watched.folder.look()?;
    if news == News::Again {
        session.metrics = Metrics::default();
        session.measurements.forget(&session.run.trainer);
        session.measurements.distributions.clear(&session.run.trainer);
        (watched.counted, watched.wanted, watched.awaited, watched.shown) = (0, None, None, None);
    }
    let (batch, images) = (session.run.settings.batch, session.train_images());
    for report in &watched.folder.reports[watched.counted..] {
        let Some(loss) = report.loss.filter(|loss| loss.is_finite()) else { continue };
        let epoch = report.epochs(batch, images);
        let accuracy = report.accuracy.unwrap_or(f32::NAN);
        session.metrics.add(StepMetrics { step: report.step, epoch, loss, accuracy });
    }
    watched.counted = watched.folder.reports.len();
    Ok(())
}

/// Takes the newest checkpoint, or the one of the past that is wanted, where the run is idle, or can be.
fn take(session: &mut Session, watched: &mut Watched) -> Result<bool> {
    let waits = session.progress.unsubmitted || watched.patient && watched.awaits_evaluation();
    let reports = &watched.folder.reports;
    let report = watched.wanted.and_then(|at| reports.get(at)).or(reports.last());
    let Some(report) = report.filter(|report| !waits && watched.shown.as_ref() != Some(report)) else {
        return Ok(false);
    };
    let report = report.clone();
    let state_of_file = fs::metadata(watched.folder.path.join(&report.file));
    let state_of_file = state_of_file.ok().and_then(|found| Some((found.len(), found.modified().ok()?)));
    let file = (report.file.clone(), state_of_file);
    if watched.failed.as_ref() == Some(&file) {
        return Ok(false);
    }
    if !session.progress.is_idle() && !interrupt(session, watched) {
        return Ok(false);
    }
    let shown = show(session, watched, &report);
    watched.failed = shown.is_err().then_some(file);
    shown?;
    // Orders that were lost, as with a damaged file, are counted on from those that the training has taken.
    watched.orders.version = watched.orders.version.max(report.steered);
    (watched.shown, watched.arrived, watched.due, watched.told) = (Some(report), true, true, None);
    Ok(true)
}

/// Drops the evaluation under way for a checkpoint that has come, but not two in a row: else none would end where checkpoints come fast.
/// Returns whether it did.
fn interrupt(session: &mut Session, watched: &mut Watched) -> bool {
    let progress = &mut session.progress;
    let own = watched.evaluation.0.is_some() && progress.requests.is_empty() && progress.overtaken.is_none();
    let may = own && !watched.interrupted && progress.is_evaluating(Split::Validation);
    if may {
        progress.stop();
        (watched.evaluation, watched.due, watched.interrupted) = ((None, None), true, true);
    }
    may
}

/// Shows a checkpoint.
fn show(session: &mut Session, watched: &mut Watched, report: &CheckpointReport) -> Result<()> {
    let tensors = watched.folder.tensors(report)?;
    let ranges = &session.run.trainer.parameters.tensors;
    let mut state = watched.places.state((report, &tensors), ranges, &watched.fixed)?;
    state.epochs = report.epochs(session.run.settings.batch, session.train_images());
    // What was wanted and not taken yet stays on the controls.
    if watched.awaited.is_none_or(|version| report.steered >= version) {
        take_settings(session, report)?;
    }
    session.run.trainer.show(&state);
    watched.with_gradients = state.with_gradients;
    session.progress.probes_stale = true;
    Ok(())
}

/// The controls show what the training has.
fn take_settings(session: &mut Session, report: &CheckpointReport) -> Result<()> {
    let mut hyper = session.run.settings.hyper;
    let kind = report.optimizer.as_ref().and_then(|name| name.parse::<OptimizerKind>().ok());
    if let Some(kind) = kind.filter(|kind| *kind != hyper.optimizer) {
        let averaging = hyper.averaging;
        hyper = hyper.with_optimizer(kind);
        hyper.averaging = averaging;
    }
    hyper.learning_rate = report.learning_rate.unwrap_or(hyper.learning_rate);
    hyper.momentum = report.momentum().unwrap_or(hyper.momentum);
    hyper.weight_decay = report.weight_decay.unwrap_or(hyper.weight_decay);
    if hyper != session.run.settings.hyper {
        session.run.trainer.set_hyper(hyper)?;
        session.run.settings.hyper = hyper;
    }
    Ok(())
}

/// Begins the evaluation of the checkpoint that is shown, where it is due; returns whether it does.
fn evaluate(session: &mut Session, watched: &mut Watched) -> bool {
    let now = Instant::now();
    let rests = watched.evaluation.1.is_some_and(|until| now < until);
    let begins = watched.due && !watched.arrived && !rests && session.progress.is_idle();
    if begins {
        (watched.due, watched.evaluation.0) = (false, Some(now));
        session.progress.request(Split::Validation, false);
    }
    begins
}

/// The pictures of the checkpoint that came last are recorded: so are those that follow a step.
pub(in crate::session) fn record_arrival(session: &mut Session, encoder: &mut wgpu::CommandEncoder) {
    if let Some(watched) = session.run.watched.as_mut()
        && std::mem::take(&mut watched.arrived)
    {
        let of = (&session.run.trainer, &**watched);
        session.measurements.distributions.after_checkpoint(encoder, of);
        let step = session.step();
        let recorder = &mut Recorder::new(encoder);
        session.layouts.after_step(recorder, step, true);
        session.measurements.after_step(recorder, session.run.seen(), (&session.layouts, true));
    }
}

/// An evaluation is done: of a training that is watched it makes a point of the charts.
pub(in crate::session) fn evaluated(session: &mut Session, split: Split, (loss, accuracy): (f32, f32)) {
    let (batch, images) = (session.run.settings.batch, session.train_images());
    let Some(watched) = session.run.watched.as_mut().filter(|_| split == Split::Validation) else { return };
    watched.end_evaluation();
    let Some(report) = &watched.shown else { return };
    let epochs = report.epochs(batch, images);
    let metrics = EpochMetrics {
        epoch: epochs.ceil() as u32,
        at: Some(epochs),
        step: report.step,
        train_loss: report.loss.unwrap_or(f32::NAN),
        train_accuracy: report.accuracy.unwrap_or(f32::NAN),
        val_loss: loss,
        val_accuracy: accuracy,
        ..session.measurements.statistics.take_epoch(report.step)
    };
    // A checkpoint of the past is evaluated again.
    session.metrics.epochs.retain(|epoch| epoch.step != metrics.step);
    let place = session.metrics.epochs.partition_point(|epoch| epoch.step < metrics.step);
    session.metrics.epochs.insert(place, metrics);
}

/// Sends a command that was carried out to the training that is watched.
pub(in crate::session) fn steer(session: &mut Session, command: &Command) -> Result<()> {
    let Some(watched) = session.run.watched.as_mut().filter(|_| !command.is_view()) else { return Ok(()) };
    let betas = watched.shown.as_ref().and_then(|report| report.betas);
    watched.orders.take(command, betas, (&session.run.trainer, &watched.places));
    watched.send()
}

/// Carries out a control of a training that is watched; none where it is an ordinary one.
pub(in crate::session) fn control(session: &mut Session, control: &Control) -> Option<Result<()>> {
    let watched = session.run.watched.as_mut()?;
    if let Err(error) = check_control(control) {
        return Some(Err(error));
    }
    Some(match control {
        Control::Play | Control::Pause => {
            watched.orders.pause = *control == Control::Pause;
            watched.send()
        }
        Control::Save => {
            watched.orders.save = watched.orders.save.saturating_add(1);
            watched.send()
        }
        Control::Time(TimeControl::GoTo(step)) => {
            let before = watched.folder.reports.partition_point(|report| report.step <= *step);
            let last = before >= watched.folder.reports.len();
            watched.wanted = (!last).then(|| before.saturating_sub(1));
            watched.failed = None;
            Ok(())
        }
        Control::Time(TimeControl::GoToEnd) => {
            watched.wanted = None;
            Ok(())
        }
        Control::SetLimit(_) => Ok(()),
        Control::SingleStep | Control::Time(_) | Control::Try(_) | Control::Twin(_) => return None,
        Control::Evaluate(_) | Control::AskForImage(..) => return None,
        Control::Inspect(_) | Control::RankFilters(_) | Control::Examine(_) => return None,
        Control::Treat(_) => return None,
    })
}
