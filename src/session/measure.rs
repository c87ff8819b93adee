//! Measurements beside a run: the effect of each command, and a change on trial. Which weights are copied when, and what the losses are for.

use super::command::{Command, TrainCommand};
use super::distributions::Distributions;
use super::doctor::Doctor;
use super::effects::{Effects, Measure, Moment, RowId};
use super::event::Event;
use super::held_out::{HeldOut, Of, Target};
use super::inspect::Inspection;
use super::metrics::Metrics;
use super::ranking::Rankings;
use super::readback::{Readback, Timed};
use super::statistics::Statistics;
use super::trial::Trial;
use super::twin_run::{Beside, TwinRun};
use crate::error::{Error, Result};
use crate::gpu::{Cost, Recorder, Work};
use crate::layouts::Layouts;
use crate::nn::{Edit, Trainer};

/// The measurements of a run.
pub(super) struct Measurements {
    /// The commands with their effects.
    pub effects: Effects,
    /// A change on trial.
    pub trial: Option<Trial>,
    /// Single images that are looked at.
    pub inspection: Inspection,
    /// The filters by the loss without each.
    pub rankings: Rankings,
    /// Examinations.
    pub doctor: Doctor,
    /// Times, decay and changes of weights.
    pub statistics: Statistics,
    /// Histograms of steps.
    pub distributions: Distributions,
    /// A second run beside it.
    pub beside: Beside,
    /// Losses over held-out images, where they are measured.
    held: Option<HeldOut>,
}

/// A command that is about to be carried out and measured.
pub(super) struct Begun {
    id: RowId,
    measure: Measure,
    words: String,
    step: u32,
}

impl Measurements {
    /// Nothing measured yet.
    pub(super) fn new(statistics: Statistics) -> Self {
        let (effects, trial, inspection, rankings, doctor, distributions, beside, held) = Default::default();
        Self { effects, trial, inspection, rankings, doctor, statistics, distributions, beside, held }
    }

    /// The kind of the next piece of a step, and the first dispatch that it may not have, where the parts of the step are timed.
    pub(super) fn next_piece(
        &mut self,
        recorder: &mut Recorder<'_>,
        trainer: &Trainer,
        step: &Work,
    ) -> (Timed, Option<usize>) {
        if !step.is_under_way() {
            self.distributions.begin_step(recorder, trainer);
        }
        let (sampled, end) = self.statistics.next_piece(trainer, step.recorded().unwrap_or(0));
        (Timed::Step(sampled), end)
    }

    /// The run is at another moment.
    pub(super) fn forget(&mut self, trainer: &Trainer) {
        self.statistics.forget(trainer);
        self.distributions.forget(trainer);
        self.doctor.forget();
    }

    /// A step was halted, and the run is at the moment before it.
    pub(super) fn halted(&mut self, trainer: &Trainer, error: &Error) {
        self.doctor.halted(&error.to_string(), trainer.clock().step);
        self.forget(trainer);
    }

    /// Takes in the time of a piece of a step.
    pub(super) fn timed(&mut self, of: Timed, piece: &Cost, time_ms: f64) {
        if let Timed::Step(Some(of)) = of {
            self.statistics.clock.arrived(of, piece, time_ms);
        }
    }

    /// Measures from now on; see [`Session::measure_effects`](super::Session::measure_effects).
    ///
    /// # Errors
    /// When the images do not fit the adapter.
    pub(super) fn begin(&mut self, of: Of<'_>) -> Result<()> {
        if self.held.is_none() {
            let mut held = HeldOut::new(of.trainer)?;
            held.copy_now(of, vec![Target::Trend(of.step())]);
            self.held = Some(held);
        }
        Ok(())
    }

    /// Number of held-out images; 0 where nothing is measured.
    pub(super) fn images(&self) -> usize {
        self.held.as_ref().map_or(0, HeldOut::images)
    }

    /// True while a loss waits to be measured.
    pub(super) fn is_busy(&self) -> bool {
        self.held.as_ref().is_some_and(HeldOut::is_busy)
    }

    /// The measurement of a timed pass, to learn how long it takes.
    pub(super) fn work(&mut self, of: Timed) -> Option<&mut Work> {
        match of {
            Timed::HeldOut => self.held.as_mut().map(|held| &mut held.work),
            Timed::Predictions => Some(self.inspection.work()),
            Timed::Ranking(kind) => self.rankings.work(kind),
            Timed::Step(_) | Timed::Evaluation { .. } => None,
        }
    }

    /// A command is about to be carried out: copies the weights where it changes them. None where it is not measured.
    pub(super) fn before(&mut self, command: &Command, of: Of<'_>) -> Option<Begun> {
        let measure = Measure::of(command);
        let held = self.held.as_mut().filter(|_| measure != Measure::None)?;
        let id = self.effects.next_id();
        if measure == Measure::Twice {
            // The network may be another after it.
            held.build(of);
            held.copy_now(of, vec![Target::Row(id, Moment::Before)]);
        }
        Some(Begun { id, measure, words: command.words_in(&of.trainer.network), step: of.step() })
    }

