//! Models as PyTorch's default exporter writes them with `optimize=False`: biases and bounds that are made by nodes.

use super::{floats, ints, model, node, read, refused, with};
use crate::nn::onnx::proto::{ModelFile, Node};

/// A convolution with a bias of zeros that is made, a relu6 whose bounds are, and a product with weights that are.
fn unfolded(sizes: &[i64]) -> ModelFile {
    let nodes = vec![
        node("CastLike", &["zero", "x"], "zero of x"),
        node("Expand", &["zero of x", "one"], "bias"),
        node("Conv", &["x", "kernel", "bias"], "a"),
        node("CastLike", &["zero", "a"], "low"),
        node("CastLike", &["six", "a"], "high"),
        node("Clip", &["a", "low", "high"], "b"),
        node("CastLike", &["b", "x"], "c"),
        with(node("Flatten", &["c"], "flat"), "axis", 1),
        node("Expand", &["row", "sizes"], "w"),
        node("MatMul", &["flat", "w"], "y"),
    ];
    let [mut zero, mut six] = [ints("zero", &[0]), ints("six", &[6])];
    zero.dims.clear();
    six.dims.clear();
    let kernel = floats("kernel", &[1, 1, 1, 1], &[2.0]);
    let row = floats("row", &[1, 2], &[7.0, 9.0]);
    model(nodes, vec![zero, six, ints("one", &[1]), kernel, row, ints("sizes", sizes)])
}

#[test]
fn constants_that_nodes_cast_and_expand_are_weights_and_bounds() {
    // By one axis alone, and beyond the tensor's own.
    for sizes in [&[4, 1][..], &[4, 2]] {
        let imported = read(&unfolded(sizes)).unwrap();
        let layers = &imported.network.layers;
        let kinds: Vec<&str> = layers.iter().map(|layer| layer.layer.kind()).collect();
        assert_eq!(kinds, ["conv2d", "hardtanh", "flatten", "dense"]);
        assert_eq!(imported.weights[0], [vec![2.0], vec![0.0]]);
        assert!(layers[1].layer.summary().contains("0 to 6"), "{}", layers[1].layer.summary());
        assert_eq!(imported.weights[3][0], [7.0, 7.0, 7.0, 7.0, 9.0, 9.0, 9.0, 9.0]);
    }
    for (sizes, told) in
        [(&[4, 3][..], "[1, 2] cannot be expanded to [4, 3]"), (&[4, -1], "cannot be expanded")]
    {
        let refused = refused(&unfolded(sizes));
        assert!(refused.contains("the Expand") && refused.contains(told), "{refused}");
    }
}

#[test]
fn constants_that_are_expanded_stay_within_the_files_size() {
    assert!(refused(&unfolded(&[40_000, 2])).contains("cannot be expanded"));
    // Each by itself is small enough.
    let layers = |count: usize| {
        let mut made = unfolded(&[4, 2]);
        let graph = made.graph.as_mut().unwrap();
        graph.initializer.extend([
            ints("wide", &[4, 16_000]),
            ints("narrow", &[16_000, 4]),
            floats("n", &[1, 1], &[1.0]),
        ]);
        let last = graph.node.pop().unwrap();
        let mut flat = "flat".to_owned();
        for at in 0..count {
            let [weights, product] = [format!("w{at}"), format!("p{at}")];
            graph.node.push(node("Expand", &["n", ["wide", "narrow"][at % 2]], &weights));
            graph.node.push(node("MatMul", &[&flat, &weights], &product));
            flat = product;
        }
        graph.node.push(Node { input: vec![flat, "w".to_owned()], ..last });
        made
    };
    assert_eq!(read(&layers(4)).unwrap().network.layers.len(), 8);
    assert!(refused(&layers(70)).contains("its constants grow beyond the file's size"));
}
