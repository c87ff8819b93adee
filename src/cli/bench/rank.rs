//! `revacnn bench rank`: time that it takes to rank the filters of a run by the loss without each, beside its training and while it rests.

use std::time::Instant;

use clap::Args;
use revacnn::error::Result;
use revacnn::session::{RANKED_IMAGES, Session, rank_filters};
use serde_json::json;

use super::measure::above_zero;
use crate::cli::print::print_line;
use crate::cli::run_options::{AdapterOption, RunOptions};

/// Images of the ranking that compiles the kernels, not measured.
const WARM_UP_IMAGES: usize = 8;

#[derive(Args)]
pub(crate) struct BenchRank {
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    adapter: AdapterOption,
    /// Number of validation images.
    #[arg(long, value_name = "COUNT", default_value_t = RANKED_IMAGES, value_parser = crate::cli::numbers::count)]
    images: usize,
    /// Seconds of training alone, to compare with.
    #[arg(long, default_value_t = 4.0, value_parser = above_zero)]
    seconds: f64,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// A ranking, or training without one.
struct Round {
    seconds: f64,
    images_per_s: f64,
    /// Filters that were ranked, and the images over which.
    ranked: [usize; 2],
}

impl BenchRank {
    pub(crate) fn run(&self) -> Result<()> {
        let mut session = Session::new(self.adapter.open()?, &self.run.network, self.run.settings()?, None)?;
        session.play();
        round(&mut session, |session| rank(session, WARM_UP_IMAGES))?;
        let alone = round(&mut session, |session| self.train(session))?;
        let beside = round(&mut session, |session| rank(session, self.images))?;
        session.pause();
        session.settle();
        let resting = round(&mut session, |session| rank(session, self.images))?;
        let kept = beside.images_per_s / alone.images_per_s;
        let [filters, images] = beside.ranked;
        if self.json {
            let value = json!({
                "filters": filters, "validation_images": images, "seconds_beside": beside.seconds,
                "seconds_at_rest": resting.seconds, "images_per_s_alone": alone.images_per_s,
                "images_per_s_beside": beside.images_per_s, "kept": kept, "network": self.run.network,
                "dataset": self.run.dataset, "batch": self.run.batch, "adapter": session.gpu().info.name,
            });
            return print_line(&value.to_string());
        }
        print_line(&format!(
            "{filters} filters over {images} validation images: {:.2} s beside training, of whose rate {:.1} % is kept; {:.2} s at rest",
            beside.seconds,
            100.0 * kept,
            resting.seconds
        ))
    }

    /// Trains alone for the seconds that are asked for.
    fn train(&self, session: &mut Session) -> Result<[usize; 2]> {
        let began = Instant::now();
        while began.elapsed().as_secs_f64() < self.seconds {
            session.advance();
            session.check_events()?;
        }
        Ok([0; 2])
    }
}

/// Ranks all filters; the run goes on where it trains.
fn rank(session: &mut Session, images: usize) -> Result<[usize; 2]> {
    let ranking = rank_filters(session, images, &mut |_| ())?;
    Ok([ranking.filters.len(), ranking.whole.all.images])
}

/// Measures work of a session, to its end on the GPU.
fn round(session: &mut Session, mut work: impl FnMut(&mut Session) -> Result<[usize; 2]>) -> Result<Round> {
    session.settle();
    let (began, first) = (Instant::now(), session.step());
    let ranked = work(session)?;
    session.settle();
    let seconds = began.elapsed().as_secs_f64();
    let images = f64::from(session.step() - first) * f64::from(session.settings().batch);
    Ok(Round { seconds, images_per_s: images / seconds, ranked })
}
