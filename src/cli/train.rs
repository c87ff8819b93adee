//! `revacnn train`: training without a window.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use revacnn::error::{Error, ErrorKind, Result};
use revacnn::session::{
    EpochMetrics, Event, RunFolder, RunState, Session, Split, StepMetrics, StopCondition,
};
use serde_json::{Value, json};

use super::dry_run::dry_run;
use super::interrupt::Interrupt;
use super::numbers::{average_text, has_classes, plain, quoted, share_text};
use super::print::{print_line, say};
use super::run_options::{AdapterOption, RunOptions};
use super::saving::{save, write_actions};

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
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    script: Option<PathBuf>,
    /// File to write at the end: each command that was carried out with the loss on held-out images before it, after it, and 100 steps later, as CSV.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    actions: Option<PathBuf>,
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
        let Some(actions) = &self.actions else {
            return train(&mut session, limit, self.json, log_every, &interrupt, &mut nothing);
        };
        if !actions.exists() {
            // A folder that is not there is found out before the training.
            write_actions(&session, actions)?;
        }
        session.measure_effects()?;
        let trained = train(&mut session, limit, self.json, log_every, &interrupt, &mut nothing);
        // What was done before a fault is worth having, too.
        trained.and(write_actions(&session, actions))
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

/// Trains up to the limit with a progress bar, then evaluates the test images.
fn train(
    session: &mut Session,
    limit: StopCondition,
    json: bool,
    log_every: u32,
    interrupt: &Interrupt,
    beside: &mut Beside<'_>,
) -> Result<()> {
    session.set_limit(Some(limit));
    let mut report = Report::new(session, limit, json, log_every);
    interrupt.run_begins();
    let trained =
        report.start(session).and_then(|()| train_to_limit(session, &mut report, interrupt, beside));
    let reported = trained.and_then(|()| report.end(session, interrupt));
    reported.map_err(|error| if error.kind() == ErrorKind::Closed { without_reader(session) } else { error })
}

