//! The commands that were carried out, with the held-out loss before it, after it, and 100 steps later.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::command::{Command, DataCommand, NetworkCommand, TrainCommand};
use crate::error::{Error, Result};

/// Steps after a command at which its effect is measured again.
pub const EFFECT_STEPS: u32 = 100;
/// Steps between two measurements of the trend.
const TREND_STEPS: u32 = 100;
/// Shortest span in steps over which a trend is taken.
const MIN_TREND: u32 = 50;
/// Steps within which settings of one kind are one row: the drag of a slider.
const ONE_DRAG: u32 = 10;

/// One command that was carried out, and its effect on the loss over the held-out images.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Number of steps finished when it was carried out.
    pub step: u32,
    /// The command in plain words.
    pub action: String,
    /// Change of the loss per 100 steps before it, where that was measured.
    pub trend: Option<f32>,
    /// Loss just before it.
    pub before: Option<f32>,
    /// Loss just after it.
    pub after: Option<f32>,
    /// Loss 100 steps after it.
    pub later: Option<f32>,
    /// Number of other commands within these 100 steps, which share in the effect.
    pub shared_with: u32,
    /// The run was reset, taken back or rewound within these 100 steps, so that they were never made.
    pub cut_short: bool,
    /// It was undone, and has no effect any more.
    #[serde(default)]
    pub undone: bool,
    /// Step of the loss that the trend begins with.
    trend_from: Option<u32>,
    /// Step at which the later loss is due.
    due: u32,
    #[serde(skip)]
    id: u64,
    #[serde(skip)]
    kind: String,
    /// Its words at former positions of the slider, the first position first.
    #[serde(skip)]
    former: Vec<String>,
}

impl Effect {
    /// True while the later loss is still to come.
    pub fn waits(&self) -> bool {
        self.later.is_none() && !self.cut_short && !self.undone
    }

    /// Step at which the later loss is measured.
    pub fn due(&self) -> u32 {
        self.due
    }

    /// True if a position of its slider at this step is part of it.
    fn may_go_on(&self, step: u32) -> bool {
        !self.undone && (self.step..=self.step + ONE_DRAG).contains(&step)
    }
}

/// Number of a row of the list.
pub(super) type RowId = u64;

/// A moment at which a row's loss is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Before,
    After,
    Later,
}

/// The rows, oldest first.
#[derive(Default)]
pub(super) struct Effects {
    rows: Vec<Effect>,
    next_id: RowId,
    /// Losses of the trend with their steps, oldest first.
    trend: VecDeque<(u32, f32)>,
    /// Step of the last look.
    step: u32,
}

/// Measurement of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// Not at all: it changes nothing that is trained.
    None,
    /// Once: the weights are the same before and after it.
    Once,
    /// Before and after it.
    Twice,
}

impl Measure {
    /// Measurement of a command.
    pub(super) fn of(command: &Command) -> Self {
        match command {
            Command::Layout(_) | Command::Data(DataCommand::PinProbe(_)) => Self::None,
            Command::Network(_) | Command::Train(TrainCommand::Reset(_)) => Self::Twice,
            Command::Train(_) | Command::Data(_) => Self::Once,
        }
    }
}

/// Name of the command in the journal; that of a setting, which may be dragged.
fn kind_of(command: &Command) -> String {
    let value = match command {
        Command::Network(NetworkCommand::Edit(_)) => return String::new(),
        Command::Data(
            DataCommand::Relabel { .. } | DataCommand::LeaveOut(_) | DataCommand::RestoreImage(_),
        ) => return String::new(),
        command => serde_json::to_value(command).unwrap_or_default(),
    };
    value.as_object().and_then(|fields| fields.keys().next().cloned()).unwrap_or_default()
}

impl Effects {
    /// The list of a run that is resumed at this step.
    pub(super) fn resumed(mut rows: Vec<Effect>, step: u32) -> Self {
        rows.iter_mut().zip(0..).for_each(|(row, id)| row.id = id);
        Self { next_id: rows.len() as RowId, rows, trend: VecDeque::new(), step }
    }

    /// The rows.
    pub(super) fn rows(&self) -> &[Effect] {
        &self.rows
    }

    fn waiting(&mut self) -> impl Iterator<Item = &mut Effect> {
        self.rows.iter_mut().filter(|row| row.waits())
    }

    /// The clock stands at `step`: where it went back, what was waited for does not come.
    pub(super) fn look(&mut self, step: u32) {
        if step < self.step {
            self.waiting().filter(|row| row.due > step).for_each(|row| row.cut_short = true);
            self.trend.retain(|(of, _)| *of <= step);
        }
        self.step = step;
    }

