//! `add`: the sum of its inputs, of one shape, as residual networks have it (He et al. 2016).

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use toml::Table;

use super::copy::copy;
use super::settings::{LayerSample, MAX_INPUTS, settings, to_table};
use crate::error::{Error, Result};
use crate::gpu::{BufferRange, Gpu, PlanBuilder, Source};
use crate::nn::twin::{KernelTwin, TwinCall, TwinGradients};
use crate::nn::{Layer, LayerBuild, LayerPlans, Recipe, RecipeStep, Shape, Tensor};
use crate::{params, wgsl};

const ADD: Source = wgsl!("nn/add.wgsl", AddParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[("nn/add.wgsl", "add", "nn::layers::add::Add::forward_twin")];

params! { struct AddParams { count: u32 } }

/// Addition; it has no settings.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Add {}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    Ok(Box::new(settings::<Add>(table)?))
}

pub(super) fn samples() -> Vec<LayerSample> {
    let shapes = |count: usize| vec![Shape::new(3, 5, 7); count];
    vec![(Box::new(Add {}), shapes(2)), (Box::new(Add {}), shapes(3)), (Box::new(Add {}), shapes(MAX_INPUTS))]
}

/// Adds 2 to [`MAX_INPUTS`] maps of `count` quads.
pub(in crate::nn) fn add(
    gpu: &Gpu,
    plan: &mut PlanBuilder<'_>,
    label: &str,
    terms: &[BufferRange],
    sum: &BufferRange,
    count: u32,
) -> Result<()> {
    let kernel = gpu.kernel(&ADD, "add", &[("TERMS", terms.len() as u32)])?;
    let mut dispatch = plan.dispatch(label, &kernel).bind("sum", sum.clone()).params(&AddParams { count });
    for (i, term) in terms.iter().enumerate() {
        dispatch = dispatch.bind(&format!("term_{i}"), term.clone());
    }
    dispatch.threads([count, 1, 1])
}

impl Layer for Add {
    fn kind(&self) -> &'static str {
        "add"
    }

    fn short_name(&self) -> &'static str {
        "add"
    }

    fn summary(&self) -> String {
        "sum of its inputs".to_owned()
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn inputs(&self) -> RangeInclusive<usize> {
        2..=MAX_INPUTS
    }

    fn recipe(&self, inputs: &[Shape], at: [usize; 3]) -> Option<Recipe> {
        let values = (0..inputs.len()).map(|input| (input, at)).collect();
        Some(Recipe::new(values, |values, _| {
            vec![RecipeStep::new(format!("sum of {}", values.len()), values.iter().sum())]
        }))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        let first = inputs[0];
        if let Some(other) = inputs.iter().find(|shape| **shape != first) {
            let what = format!("maps of {first} and {other} cannot be added");
            return Err(Error::new(what, "give it inputs of one shape; a 1×1 conv2d makes them alike"));
        }
        Ok(first)
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        let count = build.count(build.output_shape);
        let terms: Vec<BufferRange> = build.inputs.iter().map(|input| input.values.clone()).collect();
        add(build.gpu, &mut forward, &build.label("forward"), &terms, &build.output, count)?;
        for gradient in build.inputs.iter().filter_map(|input| input.gradient.as_ref()) {
            let from = (&build.output_gradient, 0);
            copy(build, &mut backward, "input gradient", from, (gradient, 0), count)?;
        }
        Ok(LayerPlans { forward: forward.finish(), backward: backward.finish(), ..Default::default() })
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let mut output = Tensor::zeros(call.inputs[0].shape, call.inputs[0].images);
        for input in call.inputs {
            output.values.iter_mut().zip(&input.values).for_each(|(sum, value)| *sum += value);
        }
        output
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        TwinGradients { inputs: vec![output_gradient.clone(); call.inputs.len()], parameters: Vec::new() }
    }
}
