//! `revacnn` without a command: the workbench; without a display, training and pictures instead.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use revacnn::app::offscreen::Picture;
use revacnn::app::{Display, Show, WindowOptions};
use revacnn::error::{Error, Result};
use revacnn::session::{Session, TensorKind, create_folder};

use super::interrupt::{self, Interrupt};
use super::listening::ListenOption;
use super::render::draw;
use super::run_options::{AdapterOption, RunOptions};
use super::train::train_and_report;

/// Folder of the pictures without a display.
const FOLDER: &str = "revacnn-out";
/// Epochs of training without a display.
const EPOCHS: u32 = 2;
/// Longest training without a display: the evaluation and the last pictures follow within three minutes of the start.
const MAX_TRAINING: Duration = Duration::from_secs(150);
/// Training before the first pictures, where an epoch takes longer.
const BEFORE_FIRST: Duration = Duration::from_secs(8);

#[derive(Args)]
pub(super) struct OpenWorkbench {
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    adapter: AdapterOption,
    /// Folder to save the run in: model, network, journal and metrics.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Open the run in this folder, paused, with its own data, network and settings.
    #[arg(long, value_name = "DIR", conflicts_with_all = RunOptions::ids(), conflicts_with = "out")]
    resume: Option<PathBuf>,
    /// Start paused.
    #[arg(long)]
    paused: bool,
    /// GPU memory for key-frames, from which the run goes back in time, in MiB; 0 for none.
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    key_frames: u64,
    #[command(flatten)]
    listen: ListenOption,
    /// Longest training without a display.
    #[arg(long, value_name = "SECONDS", hide = true)]
    at_most: Option<u64>,
    /// Close the window after this time.
    #[arg(long, value_name = "SECONDS", hide = true)]
    exit_after: Option<f64>,
    /// Write four lines of JSON a second into this file.
    #[arg(long, value_name = "FILE", hide = true)]
    frame_log: Option<PathBuf>,
}

impl OpenWorkbench {
    pub(super) fn run(&self) -> Result<()> {
        // Reports a wrong command line before a window opens.
        self.run.settings()?;
        let Some(display) = Display::open()? else { return self.without_display() };
        let options = WindowOptions {
            adapter: self.adapter.choice(),
            exit_after: self.exit_after.filter(|s| s.is_finite() && *s >= 0.0).map(Duration::from_secs_f64),
            frame_log: self.frame_log.clone(),
            play: !self.paused && self.resume.is_none(),
            key_frames: self.key_frames.saturating_mul(1 << 20),
            listen: self.listen.listen,
        };
        let (begun, out, resumed) = (self.run.clone(), self.out.clone(), self.resume.clone());
        let make = move |gpu| match &resumed {
            Some(folder) => Session::resume(gpu, folder),
            None => begun.begin(gpu, out.as_deref()),
        };
        display.run(options, Box::new(interrupt::listen), Box::new(make))
    }

    /// Trains, and saves what a window would have shown as pictures.
    fn without_display(&self) -> Result<()> {
        if self.listen.listen.is_some() {
            let help = "train without a window: revacnn train --listen";
            return Err(Error::new("there is no display for the window that is to listen", help));
        }
        if let Some(folder) = &self.resume {
            return Err(Error::new(
                "there is no display to open the run on",
                format!(
                    "train it without a window: revacnn train --resume {0}; or draw it: revacnn render {0} -o run.png",
                    folder.display()
                ),
            ));
        }
        let folder = self.out.clone().unwrap_or_else(|| PathBuf::from(FOLDER));
        log::info!(
            "there is no display: training without a window; pictures are saved in {}",
            folder.display()
        );
        let (interrupt, began) = (Interrupt::watch(), Instant::now());
        create_folder(&folder)?;
        let mut session = self.run.begin(self.adapter.open()?, self.out.as_deref())?;
        session.count_distributions();
        let mut early = EarlyPictures { folder: &folder, since: Instant::now(), drawn: false };
        train_and_report(&mut session, EPOCHS, &interrupt, &mut |session, epoch_ended| {
            early.draw(session, epoch_ended)?;
            let goes_on = began.elapsed() < self.at_most.map_or(MAX_TRAINING, Duration::from_secs);
            if !goes_on {
                log::info!("the time is up: `revacnn train` trains as long as you say");
            }
            Ok(goes_on)
        })?;
        pictures(&mut session, &folder, &PICTURES)?;
        log::info!(
            "see {}/workbench.png, network.png, filters.png, layouts.png and charts.png",
            folder.display()
        );
        Ok(())
    }
}

/// Pictures while it trains, without layouts: they only read the run.
struct EarlyPictures<'a> {
    folder: &'a Path,
    since: Instant,
    drawn: bool,
}

impl EarlyPictures<'_> {
    /// Draws them soon after the beginning, and at the end of each epoch.
    fn draw(&mut self, session: &mut Session, epoch_ended: bool) -> Result<()> {
        if !epoch_ended && (self.drawn || self.since.elapsed() < BEFORE_FIRST) {
            return Ok(());
        }
        // Between two steps: drawing brings the probes up to date, and would train on.
        session.pause();
        pictures(session, self.folder, EARLY)?;
        session.play();
        if !std::mem::replace(&mut self.drawn, true) {
            let folder = self.folder.display();
            log::info!("see {folder}/network.png, filters.png and charts.png; each epoch draws them again");
        }
        Ok(())
    }
}

/// A picture's file, content, tensor, width and height.
pub(super) type ToDraw = (&'static str, Show, TensorKind, u32, u32);

/// Pictures of the end; those with layouts come first, as they open them.
const PICTURES: [ToDraw; 5] = [
    ("workbench.png", Show::Workbench, TensorKind::Activations, 1280, 800),
    ("layouts.png", Show::Pane("embedding"), TensorKind::Weights, 1280, 460),
    ("network.png", Show::Pane("network"), TensorKind::Activations, 1280, 720),
    ("filters.png", Show::Pane("network"), TensorKind::Weights, 1280, 720),
    ("charts.png", Show::Pane("charts"), TensorKind::Activations, 900, 700),
];
/// Those that there are while it trains.
pub(super) const EARLY: &[ToDraw] = PICTURES.split_at(2).1;

fn pictures(session: &mut Session, folder: &Path, all: &[ToDraw]) -> Result<()> {
    for (name, show, kind, width, height) in all {
        draw(session, *kind, &Picture::new(*show, *width, *height), &folder.join(name))?;
    }
    Ok(())
}
