//! Each stage of randomized PCA against its twin.

use super::*;
use crate::embed::rows::Summary;
use crate::embed::testing::{error, open_gpu, run, upload, whole_rows};
use crate::embed::twin;

/// 331 rows of 29 values of unequal variance, in buffers of 12 dimensions, to be projected on 5 directions.
fn fixture(gpu: &Gpu) -> (Vec<Vec<f64>>, Pca) {
    let mut rows = whole_rows(331, 29, 20);
    for row in &mut rows {
        row.iter_mut()
            .enumerate()
            .for_each(|(d, value)| *value = (*value * 0.5_f64.powi(d as i32 / 3)).round());
    }
    let uploaded = upload(gpu, &rows, &[], 336 * 4 * 12);
    assert_eq!(uploaded.points.len(), 3);
    let pca = Pca::new(gpu, &uploaded, 5, 1 << 20).unwrap();
    (rows, pca)
}

/// Directions `[c][d]` of a buffer `[d, c]`.
fn read_directions(gpu: &Gpu, pca: &Pca, buffer: &Buffer<f32>) -> Vec<Vec<f64>> {
    let values = buffer.read(gpu);
    let columns = pca.params.columns as usize;
    (0..columns).map(|c| (0..29).map(|d| f64::from(values[d * columns + c])).collect()).collect()
}

fn write_directions(gpu: &Gpu, pca: &Pca, directions: &[Vec<f64>]) {
    let columns = pca.params.columns as usize;
    let mut values = vec![0.0; 29 * columns];
    for (c, direction) in directions.iter().enumerate() {
        direction.iter().enumerate().for_each(|(d, value)| values[d * columns + c] = *value as f32);
    }
    pca.directions.write(gpu, 0, &values);
}

/// Sample `[i][c]` projected on the directions.
fn read_sample(gpu: &Gpu, pca: &Pca) -> Vec<Vec<f64>> {
    let values = pca.sample.read(gpu);
    let columns = pca.params.columns as usize;
    (0..331).map(|i| (0..columns).map(|c| f64::from(values[c * 336 + i])).collect()).collect()
}

#[test]
fn the_first_directions_are_independent() {
    let gpu = open_gpu();
    let (_, pca) = fixture(&gpu);
    let all = [29 * pca.params.columns / 4, 1, 1];
    run(&gpu, |plan| pca.subspace(&gpu).dispatch(plan, "begin", &pca.params, all));
    let directions = read_directions(&gpu, &pca, &pca.directions);
    assert!(directions.iter().flatten().all(|v| (-1.0..=1.0).contains(v)));
    let gram = twin::pca::project(&directions, &directions);
    let (_, values) = twin::pca::eigenvectors(&gram);
    assert!(values[values.len() - 1] > 1e-3 * values[0], "{values:?}");
    let copies = vec![directions[0].clone(); 16];
    let (_, same) = twin::pca::eigenvectors(&twin::pca::project(&copies, &copies));
    assert!(same[15] < 1e-6 * same[0], "the control");
}

#[test]
fn projections_and_back_projections_are_those_of_the_twin() {
    let gpu = open_gpu();
    let (rows, pca) = fixture(&gpu);
    let directions = whole_rows(16, 29, 5);
    write_directions(&gpu, &pca, &directions);
    run(&gpu, |plan| pca.project_sample(plan));
    let projected = twin::pca::project(&rows, &directions);
    let found = read_sample(&gpu, &pca).concat();
    assert!(error(&found, &projected.concat()) < 1e-6, "{}", error(&found, &projected.concat()));
    assert!(
        error(&found, &twin::pca::project(&rows, &whole_rows(17, 29, 5)[1..]).concat()) > 0.1,
        "the control"
    );
    run(&gpu, |plan| {
        for (first_dim, dims, points) in pca.rows.parts() {
            let params = PcaParams { first_dim: first_dim as u32, dims: dims as u32, ..pca.params };
            pca.back_project(plan, &params, points)?;
        }
        pca.subspace(&gpu).dispatch(plan, "sum_parts", &pca.params, [29 * 16 / 4, 1, 1])
    });
    let expected = twin::pca::back_project(&rows, &projected).concat();
    let found = read_directions(&gpu, &pca, &pca.directions).concat();
    assert!(error(&found, &expected) < 1e-6, "{}", error(&found, &expected));
    assert!(error(&found, &directions.concat()) > 0.1, "the control");
}

#[test]
fn directions_become_orthonormal_as_by_gram_and_schmidt() {
    let gpu = open_gpu();
    let (_, pca) = fixture(&gpu);
    let directions = whole_rows(16, 29, 7);
    write_directions(&gpu, &pca, &directions);
    let params = PcaParams { first: 0, end: 16, passes: PASSES, ..pca.params };
    run(&gpu, |plan| pca.subspace(&gpu).dispatch(plan, "orthonormalize", &params, [256, 1, 1]));
    let found = read_directions(&gpu, &pca, &pca.directions);
    let expected = twin::pca::orthonormalize(&directions);
    assert!(error(&found.concat(), &expected.concat()) < 1e-5);
    for (a, row) in twin::pca::project(&found, &found).iter().enumerate() {
        for (b, product) in row.iter().enumerate() {
            assert!((product - f64::from(u8::from(a == b))).abs() < 1e-6, "{a} and {b}: {product}");
        }
    }
    let reversed: Vec<Vec<f64>> = directions.into_iter().rev().collect();
    assert!(error(&found.concat(), &twin::pca::orthonormalize(&reversed).concat()) > 0.1, "the control");
}

