//! The steps by which a layer without kernels makes a value: against the layer's twin for every kind, and against what networks make on the GPU.

use revacnn::gpu::{Buffer, BufferRange, Gpu, TensorView};
use revacnn::nn::layers::KINDS;
use revacnn::nn::twin::{Mode, TwinCall};
use revacnn::nn::{Channels, Layer, Shape, Tensor};

use super::gpu;
use super::products::session;

/// The value that a layer's steps come to for value `at` of image 0; none where kernels make it.
fn value(layer: &dyn Layer, shapes: &[Shape], at: [usize; 3], call: &TwinCall<'_>) -> Option<f64> {
    let recipe = layer.recipe(shapes, at)?;
    let input = |(input, [c, y, x]): &(usize, [usize; 3])| {
        let tensor = &call.inputs[*input];
        tensor.values[tensor.index(*c, *y, *x, 0)]
    };
    let values: Vec<f64> = recipe.values.iter().map(input).collect();
    let parameters: Vec<f64> = recipe.parameters.iter().map(|[t, i]| call.parameters[*t][*i]).collect();
    recipe.steps(&values, &parameters).last().map(|step| step.value)
}

#[test]
fn the_steps_of_every_kind_of_layer_come_to_its_output() {
    let mut compared = Vec::new();
    for kind in KINDS {
        for (layer, shapes) in (kind.samples)() {
            let inputs: Vec<Tensor> =
                (1..).zip(&shapes).map(|(seed, s)| Tensor::sample(*s, 3, seed)).collect();
            let some = |len: usize| (0..len).map(|i| 0.3 + 0.07 * (i % 11) as f64).collect();
            let parameters: Vec<Vec<f64>> =
                layer.parameters(&shapes).iter().map(|spec| some(spec.shape.iter().product())).collect();
            let call = TwinCall { inputs: &inputs, parameters: &parameters, mode: Mode::Evaluation };
            let output = layer.forward_twin(&call);
            for [c, y, x, n] in output.indices().filter(|[.., n]| *n == 0) {
                let made = value(&*layer, &shapes, [c, y, x], &call);
                let has_kernels = matches!(layer.channels(), Channels::Made { .. });
                assert_eq!(made.is_none(), has_kernels, "{}", kind.kind);
                let (Some(made), expected) = (made, output.values[output.index(c, y, x, n)]) else {
                    continue;
                };
                let off = (made - expected).abs() / expected.abs().max(1e-3);
                assert!(off < 1e-9, "{} at {:?}: {made}, not {expected}", kind.kind, [c, y, x]);
                compared.push(kind.kind);
            }
        }
    }
    compared.dedup();
    assert_eq!(compared.len(), KINDS.len() - 3, "all but convolutions and dense layers: {compared:?}");
}

fn read(gpu: &Gpu, view: &TensorView) -> Vec<f32> {
    Buffer::<f32>::of_range(&BufferRange::whole(&view.buffer)).read(gpu)
}

/// From the values that lie on the GPU the steps come to what the network made there, to 1e-5.
#[test]
fn the_steps_come_to_the_maps_that_a_network_makes() {
    let gpu = gpu();
    let mut compared = 0;
    for network in ["revacnn", "resnet-8", "revacnn-keras"] {
        let session = session(&gpu, network);
        let trainer = session.trainer();
        let all = trainer.parameters.values.read(&gpu);
        let maps: Vec<(TensorView, Vec<f32>)> = (0..=trainer.network.layers.len())
            .map(|node| trainer.activations(node, 0))
            .map(|view| (view.clone(), read(&gpu, &view)))
            .collect();
        let element = |node: usize, [c, y, x]: [usize; 3]| {
            let (view, values) = &maps[node];
            f64::from(values[view.element([c as u32, 0, y as u32, x as u32]) as usize])
        };
        for (index, layer) in trainer.network.layers.iter().enumerate() {
            let Shape { channels, height, width } = layer.output;
            let pixels = (0..channels).map(|c| [c, c % height, (3 * c) % width]);
            for at in pixels.chain([[0, 0, 0], [channels - 1, height - 1, width - 1]]) {
                let Some(recipe) = layer.layer.recipe(&layer.input_shapes, at) else { continue };
                let values: Vec<f64> =
                    recipe.values.iter().map(|(input, at)| element(layer.inputs[*input], *at)).collect();
                let offsets = &trainer.parameters.offsets[index];
                let parameter = |[tensor, i]: &[usize; 2]| f64::from(all[offsets[*tensor] + i]);
                let parameters: Vec<f64> = recipe.parameters.iter().map(parameter).collect();
                let made = recipe.steps(&values, &parameters).last().unwrap().value;
                let expected = element(index + 1, at);
                let size = values.iter().fold(expected.abs().max(1e-2), |most, value| most.max(value.abs()));
                assert!((made - expected).abs() <= 1e-5 * size, "{network}, {} at {at:?}", layer.name);
                compared += 1;
            }
        }
    }
    assert!(compared > 500, "only {compared}");
}
