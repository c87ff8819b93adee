//! Signs of filters against their twins.

use std::rc::Rc;

use revacnn::data::Dataset;
use revacnn::gpu::{Buffer, Gpu};
use revacnn::nn::twin::{channel_counts, nearest_kernel};
use revacnn::nn::{NearestKernel, Network, SignLayer, Trainer, TrainerOptions};

use crate::compare::{assert_no_errors, open_gpu};

/// A relu, a tanh behind a batch norm, a sigmoid that two layers take, and layers without a function.
const NETWORK: &str = r#"
layer = [
    { kind = "conv2d", name = "a", filters = 7, kernel = 3 },
    { kind = "relu" },
    { kind = "conv2d", name = "b", filters = 5, kernel = 2, stride = 2 },
    { kind = "batch_norm" },
    { kind = "tanh" },
    { kind = "dense", name = "c", units = 67 },
    { kind = "sigmoid" },
    { kind = "dense" },
]
"#;
/// Images of two parts, which are no multiples of 4.
const PARTS: [usize; 2] = [13, 6];

/// Weights of which some kernels are alike, and one is zero; large, so that functions are saturated.
fn weights(trainer: &Trainer, gpu: &Gpu) -> Vec<f32> {
    let parameters = &trainer.parameters;
    let mut values: Vec<f32> = parameters.values.read(gpu).iter().map(|value| 9.0 * value).collect();
    let a = parameters.offsets[0][0];
    values.copy_within(a..a + 9, a + 4 * 9);
    values[a + 4 * 9..a + 5 * 9].iter_mut().for_each(|value| *value *= 0.25);
    values[a + 2 * 9..a + 3 * 9].fill(0.0);
    values
}

fn is_saturated(layer: &SignLayer, value: f32) -> bool {
    match layer.function {
        Some("tanh") => value.abs() > 0.99,
        Some("sigmoid") => !(0.01..=0.99).contains(&value),
        _ => false,
    }
}

#[test]
fn signs_are_those_of_the_twins() {
    let gpu = Rc::new(open_gpu());
    let data = Dataset::open("digits").unwrap();
    let network = Network::parse(NETWORK, data.shape.into(), data.classes.len()).unwrap();
    let mut trainer = Trainer::new(Rc::clone(&gpu), &data, network, TrainerOptions::default()).unwrap();
    let images = trainer.room_for_validation(PARTS[0]).unwrap();
    let (pass, signs) = trainer.ablation_pass(&images).unwrap();
    let values = weights(&trainer, &gpu);
    pass.values.write(&gpu, 0, &values);
    trainer.parameters.values.write(&gpu, 0, &values);
    let nothing = NearestKernel { cosine: f32::NAN, other: 3, norm: f32::NAN };
    signs.nearest.write(&gpu, 0, &vec![nothing; signs.nearest.len()]);
    let first = trainer.loader.validation().start;
    let mut at = first;
    for count in PARTS {
        trainer.loader.fill(&gpu, &images, at..at + count).unwrap();
        at += count;
        let mut encoder = gpu.encoder("signs");
        pass.begin(&mut encoder, None);
        let mut plan = pass.whole();
        plan.extend(&signs.count);
        plan.extend(&signs.compare);
        plan.encode(&mut encoder);
        gpu.submit(encoder);
    }
    assert_no_errors(&gpu);
    let (counts, nearest) = (signs.counts.read(&gpu), signs.nearest.read(&gpu));
    let functions: Vec<_> = signs.layers.iter().map(|layer| layer.function).collect();
    assert_eq!(functions, [Some("relu"), Some("tanh"), Some("sigmoid"), None]);
    let mut saturated = 0;
    for layer in &signs.layers {
        let node = trainer.response_node(layer.layer + 1);
        let positions: Vec<usize> = (first..at).collect();
        // `[i, c, y, x]`, as the twin wants `[c, p, n]`.
        let rows = trainer.features(node, &positions).unwrap();
        let (len, pixels) = (layer.filters * layer.pixels, layer.pixels);
        let place = |index: usize| rows[index % positions.len() * len + index / positions.len()];
        let maps: Vec<f32> = (0..rows.len()).map(place).collect();
        assert_eq!(maps.len(), layer.filters * pixels * positions.len());
        let twin = |counted: &[bool]| {
            channel_counts(&maps, layer.filters, counted, |value| is_saturated(layer, value))
        };
        let own = &counts[layer.first..layer.first + layer.filters];
        assert_eq!(own, twin(&vec![true; positions.len()]), "{layer:?}");
        let mut without = vec![true; positions.len()];
        without[PARTS[0]..].fill(false);
        assert_ne!(own, twin(&without), "the second part is noticed");
        saturated += own.iter().filter(|[_, saturated]| *saturated > 0).count();
        compare(layer, &nearest, &kernels(&trainer, &values, layer));
    }
    assert!(saturated > 20, "{saturated} filters saturate");
    let found = nearest[4];
    assert!(found.other == 0 && found.cosine > 0.9999 && nearest[0].other == 4, "{found:?}");
    assert_eq!((nearest[2].other, nearest[2].norm), (NearestKernel::NONE, 0.0), "a kernel without weights");
}

fn kernels(trainer: &Trainer, values: &[f32], layer: &SignLayer) -> Vec<Vec<f64>> {
    let offset = trainer.parameters.offsets[layer.layer][0];
    let all = &values[offset..offset + layer.filters * layer.weights];
    all.chunks(layer.weights).map(|kernel| kernel.iter().map(|v| f64::from(*v)).collect()).collect()
}

fn compare(layer: &SignLayer, nearest: &[NearestKernel], kernels: &[Vec<f64>]) {
    for (of, found) in nearest[layer.first..layer.first + layer.filters].iter().enumerate() {
        let (best, norm) = nearest_kernel(kernels, of);
        assert!((f64::from(found.norm) - norm).abs() <= 1e-5 * norm, "{found:?}: {norm}");
        let Some((cosine, other)) = best else { continue };
        assert!((f64::from(found.cosine) - cosine).abs() < 1e-5, "{found:?}: {cosine}");
        // Others as near may come before it by rounding.
        let of_found = nearest_kernel(&[kernels[of].clone(), kernels[found.other as usize].clone()], 0);
        assert!(found.other as usize == other || (of_found.0.unwrap().0 - cosine).abs() < 1e-6, "{found:?}");
    }
}

#[test]
fn room_is_for_the_validation_images_at_most() {
    let gpu = Rc::new(open_gpu());
    let data = Dataset::open("digits").unwrap();
    let network = Network::parse(NETWORK, data.shape.into(), data.classes.len()).unwrap();
    let trainer = Trainer::new(Rc::clone(&gpu), &data, network, TrainerOptions::default()).unwrap();
    let images = trainer.room_for_validation(usize::MAX).unwrap();
    assert_eq!(images.count(), trainer.loader.validation_images);
    let samples: Vec<revacnn::data::Sample> = Buffer::of_range(&images.samples).read(&gpu);
    assert!(samples.iter().all(|sample| sample.scale == 0.0), "it is empty at first");
}
