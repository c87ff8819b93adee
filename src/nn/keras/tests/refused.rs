//! Models that are refused, each by name.

use serde_json::{Value, json};

use super::{Change, functional, input, layer, read, sequential};

fn refused(model: &Value, what: &str) {
    let error = read(model).err().unwrap_or_else(|| panic!("{what}"));
    assert!(error.what().contains(what) && !error.help().is_empty(), "{error} for {what}");
}

#[test]
fn layers_that_cannot_be_said_here_are_named() {
    let cases = [
        ("Lambda", json!({ "function": ["4wEAAAA=", null, null] }), "layer \"one\" (Lambda): it is code"),
        ("Conv2DTranspose", json!({ "output_padding": 1 }), "it has an output_padding"),
        ("Conv2DTranspose", json!({ "kernel_size": [2, 3] }), "its kernel_size are [2, 3]"),
        ("Cropping2D", json!({}), "layer \"one\" (Cropping2D): there is no layer for this class"),
        ("Mine>Block", json!({}), "layer \"one\" (Mine>Block): there is no layer"),
        ("Conv2D", json!({ "strides": [1, 2] }), "its strides are [1, 2]"),
        ("Conv2D", json!({ "padding": "causal" }), "its padding is \"causal\""),
        ("Conv2D", json!({ "filters": -1 }), "its filters is -1"),
        (
            "Conv2D",
            json!({ "kernel_size": [1, 65] }),
            "its kernel has the shape [1, 1, 2, 1], and [1, 65, 2, 1]",
        ),
        ("Conv2D", json!({ "data_format": "channels_first" }), "it has the channels first"),
        ("Conv2D", json!({ "activation": "mish" }), "no layer for its activation \"mish\""),
        ("Conv2D", json!({ "activation": "log_softmax" }), "a log_softmax that is not the last"),
        ("Softmax", json!({ "axis": 1 }), "its axis is [1]"),
        ("Conv2D", json!({ "activation": { "class_name": "Mine", "config": {} } }), "a layer has no name"),
        ("MaxPooling2D", json!({ "pool_size": 2, "strides": 1, "padding": "same" }), "pads [[0, 1], [0, 1]]"),
        ("ReLU", json!({ "threshold": 1.0 }), "threshold are None, 0 and 1"),
        ("BatchNormalization", json!({ "axis": 1 }), "its axis is [1], for an input of [4, 4, 2]"),
        ("LayerNormalization", json!({ "rms_scaling": true }), "it normalizes by the mean square alone"),
        ("LayerNormalization", json!({ "axis": [1, 2] }), "its axis is [1, 2]"),
        ("GroupNormalization", json!({ "groups": 3 }), "3 groups do not divide 2 channels"),
        ("UpSampling2D", json!({ "interpolation": "bicubic" }), "it enlarges by [2, 2], bicubic"),
        ("ZeroPadding2D", json!({ "padding": [[1, 2], [3]] }), "its padding cannot be read"),
        ("Reshape", json!({ "target_shape": [8, 4] }), "it makes [8, 4] out of [4, 4, 2]"),
        ("Reshape", json!({ "target_shape": [-1, -1] }), "out of [4, 4, 2]"),
        ("Add", json!({}), "it does not join outputs of layers alone"),
        ("PReLU", json!({ "shared_axes": [4] }), "its shared_axes are [4]"),
        ("Dropout", json!({ "rate": 1.5 }), "layer \"one\" (Dropout): rate is 1.5"),
    ];
    for (class, settings, what) in cases {
        let mean = layer("GlobalAveragePooling2D", "mean", &json!({}));
        refused(&sequential(&[layer(class, "one", &settings), mean]), what);
    }
}

/// A layer that changes nothing of its input but its signs.
fn relu(name: &str) -> Value {
    layer("ReLU", name, &json!({}))
}

