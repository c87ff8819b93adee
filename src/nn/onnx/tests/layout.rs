//! Models with the channels last, as tf2onnx writes those of Keras, and activations and shapes in parts.

use super::{floats, ints, model, node, read, refused, value, with, with_ints};
use crate::nn::onnx::proto::{Attribute, ModelFile, Node, TensorData};
use crate::nn::{Model, Shape};

/// The model with an input of these sizes; 0 is open.
fn taking(sizes: [i64; 4], nodes: Vec<Node>, initializers: Vec<TensorData>) -> ModelFile {
    let mut made = model(nodes, initializers);
    made.graph.as_mut().unwrap().input = vec![value("x", &sizes)];
    made
}

fn turned(input: &str, output: &str, order: [i64; 4]) -> Node {
    with_ints(node("Transpose", &[input], output), "perm", &order)
}

fn kinds(model: &Model) -> Vec<&str> {
    model.network.layers.iter().map(|layer| layer.layer.kind()).collect()
}

#[test]
fn images_with_the_channels_last_have_them_first_and_weights_after_flattening_are_turned() {
    let nodes = vec![
        turned("x", "first", [0, 3, 1, 2]),
        node("Conv", &["first", "kernels"], "maps"),
        turned("maps", "last", [0, 2, 3, 1]),
        node("Relu", &["last"], "relu"),
        node("Reshape", &["relu", "row"], "flat"),
        node("MatMul", &["flat", "w"], "y"),
    ];
    // Of value (row, column, channel) and unit: 1000 row + 100 column + 10 channel + unit.
    let places = (0..2).flat_map(|y| (0..3).flat_map(move |x| (0..2).map(move |c| [y, x, c])));
    let weights: Vec<f32> = places
        .flat_map(|[y, x, c]| (0..2).map(move |unit| (1000 * y + 100 * x + 10 * c + unit) as f32))
        .collect();
    let constants = vec![
        floats("kernels", &[2, 2, 1, 1], &[1.0, 2.0, 3.0, 4.0]),
        ints("row", &[-1, 12]),
        floats("w", &[12, 2], &weights),
    ];
    let imported = read(&taking([0, 2, 3, 2], nodes.clone(), constants.clone())).unwrap();
    assert_eq!(imported.network.input, Shape::new(2, 2, 3));
    assert_eq!(kinds(&imported), ["conv2d", "relu", "flatten", "dense"]);
    let wanted: Vec<f32> = (0..2)
        .flat_map(|unit| {
            (0..2).flat_map(move |c| {
                (0..6).map(move |at| (at / 3 * 1000 + at % 3 * 100 + 10 * c + unit) as f32)
            })
        })
        .collect();
    assert_eq!(imported.weights[3][0], wanted);
    // The control: without the second transpose the values are in our order, and the weights are taken as they are.
    let mut plain = nodes;
    plain.remove(2);
    plain[2] = node("Relu", &["maps"], "relu");
    let imported = read(&taking([0, 2, 3, 2], plain, constants)).unwrap();
    let as_they_are: Vec<f32> = (0..24).map(|i| weights[i % 12 * 2 + i / 12]).collect();
    assert_eq!(imported.weights[3][0], as_they_are);
}

#[test]
fn one_channel_is_brought_to_the_front_by_a_reshape() {
    let nodes = vec![
        node("Reshape", &["x", "first"], "image"),
        node("Conv", &["image", "kernels"], "maps"),
        node("Flatten", &["maps"], "y"),
    ];
    let constants = vec![ints("first", &[-1, 1, 2, 3]), floats("kernels", &[1, 1, 1, 1], &[2.0])];
    let imported = read(&taking([0, 2, 3, 1], nodes, constants)).unwrap();
    assert_eq!(imported.network.input, Shape::new(1, 2, 3));
    assert_eq!(kinds(&imported), ["conv2d", "flatten"]);
}

#[test]
fn layers_that_need_the_channels_first_are_refused_where_they_are_last() {
    let nodes =
        |after: Node| vec![turned("x", "first", [0, 3, 1, 2]), turned("first", "last", [0, 2, 3, 1]), after];
    let pool = with_ints(node("MaxPool", &["last"], "y"), "kernel_shape", &[2, 2]);
    let why = refused(&taking([0, 2, 3, 2], nodes(pool), Vec::new()));
    assert!(why.contains("the MaxPool") && why.contains("channels last"), "{why}");
    let other = turned("last", "y", [0, 2, 1, 3]);
    let why = refused(&taking([0, 2, 3, 2], nodes(other), Vec::new()));
    assert!(why.contains("[0, 2, 1, 3]"), "{why}");
    let flat = node("Flatten", &["last"], "y");
    let why = refused(&taking([0, 2, 3, 2], nodes(flat), Vec::new()));
    assert!(why.contains("flattened map with the channels last"), "{why}");
}