/// Trains until the limit is reached or a signal comes; saves after every epoch and at the end.
fn train_to_limit(
    session: &mut Session,
    report: &mut Report,
    interrupt: &Interrupt,
    beside: &mut Beside<'_>,
) -> Result<()> {
    session.play();
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
        if idle || epoch_ended {
            save(session, interrupt)?;
        }
        if idle {
            return Ok(());
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

/// Progress and results of a training run, as the user sees them.
struct Report {
    json: bool,
    log_every: u32,
    bar: ProgressBar,
    began: Instant,
    /// The last sign that the run cannot learn, which is said once.
    concern: RefCell<Option<String>>,
}

impl Report {
    fn new(session: &Session, limit: StopCondition, json: bool, log_every: u32) -> Self {
        let images = session.train_images() as u64;
        let batch = u64::from(session.settings().batch);
        let total = match limit {
            StopCondition::Steps(steps) => u64::from(steps) * batch,
            StopCondition::Epochs(epochs) => u64::from(epochs) * images,
        };
        let style = "{bar:24} {percent:>3} %  {msg}  {eta} left";
        let bar = if json { ProgressBar::hidden() } else { ProgressBar::new(total) };
        bar.set_style(
            ProgressStyle::with_template(style).expect("the template is fixed").progress_chars("━╸ "),
        );
        bar.set_position((session.epoch() * images as f64) as u64);
        bar.reset_eta();
        Self { json, log_every, bar, began: Instant::now(), concern: RefCell::default() }
    }

    fn say(&self, value: &Value, text: &str) -> Result<()> {
        if self.json {
            return print_line(&value.to_string());
        }
        self.bar.suspend(|| print_line(text))
    }

    fn start(&self, session: &Session) -> Result<()> {
        let settings = session.settings();
        let network = &session.trainer().network;
        let adapter = &session.gpu().info;
        let value = json!({
            "event": "start", "version": env!("CARGO_PKG_VERSION"), "network": network.name, "parameters": network.parameter_count(),
            "dataset": settings.dataset, "train_images": session.train_images(),
            "validation_images": session.trainer().loader.validation_images, "test_images": session.test_images(),
            "adapter": adapter.name, "backend": adapter.backend.to_string(), "batch": settings.batch, "seed": settings.seed,
            "optimizer": settings.hyper.optimizer.name(), "lr": plain(&settings.hyper.learning_rate), "momentum": plain(&settings.hyper.momentum),
            "weight_decay": plain(&settings.hyper.weight_decay), "nesterov": settings.hyper.nesterov,
            "shift": settings.augmentation.shift, "flip": settings.augmentation.flip, "augmentation": plain(&settings.augmentation), "step": session.step(), "epoch": session.epoch(),
        });
        let text = format!(
            "{}: {} parameters, {} training images, batch size {}, on {}",
            session.title(),
            network.parameter_count(),
            session.train_images(),
            settings.batch,
            adapter.name
        );
        self.say(&value, &text)
    }

    fn take(&self, session: &Session, event: &Event) -> Result<()> {
        match event {
            Event::Step(step) => self.step(session, step),
            Event::Epoch(epoch) => self.epoch(session, epoch),
            Event::Evaluated { .. } => Ok(()),
            Event::Fault(error) => Err(error.clone()),
            Event::Notice(notice) => {
                self.bar.suspend(|| log::warn!("{notice}: {}", notice.help()));
                Ok(())
            }
        }
    }

    fn step(&self, session: &Session, step: &StepMetrics) -> Result<()> {
        self.bar.set_position((step.epoch * session.train_images() as f64) as u64);
        self.bar.set_message(format!(
            "epoch {:.2}  loss {:.3}{}  {:.0} images/s",
            step.epoch,
            step.loss,
            share_text(session, step.accuracy, 0),
            session.metrics().images_per_s
        ));
        if self.log_every == 0 || !step.step.is_multiple_of(self.log_every) {
            return Ok(());
        }
        let mut value = plain(step);
        value["event"] = json!("step");
        if !has_classes(session) {
            value["accuracy"] = Value::Null;
        }
        value["images_per_s"] = json!(session.metrics().images_per_s);
        print_line(&value.to_string())
    }

    fn epoch(&self, session: &Session, e: &EpochMetrics) -> Result<()> {
        let mut value = plain(e);
        value["event"] = json!("epoch");
        let changes = e.weight_changes.iter().map(|c| (c.layer.clone(), plain(&c.change)));
        value["weight_change"] = changes.collect::<serde_json::Map<_, _>>().into();
        if !has_classes(session) {
            for key in ["train_accuracy", "val_accuracy", "average_val_accuracy"] {
                value[key] = Value::Null;
            }
        }
        let percent = |share: f32| share_text(session, share, 1);
        let text = format!(
            "epoch {:>3}  step {:>6}  training loss {:.3}{}  validation loss {:.3}{}{}  {:.0} images/s",
            e.epoch,
            e.step,
            e.train_loss,
            percent(e.train_accuracy),
            e.val_loss,
            percent(e.val_accuracy),
            average_text(session, e.average_val_loss.zip(e.average_val_accuracy), 1),
            e.images_per_s
        );
        let concern = session.concern();
        if let Some(concern) = &concern {
            value["concern"] = json!(concern.what());
        }
        self.say(&value, &text)?;
        let what = concern.as_ref().map(|concern| concern.what().to_owned());
        if let Some(concern) = concern.filter(|_| what != *self.concern.borrow()) {
            self.bar.suspend(|| log::warn!("{}; {}", concern.what(), concern.help()));
        }
        *self.concern.borrow_mut() = what;
        Ok(())
    }

    /// Evaluates the test images, unless the user stopped the run.
    fn end(&self, session: &mut Session, interrupt: &Interrupt) -> Result<()> {
        self.bar.finish_and_clear();
        let seconds = self.began.elapsed().as_secs_f64();
        let mut test = None;
        if !interrupt.is_requested() {
            session.evaluate(Split::Test);
            while !interrupt.is_requested() && session.advance() {}
            session.settle();
            for event in session.take_events() {
                if let Event::Evaluated { loss, accuracy, average, .. } = event {
                    test = Some((loss, accuracy, average));
                } else if let Event::Fault(error) = event {
                    return Err(error);
                }
            }
        }
        let stopped = test.is_none();
        let steps = session.step();
        let folder = session.folder();
        let average = test.and_then(|t| t.2);
        let value = json!({
            "event": "end", "stopped": stopped, "step": steps, "epoch": session.epoch(), "seconds": seconds,
            "test_loss": plain(&test.map(|t| t.0)), "test_accuracy": plain(&test.map(|t| t.1).filter(|_| has_classes(session))),
            "average_test_loss": plain(&average.map(|a| a.loss)), "average_test_accuracy": plain(&average.map(|a| a.accuracy).filter(|_| has_classes(session))), "state_hash": session.state_hash(),
        });
        let saved = folder.map_or(String::new(), |f| format!("; saved in {}", f.display()));
        let text = match test {
            Some((loss, accuracy, average)) => {
                let share = share_text(session, accuracy, 2);
                let average = average_text(session, average.map(|a| (a.loss, a.accuracy)), 2);
                format!("test loss {loss:.3}{share}{average}  after {steps} steps in {seconds:.1} s{saved}")
            }
            None => format!("stopped after {steps} steps in {seconds:.1} s{saved}"),
        };
        self.say(&value, &text)?;
        match folder {
            Some(folder) if stopped => {
                say(&format!("saved; to continue: revacnn train --resume {}", quoted(folder)));
            }
            None if stopped => say("nothing was saved; --out DIR saves a run"),
            _ => (),
        }
        Ok(())
    }
}

/// Trains `epochs` epochs with a progress bar, then evaluates the test images.
#[cfg(feature = "app")]
pub(super) fn train_and_report(
    session: &mut Session,
    epochs: u32,
    interrupt: &Interrupt,
    beside: &mut Beside<'_>,
) -> Result<()> {
    train(session, StopCondition::Epochs(epochs), false, 0, interrupt, beside)
}
