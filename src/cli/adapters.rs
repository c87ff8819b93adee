//! `revacnn adapters`: what GPUs there are.

use clap::Args;
use revacnn::error::{Error, Result};
use revacnn::gpu::list_adapters;

use super::print_line;

#[derive(Args)]
pub struct Adapters {
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

impl Adapters {
    pub fn run(&self) -> Result<()> {
        let adapters = list_adapters();
        if self.json {
            return print_line(&serde_json::to_string_pretty(&adapters).expect("reports are plain data"));
        }
        if adapters.is_empty() {
            return Err(Error::new(
                "no graphics adapter was found (no Vulkan, Metal, DirectX 12 or OpenGL driver)",
                "install a driver; on Debian and Ubuntu the software one: sudo apt-get install mesa-vulkan-drivers",
            ));
        }
        for a in &adapters {
            let mark = if a.best { "*" } else { " " };
            let mib = a.max_binding_bytes >> 20;
            let timed = if a.timestamps { "" } else { ", cannot measure GPU time" };
            let (index, name) = (a.index, &a.name);
            print_line(&format!(
                "{mark} {index}  {name}  ({}, {}, {}; bindings up to {mib} MiB{timed})",
                a.kind, a.backend, a.driver
            ))?;
        }
        print_line("* is the one that is taken without --adapter")
    }
}
