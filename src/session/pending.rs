//! Commands that wait for the end of a step, and the outcomes of those for which somebody waits.

use std::ops::{Deref, DerefMut};

use super::command::Command;
use crate::error::{Error, Result};

/// Number of a command among all that waited for the end of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

/// Commands that wait for the end of a step, oldest first.
#[derive(Default)]
pub(super) struct Pending {
    commands: Vec<Command>,
    /// Commands that waited, and wait no more.
    taken: u64,
    /// Those of which somebody wants to hear.
    awaited: Vec<Ticket>,
    outcomes: Vec<(Ticket, Result<u32>)>,
}

impl Deref for Pending {
    type Target = Vec<Command>;

    fn deref(&self) -> &Vec<Command> {
        &self.commands
    }
}

impl DerefMut for Pending {
    fn deref_mut(&mut self) -> &mut Vec<Command> {
        &mut self.commands
    }
}

impl Ticket {
    /// Number of commands that waited before it.
    pub(super) fn number(self) -> u64 {
        self.0
    }
}

impl Pending {
    /// The last one is awaited; none where nothing waits.
    pub(super) fn await_last(&mut self) -> Option<Ticket> {
        let ticket = Ticket(self.taken + self.commands.len().checked_sub(1)? as u64);
        self.awaited.push(ticket);
        Some(ticket)
    }

    /// Number of commands that have waited and wait no more.
    pub(super) fn carried_out(&self) -> u64 {
        self.taken
    }

    /// The same once all that wait now are carried out.
    pub(super) fn end(&self) -> u64 {
        self.taken + self.commands.len() as u64
    }

    /// Takes all commands out, to be carried out.
    pub(super) fn take(&mut self) -> Vec<(Ticket, Command)> {
        let first = self.taken;
        self.taken += self.commands.len() as u64;
        (first..).map(Ticket).zip(std::mem::take(&mut self.commands)).collect()
    }

    /// Awaited commands that were carried out since the last call.
    pub(super) fn take_outcomes(&mut self) -> Vec<(Ticket, Result<u32>)> {
        std::mem::take(&mut self.outcomes)
    }

    /// A command was carried out after `step` steps, or failed. Returns the error where nobody waits for it.
    pub(super) fn tell(&mut self, ticket: Ticket, done: Result<()>, step: u32) -> Option<Error> {
        if !self.awaited.contains(&ticket) {
            return done.err();
        }
        self.awaited.retain(|other| *other != ticket);
        self.outcomes.push((ticket, done.map(|()| step)));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::TrainCommand;
    use super::*;

    #[test]
    fn each_awaited_command_has_its_outcome_and_others_their_error() {
        let mut pending = Pending::default();
        assert_eq!(pending.await_last(), None);
        let command = |rate: f32| Command::from(TrainCommand::SetLearningRate(rate));
        pending.push(command(0.1));
        pending.push(command(0.2));
        let second = pending.await_last().unwrap();
        pending.push(command(0.3));
        let tickets: Vec<_> = pending.take().into_iter().map(|(ticket, _)| ticket).collect();
        assert!(tickets.len() == 3 && tickets[1] == second && pending.is_empty());
        let fault = Error::new("out of memory", "take fewer filters");
        assert_eq!(pending.tell(tickets[0], Err(fault.clone()), 7), Some(fault.clone()));
        assert_eq!(pending.tell(tickets[1], Err(fault.clone()), 7), None);
        assert_eq!(pending.outcomes, [(second, Err(fault))]);
        // Numbers go on.
        pending.push(command(0.4));
        let fourth = pending.await_last().unwrap();
        assert!(!tickets.contains(&fourth));
        assert_eq!(pending.take()[0].0, fourth);
    }
}
