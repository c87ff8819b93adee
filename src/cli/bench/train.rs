//! `revacnn bench train`: training throughput, overhead of recording, and GPU time per kernel.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use revacnn::data::Dataset;
use revacnn::error::Result;
use revacnn::gpu::{Choice, DeviceProfile, Gpu, HalfProducts, Precision, Roofline, Tried, TunePolicy};
use revacnn::nn::{Network, Shape, Trainer, TrainerOptions};
use revacnn::session::{RunSettings, Session};
use serde_json::json;

use super::measure::{above_zero, quantile};
use super::overhead::Overhead;
use super::plan;
use crate::cli::print::print_line;
use crate::cli::run_options::{AdapterOption, layers_called};

#[derive(Args)]
pub(crate) struct BenchTrain {
    #[command(flatten)]
    adapter: AdapterOption,
    /// Data set: a built-in one or a folder.
    #[arg(long, value_name = "NAME|PATH", default_value = "shapes")]
    dataset: String,
    /// Networks, separated by commas.
    #[arg(long, value_name = "PRESET|FILE", value_delimiter = ',', default_value = "revacnn")]
    network: Vec<String>,
    /// Batch sizes, separated by commas.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 256, 1024])]
    batch: Vec<usize>,
    /// Largest number of images per pass; larger batches accumulate gradients over several passes.
    #[arg(long)]
    micro_batch: Option<usize>,
    /// Precision of the products of convolutions: `f32`, or `mixed`, 16-bit factors with 32-bit sums, where the adapter has cooperative matrices.
    #[arg(long, value_name = "f32|mixed", default_value = "f32", hide_default_value = true)]
    precision: Precision,
    /// Measure the time saved by freezing these layers, separated by commas: conv1,conv2.
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    freeze: Vec<String>,
    /// Autotune every kernel again, and print the candidates with their times.
    #[arg(long)]
    explain: bool,
    /// Print the dispatches of a step (label, kernel, workgroups, bytes) and their number, and measure nothing.
    #[arg(long, conflicts_with_all = ["freeze", "explain"])]
    plan: bool,
    /// With `--plan`: the kernels as they are shaped for GPUs, whatever the adapter, with the microseconds that each is predicted to take
    /// on an NVIDIA H100.
    #[arg(long, requires = "plan")]
    as_on_gpu: bool,
    /// Seconds of each measurement, at least.
    #[arg(long, default_value_t = 5.0, value_parser = above_zero)]
    seconds: f64,
    /// Print one JSON object per line.
    #[arg(long)]
    json: bool,
}

/// Rows of the table of kernels, the slowest first.
const MAX_KERNELS: usize = 24;

/// Milliseconds of a submit at least: short steps share one, as in `train`.
const SUBMIT_MS: f64 = 20.0;
/// Steps of a submit at most.
const MAX_STEPS: f64 = 256.0;
/// Share of `--seconds` in which the overhead of recording is measured.
const OVERHEAD_SHARE: f64 = 0.25;

/// Rounds of training with and without frozen layers.
const FREEZING_ROUNDS: usize = 10;

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

    /// Fraction of the adapter's peak, of arithmetic or of memory bandwidth, whichever is larger (roofline).
    fn peak_fraction(&self, peak: &Roofline) -> f64 {
        let arithmetic = self.gflop_per_s().unwrap_or(0.0) / peak.gflop_per_s;
        arithmetic.max(self.gb_per_s() / peak.gb_per_s)
    }
}

impl BenchTrain {
    pub(crate) fn run(&self) -> Result<()> {
        let mut gpu = self.adapter.open_tuned()?;
        if let Some(gpu) = Rc::get_mut(&mut gpu).filter(|_| self.explain) {
            gpu.set_tune_policy(TunePolicy::Benchmark);
            gpu.forget_choices();
        }
        if let Some(gpu) = Rc::get_mut(&mut gpu).filter(|_| self.as_on_gpu) {
            gpu.set_profile(DeviceProfile::GPU)?;
            if gpu.mixed_refusal().is_some() {
                // They stand for matrices, which take the same dispatches.
                gpu.set_half_products(Some(HalfProducts::Lanes))?;
            }
            gpu.set_tune_policy(TunePolicy::Heuristic);
        }
        let refusal = gpu.mixed_refusal().filter(|_| self.precision == Precision::Mixed);
        refusal.into_iter().for_each(|refusal| log::warn!("{refusal}: {}", refusal.help()));
        let data = Dataset::open(&self.dataset)?;
        let shape = Shape::from(data.shape);
        let peak = if self.freeze.is_empty() && !self.plan { Roofline::measure(&gpu)? } else { None };
        if let Some(peak) = peak.filter(|_| !self.json) {
            let Roofline { gflop_per_s, product_gflop_per_s, gb_per_s } = peak;
            let name = &gpu.info.name;
            print_line(&format!(
                "{name} at peak: {gflop_per_s:.0} GFLOP/s in registers, {product_gflop_per_s:.1} GFLOP/s in a 1024³ matrix product, {gb_per_s:.1} GB/s"
            ))?;
        }
        for name in &self.network {
            for &batch in &self.batch {
                let network = Network::open(name, shape, data.classes.len())?;
                let (micro_batch, precision) = (self.micro_batch, self.precision);
                let overhead = self.overhead(&gpu, &data, name, batch)?;
                let options = TrainerOptions { batch, micro_batch, precision, ..Default::default() };
                let mut trainer = Trainer::new(Rc::clone(&gpu), &data, network, options)?;
                self.explain(&gpu)?;
                if self.plan {
                    plan::print(&trainer, self.json, self.as_on_gpu)?;
                } else if self.freeze.is_empty() {
                    self.measure(&gpu, &mut trainer, &data, (peak, overhead))?;
                } else {
                    self.measure_freezing(&gpu, &mut trainer, &data)?;
                }
            }
        }
        Ok(())
    }