#[test]
fn a_hard_swish_in_parts_is_one_layer() {
    let number = |name: &str, value: f32| floats(name, &[], &[value]);
    let numbers =
        || vec![number("three", 3.0), number("zero", 0.0), number("six", 6.0), number("sixth", 1.0 / 6.0)];
    let nodes = |upper: &str, scale: Node| {
        vec![
            node("Add", &["x", "three"], "shifted"),
            node("Clip", &["shifted", "zero", upper], "cut"),
            scale,
            node("Mul", &["x", "share"], "swish"),
            node("Flatten", &["swish"], "y"),
        ]
    };
    for scale in [node("Mul", &["cut", "sixth"], "share"), node("Div", &["cut", "six"], "share")] {
        let imported = read(&model(nodes("six", scale), numbers())).unwrap();
        assert_eq!(kinds(&imported), ["hard_swish", "flatten"]);
    }
    // Cut at 3 it is another function, and said in parts.
    let other = read(&model(nodes("three", node("Div", &["cut", "six"], "share")), numbers())).unwrap();
    assert_eq!(kinds(&other), ["scale", "hardtanh", "scale", "mul", "flatten"]);
}

#[test]
fn a_gate_of_channels_is_a_product() {
    let float = |name: &str, f: f32| Attribute { name: name.to_owned(), f, ..Default::default() };
    let hard = |alpha: f32| Node {
        attribute: vec![float("alpha", alpha)],
        ..node("HardSigmoid", &["mean"], "gate")
    };
    let nodes = |gate: Vec<Node>, product: Node| {
        let ends = [product, node("Flatten", &["product"], "y")];
        [vec![node("GlobalAveragePool", &["x"], "mean")], gate, ends.to_vec()].concat()
    };
    let numbers =
        || vec![floats("three", &[], &[3.0]), floats("zero", &[], &[0.0]), floats("six", &[], &[6.0])];
    let in_parts = vec![
        node("Add", &["mean", "three"], "shifted"),
        node("Clip", &["shifted", "zero", "six"], "cut"),
        node("Div", &["cut", "six"], "gate"),
    ];
    let factors = [
        (vec![hard(1.0 / 6.0)], "hard_sigmoid"),
        (in_parts, "hard_sigmoid"),
        (vec![node("Sigmoid", &["mean"], "gate")], "sigmoid"),
    ];
    for (gate, kind) in factors {
        for product in [node("Mul", &["x", "gate"], "product"), node("Mul", &["gate", "x"], "product")] {
            let imported = read(&model(nodes(gate.clone(), product), numbers())).unwrap();
            assert_eq!(kinds(&imported), ["global_avg_pool2d", kind, "mul", "flatten"]);
            assert_eq!(imported.network.layers[2].inputs, [0, 2], "the map first");
        }
    }
    let product = || node("Mul", &["x", "gate"], "product");
    let other = read(&model(nodes(vec![hard(0.2)], product()), numbers())).unwrap();
    assert_eq!(kinds(&other), ["global_avg_pool2d", "scale", "hardtanh", "mul", "flatten"]);
    let settings = |at: usize| other.network.layers[at].layer.summary();
    assert_eq!([settings(1), settings(2)], ["0.2 · x + 0.5", "from 0 to 1"]);
    let flat = vec![node("Flatten", &["mean"], "gate")];
    let why = refused(&model(nodes(flat, product()), numbers()));
    assert!(why.contains("the Mul") && why.contains("different places"), "{why}");
    let other = vec![node("MaxPool", &["x"], "gate")];
    let pool = |pool: Node| with_ints(pool, "kernel_shape", &[1, 2]);
    let why = refused(&model(nodes(other.into_iter().map(pool).collect(), product()), numbers()));
    assert!(why.contains("a map of 1×2×2 cannot be multiplied by one of 1×2×1"), "{why}");
}

