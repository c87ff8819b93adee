//! `revacnn watch`: a training of PyTorch in the window; without a display, its numbers and pictures.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use revacnn::app::offscreen::{self, Picture};
use revacnn::app::{Display, WindowOptions};
use revacnn::error::{Error, Result};
use revacnn::session::{
    CheckpointReport, Event, LOOK_EVERY, Session, Split, Watching, begin_watching, create_folder, follow,
    has_begun,
};
use serde_json::json;

use super::interrupt::{self, Interrupt};
use super::numbers::plain;
use super::print::print_line;
use super::reading_options::ReadingOptions;
use super::render::image;
use super::run_options::AdapterOption;
use super::workbench::EARLY;

#[derive(Args)]
pub(super) struct Watch {
    /// Folder of the training, as the callback of examples/pytorch writes it.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Data set of the evaluation [default: the one that the training names].
    #[arg(long, value_name = "NAME|PATH")]
    dataset: Option<String>,
    #[command(flatten)]
    reading: ReadingOptions,
    /// Network: a preset or a TOML file [default: the one in DIR].
    #[arg(long, value_name = "PRESET|FILE")]
    network: Option<String>,
    /// Mean of the pixels, from 0 to 1, that the training subtracts: one, or one for each channel, separated by commas [default: as the
    /// training says, or each channel's in the data set].
    #[arg(long, value_name = "MEAN", value_delimiter = ',', requires = "std", allow_negative_numbers = true)]
    mean: Vec<f32>,
    /// Standard deviation by which it divides them; 1 with a mean of 0 for plain values from 0 to 1.
    #[arg(long, value_name = "STD", value_delimiter = ',', requires = "mean", allow_negative_numbers = true)]
    std: Vec<f32>,
    /// Open no window: print a line and draw pictures for each checkpoint, as without a display.
    #[arg(long)]
    no_window: bool,
    /// Stop after the first checkpoint at or after this step; without a window.
    #[arg(long, value_name = "STEP")]
    until_step: Option<u32>,
    /// Print JSON Lines; without a window.
    #[arg(long)]
    json: bool,
    /// Folder of the pictures without a window.
    #[arg(short, long, value_name = "DIR", default_value = "revacnn-out")]
    out: PathBuf,
    #[command(flatten)]
    adapter: AdapterOption,
    /// Close the window after this time.
    #[arg(long, value_name = "SECONDS", hide = true)]
    exit_after: Option<f64>,
    /// Write four lines of JSON a second into this file.
    #[arg(long, value_name = "FILE", hide = true)]
    frame_log: Option<PathBuf>,
}

impl Watch {
    pub(super) fn run(&self) -> Result<()> {
        let headless = self.no_window || self.json || self.until_step.is_some();
        let display = if headless { None } else { Display::open()? };
        let Some(display) = display else { return self.without_window() };
        wait_for_first(&self.folder, &|| false)?;
        let options = WindowOptions {
            adapter: self.adapter.choice(),
            exit_after: self.exit_after.filter(|s| s.is_finite() && *s >= 0.0).map(Duration::from_secs_f64),
            frame_log: self.frame_log.clone(),
            play: false,
            key_frames: 0,
            listen: None,
        };
        let watching = self.watching(false);
        let make = move |gpu| begin_watching(gpu, &watching);
        display.run(options, Box::new(interrupt::listen), Box::new(make))
    }

    fn watching(&self, patient: bool) -> Watching {
        Watching {
            folder: self.folder.clone(),
            network: self.network.clone(),
            dataset: self.dataset.as_ref().map(|name| self.reading.source(name)),
            mean: self.mean.clone(),
            std: self.std.clone(),
            patient,
        }
    }

    /// Prints a line and draws pictures for each checkpoint.
    fn without_window(&self) -> Result<()> {
        let interrupt = Interrupt::watch();
        interrupt.run_begins();
        let stops = || interrupt.is_requested();
        if !wait_for_first(&self.folder, &stops)? {
            return Ok(());
        }
        let mut session = begin_watching(self.adapter.open()?, &self.watching(true))?;
        create_folder(&self.out)?;
        let out = self.out.display();
        log::info!(
            "watching {} in {}; see {out}/network.png, filters.png and charts.png, drawn again at each checkpoint",
            session.title(),
            self.folder.display()
        );
        while !stops() {
            follow(&mut session);
            while !stops() && session.advance() {}
            session.settle();
            let evaluated = take_events(&mut session)?;
            let report = session.watched().and_then(|watched| watched.shown().cloned());
            let Some((report, score)) = report.zip(evaluated) else {
                std::thread::sleep(LOOK_EVERY);
                continue;
            };
            self.say(&session, &report, score)?;
            self.draw(&mut session)?;
            if self.until_step.is_some_and(|until| report.step >= until) {
                break;
            }
        }
        Ok(())
    }

    fn say(&self, session: &Session, report: &CheckpointReport, (loss, accuracy): (f32, f32)) -> Result<()> {
        let has_classes = session.trainer().network.loss.has_classes();
        let accuracy = Some(accuracy).filter(|_| has_classes);
        if self.json {
            return print_line(
                &json!({
                    "event": "checkpoint", "step": report.step, "epoch": session.epoch(), "loss": plain(&report.loss), "accuracy": plain(&report.accuracy),
                    "learning_rate": plain(&report.learning_rate), "val_loss": plain(&loss), "val_accuracy": plain(&accuracy),
                })
                .to_string(),
            );
        }
        let mut line = format!("step {:>7}  epoch {:.2}", report.step, session.epoch());
        for (name, loss, share) in
            [("training", report.loss, report.accuracy), ("validation", Some(loss), accuracy)]
        {
            let Some(loss) = loss else { continue };
            let share = share.map_or(String::new(), |share| format!(" {:.1} %", 100.0 * share));
            write!(line, "  {name} loss {loss:.3}{share}").expect("a string takes all");
        }
        print_line(&line)
    }

    fn draw(&self, session: &mut Session) -> Result<()> {
        for (name, show, kind, width, height) in EARLY {
            let picture = Picture::new(*show, *width, *height);
            offscreen::save(&image(session, *kind, &picture)?, &self.out.join(name))?;
        }
        Ok(())
    }
}

/// Waits for the first checkpoint; false where `stops` says so before.
fn wait_for_first(folder: &Path, stops: &dyn Fn() -> bool) -> Result<bool> {
    let (began, mut told) = (Instant::now(), false);
    // A training that has just been started takes some seconds until it makes its folder.
    while !folder.is_dir() || !has_begun(folder)? {
        if folder.exists() && !folder.is_dir() {
            let what = format!("{} is a file, where the folder of a training is to be", folder.display());
            return Err(Error::new(what, "name the folder that the callback of examples/pytorch writes"));
        }
        if stops() {
            return Ok(false);
        }
        if !told && began.elapsed() > Duration::from_secs(1) {
            told = true;
            log::info!("waiting for the first checkpoint in {}", folder.display());
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(true)
}

/// Tells what happened; returns loss and accuracy of an evaluation that is done.
fn take_events(session: &mut Session) -> Result<Option<(f32, f32)>> {
    let mut score = None;
    for event in session.take_events() {
        match event {
            Event::Fault(error) => return Err(error),
            Event::Notice(notice) => log::warn!("{notice}: {}", notice.help()),
            Event::Evaluated { split: Split::Validation, loss, accuracy, .. } => {
                score = Some((loss, accuracy))
            }
            Event::Evaluated { .. } | Event::Step(_) | Event::Epoch(_) => {}
        }
    }
    Ok(score)
}
