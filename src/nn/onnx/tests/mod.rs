//! Models that the tests encode themselves, files that are refused, and damaged ones.

mod layout;
mod shared;
mod transposed;
mod unfolded;

use std::path::Path;

use prost::Message as _;
use rand::{RngExt as _, SeedableRng as _};

use super::proto::{
    Attribute, Dimension, Graph, KeyValue, ModelFile, Node, OperatorSet, TensorData, TensorShape, TensorType,
    ValueInfo, ValueType,
};
use crate::data::ChannelStats;
use crate::error::Result;
use crate::nn::{Model, Shape};

/// Mutated files; more by this environment variable.
const MUTATED: usize = 10_000;
const MORE: &str = "REVACNN_ONNX_MUTATIONS";

fn node(op_type: &str, input: &[&str], output: &str) -> Node {
    Node {
        op_type: op_type.to_owned(),
        name: format!("the {op_type}"),
        input: input.iter().map(|name| (*name).to_owned()).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    }
}

fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorData {
    let (name, dims, float_data) = (name.to_owned(), dims.to_vec(), values.to_vec());
    TensorData { name, dims, data_type: 1, float_data, ..Default::default() }
}

fn ints(name: &str, values: &[i64]) -> TensorData {
    let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let (name, dims) = (name.to_owned(), vec![values.len() as i64]);
    TensorData { name, dims, data_type: 7, raw_data, ..Default::default() }
}

fn with(node: Node, name: &str, value: i64) -> Node {
    let attribute = Attribute { name: name.to_owned(), i: value, ..Default::default() };
    Node { attribute: [node.attribute, vec![attribute]].concat(), ..node }
}

fn with_ints(node: Node, name: &str, ints: &[i64]) -> Node {
    let attribute = Attribute { name: name.to_owned(), ints: ints.to_vec(), ..Default::default() };
    Node { attribute: [node.attribute, vec![attribute]].concat(), ..node }
}