#[test]
fn shapes_are_counted_backward_and_filled() {
    let backward = vec![
        node("Slice", &["row", "last", "before", "axis", "step"], "to"),
        node("Reshape", &["x", "to"], "y"),
    ];
    let numbers =
        [("row", &[-1, 0][..]), ("last", &[-1]), ("before", &[-9]), ("axis", &[0]), ("step", &[-1])];
    let numbers = numbers.map(|(name, values)| ints(name, values));
    assert_eq!(kinds(&read(&model(backward, numbers.to_vec())).unwrap()), ["flatten"]);
    let zero = Attribute { name: "value".to_owned(), t: Some(ints("zero", &[0])), ..Default::default() };
    let filled = vec![
        Node { attribute: vec![zero], ..node("ConstantOfShape", &["sizes"], "batch") },
        with(node("Concat", &["batch", "rest"], "to"), "axis", 0),
        node("Reshape", &["x", "to"], "y"),
    ];
    let of = |sizes: &[i64]| model(filled.clone(), vec![ints("sizes", sizes), ints("rest", &[-1])]);
    assert_eq!(kinds(&read(&of(&[1])).unwrap()), ["flatten"]);
    let why = refused(&of(&[1 << 20, 1 << 20]));
    assert!(why.contains("the ConstantOfShape") && why.contains("too large"), "{why}");
}

#[test]
fn what_takes_the_channels_of_each_pixel_while_they_are_last_has_layers() {
    let nodes = |axis: i64| {
        vec![
            node("Conv", &["x", "kernels"], "maps"),
            turned("maps", "last", [0, 2, 3, 1]),
            with(node("LayerNormalization", &["last", "scale", "shift"], "normed"), "axis", axis),
            node("MatMul", &["normed", "w"], "product"),
            node("Add", &["bias", "product"], "sum"),
            turned("sum", "first", [0, 3, 1, 2]),
            with(node("Flatten", &["first"], "y"), "axis", 1),
        ]
    };
    let constants = vec![
        floats("kernels", &[2, 1, 1, 1], &[1.0, 2.0]),
        floats("scale", &[2], &[3.0, 4.0]),
        floats("shift", &[2], &[5.0, 6.0]),
        floats("w", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        floats("bias", &[3], &[7.0, 8.0, 9.0]),
    ];
    for axis in [-1, 3] {
        let imported = read(&model(nodes(axis), constants.clone())).unwrap();
        assert_eq!(kinds(&imported), ["conv2d", "layer_norm", "conv2d", "flatten"]);
        assert_eq!(imported.weights[1], [vec![3.0, 4.0], vec![5.0, 6.0]]);
        assert_eq!(imported.weights[2], [vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0], vec![7.0, 8.0, 9.0]]);
    }
    assert!(refused(&model(nodes(1), constants.clone())).contains("it normalizes from axis 1 on"));
    let mut first = nodes(-1);
    first[1] = node("Relu", &["maps"], "last");
    assert!(refused(&model(first, constants)).contains("it normalizes from axis 3 on"));
}

#[test]
fn a_softmax_inside_a_network_is_of_channels() {
    let nodes = |axis: i64| {
        vec![
            node("Conv", &["x", "kernels"], "maps"),
            with(node("Softmax", &["maps"], "shares"), "axis", axis),
            with(node("Flatten", &["shares"], "flat"), "axis", 1),
            node("Softmax", &["flat"], "row"),
            node("MatMul", &["row", "w"], "y"),
        ]
    };
    let constants = [floats("kernels", &[2, 1, 1, 1], &[1.0, 2.0]), floats("w", &[8, 2], &[0.5; 16])];
    let of = |axis: i64, version: i64| {
        let mut made = model(nodes(axis), constants.to_vec());
        made.opset_import[0].version = version;
        made
    };
    for axis in [1, -3] {
        let imported = read(&of(axis, 13)).unwrap();
        assert_eq!(kinds(&imported), ["conv2d", "softmax", "flatten", "softmax", "dense"]);
        assert!(imported.notes.is_empty(), "{:?}", imported.notes);
    }
    // Before version 13 of the operators it is of all values from that axis on.
    for (axis, version) in [(-1, 13), (2, 18), (1, 12)] {
        assert!(refused(&of(axis, version)).contains("or of another axis"), "{axis} {version}");
    }
}

/// An operator and its inputs.
type Step = (&'static str, [&'static str; 2]);

