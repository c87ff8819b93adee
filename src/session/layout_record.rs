//! The layouts that a journal's commands leave open, on the CPU alone: what a resume has to open again.

use std::collections::BTreeMap;

use super::command::{Command, LayoutCommand, NetworkCommand, TrainCommand};
use super::journal_file::Header;
use super::layout_pins::carried;
use crate::embed::Settings;
use crate::layouts::{LayoutId, LayoutSource};
use crate::nn::{Edit, Network, Surgery};

/// An open layout with all that commands have set of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LayoutEntry {
    pub id: LayoutId,
    pub source: LayoutSource,
    pub running: bool,
    /// Steps between two readings of its rows, where a command set them.
    pub every: Option<u32>,
    pub follows: Option<bool>,
    pub settings: Option<Settings>,
    pub perplexity: Option<f32>,
    /// Pinned points by row.
    pub pins: BTreeMap<u32, [f32; 2]>,
    /// Images per step when it was opened.
    pub batch: u32,
}

/// The open layouts, in the order in which they were opened.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LayoutRecord {
    pub open: Vec<LayoutEntry>,
    /// Number of the next layout.
    pub next: u64,
    batch: u32,
}

impl LayoutRecord {
    /// The record that `commands` make of a run that began with `batch` images per step.
    pub(super) fn of<'a>(batch: u32, commands: impl IntoIterator<Item = &'a Command>) -> Self {
        let mut record = Self { open: Vec::new(), next: 0, batch };
        commands.into_iter().for_each(|command| record.apply(command));
        record
    }

    /// The same of a run with this header, whose present network is `now`, through all its changes; none where it does not know its
    /// first network.
    pub(super) fn of_run(header: &Header, now: &Network, commands: &[&Command]) -> Option<Self> {
        let network = Network::parse(header.network_toml.as_deref()?, now.input, now.classes).ok()?;
        Some(Self::with_pins(header.settings.batch, network, commands))
    }

    /// The same of a run that began with this network, through whose changes pins go along with their rows.
    pub(super) fn with_pins(batch: u32, network: Network, commands: &[&Command]) -> Self {
        let is_pin = |command: &&&Command| matches!(command, Command::Layout(LayoutCommand::Pin { .. }));
        let mut network = commands.iter().any(|command| is_pin(&command)).then_some(network);
        let mut record = Self::of(batch, []);
        for command in commands {
            if let (Command::Network(NetworkCommand::Edit(edit)), Some(former)) = (command, &network) {
                let surgery = Surgery::of(former, edit).ok();
                let pins: Vec<_> =
                    record.open.iter().map(|entry| entry.pins_after(former, surgery.as_ref())).collect();
                record.open.iter_mut().zip(pins).for_each(|(entry, pins)| entry.pins = pins);
                network = surgery.map(|surgery| surgery.network);
                record.close_removed(edit);
            } else {
                record.apply(command);
            }
        }
        record
    }

    /// An open layout.
    pub(super) fn find(&self, id: LayoutId) -> Option<&LayoutEntry> {
        self.open.iter().find(|entry| entry.id == id)
    }

    /// False for a setting that an open layout has already.
    pub(super) fn changes(&self, command: &LayoutCommand) -> bool {
        let sets = matches!(
            command,
            LayoutCommand::Run(..)
                | LayoutCommand::Follow(..)
                | LayoutCommand::Every(..)
                | LayoutCommand::Settings(..)
                | LayoutCommand::Perplexity(..)
        );
        let mut after = self.clone();
        after.apply(&Command::Layout(*command));
        !sets || after != *self
    }

    /// Takes one more command as carried out.
    pub(super) fn apply(&mut self, command: &Command) {
        match command {
            Command::Train(TrainCommand::SetBatch(batch)) => self.batch = *batch,
            Command::Layout(LayoutCommand::Open(source)) => self.open(*source),
            Command::Layout(LayoutCommand::Close(id)) => self.open.retain(|entry| entry.id != *id),
            Command::Layout(command) => {
                let of = command.layout();
                let entry = self.open.iter_mut().find(|entry| Some(entry.id) == of);
                entry.into_iter().for_each(|entry| entry.apply(command));
            }
            Command::Network(NetworkCommand::Edit(edit)) => self.edit(edit),
            Command::Train(_) | Command::Data(_) | Command::Network(_) => {}
        }
    }

    /// The network is changed in a way that is not known: filters that are pinned may be others.
    fn edit(&mut self, edit: &Edit) {
        self.close_removed(edit);
        let of_filters = |entry: &&mut LayoutEntry| !matches!(entry.source, LayoutSource::Images(_));
        self.open.iter_mut().filter(of_filters).for_each(|entry| entry.pins.clear());
    }

    /// Closes the layouts of a layer that a change of the network removes.
    fn close_removed(&mut self, edit: &Edit) {
        if let Edit::RemoveLayer { layer } = edit {
            let gone = *layer as usize + 1;
            self.open.retain(|entry| match entry.source {
                LayoutSource::Tensor { node, .. } => node != gone,
                LayoutSource::Images(images) => images.node != gone,
                LayoutSource::Filters => true,
            });
        }
    }

    fn open(&mut self, source: LayoutSource) {
        let former = self.open.iter().position(|entry| source.replaces(&entry.source));
        let former = former.map(|index| self.open.remove(index));
        let kept = former.filter(|_| source.keeps_cadence());
        self.open.push(LayoutEntry {
            id: LayoutId(self.next),
            source,
            running: kept.as_ref().is_none_or(|former| former.running),
            every: kept.and_then(|former| former.every),
            follows: None,
            settings: None,
            perplexity: None,
            pins: BTreeMap::new(),
            batch: self.batch,
        });
        self.next += 1;
    }
}

