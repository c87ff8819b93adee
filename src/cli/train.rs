//! `revacnn train`: training without a window.

use std::path::PathBuf;

use clap::Args;
use revacnn::error::{Error, ErrorKind, Result};
use revacnn::session::{Event, RunFolder, RunState, Session, StopCondition};

use super::dry_run::dry_run;
use super::interrupt::Interrupt;
use super::listening::{ListenOption, Listening};
use super::numbers::quoted;
use super::print::say;
use super::run_options::{AdapterOption, RunOptions};
use super::saving::{save, write_actions};
use super::train_report::Report;

#[derive(Args)]
pub(super) struct Train {
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    adapter: AdapterOption,
    /// Total number of epochs, from the start of the run [default: 12, unless --steps is given].
    #[arg(long)]
    epochs: Option<u32>,
    /// Total number of steps, from the start of the run.
    #[arg(long, conflicts_with = "epochs")]
    steps: Option<u32>,
    /// Folder to save the run in: model, network, journal and metrics.
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    out: Option<PathBuf>,
    /// Resume the run in this folder, with its own data, network and seed; other settings that are given replace its own from here on.
    #[arg(long, value_name = "DIR", conflicts_with_all = RunOptions::FIXED, conflicts_with = "dry_run")]
    resume: Option<PathBuf>,
    /// Commands to carry out at their steps or epochs, as JSON Lines: {"epoch": 2, "command": {"add_filter": {"layer": 0}}}. See the README.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dry_run", "listen"])]
    script: Option<PathBuf>,
    /// File to write at the end: each command that was carried out with the loss on held-out images before it, after it, and 100 steps later, as CSV.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    actions: Option<PathBuf>,
    #[command(flatten)]
    listen: ListenOption,
    /// With --listen: start paused.
    #[arg(long, requires = "listen")]
    paused: bool,
    /// Print the memory the run would need and the passes of a step, without training.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON Lines.
    #[arg(long)]
    json: bool,
    /// With --json: also print a line every STEPS steps.
    #[arg(long, value_name = "STEPS")]
    log_every: Option<u32>,
}

impl Train {
    pub(super) fn run(&self) -> Result<()> {
        let limit = self.limit()?;
        let log_every = self.log_every()?;
        if self.dry_run {
            return dry_run(&self.run, &*self.adapter.open()?, self.json);
        }
        let interrupt = Interrupt::watch();
        // Reports a wrong command line before the adapter is opened.
        self.run.settings()?;
        let mut session = match &self.resume {
            Some(folder) => self.run.resume(self.adapter.open()?, folder)?,
            None => {
                self.out.as_deref().map_or(Ok(()), RunFolder::check_free)?;
                self.run.begin(self.adapter.open()?, None)?
            }
        };
        if let Some(path) = &self.script {
            // The times of a script are checked against it.
            session.set_limit(Some(limit));
            let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, &e))?;
            session.follow_script(&path.display().to_string(), &text)?;
        }
        // Only now: a faulty script leaves no folder behind.
        self.out.as_deref().map_or(Ok(()), |folder| session.keep(folder))?;
        if let Some(actions) = &self.actions {
            if !actions.exists() {
                // A folder that is not there is found out before the training.
                write_actions(&session, actions)?;
            }
            session.measure_effects()?;
        }
        let mut door = self.listen.open(self.paused)?;
        let output = Output { json: self.json, log_every };
        let trained = train(&mut session, limit, output, &interrupt, &mut nothing, door.as_mut());
        // What was done before a fault is worth having, too.
        trained.and(self.actions.as_ref().map_or(Ok(()), |actions| write_actions(&session, actions)))
    }

    fn limit(&self) -> Result<StopCondition> {
        if self.steps == Some(0) || self.epochs == Some(0) {
            let what = "there is nothing to do in 0 steps";
            return Err(Error::usage(what, "give --steps or --epochs 1 or more"));
        }
        Ok(match self.steps {
            Some(steps) => StopCondition::Steps(steps),
            None => StopCondition::Epochs(self.epochs.unwrap_or(12)),
        })
    }

    fn log_every(&self) -> Result<u32> {
        match self.log_every {
            Some(0) => {
                let what = "a line every 0 steps is not possible";
                Err(Error::usage(what, "give --log-every 1 or more, or leave it out"))
            }
            Some(_) if !self.json => {
                Err(Error::usage("--log-every needs --json", "add --json, or leave --log-every out"))
            }
            steps => Ok(steps.unwrap_or(0)),
        }
    }
}

