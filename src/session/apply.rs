//! Commands: checked when given, carried out between two steps, written to the journal.

use super::check::Situation;
use super::command::{Action, Command, Control, DataCommand, LayoutCommand, NetworkCommand, TrainCommand};
use super::event::Event;
use super::journal_file::Entry;
use super::script::{self, Beginning};
use super::state::Session;
use super::{beside, examined, goals, layout_commands, ranked, urgent, watch};
use super::{layout_record::LayoutRecord, metrics::Metrics, throughput::Throughput};
use crate::error::Result;
use crate::layouts::LayoutSource;
use crate::nn::surgery::ChannelMap;
use crate::nn::{Edit, LayerInfo, Surgery};

impl Session {
    /// Applies a command before the next step, and writes it to the journal; a layout's as soon as no step or evaluation of the run
    /// is under way, an edit of the network as soon as no step is. Where commands of a resumed run were still to come, a new one takes their place: a layout's command that of the other
    /// layout commands, a pinned probe that of none, and any other that of all.
    ///
    /// # Errors
    /// When a value is out of range or there is no such layout; then nothing changes. What fails later is an [`Event::Fault`].
    pub fn apply(&mut self, command: impl Into<Command>) -> Result<()> {
        let mut command = command.into();
        let of_layout = matches!(command, Command::Layout(_));
        if let Command::Layout(LayoutCommand::Open(source)) = &mut command {
            *source = source.numbered(&self.trainer().network);
        }
        if of_layout {
            self.restore_layouts();
        }
        self.check(&command)?;
        if !command.is_view() {
            self.stop_way();
        }
        let idle = if of_layout { self.progress.is_run_idle() } else { self.progress.is_idle() };
        let idle = idle || urgent::may_overtake(self, &command);
        if idle && !self.progress.unsubmitted && self.pending.is_empty() {
            beside::before_command(self, &command, self.pending.end());
            return self.carry_out_and_log(command);
        }
        if self.pending.last().is_some_and(|last| command.continues(last)) {
            self.pending.pop();
        }
        self.pending.push(command);
        Ok(())
    }

    /// Applies commands as [`Session::apply`] does, all or none of them.
    ///
    /// # Errors
    /// When a value is out of range or there is no such layout; then nothing changes.
    pub fn apply_all(&mut self, commands: &[Command]) -> Result<()> {
        commands.iter().try_for_each(|command| self.check(command))?;
        commands.iter().try_for_each(|command| self.apply(command.clone()))
    }

    /// Takes a script: commands for steps to come, which are in the journal from now on. `name` is its name in errors.
    ///
    /// # Errors
    /// When a line is faulty, too late, past the stop condition, or for what there is not; or the journal cannot be written. Then
    /// nothing changes.
    pub fn follow_script(&mut self, name: &str, text: &str) -> Result<()> {
        let entries = self.read_script(name, text)?;
        // What was still to come is kept as a branch.
        if self.journal.changes_to_come().next().is_some() {
            self.diverge(true)?;
        }
        self.journal.plan(entries);
        self.write_journal()
    }

    /// Steps of the commands of a script, which is not carried out.
    ///
    /// # Errors
    /// As [`Session::follow_script`].
    pub fn script_steps(&self, name: &str, text: &str) -> Result<Vec<u32>> {
        Ok(self.read_script(name, text)?.iter().map(|entry| entry.step).collect())
    }

    fn read_script(&self, name: &str, text: &str) -> Result<Vec<Entry>> {
        let trainer = &self.run.trainer;
        let run = Beginning {
            header: self.journal.header(),
            settings: &self.run.settings,
            network: &trainer.network,
            data: self.run.data_sizes(),
            train_images: trainer.loader.train_images as u32,
            clock: *trainer.clock(),
            limit: self.progress.limit,
        };
        script::read(text, name, &run)
    }

