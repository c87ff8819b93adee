//! `revacnn adapters`: the GPU adapters.

use clap::Args;
use humansize::{BINARY, format_size};
use revacnn::error::Result;
use revacnn::gpu::{list_adapters, list_opened_adapters, no_adapter};

use super::print::print_line;

#[derive(Args)]
pub(super) struct Adapters {
    /// Print a JSON array, with subgroups, workgroup memory, cooperative matrices, mixed precision, timestamps and limits of each.
    #[arg(long)]
    json: bool,
}

impl Adapters {
    pub(super) fn run(&self) -> Result<()> {
        if self.json {
            let adapters = list_opened_adapters();
            return print_line(&serde_json::to_string_pretty(&adapters).expect("reports are plain data"));
        }
        let adapters = list_adapters();
        if adapters.is_empty() {
            return Err(no_adapter());
        }
        for a in &adapters {
            let mark = if a.best { "*" } else { " " };
            let bindings = format_size(a.max_binding_bytes, BINARY);
            let timed = if a.timestamps { "" } else { ", no GPU timestamps" };
            let mixed = if a.mixed_precision { ", mixed precision" } else { "" };
            let (index, name) = (a.index, &a.name);
            let refused = match &a.lacks[..] {
                [] => String::new(),
                lacks => format!(": cannot be used, it lacks {}", lacks.join(", ")),
            };
            print_line(&format!(
                "{mark} {index}  {name}  ({}, {}, {}; bindings up to {bindings}{timed}{mixed}){refused}",
                a.kind, a.backend, a.driver
            ))?;
        }
        if adapters.iter().any(|a| a.best) {
            print_line("* the default, used without --adapter")?;
        }
        Ok(())
    }
}
