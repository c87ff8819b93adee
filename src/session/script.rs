//! Scripts: commands for times to come, as JSON Lines, `{"step": 100, "command": {"set_learning_rate": 0.01}}` or with `"epoch"` in
//! place of the step. A journal is one, for a run that begins as its own did.
//!
//! All of a script is checked before any of it is carried out: its lines, its times, each setting, and each change against the
//! network that those before it make.

use serde::Deserialize;
use serde_json::Value;

use super::check::{DataSizes, Situation};
use super::command::{Command, TrainCommand};
use super::event::StopCondition;
use super::journal_file::{Entry, Header};
use super::settings::RunSettings;
use crate::data::Clock;
use crate::error::{Error, Result};
use crate::nn::Network;

/// Most steps that a script may wait.
const MAX_STEPS: u32 = 100_000_000;

/// A line of a script.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptLine {
    /// Steps finished when it is applied.
    step: Option<u32>,
    /// Epochs finished.
    epoch: Option<f64>,
    command: Value,
    /// That of a journal's line, which a script does not need.
    #[serde(rename = "check")]
    _check: Option<String>,
}

/// The run as a script finds it.
pub(super) struct Beginning<'r> {
    pub header: &'r Header,
    pub settings: &'r RunSettings,
    pub network: &'r Network,
    pub data: DataSizes<'r>,
    pub train_images: u32,
    pub clock: Clock,
    pub limit: Option<StopCondition>,
}

/// The run as it will be after a part of the script, as far as it can be told beforehand.
struct Course<'r> {
    run: &'r Beginning<'r>,
    settings: RunSettings,
    /// The network, where a command has changed it.
    network: Option<Network>,
    clock: Clock,
}

impl Course<'_> {
    fn step_made(&mut self) {
        self.clock.advance(self.settings.batch, self.run.train_images);
    }

    fn epochs(&self) -> f64 {
        self.clock.epochs(self.run.train_images)
    }

    /// Goes on to the time of a line.
    fn go_to(&mut self, line: &ScriptLine) -> Result<()> {
        let late = |time: String| {
            Error::new(format!("{time} is over by then"), "write the lines in the order of their times")
        };
        match (line.step, line.epoch) {
            (Some(step), None) if step < self.clock.step => return Err(late(format!("step {step}"))),
            (Some(step), None) if step <= MAX_STEPS => {
                while self.clock.step < step {
                    self.step_made();
                }
            }
            (None, Some(epoch)) if epoch >= 0.0 => {
                if epoch < self.epochs().floor() {
                    return Err(late(format!("epoch {epoch}")));
                }
                while self.epochs() < epoch && self.clock.step < MAX_STEPS {
                    self.step_made();
                }
            }
            (Some(_), None) | (None, Some(_)) => {
                return Err(Error::new("its time is out of range", "take a step of 100 million at most"));
            }
            _ => {
                let help = "give it either a `step` or an `epoch`";
                return Err(Error::new("it has no time of its own", help));
            }
        }
        self.check_end()
    }

    /// An error for a time past the end of the run.
    fn check_end(&self) -> Result<()> {
        let Clock { step, epoch, cursor, .. } = self.clock;
        let (past, end) = match self.run.limit {
            Some(StopCondition::Steps(steps)) => (step > steps, format!("{steps} steps")),
            Some(StopCondition::Epochs(epochs)) => (
                epoch > epochs || epoch == epochs && cursor > self.settings.batch,
                format!("{epochs} epochs"),
            ),
            None => (false, String::new()),
        };
        if past || step >= MAX_STEPS {
            let what = format!("step {step} is past the end of the run, which is after {end}");
            return Err(Error::new(what, "let the run be longer, or leave the line out"));
        }
        Ok(())
    }

    fn network(&self) -> &Network {
        self.network.as_ref().unwrap_or(self.run.network)
    }

    /// Checks a command, and takes it as carried out.
    fn take(&mut self, command: &Command) -> Result<()> {
        if matches!(command, Command::Layout(_)) {
            return Err(Error::new("it is about a layout", "a script steers the training: leave it out"));
        }
        let (settings, network, data) = (&self.settings, self.network(), self.run.data);
        let after = Situation { settings, network, data, step: self.clock.step }.after(command)?;
        if matches!(command, Command::Train(TrainCommand::Reset(_))) {
            self.clock = Clock::default();
        }
        self.settings = after.settings;
        self.network = after.network.or(self.network.take());
        Ok(())
    }
}

/// The commands of a script, each with its step.
///
/// # Errors
/// When a line is none, comes too late, or is for what the network or the data do not have; the line is named.
pub(super) fn read(text: &str, name: &str, run: &Beginning<'_>) -> Result<Vec<Entry>> {
    let mut course = Course { run, settings: run.settings.clone(), network: None, clock: run.clock };
    let mut entries = Vec::new();
    let mut of_journal = false;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let within = |error: Error| error.within(format!("{name}, line {}", index + 1));
        let header = serde_json::from_str::<Header>(line).ok().filter(|_| index == 0);
        if let Some(header) = header {
            check_header(&header, run.header).map_err(within)?;
            of_journal = true;
        } else {
            entries.extend(read_line(line, &mut course, of_journal).map_err(within)?);
        }
    }
    Ok(entries)
}

/// An error for the journal of a run that did not begin as this one.
fn check_header(of: &Header, run: &Header) -> Result<()> {
    let what = |what: String| format!("it is the journal of a run {what}");
    let without = "or leave this line out to carry out the others here";
    if of.data_fingerprint != run.data_fingerprint {
        let dataset = &of.settings.dataset;
        let other = what(format!("on other data ({dataset}; this run: {})", run.settings.dataset));
        return Err(Error::new(other, format!("train on its data with --dataset, {without}")));
    }
    if of.network_toml != run.network_toml {
        let other = what(format!("of another network ({}; this run: {})", of.network, run.network));
        return Err(Error::new(other, format!("train its network.toml with --network, {without}")));
    }
    let [seed, own] = [of, run].map(|header| header.settings.seed);
    if seed != own {
        let help = format!("train with --seed {seed}, {without}");
        return Err(Error::new(what(format!("with seed {seed}, and this one has {own}")), help));
    }
    Ok(())
}

/// A line's command; none for a layout's in a journal, which changes nothing of a run.
fn read_line(line: &str, course: &mut Course<'_>, of_journal: bool) -> Result<Option<Entry>> {
    let form =
        r#"write {"step": 100, "command": {"set_learning_rate": 0.01}}, or "epoch" in place of "step""#;
    let line: ScriptLine = serde_json::from_str(line).map_err(|e| {
        let cut = "bring the file back from a copy, or take the line out to do without its command";
        if e.is_eof() {
            return Error::new("it is cut short: the rest of the command is missing", cut);
        }
        Error::new(format!("it is no line of a script: {e}"), form)
    })?;
    let command: Command = serde_json::from_value(line.command.clone()).map_err(|_| {
        let help = "commands are written as journal.jsonl of a run has them; see the README for all";
        Error::new(format!("there is no command {}", line.command), help)
    })?;
    if of_journal && matches!(command, Command::Layout(_)) {
        return Ok(None);
    }
    course.go_to(&line)?;
    let step = course.clock.step;
    course.take(&command)?;
    Ok(Some(Entry { step, command }))
}
