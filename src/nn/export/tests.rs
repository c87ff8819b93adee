//! Every kind of layer in every format, and ONNX files that come back as they went out.

use std::path::Path;

use rand::{RngExt as _, SeedableRng as _};

use super::{Exported, OPSETS};
use crate::data::ChannelStats;
use crate::nn::layers::KINDS;
use crate::nn::{Model, Network, Shape, preset_names};

/// Kinds that ONNX says in parts of which no layer is read back, or leaves out because nothing is left of them in predictions.
const NOT_READ: [&str; 3] = ["dropout", "local_response_norm", "maxout"];

/// A network with random weights.
fn model(network: Network) -> Model {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(7);
    let mut values = |len: usize| (0..len).map(|_| rng.random_range(0.1..1.0_f32)).collect::<Vec<_>>();
    let weights = network.layers.iter();
    let weights =
        weights.map(|layer| layer.parameters().iter().map(|spec| values(spec.len())).collect()).collect();
    Model { network, weights, notes: Vec::new() }
}

fn of_network(network: Network) -> Exported {
    let classes = (0..network.classes).map(|class| format!("class \"{class}\"")).collect();
    let channels = network.input.channels;
    let stats = ChannelStats { mean: vec![0.4; channels], std: vec![0.25; channels] };
    Exported { model: model(network), classes, normalization: Some(stats) }
}

/// Networks of one layer of each kind and sample, as far as it fits an image, then a dense layer.
fn of_each_kind() -> Vec<(&'static str, Network)> {
    let mut networks = Vec::new();
    for kind in KINDS {
        for (layer, inputs) in (kind.samples)() {
            let settings = toml::to_string(&layer.settings()).unwrap();
            let names = vec!["\"input\""; inputs.len()].join(", ");
            let first = format!("[[layer]]\nkind = \"{}\"\ninputs = [{names}]\n{settings}", kind.kind);
            let text = format!("{first}\n[[layer]]\nkind = \"dense\"\nunits = 3\n");
            networks.push((kind.kind, Network::parse(&text, inputs[0], 3).unwrap()));
        }
    }
    networks
}

#[test]
fn every_kind_of_layer_can_be_exported() {
    let networks = of_each_kind();
    assert!(networks.len() > KINDS.len());
    for (kind, network) in networks {
        let exported = of_network(network);
        for opset in OPSETS {
            exported.onnx(opset).unwrap_or_else(|error| panic!("{kind}: {error}"));
        }
        let source = exported.pytorch().unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert!(source.contains("nn.Linear("), "{source}");
        let weights = exported.pytorch_weights().unwrap();
        let stored = safetensors::SafeTensors::deserialize(&weights).unwrap();
        for (name, tensor) in stored.tensors() {
            let module = name.split('.').next().unwrap();
            assert!(source.contains(&format!("self.{module} = nn.")), "{name} in {source}");
            assert!(tensor.dtype() == safetensors::Dtype::F32 || name.ends_with(".num_batches_tracked"));
        }
    }
}

/// Checks that a file says of a network what it was: the layers with their settings and inputs, and the bits of the weights.
fn comes_back(exported: &Exported, opset: u32) {
    let bytes = exported.onnx(opset).unwrap();
    let read = Model::read(&bytes, Path::new("."), "network").unwrap_or_else(|error| panic!("{error}"));
    let given = &exported.model;
    let bits = |weights: &[Vec<Vec<f32>>]| -> Vec<Vec<u32>> {
        weights.iter().flatten().map(|values| values.iter().map(|value| value.to_bits()).collect()).collect()
    };
    assert_eq!(bits(&read.weights), bits(&given.weights));
    let layers = |network: &Network| -> Vec<String> {
        let kept =
            network.layers.iter().filter(|layer| !["flatten", "dropout"].contains(&layer.layer.kind()));
        kept.map(|layer| {
            let mut settings = layer.layer.settings();
            settings.remove("init");
            // It goes through 1 − momentum.
            let momentum = settings.remove("momentum").and_then(|value| value.as_float());
            let (kind, inputs) = (layer.layer.kind(), layer.input_shapes.iter().map(Shape::len));
            let inputs: Vec<usize> = inputs.collect();
            format!("{kind} {settings} {momentum:.5?} {inputs:?} → {}", layer.output)
        })
        .collect()
    };
    assert_eq!(layers(&read.network), layers(&given.network));
}

