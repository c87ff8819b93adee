//! Layouts of degenerate rows: equal ones, groups far apart, outliers, very wide ones.

mod compare;

use std::collections::HashSet;

use compare::{assert_no_errors, open_gpu};
use revacnn::embed::{Method, Options, Settings, Tsne, TsneBuilder, twin};
use revacnn::gpu::{Buffer, Gpu, TensorView};

fn view(gpu: &Gpu, values: &[f32], columns: usize) -> TensorView {
    let columns = columns as u32;
    TensorView {
        buffer: Buffer::from_slice(gpu, "rows", values).raw().clone(),
        offset: 0,
        extents: [values.len() as u32 / columns, 1, 1, columns],
        strides: [columns, 0, 0, 1],
    }
}

/// About normal, by the sum of six uniform numbers.
fn normal(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    move || (0..6).map(|_| uniform() - 0.5).sum::<f32>() * 2.0_f32.sqrt()
}

fn laid_out(gpu: &Gpu, values: &[f32], columns: usize, method: Method, iterations: usize) -> Tsne {
    let options = Options { method: Some(method), ..Options::default() };
    let tsne = TsneBuilder::new(30.0).settings(Settings::DEFAULT).seed(1).options(options);
    let tsne = tsne.build(gpu, &view(gpu, values, columns)).unwrap();
    tsne.refresh(gpu);
    tsne.reset(gpu);
    tsne.iterate(gpu, iterations);
    tsne
}

/// Standard deviations along x and y.
fn deviations(positions: &[[f32; 2]]) -> [f64; 2] {
    let count = positions.len() as f64;
    [0, 1].map(|axis| {
        let values = || positions.iter().map(|p| f64::from(p[axis]));
        let mean = values().sum::<f64>() / count;
        (values().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count).sqrt()
    })
}

#[test]
fn equal_rows_are_one_point_whose_divergence_is_0() {
    let gpu = open_gpu();
    for method in [Method::Exact, Method::Mesh] {
        let mut values = vec![0.7_f32; 300 * 20];
        let tsne = laid_out(&gpu, &values, 20, method, 60);
        assert!(tsne.all_alike(&gpu));
        assert_eq!(tsne.state(&gpu).divergence, 0.0);
        let positions = tsne.read_positions(&gpu);
        assert!(positions.iter().all(|p| *p == positions[0]), "{method:?}");
        // One value less, and they are not alike.
        values[777] = 0.6;
        let tsne = laid_out(&gpu, &values, 20, method, 60);
        assert!(!tsne.all_alike(&gpu));
        let positions = tsne.read_positions(&gpu);
        assert!(positions.iter().any(|p| *p != positions[0]), "{method:?}");
    }
    assert_no_errors(&gpu);
}

#[test]
fn many_equal_rows_stay_one_point_among_others() {
    let gpu = open_gpu();
    // Groups of more rows than have a place among the 90 neighbors of one, of fewer, and rows that have no equal, in turns.
    let group = |i: usize| match i % 5 {
        0 | 1 => Some(0),
        2 => Some(1),
        3 if i < 200 => Some(2),
        _ => None,
    };
    let mut normal = normal(6);
    let centers: Vec<f32> = (0..3 * 10).map(|_| 3.0 * normal()).collect();
    let row = |i: usize, normal: &mut dyn FnMut() -> f32| -> Vec<f32> {
        group(i).map_or_else(|| (0..10).map(|_| normal()).collect(), |g| centers[10 * g..][..10].to_vec())
    };
    let rows: Vec<Vec<f32>> = (0..600).map(|i| row(i, &mut normal)).collect();
    for method in [Method::Exact, Method::Mesh] {
        let tsne = laid_out(&gpu, &rows.concat(), 10, method, 300);
        let positions = tsne.read_positions(&gpu);
        assert!(positions.iter().flatten().all(|p| p.is_finite()), "{method:?}");
        let of = |g: usize| {
            (0..600).filter(move |i| group(*i) == Some(g)).map(|i| positions[i]).collect::<Vec<_>>()
        };
        for g in [0, 1] {
            let places = of(g);
            assert!(places.len() > 90 && places.iter().all(|p| *p == places[0]), "{method:?}, group {g}");
        }
        let apart = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
        assert!(apart(of(0)[0], of(1)[0]) > 1.0, "{method:?}: groups lie apart");
        // Those with other neighbors, too, have a force of their own; so have rows without an equal.
        assert!(of(2).len() < 90 && deviations(&of(2)).iter().all(|d| *d < 1.0), "{method:?}");
        let bits = |i: usize| positions[i].map(f32::to_bits);
        let others: Vec<usize> = (0..600).filter(|i| group(*i).is_none()).collect();
        let places: HashSet<[u32; 2]> = others.iter().map(|i| bits(*i)).collect();
        assert_eq!(places.len(), others.len(), "{method:?}: rows without an equal lie in one place");
    }
    assert_no_errors(&gpu);
}

