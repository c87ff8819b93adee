//! t-SNE on the GPU against plain loops in f64, and what must hold of it whatever the rows are.

mod compare;

use compare::{assert_no_errors, open_gpu};
use revacnn::data::Dataset;
use revacnn::embed::{Drift, Settings, Tsne, twin};
use revacnn::gpu::{Buffer, DeviceProfile, Gpu, TensorView};
use revacnn::nn::{Shape, Tensor};

/// Rows of normal numbers about a few centers, so that neighbours mean something.
fn clustered(count: usize, dims: usize, seed: u64) -> Vec<Vec<f64>> {
    let noise = Tensor::sample(Shape::new(dims, 1, 1), count, seed).values;
    let centers = Tensor::sample(Shape::new(dims, 1, 1), 5, seed + 1).values;
    let value = |i: usize, d: usize| f64::from((noise[d * count + i] + 3.0 * centers[d * 5 + i % 5]) as f32);
    (0..count).map(|i| (0..dims).map(|d| value(i, d)).collect()).collect()
}

/// The rows in a buffer, as a view with an offset and strides of its own: the last value of a row comes first.
fn view(gpu: &Gpu, rows: &[Vec<f64>]) -> TensorView {
    let (count, dims) = (rows.len(), rows[0].len());
    let mut values = vec![f32::NAN; 3 + (count + 2) * dims];
    for (i, row) in rows.iter().enumerate() {
        for (d, value) in row.iter().enumerate() {
            values[3 + d * (count + 2) + i] = *value as f32;
        }
    }
    let buffer = Buffer::from_slice(gpu, "rows", &values).raw().clone();
    let stride = (count + 2) as u32;
    TensorView { buffer, offset: 3, extents: [count as u32, 1, dims as u32, 1], strides: [1, 0, stride, 0] }
}

fn embed(gpu: &Gpu, rows: &[Vec<f64>], perplexity: f32) -> Tsne {
    Tsne::new(gpu, &view(gpu, rows), perplexity, Settings::DEFAULT, 1).unwrap()
}

fn wide(positions: &[[f32; 2]]) -> Vec<[f64; 2]> {
    positions.iter().map(|p| p.map(f64::from)).collect()
}

/// The digits: 1 797 rows of 64 values.
fn digits() -> Vec<Vec<f64>> {
    let data = Dataset::open("digits").unwrap();
    let splits = [&data.train, &data.test];
    let rows = splits.iter().flat_map(|split| (0..split.len()).map(|i| split.image(i)));
    rows.map(|image| image.iter().map(|v| f64::from(*v)).collect()).collect()
}

#[test]
fn affinities_are_those_of_the_twin() {
    let gpu = open_gpu();
    for (count, dims, perplexity) in
        [(6, 2, 5.0), (7, 3, 30.0), (65, 7, 5.0), (257, 31, 30.0), (300, 2, 12.5), (4301, 2, 30.0)]
    {
        let rows = clustered(count, dims, count as u64);
        let tsne = embed(&gpu, &rows, perplexity);
        let effective = perplexity.min((count - 1) as f32 / 3.0);
        assert_eq!(tsne.perplexity(), effective);
        let k = tsne.neighbors();
        assert_eq!(k, (3.0 * f64::from(effective) + 1e-3) as usize);
        let expected = twin::affinities::joint(&rows, k, f64::from(effective));
        let other = twin::affinities::joint(&rows, k, 0.9 * f64::from(effective));
        let found = tsne.read_affinities(&gpu);
        let mut sum = 0.0;
        let (mut worst, mut control) = (0.0_f64, 0.0_f64);
        for (i, row) in found.iter().enumerate() {
            assert!(row.is_sorted_by(|a, b| a.0 < b.0), "row {i} is not in order: {row:?}");
            assert_eq!(row.len(), expected[i].iter().filter(|p| **p > 0.0).count(), "entries of row {i}");
            for (j, p) in row {
                let back = found[*j as usize].iter().find(|(other, _)| *other as usize == i).unwrap();
                assert_eq!(back.1.to_bits(), p.to_bits(), "p of {i} and {j}");
                let scale = 1.0 / (count * k) as f64;
                worst = worst.max((f64::from(*p) - expected[i][*j as usize]).abs() / scale);
                control = control.max((f64::from(*p) - other[i][*j as usize]).abs() / scale);
                sum += f64::from(*p);
            }
        }
        assert!((sum - 1.0).abs() < 1e-5, "{count} rows: Σp = {sum}");
        assert!(worst < 2e-4, "{count} rows: {worst} of the mean probability");
        assert!(control > 10.0 * worst, "{count} rows: the control is off by {control} only");
    }
    assert_no_errors(&gpu);
}