    /// Number of the next row.
    pub(super) fn next_id(&self) -> RowId {
        self.next_id
    }

    /// Adds the row of a command, in words, that is carried out at `step`; none where it is one more position of a slider.
    pub(super) fn add(&mut self, command: &Command, action: String, step: u32) -> Option<RowId> {
        self.look(step);
        let kind = kind_of(command);
        if Measure::of(command) == Measure::Once
            && let Some(last) = self.rows.last_mut().filter(|last| last.kind == kind && !kind.is_empty())
            && last.may_go_on(step)
        {
            last.former.push(std::mem::replace(&mut last.action, action));
            return None;
        }
        self.waiting().filter(|row| row.due > step).for_each(|row| row.shared_with += 1);
        let begins = |(of, _): &&(u32, f32)| of + MIN_TREND <= step;
        let trend_from = self.trend.iter().rev().find(begins).map(|(of, _)| *of);
        let id = self.next_id;
        self.next_id += 1;
        let due = step + EFFECT_STEPS;
        self.rows.push(Effect { step, action, trend_from, due, id, kind, ..Effect::default() });
        Some(id)
    }

    /// A command, in words, that was carried out at `step` is undone; of a slider that was dragged, its last position.
    pub(super) fn undo(&mut self, action: &str, step: u32) {
        self.look(step);
        let is_it = |row: &Effect| row.action == action && row.may_go_on(step);
        let Some(index) = self.rows.iter().rposition(is_it) else { return };
        let (earlier, rest) = self.rows.split_at_mut(index);
        let row = &mut rest[0];
        if let Some(before) = row.former.pop() {
            row.action = before;
            return;
        }
        row.undone = true;
        // It has no share in what those that still wait will be found to have done.
        let waiting = earlier.iter_mut().filter(|row| row.waits() && row.due > step);
        waiting.for_each(|row| row.shared_with = row.shared_with.saturating_sub(1));
    }

    /// The run begins again at step 0: the last row's command did it.
    pub(super) fn restarted(&mut self) {
        self.look(0);
        self.trend.clear();
        if let Some(last) = self.rows.last_mut() {
            (last.due, last.cut_short, last.trend_from) = (EFFECT_STEPS, false, None);
        }
    }

    /// The rows whose later loss is due at the end of this step, and whether the trend is.
    pub(super) fn due(&mut self, step: u32) -> (Vec<RowId>, bool) {
        self.look(step);
        let rows = self.waiting().filter(|row| row.due == step).map(|row| row.id).collect();
        (rows, step.is_multiple_of(TREND_STEPS))
    }

    /// A loss has come back.
    pub(super) fn set(&mut self, id: RowId, moment: Moment, loss: f32) {
        let trend = &self.trend;
        let Some(row) = self.rows.iter_mut().find(|row| row.id == id) else { return };
        match moment {
            Moment::Before => {
                row.before = Some(loss);
                let from = trend.iter().find(|(of, _)| Some(*of) == row.trend_from);
                row.trend = from.map(|(of, then)| (loss - then) / (row.step - of) as f32 * 100.0);
            }
            Moment::After => row.after = Some(loss),
            Moment::Later => row.later = Some(loss),
        }
    }

    /// A loss of the trend has come back.
    pub(super) fn set_trend(&mut self, step: u32, loss: f32) {
        self.trend.push_back((step, loss));
        // Three are enough for a span of more than the shortest.
        while self.trend.len() > 3 {
            self.trend.pop_front();
        }
    }
}

/// The list as CSV.
///
/// # Errors
/// None that a user can reach.
pub fn csv(rows: &[Effect]) -> Result<String> {
    let text = || -> csv::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record([
            "step",
            "action",
            "loss_change_per_100_steps_before",
            "loss_before",
            "loss_after",
            "loss_100_steps_after",
            "other_actions_within_100_steps",
            "cut_short",
            "undone",
        ])?;
        let number = |value: Option<f32>| value.map_or_else(String::new, |value| value.to_string());
        for row in rows {
            writer.write_record([
                row.step.to_string(),
                row.action.clone(),
                number(row.trend),
                number(row.before),
                number(row.after),
                number(row.later),
                row.shared_with.to_string(),
                row.cut_short.to_string(),
                row.undone.to_string(),
            ])?;
        }
        let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
        Ok(String::from_utf8(bytes).expect("words and numbers are UTF-8"))
    };
    text().map_err(|e| Error::new(format!("cannot store the actions: {e}"), "report this fault"))
}
