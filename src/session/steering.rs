//! Commands: checked when given, carried out between two steps, written to the journal.

use super::budget::Budget;
use super::journal::Entry;
use super::layout_record::LayoutRecord;
use super::{
    Action, Command, Control, DataCommand, Event, LayoutCommand, LayoutSource, Metrics, NetworkCommand, Rate,
    Session, TrainCommand,
};
use crate::error::{Error, Result};

impl Session {
    /// Applies a command before the next step, and writes it to the journal; a layout's as soon as no step or evaluation is under
    /// way. Where commands of a resumed run were still to come, a new one takes their place: a layout's command that of the other
    /// layout commands, and any other than a pinned probe that of all.
    ///
    /// # Errors
    /// When a value is out of range or there is no such layout; then nothing changes. What fails later is an [`Event::Fault`].
    pub fn apply(&mut self, command: impl Into<Command>) -> Result<()> {
        let command = command.into();
        if matches!(command, Command::Layout(_)) {
            self.restore_layouts();
        }
        self.check(command)?;
        if self.between_steps() && !self.unsubmitted && self.pending.is_empty() {
            return self.carry_out_and_log(command);
        }
        if self.pending.last().is_some_and(|last| command.continues(last)) {
            self.pending.pop();
        }
        self.pending.push(command);
        Ok(())
    }

    /// Does what says when work is done. It is not written to the journal.
    ///
    /// # Errors
    /// When a checkpoint cannot be written.
    pub fn control(&mut self, control: Control) -> Result<()> {
        match control {
            Control::Play => self.play(),
            Control::Pause => self.pause(),
            Control::SingleStep => self.single_step(),
            Control::Evaluate(split) => self.evaluate(split),
            Control::Save => self.save()?,
            Control::SetLimit(limit) => self.set_limit(limit),
            Control::AskForImage(layout, image) => self.ask_for_image(layout, image),
        }
        Ok(())
    }

    /// Applies a command, or does what says when work is done.
    ///
    /// # Errors
    /// As [`Session::apply`] and [`Session::control`].
    pub fn perform(&mut self, action: Action) -> Result<()> {
        match action {
            Action::Command(command) => self.apply(command),
            Action::Control(control) => self.control(control),
        }
    }

    pub(super) fn check(&self, command: Command) -> Result<()> {
        let changed = self.settings.changed(command, self.step());
        changed.hyper.checked()?;
        changed.augmentation.checked()?;
        let (name, value, range) = match command {
            Command::Train(TrainCommand::SetBatch(batch)) => ("batch", batch, 1..=self.most_batch()),
            Command::Data(DataCommand::PinProbe(index)) => {
                ("probe", index, 0..=self.test_images() as u32 - 1)
            }
            Command::Network(NetworkCommand::Freeze(layer) | NetworkCommand::Thaw(layer)) => {
                ("layer", layer.0, 0..=self.trainer.network.layers.len() as u32 - 1)
            }
            Command::Layout(command) => return self.check_layout(&command),
            Command::Train(_) | Command::Data(_) => return Ok(()),
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
            let done = match command {
                // Nobody looks at the layouts of a resumed run before they are restored.
                Command::Layout(_) if !self.layouts_restored => Ok(()),
                _ => self.check(command).and_then(|()| self.carry_out(command)),
            };
            self.carried_out += 1;
            let Err(error) = done else { continue };
            self.events.push(Event::Fault(error));
            match command {
                // The numbers of later layouts count it.
                Command::Layout(LayoutCommand::Open(_)) => {
                    self.embeddings.skip_ids(self.embeddings.next_id().0 + 1)
                }
                Command::Layout(_) => {}
                _ => {
                    // It has no effect now, so the journal must not say that it had.
                    self.carried_out -= 1;
                    self.journal.truncate(self.carried_out);
                    self.journal_behind = true;
                    return;
                }
            }
        }
    }

