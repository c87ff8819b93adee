//! Views that count from another moment of a run, or go along to another of its branches: a pinned point of a layout of filters is that
//! of its filter there too, which may have another row.

use std::rc::Rc;

use super::command::{Command, LayoutCommand, NetworkCommand};
use super::journal_file::{Entry, Line};
use super::layout_pins::row_after;
use super::layout_record::LayoutRecord;
use crate::layouts::{LayoutId, LayoutSource};
use crate::nn::surgery::channels_between;
use crate::nn::{Network, Surgery};

/// A view.
pub(super) struct View {
    command: Command,
    /// For a point of a layout of filters: the layout's source, and the network in which its row counts.
    of: Option<(LayoutSource, Rc<Network>)>,
}

/// The views from index `first` on among the entries of a run. Rows stay as they are where the network of its `beginning` is not known.
pub(super) fn views(
    entries: &[Line<Entry>],
    first: usize,
    beginning: impl FnOnce() -> Option<Network>,
) -> Vec<View> {
    let commands = || entries.iter().map(|line| &line.value.command);
    let has_points = commands().skip(first).any(|command| layout_of_point(command).is_some());
    let mut network = if has_points { beginning().map(Rc::new) } else { None };
    let (mut record, mut views) = (LayoutRecord::of(0, []), Vec::new());
    for (index, command) in commands().enumerate() {
        if let (Command::Network(NetworkCommand::Edit(edit)), Some(former)) = (command, &network) {
            network = Surgery::of(former, edit).ok().map(|surgery| Rc::new(surgery.network));
        }
        record.apply(command);
        if index >= first && command.is_view() {
            let entry = layout_of_point(command).and_then(|id| record.find(id));
            let of = entry.and_then(|entry| Some((entry.source, Rc::clone(network.as_ref()?))));
            views.push(View { command: command.clone(), of });
        }
    }
    views
}

/// The layout of a point that is pinned or released.
fn layout_of_point(command: &Command) -> Option<LayoutId> {
    match command {
        Command::Layout(LayoutCommand::Pin { layout, .. } | LayoutCommand::Release { layout, .. }) => {
            Some(*layout)
        }
        _ => None,
    }
}

impl View {
    /// The command as it was given.
    pub(super) fn command(&self) -> &Command {
        &self.command
    }

    /// The command in another network; none for a point that is not there.
    pub(super) fn within(&self, now: &Network) -> Option<Command> {
        let mut command = self.command.clone();
        if let Some((source, former)) = &self.of
            && let Command::Layout(LayoutCommand::Pin { row, .. } | LayoutCommand::Release { row, .. }) =
                &mut command
        {
            *row = row_after(*row, *source, former, (now, &channels_between(former, now)))?;
        }
        Some(command)
    }
}
