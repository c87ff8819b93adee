//! Check of an adapter's products in mixed precision, before a training relies on them: a small convolution there and back, against the
//! kernels of 32 bits on the same adapter.
//!
//! Cooperative matrices are experimental in wgpu 30: by the letter, its barriers do not hand over what matrices store to workgroup memory
//! (issue 8805 of gfx-rs/wgpu), and few programs have tried drivers with them. A training on wrong products would go wrong without a word,
//! so that an adapter whose products are wrong computes in 32 bits, and says so. The check takes some milliseconds, and the compilation of kernels that the training mostly needs as well.

use super::layers::Conv2d;
use super::{BatchBuffers, BatchExtent, Layer, LayerBuild, Packing, PartialSums, Port, Shape, Tensor};
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, HalfProducts, Precision, TunePolicy};

/// Input, filters, and quads of images, of which one is of probes: more than one block of 16 of each.
const INPUT: Shape = Shape { channels: 37, height: 4, width: 5 };
const FILTERS: usize = 50;
const EXTENT: BatchExtent = BatchExtent { train_quads: 9, quads: 10 };
/// Most that 16-bit factors may change, as a share of the largest result. The sums are of hundreds of products, of which each is rounded
/// by 2⁻¹⁰ of itself at most; what is wrong differs by much more.
const TOLERANCE: f32 = 0.01;

/// The handle, if its products by matrices agree with those of 32 bits, or none are made; one without matrices otherwise, which is logged.
pub(super) fn with_checked_products(gpu: Gpu) -> Gpu {
    if gpu.half_products() != Some(HalfProducts::Matrices) {
        return gpu;
    }
    // What the tuner knows and counts is of the training.
    let mut quick = gpu.clone();
    quick.set_tune_policy(TunePolicy::Heuristic);
    match agrees(&quick) {
        Ok(true) => gpu,
        Ok(false) => {
            log::warn!("{} computes products of 16-bit matrices wrongly", gpu.info.name);
            gpu.without_matrices()
        }
        Err(error) => {
            log::warn!("products of 16-bit matrices on {}: {error}", gpu.info.name);
            gpu.without_matrices()
        }
    }
}

/// Products in mixed precision of this handle differ from those in 32 bits by no more than their rounding.
fn agrees(gpu: &Gpu) -> Result<bool> {
    let mixed = results(gpu)?;
    let full = results(&gpu.in_precision(Precision::F32))?;
    Ok(full.iter().zip(&mixed).all(|(full, mixed)| are_near(full, mixed)))
}

fn are_near(full: &[f32], mixed: &[f32]) -> bool {
    let most = full.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    // NaN is not near.
    let near = |(full, mixed): (&f32, &f32)| (full - mixed).abs() <= TOLERANCE * most;
    full.len() == mixed.len() && full.iter().zip(mixed).all(near)
}

/// Output, input gradient and weight gradient of a convolution of sample values.
fn results(gpu: &Gpu) -> Result<[Vec<f32>; 3]> {
    let layer = Conv2d { filters: FILTERS, kernel: 3, padding: 1, ..Conv2d::default() };
    let shape = layer.output(&[INPUT])?;
    let slots = 4 * EXTENT.quads;
    let map = |shape: Shape, seed| {
        let values: Vec<f32> = Tensor::sample(shape, slots, seed).values.iter().map(|v| *v as f32).collect();
        Buffer::from_slice(gpu, "sample", &values)
    };
    let blank = |shape: Shape| Buffer::<f32>::zeroed(gpu, "result", shape.len() * slots);
    let (weights, spare) = (FILTERS * INPUT.channels * 9, Buffer::<f32>::zeroed(gpu, "not read", 4).range());
    let parameters = map(Shape::new(weights.div_ceil(slots) + FILTERS, 1, 1), 1);
    let (input, output_gradient) = (map(INPUT, 2), map(shape, 3));
    let (output, input_gradient) = (blank(shape), blank(INPUT));
    let (packing, partials) = (Packing::new(parameters.len()), PartialSums::default());
    let plans = layer.build(&LayerBuild {
        gpu,
        name: "check",
        id: 0,
        trains: true,
        extent: EXTENT,
        batch: &BatchBuffers { samples: spare.clone(), clock: spare.clone(), sampling: spare },
        inputs: vec![Port { shape: INPUT, values: input.range(), gradient: Some(input_gradient.range()) }],
        output_shape: shape,
        output: output.range(),
        fused_output: None,
        pooling: None,
        output_gradient: output_gradient.range(),
        rectified_gradient: None,
        biases_below: None,
        leaves_biases: true,
        parameters: parameters.range(),
        packing: &packing,
        partials: &partials,
        offsets: vec![0, weights.next_multiple_of(4)],
    })?;
    let mut encoder = gpu.encoder("check of mixed precision");
    let prepare = packing.build(gpu, &parameters.range())?;
    for plan in [&prepare, &plans.forward, &plans.backward] {
        plan.wait_compiled()?;
        plan.encode(&mut encoder);
    }
    gpu.submit(encoder);
    let mut gradients = vec![0.0; weights];
    for (_, sums) in partials.read(gpu) {
        sums.iter().enumerate().for_each(|(i, sum)| gradients[i % weights] += sum);
    }
    Ok([output.read(gpu), input_gradient.read(gpu), gradients])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::AdapterChoice;

    const PRODUCT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/nn/mixed_product.wgsl"));
    const GRADIENT: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/nn/mixed_weight_gradient.wgsl"));

    #[test]
    fn right_products_pass_and_wrong_ones_are_found() {
        let mut gpu = Gpu::open(&AdapterChoice::default()).unwrap();
        let _ = gpu.set_half_products(Some(HalfProducts::Lanes));
        assert!(agrees(&gpu).unwrap());
        let faults = [
            ("nn/mixed_product.wgsl", PRODUCT, "row + {k * 8 / IMAGE_BLOCKS}u)", "row)"),
            ("nn/mixed_product.wgsl", PRODUCT, "sum * unscaled", "sum"),
            ("nn/mixed_weight_gradient.wgsl", GRADIENT, "+ 4u * block;", ";"),
        ];
        for (path, text, from, to) in faults {
            assert!(text.contains(from), "{from}");
            let faulty = gpu.replacing_shader(path, text.replace(from, to).leak());
            assert!(!agrees(&faulty).unwrap(), "{to} in place of {from} in {path}");
        }
        assert!(!are_near(&[1.0], &[f32::NAN]) && !are_near(&[1.0], &[]), "no result is no agreement");
    }
}
