//! Transposed convolutions. What each way of padding leaves out is what onnxruntime 1.30 leaves out of the same nodes.

use super::{floats, model, node, read, refused, with, with_ints};
use crate::nn::Model;
use crate::nn::onnx::proto::{Attribute, ModelFile, Node};

fn padded(node: Node, by: &str) -> Node {
    let attribute =
        Attribute { name: "auto_pad".to_owned(), s: by.as_bytes().to_vec(), ..Default::default() };
    Node { attribute: [node.attribute, vec![attribute]].concat(), ..node }
}

/// A model of an image of 1×2×2 with a transposed convolution by weights of these sizes.
fn of(dims: [i64; 4], change: impl Fn(Node) -> Node) -> ModelFile {
    let len: i64 = dims.iter().product();
    let weights: Vec<f32> = (0..len).map(|value| value as f32).collect();
    let nodes = vec![
        change(node("ConvTranspose", &["x", "up.weight"], "a")),
        with(node("Flatten", &["a"], "y"), "axis", 1),
    ];
    model(nodes, vec![floats("up.weight", &dims, &weights)])
}

fn first(model: &Model) -> (String, String) {
    let layer = &model.network.layers[0];
    (layer.layer.summary(), layer.output.to_string())
}

/// A change of a node.
type Change<'c> = &'c dyn Fn(Node) -> Node;

#[test]
fn what_is_cut_off_is_what_the_node_says() {
    let strided = |node: Node| with_ints(node, "strides", &[2, 2]);
    let cases: [(Change<'_>, &str, &str); 8] = [
        (&|node| node, "3×3, 3 filters", "3×4×4"),
        (&strided, "3×3, 3 filters, stride 2", "3×5×5"),
        (&|node| with_ints(strided(node), "pads", &[1; 4]), "3×3, 3 filters, stride 2, pad 1", "3×3×3"),
        (
            &|node| with_ints(with_ints(strided(node), "pads", &[1; 4]), "output_padding", &[1, 1]),
            "3×3, 3 filters, stride 2, pad 1, output pad 1",
            "3×4×4",
        ),
        (
            &|node| with_ints(strided(node), "pads", &[0, 0, 1, 1]),
            "3×3, 3 filters, stride 2, output pad -1",
            "3×4×4",
        ),
        (&|node| padded(strided(node), "SAME_UPPER"), "3×3, 3 filters, stride 2, output pad -1", "3×4×4"),
        (
            &|node| padded(strided(node), "SAME_LOWER"),
            "3×3, 3 filters, stride 2, pad 1, output pad 1",
            "3×4×4",
        ),
        (
            &|node| with_ints(strided(node), "output_shape", &[4, 4]),
            "3×3, 3 filters, stride 2, pad 1, output pad 1",
            "3×4×4",
        ),
    ];
    for (change, summary, output) in cases {
        let imported = read(&of([1, 3, 3, 3], change)).unwrap();
        assert_eq!(first(&imported), (summary.to_owned(), output.to_owned()));
        assert_eq!(imported.weights[0][1], [0.0; 3]);
    }
}

#[test]
fn weights_are_turned_so_that_a_filter_is_a_row() {
    // Two channels, of a layer before it, in two groups with two filters each: [in, out of a group, y, x].
    let grouped = |of: i64| {
        let weights: Vec<f32> = (0..16).map(|value| value as f32).collect();
        let nodes = vec![
            node("Conv", &["x", "first.weight"], "a"),
            with(node("ConvTranspose", &["a", "up.weight"], "b"), "group", of),
            with(node("Flatten", &["b"], "y"), "axis", 1),
        ];
        let constants = vec![
            floats("first.weight", &[2, 1, 1, 1], &[1.0, 2.0]),
            floats("up.weight", &[2, 2, 2, 2], &weights),
        ];
        model(nodes, constants)
    };
    let whole = read(&grouped(1)).unwrap();
    assert_eq!(whole.weights[1][0][..8], [0., 1., 2., 3., 8., 9., 10., 11.]);
    assert_eq!(whole.network.layers[1].name, "up");
    let halves = read(&grouped(2)).unwrap();
    assert_eq!(halves.weights[1][0][..8], [0., 1., 2., 3., 4., 5., 6., 7.]);
    assert_eq!(first(&halves).1, "2×2×2");
    assert_eq!(halves.network.layers[1].output.to_string(), "4×3×3");
}

#[test]
fn what_rows_and_columns_do_not_share_is_refused() {
    for (dims, change, why) in [
        ([1, 3, 2, 3], (|node| node) as fn(Node) -> Node, "its kernel is 2×3"),
        ([1, 3, 3, 3], |node| with_ints(node, "strides", &[1, 2]), "its strides are [1, 2]"),
        (
            [1, 3, 3, 3],
            |node| with_ints(node, "pads", &[1, 0, 1, 0]),
            "others of its rows than of its columns",
        ),
        ([1, 3, 3, 3], |node| with_ints(node, "pads", &[3; 4]), "padding 3"),
        (
            [1, 3, 3, 3],
            |node| with_ints(node, "output_padding", &[-1, -1]),
            "its output_padding are [-1, -1]",
        ),
        ([1, 3, 3, 3], |node| with_ints(node, "output_padding", &[1, 1]), "output_padding 1 with stride 1"),
        ([1, 3, 3, 3], |node| with(node, "group", 2), "for 1 channels in 2 groups"),
        ([2, 3, 3, 3], |node| node, "for 1 channels in 1 groups"),
        ([1, 3, 65, 65], |node| node, "its kernel is 65×65"),
    ] {
        let error = refused(&of(dims, change));
        assert!(error.contains("the ConvTranspose") && error.contains(why), "{error}");
    }
}
