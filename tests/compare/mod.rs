//! Shared by the numeric tests: the adapter, values against expected values, buffers full of NaN.

#![allow(dead_code, reason = "each test file uses its part")]

use revacnn::gpu::{AdapterChoice, Buffer, Gpu, ReadbackRing, TensorView};

/// The best adapter. Without one the tests fail: a kernel that was not run was not tested.
pub(crate) fn open_gpu() -> Gpu {
    Gpu::open(&AdapterChoice::Best).expect("the tests need an adapter, a software one will do")
}

/// Half the spacing of f32 at 1: the largest relative error of one operation.
pub(crate) const ROUNDING: f64 = 1.0 / (1 << 24) as f64;

/// The tolerance of a sum of `terms` products in f32, as a share of the largest result.
///
/// Each addition rounds by at most 2⁻²⁴ of the partial sum, and the errors add up like a random walk: √terms · 2⁻²⁴
/// times the largest partial sum. That may be several times the largest result where terms cancel, hence 16
/// (so 1e-6 · √terms). The worst case, terms · 2⁻²⁴, is far above what happens and would hide faults.
pub(crate) fn sum_tolerance(terms: usize) -> f64 {
    16.0 * ROUNDING * (terms as f64).sqrt()
}

/// First difference of `values` from `expected` by more than `tolerance` of the largest expected value; `None` where they
/// agree. NaN and infinities always differ.
pub(crate) fn difference(values: &[f32], expected: &[f64], tolerance: f64) -> Option<String> {
    if values.len() != expected.len() {
        return Some(format!("{} values, {} expected", values.len(), expected.len()));
    }
    let largest = expected.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    let differs = |(value, expected): (&f32, &f64)| {
        let error = (f64::from(*value) - expected).abs();
        !value.is_finite() || !expected.is_finite() || error > tolerance * largest
    };
    let pairs = || values.iter().zip(expected);
    let first = pairs().position(differs)?;
    let count = pairs().filter(|pair| differs(*pair)).count();
    Some(format!(
        "{count} of {} values differ by more than {tolerance:.1e} of {largest:.3}; value {first} is {} and not {}",
        values.len(),
        values[first],
        expected[first]
    ))
}

/// Panics where the two differ.
#[track_caller]
pub(crate) fn assert_close(what: &str, values: &[f32], expected: &[f64], tolerance: f64) {
    if let Some(difference) = difference(values, expected, tolerance) {
        panic!("{what}: {difference}");
    }
}

/// A negative control: panics where the two agree.
#[track_caller]
pub(crate) fn assert_differs(what: &str, values: &[f32], expected: &[f64], tolerance: f64) {
    assert!(difference(values, expected, tolerance).is_some(), "{what} was not noticed");
}

/// Panics when the device reported an error.
#[track_caller]
pub(crate) fn assert_no_errors(gpu: &Gpu) {
    let errors = gpu.take_errors();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

/// A handle whose shader at `path` has a fault: `to` in place of each `from`, also in what it imports of the floats.
pub(crate) fn with_fault(gpu: &Gpu, path: &'static str, from: &str, to: &str) -> Gpu {
    let read = |path: &str| {
        std::fs::read_to_string(format!("{}/shaders/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let text = read(path).replace("#import common/floats", &read("common/floats.wgsl"));
    assert!(text.contains(from), "{path} has no {from:?}");
    gpu.replacing_shader(path, text.replace(from, to).leak())
}

/// A buffer of NaN.
pub(crate) fn poisoned(gpu: &Gpu, label: &str, len: usize) -> Buffer<f32> {
    Buffer::from_slice(gpu, label, &vec![f32::NAN; len])
}

/// The same values in f32.
pub(crate) fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}

/// Values as f32 holds them, so that CPU and GPU begin with the same numbers.
pub(crate) fn rounded(values: Vec<f64>) -> Vec<f64> {
    values.into_iter().map(|v| f64::from(v as f32)).collect()
}

/// The values of a view, in order of tile, channel, row and column.
pub(crate) fn read_view(gpu: &Gpu, view: &TensorView) -> Vec<f32> {
    let mut ring = ReadbackRing::new(gpu, view.buffer.size(), 1);
    let mut encoder = gpu.encoder("read");
    assert!(ring.copy(&mut encoder, &view.buffer, 0, view.buffer.size(), ()));
    gpu.submit(encoder);
    ring.after_submit();
    gpu.wait();
    let values: Vec<f32> = bytemuck::pod_collect_to_vec(&ring.take()[0].1);
    let [tiles, channels, height, width] = view.extents;
    let mut read = Vec::new();
    for t in 0..tiles {
        for c in 0..channels {
            for y in 0..height {
                read.extend((0..width).map(|x| values[view.element([t, c, y, x]) as usize]));
            }
        }
    }
    read
}
