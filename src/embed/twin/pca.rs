//! Twin of randomized PCA: projection, Gram-Schmidt, and Jacobi's method on symmetric matrices.

/// Eigenvectors of a symmetric matrix, one a row, and their eigenvalues, both by falling eigenvalue: Jacobi's method.
pub fn eigenvectors(matrix: &[Vec<f64>]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let n = matrix.len();
    let mut products = matrix.to_vec();
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|a| (0..n).map(|b| f64::from(u8::from(a == b))).collect()).collect();
    for (a, b) in (0..15).flat_map(|_| (0..n).flat_map(|a| (0..a).map(move |b| (a, b)))) {
        if products[a][b] == 0.0 {
            continue;
        }
        let tau = (products[b][b] - products[a][a]) / (2.0 * products[a][b]);
        let t = tau.signum() / (tau.abs() + tau.hypot(1.0));
        let c = 1.0 / t.hypot(1.0);
        let turn = |x: f64, y: f64| (c * (x - t * y), c * (y + t * x));
        for k in 0..n {
            (products[a][k], products[b][k]) = turn(products[a][k], products[b][k]);
            (vectors[a][k], vectors[b][k]) = turn(vectors[a][k], vectors[b][k]);
        }
        for row in &mut products {
            (row[a], row[b]) = turn(row[a], row[b]);
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| products[*b][*b].total_cmp(&products[*a][*a]));
    (order.iter().map(|a| vectors[*a].clone()).collect(), order.iter().map(|a| products[*a][*a]).collect())
}

/// Rows `[i][d]`, minus their mean.
pub fn centered(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let (n, dims) = (rows.len() as f64, rows[0].len());
    let mean: Vec<f64> = (0..dims).map(|d| rows.iter().map(|row| row[d]).sum::<f64>() / n).collect();
    rows.iter().map(|row| row.iter().zip(&mean).map(|(value, mean)| value - mean).collect()).collect()
}

/// Rows `[i][d]` projected on directions `[c][d]`: `[i][c]`.
pub fn project(rows: &[Vec<f64>], directions: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum();
    rows.iter().map(|row| directions.iter().map(|direction| dot(row, direction)).collect()).collect()
}

/// Xᵀ P: directions `[c][d] = Σ_i projected[i][c] · rows[i][d]`.
pub fn back_project(rows: &[Vec<f64>], projected: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let (dims, columns) = (rows[0].len(), projected[0].len());
    let sum = |c: usize, d: usize| rows.iter().zip(projected).map(|(row, p)| row[d] * p[c]).sum();
    (0..columns).map(|c| (0..dims).map(|d| sum(c, d)).collect()).collect()
}

/// Directions `[c][d]` orthonormalized in order, by Gram and Schmidt.
pub fn orthonormalize(directions: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut made: Vec<Vec<f64>> = Vec::new();
    for direction in directions {
        let mut direction = direction.clone();
        for _ in 0..3 {
            for other in &made {
                let along: f64 = direction.iter().zip(other).map(|(x, y)| x * y).sum();
                direction.iter_mut().zip(other).for_each(|(x, y)| *x -= along * y);
            }
            let length = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
            direction.iter_mut().for_each(|x| *x /= length);
        }
        made.push(direction);
    }
    made
}

/// Directions `[c][d]`, each negated if its largest component is negative.
pub fn fix_signs(directions: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let sign = |direction: &Vec<f64>| {
        let largest = direction.iter().fold(0.0_f64, |most, v| if v.abs() > most.abs() { *v } else { most });
        let sign = if largest < 0.0 { -1.0 } else { 1.0 };
        direction.iter().map(|v| sign * v).collect()
    };
    directions.iter().map(sign).collect()
}

/// The `components` principal directions `[c][d]` of centered rows, by falling variance.
pub fn directions(centered: &[Vec<f64>], components: usize) -> Vec<Vec<f64>> {
    let (mut vectors, _) = eigenvectors(&back_project(centered, centered));
    vectors.truncate(components);
    vectors
}

/// Rows, centered, projected on their `components` principal directions.
pub fn principal(rows: &[Vec<f64>], components: usize) -> Vec<Vec<f64>> {
    let centered = centered(rows);
    project(&centered, &directions(&centered, components))
}

/// Projected rows `[i][c]` minus the mean of those that count; 0 for the others.
pub fn leave_out(projected: &[Vec<f64>], counts: &[bool]) -> Vec<Vec<f64>> {
    let counted: Vec<Vec<f64>> =
        projected.iter().zip(counts).filter(|(_, counts)| **counts).map(|(row, _)| row.clone()).collect();
    let mut centered = centered(&counted).into_iter();
    let row = |counts: &bool| {
        counts.then(|| centered.next()).flatten().unwrap_or_else(|| vec![0.0; projected[0].len()])
    };
    counts.iter().map(row).collect()
}

/// A projection as long as its row; along the first component where nothing is left of it.
pub fn lengthened(row: &[f64], projected: &[f64]) -> Vec<f64> {
    let norm = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
    let (length, left) = (norm(row), norm(projected));
    if left <= 1e-6 * length {
        return (0..projected.len()).map(|c| if c == 0 { length } else { 0.0 }).collect();
    }
    projected.iter().map(|v| v * (length / left)).collect()
}