#[test]
fn what_is_exported_comes_back() {
    for (kind, network) in of_each_kind() {
        if !NOT_READ.contains(&kind) {
            let exported = of_network(network);
            comes_back(&exported, 18);
            comes_back(&exported, 20);
        }
    }
    for name in preset_names().into_iter().filter(|name| *name != "autoencoder") {
        let network = Network::open(name, Shape::new(3, 32, 32), 10).unwrap();
        comes_back(&of_network(network), 18);
    }
}

#[test]
fn names_are_python_s_own_where_they_can_be() {
    let text = "[[layer]]\nkind = \"conv2d\"\nname = \"class\"\nfilters = 2\nkernel = 1\n\
                [[layer]]\nkind = \"relu\"\nname = \"0.a\"\n[[layer]]\nkind = \"relu\"\nname = \"b.1\"\n\
                [[layer]]\nkind = \"relu\"\nname = \"b_1\"\n[[layer]]\nkind = \"dense\"\nname = \"dense1\"\n";
    let network = Network::parse(text, Shape::new(1, 2, 2), 2).unwrap();
    let names = super::names::python_names(&network);
    assert_eq!(names, ["class_layer", "layer_0_a_layer", "b_1", "b_1_2", "dense1"]);
}

#[test]
fn a_network_that_takes_pixels_normalizes_them_as_its_data_set() {
    let network = Network::open("lenet", Shape::new(1, 28, 28), 10).unwrap();
    let stats = ChannelStats { mean: vec![0.13], std: vec![0.31] };
    let model = model(network).taking_pixels(&stats).unwrap();
    assert_eq!((model.network.layers[0].name.as_str(), model.network.layers[1].inputs[0]), ("input_norm", 1));
    let [weight, bias, mean, variance] = &model.weights[0][..] else { panic!("a batch norm has four") };
    for pixel in [0.0_f32, 0.13, 1.0] {
        let made = weight[0] * (pixel - mean[0]) / (variance[0] + 1e-5).sqrt() + bias[0];
        assert!((made - (pixel - 0.13) / 0.31).abs() < 1e-5, "{pixel}: {made}");
    }
}

/// A chain of all kinds of layers that ConvNetJS has, with a dropout that does not lie right before the weights.
const CHAIN: &str = r#"
layer = [
    { kind = "conv2d", filters = 6, kernel = 3, padding = 1, stride = 2 },
    { kind = "local_response_norm", size = 3, alpha = 0.5 },
    { kind = "maxout", group = 2 },
    { kind = "max_pool2d", size = [2, 3], stride = 2, padding = 1 },
    { kind = "dropout", rate = 0.25 },
    { kind = "relu" },
    { kind = "conv2d", filters = 4, kernel = 2 },
    { kind = "sigmoid" },
    { kind = "flatten" },
    { kind = "dropout", rate = 0.5 },
    { kind = "dense", units = 5 },
    { kind = "tanh" },
    { kind = "dense" },
]
"#;

#[test]
fn a_chain_comes_back_from_the_json_of_convnetjs() {
    let network = Network::parse(CHAIN, Shape::new(3, 14, 11), 4).unwrap();
    let exported = of_network(network);
    let json = exported.convnetjs().unwrap();
    let read = crate::nn::convnetjs::read(&json, "chain").unwrap();
    let kinds = |network: &Network| -> Vec<String> {
        let kept = network.layers.iter().filter(|layer| layer.layer.kind() != "flatten");
        kept.map(|layer| {
            let mut settings = layer.layer.settings();
            settings.remove("init");
            format!("{} {settings} → {}", layer.layer.kind(), layer.output.len())
        })
        .collect()
    };
    assert_eq!(kinds(&read.network), kinds(&exported.model.network));
    assert_eq!(read.network.loss, exported.model.network.loss);
    let of = |weights: &[Vec<Vec<f32>>]| weights.iter().flatten().flatten().copied().collect::<Vec<f32>>();
    let (back, given) = (of(&read.weights), of(&exported.model.weights));
    assert_eq!(back.len(), given.len());
    // The share that a dropout keeps, 0.25 and 0.5, is a power of two: nothing is rounded.
    assert_eq!(back, given);
    let facts: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&facts["classes"][1], facts["mean"].as_array().unwrap().len()), (&"class \"1\"".into(), 3));
}

