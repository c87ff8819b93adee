//! Twin of the repulsion.

/// Force on each point by all others, and `Z = Σ_{i≠j} q̃_ij`.
pub fn forces(points: &[[f64; 2]]) -> (Vec<[f64; 2]>, f64) {
    let mut z = 0.0;
    let force = |(i, a): (usize, &[f64; 2])| {
        let mut sum = [0.0; 2];
        for (j, b) in points.iter().enumerate() {
            let apart = [a[0] - b[0], a[1] - b[1]];
            let near = 1.0 / (1.0 + apart[0] * apart[0] + apart[1] * apart[1]);
            z += if i == j { 0.0 } else { near };
            sum = [sum[0] + near * near * apart[0], sum[1] + near * near * apart[1]];
        }
        sum
    };
    let forces = points.iter().enumerate().map(force).collect();
    (forces, z)
}