#[test]
fn sums_and_products_with_numbers_are_layers_where_they_are_no_part_of_another() {
    let number = |name: &str, value: f32| floats(name, &[], &[value]);
    let numbers = || vec![number("three", 3.0), number("six", 6.0), number("half", 0.5)];
    // The nodes from x to y, and the layers that they are.
    let cases: [(&[Step], &[&str]); 8] = [
        (&[("Mul", ["x", "half"])], &["0.5 · x + 0"]),
        (&[("Div", ["x", "half"])], &["2 · x + 0"]),
        (&[("Add", ["three", "x"])], &["1 · x + 3"]),
        (&[("Sub", ["x", "six"])], &["1 · x − 6"]),
        (&[("Sub", ["six", "x"])], &["-1 · x + 6"]),
        (&[("Mul", ["x", "half"]), ("Add", ["0", "six"])], &["0.5 · x + 6"]),
        (&[("Add", ["x", "three"]), ("Mul", ["0", "half"])], &["1 · x + 3", "0.5 · x + 0"]),
        (&[("Mul", ["x", "half"]), ("Add", ["0", "x"])], &["0.5 · x + 0", "2 inputs"]),
    ];
    for (steps, wanted) in cases {
        let names = ["0", "1"];
        let mut nodes: Vec<Node> =
            steps.iter().zip(names).map(|((op, inputs), name)| node(op, inputs, name)).collect();
        nodes.push(with(node("Flatten", &[names[steps.len() - 1]], "y"), "axis", 1));
        let imported = read(&model(nodes.clone(), numbers())).unwrap();
        let layers = &imported.network.layers;
        let found: Vec<String> = layers[..layers.len() - 1].iter().map(|of| of.layer.summary()).collect();
        assert_eq!(found.len(), wanted.len(), "{found:?}");
        for (found, wanted) in found.iter().zip(wanted) {
            assert!(found == wanted || wanted.ends_with("inputs"), "{found}, not {wanted}");
        }
        // The last node of a file, too.
        nodes.pop();
        nodes.last_mut().unwrap().output[0] = "y".to_owned();
        assert_eq!(read(&model(nodes, numbers())).unwrap().network.layers.len(), wanted.len() + 1);
    }
    let clip = |bounds: [&str; 2]| {
        let nodes = vec![node("Clip", &["x", bounds[0], bounds[1]], "a"), node("Flatten", &["a"], "y")];
        let imported = read(&model(nodes, numbers())).unwrap();
        let first = &imported.network.layers[0].layer;
        (first.kind(), first.settings().get("max").and_then(toml::Value::as_float))
    };
    assert_eq!(clip(["", "six"]), ("hardtanh", Some(6.0)));
    assert_eq!(clip(["half", ""]), ("hardtanh", Some(f32::MAX.into())));
    assert_eq!(clip(["", ""]), ("flatten", None));
    let open = vec![node("Div", &["six", "x"], "a"), node("Flatten", &["a"], "y")];
    assert!(refused(&model(open, numbers())).contains("no layer for this sum or product"));
}

#[test]
fn a_map_in_a_line_is_the_map_again() {
    let of = |numbers: &[i64], dims: [i64; 4]| {
        let nodes = vec![
            node("Reshape", &["x", "all"], "line"),
            node("Gather", &["line", "numbers"], "map"),
            node("Relu", &["map"], "relu"),
            with(node("Flatten", &["relu"], "y"), "axis", 1),
        ];
        let mut places = ints("numbers", numbers);
        places.dims = dims.to_vec();
        taking([numbers.len() as i64 / 4, 1, 2, 2], nodes, vec![ints("all", &[-1]), places])
    };
    // Of one image, and of two that were exported together.
    assert_eq!(kinds(&read(&of(&[0, 1, 2, 3], [1, 1, 2, 2])).unwrap()), ["relu", "flatten"]);
    assert_eq!(kinds(&read(&of(&[0, 1, 2, 3, 4, 5, 6, 7], [2, 1, 2, 2])).unwrap()), ["relu", "flatten"]);
    let others: [(&[i64], _); 4] = [
        (&[0, 2, 1, 3], [1, 1, 2, 2]),
        (&[0, 1, 2, 3], [1, 1, 4, 1]),
        (&[0, 1, 2, 3, 0, 1, 2, 3], [2, 1, 2, 2]),
        (&[0, 1, 2, 3, 4, 5, 6, 7], [1, 2, 2, 2]),
    ];
    for (numbers, dims) in others {
        let why = refused(&of(numbers, dims));
        assert!(why.contains("the Gather") && why.contains("others of the values"), "{why}");
    }
}
