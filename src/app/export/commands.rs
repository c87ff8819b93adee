//! Commands of a run, from its journal, with the effects that were measured.

use crate::session::{Effect, Mark, Session};

/// Steps within which settings of one name are one row: the drag of a slider.
const ONE_DRAG: u32 = 10;

/// A command that was carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandRow {
    /// Steps finished when it was given.
    pub step: u32,
    /// The command in words.
    pub words: String,
    /// Its effect on the loss, where that was measured.
    pub effect: Option<Effect>,
}

impl CommandRow {
    /// True for a command that was undone.
    pub fn is_undone(&self) -> bool {
        self.effect.as_ref().is_some_and(|effect| effect.undone)
    }
}

/// Commands carried out since the run began or was last reset, oldest first.
pub fn commands(session: &Session) -> Vec<CommandRow> {
    let effects = session.effects();
    let reset = effects.iter().rposition(|effect| effect.action.starts_with("start again"));
    rows(&effects[reset.map_or(0, |reset| reset + 1)..], &session.timeline().marks)
}

/// Rows of what was measured, and of those carried out that were not.
fn rows(effects: &[Effect], marks: &[Mark]) -> Vec<CommandRow> {
    let measured = effects.iter().map(|effect| CommandRow {
        step: effect.step,
        words: effect.action.clone(),
        effect: Some(effect.clone()),
    });
    let is_measured = |mark: &Mark| {
        effects.iter().any(|effect| {
            let same = effect.action == mark.words
                || setting(&effect.action).is_some_and(|s| setting(&mark.words) == Some(s));
            same && (effect.step..=effect.step + ONE_DRAG).contains(&mark.step)
        })
    };
    let mut others: Vec<CommandRow> = Vec::new();
    for mark in marks.iter().filter(|mark| mark.done && !is_measured(mark)) {
        let last = others.last_mut().filter(|last| {
            setting(&mark.words).is_some_and(|s| setting(&last.words) == Some(s))
                && mark.step <= last.step + ONE_DRAG
        });
        match last {
            Some(last) => last.words.clone_from(&mark.words),
            None => others.push(CommandRow { step: mark.step, words: mark.words.clone(), effect: None }),
        }
    }
    let mut rows: Vec<CommandRow> = measured.chain(others).collect();
    rows.sort_by_key(|row| row.step);
    rows
}

/// Name of the setting of a command that sets a value: two of one drag have the same.
fn setting(words: &str) -> Option<&str> {
    words.strip_prefix("set ")?.rsplit_once(" to ").map(|(setting, _)| setting)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(step: u32, words: &str) -> Mark {
        Mark { step, words: words.to_owned(), done: true }
    }

    fn effect(step: u32, action: &str, undone: bool) -> Effect {
        let mut effect = Effect::default();
        (effect.step, effect.action, effect.undone) = (step, action.to_owned(), undone);
        effect
    }

    #[test]
    fn each_command_is_one_row_and_a_drag_too() {
        let marks = [
            mark(5, "split filter 3 of conv1"),
            mark(6, "split filter 3 of conv1"),
            mark(20, "set the learning rate to 0.01"),
            mark(25, "set the learning rate to 0.02"),
            mark(60, "set the learning rate to 0.03"),
            mark(70, "set the momentum to 0.5"),
            mark(74, "set the momentum to 0.7"),
            Mark { done: false, ..mark(90, "freeze conv1") },
        ];
        let effects =
            [effect(6, "add a filter to conv1", true), effect(70, "set the momentum to 0.7", false)];
        let shown: Vec<(u32, String, bool)> = rows(&effects, &marks)
            .into_iter()
            .map(|row| (row.step, row.words, row.effect.is_some()))
            .collect();
        let expected = [
            (5, "split filter 3 of conv1", false),
            (6, "add a filter to conv1", true),
            (6, "split filter 3 of conv1", false),
            (20, "set the learning rate to 0.02", false),
            (60, "set the learning rate to 0.03", false),
            (70, "set the momentum to 0.7", true),
        ];
        assert_eq!(shown, expected.map(|(step, words, measured)| (step, words.to_owned(), measured)));
    }
}
