//! `revacnn twin`: the effect of commands over several seeds, each against the same run without them.

mod canvas;
mod chart;
mod effect;

use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use revacnn::error::{Error, Result};
use revacnn::gpu::Gpu;
use revacnn::session::{Interval, Session, TwinCourses, TwinPlan, TwinPoint, begin_like, write_whole};
use serde_json::{Value, json};
use std::rc::Rc;

use super::interrupt::Interrupt;
use super::numbers::has_classes;
use super::outputs;
use super::print::print_line;
use super::run_options::{AdapterOption, RunOptions};
use effect::{Effect, effects};

#[derive(Args)]
pub(super) struct Twin {
    /// Folder of a run: its data, network and settings are taken, and its own commands left out. Its seed is the first.
    #[arg(value_name = "RUN", conflicts_with_all = RunOptions::FIXED)]
    run: Option<PathBuf>,
    #[command(flatten)]
    options: RunOptions,
    #[command(flatten)]
    adapter: AdapterOption,
    /// Commands, as JSON Lines, as for `train --script`; the twins fork where the first of them stands.
    #[arg(long, value_name = "FILE")]
    script: PathBuf,
    /// Number of seeds, from --seed on.
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Steps after the fork.
    #[arg(long, value_name = "STEPS", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    steps: u32,
    /// Measurements after that at the fork.
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    points: u32,
    /// Print JSON Lines: one object a seed, then the effect at each measurement.
    #[arg(long)]
    json: bool,
    /// Picture of both curves and of their difference with its interval.
    #[arg(short, long, value_name = "FILE.png")]
    output: Option<PathBuf>,
}

impl Twin {
    pub(super) fn run(&self) -> Result<()> {
        self.output.as_ref().map_or(Ok(()), |path| outputs::check(path, &["png"]))?;
        let script =
            std::fs::read_to_string(&self.script).map_err(|e| Error::io("read", &self.script, &e))?;
        self.options.settings()?;
        let interrupt = Interrupt::watch();
        let gpu = self.adapter.open()?;
        let name = self.script.display().to_string();
        let plan = TwinPlan { name: &name, script: &script, steps: self.steps, points: self.points };
        let (mut all, mut last): (Vec<TwinCourses>, Option<Session>) = (Vec::new(), None);
        let bar = if self.json { ProgressBar::hidden() } else { ProgressBar::new(self.seeds) };
        let style = ProgressStyle::with_template("{bar:24} seed {pos} of {len}  {msg}");
        bar.set_style(style.expect("the template is fixed").progress_chars("━╸ "));
        for index in 0..self.seeds {
            let mut session = self.begin(&gpu, index, last.as_ref())?;
            if index == 0 {
                interrupt.run_begins();
            }
            let mut beside = |session: &Session| {
                bar.set_message(format!("step {}", session.step()));
                !interrupt.is_requested()
            };
            let seed = session.settings().seed;
            let courses =
                plan.run(&mut session, &mut beside).map_err(|e| e.within(format!("seed {seed}")))?;
            let Some(courses) = courses else {
                let what = format!("the twins were stopped at seed {} of {}", index + 1, self.seeds);
                return Err(Error::new(what, "let them run, or take fewer --seeds or --steps"));
            };
            if self.json {
                print_line(&seed_json(&session, &courses).to_string())?;
            }
            all.push(courses);
            last = Some(session);
            bar.inc(1);
        }
        bar.finish_and_clear();
        let session = last.expect("there is at least one seed");
        self.report(&session, &all)
    }

    /// The run of the seed of this index, counted from that of the first.
    fn begin(&self, gpu: &Rc<Gpu>, index: u64, before: Option<&Session>) -> Result<Session> {
        let gpu = Rc::clone(gpu);
        match &self.run {
            Some(folder) => {
                let seed = before.map(|before| before.settings().seed.wrapping_add(1));
                let mut session = begin_like(gpu, folder, seed)?;
                self.options.steer(&mut session)?;
                Ok(session)
            }
            None => {
                let mut options = self.options.clone();
                options.seed = options.seed.wrapping_add(index);
                options.begin(gpu, None)
            }
        }
    }

