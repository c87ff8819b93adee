//! `revacnn gradcheck`: gradients of every layer against central differences.

use clap::Args;
use revacnn::error::{Error, Result};
use revacnn::nn::gradcheck::{TOLERANCE, check_all};
use revacnn::nn::twin::Mode;

use super::print::print_line;

#[derive(Args)]
pub(super) struct Gradcheck {}

impl Gradcheck {
    pub(super) fn run(&self) -> Result<()> {
        let mut wrong = Vec::new();
        for check in check_all() {
            let shapes: Vec<_> = check.inputs.iter().map(ToString::to_string).collect();
            let mode = if check.mode == Mode::Evaluation { "evaluation" } else { "training" };
            let verdict = if check.passes() { "ok" } else { "WRONG" };
            print_line(&format!(
                "{verdict:5}  {} on {}, {mode}: input gradient {:.1e}, parameter gradient {:.1e}, {} derivatives",
                check.layer,
                shapes.join(" and "),
                check.input_error,
                check.parameter_error,
                check.derivatives
            ))?;
            if !check.passes() {
                wrong.push(check.layer);
            }
        }
        if wrong.is_empty() {
            return print_line(&format!("every gradient is within {TOLERANCE:.0e} of central differences"));
        }
        Err(Error::new(
            format!("gradients are wrong: {}", wrong.join("; ")),
            "fix the backward pass in src/nn/layers",
        ))
    }
}
