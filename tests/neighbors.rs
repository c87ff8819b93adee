//! Nearest neighbors, principal components and affinities of rows against plain loops, where rows are many, wide or alike.

mod compare;

use compare::{assert_no_errors, open_gpu};
use revacnn::embed::twin::quality::recall;
use revacnn::embed::{Method, NeighborSearch, Options, Settings, Tsne, TsneBuilder, layout_bytes, twin};
use revacnn::gpu::{Buffer, DeviceProfile, Gpu, TensorView};
use revacnn::nn::{Shape, Tensor};

/// Rows of normal numbers about `centers` centers.
fn clustered(count: usize, dims: usize, centers: usize, seed: u64) -> Vec<f32> {
    let noise = Tensor::sample(Shape::new(dims, 1, 1), count, seed).values;
    let middle = Tensor::sample(Shape::new(dims, 1, 1), centers, seed + 1).values;
    let value = |i: usize, d: usize| noise[d * count + i] + 3.0 * middle[d * centers + i % centers];
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
fn a_row_that_is_neighbor_of_thousands_has_its_entries_in_order() {
    let gpu = open_gpu();
    // Among rows that are alike the first are the neighbors of all.
    let (count, alike, dims) = (2603, 2300, 3);
    let mut values = clustered(count, dims, 7, 5);
    values[..alike * dims].fill(0.25);
    let tsne = Tsne::new(&gpu, &view(&gpu, &values, dims), 4.0, Settings::DEFAULT, 1).unwrap();
    let expected = twin::affinities::joint(&wide(&values, dims), 12, 4.0);
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
        let tsne = Tsne::new(&gpu, &view(&gpu, &values, dims), perplexity, Settings::DEFAULT, 1).unwrap();
        let k = tsne.neighbors();
        let conditional = tsne.read_conditional(&gpu);
        let near = tsne.read_neighbors(&gpu);
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

/// The k nearest of a row, by index.
fn nearest(rows: &[Vec<f64>], i: usize, k: usize) -> Vec<u32> {
    let all: Vec<usize> = (0..rows.len()).collect();
    let mut found: Vec<u32> = twin::knn::nearest(rows, i, &all, k).iter().map(|(j, _)| *j as u32).collect();
    found.sort_unstable();
    found
}

#[test]
fn neighbors_are_those_of_plain_loops() {
    let gpu = open_gpu();
    // Whole numbers, so that distances are exact and many are equal; distances that fall by index; more rows than a segment.
    let whole = |count: usize, dims: usize, most: f64| -> Vec<f32> {
        clustered(count, dims, 3, 8).iter().map(|v| (f64::from(*v) * most).round() as f32).collect()
    };
    let falling: Vec<f32> = (0..1031).map(|i| (i * i) as f32 / 64.0).collect();
    for (values, dims, perplexity) in [
        (whole(2, 1, 3.0), 1, 1.0),
        (whole(31, 3, 2.0), 3, 7.0),
        (whole(500, 5, 1.0), 5, 30.0),
        (falling, 1, 10.0),
        (whole(8_300, 2, 40.0), 2, 3.0),
    ] {
        // Rows are scaled by their largest value and centerd: with a power of two and a mean of 0 they remain exact.
        let mut values = values;
        let largest = values.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        values[0] = (largest as u32).next_power_of_two() as f32;
        values.extend(values.clone().iter().map(|v| -v));
        let tsne = Tsne::new(&gpu, &view(&gpu, &values, dims), perplexity, Settings::DEFAULT, 1).unwrap();
        let (count, k) = (values.len() / dims, tsne.neighbors());
        let rows = wide(&values, dims);
        let found = tsne.read_neighbors(&gpu);
        let mut shifted = 0;
        for i in (0..count).step_by(1 + count / 1100) {
            let expected = nearest(&rows, i, k);
            assert_eq!(found[i * k..][..k], expected, "{count} rows, row {i}");
            shifted += usize::from(found[(i + 1) % count * k..][..k] != expected);
        }
        assert!(shifted > 0, "the control");
    }
    assert_no_errors(&gpu);
}

fn square(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum()
}

/// Rows in a few directions of falling strength, turned at random, with a little noise in all.
fn flat(count: usize, dims: usize, strong: usize, noise: f64) -> Vec<f32> {
    let directions = Tensor::sample(Shape::new(dims, 1, 1), strong, 31).values;
    let shares = Tensor::sample(Shape::new(strong, 1, 1), count, 32).values;
    let rest = Tensor::sample(Shape::new(dims, 1, 1), count, 33).values;
    let value = |i: usize, d: usize| -> f64 {
        let along = |s: usize| 0.8_f64.powi(s as i32) * shares[s * count + i] * directions[d * strong + s];
        (0..strong).map(along).sum::<f64>() + noise * rest[d * count + i] + 5.0
    };
    (0..count * dims).map(|at| value(at / dims, at % dims) as f32).collect()
}

fn reduced(gpu: &Gpu, values: &[f32], dims: usize, components: usize) -> Tsne {
    let options = Options { components: Some(components), ..Options::default() };
    let tsne = TsneBuilder::new(5.0).seed(1).options(options).build(gpu, &view(gpu, values, dims)).unwrap();
    tsne.refresh(gpu);
    tsne
}

#[test]
fn reduced_rows_are_as_far_apart_as_in_the_principal_subspace() {
    let gpu = open_gpu();
    for (count, dims, strong, components) in [(203, 37, 5, 5), (1001, 71, 12, 12), (350, 64, 30, 50)] {
        let values = flat(count, dims, strong, 1e-3);
        let rows = wide(&values, dims);
        let tsne = reduced(&gpu, &values, dims, components);
        let largest = values.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        let found: Vec<Vec<f64>> = tsne
            .read_searched_rows(&gpu)
            .iter()
            .map(|row| row.iter().map(|v| f64::from(*v) * f64::from(largest)).collect())
            .collect();
        assert!(found.len() == count && found[0].len() == components);
        let expected = twin::pca::principal(&rows, components);
        let fewer: Vec<Vec<f64>> = expected.iter().map(|row| row[..4].to_vec()).collect();
        let variance = |rows: &[Vec<f64>]| rows.iter().flatten().map(|v| v * v).sum::<f64>();
        let share = variance(&found) / variance(&expected);
        assert!((0.999..1.0 + 1e-4).contains(&share), "{count} rows of {dims}: {share} of the variance");
        assert!(variance(&fewer) / variance(&expected) < 0.999, "the control has {}", variance(&fewer));
        let mean = variance(&expected) / count as f64;
        for (i, j) in (0..count).map(|i| (i, (i * 7 + 1) % count)) {
            let [here, there] = [square(&found[i], &found[j]), square(&expected[i], &expected[j])];
            assert!((here - there).abs() < 1e-3 * mean, "{count} rows, {i} and {j}: {here}, not {there}");
            assert!(here < square(&rows[i], &rows[j]) + 1e-4 * mean, "{i} and {j} are farther apart");
        }
        let control = (0..count).map(|i| {
            let j = (i * 7 + 1) % count;
            (square(&fewer[i], &fewer[j]) - square(&expected[i], &expected[j])).abs()
        });
        assert!(control.fold(0.0, f64::max) > 1e-3 * mean, "the control");
        // The neighbors are those in the subspace.
        let k = tsne.neighbors();
        let near = tsne.read_neighbors(&gpu);
        let same = (0..count).filter(|i| near[i * k..][..k] == nearest(&found, *i, k)).count();
        assert!(same * 100 >= count * 99, "{count} rows: of {same} the neighbors are those in the subspace");
    }
    assert_no_errors(&gpu);
}

fn sought(gpu: &Gpu, values: &[f32], dims: usize, search: NeighborSearch) -> (Vec<u32>, usize) {
    let options = Options { search, ..Options::default() };
    let tsne = TsneBuilder::new(10.0).seed(1).options(options).build(gpu, &view(gpu, values, dims)).unwrap();
    tsne.refresh(gpu);
    (tsne.read_neighbors(gpu), tsne.neighbors())
}

#[test]
fn lists_hold_nearly_all_neighbors_when_some_are_searched_and_few_when_one_is() {
    let gpu = open_gpu();
    let (count, dims) = (6001, 12);
    let mut values = clustered(count, dims, 40, 21);
    // Rows that are left out, and some that are alike.
    (values[7 * dims + 3], values[4000 * dims]) = (f32::NAN, f32::INFINITY);
    values.copy_within(100 * dims..101 * dims, 5000 * dims);
    let of = |lists: usize, probes: usize| {
        let (found, k) = sought(&gpu, &values, dims, NeighborSearch::Ivf { lists, probes });
        for (i, row) in found.chunks(k).take(count).enumerate() {
            let there: Vec<u32> = row.iter().copied().filter(|j| *j != u32::MAX).collect();
            assert!(there.is_sorted_by(|a, b| a < b), "row {i} has a neighbor twice: {there:?}");
            assert!(there.iter().all(|j| (*j as usize) < count && ![i, 7, 4000].contains(&(*j as usize))));
            assert_eq!(there.len(), if [7, 4000].contains(&i) { 0 } else { k }, "neighbors of row {i}");
        }
        assert!(found[100 * k..101 * k].contains(&5000), "a row that is alike is a neighbor");
        (recall(&values, dims, &found, k, 300), found)
    };
    let (some, found) = of(64, 16);
    let (few, _) = of(64, 1);
    println!("recall {some:.4}, with one list {few:.4}");
    assert!(some > 0.97, "the recall is {some}");
    assert!(few < 0.9, "the control: with one list it is {few}");
    assert_eq!(of(64, 16).1, found, "the same rows have other neighbors");
    let (all, found) = of(64, 64);
    assert_eq!(all, 1.0, "with all lists");
    assert_eq!(found, sought(&gpu, &values, dims, NeighborSearch::Exact).0);
    assert_no_errors(&gpu);
}

#[test]
fn lists_without_rows_and_rows_that_are_alike_do_no_harm() {
    let gpu = open_gpu();
    let few = clustered(50, 3, 4, 2);
    let exact = sought(&gpu, &few, 3, NeighborSearch::Exact);
    let fewer_rows_than_lists = NeighborSearch::Ivf { lists: 500, probes: 500 };
    assert_eq!(sought(&gpu, &few, 3, fewer_rows_than_lists), exact);
    assert_eq!(sought(&gpu, &few, 3, NeighborSearch::Ivf { lists: 1, probes: 1 }), exact);
    assert_ne!(sought(&gpu, &few, 3, NeighborSearch::Ivf { lists: 50, probes: 1 }), exact, "the control");
    // All but 20 of 3 000 rows are alike: nearly all lists are empty.
    let mut alike = clustered(3000, 4, 4, 3);
    alike[20 * 4..].fill(0.5);
    let (found, k) = sought(&gpu, &alike, 4, NeighborSearch::Ivf { lists: 32, probes: 4 });
    for (i, row) in found.chunks(k).take(3000).enumerate().skip(20) {
        assert!(row.iter().all(|j| (20..3000).contains(j) && *j as usize != i), "row {i}: {row:?}");
    }
    assert_no_errors(&gpu);
}

#[test]
fn an_adapter_of_few_bindings_searches_wide_rows_among_all() {
    let mut gpu = open_gpu();
    let (count, dims) = (1337, 41);
    let values = clustered(count, dims, 1, 13);
    let mut found = |bindings: u32, search: NeighborSearch| {
        gpu.limits.max_storage_buffers_per_shader_stage = bindings;
        // 12 of the 44 padded values of the rows to a buffer: four buffers.
        let options = Options { search, max_buffer_bytes: Some(12 * 1344 * 4 + 100), ..Options::default() };
        let view = view(&gpu, &values, dims);
        let tsne = TsneBuilder::new(7.0).seed(1).options(options).build(&gpu, &view).unwrap();
        tsne.refresh(&gpu);
        tsne.read_neighbors(&gpu)
    };
    let lists = NeighborSearch::Ivf { lists: 40, probes: 1 };
    let all = found(8, NeighborSearch::Exact);
    assert_eq!(found(8, lists), all);
    assert_ne!(found(9, lists), all, "with more bindings the lists are searched");
    assert_no_errors(&gpu);
}

#[test]
fn rows_in_several_buffers_are_laid_out_by_the_same_bits() {
    let gpu = open_gpu();
    let (count, dims) = (1337, 41);
    let mut values = clustered(count, dims, 9, 13);
    values[300 * dims] = f32::NAN;
    let of = |search: NeighborSearch, max_buffer_bytes: Option<u64>| {
        let options = Options { search, max_buffer_bytes, ..Options::default() };
        let view = view(&gpu, &values, dims);
        let tsne = TsneBuilder::new(7.0).seed(1).options(options).build(&gpu, &view).unwrap();
        tsne.refresh(&gpu);
        tsne.reset(&gpu);
        tsne.iterate(&gpu, 60);
        (tsne.chunks(), tsne)
    };
    for search in [NeighborSearch::Exact, NeighborSearch::Ivf { lists: 20, probes: 5 }] {
        let (one, whole) = of(search, None);
        // 512 rows of 21 neighbors with room for three entries each; 24 values of the rows.
        let (several, parts) = of(search, Some(512 * 21 * 3 * 4 + 100));
        assert_eq!((one, several), (1, 3));
        assert_eq!(whole.read_neighbors(&gpu), parts.read_neighbors(&gpu));
        assert_eq!(whole.read_affinities(&gpu), parts.read_affinities(&gpu));
        let bits = |tsne: &Tsne| -> Vec<u32> {
            tsne.read_positions(&gpu).iter().flatten().map(|p| p.to_bits()).collect()
        };
        assert_eq!(bits(&whole), bits(&parts));
        whole.iterate(&gpu, 1);
        assert_ne!(bits(&whole), bits(&parts), "the control");
    }
    // Wide rows of which one buffer holds some values only, reduced to components of which it holds some.
    let (count, dims) = (403, 41);
    let values = flat(count, dims, 9, 1e-2);
    let of = |max_buffer_bytes: Option<u64>| {
        let options = Options { components: Some(9), max_buffer_bytes, ..Options::default() };
        let view = view(&gpu, &values, dims);
        let tsne = TsneBuilder::new(5.0).seed(1).options(options).build(&gpu, &view).unwrap();
        tsne.refresh(&gpu);
        (tsne.read_searched_rows(&gpu), tsne.read_neighbors(&gpu))
    };
    let (whole, near) = of(None);
    let (parts, near_in_parts) = of(Some(416 * 4 * 8));
    assert_eq!(whole, parts);
    assert_eq!(near, near_in_parts);
    assert_ne!(whole[1..], parts[..count - 1], "the control");
    assert_no_errors(&gpu);
}

#[test]
fn the_memory_of_a_layout_is_told_before_it_is_taken() {
    let exact = Options { search: NeighborSearch::Exact, method: Some(Method::Exact), ..Options::default() };
    let of = |rows: usize, dims: usize, k: usize| layout_bytes(rows, dims, k, &exact, true);
    // By hand: entries of 100 000 rows with 90 neighbors, 24 bytes each, in which a block of distances fits; and the values of the rows.
    assert_eq!(of(100_000, 50, 90) - of(100_000, 50, 60), 100_000 * 30 * 24);
    assert_eq!(of(10_000, 52, 90) - of(10_000, 4, 90), 10_000 * 48 * 4);
    let reduced = Options { components: Some(50), ..exact };
    assert!(layout_bytes(10_000, 784, 90, &reduced, true) > of(10_000, 784, 90), "the reduced rows too");
    assert_eq!(layout_bytes(10_000, 40, 90, &reduced, true), of(10_000, 40, 90), "nothing is reduced");
    let lists = Options::default();
    let million = layout_bytes(1_000_000, 50, 30, &lists, true);
    assert!((1 << 30..2 << 30).contains(&million), "a million rows of 50 values take {million} bytes");
    assert!(million > of(1_000_000, 50, 30), "the order of the rows by list too");
    // A million rows as the command lays them out on a GPU, in millions of bytes: rows, entries and neighbors, the order of the rows, what
    // is kept of each point, and half of a mesh of 2048² nodes; what only the search or an iteration needs lies within the entries.
    let million = layout_bytes(1_000_000, 50, 90, &lists, false);
    let by_hand = 208.0 + 2160.0 + 20.0 + 72.0 + 134.5 + 16.8;
    assert!((million as f64 / 1e6 / by_hand - 1.0).abs() < 1e-3, "{million} bytes");
    // Ten million go by the same count, within the bindings of a GPU.
    let ten_million = layout_bytes(10_000_000, 50, 90, &lists, false);
    assert!((9.0..10.2).contains(&(ten_million as f64 / million as f64)), "{ten_million} bytes");
}

#[test]
fn a_layout_takes_the_memory_that_was_told() {
    let gpu = open_gpu();
    for (count, dims, search) in
        [(3000, 20, NeighborSearch::Exact), (9000, 50, NeighborSearch::Ivf { lists: 256, probes: 16 })]
    {
        let options = Options { search, method: Some(Method::Exact), ..Options::default() };
        let view = view(&gpu, &clustered(count, dims, 9, 3), dims);
        let before = gpu.bytes_allocated();
        let tsne = TsneBuilder::new(30.0).options(options).build(&gpu, &view).unwrap();
        let taken = gpu.bytes_allocated() - before;
        let told = layout_bytes(count, dims, 90, &options, gpu.is_software());
        let ratio = taken as f64 / told as f64;
        assert!((0.7..1.15).contains(&ratio), "{taken} of {told} bytes for {count} rows by {search:?}");
        // What lies in the memory that is used in turn does not matter.
        tsne.refresh(&gpu);
        let neighbors = tsne.read_neighbors(&gpu);
        let affinities = tsne.read_affinities(&gpu);
        tsne.refresh(&gpu);
        assert_eq!(tsne.read_neighbors(&gpu), neighbors);
        assert_eq!(tsne.read_affinities(&gpu), affinities);
        assert!(neighbors.iter().any(|row| *row != u32::MAX) && affinities.len() == count);
    }
    assert_no_errors(&gpu);
}

/// With `REVACNN_MANY_ROWS` as many rows as that says: two million at the most on the software adapter, for which it takes some 2 GB.
#[test]
fn very_many_rows_are_laid_out_in_parts_of_what_a_gpu_binds() {
    let mut gpu = open_gpu();
    // The way of a GPU: points by list, and the meshes' shared passes.
    gpu.set_profile(DeviceProfile::GPU).unwrap();
    let asked = std::env::var("REVACNN_MANY_ROWS").ok().map(|rows| rows.parse().unwrap());
    let (count, dims) = (asked.unwrap_or(30_000), 4);
    let values = clustered(count, dims, 1 + count / 500, 21);
    let NeighborSearch::Ivf { lists, .. } = NeighborSearch::lists_for(count) else { unreachable!() };
    let options = Options {
        search: NeighborSearch::Ivf { lists, probes: 8 },
        method: Some(Method::Mesh),
        // A few parts also of few rows.
        max_buffer_bytes: asked.is_none().then_some(1 << 20),
        ..Options::default()
    };
    let tsne = TsneBuilder::new(3.0).options(options).build(&gpu, &view(&gpu, &values, dims)).unwrap();
    assert!(asked.is_some() || tsne.chunks() > 1, "{count} rows in one part");
    tsne.refresh(&gpu);
    tsne.reset(&gpu);
    let mut neighbors = tsne.read_neighbors(&gpu);
    let (k, few) = (tsne.neighbors(), 20);
    let found = recall(&values, dims, &neighbors, k, few);
    neighbors.rotate_left(9 * k);
    let others = recall(&values, dims, &neighbors, k, few);
    assert!(found > 0.8 && others < 0.2, "the recall is {found}, that of the neighbors of others {others}");
    let first = tsne.measure(&gpu);
    tsne.iterate(&gpu, 20);
    let last = tsne.measure(&gpu);
    assert!(last < first && last > 0.0, "KL {first}, then {last}");
    assert!(tsne.read_positions(&gpu).as_flattened().iter().all(|p| p.is_finite()));
    assert_no_errors(&gpu);
}
