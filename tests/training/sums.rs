//! The sums of the gradients against their twin, in order and by a tree.

use revacnn::data::{BatchSizes, Clock, DataLoader, twin::count_training};
use revacnn::gpu::{Buffer, BufferRange, DeviceProfile, Gpu};
use revacnn::nn::twin::gradient_sums;
use revacnn::nn::{Network, Parameters, PartialSums, Shape, Tensor, sum_gradients};

use crate::compare::{assert_close, assert_differs, assert_no_errors, open_gpu, rounded, sum_tolerance};
use crate::step_twin::synthetic;

/// Odd sizes; a frozen filter; running statistics.
const NETWORK: &str = r#"
layer = [
    { kind = "conv2d", filters = 5, kernel = 3, frozen_filters = [2] },
    { kind = "batch_norm" },
    { kind = "dense", units = 7 },
    { kind = "dense" },
]
"#;

/// Partial sums by tensor, with their rows: few, many, one; the third is so large that it has a buffer of its own. The last has none.
const ROWS: [(&str, usize); 5] = [
    ("conv1.weight", 67),
    ("conv1.bias", 1),
    ("dense1.weight", 2300),
    ("dense1.bias", 203),
    ("dense2.weight", 16),
];

const SIZES: BatchSizes = BatchSizes { batch: 13, micro_batch: 7, train_slots: 8, slots: 12 };

fn write(gpu: &Gpu, range: &BufferRange, values: &[f64]) {
    let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
    gpu.queue.write_buffer(&range.buffer, range.offset, bytemuck::cast_slice(&values));
}

/// Compares two passes over the same partial sums with the twin.
fn compare(gpu: &Gpu) {
    let network = Network::parse(NETWORK, Shape::new(3, 9, 9), 3).unwrap();
    let mut loader = DataLoader::new(gpu, &synthetic(47, 13)).unwrap();
    let parameters = Parameters::new(gpu, &network, 3).unwrap();
    let len = parameters.values.len();
    let results = Buffer::<[f32; 2]>::zeroed(gpu, "results", SIZES.slots);
    let made: Vec<[f32; 2]> = (0..SIZES.slots).map(|n| [0.25 * (n + 3) as f32, (n % 2) as f32]).collect();
    results.write(gpu, 0, &made);
    let partials = PartialSums::default();
    let (mut expected, mut other) = (vec![0.0; len], vec![0.0; len]);
    for (seed, (name, rows)) in ROWS.into_iter().enumerate() {
        let tensor = parameters.tensor(name).unwrap();
        let range = partials.reserve(gpu, name, (tensor.offset, tensor.len), rows).unwrap();
        let values = rounded(Tensor::sample(Shape::new(tensor.len * rows, 1, 1), 1, seed as u64).values);
        write(gpu, &range, &values);
        let at = tensor.offset..tensor.offset + tensor.len;
        expected[at.clone()].copy_from_slice(&gradient_sums(&values, tensor.len));
        other[at].copy_from_slice(&gradient_sums(&values[tensor.len..], tensor.len));
    }
    let read = partials.read(gpu);
    assert_eq!(read.len(), ROWS.len());
    let plans =
        sum_gradients(gpu, (&partials, None), &parameters, &loader, (SIZES, &results.range()), 2).unwrap();
    assert!(plans[0].len() >= 2, "the partial sums lie in several buffers");
    parameters.gradients.write(gpu, 0, &vec![f32::NAN; len]);
    let mut clock = Clock { drawn: 3, ..Clock::default() };
    loader.set_clock(gpu, &clock);
    let tolerance = sum_tolerance(2300);
    for (pass, plan) in plans.iter().enumerate() {
        let shown = parameters.last_gradients.read(gpu);
        assert!(shown.iter().all(|g| *g == 0.0), "gradients are shown at the end of a step");
        let mut encoder = gpu.encoder("sums");
        plan.encode(&mut encoder);
        gpu.submit(encoder);
        let times = (pass + 1) as f64;
        let all: Vec<f64> = expected.iter().map(|sum| times * sum).collect();
        assert_close("sums", &parameters.gradients.read(gpu), &all, tolerance);
        let without: Vec<f64> = other.iter().map(|sum| times * sum).collect();
        assert_differs("a row that is left out", &parameters.gradients.read(gpu), &without, tolerance);
        count_training(&mut clock, SIZES, &made);
        assert_eq!(loader.clock().read(gpu)[0], clock, "the count of pass {pass}");
    }
    let shown = parameters.last_gradients.read(gpu);
    assert_eq!(shown, parameters.gradients.read(gpu));
    let flags: Vec<u32> = parameters.flags.read(gpu);
    let counts = |i: usize| (flags[2 * (i / 4)] >> (8 * (i % 4))) & 6 == 0;
    let squares = |counts: &dyn Fn(usize) -> bool| -> f64 {
        shown.iter().enumerate().filter(|(i, _)| counts(*i)).map(|(_, g)| f64::from(*g).powi(2)).sum()
    };
    let range = parameters.squares(gpu);
    let sums = Buffer::<f32>::of_range(&BufferRange::whole(&range.buffer)).read(gpu);
    let sums = &sums[range.offset as usize / 4..][..range.size as usize / 4];
    let sum: f32 = sums.iter().step_by(4).sum();
    assert_close("squares", &[sum], &[squares(&counts)], sum_tolerance(len));
    assert_differs("a frozen filter", &[sum], &[squares(&|_| true)], sum_tolerance(len));
}

#[test]
fn gradients_are_the_sums_of_the_partial_ones() {
    let mut gpu = open_gpu();
    for large_tiles in [true, false] {
        gpu.set_profile(DeviceProfile { shares_loads: false, large_tiles, ..gpu.profile() }).unwrap();
        compare(&gpu);
        assert_no_errors(&gpu);
    }
}