#[test]
fn a_start_is_never_a_line() {
    let gpu = open_gpu();
    for exponent in 0..=6 {
        let mut normal = normal(4);
        let offset = |i: usize| if i < 1000 { 0.0 } else { 10_f32.powi(exponent) };
        let values: Vec<f32> = (0..2000).map(|i| normal() + offset(i)).collect();
        let tsne = laid_out(&gpu, &values, 10, Method::Exact, 0);
        let [x, y] = deviations(&tsne.read_positions(&gpu));
        assert!(x > 0.5e-4 && y > 0.005 * x, "1e{exponent}: {x} {y}");
    }
    assert_no_errors(&gpu);
}

#[test]
fn an_outlier_leaves_the_others_laid_out() {
    let gpu = open_gpu();
    for (method, far) in [(Method::Exact, 1e7_f32), (Method::Mesh, 1e12)] {
        let mut normal = normal(3);
        let values: Vec<f32> = (0..3000).map(|_| normal()).collect();
        let without: Vec<f32> = [&values[..170], &values[180..]].concat();
        let expected = laid_out(&gpu, &without, 10, method, 600).state(&gpu).divergence;
        let mut with = values.clone();
        with[170..180].fill(far);
        let tsne = laid_out(&gpu, &with, 10, method, 600);
        let found = tsne.state(&gpu).divergence;
        assert!((found / expected - 1.0).abs() < 0.02, "{method:?}, {far:e}: {found}, {expected}");
        let mut positions = tsne.read_positions(&gpu);
        positions.remove(17);
        assert!(
            deviations(&positions).iter().all(|d| *d > 1.0),
            "{method:?}, {far:e}: {:?}",
            deviations(&positions)
        );
    }
    assert_no_errors(&gpu);
}

/// 300 rows of 24 normal numbers of falling size, and the first `outliers` of every 70 with each number `far` times as large as one; in
/// the second place without them.
fn with_outliers(outliers: usize, far: f32) -> [Vec<f32>; 2] {
    let (mut size, mut direction) = (normal(11), normal(12));
    let is_far = |i: usize| (1..=outliers).any(|at| i == 70 * at);
    let [mut all, mut others] = [Vec::new(), Vec::new()];
    for i in 0..300 {
        let row: Vec<f32> = (0..24).map(|d| size() * 0.8_f32.powi(d)).collect();
        if is_far(i) {
            all.extend((0..24).map(|_| far * direction()));
        } else {
            all.extend(&row);
            others.extend(&row);
        }
    }
    [all, others]
}

const FAR: [f32; 10] = [60.0, 200.0, 1e3, 3e3, 1e4, 1e5, 1e6, 1e8, 1e10, 1e12];

#[test]
fn others_start_as_they_would_without_outliers_of_any_size() {
    let gpu = open_gpu();
    for (outliers, components) in [(1, None), (2, None), (3, None), (1, Some(16)), (3, Some(16))] {
        let start = |values: &[f32]| {
            let options = Options { components, ..Options::default() };
            let tsne = TsneBuilder::new(30.0).options(options).build(&gpu, &view(&gpu, values, 24)).unwrap();
            tsne.read_rows(&gpu);
            tsne.reset(&gpu);
            tsne.read_positions(&gpu)
        };
        let expected = start(&with_outliers(outliers, 1.0)[1]);
        for far in FAR {
            let mut found = start(&with_outliers(outliers, far)[0]);
            for at in (1..=outliers).rev() {
                found.remove(70 * at);
            }
            for axis in [0, 1] {
                let apart = |sign: f32| {
                    let pairs = found.iter().zip(&expected);
                    pairs.map(|(a, b)| (a[axis] - sign * b[axis]).abs()).fold(0.0, f32::max)
                };
                let apart = apart(1.0).min(apart(-1.0));
                assert!(
                    apart < 1e-5,
                    "{outliers} of {far:e}, {components:?}: {apart:e} apart along axis {axis}"
                );
            }
        }
    }
    assert_no_errors(&gpu);
}

