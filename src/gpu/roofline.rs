//! The roofline of the adapter, measured: multiply-adds in registers, the product of two matrices, and a plain copy through
//! memory. Kernels are judged against these.

use std::sync::Arc;

use super::buffer::Buffer;
use super::context::Gpu;
use super::kernel::Kernel;
use super::plan::Plan;
use super::plan_builder::PlanBuilder;
use super::shader::Source;
use crate::error::Result;
use crate::{params, wgsl};

const PEAK: Source = wgsl!("gpu/roofline.wgsl", PeakParams);
const PRODUCT: Source = wgsl!("gpu/product.wgsl", ProductParams);

params! { struct PeakParams { rounds: u32 } }
params! { struct ProductParams { size: u32 } }

/// Chains of vec4 multiply-adds of a thread, of which the best counts: few leave units idle, many do not fit the registers
/// of some adapters.
const CHAINS: [u32; 4] = [2, 3, 6, 12];
/// Steps of the chains in a round; the shader's `UNROLLED`.
const UNROLLED: u32 = 16;
/// Threads of the multiply-add kernel: enough for a large GPU.
const THREADS: usize = 1 << 17;
/// Shortest measurement in milliseconds: below it the clock and the start of a dispatch count too much.
const LONG_MS: f64 = 20.0;
/// Rows, columns and depth of the product.
const PRODUCT_SIZE: usize = 1024;
/// Rows that a thread of the product makes; the shader's `ROWS`.
const PRODUCT_ROWS: usize = 16;
/// Bytes that are copied: more than caches hold, and within any adapter's bindings.
const COPIED: usize = 96 << 20;

/// Roofline rates of the adapter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Roofline {
    /// Multiply-adds in registers, in GFLOP/s; one counts as two operations.
    pub gflop_per_s: f64,
    /// Product of two 1024×1024 matrices, in GFLOP/s.
    pub product_gflop_per_s: f64,
    /// Copy through memory, in GB/s, reads and writes together.
    pub gb_per_s: f64,
}

impl Roofline {
    /// Measures the adapter; none where it has no timestamps. Waits for the GPU.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub fn measure(gpu: &Gpu) -> Result<Option<Self>> {
        let mut gflop_per_s = 0.0_f64;
        for chains in CHAINS {
            let Some(rate) = multiply_adds(gpu, chains)? else { return Ok(None) };
            gflop_per_s = gflop_per_s.max(rate);
        }
        let (Some(product_gflop_per_s), Some(gb_per_s)) = (product(gpu)?, copies(gpu)?) else {
            return Ok(None);
        };
        Ok(Some(Self { gflop_per_s, product_gflop_per_s, gb_per_s }))
    }
}

/// The shortest of a few runs, in milliseconds.
fn shortest_ms(gpu: &Gpu, plan: &Plan) -> Option<f64> {
    let run = |_| plan.time(gpu).first().map(|span| span.time_ms);
    (0..4).filter_map(run).min_by(f64::total_cmp)
}

/// Multiply-adds in registers.
pub(super) struct MultiplyAdds {
    kernel: Arc<Kernel>,
    result: Buffer<[f32; 4]>,
}

impl MultiplyAdds {
    /// With `chains` that do not wait for each other.
    pub(super) fn new(gpu: &Gpu, chains: u32) -> Result<Self> {
        let kernel = gpu.kernel(&PEAK, "multiply_add", &[("CHAINS", chains), ("UNROLLED", UNROLLED)])?;
        Ok(Self { kernel, result: Buffer::zeroed(gpu, "peak", THREADS) })
    }

    /// One dispatch of `rounds` times `UNROLLED` steps of each chain.
    pub(super) fn plan(&self, gpu: &Gpu, rounds: u32) -> Result<Plan> {
        let mut plan = PlanBuilder::new(gpu);
        plan.dispatch("multiply-adds", &self.kernel)
            .bind("result", self.result.range())
            .params(&PeakParams { rounds })
            .threads([THREADS as u32, 1, 1])?;
        Ok(plan.finish())
    }
}

