//! `revacnn doctor`: signs that a run does not learn as it could, with remedies.

use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use revacnn::error::Result;
use revacnn::session::{
    Diagnosis, EFFECT_STEPS, Finding, RANKED_IMAGES, Session, Treatment, Tried, examine, try_remedies,
};
use serde_json::json;

use super::print::print_line;
use super::run_options::AdapterOption;

#[derive(Args)]
pub(super) struct Doctor {
    /// The folder of a run. Nothing in it is changed.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Number of validation images.
    #[arg(long, value_name = "COUNT", default_value_t = RANKED_IMAGES, value_parser = super::numbers::count)]
    images: usize,
    /// Try each remedy for 100 steps, beside 100 steps without any, and tell whether it did what it promised.
    #[arg(long = "try")]
    tries: bool,
    /// Print JSON Lines: one object a finding, then a summary.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    adapter: AdapterOption,
}

impl Doctor {
    pub(super) fn run(&self) -> Result<()> {
        let mut session = Session::look_at(self.adapter.open()?, &self.run)?;
        session.detach();
        let bar = if self.json { ProgressBar::hidden() } else { ProgressBar::new(1000) };
        let style = ProgressStyle::with_template("{msg} {bar:24} {percent:>3} %");
        bar.set_style(style.expect("the template is fixed").progress_chars("━╸ "));
        let shows = |message: &'static str| {
            bar.set_message(message);
            |done: f64| bar.set_position((1000.0 * done) as u64)
        };
        let diagnosis = examine(&mut session, self.images, &mut shows("examining"))?;
        let tried = match self.tries && !diagnosis.findings.is_empty() {
            true => Some(try_remedies(&mut session, &diagnosis, self.images, &mut shows("trying remedies"))?),
            false => None,
        };
        bar.finish_and_clear();
        match self.json {
            true => print_json(&diagnosis, tried.as_ref()),
            false => print_text(&session, &diagnosis, tried.as_ref()),
        }
    }
}

/// The outcome of a finding's remedy.
fn outcome<'a>(finding: &Finding, tried: Option<&'a Tried>) -> Option<&'a Treatment> {
    tried?.treatments.iter().find(|treatment| treatment.finding == *finding)
}

fn print_json(diagnosis: &Diagnosis, tried: Option<&Tried>) -> Result<()> {
    for finding in &diagnosis.findings {
        let found = json!({
            "event": "finding", "heading": finding.problem.heading(), "evidence": finding.problem.evidence(), "finding": finding,
            "outcome": outcome(finding, tried).map(|treatment| treatment.outcome),
        });
        print_line(&found.to_string())?;
    }
    let checkup = &diagnosis.checkup;
    let summary = json!({
        "event": "examined", "step": checkup.step, "findings": diagnosis.findings.len(), "loss": diagnosis.loss(),
        "loss_without_remedy": tried.and_then(|tried| tried.loss_without),
    });
    print_line(&summary.to_string())
}

fn print_text(session: &Session, diagnosis: &Diagnosis, tried: Option<&Tried>) -> Result<()> {
    let findings = &diagnosis.findings;
    let count = match findings.len() {
        0 => "nothing is wrong that can be told".to_owned(),
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    let loss = diagnosis.loss().map_or(String::new(), |loss| format!(", validation loss {loss:.4}"));
    print_line(&format!("{} at step {}{loss}: {count}", session.title(), diagnosis.checkup.step))?;
    for (index, finding) in findings.iter().enumerate() {
        let place = finding.layer.as_ref().map_or(String::new(), |layer| format!("{layer}: "));
        print_line(&format!("\n{:>2}  {place}{}", index + 1, finding.problem.heading()))?;
        print_line(&format!("    evidence: {}", finding.problem.evidence()))?;
        let Some(remedy) = &finding.remedy else { continue };
        let network = &session.trainer().network;
        let words: Vec<String> = remedy.commands.iter().map(|command| command.words_in(network)).collect();
        print_line(&format!("    remedy:   {}", words.join("; ")))?;
        let at_once = remedy
            .loss_change
            .map_or(String::new(), |change| format!("; the loss changes by {change:+.4} at once"));
        print_line(&format!(
            "    expected: {EFFECT_STEPS} steps later {}{at_once}",
            remedy.expected.words()
        ))?;
        if let Some(line) = outcome(finding, tried).and_then(|treatment| outcome_words(treatment, tried)) {
            print_line(&format!("    tried:    {line}"))?;
        }
    }
    Ok(())
}

/// The outcome of a remedy in words.
fn outcome_words(treatment: &Treatment, tried: Option<&Tried>) -> Option<String> {
    let outcome = treatment.outcome?;
    let number = |loss: Option<f64>| loss.map(|loss| format!("{loss:.4}"));
    let losses = number(outcome.loss).zip(number(tried?.loss_without));
    let losses = losses
        .map_or(String::new(), |(with, without)| format!(" (validation loss {with}, without it {without})"));
    Some(format!("{}{losses}", if outcome.came_true { "it came true" } else { "it did not come true" }))
}