    fn report(&self, session: &Session, all: &[TwinCourses]) -> Result<()> {
        let effects = effects(all);
        let classes = has_classes(session);
        if self.json {
            effects
                .iter()
                .try_for_each(|effect| print_line(&effect_json(effect, all.len(), classes).to_string()))?;
        } else {
            print_line(&table(session, &effects, all.len(), classes))?;
        }
        let Some(path) = &self.output else { return Ok(()) };
        let title = format!(
            "{}: {} seeds, with and without the commands of {}",
            session.title(),
            all.len(),
            self.script.display()
        );
        write_whole(path, &chart::picture(&title, all, &effects, classes)?)
    }
}

fn seed_json(session: &Session, courses: &TwinCourses) -> Value {
    let classes = has_classes(session);
    let points = |points: &[TwinPoint]| -> Vec<Value> {
        let of = |p: &TwinPoint| json!({ "step": p.step, "loss": p.loss, "accuracy": classes.then_some(p.accuracy) });
        points.iter().map(of).collect()
    };
    json!({ "event": "twin", "seed": courses.seed, "without": points(&courses.without), "with": points(&courses.with) })
}

fn effect_json(effect: &Effect, seeds: usize, classes: bool) -> Value {
    let value = |(without, with, found): &(f64, f64, Interval)| {
        json!({
            "without": without, "with": with, "difference": found.mean, "interval_95": found.low.zip(found.high).map(|(a, b)| [a, b]),
            "leaves_out_zero": found.leaves_out_zero(),
        })
    };
    let [loss, accuracy] = &effect.values;
    let accuracy = classes.then(|| value(accuracy));
    json!({ "event": "effect", "step": effect.step, "seeds": seeds, "loss": value(loss), "accuracy": accuracy })
}

/// `−0.0123 [−0.0150, −0.0096]`.
fn interval_text(found: &Interval, digits: usize, scale: f64) -> String {
    let number = |value: f64| format!("{:+.digits$}", scale * value);
    match found.low.zip(found.high) {
        Some((low, high)) => format!("{} [{}, {}]", number(found.mean), number(low), number(high)),
        None => number(found.mean),
    }
}

fn table(session: &Session, effects: &[Effect], seeds: usize, classes: bool) -> String {
    let fork = effects.first().map_or(0, |effect| effect.step);
    let images = session.trainer().loader.validation_images;
    let mut lines = vec![
        format!("{}: {seeds} seeds, forked at step {fork}, on {images} validation images", session.title()),
        "without: without the commands; with: with them; difference: mean over the seeds and its 95 % interval (Student's t, paired)".to_owned(),
        String::new(),
    ];
    let mut head = format!("{:>8}  {:>12}  {:>9}  {:<30}", "step", "loss without", "with", "difference");
    if classes {
        head += &format!("  {:>16}  {:>8}  difference (points)", "accuracy without", "with");
    }
    lines.push(head);
    for effect in effects {
        let [(without, with, found), (accuracy, accuracy_with, accuracy_found)] = &effect.values;
        let mut line =
            format!("{:>8}  {without:>12.4}  {with:>9.4}  {:<30}", effect.step, interval_text(found, 4, 1.0));
        if classes {
            let percent = |share: &f64| format!("{:.1} %", 100.0 * share);
            let differences = interval_text(accuracy_found, 1, 100.0);
            line += &format!("  {:>16}  {:>8}  {differences}", percent(accuracy), percent(accuracy_with));
        }
        lines.push(line.trim_end().to_owned());
    }
    if seeds < 2 {
        lines.push("one seed has no interval: take more --seeds".to_owned());
    }
    lines.join("\n")
}
