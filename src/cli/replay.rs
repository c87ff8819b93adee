//! `revacnn replay`: a run made again from its journal.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use revacnn::error::{Error, Result};
use revacnn::session::{Event, RunFolder, Session, check_model, hash_of_model};
use serde_json::json;

use super::interrupt::Interrupt;
use super::print::print_line;
use super::run_options::AdapterOption;

#[derive(Args)]
pub(super) struct Replay {
    /// Folder of the run that `train --out` made, or one of the journals in it.
    #[arg(value_name = "JOURNAL")]
    journal: PathBuf,
    /// Step to stop at [default: the step of the run's model, or of the last command].
    #[arg(long, value_name = "STEP", conflicts_with = "verify")]
    to: Option<u32>,
    /// Check that the state is that of the run's model, bit for bit.
    #[arg(long)]
    verify: bool,
    /// Folder to save the new run in.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    adapter: AdapterOption,
}

impl Replay {
    pub(super) fn run(&self) -> Result<()> {
        self.out.as_deref().map_or(Ok(()), RunFolder::check_free)?;
        if self.verify {
            check_model(&self.journal)?;
        }
        let interrupt = Interrupt::watch();
        let mut session = Session::replay(self.adapter.open()?, &self.journal, self.to)?;
        interrupt.run_begins();
        let began = Instant::now();
        let bar = if self.json { ProgressBar::hidden() } else { bar(session.timeline().reached) };
        let followed = follow(&mut session, &interrupt, &bar);
        bar.finish_and_clear();
        let stopped = !followed?;
        let hash = session.state_hash();
        let verified = if self.verify && !stopped { Some(self.check(&session, &hash)?) } else { None };
        self.out.as_deref().map_or(Ok(()), |folder| session.keep(folder))?;
        let (step, seconds) = (session.step(), began.elapsed().as_secs_f64());
        if self.json {
            let value = json!({
                "event": "replay", "stopped": stopped, "step": step, "epoch": session.epoch(),
                "seconds": seconds, "state_hash": hash, "verified": verified,
            });
            return print_line(&value.to_string());
        }
        let state = if stopped { "stopped at" } else { "at" };
        let checked = if verified.is_some() { "; it is the run's model, bit for bit" } else { "" };
        print_line(&format!("{state} step {step} after {seconds:.1} s: state {hash}{checked}"))
    }

    /// Compares with the model of the run.
    fn check(&self, session: &Session, hash: &str) -> Result<bool> {
        let parameters = &session.trainer().parameters;
        let (model, step) = hash_of_model(&self.journal, &parameters.tensors, parameters.values.len())?;
        if model == *hash {
            return Ok(true);
        }
        let what = format!(
            "the run made again is not the model of {}: state {hash} at step {}, the model is {model} at step {step}",
            self.journal.display(),
            session.step()
        );
        let adapter = &session.gpu().info.name;
        let help =
            format!("equal bits need the adapter and driver that the run was trained on; this is {adapter}");
        Err(Error::new(what, help))
    }
}

/// Progress over this number of steps.
pub(super) fn bar(steps: u32) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:24} {percent:>3} %  step {pos}  {eta} left");
    ProgressBar::new(steps.into()).with_style(style.expect("the template is fixed").progress_chars("━╸ "))
}

/// Trains to the end of the way; returns false where a signal stopped it.
///
/// # Errors
/// When the run has a fault on the way.
pub(super) fn follow(session: &mut Session, interrupt: &Interrupt, bar: &ProgressBar) -> Result<bool> {
    while session.is_travelling() {
        if interrupt.is_requested() {
            session.pause();
        }
        session.advance();
        bar.set_position(u64::from(session.step()));
        for event in session.take_events() {
            match event {
                Event::Fault(error) => return Err(error),
                Event::Notice(notice) => bar.suspend(|| log::warn!("{notice}: {}", notice.help())),
                _ => (),
            }
        }
    }
    session.settle();
    session.check_events()?;
    Ok(!interrupt.is_requested())
}
