//! `revacnn bench watch`: time from a checkpoint of a training that is watched, saved, to the picture of it.
//!
//! Checkpoints are written as the callback of `examples/pytorch` does it, and followed by the window's own loop without a window.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::Args;
use revacnn::app::Show;
use revacnn::error::{Error, Result};
use revacnn::nn::Exported;
use revacnn::session::{LOOK_EVERY, Session, Split, Watching, begin_watching, follow};
use serde_json::json;

use super::measure::{above_zero, quantile};
use super::renderer::{Renderer, WindowSize};
use crate::cli::print::print_line;
use crate::cli::run_options::{AdapterOption, RunOptions};

#[derive(Args)]
pub(crate) struct BenchWatch {
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    adapter: AdapterOption,
    #[command(flatten)]
    window: WindowSize,
    /// Seconds from one checkpoint to the next.
    #[arg(long, default_value_t = 2.0, value_parser = above_zero)]
    gap: f64,
    /// Number of checkpoints that are measured.
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = crate::cli::numbers::count)]
    checkpoints: usize,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

impl BenchWatch {
    pub(crate) fn run(&self) -> Result<()> {
        let gpu = self.adapter.open()?;
        let own = Session::new(Rc::clone(&gpu), &self.run.network, self.run.settings()?, None)?;
        let model = own.trainer().model(false)?;
        let network = model.network.to_toml();
        let weights = Exported { model, classes: Vec::new(), normalization: None }.safetensors()?;
        drop(own);
        let io = |error| Error::io("write", Path::new("a temporary folder"), &error);
        let folder = tempfile::tempdir().map_err(io)?;
        let about = json!({"dataset": self.run.dataset, "batch": self.run.batch});
        fs::write(folder.path().join("network.toml"), network).map_err(io)?;
        fs::write(folder.path().join("about.json"), about.to_string()).map_err(io)?;
        save(folder.path(), 1, &weights).map_err(io)?;
        let watching = Watching { folder: folder.path().to_owned(), ..Watching::default() };
        let mut session = begin_watching(gpu, &watching)?;
        let mut renderer = Renderer::new(&session, Show::Workbench, self.window.size)?;
        let gap = Duration::from_secs_f64(self.gap);
        session.wait_compiled();
        // Compiles what the pictures need, and evaluates for the first time.
        go_on(&mut session, &mut renderer, 1, Instant::now(), 2 * gap)?;
        let mut all = Vec::new();
        for step in 2..2 + self.checkpoints as u32 {
            save(folder.path(), step, &weights).map_err(io)?;
            let saved = Instant::now();
            let shown = go_on(&mut session, &mut renderer, step, saved, gap)?;
            let late = || Error::new("a checkpoint was not shown before the next", "give more by --gap");
            all.push(shown.ok_or_else(late)?.as_secs_f64());
        }
        let [median, most] = [0.5, 1.0].map(|share| quantile(&all, share));
        let evaluated = session.metrics().epochs.len();
        if self.json {
            let value = json!({
                "checkpoints": all.len(), "seconds_to_picture": all, "median_s": median, "longest_s": most, "evaluated": evaluated,
                "gap_s": self.gap, "network": self.run.network, "dataset": self.run.dataset, "width": self.window.size.0, "height": self.window.size.1,
                "adapter": session.gpu().info.name,
            });
            return print_line(&value.to_string());
        }
        print_line(&format!(
            "{} checkpoints, one each {} s: {:.3} s from saved to shown (longest {:.3} s); {evaluated} were evaluated",
            all.len(),
            self.gap,
            median,
            most
        ))
    }
}

/// Writes a checkpoint, and its line once that is whole.
fn save(folder: &Path, step: u32, weights: &[u8]) -> std::io::Result<()> {
    let name = format!("step-{step:08}.safetensors");
    let part = folder.join("part");
    fs::write(&part, weights)?;
    fs::rename(part, folder.join(&name))?;
    let mut list = OpenOptions::new().create(true).append(true).open(folder.join("checkpoints.jsonl"))?;
    writeln!(list, "{}", json!({"step": step, "file": name, "loss": 2.0, "lr": 0.01}))
}

/// Takes turns of the window's loop until a time after the checkpoint of a step was saved; returns the time until it was on the screen.
fn go_on(
    session: &mut Session,
    renderer: &mut Renderer,
    step: u32,
    saved: Instant,
    gap: Duration,
) -> Result<Option<Duration>> {
    let mut shown = None;
    while saved.elapsed() < gap {
        let taken = follow(session);
        session.check_events()?;
        if !taken && shown.is_some() && !session.is_evaluating(Split::Validation) {
            std::thread::sleep(LOOK_EVERY);
            continue;
        }
        let is_new = session.watched().and_then(|watched| watched.shown()).is_some_and(|of| of.step == step);
        let drawn = renderer.turn(session, false, true);
        if is_new && drawn && shown.is_none() {
            renderer.wait(session, 0);
            shown = Some(saved.elapsed());
        }
    }
    Ok(shown)
}
