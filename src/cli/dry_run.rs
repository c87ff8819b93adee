//! `revacnn train --dry-run`: memory and passes of a run, without starting it.

use humansize::{BINARY, format_size};
use revacnn::data::Dataset;
use revacnn::error::{Error, Result};
use revacnn::gpu::Gpu;
use revacnn::nn::{MemoryPlan, Network, Shape};
use serde_json::json;

use super::print::print_line;
use super::run_options::RunOptions;

/// Prints the memory of a run, and the passes of a step.
pub(super) fn dry_run(run: &RunOptions, gpu: &Gpu, as_json: bool) -> Result<()> {
    let settings = run.settings()?;
    let data = Dataset::open(&settings.dataset)?;
    let shape = Shape::from(data.shape);
    let mut network = Network::open(&run.network, shape, data.classes.len())?;
    for layer in run.frozen(&network)? {
        network.layers[layer].frozen = true;
    }
    run.network_commands(&network)?;
    let options = settings.trainer();
    if options.batch > data.train.len() {
        let what = format!("the batch is {}", options.batch);
        return Err(Error::usage(what, format!("give it at most {}", data.train.len())));
    }
    let images = data.train.len() + data.test.len();
    let plan = MemoryPlan::of(gpu, &network, &options, (data.shape, images))?;
    if as_json {
        let value = json!({
            "network": network.name, "dataset": data.name, "parameters": network.parameter_count(), "batch": options.batch,
            "micro_batch": plan.sizes.micro_batch, "passes": plan.passes, "images_stream": plan.streams, "flops_per_image": network.training_flops(),
            "bytes": {
                "parameters": plan.parameters, "optimizer": plan.optimizer, "activations": plan.activations,
                "activation_gradients": plan.activation_gradients, "images": plan.images, "total": plan.total(),
            },
            "adapter": gpu.info.name,
        });
        return print_line(&value.to_string());
    }
    print_line(&format!(
        "{} on {}, batch size {}, on {}",
        network.name, data.name, options.batch, gpu.info.name
    ))?;
    let passes = match plan.passes {
        1 => "one pass".to_owned(),
        n => format!("{n} passes of {} images (gradient accumulation)", plan.sizes.micro_batch),
    };
    print_line(&format!("  one step: {passes}"))?;
    let rows = [
        ("parameters", plan.parameters, format!("{} values", network.parameter_count())),
        ("optimizer", plan.optimizer, "gradients and moments".to_owned()),
        ("activations", plan.activations, largest(&plan, &network)),
        ("gradients", plan.activation_gradients, String::new()),
        ("images", plan.images, streamed(plan.streams, images)),
        ("total", plan.total(), String::new()),
    ];
    for (name, bytes, note) in rows {
        print_line(format!("  {name:16} {:>10}   {note}", format_size(bytes, BINARY)).trim_end())?;
    }
    let flops = network.training_flops() as f64 / 1e6;
    print_line(&format!("  {flops:.1} million floating-point operations per training image"))
}

fn streamed(streams: bool, images: usize) -> String {
    if streams {
        format!("a window; {images} images are streamed")
    } else {
        format!("{images}, one byte per value")
    }
}

fn largest(plan: &MemoryPlan, network: &Network) -> String {
    plan.largest(network).map_or(String::new(), |(layer, bytes)| {
        format!("largest: {}, {} in {}", layer.name, layer.output, format_size(bytes, BINARY))
    })
}