#[test]
fn the_rotation_leads_to_the_principal_directions_of_the_subspace() {
    let gpu = open_gpu();
    let (rows, pca) = fixture(&gpu);
    let basis = twin::pca::orthonormalize(&whole_rows(16, 29, 7));
    write_directions(&gpu, &pca, &basis);
    run(&gpu, |plan| pca.rotate(plan));
    let projected = twin::pca::project(&rows, &basis);
    let (vectors, values) = twin::pca::eigenvectors(&twin::pca::back_project(&projected, &projected));
    // Eigenvectors of eigenvalues far enough apart.
    let rotated = twin::pca::fix_signs(&twin::pca::back_project(&basis, &transposed(&vectors)));
    let found = read_directions(&gpu, &pca, &pca.rotated);
    let apart = |c: usize| {
        [c.saturating_sub(1), c + 1].iter().all(|o| *o == c || (values[*o] / values[c] - 1.0).abs() > 0.05)
    };
    let mut compared = 0;
    for c in (0..8).filter(|c| apart(*c)) {
        assert!(error(&found[c], &rotated[c]) < 1e-3, "direction {c}: {}", error(&found[c], &rotated[c]));
        assert!(error(&found[c], &rotated[c + 1]) > 0.5, "the control");
        compared += 1;
    }
    assert!(compared >= 4, "only {compared} directions were compared: {values:?}");
}

fn transposed(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    (0..rows[0].len()).map(|d| rows.iter().map(|row| row[d]).collect()).collect()
}

#[test]
fn all_rows_are_projected_on_the_principal_directions() {
    let gpu = open_gpu();
    let (rows, pca) = fixture(&gpu);
    run(&gpu, |plan| pca.record(plan));
    // Not centered: the largest direction holds the mean too.
    let (vectors, _) = twin::pca::eigenvectors(&twin::pca::back_project(&rows, &rows));
    let expected = twin::pca::project(&rows, &twin::pca::fix_signs(&vectors[..5]));
    let found: Vec<f64> = pca.projected.read(&gpu).concat().iter().map(|v| f64::from(*v)).collect();
    assert!(error(&found, &expected.concat()) < 1e-2, "{}", error(&found, &expected.concat()));
    let reversed: Vec<Vec<f64>> = expected.into_iter().rev().collect();
    assert!(error(&found, &reversed.concat()) > 0.1, "the control");
}

#[test]
fn rows_far_apart_do_not_count_in_the_sample() {
    let gpu = open_gpu();
    let (rows, pca) = fixture(&gpu);
    let directions = whole_rows(16, 29, 5);
    write_directions(&gpu, &pca, &directions);
    let projected = twin::pca::project(&rows, &directions);
    let far = [0, 77, 330];
    pca.rows.lengths.write(
        &gpu,
        0,
        &(0..336).map(|i| if far.contains(&i) { 8.0 } else { 7.0 }).collect::<Vec<_>>(),
    );
    for (apart, counts) in [(3e38, None), (7.5, Some(|i: usize| ![0, 77, 330].contains(&i)))] {
        pca.rows.summary.write(&gpu, 0, &[Summary::of_apart(apart)]);
        run(&gpu, |plan| pca.project_sample(plan));
        let expected = match counts {
            Some(counts) => twin::pca::leave_out(&projected, &(0..331).map(counts).collect::<Vec<_>>()),
            None => projected.clone(),
        };
        let found = read_sample(&gpu, &pca).concat();
        assert!(error(&found, &expected.concat()) < 1e-6, "{}", error(&found, &expected.concat()));
        let all = twin::pca::leave_out(&projected, &[true; 331]).concat();
        assert!(error(&found, &all) > 0.01, "the control");
    }
}

#[test]
fn projections_of_rows_far_apart_are_as_long_as_the_rows() {
    let gpu = open_gpu();
    let (mut rows, _) = fixture(&gpu);
    // One of them is orthogonal to all directions, which begin with those of the other values.
    let far = [3, 200];
    rows.iter_mut().enumerate().for_each(|(i, row)| row[28] = if i == 3 { 900.0 } else { 0.0 });
    rows[3][..28].fill(0.0);
    rows[200].iter_mut().for_each(|v| *v = 40.0 * (*v + 1.0));
    rows[200][28] = 0.0;
    let uploaded = upload(&gpu, &rows, &[], 336 * 4 * 12);
    uploaded.summary.write(&gpu, 0, &[Summary::of_apart(30.0)]);
    far.iter().for_each(|i| uploaded.lengths.write(&gpu, *i, &[900.0]));
    // The projections lie in several buffers, too.
    let pca = Pca::new(&gpu, &uploaded, 5, 336 * 4 * 4).unwrap();
    assert_eq!(pca.projected.points.len(), 2);
    run(&gpu, |plan| pca.record(plan));
    let others: Vec<Vec<f64>> =
        rows.iter().enumerate().filter(|(i, _)| !far.contains(i)).map(|(_, row)| row.clone()).collect();
    let directions = twin::pca::fix_signs(&twin::pca::directions(&twin::pca::centered(&others), 5));
    let projected = twin::pca::project(&rows, &directions);
    let expected = |i: usize| {
        if far.contains(&i) { twin::pca::lengthened(&rows[i], &projected[i]) } else { projected[i].clone() }
    };
    let found = pca.projected.read(&gpu);
    for (i, found) in found.iter().enumerate() {
        let found: Vec<f64> = found.iter().map(|v| f64::from(*v)).collect();
        let apart = error(&found, &expected(i));
        assert!(apart < 1e-2, "row {i}: {apart}, {found:?} {:?}", expected(i));
    }
    assert_eq!(found[3], [900.0, 0.0, 0.0, 0.0, 0.0]);
    assert!(error(&projected[200], &expected(200)) > 0.01, "the control");
}
