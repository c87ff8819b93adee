//! `revacnn bench embed`: overhead of live t-SNE layouts on training.
//!
//! First they are laid out: how long that takes, and what training does meanwhile. Then training with and without them alternate, so that
//! other load on the machine disturbs both alike.

use std::time::{Duration, Instant};

use clap::Args;
use revacnn::error::Result;
use revacnn::session::{
    ImageSource, Layout, LayoutCommand, LayoutId, LayoutSource, RunState, Session, TensorKind,
};
use serde_json::json;

use super::measure::{above_zero, quantile};
use crate::cli::print::print_line;
use crate::cli::run_options::{AdapterOption, RunOptions};

/// Rounds with and without layouts.
const ROUNDS: usize = 9;
/// Seconds of warm-up before a measurement, and the longest wait until new layouts are laid out.
const WARM_UP_S: f64 = 0.5;
const MAX_WARM_UP_S: f64 = 60.0;

#[derive(Args)]
pub(crate) struct BenchEmbed {
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    adapter: AdapterOption,
    /// Number of layers with a layout of their weights.
    #[arg(long, default_value_t = 4)]
    layouts: usize,
    /// Also lay out the filters of all layers together.
    #[arg(long)]
    all_filters: bool,
    /// Also lay out this many test images, by the last hidden layer, updated once per epoch.
    #[arg(long, value_name = "IMAGES")]
    images: Option<usize>,
    /// Seconds per round; there are 9 rounds with layouts and 9 without.
    #[arg(long, default_value_t = 2.5, value_parser = above_zero)]
    seconds: f64,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// Time until the layouts are laid out for the first time, and the training meanwhile.
struct LaidOut {
    /// Seconds from the command on; those waited for where it is not done then.
    seconds: f64,
    done: bool,
    /// Training in images per second meanwhile.
    images_per_s: f64,
}

impl BenchEmbed {
    pub(crate) fn run(&self) -> Result<()> {
        let mut session =
            Session::new(self.adapter.open_tuned()?, &self.run.network, self.run.settings()?, None)?;
        let layers: Vec<usize> = (1..session.layers().len())
            .filter(|layer| session.can_lay_out(*layer, TensorKind::Weights))
            .take(self.layouts)
            .collect();
        session.play();
        // Compiles and warms up.
        train(&mut session, WARM_UP_S);
        let first = self.lay_out(&mut session, &layers)?;
        let (mut alone, mut with, mut iterations) = (Vec::new(), Vec::new(), 0.0);
        for _ in 0..ROUNDS {
            alone.push(self.round(&mut session, false)?.0);
            let (rate, made) = self.round(&mut session, true)?;
            with.push(rate);
            iterations += made / ROUNDS as f64;
        }
        session.check_events()?;
        // Of successive rounds: other load on the machine changes more slowly.
        let costs: Vec<f64> = alone.iter().zip(&with).map(|(alone, with)| 1.0 - with / alone).collect();
        let [cost, alone, with] = [&costs, &alone, &with].map(|values| quantile(values, 0.5));
        let mut names: Vec<String> =
            layers.iter().map(|layer| session.layers()[*layer].name.clone()).collect();
        names.extend(self.all_filters.then(|| "all filters".to_owned()));
        names.extend(self.images.map(|count| format!("{count} images")));
        if self.json {
            let value = json!({
                "images_per_s_alone": alone, "images_per_s_with": with, "cost": cost,
                "iterations_per_s_each": iterations, "layouts": names, "network": self.run.network,
                "batch": self.run.batch, "adapter": session.gpu().info.name,
                "laid_out_s": first.done.then_some(first.seconds), "images_per_s_until_laid_out": first.images_per_s,
            });
            return print_line(&value.to_string());
        }
        print_line(&format!(
            "{} {:.2} s after it was asked for, at {:.0} % of the training's rate meanwhile",
            if first.done { "laid out" } else { "not laid out" },
            first.seconds,
            100.0 * first.images_per_s / alone
        ))?;
        print_line(&format!(
            "{alone:.0} images/s without layouts, {with:.0} images/s with layouts of {} at {iterations:.0} iterations/s each: overhead {:.1} %",
            names.join(", "),
            100.0 * cost
        ))
    }

    /// Opens the layouts and trains until each is laid out, or for as long as the longest wait.
    fn lay_out(&self, session: &mut Session, layers: &[usize]) -> Result<LaidOut> {
        let (asked, first) = (Instant::now(), session.step());
        self.open(session, layers)?;
        let begins = |session: &Session| session.layouts().iter().any(Layout::begins);
        while begins(session) && asked.elapsed().as_secs_f64() < MAX_WARM_UP_S {
            session.advance();
            session.take_events();
        }
        session.settle();
        let (done, seconds) = (!begins(session), asked.elapsed().as_secs_f64());
        if !done {
            log::warn!(
                "layouts are still starting after {MAX_WARM_UP_S} s: the overhead is higher than later"
            );
        }
        let images = f64::from(session.step() - first) * f64::from(session.settings().batch);
        Ok(LaidOut { seconds, done, images_per_s: images / seconds })
    }

    /// Trains for the seconds of a round, with the layouts or while they pause; returns images/s, and iterations/s per layout.
    fn round(&self, session: &mut Session, with: bool) -> Result<(f64, f64)> {
        let ids: Vec<LayoutId> = session.layouts().iter().map(Layout::id).collect();
        ids.iter().try_for_each(|id| session.apply(LayoutCommand::Run(*id, with)))?;
        train(session, WARM_UP_S);
        let (began, first, before) = (Instant::now(), session.step(), iterations(session));
        train(session, self.seconds);
        let took = began.elapsed().as_secs_f64();
        let images = f64::from(session.step() - first) * f64::from(session.settings().batch);
        let made = f64::from(iterations(session) - before) / took / ids.len().max(1) as f64;
        Ok((images / took, made))
    }

    fn open(&self, session: &mut Session, layers: &[usize]) -> Result<()> {
        finish_step(session);
        for layer in layers {
            let source = LayoutSource::Tensor { node: *layer, kind: TensorKind::Weights };
            session.apply(LayoutCommand::Open(source))?;
        }
        if self.all_filters {
            session.apply(LayoutCommand::Open(LayoutSource::Filters))?;
        }
        if let Some(count) = self.images {
            let source = ImageSource { count, ..session.default_images() };
            session.apply(LayoutCommand::Open(LayoutSource::Images(source)))?;
            let id = session.layouts().last().map(Layout::id).expect("it was just opened");
            session.apply(LayoutCommand::Follow(id, true))?;
        }
        Ok(())
    }
}

/// Ends the step or evaluation that is under way, so that commands are carried out at once.
fn finish_step(session: &mut Session) {
    let playing = session.is_playing();
    session.pause();
    while matches!(session.state(), RunState::Training | RunState::Validating) {
        session.advance();
    }
    if playing {
        session.play();
    }
}

/// Trains for `seconds`, and waits for the GPU.
fn train(session: &mut Session, seconds: f64) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs_f64(seconds) {
        session.advance();
        session.take_events();
    }
    session.settle();
}

/// Total iterations of all layouts.
fn iterations(session: &Session) -> u32 {
    session.layouts().iter().filter_map(Layout::state).map(|state| state.iteration).sum()
}