#[test]
fn a_filter_of_convnetjs_lies_by_row_column_and_channel() {
    let text = "layer = [{ kind = \"conv2d\", filters = 1, kernel = 2 }, { kind = \"dense\" }]";
    let mut exported = of_network(Network::parse(text, Shape::new(2, 2, 3), 1).unwrap());
    let count = |len: u8| (0..len).map(f32::from).collect::<Vec<_>>();
    exported.model.weights = vec![vec![count(8), vec![0.5]], vec![count(2), vec![0.25]]];
    let json: serde_json::Value = serde_json::from_str(&exported.convnetjs().unwrap()).unwrap();
    let filter = &json["layers"][1]["filters"][0];
    // [channel, y, x] is 4·channel + 2·y + x.
    assert_eq!(filter["w"], serde_json::json!([0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0]));
    assert_eq!((&filter["sx"], &filter["sy"], &filter["depth"]), (&2.into(), &2.into(), &2.into()));
    exported.model.weights[1][0][1] = f32::NAN;
    let error = exported.convnetjs().unwrap_err();
    assert!(error.what().contains("dense1") && error.what().contains("not finite"), "{error}");
}

#[test]
fn what_convnetjs_has_not_is_named() {
    for (layers, words) in [
        ("{ kind = \"conv2d\", filters = 2, kernel = 1, groups = 2 }, { kind = \"dense\" }", "groups"),
        ("{ kind = \"gelu\" }, { kind = \"dense\" }", "gelu"),
        (
            "{ kind = \"flatten\" }, { kind = \"maxout\" }, { kind = \"dense\" }",
            "a dense layer has to follow",
        ),
        (
            "{ kind = \"dropout\", rate = 0.5 }, { kind = \"tanh\" }, { kind = \"dense\" }",
            "between a dropout",
        ),
        ("{ kind = \"max_pool2d\", size = 2, stride = [1, 2] }, { kind = \"dense\" }", "alike for rows"),
        (
            "{ kind = \"relu\", name = \"a\" }, { kind = \"add\", inputs = [\"a\", \"input\"] }, { kind = \"dense\" }",
            "follow the layer before",
        ),
    ] {
        let network = Network::parse(&format!("layer = [{layers}]"), Shape::new(2, 5, 6), 3).unwrap();
        let error = of_network(network).convnetjs().unwrap_err();
        assert!(error.to_string().contains(words) && error.help().contains("ONNX"), "{layers}: {error}");
    }
}

#[test]
fn keras_builds_every_kind_of_layer_but_those_that_it_lacks() {
    for (kind, network) in of_each_kind() {
        let exported = of_network(network);
        let source = match exported.keras() {
            Ok(source) => source,
            Err(error) => {
                let says = |word: &str| error.what().contains(word);
                let strided = kind == "conv2d" && says("dilation")
                    || kind == "conv_transpose2d" && (says("dilation") || says("groups"));
                assert!(strided || ["local_response_norm", "avg_pool2d"].contains(&kind), "{kind}: {error}");
                continue;
            }
        };
        assert!(source.contains("layers.Dense(3, name="), "{source}");
        let lens = exported.model.weights.iter().flatten().map(Vec::len);
        let arrays = exported.keras_weights();
        assert!(arrays.iter().map(|(_, shape, _)| shape.iter().product::<usize>()).eq(lens), "{kind}");
        for (name, ..) in arrays {
            let (layer, _) = name.rsplit_once('.').unwrap();
            assert!(source.contains(&format!("name=\"{layer}\"")), "{name} in {source}");
        }
    }
}

#[test]
fn kernels_of_keras_lie_by_pixel_input_and_output() {
    let text = "layer = [{ kind = \"conv2d\", name = \"a1\", filters = 2, kernel = 2 }, { kind = \"dense\", name = \"b1\" }]";
    let network = Network::parse(text, Shape::new(2, 2, 3), 2).unwrap();
    let mut exported = of_network(network);
    let count = |from: i32, len: i32| (from..from + len).map(|value| value as f32).collect::<Vec<_>>();
    exported.model.weights = vec![vec![count(0, 16), count(50, 2)], vec![count(100, 8), count(200, 2)]];
    let arrays = exported.keras_weights();
    // [out, in, y, x] is 8·out + 4·in + 2·y + x.
    let kernel = [0., 8., 4., 12., 1., 9., 5., 13., 2., 10., 6., 14., 3., 11., 7., 15.];
    assert_eq!(arrays[0], ("a1.0".to_owned(), vec![2, 2, 2, 2], kernel.to_vec()));
    let dense = [100., 104., 101., 105., 102., 106., 103., 107.];
    assert_eq!(arrays[2], ("b1.0".to_owned(), vec![4, 2], dense.to_vec()));
}

