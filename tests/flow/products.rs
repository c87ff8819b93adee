//! The products of a filter, GPU against twin; and against the map that the network itself makes.

use std::rc::Rc;

use revacnn::gpu::{Buffer, BufferRange, Gpu, TensorView};
use revacnn::nn::{Channels, Hyper, Trainer};
use revacnn::session::{RunSettings, Session};
use revacnn::view::flow::EdgeKernels;
use revacnn::view::flow::products::{ProductSet, Products, Terms, product_twin};

use super::edges::convolutions;
use super::{gpu, values};

fn run(gpu: &Gpu, products: &mut Products) {
    products.maps.write(gpu, 0, &vec![f32::NAN; products.maps.len()]);
    products.totals.write(gpu, 0, &vec![f32::NAN; products.totals.len()]);
    products.terms.write(gpu, 0, &vec![f32::NAN; products.terms.len()]);
    let mut encoder = gpu.encoder("products");
    products.record(&mut encoder.begin_compute_pass(&Default::default()));
    gpu.submit(encoder);
}

/// Compares maps, totals and terms with what the twin's products add up to; returns the largest difference, measured by the magnitudes that
/// are added up.
fn difference(gpu: &Gpu, products: &Products, set: &ProductSet, twin: &[Vec<[f64; 2]>], bias: f64) -> f64 {
    let mut most: f64 = 0.0;
    let mut compare = |found: f32, [expected, size]: [f64; 2]| {
        let difference = (f64::from(found) - expected).abs() / size.max(1e-3);
        most = if difference.is_nan() { f64::INFINITY } else { most.max(difference) };
    };
    let pixels = twin[0].len();
    let (maps, totals) = (products.maps.read(gpu), products.totals.read(gpu));
    for (c, channel) in twin.iter().enumerate() {
        (0..pixels).for_each(|pixel| compare(maps[c * pixels + pixel], channel[pixel]));
    }
    let sum = |pixel: usize| {
        let add = |sum: [f64; 2], channel: &Vec<[f64; 2]>| [0, 1].map(|i| sum[i] + channel[pixel][i]);
        twin.iter().fold([0.0; 2], add)
    };
    for pixel in 0..pixels {
        let [total, size] = sum(pixel);
        compare(totals[pixel], [total, size]);
        compare(totals[pixels + pixel], [total + bias, size + bias.abs()]);
    }
    let terms = Terms::read(&products.terms.read(gpu), twin.len()).unwrap();
    let (pixel, channel) = (set.focus.0 as usize, set.focus.1 as usize);
    terms.products.iter().zip(twin).for_each(|(found, channel)| compare(*found, channel[pixel]));
    assert_eq!(terms.values.len(), set.taps() as usize);
    let shown: f64 =
        terms.values.iter().zip(&terms.weights).map(|(v, w)| f64::from(*v) * f64::from(*w)).sum();
    compare(shown as f32, twin[channel][pixel]);
    let [total, size] = sum(pixel);
    for (found, expected) in terms.sum_bias_output.into_iter().zip([total, bias, total + bias]) {
        compare(found, [expected, size + bias.abs()]);
    }
    most
}

#[test]
fn products_add_up_to_the_output() {
    let gpu = gpu();
    let (maps, weights) = (values(4096, 5), values(4096, 6));
    let [map_buffer, weight_buffer] = [&maps, &weights].map(|v| Buffer::from_slice(&gpu, "values", v));
    for convolution in convolutions() {
        let edges = convolution.set(&map_buffer, &weight_buffer);
        let kernels: EdgeKernels = edges.kernels.unwrap();
        let mut view = edges.maps;
        if view.extents[0] == 1 {
            (view.extents[0], view.extents[1]) = (view.extents[1], 1);
        }
        let pixels = kernels.output[0] * kernels.output[1];
        for (filter, bias) in [(0, Some(2)), (kernels.weights.tiles() - 1, None)] {
            let focus = (pixels - 1, kernels.weights.channels() - 1);
            let set = ProductSet { maps: view.clone(), kernels: kernels.clone(), filter, bias, focus };
            let mut products = Products::new(&gpu, &set).unwrap();
            run(&gpu, &mut products);
            let twin = product_twin(&set, &maps, &weights);
            let bias = bias.map_or(0.0, |at| f64::from(weights[at as usize]));
            let worst = difference(&gpu, &products, &set, &twin, bias);
            assert!(worst < 1e-5, "kernel {:?}, filter {filter}: {worst}", kernels.weights.extents);
            // The comparison tells a neighbor's values apart.
            let other = ProductSet { filter: filter ^ 1, ..set.clone() };
            let other = product_twin(&other, &maps, &weights);
            assert!(difference(&gpu, &products, &set, &other, bias) > 1e-3);
        }
    }
}