#[test]
fn others_are_projected_on_their_own_components_whatever_the_outliers() {
    let gpu = open_gpu();
    for (outliers, components) in [(1, 1), (2, 1), (3, 1), (3, 2)] {
        let projected = |values: &[f32]| {
            let options = Options { components: Some(components), ..Options::default() };
            let tsne = TsneBuilder::new(30.0).options(options).build(&gpu, &view(&gpu, values, 24)).unwrap();
            tsne.read_rows(&gpu);
            tsne.read_searched_rows(&gpu)
        };
        let expected = projected(&with_outliers(outliers, 1.0)[1]);
        for far in FAR {
            let mut found = projected(&with_outliers(outliers, far)[0]);
            let longest =
                |rows: &[Vec<f32>]| rows.iter().flatten().fold(0.0_f32, |most, v| most.max(v.abs()));
            let gone: Vec<Vec<f32>> = (1..=outliers).rev().map(|at| found.remove(70 * at)).collect();
            for row in &gone {
                let far = longest(std::slice::from_ref(row)) / longest(&found);
                assert!(far > 3.0, "an outlier lies amid the others: {far}");
            }
            for c in 0..components {
                let of = |rows: &[Vec<f32>]| rows.iter().map(|row| f64::from(row[c])).collect::<Vec<_>>();
                let unlike = 1.0 - correlation(&of(&found), &of(&expected)).abs();
                assert!(
                    unlike < 1e-5,
                    "{outliers} of {far:e}, {components}: component {c} differs by {unlike:e}"
                );
            }
        }
    }
    assert_no_errors(&gpu);
}

/// Pearson's correlation.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let centered = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|v| v - mean).collect::<Vec<_>>()
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let (a, b) = (centered(a), centered(b));
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
}

#[test]
fn others_are_laid_out_as_well_as_without_outliers_of_any_size() {
    let gpu = open_gpu();
    for (outliers, sizes) in [(1, &FAR[2..6]), (3, &FAR[3..7])] {
        let others = &with_outliers(outliers, 1.0)[1];
        let rows: Vec<Vec<f64>> =
            others.chunks(24).map(|row| row.iter().map(|v| f64::from(*v)).collect()).collect();
        let joint = twin::affinities::joint(&rows, 90, 30.0);
        let divergence = |values: &[f32], far: &dyn Fn(usize) -> bool| {
            let positions = laid_out(&gpu, values, 24, Method::Exact, 500).read_positions(&gpu);
            let kept = positions.iter().enumerate().filter(|(i, _)| !far(*i));
            twin::step::divergence(&joint, &kept.map(|(_, p)| p.map(f64::from)).collect::<Vec<_>>())
        };
        let expected = divergence(others, &|_| false);
        let found = |far: &f32| {
            divergence(&with_outliers(outliers, *far)[0], &|i| i > 0 && i % 70 == 0 && i / 70 <= outliers)
        };
        // One layout is as good as another to about 2 %: the mean is judged.
        let mean = sizes.iter().map(found).sum::<f64>() / sizes.len() as f64;
        assert!(mean / expected - 1.0 < 0.02, "{outliers} outliers: {mean}, {expected} without");
    }
    assert_no_errors(&gpu);
}

#[test]
fn rows_of_more_values_than_a_dispatch_has_workgroups_are_laid_out() {
    let gpu = open_gpu();
    let columns = 70_001;
    let mut normal = normal(5);
    let mut values: Vec<f32> = (0..12 * columns).map(|_| normal()).collect();
    // Two groups that differ in the last value only.
    (0..6).for_each(|row| values[row * columns + columns - 1] += 3000.0);
    for components in [None, Some(5)] {
        let options = Options { components, ..Options::default() };
        let tsne = TsneBuilder::new(3.0).options(options).build(&gpu, &view(&gpu, &values, columns)).unwrap();
        tsne.refresh(&gpu);
        tsne.reset(&gpu);
        let start = tsne.read_positions(&gpu);
        let side = |row: usize| start[row][0] > 0.0;
        assert!(
            (0..6).all(|row| side(row) == side(0)) && (6..12).all(|row| side(row) != side(0)),
            "{start:?}"
        );
    }
    assert_no_errors(&gpu);
}