/// Work beside the training: given whether an epoch has just ended; returns whether the training goes on.
pub(super) type Beside<'a> = dyn FnMut(&mut Session, bool) -> Result<bool> + 'a;

/// No work beside the training.
fn nothing(_: &mut Session, _: bool) -> Result<bool> {
    Ok(true)
}

/// Form of what is printed.
#[derive(Clone, Copy)]
struct Output {
    json: bool,
    /// Steps from one line to the next; 0 for none.
    log_every: u32,
}

/// Trains up to the limit with a progress bar, then evaluates the test images.
fn train(
    session: &mut Session,
    limit: StopCondition,
    output: Output,
    interrupt: &Interrupt,
    beside: &mut Beside<'_>,
    door: Option<&mut Listening>,
) -> Result<()> {
    session.set_limit(Some(limit));
    let mut report = Report::new(session, limit, output.json, output.log_every);
    interrupt.run_begins();
    let told = door.as_ref().map_or(Ok(()), |door| door.say(output.json));
    let trained = told
        .and_then(|()| report.start(session))
        .and_then(|()| train_to_limit(session, &mut report, interrupt, beside, door));
    let reported = trained.and_then(|()| report.end(session, interrupt));
    reported.map_err(|error| if error.kind() == ErrorKind::Closed { without_reader(session) } else { error })
}

/// Trains until the limit is reached or a signal comes, and those at the door have left; saves after every epoch and at the end.
fn train_to_limit(
    session: &mut Session,
    report: &mut Report,
    interrupt: &Interrupt,
    beside: &mut Beside<'_>,
    mut door: Option<&mut Listening>,
) -> Result<()> {
    if !door.as_ref().is_some_and(|door| door.begins_paused()) {
        session.play();
    }
    loop {
        if interrupt.is_requested() {
            session.pause();
        }
        let busy = session.advance();
        let idle = !busy && matches!(session.state(), RunState::Paused | RunState::Finished);
        if idle {
            session.settle();
        }
        let mut epoch_ended = false;
        for event in session.take_events() {
            if let Err(fault) = report.take(session, &event) {
                match event {
                    // Weights of which the next step is not finite are no state to go on from: the last save stays.
                    Event::Fault(_) => say_last_save(session, &fault),
                    _ => save(session, interrupt)?,
                }
                return Err(fault);
            }
            epoch_ended |= matches!(event, Event::Epoch(_));
        }
        let stays = door.as_ref().is_some_and(|door| door.stays_open(session, interrupt));
        if idle && !stays || epoch_ended {
            save(session, interrupt)?;
        }
        if idle && !stays {
            return Ok(());
        }
        if let Some(door) = &mut door {
            door.serve(session, idle);
        }
        if !session.is_playing() || session.state() == RunState::Finished {
            continue;
        }
        match report.bar.suspend(|| beside(session, epoch_ended)) {
            Ok(true) => (),
            Ok(false) => session.pause(),
            Err(error) => {
                save(session, interrupt)?;
                return Err(error);
            }
        }
    }
}

/// Says where a run that was stopped by a fault can go on: with another rate only where its numbers stopped being finite.
fn say_last_save(session: &Session, fault: &Error) {
    let Some(folder) = session.folder() else { return };
    let rate = if session.was_halted() && fault.kind() != ErrorKind::Gpu { " --lr RATE" } else { "" };
    say(&format!(
        "the last save stays; to continue from it: revacnn train --resume {}{rate}",
        quoted(folder)
    ));
}

/// Error of a run whose output nobody reads any more.
fn without_reader(session: &Session) -> Error {
    let what = format!("{}: the training stopped after {} steps", Error::closed(), session.step());
    let help = match session.folder() {
        Some(folder) => format!("it is saved; to continue: revacnn train --resume {}", quoted(folder)),
        None => "nothing was saved; --out DIR saves a run".to_owned(),
    };
    Error::new(what, help)
}

/// Trains `epochs` epochs with a progress bar, then evaluates the test images.
#[cfg(feature = "app")]
pub(super) fn train_and_report(
    session: &mut Session,
    epochs: u32,
    interrupt: &Interrupt,
    beside: &mut Beside<'_>,
) -> Result<()> {
    let output = Output { json: false, log_every: 0 };
    train(session, StopCondition::Epochs(epochs), output, interrupt, beside, None)
}
