//! `revacnn` without a command: the workbench; without a display, training and pictures instead.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use revacnn::app::offscreen::Picture;
use revacnn::app::{Display, Show, WindowOptions};
use revacnn::error::{Error, Result};
use revacnn::session::{Session, TensorKind, create_folder};

use super::interrupt::{self, Interrupt};
use super::render::draw;
use super::run_options::{AdapterOption, RunOptions};
use super::train::train_and_report;

/// Folder of the pictures without a display.
const FOLDER: &str = "revacnn-out";
/// Epochs of training without a display.
const EPOCHS: u32 = 2;

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
        let interrupt = Interrupt::watch();
        create_folder(&folder)?;
        let mut session = self.run.begin(self.adapter.open()?, self.out.as_deref())?;
        train_and_report(&mut session, EPOCHS, &interrupt)?;
        pictures(&mut session, &folder)?;
        log::info!(
            "see {}/workbench.png, network.png, filters.png, layouts.png and charts.png",
            folder.display()
        );
        Ok(())
    }
}

fn pictures(session: &mut Session, folder: &Path) -> Result<()> {
    let pictures = [
        ("workbench.png", Show::Workbench, TensorKind::Activations, 1280, 800),
        ("network.png", Show::Pane("network"), TensorKind::Activations, 1280, 720),
        ("filters.png", Show::Pane("network"), TensorKind::Weights, 1280, 720),
        ("layouts.png", Show::Pane("embedding"), TensorKind::Weights, 1280, 460),
        ("charts.png", Show::Pane("charts"), TensorKind::Activations, 900, 700),
    ];
    for (name, show, kind, width, height) in pictures {
        draw(session, kind, &Picture::new(show, width, height), &folder.join(name))?;
    }
    Ok(())
}