/// A paused run after one step, whose probe is up to date with the weights.
pub(super) fn session(gpu: &Rc<Gpu>, network: &str) -> Session {
    let settings = RunSettings {
        dataset: "digits".to_owned(),
        seed: 3,
        batch: 8,
        augmentation: Default::default(),
        hyper: Hyper::default(),
        frozen: Vec::new(),
        data_edits: Default::default(),
        precision: Default::default(),
        probe: 7,
    };
    let mut session = Session::new(Rc::clone(gpu), network, settings, None).unwrap();
    session.single_step();
    while session.advance() {}
    session.settle();
    session.refresh().unwrap();
    session
}

/// Filter 1 of a layer; none where it has no kernels.
fn product_set(trainer: &Trainer, index: usize) -> Option<ProductSet> {
    let layer = &trainer.network.layers[index];
    let Channels::Made { groups } = layer.layer.channels() else { return None };
    let field = layer.layer.receptive_field(layer.input_shapes[0]);
    let kernels = EdgeKernels {
        weights: trainer.weights(index + 1)?,
        groups: groups as u32,
        stride: field.stride[0] as u32,
        padding: field.padding[0] as u32,
        dilation: field.dilation as u32,
        transposed: field.is_transposed,
        output: [layer.output.height as u32, layer.output.width as u32],
    };
    let bias = Some(trainer.parameters.offsets[index][1] as u32 + 1);
    Some(ProductSet {
        maps: trainer.activations(layer.inputs[0], 0),
        kernels,
        filter: 1,
        bias,
        focus: (0, 0),
    })
}

/// The output of a filter of every layer with kernels is the map that the network made, to 1e-5 of what is added up.
#[test]
fn the_output_is_the_map_that_the_network_makes() {
    let gpu = gpu();
    let read = |view: &TensorView| Buffer::<f32>::of_range(&BufferRange::whole(&view.buffer)).read(&gpu);
    for network in ["revacnn", "resnet-8", "revacnn-keras"] {
        let session = session(&gpu, network);
        let trainer = session.trainer();
        let weights = trainer.parameters.values.read(&gpu);
        let mut compared = 0;
        for (index, layer) in trainer.network.layers.iter().enumerate() {
            let Some(set) = product_set(trainer, index) else { continue };
            let mut products = Products::new(&gpu, &set).unwrap();
            (0..4).for_each(|_| run(&gpu, &mut products));
            let output = products.totals.read(&gpu)[layer.output.pixels()..].to_vec();
            let view = trainer.activations(index + 1, 0);
            let (made, twin) = (read(&view), product_twin(&set, &read(&set.maps), &weights));
            for (pixel, found) in output.iter().enumerate() {
                let [y, x] = [pixel / layer.output.width, pixel % layer.output.width].map(|at| at as u32);
                let size: f64 = twin.iter().map(|channel| channel[pixel][1]).sum();
                let difference = f64::from(found - made[view.element([1, 0, y, x]) as usize]).abs();
                let name = format!("{network}, {}", layer.name);
                assert!(difference <= 1e-5 * size.max(1e-2), "{name}: {difference} of {size}");
                compared += 1;
            }
        }
        assert!(compared > 80, "{network}: only {compared} pixels");
    }
}