#[test]
fn rows_are_scaled_and_centered_as_by_the_twin() {
    let gpu = open_gpu();
    let mut rows = clustered(131, 7, 3);
    rows[5][2] = f64::NAN;
    let expected = twin::rows::scaled(&rows);
    let found = embed(&gpu, &rows, 5.0).read_searched_rows(&gpu);
    let worst = |rows: &[Vec<f64>]| {
        let pairs = rows.iter().flatten().zip(found.iter().flatten());
        pairs.map(|(a, b)| (a - f64::from(*b)).abs()).fold(0.0, f64::max)
    };
    assert!(worst(&expected) < 1e-6, "{}", worst(&expected));
    assert_eq!(found[5], [0.0; 7], "a row that is left out");
    rows[5][2] = 1.0;
    assert!(worst(&twin::rows::scaled(&rows)) > 1e-3, "the control");
}

#[test]
fn layouts_begin_along_the_principal_components() {
    let gpu = open_gpu();
    let mut rows = clustered(203, 6, 8);
    for row in &mut rows {
        row.iter_mut().enumerate().for_each(|(d, value)| *value *= 0.6_f64.powi(d as i32));
    }
    let centered = twin::pca::centered(&twin::rows::scaled(&rows));
    let directions = twin::pca::fix_signs(&twin::pca::directions(&centered, 3));
    let components = twin::pca::project(&centered, &directions);
    let deviation = (components.iter().map(|row| row[0] * row[0]).sum::<f64>() / 203.0).sqrt();
    let found = wide(&embed(&gpu, &rows, 5.0).read_positions(&gpu));
    let worst = |axis: usize, component: usize| {
        let apart = |(p, row): (&[f64; 2], &Vec<f64>)| (p[axis] - 1e-4 * row[component] / deviation).abs();
        found.iter().zip(&components).map(apart).fold(0.0, f64::max)
    };
    for axis in [0, 1] {
        assert!(worst(axis, axis) < 1e-8, "axis {axis}: {}", worst(axis, axis));
        assert!(worst(axis, axis + 1) > 1e-5, "the control");
    }
}

#[test]
fn the_twins_gradient_is_that_of_central_differences() {
    let rows = clustered(23, 3, 5);
    let joint = twin::affinities::joint(&rows, 12, 4.0);
    let positions: Vec<[f64; 2]> = clustered(23, 2, 9).iter().map(|row| [row[0], row[1]]).collect();
    let gradient = twin::step::gradient(&joint, &positions, 1.0);
    for (i, axis) in [(0, 0), (7, 1), (22, 0)] {
        let at = |h: f64| {
            let mut moved = positions.clone();
            moved[i][axis] += h;
            twin::step::divergence(&joint, &moved)
        };
        let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
        let error = (4.0 * gradient[i][axis] - difference).abs() / difference.abs();
        assert!(error < 1e-4, "{i}, {axis}: {error}");
    }
}