    pub(super) fn carry_out_and_log(&mut self, command: Command) -> Result<()> {
        self.carry_out_again();
        let step = self.step();
        self.carry_out(command)?;
        let to_come = self.journal.split_off(self.carried_out);
        // What looks at the run changes nothing of what is still to come; all else does.
        let stays = |entry: &Entry| match command {
            Command::Data(DataCommand::PinProbe(_)) => true,
            Command::Layout(_) => !matches!(entry.command, Command::Layout(_)),
            _ => false,
        };
        let dropped = !to_come.is_empty();
        let last = self.journal.last().filter(|_| self.carried_out > self.journal_written);
        if last.is_some_and(|last| last.step == step && command.continues(&last.command)) {
            self.journal.pop();
        }
        self.journal.push(Entry { step, command });
        self.carried_out = self.journal.len();
        self.journal.extend(to_come.into_iter().filter(stays));
        self.journal_behind |= dropped;
        // The last position of a drag is written once something else follows.
        let drags = matches!(command, Command::Layout(LayoutCommand::Pin { .. }));
        if drags { Ok(()) } else { self.write_entries() }
    }

    /// Writes the entries that the journal's file lacks.
    pub(super) fn write_entries(&mut self) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let written = if self.journal_behind {
            folder.write_journal(&self.header, &self.journal)
        } else {
            self.journal[self.journal_written..self.carried_out]
                .iter()
                .try_for_each(|entry| folder.log(entry))
        };
        self.journal_behind = written.is_err();
        self.journal_written = self.carried_out;
        written
    }

    /// Writes the last position of a drag once a step has passed since.
    pub(super) fn write_held_entry(&mut self) {
        let held = self.journal_written < self.carried_out && !self.journal_behind;
        let passed = |entry: &Entry| entry.step < self.step();
        if held
            && self.journal[..self.carried_out].last().is_some_and(passed)
            && let Err(error) = self.write_entries()
        {
            self.events.push(Event::Fault(error));
        }
    }

    /// The layouts that the journal leaves open, and the commands that wait.
    fn layout_record(&self) -> LayoutRecord {
        let carried_out = self.journal[..self.carried_out].iter().map(|entry| &entry.command);
        LayoutRecord::of(self.header.settings.batch, carried_out.chain(&self.pending))
    }

    /// Opens the layouts that the journal of a resumed run leaves open, with their settings and pins, and lets those follow that its
    /// later commands open. A session that nobody looks at need not call it: layouts cost GPU time and change nothing of the run.
    /// The first layout command of a resumed session does it too. What does not fit is an [`Event::Fault`].
    pub fn restore_layouts(&mut self) {
        if std::mem::replace(&mut self.layouts_restored, true) {
            return;
        }
        let record = self.layout_record();
        for entry in record.open {
            self.embeddings.skip_ids(entry.id.0);
            if let Err(error) = self.open_layout(entry.source) {
                self.events.push(Event::Fault(error));
                continue;
            }
            let usual = self.cadence_of(entry.source, entry.batch);
            let gpu = std::rc::Rc::clone(self.trainer.gpu());
            let Some(layout) = self.embeddings.find(entry.id) else { continue };
            if let Err(error) = layout.restore(&gpu, &entry, usual) {
                self.events.push(Event::Fault(error));
            }
        }
        self.embeddings.skip_ids(record.next);
    }

    /// Points of a layout.
    fn point_count(&self, source: LayoutSource) -> Result<usize> {
        match source {
            LayoutSource::Tensor { node, kind } => Ok(self.tiles_to_lay_out(node, kind)?.tiles() as usize),
            LayoutSource::Images(source) => Ok(source.count),
            LayoutSource::Filters => Ok(self.filter_count()),
        }
    }

    fn check_layout(&self, command: &LayoutCommand) -> Result<()> {
        if let LayoutCommand::Open(source) = command {
            return match *source {
                LayoutSource::Tensor { node, kind } => self.tiles_to_lay_out(node, kind).map(|_| ()),
                LayoutSource::Images(source) => self.check_images(source),
                LayoutSource::Filters => Ok(()),
            };
        }
        let record = self.layout_record();
        let Some(entry) = command.layout().and_then(|id| record.find(id)) else {
            let number = command.layout().map_or_else(String::new, |id| format!(" {id}"));
            return Err(Error::usage(
                format!("there is no layout{number}"),
                "it was closed, or is not open yet",
            ));
        };
        match *command {
            LayoutCommand::Pin { row, position, .. } | LayoutCommand::Release { row, position, .. } => {
                let count = self.point_count(entry.source)?;
                if row as usize >= count || !position.iter().all(|p| p.is_finite()) {
                    let what = format!("point {row} cannot be moved to {position:?}");
                    return Err(Error::usage(
                        what,
                        format!("there are points 0 to {}", count.saturating_sub(1)),
                    ));
                }
            }
            LayoutCommand::Settings(_, settings) => settings.checked()?,
            LayoutCommand::Perplexity(_, perplexity) => crate::embed::check_perplexity(perplexity)?,
            LayoutCommand::Every(_, 0) => {
                return Err(Error::usage("the interval is 0 steps", "give it a value of 1 or more"));
            }
            LayoutCommand::Follow(..) | LayoutCommand::Refresh(_)
                if matches!(entry.source, LayoutSource::Tensor { .. }) =>
            {
                let what = format!("layout {} forwards no images", entry.id);
                return Err(Error::usage(
                    what,
                    "it reads a tensor of the run and always follows the training",
                ));
            }
            _ => {}
        }
        Ok(())
    }

    fn carry_out_layout(&mut self, command: LayoutCommand) -> Result<()> {
        let gpu = std::rc::Rc::clone(self.trainer.gpu());
        match command {
            LayoutCommand::Open(source) => return self.open_layout(source),
            LayoutCommand::Close(id) => {
                self.embeddings.open.retain(|layout| layout.id != id);
                return Ok(());
            }
            _ => {}
        }
        // One that did not fit when it was restored is not there.
        let Some(layout) = command.layout().and_then(|id| self.embeddings.find(id)) else { return Ok(()) };
        match command {
            LayoutCommand::Run(_, running) => layout.running = running,
            LayoutCommand::Restart(_) => layout.reset(),
            LayoutCommand::Pin { row, position, .. } => layout.move_point(&gpu, row, position, true),
            LayoutCommand::Release { row, position, .. } => layout.move_point(&gpu, row, position, false),
            LayoutCommand::Settings(_, settings) => layout.set_settings(&gpu, settings)?,
            LayoutCommand::Perplexity(_, perplexity) => layout.set_perplexity(&gpu, perplexity)?,
            LayoutCommand::Follow(_, follows) => layout.set_follows(follows),
            LayoutCommand::Every(_, every) => layout.every = every,
            LayoutCommand::Refresh(_) => layout.forward_again(),
            LayoutCommand::Open(_) | LayoutCommand::Close(_) => {}
        }
        Ok(())
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
            Command::Train(TrainCommand::SetBatch(batch)) => {
                self.trainer.set_batch(batch as usize)?;
                self.take_new_plans();
            }
            Command::Train(TrainCommand::Reset(seed)) => self.reset(seed),
            Command::Train(_) => self.trainer.set_hyper(to.hyper)?,
            Command::Network(_) => self.set_frozen(&to.frozen)?,
            Command::Data(DataCommand::PinProbe(index)) => {
                // The pinned image, and the three after it.
                let all = self.test_images();
                let probes: Vec<_> = (0..4).map(|i| (index as usize + i) % all).collect();
                self.trainer.set_probes(&probes);
                self.stale = true;
            }
            Command::Data(_) => {
                self.trainer.set_augmentation(to.augmentation)?;
                self.take_new_plans();
            }
            Command::Layout(command) => self.carry_out_layout(command)?,
        }
        self.settings = to;
        Ok(())
    }

    fn reset(&mut self, seed: u64) {
        self.trainer.reset(seed);
        self.embeddings.restart(self.trainer.gpu());
        self.metrics = Metrics::default();
        self.arrivals.forget();
        self.uncopied_steps = 0;
        self.rate = Rate::default();
        self.rate.restart();
        self.stale = true;
    }
}
