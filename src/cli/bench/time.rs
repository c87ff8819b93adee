//! `revacnn bench time`: how long a run takes to go back in time.

use std::time::Instant;

use clap::Args;
use revacnn::error::{Error, Result};
use revacnn::session::{Control, RunState, Session, StopCondition, TimeControl};
use serde_json::json;

use super::measure::quantile;
use crate::cli::print::print_line;
use crate::cli::run_options::{AdapterOption, RunOptions};

#[derive(Args)]
pub(crate) struct BenchTime {
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    adapter: AdapterOption,
    /// Steps that are trained and gone back.
    #[arg(long, default_value_t = 500)]
    steps: u32,
    /// GPU memory for key-frames, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    key_frames: u64,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

fn finish(session: &mut Session) -> Result<()> {
    while session.advance() || session.is_travelling() || session.state() == RunState::Training {}
    session.settle();
    session.check_events()
}

impl BenchTime {
    pub(crate) fn run(&self) -> Result<()> {
        if self.steps < 2 {
            return Err(Error::usage("there is nothing to go back to", "give --steps 2 or more"));
        }
        let mut session = self.run.begin(self.adapter.open_tuned()?, None)?;
        session.keep_time(self.key_frames.saturating_mul(1 << 20));
        let seconds = |session: &mut Session, end: u32| -> Result<f64> {
            session.set_limit(Some(StopCondition::Steps(end)));
            let began = Instant::now();
            session.play();
            finish(session)?;
            Ok(began.elapsed().as_secs_f64())
        };
        // Compiles what a step needs, and is behind what is measured.
        seconds(&mut session, self.steps / 10 + 1)?;
        let (first, hash) = (session.step(), session.state_hash());
        let trained_s = seconds(&mut session, first + self.steps)?;
        let mut go = |step: u32| -> Result<f64> {
            let began = Instant::now();
            session.control(Control::Time(TimeControl::GoTo(step)))?;
            finish(&mut session)?;
            Ok(began.elapsed().as_secs_f64())
        };
        let back_s = go(first)?;
        let ways: Vec<f64> = (0..40).map(|i| go(first + i * 37 % self.steps)).collect::<Result<_>>()?;
        go(first)?;
        let equal = session.state_hash() == hash;
        let (bytes, most) = session.timeline().memory;
        let frames = session.timeline().key_frames.len();
        let [median_ms, longest_ms] = [0.5, 1.0].map(|fraction| 1e3 * quantile(&ways, fraction));
        let text = format!(
            "{}: {} steps in {trained_s:.2} s; back by {} steps in {:.0} ms, to any of them in {median_ms:.0} ms (longest of 40: {longest_ms:.0} ms); \
             {frames} key-frames, {:.1} of {:.0} MiB; the state is {}",
            session.title(),
            self.steps,
            self.steps,
            1e3 * back_s,
            bytes as f64 / f64::from(1 << 20),
            most as f64 / f64::from(1 << 20),
            if equal { "the same bit for bit" } else { "NOT the same" },
        );
        let value = json!({
            "network": session.trainer().network.name, "steps": self.steps, "train_s": trained_s, "back_ms": 1e3 * back_s,
            "way_ms": median_ms, "longest_way_ms": longest_ms, "key_frames": frames, "bytes": bytes, "budget_bytes": most,
            "equal": equal, "adapter": session.gpu().info.name,
        });
        print_line(&if self.json { value.to_string() } else { text })
    }
}