fn value(name: &str, sizes: &[i64]) -> ValueInfo {
    let dim = |size: &i64| match size {
        0 => Dimension { dim_param: Some("open".to_owned()), ..Default::default() },
        size => Dimension { dim_value: Some(*size), ..Default::default() },
    };
    let shape = Some(TensorShape { dim: sizes.iter().map(dim).collect() });
    let r#type = Some(ValueType { tensor_type: Some(TensorType { elem_type: 1, shape }) });
    ValueInfo { name: name.to_owned(), r#type }
}

/// A model whose last node makes `y`.
fn model(node: Vec<Node>, initializer: Vec<TensorData>) -> ModelFile {
    let (input, output) = (vec![value("x", &[0, 1, 2, 2])], vec![value("y", &[0, 2])]);
    let graph = Graph { node, initializer, input, output, ..Default::default() };
    let opset_import = vec![OperatorSet { version: 17, ..Default::default() }];
    ModelFile { graph: Some(graph), opset_import, ..Default::default() }
}

fn read(model: &ModelFile) -> Result<Model> {
    Model::read(&model.encode_to_vec(), Path::new("."), "model")
}

/// The error of a model that is refused.
fn refused(model: &ModelFile) -> String {
    let error = read(model).err().expect("it is refused");
    format!("{}; {}", error.what(), error.help())
}

/// A convolution, a relu, and a flatten by shape nodes before a product with a bias that stands apart.
fn small() -> ModelFile {
    let shapes = vec![
        node("Shape", &["b"], "shape"),
        node("Gather", &["shape", "first"], "batch"),
        with_ints(node("Unsqueeze", &["batch"], "batch1"), "axes", &[0]),
        with(node("Concat", &["batch1", "rest"], "to"), "axis", 0),
        node("Reshape", &["b", "to"], "flat"),
    ];
    let mut first = ints("first", &[0]);
    first.dims.clear();
    let nodes = [
        vec![
            with_ints(node("Conv", &["x", "edges.weight"], "a"), "pads", &[0, 0, 1, 1]),
            node("Relu", &["a"], "b"),
        ],
        shapes,
        vec![
            node("MatMul", &["flat", "w"], "product"),
            node("Add", &["product", "bias"], "sum"),
            with(node("Softmax", &["sum"], "y"), "axis", 1),
        ],
    ];
    let weights: Vec<f32> = (0..8).map(|value| value as f32).collect();
    let initializers = vec![
        floats("edges.weight", &[1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0]),
        first,
        ints("rest", &[-1]),
        floats("w", &[4, 2], &weights),
        floats("bias", &[2], &[0.5, -0.5]),
    ];
    model(nodes.concat(), initializers)
}

#[test]
fn a_small_model_becomes_layers_with_its_weights() {
    let imported = read(&small()).unwrap();
    let network = &imported.network;
    assert_eq!((network.input, network.classes), (Shape::new(1, 2, 2), 2));
    let kinds: Vec<_> = network.layers.iter().map(|l| (l.name.as_str(), l.layer.kind())).collect();
    // Padded below and to the right alone.
    let expected =
        [("pad1", "pad"), ("edges", "conv2d"), ("relu1", "relu"), ("flat1", "flatten"), ("dense1", "dense")];
    assert_eq!(kinds, expected);
    assert_eq!(network.layers[0].layer.summary(), "zeros, top 0, bottom 1, left 0, right 1");
    assert_eq!(imported.weights[1][0], [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(imported.weights[4], [vec![0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0], vec![0.5, -0.5]]);
    assert_eq!(imported.notes.len(), 1, "{:?}", imported.notes);
}

/// The output of a frozen batch norm for an image that was normalized by its data set is the image as the network was trained with it.
#[test]
fn the_normalization_of_a_data_set_becomes_that_of_the_network() {
    let stats = ChannelStats { mean: vec![0.3], std: vec![0.2] };
    let open = || read(&small()).unwrap();
    let imported = open().normalized(&stats, &[0.5], &[0.25]).unwrap();
    let first = &imported.network.layers[0];
    assert_eq!((first.name.as_str(), imported.network.layers[1].inputs[0]), ("input_norm", 1));
    let [weight, bias, mean, variance] = &imported.weights[0][..] else { panic!("a batch norm has four") };
    for pixel in [0.0_f32, 0.3, 1.0] {
        let given = (pixel - stats.mean[0]) / stats.std[0];
        let made = weight[0] * (given - mean[0]) / (variance[0] + 1e-5).sqrt() + bias[0];
        assert!((made - (pixel - 0.5) / 0.25).abs() < 1e-5, "{pixel}: {made}");
    }
    for (mean, std) in [(&[0.5, 0.5][..], &[0.25][..]), (&[0.5], &[0.0]), (&[f32::NAN], &[0.25])] {
        assert!(open().normalized(&stats, mean, std).is_err(), "{mean:?} {std:?}");
    }
}

#[test]
fn gelu_in_parts_is_one_layer() {
    let root = floats("root", &[], &[std::f32::consts::SQRT_2]);
    let constants = [root, floats("one", &[], &[1.0]), floats("half", &[], &[0.5])];
    let parts = |last: [Node; 2]| {
        let first =
            [node("Div", &["x", "root"], "d"), node("Erf", &["d"], "e"), node("Add", &["e", "one"], "p")];
        let end = with(node("Flatten", &["g"], "y"), "axis", 1);
        read(&model([&first[..], &last, &[end]].concat(), constants.to_vec()))
    };
    let orders = [
        [node("Mul", &["x", "p"], "m"), node("Mul", &["m", "half"], "g")],
        [node("Mul", &["x", "half"], "m"), node("Mul", &["m", "p"], "g")],
        [node("Mul", &["half", "p"], "m"), node("Mul", &["m", "x"], "g")],
    ];
    for order in orders {
        let network = parts(order).unwrap().network;
        assert_eq!(network.layers[0].layer.kind(), "gelu");
    }
    let other = parts([node("Mul", &["x", "p"], "m"), node("Mul", &["m", "root"], "g")]);
    assert!(other.is_err_and(|error| error.what().contains("the Flatten")));
}

#[test]
fn what_cannot_be_imported_is_named() {
    let flat = || with(node("Flatten", &["a"], "y"), "axis", 1);
    let two = |op: &str| model(vec![node(op, &["x"], "a"), flat()], vec![]);
    let unknown = refused(&two("Mish"));
    assert!(unknown.contains("\"the Mish\" (Mish)") && unknown.contains("silu"), "{unknown}");
    assert!(refused(&two("Frobnicate")).contains("Frobnicate"));
    let cycle = model(vec![node("Add", &["x", "b"], "a"), node("Relu", &["a"], "b"), flat()], vec![]);
    assert!(refused(&cycle).contains("cycle"));
    let missing = model(vec![node("Add", &["x", "nowhere"], "a"), flat()], vec![]);
    assert!(refused(&missing).contains("nowhere"));
    let names: Vec<String> = (0..5000).map(|at| format!("v{at}")).collect();
    let long = names.windows(2).map(|pair| node("Relu", &[&pair[0]], &pair[1]));
    let first = node("Relu", &["x"], "v0");
    let end = with(node("Flatten", &["v4999"], "y"), "axis", 1);
    let deep = model([first].into_iter().chain(long).chain([end]).collect(), vec![]);
    assert!(refused(&deep).contains("layer 4097"), "{}", refused(&deep));
    let change = |to: fn(&mut ModelFile, &mut Graph)| {
        let mut model = small();
        let mut graph = model.graph.take().unwrap();
        to(&mut model, &mut graph);
        model.graph = Some(graph);
        refused(&model)
    };
    assert!(change(|_, graph| graph.input.push(value("z", &[1]))).contains("2 inputs"));
    assert!(change(|_, graph| graph.input[0] = value("x", &[1, 1, 0, 2])).contains("(open)"));
    assert!(change(|_, graph| graph.input[0] = value("x", &[1, 4])).contains("2 sizes"));
    assert!(change(|model, _| model.opset_import[0].version = 6).contains("version 6"));
    assert!(change(|_, graph| graph.initializer[3].dims = vec![5, 2]).contains("\"w\""));
    assert!(change(|_, graph| graph.initializer[3].dims = vec![i64::MAX, 2]).contains("\"w\""));
    assert!(change(|_, graph| graph.initializer[4].dims = vec![-2]).contains("\"bias\""));
    assert!(change(|_, graph| graph.initializer[3].data_type = 8).contains("type 8"));
    assert!(change(|_, graph| graph.node[0].domain = "com.other".to_owned()).contains("com.other"));
}

/// Numbers as bytes, in lists of their type, of half and double width: all the same constants.
#[test]
fn every_type_of_number_is_read() {
    let values = [0.5_f32, -2.0];
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let doubles: Vec<u8> = values.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect();
    let halves: Vec<u8> = values.iter().flat_map(|v| half::f16::from_f32(*v).to_le_bytes()).collect();
    let short: Vec<u8> = values.iter().flat_map(|v| half::bf16::from_f32(*v).to_le_bytes()).collect();
    let bits = values.iter().map(|v| i32::from(half::f16::from_f32(*v).to_bits())).collect();
    let base = TensorData { name: "bias".to_owned(), dims: vec![2], ..Default::default() };
    let tensors = [
        TensorData { data_type: 1, raw_data: bytes, ..base.clone() },
        TensorData { data_type: 11, raw_data: doubles, ..base.clone() },
        TensorData { data_type: 10, raw_data: halves, ..base.clone() },
        TensorData { data_type: 16, raw_data: short, ..base.clone() },
        TensorData { data_type: 10, int32_data: bits, ..base.clone() },
        TensorData { data_type: 11, double_data: vec![0.5, -2.0], ..base },
    ];
    for tensor in tensors {
        let mut model = small();
        model.graph.as_mut().unwrap().initializer[4] = tensor;
        assert_eq!(read(&model).unwrap().weights[4][1], values);
    }
}

#[test]
fn weights_in_another_file_lie_in_the_models_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("model");
    std::fs::create_dir(&inner).unwrap();
    let bytes: Vec<u8> = [9.0_f32, 0.5, -2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(folder.path().join("outside.data"), &bytes).unwrap();
    std::fs::write(inner.join("inside.data"), &bytes).unwrap();
    let read = |location: &str, offset: &str, length: &str| {
        let mut model = small();
        let entry = |key: &str, value: &str| KeyValue { key: key.to_owned(), value: value.to_owned() };
        let external_data =
            vec![entry("location", location), entry("offset", offset), entry("length", length)];
        let bias = &mut model.graph.as_mut().unwrap().initializer[4];
        *bias = TensorData {
            name: "bias".to_owned(),
            dims: vec![2],
            data_type: 1,
            data_location: 1,
            external_data,
            ..Default::default()
        };
        Model::read(&model.encode_to_vec(), &inner, "model").map(|imported| imported.weights[4][1].clone())
    };
    assert_eq!(read("inside.data", "4", "8").unwrap(), [0.5, -2.0]);
    let fails = |location: &str, offset: &str, length: &str, why: &str| {
        let error = read(location, offset, length).unwrap_err();
        assert!(error.what().contains(why), "{location} {offset} {length}: {error}");
    };
    fails("../outside.data", "4", "8", "outside the model's folder");
    fails(&folder.path().join("outside.data").display().to_string(), "4", "8", "outside the model's folder");
    fails("", "4", "8", "outside the model's folder");
    fails("inside.data", "8", "8", "need 8 bytes");
    fails("inside.data", "4", "7", "need 8 bytes");
    fails("inside.data", "99999999999999999999", "8", "offset");
    fails("missing.data", "0", "8", "missing.data, which is not there");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("../outside.data", inner.join("link.data")).unwrap();
        fails("link.data", "4", "8", "outside the model's folder");
    }
}

/// No file makes it panic, however its bytes are changed, cut or put in twice.
#[test]
fn mutated_files_are_read_or_refused() {
    let whole = small().encode_to_vec();
    let count = std::env::var(MORE).ok().and_then(|count| count.parse().ok()).unwrap_or(MUTATED);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(16);
    let mut read = 0;
    for _ in 0..count {
        let mut bytes = whole.clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..6) {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] = rng.random(),
                2 => bytes[at] ^= 1 << rng.random_range(0..8),
                3 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)],
                4 => drop(bytes.remove(at).min(1)),
                _ => bytes.insert(at, rng.random()),
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        read += usize::from(Model::read(&bytes, Path::new("."), "model").is_ok());
    }
    assert!(read > 0 && read < count, "{read} of {count} mutated files were read");
}