#[test]
fn steps_and_divergences_are_those_of_the_twin() {
    let mut gpu = open_gpu();
    let own = gpu.profile();
    for (count, dims, profile) in [(33, 5, own), (259, 9, own), (71, 9, DeviceProfile::GPU)] {
        gpu.set_profile(profile).unwrap();
        let rows = clustered(count, dims, 3);
        let tsne = embed(&gpu, &rows, 10.0);
        let joint: Vec<Vec<f64>> = tsne
            .read_affinities(&gpu)
            .iter()
            .map(|row| {
                let mut all = vec![0.0; count];
                row.iter().for_each(|(j, p)| all[*j as usize] = f64::from(*p));
                all
            })
            .collect();
        // At the start, at the end of the exaggeration, and in the final layout.
        for iteration in [0, 1, 49, 50, 51, 400] {
            tsne.iterate(&gpu, iteration - tsne.state(&gpu).iteration as usize);
            let mut positions = wide(&tsne.read_positions(&gpu));
            let before = positions.clone();
            let mut velocity_gains: Vec<[f64; 4]> =
                tsne.read_velocity_gains(&gpu).iter().map(|m| m.map(f64::from)).collect();
            let divergence = twin::step::divergence(&joint, &positions);
            twin::step::step(&joint, &mut positions, &mut velocity_gains, &Settings::DEFAULT, iteration);
            tsne.iterate(&gpu, 1);
            let found = wide(&tsne.read_positions(&gpu));
            let moved = |to: &[[f64; 2]]| -> Vec<f64> {
                to.iter().zip(&before).flat_map(|(a, b)| [a[0] - b[0], a[1] - b[1]]).collect()
            };
            let (found, expected) = (moved(&found), moved(&positions));
            let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
            let apart: Vec<f64> = found.iter().zip(&expected).map(|(a, b)| a - b).collect();
            // Positions are f32: a step can be no more exact than they are.
            let size = before.iter().map(|p| p[0].hypot(p[1])).fold(0.0, f64::max);
            let rounding = size * f64::from(f32::EPSILON) * (2.0 * count as f64).sqrt();
            assert!(
                norm(&apart) < 1e-5 * norm(&expected) + rounding,
                "{count} rows, iteration {iteration}: {} of {}",
                norm(&apart),
                norm(&expected)
            );
            let doubled: Vec<f64> = found.iter().zip(&expected).map(|(a, b)| a - 1.01 * b).collect();
            assert!(norm(&doubled) > 1e-3 * norm(&expected), "the control");
            let state = tsne.state(&gpu);
            assert_eq!(state.iteration as usize, iteration + 1);
            let error = (f64::from(state.divergence) - divergence).abs() / divergence;
            assert!(error < 1e-4, "{count} rows, iteration {iteration}: the divergence is off by {error}");
        }
    }
    assert_no_errors(&gpu);
}

#[test]
fn digits_are_laid_out_as_well_as_by_others() {
    let gpu = open_gpu();
    let rows = digits();
    let tsne = embed(&gpu, &rows, 30.0);
    tsne.iterate(&gpu, 500);
    let positions = wide(&tsne.read_positions(&gpu));
    let joint = twin::affinities::joint(&rows, 90, 30.0);
    let divergence = twin::step::divergence(&joint, &positions);
    println!("divergence {divergence:.4}");
    // scikit-learn 1.9.1 reaches 0.760 in 1 000 iterations of its defaults.
    assert!(divergence < 0.76, "the divergence is {divergence}");
    let mean = [0, 1].map(|axis| positions.iter().map(|p| p[axis]).sum::<f64>() / 1797.0);
    assert!(mean.iter().all(|m| m.abs() < 0.1), "the middle is at {mean:?}");
    let falling = tsne.divergences(&gpu, 60..500);
    assert_eq!(falling.len(), 440);
    assert!(falling.windows(51).all(|w| w[50] < 1.005 * w[0]), "it rises");
    // Refreshed with the same rows it stays: the same affinities, the same layout.
    let before = tsne.read_affinities(&gpu);
    tsne.refresh(&gpu);
    assert_eq!(before, tsne.read_affinities(&gpu));
    assert_eq!(wide(&tsne.read_positions(&gpu)), positions);
    let again = embed(&gpu, &rows, 30.0);
    tsne.reset(&gpu);
    for tsne in [&tsne, &again] {
        tsne.iterate(&gpu, 60);
    }
    assert_eq!(again.read_positions(&gpu), tsne.read_positions(&gpu), "the same run has other bits");
}

#[test]
fn scale_shift_and_order_of_rows_do_not_matter() {
    let gpu = open_gpu();
    let rows = clustered(150, 6, 11);
    let plain = embed(&gpu, &rows, 9.0).read_affinities(&gpu);
    let close = |other: &[Vec<(u32, f32)>], place: &dyn Fn(usize) -> usize| {
        for (i, row) in plain.iter().enumerate() {
            for (j, p) in row {
                let wanted = place(*j as usize) as u32;
                let found = other[place(i)].iter().find(|(j, _)| *j == wanted).map_or(0.0, |(_, p)| *p);
                assert!((p - found).abs() < 1e-4 / 150.0, "{i}, {j}: {p} and {found}");
            }
        }
    };
    for scale in [1e-20, 1e20] {
        let other: Vec<Vec<f64>> = rows.iter().map(|row| row.iter().map(|v| v * scale).collect()).collect();
        close(&embed(&gpu, &other, 9.0).read_affinities(&gpu), &|i| i);
    }
    let other: Vec<Vec<f64>> = rows.iter().map(|row| row.iter().map(|v| v + 7.0).collect()).collect();
    close(&embed(&gpu, &other, 9.0).read_affinities(&gpu), &|i| i);
    let place = |i: usize| (i * 77) % 150;
    let mut other = rows.clone();
    (0..150).for_each(|i| other[place(i)].clone_from(&rows[i]));
    close(&embed(&gpu, &other, 9.0).read_affinities(&gpu), &place);
}

