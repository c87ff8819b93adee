//! Weights by name, by order, and those that do not fit.

use std::path::Path;

use super::*;
use crate::data::NamedTensor;
use crate::nn::Shape;

/// The layers of the network that the fixtures' weights are of, with names of their own.
const NETWORK: &str = r#"
layer = [
    { kind = "conv2d", filters = 3, kernel = 3 },
    { kind = "batch_norm" },
    { kind = "relu" },
    { kind = "flatten" },
    { kind = "dense" },
]
"#;

fn network(text: &str) -> Network {
    Network::parse(text, Shape::new(2, 4, 4), 2).unwrap()
}

fn fixture(name: &str) -> NamedTensors {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/weights").join(name);
    NamedTensors::open(&path).unwrap().unwrap()
}

fn counted(first: f32, len: usize) -> Vec<f32> {
    (0..len).map(|at| first + at as f32 / 64.0).collect()
}

/// The weights of the fixtures by layers.
fn wanted() -> Vec<Vec<Vec<f32>>> {
    let norm = [10.0, 20.0, 30.0, 40.0].map(|first| counted(first, 3));
    vec![
        vec![counted(0.0, 54), vec![0.0; 3]],
        norm.to_vec(),
        vec![],
        vec![],
        vec![counted(60.0, 24), counted(70.0, 2)],
    ]
}

fn file(tensors: &[(&str, &[usize])], is_ordered: bool) -> NamedTensors {
    let mut first = 0.0;
    let tensor = |(name, shape): &(&str, &[usize])| {
        first += 10.0;
        let values = counted(first, shape.iter().product());
        NamedTensor { name: (*name).to_owned(), shape: shape.to_vec(), values }
    };
    NamedTensors { tensors: tensors.iter().map(tensor).collect(), is_ordered }
}

#[test]
fn a_state_dict_goes_to_layers_by_name_or_in_order() {
    let named = NETWORK
        .replace("\"conv2d\"", "\"conv2d\", name = \"features.0\"")
        .replace("\"batch_norm\"", "\"batch_norm\", name = \"features.1\"")
        .replace("\"dense\"", "\"dense\", name = \"head\"");
    for name in ["plain.pt", "checkpoint.pt"] {
        let model = Model::of_weights(network(&named), &fixture(name), None).unwrap();
        assert_eq!((&model.weights, &model.notes), (&wanted(), &vec![]), "{name}");
        let model = Model::of_weights(network(NETWORK), &fixture(name), None).unwrap();
        assert_eq!(model.weights, wanted(), "{name}");
        let note = "weights that went to layers by their order: features.0 → conv1, features.1 → norm1, head → dense1";
        assert_eq!(model.notes, [note]);
    }
}

#[test]
fn names_come_first_and_the_others_go_in_order() {
    let text = r#"
    layer = [
        { kind = "conv2d", name = "a", filters = 2, kernel = 1 },
        { kind = "conv2d", name = "b", filters = 2, kernel = 1 },
        { kind = "conv2d", name = "c", filters = 2, kernel = 1 },
        { kind = "flatten" },
        { kind = "dense", name = "d" },
    ]
    "#;
    let kernel: &[usize] = &[2, 2, 1, 1];
    let tensors = [("x.weight", kernel), ("a.weight", kernel), ("c.weight", kernel), ("y.weight", &[2, 32])];
    for is_ordered in [true, false] {
        let model = Model::of_weights(network(text), &file(&tensors, is_ordered), None).unwrap();
        let firsts: Vec<f32> = model.weights.iter().filter_map(|of| Some(of.first()?[0])).collect();
        assert_eq!(firsts, [20.0, 10.0, 30.0, 40.0]);
        assert_eq!(model.notes, ["weights that went to layers by their order: x → b, y → d"]);
    }
    // Where a file's order says nothing, the shape decides.
    let turned: Vec<_> = tensors.iter().rev().copied().collect();
    let model = Model::of_weights(network(text), &file(&turned, false), None).unwrap();
    assert_eq!((model.weights[1][0][0], model.weights[4][0][0]), (40.0, 10.0));
    assert!(Model::of_weights(network(text), &file(&turned, true), None).is_err());
}

#[test]
fn arrays_without_names_go_in_order() {
    let arrays: [(&str, &[usize]); 8] = [
        ("arr_0", &[3, 2, 3, 3]),
        ("arr_1", &[3]),
        ("arr_2", &[3]),
        ("arr_3", &[3]),
        ("arr_4", &[3]),
        ("arr_5", &[3]),
        ("arr_6", &[2, 12]),
        ("arr_7", &[2]),
    ];
    let model = Model::of_weights(network(NETWORK), &file(&arrays, true), None).unwrap();
    let firsts: Vec<f32> = model.weights.iter().flatten().map(|values| values[0]).collect();
    assert_eq!(firsts, [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0]);
    let error = Model::of_weights(network(NETWORK), &file(&arrays[..7], true), None).err().unwrap();
    assert_eq!(error.what(), "no tensor is left for dense1.bias of [2]");
}

