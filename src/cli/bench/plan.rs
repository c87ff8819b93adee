//! `revacnn bench train --plan`: the dispatches of a training step, in order.

use revacnn::error::Result;
use revacnn::gpu::Dispatch;
use revacnn::nn::Trainer;
use serde_json::{Value, json};

use crate::cli::print::print_line;

/// Prints the dispatches of a step of `trainer`, and their number.
///
/// # Errors
/// When it cannot be printed.
pub(super) fn print(trainer: &Trainer, as_json: bool) -> Result<()> {
    let dispatches = &trainer.step_plan().dispatches;
    let (name, batch) = (&trainer.network.name, trainer.options().batch);
    let adapter = &trainer.gpu().info.name;
    if as_json {
        let plan: Vec<Value> = dispatches.iter().enumerate().map(|(i, d)| object(i + 1, d)).collect();
        let value = json!({
            "network": name, "batch": batch, "micro_batch": trainer.sizes().micro_batch, "adapter": adapter,
            "dispatches": plan.len(), "plan": plan,
        });
        return print_line(&value.to_string());
    }
    print_line(&format!("{name}, batch {batch}: {} dispatches in a step ({adapter})", dispatches.len()))?;
    print_line(
        "    number  label                         kernel                                         workgroups     bytes at least",
    )?;
    dispatches.iter().enumerate().try_for_each(|(i, dispatch)| print_line(&line(i + 1, dispatch)))
}

fn object(number: usize, dispatch: &Dispatch) -> Value {
    json!({
        "number": number, "label": &*dispatch.label, "kernel": dispatch.kernel.label,
        "workgroups": dispatch.workgroups(), "bytes": dispatch.bytes,
    })
}

fn line(number: usize, dispatch: &Dispatch) -> String {
    let [x, y, z] = dispatch.workgroups();
    let groups = format!("{x}×{y}×{z}");
    let Dispatch { label, kernel, bytes, .. } = dispatch;
    format!("  {number:8}  {label:28}  {:42}  {groups:>14}  {bytes:>17}", kernel.label)
}
