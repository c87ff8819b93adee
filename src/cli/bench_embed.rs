//! `revacnn bench embed`: what layouts that follow the training cost it.
//!
//! Training alone and training with the layers laid out take turns, so that a noisy machine disturbs both alike.

use std::time::{Duration, Instant};

use clap::Args;
use revacnn::error::{Error, Result};
use revacnn::session::{
    ImageSource, Layout, LayoutCommand, LayoutId, LayoutSource, RunState, Session, TensorKind,
};
use serde_json::json;

use super::print_line;
use super::run_options::{AdapterOption, RunOptions};

/// Turns of each kind.
const ROUNDS: usize = 9;
/// Seconds of a turn before what is measured; layouts that begin take more than layouts that follow, so that it waits for them too.
const BEGIN_S: f64 = 0.5;
const LONGEST_BEGIN_S: f64 = 60.0;

#[derive(Args)]
pub struct BenchEmbed {
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    adapter: AdapterOption,
    /// Layers that are laid out by their weights, those with parameters first.
    #[arg(long, default_value_t = 4)]
    layouts: usize,
    /// The filters of all layers in one layout too.
    #[arg(long)]
    all_filters: bool,
    /// So many test images too, by the last hidden layer, forwarded anew once an epoch.
    #[arg(long, value_name = "IMAGES")]
    images: Option<usize>,
    /// Seconds of each turn; there are 9 of each kind.
    #[arg(long, default_value_t = 2.5)]
    seconds: f64,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

impl BenchEmbed {
    pub fn run(&self) -> Result<()> {
        if !(self.seconds.is_finite() && self.seconds > 0.0) {
            let what = format!("--seconds is {}", self.seconds);
            return Err(Error::usage(what, "give it a value above 0"));
        }
        let mut session = Session::new(self.adapter.open()?, &self.run.network, self.run.settings()?, None)?;
        let layers: Vec<usize> = (1..session.layers().len())
            .filter(|layer| session.can_embed(*layer, TensorKind::Weights))
            .take(self.layouts)
            .collect();
        session.play();
        // Compile and warm up both.
        self.turn(&mut session, &layers, true, 0.1)?;
        let (mut alone, mut with, mut iterations) = (Vec::new(), Vec::new(), 0.0);
        for _ in 0..ROUNDS {
            alone.push(self.turn(&mut session, &layers, false, self.seconds)?.0);
            let (rate, made) = self.turn(&mut session, &layers, true, self.seconds)?;
            with.push(rate);
            iterations += made / ROUNDS as f64;
        }
        let median = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        // Of turns one after the other: what else the machine does changes more slowly.
        let cost = median(alone.iter().zip(&with).map(|(alone, with)| 1.0 - with / alone).collect());
        let (alone, with) = (median(alone), median(with));
        let mut names: Vec<String> =
            layers.iter().map(|layer| session.layers()[*layer].name.clone()).collect();
        names.extend(self.all_filters.then(|| "all filters".to_owned()));
        names.extend(self.images.map(|count| format!("{count} images")));
        if self.json {
            let value = json!({
                "images_per_s_alone": alone, "images_per_s_with": with, "cost": cost,
                "iterations_per_s_each": iterations, "layouts": names, "network": self.run.network,
                "batch": self.run.batch, "adapter": session.gpu().info.name,
            });
            return print_line(&value.to_string());
        }
        print_line(&format!(
            "{alone:.0} images/s alone, {with:.0} with layouts of {} that follow, {iterations:.0} iterations a second each: they cost {:.1} %",
            names.join(", "),
            100.0 * cost
        ))
    }

    /// Trains for so long, `with` these layers and whatever else was asked for laid out; images a second, and iterations a second of
    /// a layout.
    fn turn(&self, session: &mut Session, layers: &[usize], with: bool, seconds: f64) -> Result<(f64, f64)> {
        if with {
            self.open(session, layers)?;
        }
        let opened = Instant::now();
        train(session, BEGIN_S);
        while session.layouts().iter().any(Layout::begins) {
            train(session, BEGIN_S);
            if opened.elapsed() > Duration::from_secs_f64(LONGEST_BEGIN_S) {
                log::warn!(
                    "the layouts have not begun within {LONGEST_BEGIN_S} s: they cost more than later"
                );
                break;
            }
        }
        let (began, first, before) = (Instant::now(), session.step(), iterations(session));
        train(session, seconds);
        let took = began.elapsed().as_secs_f64();
        let images = f64::from(session.step() - first) * f64::from(session.settings().batch);
        let open = session.layouts();
        let made = f64::from(iterations(session) - before) / took / open.len().max(1) as f64;
        let ids: Vec<LayoutId> = open.iter().map(Layout::id).collect();
        ids.into_iter().try_for_each(|id| session.apply(LayoutCommand::Close(id)))?;
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
            let source = ImageSource { count, ..session.usual_images() };
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

/// Trains for so long, and waits for the GPU.
fn train(session: &mut Session, seconds: f64) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs_f64(seconds) {
        session.advance();
        session.take_events();
    }
    session.settle();
}

/// Iterations of all layouts.
fn iterations(session: &Session) -> u32 {
    session.layouts().iter().filter_map(Layout::state).map(|state| state.iteration).sum()
}
