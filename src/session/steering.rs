//! Commands: checked when given, carried out between two steps, written to the journal.

use super::budget::Budget;
use super::journal::Entry;
use super::{Command, Event, Metrics, Rate, Session};
use crate::error::{Error, Result};

impl Session {
    /// Applies a command before the next step, and writes it to the journal. Where commands of a resumed run were
    /// still to come, a new one takes their place.
    ///
    /// # Errors
    /// When a value is out of range; then nothing changes. What fails later is an [`Event::Fault`].
    pub fn apply(&mut self, command: Command) -> Result<()> {
        self.check(command)?;
        if self.between_steps() && !self.unsubmitted && self.pending.is_empty() {
            self.carry_out_and_log(command)
        } else {
            self.pending.push(command);
            Ok(())
        }
    }

    pub(super) fn check(&self, command: Command) -> Result<()> {
        let changed = self.settings.changed(command, self.step());
        changed.hyper.checked()?;
        changed.augmentation.checked()?;
        let (name, value, range) = match command {
            Command::SetBatch(batch) => ("batch", batch, 1..=self.most_batch()),
            Command::PinProbe(index) => ("probe", index, 0..=self.test_images() as u32 - 1),
            Command::Freeze(layer) | Command::Thaw(layer) => {
                ("layer", layer, 0..=self.trainer.network.layers.len() as u32 - 1)
            }
            _ => return Ok(()),
        };
        if range.contains(&value) {
            return Ok(());
        }
        let help = format!("give it a value from {} to {}", range.start(), range.end());
        Err(Error::usage(format!("the {name} is {value}"), help))
    }

    /// Carries out the commands that wait, those of the resumed journal first.
    pub(super) fn carry_out_pending(&mut self) {
        self.carry_out_again();
        for command in std::mem::take(&mut self.pending) {
            if let Err(error) = self.carry_out_and_log(command) {
                self.events.push(Event::Fault(error));
            }
        }
    }

    /// Whether the resumed journal has a command for this step.
    pub(super) fn has_command_again(&self) -> bool {
        self.journal.get(self.carried_out).is_some_and(|entry| entry.step == self.step())
    }

    fn carry_out_again(&mut self) {
        while self.has_command_again() {
            let command = self.journal[self.carried_out].command;
            if let Err(error) = self.check(command).and_then(|()| self.carry_out(command)) {
                self.events.push(Event::Fault(error));
                // It has no effect now, so the journal must not say that it had.
                self.journal.truncate(self.carried_out);
                self.journal_behind = true;
                return;
            }
            self.carried_out += 1;
        }
    }

    fn carry_out_and_log(&mut self, command: Command) -> Result<()> {
        self.carry_out_again();
        let step = self.step();
        self.carry_out(command)?;
        let forks = self.carried_out < self.journal.len();
        // A pin changes nothing of what is still to come; all else does.
        if forks && !matches!(command, Command::PinProbe(_)) {
            self.journal.truncate(self.carried_out);
        }
        let entry = Entry { step, command };
        self.journal.insert(self.carried_out, entry.clone());
        self.carried_out += 1;
        let Some(folder) = &self.folder else { return Ok(()) };
        let written = if forks || self.journal_behind {
            folder.write_journal(&self.header, &self.journal)
        } else {
            folder.log(&entry)
        };
        self.journal_behind = written.is_err();
        written
    }

    pub(super) fn set_frozen(&mut self, layers: &[u32]) -> Result<()> {
        let layers: Vec<usize> = layers.iter().map(|layer| *layer as usize).collect();
        self.trainer.set_frozen(&layers)?;
        self.take_new_plans();
        Ok(())
    }

    /// The plans of step and evaluation are other ones.
    fn take_new_plans(&mut self) {
        self.step_budget = Budget::new(self.trainer.step_plan());
        self.evaluation_budget = Budget::new(self.trainer.evaluation_plan());
        self.stale = true;
    }

    pub(super) fn carry_out(&mut self, command: Command) -> Result<()> {
        let to = self.settings.changed(command, self.step());
        match command {
            Command::SetLearningRate(_)
            | Command::SetMomentum(_)
            | Command::SetWeightDecay(_)
            | Command::SetNesterov(_)
            | Command::SetOptimizer(_)
            | Command::SetBeta2(_)
            | Command::SetEpsilon(_)
            | Command::SetL1Decay(_)
            | Command::SetClipNorm(_)
            | Command::SetSchedule(_)
            | Command::SetWarmup(_) => self.trainer.set_hyper(to.hyper)?,
            Command::SetBatch(batch) => {
                self.trainer.set_batch(batch as usize)?;
                self.take_new_plans();
            }
            Command::Freeze(_) | Command::Thaw(_) => self.set_frozen(&to.frozen)?,
            Command::SetShift(_)
            | Command::SetFlip(_)
            | Command::SetRotation(_)
            | Command::SetScale(_)
            | Command::SetBrightness(_)
            | Command::SetContrast(_)
            | Command::SetCutout(_) => {
                self.trainer.set_augmentation(to.augmentation)?;
                self.take_new_plans();
            }
            Command::Reset(seed) => {
                self.trainer.reset(seed);
                self.embeddings.restart(self.trainer.gpu());
                self.metrics = Metrics::default();
                self.arrivals.forget();
                self.uncopied_steps = 0;
                self.rate = Rate::default();
                self.rate.restart();
                self.stale = true;
            }
            Command::PinProbe(index) => {
                // The pinned image, and the three after it.
                let all = self.test_images();
                let probes: Vec<_> = (0..4).map(|i| (index as usize + i) % all).collect();
                self.trainer.set_probes(&probes);
                self.stale = true;
            }
        }
        self.settings = to;
        Ok(())
    }
}
