//! The sums over the weights against their twin.

use revacnn::nn::twin::weight_sums;
use revacnn::nn::{Network, Parameters, Role, Shape, WeightSums};

use crate::compare::{assert_no_errors, open_gpu};

/// Tensors shorter and longer than what a workgroup adds, and none that decays in between.
const NETWORK: &str = r#"
layer = [
    { kind = "conv2d", filters = 5, kernel = 3 },
    { kind = "batch_norm" },
    { kind = "dense", units = 67 },
    { kind = "dense" },
]
"#;

#[test]
fn sums_over_the_weights_are_those_of_the_twin() {
    let gpu = open_gpu();
    let network = Network::parse(NETWORK, Shape::new(3, 11, 9), 3).unwrap();
    let parameters = Parameters::new(&gpu, &network, 3).unwrap();
    let mut values = parameters.values.read(&gpu);
    // What lies between the tensors counts in no sum, nor do biases.
    let mut weights = vec![false; values.len()];
    let decaying = parameters.tensors.iter().filter(|tensor| tensor.spec.role == Role::Weight);
    decaying.for_each(|tensor| weights[tensor.offset..tensor.offset + tensor.len].fill(true));
    values.iter_mut().zip(&weights).filter(|(_, weight)| !**weight).for_each(|(value, _)| *value = f32::NAN);
    parameters.values.write(&gpu, 0, &values);
    let all: Vec<f64> = values.iter().filter(|w| !w.is_nan()).map(|w| f64::from(*w)).collect();
    assert!(all.len() > 1 << 14 && !all.len().is_multiple_of(64));
    let sums = WeightSums::new(&gpu, &parameters).unwrap();
    sums.sums.write(&gpu, 0, &vec![[f32::NAN; 2]; sums.sums.len()]);
    let mut encoder = gpu.encoder("sums over weights");
    sums.plan.encode(&mut encoder);
    gpu.submit(encoder);
    assert_no_errors(&gpu);
    let chunks = sums.sums.read(&gpu);
    assert!(chunks.len() > 3, "a tensor is cut in several");
    let total = |of: usize| chunks.iter().map(|chunk| f64::from(chunk[of])).sum::<f64>();
    let made = [total(0), total(1)];
    let expected = weight_sums(&all);
    for (made, expected) in made.into_iter().zip(expected) {
        assert!((made - expected).abs() < 1e-5 * expected, "{made} instead of {expected}");
    }
    let fewer = weight_sums(&all[1..]);
    assert!((made[1] - fewer[1]).abs() > 1e-5 * fewer[1], "one weight less is noticed");
}