#[test]
fn other_classes_begin_afresh_and_what_an_optimizer_keeps_is_passed_over() {
    for classes in [2, 5] {
        let network = Network::parse(NETWORK, Shape::new(2, 4, 4), classes).unwrap();
        let model = Model::of_weights(network, &fixture("plain.pt"), Some(3)).unwrap();
        assert_eq!(model.weights[..4], wanted()[..4]);
        assert_eq!(
            (model.weights[4][0].len(), &model.weights[4][1][..]),
            (12 * classes, &vec![0.0; classes][..])
        );
        assert!(model.weights[4][0].iter().all(|weight| weight.abs() < 5.0), "the file's are about 60");
    }
    let tensors: [(&str, &[usize]); 5] = [
        ("dense1.bias", &[2]),
        ("dense1.weight", &[2, 2, 4, 4]),
        ("momentum.dense1.bias", &[2]),
        ("momentum.dense1.weight", &[2, 2, 4, 4]),
        ("average.dense1.weight", &[2, 2, 4, 4]),
    ];
    let model =
        Model::of_weights(network("[[layer]]\nkind = \"dense\""), &file(&tensors, false), None).unwrap();
    assert_eq!((model.weights[0][0][0], model.weights[0][1][0]), (20.0, 10.0));
}

#[test]
fn what_does_not_fit_is_named() {
    let kernel: (&str, &[usize]) = ("conv1.weight", &[3, 2, 3, 3]);
    let norm: [(&str, &[usize]); 2] = [("norm1.running_mean", &[3]), ("norm1.running_var", &[3])];
    let dense: (&str, &[usize]) = ("dense1.weight", &[2, 12]);
    let whole = [kernel, norm[0], norm[1], dense];
    assert!(Model::of_weights(network(NETWORK), &file(&whole, true), None).is_ok());
    let with = |at: usize, other: (&'static str, &'static [usize])| {
        let mut tensors = whole;
        tensors[at] = other;
        tensors.to_vec()
    };
    let cases = [
        (
            with(0, ("conv1.weight", &[3, 1, 3, 3])),
            "tensor conv1.weight has the shape [3, 1, 3, 3], and layer conv1 wants [3, 2, 3, 3]",
        ),
        (
            with(3, ("dense1.weight", &[12, 2])),
            "tensor dense1.weight has the shape [12, 2], and layer dense1 wants [2, 12]",
        ),
        (
            with(2, ("norm1.bias", &[3])),
            "layer norm1 wants a tensor running_var of shape [3], and norm1 has none",
        ),
        (
            with(2, ("norm1.weight_g", &[3])),
            "tensor norm1.weight_g of shape [3] has no place in layer norm1, a batch_norm",
        ),
        (
            whole[..3].to_vec(),
            "layer dense1 wants weight [2, 12, 1, 1], bias [2], and no tensors are left that fit",
        ),
        (
            [&whole[..], &[("conv2.weight", &[1][..])]].concat(),
            "no layer of network unnamed takes the tensors of conv2",
        ),
    ];
    for (tensors, what) in cases {
        for is_ordered in [true, false] {
            let error = Model::of_weights(network(NETWORK), &file(&tensors, is_ordered), None).err().unwrap();
            assert_eq!(error.what(), what);
            assert!(error.help().contains("the network that the weights belong to"), "{}", error.help());
            assert!(!error.help().contains("folded"));
        }
    }
}

#[test]
fn batch_norms_that_an_export_folded_are_told_of() {
    let text = "layer = [{ kind = \"conv2d\", name = \"0\", filters = 3, kernel = 1 }, { kind = \"dense\", name = \"2\" }]";
    let norm = [("1.weight", &[3][..]), ("1.bias", &[3]), ("1.running_mean", &[3]), ("1.running_var", &[3])];
    let convolution = [("0.weight", &[3, 2, 1, 1][..]), ("0.bias", &[3])];
    let dense = [("2.weight", &[2, 48][..]), ("2.bias", &[2])];
    let tensors = [&convolution[..], &norm, &dense].concat();
    let error = Model::of_weights(network(text), &file(&tensors, true), None).err().unwrap();
    assert_eq!(error.what(), "no layer of network unnamed takes the tensors of 1");
    assert!(error.help().contains("torch.onnx.export leaves alone with optimize=False"), "{}", error.help());
}

#[test]
fn a_transposed_convolution_s_weights_are_turned() {
    let text = "layer = [{ kind = \"conv_transpose2d\", name = \"up\", filters = 3, kernel = 1 }, { kind = \"dense\", name = \"d\" }]";
    let tensors = |shape| file(&[("up.weight", shape), ("up.bias", &[3]), ("d.weight", &[2, 48])], true);
    // As PyTorch has it: [in, out, y, x].
    let model = Model::of_weights(network(text), &tensors(&[2, 3, 1, 1]), None).unwrap();
    let [one, two, three, four, five, six] = [0, 3, 1, 4, 2, 5].map(|at| 10.0 + at as f32 / 64.0);
    assert_eq!(model.weights[0][0], [one, two, three, four, five, six]);
    let error = Model::of_weights(network(text), &tensors(&[3, 2, 1, 1]), None).err().unwrap();
    assert!(error.what().contains("layer up wants [2, 3, 1, 1]"), "{error}");
}
