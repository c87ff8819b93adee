//! `revacnn bench`: measured throughput.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use revacnn::data::Dataset;
use revacnn::error::{Error, Result};
use revacnn::gpu::{Choice, Gpu, Peak, TunePolicy};
use revacnn::nn::{Network, Shape, Trainer, TrainerOptions};
use serde_json::json;

use super::print_line;
use super::run_options::{AdapterOption, layers_called};

#[derive(Subcommand)]
pub enum Bench {
    /// Training images a second, and GPU time per kernel.
    Train(BenchTrain),
    /// What one filter more or less costs while a network trains.
    Edit(super::bench_edit::BenchEdit),
    /// What looking costs: training with the pictures drawn, against training alone.
    #[cfg(feature = "app")]
    View(super::bench_view::BenchView),
    /// What layouts that follow the training cost it.
    Embed(super::bench_embed::BenchEmbed),
}

#[derive(Args)]
pub struct BenchTrain {
    #[command(flatten)]
    adapter: AdapterOption,
    /// Data: a built-in set or a folder.
    #[arg(long, value_name = "NAME|PATH", default_value = "shapes")]
    dataset: String,
    /// Networks, separated by commas.
    #[arg(long, value_name = "PRESET|FILE", value_delimiter = ',', default_value = "revacnn")]
    network: Vec<String>,
    /// Batches, separated by commas.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 256, 1024])]
    batch: Vec<usize>,
    /// Images of one pass at most (the batch is cut into passes).
    #[arg(long)]
    micro_batch: Option<usize>,
    /// Measure what freezing these layers saves, separated by commas: conv1,conv2.
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    freeze: Vec<String>,
    /// Time the candidates of every kernel anew, and print what was tried and taken.
    #[arg(long)]
    explain: bool,
    /// Measure each for at least so many seconds.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Print a JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Kernels that the table names, the longest first.
const LONGEST: usize = 24;

/// Turns of training with layers frozen and without.
const FREEZING_TURNS: usize = 10;

/// GPU time of one kernel in a step.
#[derive(Default)]
struct KernelTime {
    time_ms: f64,
    flops: u64,
    bytes: u64,
    dispatches: usize,
}

impl KernelTime {
    fn gflop_per_s(&self) -> Option<f64> {
        (self.flops > 0).then(|| self.flops as f64 / self.time_ms / 1e6)
    }

    fn gb_per_s(&self) -> f64 {
        self.bytes as f64 / self.time_ms / 1e6
    }

    /// The share of the adapter's best that it reaches, by arithmetic or by memory, whichever is larger.
    fn share(&self, peak: &Peak) -> f64 {
        let arithmetic = self.gflop_per_s().unwrap_or(0.0) / peak.gflop_per_s;
        arithmetic.max(self.gb_per_s() / peak.gb_per_s)
    }
}

impl Bench {
    pub fn run(&self) -> Result<()> {
        match self {
            Self::Train(train) => train.run(),
            Self::Edit(edit) => edit.run(),
            #[cfg(feature = "app")]
            Self::View(view) => view.run(),
            Self::Embed(embed) => embed.run(),
        }
    }
}

impl BenchTrain {
    fn run(&self) -> Result<()> {
        if !(self.seconds.is_finite() && self.seconds > 0.0) {
            return Err(Error::usage(format!("--seconds is {}", self.seconds), "give it a value above 0"));
        }
        let mut gpu = self.adapter.open()?;
        if let Some(gpu) = Rc::get_mut(&mut gpu).filter(|_| self.explain) {
            gpu.set_tune_policy(TunePolicy::Benchmark);
            gpu.forget_choices();
        }
        let data = Dataset::open(&self.dataset)?;
        let shape = Shape::from(data.shape);
        let peak = if self.freeze.is_empty() { Peak::measure(&gpu)? } else { None };
        if let Some(peak) = peak.filter(|_| !self.json) {
            let Peak { gflop_per_s, product_gflop_per_s, gb_per_s } = peak;
            let name = &gpu.info.name;
            print_line(&format!(
                "{name} at best: {gflop_per_s:.0} GFLOP/s in registers, {product_gflop_per_s:.1} in a 1024³ product, {gb_per_s:.1} GB/s"
            ))?;
        }
        for name in &self.network {
            for &batch in &self.batch {
                let network = Network::open(name, shape, data.classes.len())?;
                let options = TrainerOptions { batch, micro_batch: self.micro_batch, ..Default::default() };
                let mut trainer = Trainer::new(Rc::clone(&gpu), &data, network, options)?;
                self.explain(&gpu)?;
                if self.freeze.is_empty() {
                    self.measure(&gpu, &mut trainer, &data, peak)?;
                } else {
                    self.measure_freezing(&gpu, &mut trainer, &data)?;
                }
            }
        }
        Ok(())
    }

