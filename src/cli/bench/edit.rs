//! `revacnn bench edit`: cost of a structural edit during training.

use std::rc::Rc;
use std::time::Instant;

use clap::Args;
use revacnn::data::Dataset;
use revacnn::error::{Error, Result};
use revacnn::nn::{Edit, Network, NetworkLayer, Trainer, TrainerOptions};
use serde_json::json;

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
        let gpu = self.adapter.open_tuned()?;
        let data = Dataset::open(&self.dataset)?;
        let network = Network::open(&self.network, data.shape.into(), data.classes.len())?;
        let layer = self.find_layer(&network)?;
        let id = network.layers[layer].id;
        let filters = network.layers[layer].output.channels;
        let options = TrainerOptions { batch: self.batch, ..TrainerOptions::default() };
        let name = network.name.clone();
        let mut trainer = Trainer::new(Rc::clone(&gpu), &data, network, options)?;
        // Compiles the kernels of the network as it is.
        trainer.step();
        gpu.wait();
        let compiled = gpu.kernel_count();
        let (mut edit_ms, mut step_ms) = (Vec::new(), Vec::new());
        for i in 0..2 * EDITS {
            let edit = match trainer.network.layers[layer].filter_ids.last() {
                Some(filter) if i % 2 == 1 => Edit::DeleteFilter { layer: id, filter: *filter },
                _ => Edit::AddFilter { layer: id },
            };
            let began = Instant::now();
            trainer.edit(&edit)?;
            edit_ms.push(1e3 * began.elapsed().as_secs_f64());
            let began = Instant::now();
            trainer.step();
            gpu.wait();
            step_ms.push(1e3 * began.elapsed().as_secs_f64());
        }
        gpu.check()?;
        let compiled = gpu.kernel_count() - compiled;
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

    /// Index of the layer.
    fn find_layer(&self, network: &Network) -> Result<usize> {
        let is_meant = |layer: &NetworkLayer| layer.name == self.layer && !layer.filter_ids.is_empty();
        network.layers.iter().position(is_meant).ok_or_else(|| {
            let has_filters = network.layers.iter().filter(|layer| !layer.filter_ids.is_empty());
            let names: Vec<_> = has_filters.map(|layer| layer.name.as_str()).collect();
            let what =
                format!("network {} has no layer {:?} with filters or units", network.name, self.layer);
            Error::usage(what, format!("take one of {}", names.join(", ")))
        })
    }
}