impl LayoutEntry {
    /// The commands that set a layout that was just opened as this one is.
    pub(super) fn commands(&self) -> Vec<LayoutCommand> {
        let id = self.id;
        let mut commands = vec![LayoutCommand::Run(id, self.running)];
        commands.extend(self.every.map(|every| LayoutCommand::Every(id, every)));
        commands.extend(self.follows.map(|follows| LayoutCommand::Follow(id, follows)));
        commands.extend(self.settings.map(|settings| LayoutCommand::Settings(id, settings)));
        commands.extend(self.perplexity.map(|perplexity| LayoutCommand::Perplexity(id, perplexity)));
        let pin = |(row, position): (&u32, &[f32; 2])| LayoutCommand::Pin {
            layout: id,
            row: *row,
            position: *position,
        };
        commands.extend(self.pins.iter().map(pin));
        commands
    }

    /// Its pins after a change of the network of before; none where the change is not known.
    fn pins_after(&self, former: &Network, surgery: Option<&Surgery>) -> BTreeMap<u32, [f32; 2]> {
        match (self.source, surgery) {
            (LayoutSource::Images(_), _) => self.pins.clone(),
            (source, Some(surgery)) => carried(&self.pins, source, former, surgery),
            (_, None) => BTreeMap::new(),
        }
    }

    fn apply(&mut self, command: &LayoutCommand) {
        match *command {
            LayoutCommand::Run(_, running) => self.running = running,
            LayoutCommand::Pin { row, position, .. } => {
                self.pins.insert(row, position);
            }
            LayoutCommand::Release { row, .. } => {
                self.pins.remove(&row);
            }
            LayoutCommand::Settings(_, settings) => self.settings = Some(settings),
            LayoutCommand::Perplexity(_, perplexity) => self.perplexity = Some(perplexity),
            LayoutCommand::Follow(_, follows) => self.follows = Some(follows),
            LayoutCommand::Every(_, every) => self.every = Some(every),
            // They change where points are, which a layout finds again.
            LayoutCommand::Restart(_) | LayoutCommand::Refresh(_) => {}
            LayoutCommand::Open(_) | LayoutCommand::Close(_) => unreachable!("the record carries them out"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layouts::{ImageSet, ImageSource};
    use crate::nn::TensorKind;

    fn tensor(node: usize, kind: TensorKind) -> LayoutSource {
        LayoutSource::Tensor { node, kind }
    }

    #[test]
    fn a_record_has_what_is_open_with_what_was_set() {
        let images = LayoutSource::Images(ImageSource { node: 3, set: ImageSet::Test, count: 9 });
        let commands: Vec<Command> = vec![
            LayoutCommand::Open(images).into(),
            LayoutCommand::Open(tensor(1, TensorKind::Weights)).into(),
            LayoutCommand::Every(LayoutId(1), 7).into(),
            LayoutCommand::Run(LayoutId(1), false).into(),
            LayoutCommand::Perplexity(LayoutId(1), 3.0).into(),
            TrainCommand::SetBatch(5).into(),
            LayoutCommand::Open(tensor(1, TensorKind::Activations)).into(),
            LayoutCommand::Pin { layout: LayoutId(2), row: 4, position: [1.0, 2.0] }.into(),
            LayoutCommand::Pin { layout: LayoutId(2), row: 6, position: [0.0, 2.0] }.into(),
            LayoutCommand::Release { layout: LayoutId(2), row: 6, position: [0.0, 0.0] }.into(),
            LayoutCommand::Open(LayoutSource::Filters).into(),
            LayoutCommand::Close(LayoutId(3)).into(),
            LayoutCommand::Follow(LayoutId(0), true).into(),
        ];
        let record = LayoutRecord::of(60, &commands);
        let ids: Vec<u64> = record.open.iter().map(|entry| entry.id.0).collect();
        assert_eq!((ids, record.next), (vec![0, 2], 4));
        assert_eq!((record.open[0].follows, record.open[0].batch), (Some(true), 60));
        // The layout of a layer that takes another's place keeps its cadence, and nothing else.
        let second = &record.open[1];
        assert_eq!((second.running, second.every, second.perplexity), (false, Some(7), None));
        assert_eq!((&second.pins, second.batch), (&BTreeMap::from([(4, [1.0, 2.0])]), 5));
    }
}