    /// Prints the choices that were just made.
    fn explain(&self, gpu: &Gpu) -> Result<()> {
        for Choice { key, tried, taken, known } in gpu.take_choices().into_iter().filter(|_| self.explain) {
            if self.json {
                let tried: Vec<_> = tried
                    .iter()
                    .map(|(candidate, gpu_ms)| json!({"candidate": candidate, "gpu_ms": gpu_ms}))
                    .collect();
                print_line(
                    &json!({"kernel": key, "tried": tried, "taken": taken, "known": known}).to_string(),
                )?;
                continue;
            }
            print_line(&format!("{key}{}", if known { format!(": {taken}, known") } else { String::new() }))?;
            for (candidate, time_ms) in tried {
                let mark = if candidate == taken { "  taken" } else { "" };
                print_line(&format!("  {candidate:44} {time_ms:9.3} ms{mark}"))?;
            }
        }
        Ok(())
    }

    /// Training with the layers frozen against training without, in turns, and what the multiply-adds predict.
    fn measure_freezing(&self, gpu: &Gpu, trainer: &mut Trainer, data: &Dataset) -> Result<()> {
        let layers = layers_called(&trainer.network, &self.freeze)?;
        let batch = trainer.options().batch;
        let turn = Duration::from_secs_f64(self.seconds / 4.0);
        let (mut step_ms, mut flops) = ([Vec::new(), Vec::new()], [0.0; 2]);
        for _ in 0..FREEZING_TURNS {
            for (which, frozen) in [&[][..], &layers[..]].into_iter().enumerate() {
                trainer.set_frozen(frozen)?;
                flops[which] = trainer.network.training_flops() as f64;
                trainer.step();
                gpu.wait();
                let began = Instant::now();
                while began.elapsed() < turn {
                    let step = Instant::now();
                    trainer.step();
                    gpu.wait();
                    step_ms[which].push(1e3 * step.elapsed().as_secs_f64());
                }
            }
        }
        // What else the machine does makes steps longer, never shorter.
        let [all, frozen] = step_ms.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 10]
        });
        let (predicted, measured) = (1.0 - flops[1] / flops[0], 1.0 - frozen / all);
        let names = self.freeze.join(", ");
        let text = format!(
            "{} on {}, batch {batch}, {names} frozen: {frozen:.1} ms a step instead of {all:.1}, saving {:.1} % measured, {:.1} % predicted by multiply-adds",
            trainer.network.name,
            data.name,
            100.0 * measured,
            100.0 * predicted
        );
        let value = json!({
            "network": trainer.network.name, "dataset": data.name, "batch": batch, "frozen": self.freeze, "step_ms": all,
            "frozen_step_ms": frozen, "measured_saving": measured, "predicted_saving": predicted, "adapter": gpu.info.name,
        });
        print_line(&if self.json { value.to_string() } else { text })
    }

    fn measure(&self, gpu: &Gpu, trainer: &mut Trainer, data: &Dataset, peak: Option<Peak>) -> Result<()> {
        let batch = trainer.options().batch;
        // Compile and warm up.
        for _ in 0..2 {
            trainer.step();
            gpu.wait();
        }
        let (steps, seconds) = steps_for(gpu, trainer, Duration::from_secs_f64(self.seconds));
        let images_per_s = steps as f64 * batch as f64 / seconds;
        let kernels = kernel_times(gpu, trainer);
        let gpu_ms: f64 = kernels.values().map(|k| k.time_ms).sum();
        let flops = trainer.network.training_flops() as f64;
        let gflops = images_per_s * flops / 1e9;
        if self.json {
            let kernels: Vec<_> = kernels
                .iter()
                .map(|(name, k)| {
                    json!({"kernel": &**name, "gpu_ms": k.time_ms, "dispatches": k.dispatches,
                        "gflop_per_s": k.gflop_per_s(), "gb_per_s": k.gb_per_s(), "share_of_peak": peak.map(|p| k.share(&p))})
                })
                .collect();
            let value = json!({
                "network": trainer.network.name, "dataset": data.name, "batch": batch, "micro_batch": trainer.sizes().micro_batch,
                "parameters": trainer.network.parameter_count(), "images_per_s": images_per_s, "steps": steps, "seconds": seconds,
                "gflop_per_s": gflops, "gpu_ms_per_step": gpu_ms, "adapter": gpu.info.name, "version": env!("CARGO_PKG_VERSION"), "kernels": kernels,
                "peak_gflop_per_s": peak.map(|p| p.gflop_per_s), "product_gflop_per_s": peak.map(|p| p.product_gflop_per_s), "peak_gb_per_s": peak.map(|p| p.gb_per_s),
            });
            return print_line(&value.to_string());
        }
        print_line(&format!(
            "{} on {}, batch {batch}: {images_per_s:.0} images/s, {gflops:.1} GFLOP/s ({steps} steps in {seconds:.1} s, {})",
            trainer.network.name, data.name, gpu.info.name
        ))?;
        let mut sorted: Vec<_> = kernels.into_iter().collect();
        sorted.sort_by(|a, b| b.1.time_ms.total_cmp(&a.1.time_ms));
        let rest = sorted.split_off(sorted.len().min(LONGEST));
        for (name, k) in sorted {
            let rate = k.gflop_per_s().map_or(String::new(), |rate| format!("{rate:.1} GFLOP/s"));
            let of_peak = peak.map_or(String::new(), |p| format!("{:4.0} % of peak", 100.0 * k.share(&p)));
            print_line(&format!(
                "  {name:28} {:9.3} ms  {:4.1} %  {rate:>14}  {:6.1} GB/s  {of_peak}",
                k.time_ms,
                100.0 * k.time_ms / gpu_ms,
                k.gb_per_s()
            ))?;
        }
        if !rest.is_empty() {
            let time_ms: f64 = rest.iter().map(|(_, k)| k.time_ms).sum();
            let name = format!("{} others (see --json)", rest.len());
            print_line(&format!("  {name:28} {time_ms:9.3} ms  {:4.1} %", 100.0 * time_ms / gpu_ms))?;
        }
        Ok(())
    }
}

/// Makes steps for at least `time`, at most two ahead of the GPU; returns how many, and the seconds they took.
fn steps_for(gpu: &Gpu, trainer: &mut Trainer, time: Duration) -> (u32, f64) {
    let began = Instant::now();
    let mut steps = 0;
    let mut last = None;
    while began.elapsed() < time || steps < 2 {
        let submission = trainer.step();
        if let Some(before) = last.replace(submission) {
            gpu.wait_for(before);
        }
        steps += 1;
    }
    gpu.wait();
    (steps, began.elapsed().as_secs_f64())
}

/// GPU time of one step by kernel; empty where the adapter cannot measure it.
fn kernel_times(gpu: &Gpu, trainer: &mut Trainer) -> BTreeMap<Arc<str>, KernelTime> {
    let mut times: BTreeMap<Arc<str>, KernelTime> = BTreeMap::new();
    let plan = trainer.step_plan();
    for (span, dispatch) in plan.time(gpu).into_iter().zip(&plan.dispatches) {
        let entry = times.entry(span.label).or_default();
        entry.time_ms += span.time_ms;
        entry.flops += dispatch.flops;
        entry.bytes += dispatch.bytes;
        entry.dispatches += 1;
    }
    trainer.tick();
    times
}
