//! Nearest neighbours, principal components and affinities of rows against plain loops, where rows are many, wide or alike.

mod compare;

use compare::{assert_no_errors, open_gpu};
use revacnn::embed::{Settings, Tsne, twin};
use revacnn::gpu::{Buffer, Gpu, TensorView};
use revacnn::nn::{Shape, Tensor};

/// Rows of normal numbers about `centres` centres.
fn clustered(count: usize, dims: usize, centres: usize, seed: u64) -> Vec<f32> {
    let noise = Tensor::sample(Shape::new(dims, 1, 1), count, seed).values;
    let middle = Tensor::sample(Shape::new(dims, 1, 1), centres, seed + 1).values;
    let value = |i: usize, d: usize| noise[d * count + i] + 3.0 * middle[d * centres + i % centres];
    (0..count * dims).map(|at| value(at / dims, at % dims) as f32).collect()
}

fn view(gpu: &Gpu, values: &[f32], dims: usize) -> TensorView {
    TensorView {
        buffer: Buffer::from_slice(gpu, "rows", values).raw().clone(),
        offset: 0,
        extents: [(values.len() / dims) as u32, 1, 1, dims as u32],
        strides: [dims as u32, 0, 0, 1],
    }
}

fn wide(values: &[f32], dims: usize) -> Vec<Vec<f64>> {
    values.chunks(dims).map(|row| row.iter().map(|v| f64::from(*v)).collect()).collect()
}

#[test]
fn a_row_that_is_neighbour_of_thousands_has_its_entries_in_order() {
    let gpu = open_gpu();
    // Among rows that are alike the first are the neighbours of all.
    let (count, alike, dims) = (2603, 2300, 3);
    let mut values = clustered(count, dims, 7, 5);
    values[..alike * dims].fill(0.25);
    let tsne = Tsne::new(&gpu, &view(&gpu, &values, dims), 4.0, Settings::USUAL, 1).unwrap();
    let expected = twin::affinities(&wide(&values, dims), 12, 4.0);
    let found = tsne.read_affinities(&gpu);
    assert!(found[0].len() >= alike - 1, "row 0 is no hub: {} entries", found[0].len());
    let scale = 1.0 / (count * 12) as f64;
    let (mut worst, mut control) = (0.0_f64, 0.0_f64);
    for (i, row) in found.iter().enumerate() {
        assert!(row.is_sorted_by(|a, b| a.0 < b.0), "row {i} is not in order");
        assert_eq!(row.len(), expected[i].iter().filter(|p| **p > 0.0).count(), "entries of row {i}");
        for (j, p) in row {
            let other = found[*j as usize].binary_search_by_key(&(i as u32), |entry| entry.0);
            assert_eq!(found[*j as usize][other.unwrap()].1.to_bits(), p.to_bits(), "p of {i} and {j}");
            worst = worst.max((f64::from(*p) - expected[i][*j as usize]).abs() / scale);
            control = control.max((f64::from(*p) - expected[(i + 1) % count][*j as usize]).abs() / scale);
        }
    }
    assert!(worst < 2e-4, "{worst} of the mean probability");
    assert!(control > 0.1, "the control is off by {control} only");
    assert_no_errors(&gpu);
}

#[test]
fn each_row_has_the_entropy_of_its_perplexity() {
    let gpu = open_gpu();
    for (count, dims, perplexity) in [(70, 3, 5.0), (1001, 9, 30.0), (1603, 2, 400.0)] {
        let values = clustered(count, dims, 5, count as u64);
        let tsne = Tsne::new(&gpu, &view(&gpu, &values, dims), perplexity, Settings::USUAL, 1).unwrap();
        let k = tsne.neighbours();
        let conditional = tsne.read_conditional(&gpu);
        let near = tsne.read_neighbours(&gpu);
        for (i, row) in conditional[..count * k].chunks(k).enumerate() {
            let sum: f64 = row.iter().map(|p| f64::from(*p)).sum();
            let entropy: f64 =
                row.iter().map(|p| f64::from(*p)).filter(|p| *p > 0.0).map(|p| -p * p.ln()).sum();
            assert!((sum - 1.0).abs() < 1e-5, "{count} rows, row {i}: the sum is {sum}");
            let error = (entropy - f64::from(perplexity).ln()).abs();
            assert!(error < 1e-3, "{count} rows, row {i}: the entropy is {entropy}");
            assert!((entropy - f64::from(1.01 * perplexity).ln()).abs() > 1e-3, "the control");
            assert!(near[i * k..][..k].is_sorted_by(|a, b| a < b), "{count} rows, row {i} is not in order");
        }
    }
    assert_no_errors(&gpu);
}
