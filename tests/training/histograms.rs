//! Histograms of a step against their twins: counts exact.

use revacnn::data::Sample;
use revacnn::gpu::{Buffer, Gpu, Plan};
use revacnn::nn::histograms::{
    BINS, COLUMNS, HistogramLayer, HistogramSources, Histograms, Quantity, Strips,
};
use revacnn::nn::twin::{bin_of, histogram, ratio_bin, strip_column, unit_counts};
use revacnn::nn::{Network, Parameters, Shape, Tensor};

use crate::compare::{assert_no_errors, open_gpu};

/// Weights of more than one workgroup, and of few.
const NETWORK: &str = r#"
layer = [
    { kind = "conv2d", filters = 5, kernel = 3 },
    { kind = "sigmoid" },
    { kind = "dense", units = 67 },
    { kind = "dense" },
]
"#;
/// Slots, of which the last four are probes; of the others 7 hold an image.
const SLOTS: usize = 12;
const TRAINED: usize = 8;

/// Values of all magnitudes, the edges of bins among them.
fn values(count: usize, seed: u64) -> Vec<f32> {
    let small = [2.0_f32.powi(-12), -(2.0_f32.powi(-28)), 1e-45, -1e-39, 0.0, -0.0, 0.01, 0.99];
    let large = [1.0, -1.0, 1.5, 2.0, 16.0, 15.999, 1e9, -1e9, 0.75];
    let edges = [&small[..], &large[..]].concat();
    let drawn = Tensor::sample(Shape::new(count, 1, 1), 1, seed).values;
    let value = |(index, drawn): (usize, f64)| match index % 5 {
        0 => edges[index / 5 % edges.len()],
        1 | 3 => (drawn * 2.0_f64.powi(3 - (index / 5 % 40) as i32)) as f32,
        _ => drawn as f32,
    };
    drawn.into_iter().enumerate().map(value).collect()
}

/// The samples of a step, and those that count.
fn samples(gpu: &Gpu) -> (Buffer<Sample>, Vec<bool>) {
    let counts: Vec<bool> = (0..SLOTS).map(|slot| slot < TRAINED - 1).collect();
    let scale = |slot: usize| match slot {
        slot if counts[slot] => 0.1,
        slot if slot >= TRAINED => 1.0,
        _ => 0.0,
    };
    let all: Vec<Sample> =
        (0..SLOTS).map(|slot| Sample { scale: scale(slot), ..Sample::default() }).collect();
    (Buffer::from_slice(gpu, "samples", &all), counts)
}

/// A step whose buffers hold values of all magnitudes.
struct Step {
    layers: Vec<HistogramLayer>,
    parameters: Parameters,
    before: Vec<f32>,
    after: Vec<f32>,
    gradients: Vec<f32>,
    maps: Vec<Vec<f32>>,
    counted: Vec<bool>,
}

fn step(gpu: &Gpu) -> Step {
    let network = Network::parse(NETWORK, Shape::new(3, 11, 9), 3).unwrap();
    let parameters = Parameters::new(gpu, &network, 3).unwrap();
    let [mut after, before, gradients] = [1, 2, 3].map(|seed| values(parameters.values.len(), seed));
    // Every third weight changes by little, every seventh not at all.
    for (index, (after, before)) in after.iter_mut().zip(&before).enumerate() {
        match index {
            index if index % 7 == 0 => *after = *before,
            index if index % 3 == 0 => *after = before * (1.0 + 2.0_f32.powi(-(index as i32 % 20))),
            _ => {}
        }
    }
    parameters.values.write(gpu, 0, &after);
    parameters.last_gradients.write(gpu, 0, &gradients);
    let weights = |name: &str| parameters.tensor(name).map(|tensor| (tensor.offset, tensor.len)).ok();
    let of = [weights("conv1.weight"), None, weights("dense1.weight")];
    assert!(of[2].unwrap().1 > 1 << 13, "several workgroups");
    let shapes = [Shape::new(5, 9, 7), Shape::new(5, 9, 7), Shape::new(67, 1, 1)];
    let layer = |index: usize| {
        let (shape, weights) = (shapes[index], of[index]);
        HistogramLayer { node: index + 1, shape, weights, saturates: index as u32 }
    };
    let counted = samples(gpu).1;
    let map = |(seed, shape): (usize, &Shape)| {
        let mut map = values(shape.len() * SLOTS, seed as u64 + 9);
        // A channel that is silent but for probes and padding.
        let first = map[..shape.len() / shape.channels * SLOTS].iter_mut().enumerate();
        first.for_each(|(i, value)| {
            *value = if counted[i % SLOTS] { -value.abs() } else { value.abs() + 0.1 }
        });
        map
    };
    let maps = std::iter::once(vec![0.0; 4]).chain(shapes.iter().enumerate().map(map)).collect();
    Step { layers: (0..3).map(layer).collect(), parameters, before, after, gradients, maps, counted }
}