#[test]
fn graphs_that_do_not_hold_together_are_refused() {
    let change = |change: &dyn Fn(&mut Value)| {
        let mean = layer("GlobalAveragePooling2D", "mean", &json!({}));
        let conv = layer("Conv2D", "one", &json!({ "filters": 2 }));
        let branches: [(Value, &[&str]); 3] = [(conv, &["image"]), (relu("two"), &["one"]), (mean, &["two"])];
        let mut model = functional(&branches, "mean");
        change(&mut model["config"]);
        model
    };
    read(&change(&|_| {})).unwrap();
    let inbound =
        |at: usize, calls: Value| move |c: &mut Value| c["layers"][at]["inbound_nodes"] = calls.clone();
    let cases: Vec<(Change, &str)> = vec![
        (Box::new(inbound(1, json!([[["two", 0, 0, {}]]]))), "from its own output: a cycle"),
        (Box::new(inbound(2, json!([[["gone", 0, 0, {}]]]))), "output 0 of the layer \"gone\" is taken"),
        (Box::new(inbound(2, json!([[["one", 1, 0, {}]]]))), "output 1 of the layer \"one\" is taken"),
        (Box::new(inbound(2, json!([[["one", 0, 1, {}]]]))), "layer \"two\" (ReLU): its inbound_nodes"),
        (Box::new(inbound(2, json!(7))), "layer \"two\" (ReLU): its inbound_nodes"),
        (Box::new(inbound(2, json!([]))), "layer \"two\" (ReLU): it takes 0 inputs"),
        (Box::new(|c| c["output_layers"] = json!([["mean", 0, 0], ["two", 0, 0]])), "1 inputs and 2 outputs"),
        (Box::new(|c| c["output_layers"] = json!({ "a": ["mean", 0, 0] })), "no lists of layers"),
        (Box::new(|c| c["output_layers"] = json!([["two", 0, 0]])), "its output is a map of [4, 4, 2]"),
        (Box::new(|c| c["layers"][2]["config"]["name"] = json!("one")), "there are two of this name"),
        (Box::new(|c| c["layers"][1] = json!({})), "a layer has no class_name"),
        (
            Box::new(|c| drop(c.as_object_mut().unwrap().remove("layers"))),
            "of the class \"Functional\", whose layers",
        ),
        (
            Box::new(|c| c["layers"][0]["config"]["batch_input_shape"] = json!([null, null, 4, 2])),
            "open sizes",
        ),
        (Box::new(|c| c["layers"][0]["config"]["batch_input_shape"] = json!([null, 16])), "no image"),
        (Box::new(|c| c["layers"][0]["config"] = json!({ "name": "image" })), "does not say the size"),
    ];
    for (to, what) in cases {
        refused(&change(&to), what);
    }
}

#[test]
fn shared_weights_and_second_inputs_are_refused() {
    let conv = layer("Conv2D", "one", &json!({ "filters": 2 }));
    let (sum, mean) = (layer("Add", "sum", &json!({})), layer("GlobalAveragePooling2D", "mean", &json!({})));
    let branches: [(Value, &[&str]); 3] = [(conv, &["image"]), (sum, &["one", "image"]), (mean, &["sum"])];
    let mut twice = functional(&branches, "mean");
    twice["config"]["layers"][1]["inbound_nodes"] = json!([[["image", 0, 0, {}]], [["one", 0, 0, {}]]]);
    twice["config"]["layers"][2]["inbound_nodes"] = json!([[["one", 0, 0, {}], ["one", 1, 0, {}]]]);
    refused(&twice, "layer \"one\" (Conv2D): it is called several times");
    // The same of a function without weights is two layers.
    twice["config"]["layers"][1] = json!({ "class_name": "ReLU", "name": "one", "config": { "name": "one" }, "inbound_nodes": twice["config"]["layers"][1]["inbound_nodes"] });
    let dense = layer("Dense", "head", &json!({ "units": 2 }));
    let mut dense = dense;
    dense["inbound_nodes"] = json!([[["mean", 0, 0, {}]]]);
    twice["config"]["layers"].as_array_mut().unwrap().push(dense);
    twice["config"]["output_layers"] = json!([["head", 0, 0]]);
    assert_eq!(super::kinds(&read(&twice).unwrap()), ["relu", "relu", "add", "global_avg_pool2d", "dense"]);
    let mut second = functional(&branches, "mean");
    let mut other = input("other");
    other["inbound_nodes"] = json!([]);
    second["config"]["layers"].as_array_mut().unwrap().push(other);
    second["config"]["layers"][2]["inbound_nodes"] = json!([[["one", 0, 0, {}], ["other", 0, 0, {}]]]);
    refused(&second, "layer \"other\" (InputLayer): it is a second input");
}
