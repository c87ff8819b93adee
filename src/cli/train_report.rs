//! Progress and results of a training run, as the user sees them.

use std::cell::RefCell;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use revacnn::error::Result;
use revacnn::session::{EpochMetrics, Event, Session, Split, StepMetrics, StopCondition};
use serde_json::{Value, json};

use super::interrupt::Interrupt;
use super::numbers::{average_text, has_classes, plain, quoted, share_text};
use super::print::{print_line, say};

/// Progress and results of a training run, as the user sees them.
pub(super) struct Report {
    json: bool,
    log_every: u32,
    pub bar: ProgressBar,
    began: Instant,
    /// The last sign that the run cannot learn, which is said once.
    concern: RefCell<Option<String>>,
}

impl Report {
    pub(super) fn new(session: &Session, limit: StopCondition, json: bool, log_every: u32) -> Self {
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

    pub(super) fn start(&self, session: &Session) -> Result<()> {
        let settings = session.settings();
        let network = &session.trainer().network;
        let adapter = &session.gpu().info;
        let value = json!({
            "event": "start", "version": env!("CARGO_PKG_VERSION"), "network": network.name, "parameters": network.parameter_count(),
            "dataset": settings.dataset, "train_images": session.train_images(),
            "validation_images": session.trainer().loader.validation_images, "test_images": session.test_images(),
            "adapter": adapter.name, "backend": adapter.backend.to_string(), "batch": settings.batch, "seed": settings.seed,
            "precision": session.gpu().precision().name(),
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

    pub(super) fn take(&self, session: &Session, event: &Event) -> Result<()> {
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
    pub(super) fn end(&self, session: &mut Session, interrupt: &Interrupt) -> Result<()> {
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