    /// Carries out a control. It is not written to the journal.
    ///
    /// # Errors
    /// When a checkpoint cannot be written.
    pub fn control(&mut self, control: Control) -> Result<()> {
        if let Some(done) = watch::control(self, &control) {
            return done;
        }
        match control {
            Control::Play => self.play(),
            Control::Pause => self.pause(),
            Control::SingleStep => self.single_step(),
            Control::Evaluate(split) => self.evaluate(split),
            Control::Save => self.save()?,
            Control::SetLimit(limit) => self.set_limit(limit),
            Control::AskForImage(layout, image) => self.ask_for_image(layout, image),
            Control::Time(control) => self.ask_for_time(control)?,
            Control::Try(edit) => self.measurements.try_out(edit, self.run.seen())?,
            Control::Inspect(request) => self.inspect(request)?,
            Control::RankFilters(images) => ranked::want_ranking(self, images),
            Control::Examine(images) => examined::begin(self, images),
            Control::Treat(finding) => examined::treat(self, finding)?,
            Control::Twin(on) => beside::ask(self, on)?,
        }
        Ok(())
    }

    /// Applies a command or carries out a control.
    ///
    /// # Errors
    /// As [`Session::apply`] and [`Session::control`].
    pub fn perform(&mut self, action: Action) -> Result<()> {
        match action {
            Action::Command(command) => self.apply(command),
            Action::Control(control) => self.control(control),
        }
    }

    pub(super) fn check(&self, command: &Command) -> Result<()> {
        watch::check(&self.run, command)?;
        match command {
            Command::Layout(command) => {
                return layout_commands::check(command, &self.layout_record(), self.trainer());
            }
            Command::Train(TrainCommand::SetBatch(batch)) => self.trainer().check_batch(*batch as usize)?,
            _ => {}
        }
        self.situation().after(command).map(|_| ())
    }