#[test]
fn degenerate_rows_are_laid_out_with_finite_positions() {
    let gpu = open_gpu();
    let usual = clustered(50, 4, 2);
    let duplicates: Vec<Vec<f64>> = (0..60).map(|i| usual[i / 2 % 30].clone()).collect();
    let mut outlier = usual.clone();
    outlier[3][1] = 1e6;
    let constant: Vec<Vec<f64>> = usual.iter().map(|row| vec![row[0], 5.0, 5.0]).collect();
    let cases: [(&str, Vec<Vec<f64>>); 8] = [
        ("zeros", vec![vec![0.0; 3]; 40]),
        ("identical rows", vec![vec![2.5, -1.0]; 37]),
        ("4 rows", clustered(4, 3, 1)),
        ("5 rows", clustered(5, 2, 1)),
        ("half duplicates", duplicates),
        ("an outlier", outlier),
        ("constant columns", constant),
        ("large", usual.iter().map(|r| r.iter().map(|v| v * 1e20).collect()).collect()),
    ];
    for (name, rows) in cases {
        let tsne = embed(&gpu, &rows, 30.0);
        tsne.iterate(&gpu, 150);
        let positions = tsne.read_positions(&gpu);
        assert!(positions.iter().flatten().all(|p| p.is_finite()), "{name}: {positions:?}");
        let alike = rows.iter().all(|row| *row == rows[0]);
        assert_eq!(tsne.all_alike(&gpu), alike, "{name}");
        assert_eq!(positions.iter().all(|p| *p == positions[0]), alike, "{name}: all in one place");
        let divergence = tsne.state(&gpu).divergence;
        assert!(divergence.is_finite() && divergence > -1e-3, "{name}: {divergence}");
    }
    let few = Tsne::new(&gpu, &view(&gpu, &clustered(3, 2, 1)), 5.0, Settings::DEFAULT, 1).err().unwrap();
    assert!(few.what().contains("3 rows") && few.help().contains("4 rows"), "{few}");
    for perplexity in [0.5, f32::NAN, f32::INFINITY, -3.0] {
        let refused = Tsne::new(&gpu, &view(&gpu, &usual), perplexity, Settings::DEFAULT, 1).err().unwrap();
        assert!(refused.what().contains("perplexity"), "{refused}");
    }
    let tsne = embed(&gpu, &usual, 5.0);
    for settings in [
        Settings { exaggeration: 0.5, ..Settings::DEFAULT },
        Settings { momentum: 1.0, ..Settings::DEFAULT },
        Settings { learning_rate: f32::NAN, ..Settings::DEFAULT },
    ] {
        assert!(tsne.set_settings(&gpu, settings).is_err());
    }
    assert_no_errors(&gpu);
}

#[test]
fn rows_that_are_not_finite_are_left_out_and_come_back() {
    let gpu = open_gpu();
    let rows = clustered(90, 5, 4);
    let mut broken = rows.clone();
    (broken[7][2], broken[40][0]) = (f64::NAN, f64::INFINITY);
    let of_broken = view(&gpu, &broken);
    let tsne = Tsne::new(&gpu, &of_broken, 8.0, Settings::DEFAULT, 1).unwrap();
    assert_eq!(tsne.left_out(&gpu), [7, 40]);
    tsne.iterate(&gpu, 120);
    let positions = tsne.read_positions(&gpu);
    for (i, position) in positions.iter().enumerate() {
        let out = i == 7 || i == 40;
        assert_eq!(position.iter().all(|p| p.is_nan()), out, "row {i}: {position:?}");
        assert!(out || position.iter().all(|p| p.abs() < 1e3));
    }
    // The others are laid out as if those two were not there.
    let without: Vec<Vec<f64>> =
        rows.iter().enumerate().filter(|(i, _)| ![7, 40].contains(i)).map(|(_, row)| row.clone()).collect();
    let affinities = tsne.read_affinities(&gpu);
    let expected = twin::affinities::joint(&without, 24, 8.0);
    let kept: Vec<usize> = (0..90).filter(|i| ![7, 40].contains(i)).collect();
    for (a, i) in kept.iter().enumerate() {
        for (j, p) in &affinities[*i] {
            let b = kept.iter().position(|k| k == &(*j as usize)).expect("not one that is left out");
            assert!((f64::from(*p) - expected[a][b]).abs() < 1e-4 / 88.0);
        }
    }
    // A network that recovers: the buffer holds numbers again.
    let whole = view(&gpu, &rows);
    let mut encoder = gpu.encoder("recover");
    encoder.copy_buffer_to_buffer(&whole.buffer, 0, &of_broken.buffer, 0, whole.buffer.size());
    gpu.submit(encoder);
    tsne.refresh(&gpu);
    tsne.iterate(&gpu, 100);
    assert!(tsne.left_out(&gpu).is_empty());
    assert!(tsne.read_positions(&gpu).iter().flatten().all(|p| p.abs() < 1e3));
    assert_no_errors(&gpu);
}