    /// Overhead of recording a step; none where it is not asked for, a run would take other passes, or choices of the trainer are to be told.
    fn overhead(
        &self,
        gpu: &Rc<Gpu>,
        data: &Dataset,
        network: &str,
        batch: usize,
    ) -> Result<Option<Overhead>> {
        if self.plan || self.explain || !self.freeze.is_empty() || self.micro_batch.is_some() {
            return Ok(None);
        }
        let settings = RunSettings {
            batch: u32::try_from(batch).unwrap_or(u32::MAX),
            precision: self.precision,
            ..RunSettings::of(&self.dataset)
        };
        let mut session = Session::on(Rc::clone(gpu), data, network, settings)?;
        Overhead::measure(&mut session, Duration::from_secs_f64(OVERHEAD_SHARE * self.seconds))
    }

    /// Prints the autotuner's latest choices.
    fn explain(&self, gpu: &Gpu) -> Result<()> {
        let choices = gpu.take_choices().into_iter().filter(|_| self.explain);
        for Choice { key, tried, picked, known, decided } in choices {
            if self.json {
                let tried: Vec<_> = tried
                    .iter()
                    .map(|t| json!({"candidate": t.candidate, "gpu_ms": t.time_ms, "spread_ms": t.spread_ms}))
                    .collect();
                let value =
                    json!({"kernel": key, "tried": tried, "taken": picked, "known": known, "kept": decided});
                print_line(&value.to_string())?;
                continue;
            }
            let cached = if known { format!(": {picked}, cached") } else { String::new() };
            let undecided = if decided { "" } else { ": as fast as another, timed again next time" };
            print_line(&format!("{key}{cached}{undecided}"))?;
            for Tried { candidate, time_ms, spread_ms } in tried {
                let mark = if candidate == picked { "  chosen" } else { "" };
                print_line(&format!("  {candidate:44} {time_ms:9.3} ms, spread {spread_ms:.3} ms{mark}"))?;
            }
        }
        Ok(())
    }