    /// The run as the next command finds it.
    fn situation(&self) -> Situation<'_> {
        let (settings, network) = (&self.run.settings, &self.trainer().network);
        Situation { settings, network, data: self.run.data_sizes(), step: self.step() }
    }

    /// Carries out the commands that wait, those of the resumed journal first.
    pub(super) fn carry_out_pending(&mut self) {
        self.repeat_commands();
        for (ticket, command) in self.pending.take() {
            beside::before_command(self, &command, ticket.number());
            let done = self.carry_out_and_log(command);
            let fault = self.pending.tell(ticket, done, self.run.trainer.clock().step);
            self.events.extend(fault.map(Event::Fault));
        }
    }

    /// Carries out the commands that wait as soon as they may be, and not only when more is recorded. A step under way for whose end a
    /// change of the network waits is taken back where nothing of it lasts yet, and begins again with the changed network. To be called
    /// after everything recorded is submitted. Returns whether a change of the network goes on waiting for the end of a step.
    pub fn put_changes_first(&mut self) -> bool {
        urgent::put_first(self)
    }

    /// True if the resumed journal has a command for this step.
    pub(super) fn has_command_again(&self) -> bool {
        self.journal.to_repeat(self.step()).is_some()
    }

    /// Carries out the resumed journal's commands for this step.
    pub(super) fn repeat_commands(&mut self) {
        while let Some(command) = self.journal.to_repeat(self.step()) {
            let done = match &command {
                // Nobody looks at the layouts of a resumed run before they are restored.
                Command::Layout(_) if !self.layouts_restored => Ok(()),
                _ if self.journal.is_shown() => Ok(()),
                // Measured when it was carried out for the first time.
                command if self.moment() < self.timeline.reached => {
                    self.check(command).and_then(|()| self.change(command))
                }
                command => self.check(command).and_then(|()| self.carry_out(command)),
            };
            if let Err(error) = done {
                let Command::Layout(command) = command else {
                    // It has no effect now, so the journal must not say that it had.
                    self.events.push(Event::Fault(error));
                    return self.journal.end_here();
                };
                // A layout may be of another moment, or of a branch that had other layers.
                self.events.push(Event::Notice(error));
                if matches!(command, LayoutCommand::Open(_)) {
                    // The numbers of those after it stay as they are.
                    self.layouts.skip_ids(self.layouts.next_id().0 + 1);
                }
            }
            self.journal.repeated();
        }
    }

    pub(super) fn carry_out_and_log(&mut self, command: Command) -> Result<()> {
        self.repeat_commands();
        if !self.changes_anything(&command) {
            return Ok(());
        }
        let step = self.step();
        self.before_command(&command)?;
        self.carry_out(&command)?;
        watch::steer(self, &command)?;
        self.journal.add(step, command);
        self.after_command();
        // The last position of a drag is written once something else follows.
        if self.journal.holds_drag() { Ok(()) } else { self.write_journal() }
    }

    /// False for a command that leaves everything as it is, now and later.
    fn changes_anything(&self, command: &Command) -> bool {
        let changes = match command {
            Command::Layout(command) => self.layout_record().changes(command),
            command => self.situation().is_changed_by(command),
        };
        changes || self.journal.replaces_any(command)
    }

    /// The run was taken back to an earlier step: so are the commands carried out since.
    pub(super) fn take_back_commands(&mut self) {
        if !self.journal.take_back(self.step()) {
            return;
        }
        self.run.settings = self.journal.settings();
        let hyper = self.run.settings.hyper;
        if let Err(error) = self.run.trainer.set_hyper(hyper).and_then(|()| self.write_journal()) {
            self.events.push(Event::Fault(error));
        }
    }

    /// Writes the entries that the journal's file lacks, if the run is kept.
    pub(super) fn write_journal(&mut self) -> Result<()> {
        self.folder.as_ref().map_or(Ok(()), |folder| self.journal.write(folder.path()))
    }

    /// Writes the last position of a drag once a step has passed since.
    pub(super) fn write_ended_drag(&mut self) {
        if self.journal.drag_has_ended(self.step())
            && let Err(error) = self.write_journal()
        {
            self.events.push(Event::Fault(error));
        }
    }

    /// The layouts that the journal leaves open, and the commands that wait.
    fn layout_record(&self) -> LayoutRecord {
        let batch = self.journal.header().settings.batch;
        LayoutRecord::of(batch, self.journal.shown().chain(self.pending.iter()))
    }

    /// The same with the pins of filters, through all changes of the network.
    fn whole_layout_record(&self) -> LayoutRecord {
        let (header, now) = (self.journal.header(), &self.trainer().network);
        let commands: Vec<_> = self.journal.shown().chain(self.pending.iter()).collect();
        let whole = LayoutRecord::of_run(header, now, &commands);
        whole.unwrap_or_else(|| self.layout_record())
    }

    /// Opens the layouts that the journal of a resumed run leaves open, with their settings and pins, and carries out its later
    /// layout commands at their steps. A session that nobody looks at need not call it, and [`Session::resume`] does not: layouts
    /// cost GPU time and change nothing of the run. The first layout command of a resumed session does it too. A layout that does
    /// not fit is an [`Event::Notice`].
    pub fn restore_layouts(&mut self) {
        if std::mem::replace(&mut self.layouts_restored, true) {
            return;
        }
        let record = self.whole_layout_record();
        let faults = layout_commands::restore(&record, &mut self.layouts, &self.run.trainer);
        self.progress.probes_stale = true;
        self.events.extend(faults.into_iter().map(Event::Notice));
    }

    /// Leaves the layouts of a resumed journal closed.
    pub(super) fn forget_layouts(&mut self) {
        if !std::mem::replace(&mut self.layouts_restored, true) {
            self.layouts.skip_ids(self.layout_record().next);
        }
    }

    fn carry_out_layout(&mut self, command: LayoutCommand, batch: u32) -> Result<()> {
        layout_commands::carry_out(command, &mut self.layouts, &self.run.trainer, batch)?;
        if matches!(command, LayoutCommand::Open(LayoutSource::Tensor { .. })) {
            self.progress.probes_stale = true;
        }
        Ok(())
    }

    pub(super) fn carry_out(&mut self, command: &Command) -> Result<()> {
        let begun = self.measurements.before(command, self.run.seen());
        let done = self.change(command);
        if let Some(begun) = begun {
            match &done {
                Ok(()) => self.measurements.after(command, begun, self.run.seen()),
                Err(_) => self.measurements.failed(&begun),
            }
        }
        done
    }

    fn change(&mut self, command: &Command) -> Result<()> {
        if matches!(command, Command::Network(NetworkCommand::EditWeights(_))) {
            self.leave_weights_to_evaluations()?;
        }
        let to = self.run.settings.changed(command, self.step());
        self.run.edited.go_to(self.journal.moment(0).commands);
        match command {
            Command::Train(TrainCommand::Reset(seed)) => self.reset(*seed),
            Command::Network(NetworkCommand::Edit(edit)) => self.edit(edit)?,
            Command::Data(DataCommand::PinProbe(index)) => {
                self.measurements.inspection.pin_test_image(&mut self.run.trainer, *index);
                self.progress.probes_stale = true;
            }
            Command::Layout(command) => self.carry_out_layout(*command, to.batch)?,
            Command::Train(_) | Command::Data(_) | Command::Network(_) => {
                if self.run.change(command, &to)? {
                    self.progress.take_plans(&self.run.trainer);
                }
            }
        }
        self.run.settings = to;
        Ok(())
    }

    /// Gives the run copies of its buffers where evaluations are under way or wait: they go on with those that it had.
    fn leave_weights_to_evaluations(&mut self) -> Result<()> {
        if self.progress.is_idle() || self.progress.overtaken.is_some() {
            return Ok(());
        }
        let trainer = &mut self.run.trainer;
        let nodes: Vec<_> = (0..=trainer.network.layers.len()).map(Some).collect();
        let fired = trainer.fired().1.clone();
        let channels = trainer.operate(Surgery::copy(&trainer.network)?)?;
        self.progress.overtake(Some(fired));
        self.progress.take_plans(&self.run.trainer);
        self.follow_buffers(&nodes, &channels);
        Ok(())
    }

    /// Changes the network, and all that shows it.
    fn edit(&mut self, edit: &Edit) -> Result<()> {
        let trainer = &mut self.run.trainer;
        let former: Vec<u32> = trainer.network.layers.iter().map(|layer| layer.id).collect();
        let surgery = Surgery::of(&trainer.network, edit)?;
        let touched = surgery.touched(&trainer.network);
        let lost = goals::lost(&trainer.network, &surgery.network);
        let channels = trainer.operate(surgery)?;
        self.events.extend(lost.map(Event::Notice));
        self.run.edited.mark(touched, trainer.clock());
        self.progress.overtake(None);
        self.progress.take_plans(trainer);
        self.metrics.dead.clear();
        self.follow_network(&former, &channels);
        Ok(())
    }

    /// The network is another one than that of the `former` layers, of which `channels` come by node: so is all that shows it.
    pub(super) fn follow_network(&mut self, former: &[u32], channels: &[Option<ChannelMap>]) {
        let trainer = &self.run.trainer;
        let network = &trainer.network;
        let place = |id: &u32| Some(network.layers.iter().position(|layer| layer.id == *id)? + 1);
        let nodes: Vec<Option<usize>> = std::iter::once(Some(0)).chain(former.iter().map(place)).collect();
        self.run.layers = LayerInfo::of(network);
        self.run.network_version += 1;
        self.readback.follow(trainer);
        self.follow_buffers(&nodes, channels);
    }

    /// The run has other buffers: of `nodes` as they were, its nodes now, and where their channels come from.
    fn follow_buffers(&mut self, nodes: &[Option<usize>], channels: &[Option<ChannelMap>]) {
        let closed = self.layouts.network_changed(&self.run.trainer, nodes, channels);
        self.events.extend(closed.into_iter().map(Event::Notice));
        let followed = self.measurements.statistics.follow(&self.run.trainer, &self.layouts);
        self.events.extend(followed.err().map(Event::Notice));
        self.run.forward_version += 1;
    }

    fn reset(&mut self, seed: u64) {
        self.run.trainer.reset(seed);
        self.run.edited.clear();
        self.layouts.restart(self.run.trainer.gpu());
        self.timeline.keep_metrics(self.journal.moment(0).life, &self.metrics);
        self.metrics = Metrics::default();
        self.measurements.forget(&self.run.trainer);
        self.readback.forget();
        self.measurements.inspection.forget();
        self.throughput = Throughput::default();
        self.throughput.restart();
        self.progress.uncopied_steps = 0;
        self.progress.probes_stale = true;
    }
}