fn multiply_adds(gpu: &Gpu, chains: u32) -> Result<Option<f64>> {
    let multiply_adds = MultiplyAdds::new(gpu, chains)?;
    let mut rounds = 4_u32;
    loop {
        let plan = multiply_adds.plan(gpu, rounds)?;
        let Some(time_ms) = shortest_ms(gpu, &plan) else { return Ok(None) };
        let flops = 2 * 4 * u64::from(chains * UNROLLED) * u64::from(rounds) * THREADS as u64;
        if time_ms >= LONG_MS || rounds >= 1 << 20 {
            return Ok(Some(flops as f64 / time_ms / 1e6));
        }
        // At once near the wanted time, and always on.
        let factor = (1.3 * LONG_MS / time_ms.max(0.01)).clamp(2.0, 1000.0);
        rounds = (f64::from(rounds) * factor) as u32;
    }
}

fn product(gpu: &Gpu) -> Result<Option<f64>> {
    let [left, right] = ["left", "right"].map(|label| Buffer::from_slice(gpu, label, &factor(PRODUCT_SIZE)));
    let (plan, _) = product_of(gpu, PRODUCT_SIZE, &left, &right)?;
    let flops = 2.0 * (PRODUCT_SIZE as f64).powi(3);
    Ok(shortest_ms(gpu, &plan).map(|time_ms| flops / time_ms / 1e6))
}

/// A matrix of no particular values.
fn factor(size: usize) -> Vec<f32> {
    (0..size * size).map(|i| (i * 7919 % 1009) as f32 / 1009.0 - 0.5).collect()
}

/// The plan that multiplies two matrices of `size` rows and columns, a multiple of 64, and its result.
fn product_of(
    gpu: &Gpu,
    size: usize,
    left: &Buffer<f32>,
    right: &Buffer<f32>,
) -> Result<(Plan, Buffer<f32>)> {
    let result = Buffer::<f32>::zeroed(gpu, "product", size * size);
    let constants = [("ROWS", PRODUCT_ROWS as u32), ("SUBGROUPS", u32::from(gpu.profile().shares_loads))];
    let kernel = gpu.kernel(&PRODUCT, "product", &constants)?;
    let mut plan = PlanBuilder::new(gpu);
    plan.dispatch("product", &kernel)
        .bind("left", left.range())
        .bind("right", right.range())
        .bind("result", result.range())
        .params(&ProductParams { size: size as u32 })
        .threads([(size / 8) as u32, (size / PRODUCT_ROWS) as u32, 1])?;
    Ok((plan.finish(), result))
}

fn copies(gpu: &Gpu) -> Result<Option<f64>> {
    let max = gpu.max_binding() as usize;
    let quads = COPIED.min(max) / 16;
    let kernel = gpu.kernel(&PEAK, "copy", &[])?;
    let [source, result] = ["source", "result"].map(|label| Buffer::<[f32; 4]>::zeroed(gpu, label, quads));
    let mut plan = PlanBuilder::new(gpu);
    plan.dispatch("copy", &kernel)
        .bind("source", source.range())
        .bind("result", result.range())
        .threads([quads as u32, 1, 1])?;
    Ok(shortest_ms(gpu, &plan.finish()).map(|time_ms| (2 * 16 * quads) as f64 / time_ms / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{AdapterChoice, DeviceProfile};

    #[test]
    fn the_product_is_the_product() {
        let mut gpu = Gpu::open(&AdapterChoice::Best).unwrap();
        let size = 64;
        let (left, right) = (factor(size), factor(size).into_iter().rev().collect::<Vec<_>>());
        for profile in [gpu.profile(), DeviceProfile { shares_loads: false, ..gpu.profile() }] {
            gpu.set_profile(profile).unwrap();
            let [a, b] = [&left, &right].map(|values| Buffer::from_slice(&gpu, "factor", values));
            let (plan, result) = product_of(&gpu, size, &a, &b).unwrap();
            let mut encoder = gpu.encoder("product");
            plan.encode(&mut encoder);
            gpu.submit(encoder);
            for (i, value) in result.read(&gpu).into_iter().enumerate() {
                let products = (0..size).map(|k| left[i / size * size + k] * right[k * size + i % size]);
                let expected: f32 = products.sum();
                assert!((value - expected).abs() < 1e-4, "{i}: {value}, not {expected}");
            }
        }
    }
}