#[test]
fn a_depthwise_kernel_of_keras_has_its_multiplier_last() {
    let text = "layer = [{ kind = \"conv2d\", name = \"a1\", filters = 4, kernel = 2, groups = 2 }, { kind = \"dense\" }]";
    let mut exported = of_network(Network::parse(text, Shape::new(2, 2, 2), 1).unwrap());
    let count = |len: u8| (0..len).map(f32::from).collect::<Vec<_>>();
    exported.model.weights = vec![vec![count(16), vec![0.0; 4]], vec![vec![0.0; 4], vec![0.0]]];
    let source = exported.keras().unwrap();
    assert!(source.contains("DepthwiseConv2D(2, depth_multiplier=2"), "{source}");
    // Filter 2·channel + multiplier has the values 4·filter + 2·y + x.
    let kernel = [0., 4., 8., 12., 1., 5., 9., 13., 2., 6., 10., 14., 3., 7., 11., 15.];
    assert_eq!(exported.keras_weights()[0], ("a1.0".to_owned(), vec![2, 2, 2, 2], kernel.to_vec()));
    let text = text.replace("groups = 2", "stride = 2, dilation = 2");
    let network = Network::parse(&text, Shape::new(2, 5, 5), 1).unwrap();
    let error = of_network(network).keras().unwrap_err();
    assert!(error.what().contains("a1") && error.what().contains("dilation"), "{error}");
}

#[test]
fn kernels_of_transposed_convolutions_lie_as_each_framework_has_them() {
    let layer = |more: &str| {
        format!(
            "layer = [{{ kind = \"conv_transpose2d\", name = \"a1\", filters = 4, kernel = 2{more} }}, {{ kind = \"dense\" }}]"
        )
    };
    let export = |more: &str| {
        let mut exported = of_network(Network::parse(&layer(more), Shape::new(2, 2, 3), 2).unwrap());
        let len = exported.model.weights[0][0].len();
        exported.model.weights[0][0] = (0..len).map(|value| value as f32).collect();
        exported
    };
    let whole = export(", stride = 2, padding = 1");
    // Ours is [out, in, y, x]: 8·out + 4·in + 2·y + x.
    let (_, shape, values) = &whole.tensors()[0];
    assert_eq!((&shape[..], &values[..8]), (&[2, 4, 2, 2][..], &[0., 1., 2., 3., 8., 9., 10., 11.][..]));
    let (_, shape, values) = &whole.keras_weights()[0];
    assert_eq!((&shape[..], &values[..8]), (&[2, 2, 4, 2][..], &[0., 4., 8., 12., 16., 20., 24., 28.][..]));
    let source = whole.keras().unwrap();
    let layers =
        "layers.Cropping2D(((1, 1), (1, 1)))(layers.Conv2DTranspose(4, 2, strides=2, name=\"a1\")(image))";
    assert!(source.contains(layers), "{source}");
    // Of two groups the first has the filters 0 and 1, which see one channel each.
    let halves = export(", groups = 2");
    let (_, shape, values) = &halves.tensors()[0];
    let first = [0., 1., 2., 3., 4., 5., 6., 7.];
    assert_eq!((&shape[..], &values[..8]), (&[2, 2, 2, 2][..], &first[..]));
    let source = export(", stride = 3, output_padding = -1").pytorch().unwrap();
    assert!(source.contains("nn.ConvTranspose2d(2, 4, 2, stride=3)"), "{source}");
    assert!(source.contains("self.a1(image)[:, :, :-1, :-1]"), "{source}");
    for (more, word) in [(", groups = 2", "groups"), (", stride = 2, dilation = 2", "dilation")] {
        let error = export(more).keras().unwrap_err();
        assert!(error.what().contains("a1") && error.what().contains(word), "{error}");
    }
}