impl Step {
    /// Counts by the twins.
    fn expected(&self, quantity: Quantity, layer: &HistogramLayer) -> Vec<u32> {
        let bin = |value: &f32| bin_of(f64::from(*value), quantity.scale());
        let ratio = |i: usize| {
            let (change, before) = (f64::from(self.after[i] - self.before[i]), f64::from(self.before[i]));
            ratio_bin(before, before + change)
        };
        match (quantity, layer.weights) {
            (Quantity::Activations, _) => {
                let all = self.maps[layer.node].iter().zip(self.counted.iter().cycle());
                histogram(all.filter(|(_, counted)| **counted).map(|(value, _)| bin(value)))
            }
            (_, None) => vec![0; BINS],
            (Quantity::Ratios, Some((first, len))) => histogram((first..first + len).map(ratio)),
            (Quantity::Weights, Some((first, len))) => histogram(self.after[first..][..len].iter().map(bin)),
            (_, Some((first, len))) => histogram(self.gradients[first..][..len].iter().map(bin)),
        }
    }

    /// Silent channels and saturated values by the twin.
    fn expected_units(&self, layer: &HistogramLayer, counted: &[bool]) -> [u32; 2] {
        let is_saturated = |value: f32| match layer.saturates {
            1 => !(0.01..=0.99).contains(&value),
            2 => value.abs() > 0.99,
            _ => false,
        };
        unit_counts(&self.maps[layer.node], layer.shape.channels, counted, is_saturated)
    }
}

#[test]
fn histograms_count_what_their_twins_count() {
    let gpu = open_gpu();
    let step = step(&gpu);
    let ranges: Vec<_> = step.maps.iter().map(|map| Buffer::from_slice(&gpu, "maps", map).range()).collect();
    let sources = HistogramSources {
        samples: samples(&gpu).0.range(),
        activations: &ranges,
        quads: [SLOTS / 4, TRAINED / 4],
        parameters: &step.parameters,
        left_out: &Plan::default(),
    };
    let layers = &step.layers;
    let histograms = Histograms::new(&gpu, layers, &sources).unwrap();
    histograms.before.write(&gpu, 0, &step.before);
    let strips = Strips::new(&gpu, layers.len()).unwrap();
    // Counts are those of one step, and not added to those of the step before.
    for place in [5, 2] {
        let mut encoder = gpu.encoder("histograms");
        histograms.count(&mut encoder, &strips, place);
        strips.draw(&gpu, &mut encoder, &[2, 5]);
        gpu.submit(encoder);
    }
    assert_no_errors(&gpu);
    let (made, picture) = (histograms.counts.read(&gpu), strips.read(&gpu));
    for quantity in Quantity::ALL {
        for (index, layer) in layers.iter().enumerate() {
            let series = quantity as usize * layers.len() + index;
            let expected = step.expected(quantity, layer);
            assert_eq!(made[series * BINS..][..BINS], expected, "{quantity:?} of layer {}", layer.node);
            for column in [0, COLUMNS - 1] {
                for (row, light) in strip_column(&expected).into_iter().enumerate() {
                    let made = f64::from(picture[(series * BINS + row) * COLUMNS + column]);
                    assert!((made - light).abs() < 1e-5, "{made} instead of {light}");
                }
            }
        }
    }
    let numbers = made[layers.len() * Quantity::ALL.len() * BINS..].chunks(3);
    for (layer, numbers) in layers.iter().zip(numbers) {
        assert_eq!(numbers[..2], step.expected_units(layer, &step.counted), "layer {}", layer.node);
        assert_eq!(numbers[2] as usize, layer.shape.len() * (TRAINED - 1));
        assert_ne!(numbers[..2], step.expected_units(layer, &[true; SLOTS]), "probes would be noticed");
    }
}
