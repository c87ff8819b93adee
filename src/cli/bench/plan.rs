//! `revacnn bench train --plan`: the dispatches of a training step, in order.

use revacnn::error::Result;
use revacnn::gpu::Dispatch;
use revacnn::nn::Trainer;
use serde_json::{Value, json};

use crate::cli::print::print_line;

/// Prints the dispatches of a step of `trainer`, and their number; the time that each is predicted to take on an H100, too, where
/// `predicts`.
///
/// # Errors
/// When it cannot be printed.
pub(super) fn print(trainer: &Trainer, as_json: bool, predicts: bool) -> Result<()> {
    let dispatches = &trainer.step_plan().dispatches;
    let (name, batch) = (&trainer.network.name, trainer.options().batch);
    let adapter = &trainer.gpu().info.name;
    let predicted_us = predicts.then(|| dispatches.iter().map(Dispatch::predicted_us).sum::<f64>());
    if as_json {
        let plan: Vec<Value> =
            dispatches.iter().enumerate().map(|(i, d)| object(i + 1, d, predicts)).collect();
        let mut value = json!({
            "network": name, "batch": batch, "micro_batch": trainer.sizes().micro_batch, "adapter": adapter,
            "dispatches": plan.len(), "plan": plan,
        });
        if let Some(predicted_us) = predicted_us {
            value["predicted_us"] = predicted_us.into();
        }
        return print_line(&value.to_string());
    }
    let predicted = predicted_us.map_or(String::new(), |us| format!(", {us:.0} µs predicted on an H100"));
    let count = dispatches.len();
    print_line(&format!("{name}, batch {batch}: {count} dispatches in a step ({adapter}){predicted}"))?;
    let column = if predicts { "  predicted µs" } else { "" };
    print_line(&format!(
        "    number  label                         kernel                                         workgroups     bytes at least{column}"
    ))?;
    dispatches.iter().enumerate().try_for_each(|(i, dispatch)| print_line(&line(i + 1, dispatch, predicts)))
}

fn object(number: usize, dispatch: &Dispatch, predicts: bool) -> Value {
    let mut object = json!({
        "number": number, "label": &*dispatch.label, "kernel": dispatch.kernel.label,
        "workgroups": dispatch.workgroups(), "bytes": dispatch.bytes,
    });
    if predicts {
        object["predicted_us"] = dispatch.predicted_us().into();
    }
    object
}

fn line(number: usize, dispatch: &Dispatch, predicts: bool) -> String {
    let [x, y, z] = dispatch.workgroups();
    let groups = format!("{x}×{y}×{z}");
    let Dispatch { label, kernel, bytes, .. } = dispatch;
    let predicted = if predicts { format!("  {:12.1}", dispatch.predicted_us()) } else { String::new() };
    format!("  {number:8}  {label:28}  {:42}  {groups:>14}  {bytes:>17}{predicted}", kernel.label)
}
