//! Fixtures of the stages' tests.

use super::rows::{Rows, Summary, piece};
use super::scratch::Scratch;
use crate::error::Result;
use crate::gpu::{AdapterChoice, Buffer, BufferRange, Element, Gpu, PlanBuilder};

/// The best adapter.
pub(super) fn open_gpu() -> Gpu {
    Gpu::open(&AdapterChoice::Best).expect("the tests need an adapter, a software one will do")
}

/// Runs the dispatches that `record` adds. Waits.
pub(super) fn run<'g>(gpu: &'g Gpu, record: impl FnOnce(&mut PlanBuilder<'g>) -> Result<()>) {
    let mut plan = PlanBuilder::new(gpu);
    record(&mut plan).unwrap();
    let mut encoder = gpu.encoder("test");
    plan.finish().encode(&mut encoder);
    gpu.submit(encoder);
    gpu.wait();
    let errors = gpu.take_errors();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

/// A whole number from −`most` to `most` for each (i, d), so that squared distances are exact in `f32`.
pub(super) fn whole(i: usize, d: usize, most: i64) -> f64 {
    let bits =
        (i as u64 * 0x9e37_79b9 + d as u64 * 0x85eb_ca6b + 1).wrapping_mul(0xff51_afd7_ed55_8ccd) >> 33;
    (bits as i64 % (2 * most + 1) - most) as f64
}

/// `count` rows of whole numbers.
pub(super) fn whole_rows(count: usize, dims: usize, most: i64) -> Vec<Vec<f64>> {
    (0..count).map(|i| (0..dims).map(|d| whole(i, d, most)).collect()).collect()
}

/// Rows on the GPU as they are, neither scaled nor centered, in buffers of at most `max_bytes`; those in `left_out` are left out.
pub(super) fn upload(gpu: &Gpu, rows: &[Vec<f64>], left_out: &[usize], max_bytes: u64) -> Rows {
    let (count, dims) = (rows.len(), rows[0].len());
    let stride = count.next_multiple_of(16);
    let (part, points) = Rows::split(gpu, stride, dims, max_bytes).unwrap();
    for (p, buffer) in points.iter().enumerate() {
        let mut values = vec![0.0; buffer.len()];
        for (i, row) in rows.iter().enumerate().filter(|(i, _)| !left_out.contains(i)) {
            for (d, value) in row.iter().enumerate().skip(p * part).take(part) {
                values[(d - p * part) * stride + i] = *value as f32;
            }
        }
        buffer.write(gpu, 0, &values);
    }
    let mut flags = vec![0; stride];
    left_out.iter().for_each(|i| flags[*i] = 1);
    let flags = Buffer::from_slice(gpu, "flags", &flags);
    let lengths = Buffer::zeroed(gpu, "lengths of rows", stride);
    let middles = Buffer::zeroed(gpu, "middles", dims);
    let summary = Buffer::from_slice(gpu, "summary", &[Summary::none_far()]);
    let piece = piece(gpu);
    Rows { count, dims, stride, part, points, piece, max_bytes, flags, lengths, middles, summary }
}

/// Memory for a search, with NaN in every word.
pub(super) fn scratch_of_nan(gpu: &Gpu) -> Scratch {
    let range = || Buffer::from_slice(gpu, "scratch", &vec![u32::MAX; 1 << 20]).range();
    Scratch::new(vec![range()], vec![range()])
}

/// The words of a range. Waits.
pub(super) fn read_range<T: Element>(gpu: &Gpu, range: &BufferRange) -> Vec<T> {
    let [first, end] = [range.offset, range.offset + range.size].map(|bytes| bytes as usize / size_of::<T>());
    Buffer::<T>::of_range(range).read(gpu)[first..end].to_vec()
}

/// Norm of the difference of two lists over that of the second.
pub(super) fn error(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let apart = norm(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    apart / norm(&mut expected.iter().copied()).max(1e-300)
}