#[test]
fn a_pinned_row_does_not_move_by_one_bit_and_pulls_the_others() {
    let gpu = open_gpu();
    let rows = clustered(80, 4, 6);
    let tsne = embed(&gpu, &rows, 6.0);
    tsne.iterate(&gpu, 300);
    let before = tsne.read_positions(&gpu);
    let place = [40.125, -3.3];
    tsne.place(&gpu, 12, place, true).unwrap();
    tsne.iterate(&gpu, 200);
    let after = tsne.read_positions(&gpu);
    assert_eq!(after[12], place);
    let nearest =
        tsne.read_affinities(&gpu)[12].iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0 as usize;
    let to_pin = |p: [f32; 2]| (p[0] - place[0]).hypot(p[1] - place[1]);
    assert!(to_pin(after[nearest]) < 0.5 * to_pin(before[nearest]), "the nearest did not follow");
    tsne.refresh(&gpu);
    tsne.iterate(&gpu, 10);
    assert_eq!(tsne.read_positions(&gpu)[12], place, "it stays over a refresh");
    tsne.place(&gpu, 12, place, false).unwrap();
    tsne.iterate(&gpu, 10);
    assert_ne!(tsne.read_positions(&gpu)[12], place, "and moves when it is let go");
    assert!(
        tsne.place(&gpu, 80, place, true).is_err() && tsne.place(&gpu, 0, [f32::NAN, 0.0], true).is_err()
    );
}

#[test]
fn the_drift_of_rows_is_that_of_the_twin() {
    let gpu = open_gpu();
    let (rows, dims, offset, pitch) = (7_usize, 75_usize, 3_usize, 80_usize);
    let value = |i: usize, round: usize| ((i * 37 + round * 11) % 101) as f32 * 0.13 - 5.0;
    let all = |round: usize| -> Vec<f32> { (0..offset + rows * pitch).map(|i| value(i, round)).collect() };
    let tensor = Buffer::from_slice(&gpu, "tensor", &all(0));
    let view = TensorView {
        buffer: tensor.raw().clone(),
        offset: offset as u32,
        extents: [rows as u32, 3, 5, 5],
        strides: [pitch as u32, 25, 5, 1],
    };
    let drift = Drift::new(&gpu, &view).unwrap();
    let run = |plan: &revacnn::gpu::Plan| {
        let mut encoder = gpu.encoder("test");
        plan.encode(&mut encoder);
        gpu.submit(encoder);
    };
    drift.values.write(&gpu, 0, &[f32::NAN; 7]);
    run(&drift.keep);
    run(&drift.measure);
    assert_eq!(drift.values.read(&gpu), [0.0; 7], "nothing changed");
    tensor.write(&gpu, 0, &all(1));
    run(&drift.measure);
    let table = |round: usize| -> Vec<Vec<f32>> {
        (0..rows).map(|i| all(round)[offset + i * pitch..][..dims].to_vec()).collect()
    };
    let expected = twin::drift::drift(&table(1), &table(0));
    for (found, expected) in drift.values.read(&gpu).iter().zip(&expected) {
        assert!((f64::from(*found) - expected).abs() < 1e-5 * expected, "{found}, {expected}");
    }
    assert!(expected.iter().all(|e| *e > 1.0) && expected[0] != expected[1], "{expected:?}");
}