    /// Training with and without frozen layers, in alternation, beside the saving that the multiply-adds predict.
    fn measure_freezing(&self, gpu: &Gpu, trainer: &mut Trainer, data: &Dataset) -> Result<()> {
        let layers = layers_called(&trainer.network, &self.freeze)?;
        let batch = trainer.options().batch;
        let round = Duration::from_secs_f64(self.seconds / 4.0);
        let (mut step_ms, mut flops) = ([Vec::new(), Vec::new()], [0.0; 2]);
        for _ in 0..FREEZING_ROUNDS {
            for (which, frozen) in [&[][..], &layers[..]].into_iter().enumerate() {
                trainer.set_frozen(frozen)?;
                flops[which] = trainer.network.training_flops() as f64;
                trainer.step();
                gpu.wait();
                let began = Instant::now();
                while began.elapsed() < round {
                    let step = Instant::now();
                    trainer.step();
                    gpu.wait();
                    step_ms[which].push(1e3 * step.elapsed().as_secs_f64());
                }
            }
        }
        gpu.check()?;
        // Other load on the machine makes steps longer, never shorter.
        let [all, frozen] = step_ms.map(|times| quantile(&times, 0.1));
        let (predicted, measured) = (1.0 - flops[1] / flops[0], 1.0 - frozen / all);
        let names = self.freeze.join(", ");
        let text = format!(
            "{} on {}, batch {batch}, {names} frozen: {frozen:.1} ms per step instead of {all:.1}; saving {:.1} % measured, {:.1} % predicted from multiply-adds",
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

    fn measure(
        &self,
        gpu: &Gpu,
        trainer: &mut Trainer,
        data: &Dataset,
        (peak, overhead): (Option<Roofline>, Option<Overhead>),
    ) -> Result<()> {
        let batch = trainer.options().batch;
        // Compile and warm up.
        for _ in 0..2 {
            trainer.step();
            gpu.wait();
        }
        let (steps, seconds) = steps_for(gpu, trainer, Duration::from_secs_f64(self.seconds));
        let images_per_s = steps as f64 * batch as f64 / seconds;
        let kernels = kernel_times(gpu, trainer)?;
        let gpu_ms: f64 = kernels.values().map(|k| k.time_ms).sum();
        let flops = trainer.network.training_flops() as f64;
        let gflops = images_per_s * flops / 1e9;
        if self.json {
            let kernels: Vec<_> = kernels
                .iter()
                .map(|(name, k)| {
                    json!({"kernel": &**name, "gpu_ms": k.time_ms, "dispatches": k.dispatches,
                        "gflop_per_s": k.gflop_per_s(), "gb_per_s": k.gb_per_s(), "share_of_peak": peak.map(|p| k.peak_fraction(&p))})
                })
                .collect();
            let value = json!({
                "network": trainer.network.name, "dataset": data.name, "batch": batch, "micro_batch": trainer.sizes().micro_batch, "precision": trainer.gpu().precision().name(),
                "parameters": trainer.network.parameter_count(), "images_per_s": images_per_s, "steps": steps, "seconds": seconds,
                "gflop_per_s": gflops, "gpu_ms_per_step": gpu_ms, "adapter": gpu.info.name, "version": env!("CARGO_PKG_VERSION"), "kernels": kernels,
                "peak_gflop_per_s": peak.map(|p| p.gflop_per_s), "product_gflop_per_s": peak.map(|p| p.product_gflop_per_s), "peak_gb_per_s": peak.map(|p| p.gb_per_s),
                "cpu_us_per_step": overhead.map(|o| o.cpu_us), "passes_per_step": overhead.map(|o| o.passes), "steps_per_submit": overhead.map(|o| o.steps),
            });
            return print_line(&value.to_string());
        }
        print_line(&format!(
            "{} on {}, batch {batch}: {images_per_s:.0} images/s, {gflops:.1} GFLOP/s ({steps} steps in {seconds:.1} s, {})",
            trainer.network.name, data.name, gpu.info.name
        ))?;
        if let Some(Overhead { cpu_us, passes, steps }) = overhead {
            print_line(&format!(
                "  recording a step takes {cpu_us:.0} µs of the CPU and {passes:.2} compute passes ({steps:.1} steps in a submit)"
            ))?;
        }
        print_kernels(kernels, gpu_ms, peak)
    }
}

/// Prints the table of kernels, whose GPU times are `gpu_ms` together.
fn print_kernels(kernels: BTreeMap<Arc<str>, KernelTime>, gpu_ms: f64, peak: Option<Roofline>) -> Result<()> {
    let mut sorted: Vec<_> = kernels.into_iter().collect();
    sorted.sort_by(|a, b| b.1.time_ms.total_cmp(&a.1.time_ms));
    let rest = sorted.split_off(sorted.len().min(MAX_KERNELS));
    for (name, k) in sorted {
        let rate = k.gflop_per_s().map_or(String::new(), |rate| format!("{rate:.1} GFLOP/s"));
        let of_peak =
            peak.map_or(String::new(), |p| format!("{:4.0} % of peak", 100.0 * k.peak_fraction(&p)));
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

/// Trains for at least `time`, at most two submits ahead of the GPU; returns steps and seconds.
fn steps_for(gpu: &Gpu, trainer: &mut Trainer, time: Duration) -> (u32, f64) {
    let one = Instant::now();
    trainer.step();
    gpu.wait();
    let fitting = SUBMIT_MS / (1e3 * one.elapsed().as_secs_f64());
    let most = fitting.clamp(1.0, MAX_STEPS) as u32;
    let began = Instant::now();
    let mut steps = 0;
    let mut last = None;
    while began.elapsed() < time || steps < 2 {
        let (made, submission) = trainer.steps(most);
        if let Some(before) = last.replace(submission) {
            gpu.wait_for(before);
        }
        steps += made;
    }
    gpu.wait();
    (steps, began.elapsed().as_secs_f64())
}

/// GPU time of one step by kernel; empty if the adapter has no timestamps.
///
/// # Errors
/// When a kernel failed: what it takes is no measurement.
fn kernel_times(gpu: &Gpu, trainer: &mut Trainer) -> Result<BTreeMap<Arc<str>, KernelTime>> {
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
    gpu.check()?;
    Ok(times)
}
