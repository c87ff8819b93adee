//! `revacnn bench edit`: cost of a structural edit during training.

use std::rc::Rc;
use std::time::Instant;

use clap::Args;
use revacnn::data::Dataset;
use revacnn::error::{Error, Result};
use revacnn::nn::{Network, Shape, Trainer, TrainerOptions};
use serde_json::json;
use toml::{Table, Value};

use super::measure::quantile;
use crate::cli::print::print_line;
use crate::cli::run_options::AdapterOption;

/// Times that a filter is added, and as many that it is removed.
const EDITS: usize = 10;

#[derive(Args)]
pub(crate) struct BenchEdit {
    #[command(flatten)]
    adapter: AdapterOption,
    /// Data set: a built-in one or a folder.
    #[arg(long, value_name = "NAME|PATH", default_value = "shapes")]
    dataset: String,
    /// Network.
    #[arg(long, value_name = "PRESET|FILE", default_value = "revacnn")]
    network: String,
    /// Layer that gets one more filter (or unit).
    #[arg(long, default_value = "conv2")]
    layer: String,
    /// Batch size.
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

impl BenchEdit {
    pub(crate) fn run(&self) -> Result<()> {
        let gpu = self.adapter.open()?;
        let data = Dataset::open(&self.dataset)?;
        let shape = Shape::from(data.shape);
        let classes = data.classes.len();
        let network = Network::open(&self.network, shape, classes)?;
        let (larger, filters) = self.with_one_more(&network)?;
        let options = TrainerOptions { batch: self.batch, ..TrainerOptions::default() };
        let (name, smaller) = (network.name.clone(), network.to_toml());
        let mut trainer = Trainer::new(Rc::clone(&gpu), &data, network, options)?;
        // Compiles the kernels of the network as it is.
        trainer.step();
        gpu.wait();
        let compiled = gpu.kernels_compiled();
        let (mut edit_ms, mut step_ms) = (Vec::new(), Vec::new());
        for i in 0..2 * EDITS {
            let text = if i % 2 == 0 { &larger } else { &smaller };
            let began = Instant::now();
            trainer.set_network(Network::parse(text, shape, classes)?)?;
            edit_ms.push(1e3 * began.elapsed().as_secs_f64());
            let began = Instant::now();
            trainer.step();
            gpu.wait();
            step_ms.push(1e3 * began.elapsed().as_secs_f64());
        }
        gpu.check()?;
        let compiled = gpu.kernels_compiled() - compiled;
        let [median_ms, longest_ms] = [0.5, 1.0].map(|fraction| quantile(&edit_ms, fraction));
        let step_ms = quantile(&step_ms, 0.5);
        let text = format!(
            "{}, {} {filters} → {} filters and back: {:.1} ms per edit (slowest of {}: {:.1} ms), {compiled} kernels compiled; next step {:.1} ms",
            name,
            self.layer,
            filters + 1,
            median_ms,
            2 * EDITS,
            longest_ms,
            step_ms
        );
        let value = json!({
            "network": name, "layer": self.layer, "filters": filters, "batch": self.batch, "edits": 2 * EDITS, "edit_ms": median_ms,
            "longest_edit_ms": longest_ms, "step_after_ms": step_ms, "kernels_compiled": compiled, "adapter": gpu.info.name,
        });
        print_line(&if self.json { value.to_string() } else { text })
    }

    /// The network with one more filter in the layer, as TOML, and the layer's present number of filters.
    fn with_one_more(&self, network: &Network) -> Result<(String, i64)> {
        let none = || {
            let names: Vec<_> = network.layers.iter().map(|layer| layer.name.as_str()).collect();
            let what =
                format!("network {} has no layer {:?} with filters or units", network.name, self.layer);
            Error::usage(what, format!("its layers are {}", names.join(", ")))
        };
        let mut table: Table = network.to_toml().parse().expect("a network's own text is TOML");
        let layers = table.get_mut("layer").and_then(Value::as_array_mut).ok_or_else(none)?;
        let index = network.layers.iter().position(|layer| layer.name == self.layer).ok_or_else(none)?;
        let layer = layers[index].as_table_mut().ok_or_else(none)?;
        let key = if layer.contains_key("filters") { "filters" } else { "units" };
        let count = layer.get(key).and_then(Value::as_integer).ok_or_else(none)?;
        layer.insert(key.to_owned(), Value::Integer(count + 1));
        Ok((table.to_string(), count))
    }
}