    /// A command was carried out: adds its row, and copies the weights.
    pub(super) fn after(&mut self, command: &Command, begun: Begun, of: Of<'_>) {
        let Some(held) = &mut self.held else { return };
        held.changes += 1;
        let Some(row) = self.effects.add(command, begun.words, begun.step) else { return };
        if matches!(command, Command::Train(TrainCommand::Reset(_))) {
            self.effects.restarted();
        }
        let (before, after) = (Target::Row(row, Moment::Before), Target::Row(row, Moment::After));
        held.copy_now(of, if begun.measure == Measure::Twice { vec![after] } else { vec![before, after] });
    }

    /// A command failed: nothing of it is measured.
    pub(super) fn failed(&mut self, begun: &Begun) {
        let of_row = |target: &Target| matches!(target, Target::Row(row, _) if *row == begun.id);
        self.held.iter_mut().for_each(|held| held.forget(of_row));
    }

    /// A step was recorded: records copies of its weights where a loss is due.
    pub(super) fn after_step(
        &mut self,
        recorder: &mut Recorder<'_>,
        of: Of<'_>,
        (layouts, ends_epoch): (&Layouts, bool),
    ) {
        self.statistics.after_step(recorder, of.trainer, layouts, ends_epoch);
        self.distributions.after_step(recorder, of.trainer);
        self.inspection.after_step(recorder, of);
        self.doctor.record(recorder, of, &mut self.rankings, true);
        self.rankings.begin(recorder, of, layouts);
        let Some(held) = &mut self.held else { return };
        let step = of.step();
        let (rows, trend) = self.effects.due(step);
        let mut targets: Vec<Target> = rows.into_iter().map(|row| Target::Row(row, Moment::Later)).collect();
        targets.extend(trend.then_some(Target::Trend(step)));
        if !targets.is_empty() {
            held.copy(recorder.encoder(), of, &of.trainer.parameters.values, targets);
        }
    }

    /// Puts a blend of a filter on trial in place of the one before, or none; see [`Control::Try`](super::Control::Try).
    ///
    /// # Errors
    /// When it is no blend, or none of this network; then none is on trial.
    pub(super) fn try_out(&mut self, edit: Option<Edit>, of: Of<'_>) -> Result<()> {
        if edit.is_some() && self.trial.as_ref().map(Trial::edit) == edit.as_ref() {
            return Ok(());
        }
        let former = self.trial.take();
        let Some(edit) = edit else {
            self.held.iter_mut().for_each(|held| held.forget(Target::is_of_trial));
            return Ok(());
        };
        self.trial = Some(Trial::of(edit, of.trainer, former)?);
        self.begin(of)
    }

    /// Records measurements that fit their share of `budget_ms`; returns whether there is anything to do, now or soon.
    pub(super) fn record(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        (of, layouts): (Of<'_>, &Layouts),
        readback: &mut Readback,
        (budget_ms, trains, between): (f64, bool, bool),
        events: &mut Vec<Event>,
    ) -> bool {
        self.distributions.record(encoder, of.trainer.gpu());
        let budget = (budget_ms, trains, between);
        let inspects = self.inspection.record(encoder, of, readback, budget);
        if budget.2 {
            self.doctor.record(&mut Recorder::new(encoder), of, &mut self.rankings, budget.1);
        }
        let examines = self.doctor.progress().is_some();
        let ranks = self.rankings.record(encoder, (of, layouts), readback, budget);
        let inspects = inspects || ranks || examines;
        let Some(held) = &mut self.held else { return inspects };
        let ended = self.trial.as_mut().and_then(|trial| trial.record(encoder, of, held).err());
        if let Some(why) = ended {
            events.push(Event::Notice(why));
            self.trial = None;
        }
        held.record(encoder, of, readback, (budget_ms, trains)) || inspects
    }

    /// Call after the submit of the encoder.
    pub(super) fn after_submit(&mut self) {
        self.beside.twin.iter_mut().for_each(TwinRun::after_submit);
        self.inspection.after_submit();
        self.rankings.after_submit();
        self.doctor.after_submit();
        self.statistics.after_submit();
        self.distributions.after_submit();
        self.held.iter_mut().for_each(HeldOut::after_submit);
    }

    /// Takes in the losses and statistics that have arrived; `labels` are the classes of the validation images in their order.
    pub(super) fn poll(&mut self, metrics: &mut Metrics, labels: &[(u32, u8)]) {
        self.beside.twin.iter_mut().for_each(TwinRun::poll);
        self.rankings.poll(labels);
        self.doctor.poll(&self.rankings);
        self.statistics.poll(metrics);
        self.distributions.poll();
        for (target, loss) in self.held.as_mut().map(HeldOut::take).unwrap_or_default() {
            match target {
                Target::Row(row, moment) => self.effects.set(row, moment, loss),
                Target::Trend(step) => self.effects.set_trend(step, loss),
                Target::Present(of) => self.trial.iter_mut().for_each(|trial| trial.set_present(of, loss)),
                Target::Trial(of) => self.trial.iter_mut().for_each(|trial| trial.set_changed(of, loss)),
            }
        }
    }
}
