//! Layers and graphs as Keras 2 and Keras 3 write them, with the layers of ours that they become.

use serde_json::{Value, json};

use super::{Dialect, functional, kinds, layer, read, read_as, sequential};
use crate::nn::Shape;

/// A convolution that keeps the two channels.
fn conv(name: &str) -> Value {
    layer("Conv2D", name, &json!({ "filters": 2, "kernel_size": [1, 1], "padding": "valid" }))
}

fn plain(class: &str, name: &str) -> Value {
    layer(class, name, &json!({}))
}

#[test]
fn branches_are_joined_in_the_order_of_their_inputs() {
    let branches: [(Value, &[&str]); 6] = [
        // Not in the order in which they are computed, and one that nothing needs.
        (plain("GlobalAveragePooling2D", "mean"), &["sum"]),
        (conv("left"), &["image"]),
        (conv("right"), &["left"]),
        (plain("Add", "sum"), &["left", "right"]),
        (conv("unused"), &["sum"]),
        (layer("Softmax", "end", &json!({ "axis": -1 })), &["mean"]),
    ];
    let model = read(&functional(&branches, "end")).unwrap();
    assert_eq!(kinds(&model), ["conv2d", "conv2d", "add", "global_avg_pool2d"]);
    let network = &model.network;
    assert_eq!(network.layers[2].name, "sum");
    assert_eq!((network.input, network.classes), (Shape::new(2, 4, 4), 2));
    assert!(model.notes[0].contains("layer \"end\" (Softmax): its softmax is left out"), "{:?}", model.notes);
}

/// The same graph with the inputs of calls as Keras 3 has them.
fn in_keras_3(mut model: Value) -> Value {
    for layer in model["config"]["layers"].as_array_mut().unwrap() {
        let called = |call: &Value| {
            let tensor = |of: &Value| {
                let history = json!([of[0], of[1], of[2]]);
                json!({ "class_name": "__keras_tensor__", "config": { "keras_history": history } })
            };
            let tensors: Vec<Value> = call.as_array().unwrap().iter().map(tensor).collect();
            // One tensor stands by itself, several in a list.
            let args = if tensors.len() == 1 { json!(tensors) } else { json!([tensors]) };
            json!({ "args": args, "kwargs": { "mask": null } })
        };
        let calls: Vec<Value> = layer["inbound_nodes"].as_array().unwrap().iter().map(called).collect();
        layer["inbound_nodes"] = json!(calls);
    }
    let one = |ends: &Value| ends[0].clone();
    model["config"]["input_layers"] = one(&model["config"]["input_layers"]);
    model["config"]["output_layers"] = one(&model["config"]["output_layers"]);
    model
}

#[test]
fn calls_of_keras_3_are_the_same_graph() {
    let branches: [(Value, &[&str]); 4] = [
        (conv("left"), &["image"]),
        (plain("Concatenate", "both"), &["left", "image"]),
        (plain("Multiply", "square"), &["both", "both"]),
        (plain("GlobalAveragePooling2D", "mean"), &["square"]),
    ];
    let model = functional(&branches, "mean");
    let (old, new) = (read(&model).unwrap(), read(&in_keras_3(model)).unwrap());
    assert_eq!(old.network.to_toml(), new.network.to_toml());
    assert_eq!(kinds(&new), ["conv2d", "concat", "mul", "global_avg_pool2d"]);
    assert_eq!(new.network.classes, 4);
}

#[test]
fn layers_become_ours_with_their_settings() {
    let setting = |layer: Value, key: &str| {
        let model =
            read(&sequential(&[layer, conv("last"), plain("GlobalAveragePooling2D", "mean")])).unwrap();
        model.network.layers[0].layer.settings().get(key).cloned()
    };
    let numbers: [(&str, Value, &str, f64); 6] = [
        ("LeakyReLU", json!({}), "slope", 0.3),
        ("LeakyReLU", json!({ "negative_slope": 0.5 }), "slope", 0.5),
        ("LeakyReLU", json!({ "alpha": 0.25 }), "slope", 0.25),
        ("ReLU", json!({ "max_value": 6.0, "negative_slope": 0.0, "threshold": 0 }), "max", 6.0),
        ("BatchNormalization", json!({ "momentum": 0.75, "axis": [3] }), "momentum", 0.25),
        ("Activation", json!({ "activation": "leaky_relu" }), "slope", 0.2),
    ];
    for (class, settings, key, wanted) in numbers {
        let found = setting(layer(class, "one", &settings), key).and_then(|value| value.as_float());
        assert!((found.unwrap() - wanted).abs() < 1e-6, "{class} {settings}: {found:?}");
    }
    let pad =
        |settings: Value| setting(layer("ZeroPadding2D", "one", &settings), "left").unwrap().as_integer();
    assert_eq!(pad(json!({ "padding": 3 })), Some(3));
    assert_eq!(pad(json!({ "padding": [1, 2] })), Some(2));
    assert_eq!(pad(json!({ "padding": [[0, 1], [4, 0]] })), Some(4));
    // That of TensorFlow.js begins at the corners of pixels: PyTorch has none such, nor have we.
    let blended = layer("UpSampling2D", "one", &json!({ "interpolation": "bilinear" }));
    let model = sequential(&[blended, conv("last"), plain("GlobalAveragePooling2D", "mean")]);
    let read_by = |dialect| read_as(&model, dialect);
    let made = read_by(Dialect::Keras3).unwrap().network.layers[0].layer.settings();
    assert_eq!(made.get("mode"), Some(&"bilinear".into()));
    let error = read_by(Dialect::TensorFlowJs).err().unwrap();
    assert!(error.what().contains("bilinear") && error.help().contains("as Keras has it"), "{error}");
}

#[test]
fn parameters_that_are_turned_off_move_the_others_up() {
    let norm = layer("BatchNormalization", "norm", &json!({ "scale": false, "center": true }));
    let model = read(&sequential(&[norm, conv("last"), plain("GlobalAveragePooling2D", "mean")])).unwrap();
    // Counted: beta is variable 0, the mean 1, the variance 2.
    assert_eq!(model.weights[0], [[1.0; 2], [0.0; 2], [1.0; 2], [2.0; 2]]);
}

#[test]
fn a_scale_of_pixels_says_so_and_one_of_channels_is_a_convolution() {
    let rescaling = layer("Rescaling", "scale", &json!({ "scale": 0.5, "offset": -1.0 }));
    let model =
        read(&sequential(&[rescaling, conv("last"), plain("GlobalAveragePooling2D", "mean")])).unwrap();
    assert_eq!(
        (kinds(&model)[0], model.network.layers[0].layer.summary()),
        ("scale", "0.5 · x − 1".to_owned())
    );
    // Counted weights: a mean of 0, a variance of 1; then two means of its own and a variance for both.
    let given = json!({ "axis": [-1], "mean": [[0.5, -2.0]], "variance": 4.0 });
    for (settings, wanted) in [(json!({}), [[1.0; 2], [0.0; 2]]), (given, [[0.5; 2], [-0.25, 1.0]])] {
        let layers = [
            layer("Normalization", "scale", &settings),
            conv("last"),
            plain("GlobalAveragePooling2D", "mean"),
        ];
        assert_eq!(read(&sequential(&layers)).unwrap().weights[0], wanted);
    }
    assert!(model.notes[0].contains("--mean 0 --std 0.00392157"), "{:?}", model.notes);
}

#[test]
fn a_model_within_another_is_taken_apart() {
    let inner = |layers: &[Value]| {
        let mut inner = sequential(layers);
        inner["config"]["name"] = json!("inner");
        inner["name"] = json!("inner");
        inner
    };
    let branches: [(Value, &[&str]); 2] = [
        (inner(&[conv("first"), inner(&[plain("ELU", "second")])]), &["image"]),
        (plain("GlobalAveragePooling2D", "mean"), &["inner"]),
    ];
    let model = read(&functional(&branches, "mean")).unwrap();
    assert_eq!(kinds(&model), ["conv2d", "elu", "global_avg_pool2d"]);
}

#[test]
fn what_acts_in_training_alone_is_left_out_with_a_note() {
    let layers = [
        layer("RandomFlip", "flip", &json!({ "mode": "horizontal" })),
        conv("only"),
        layer("SpatialDropout2D", "maps", &json!({ "rate": 0.5 })),
        plain("GlobalMaxPooling2D", "most"),
        layer("Dropout", "none", &json!({ "rate": 0.0 })),
    ];
    let model = read(&sequential(&layers)).unwrap();
    assert_eq!(kinds(&model), ["conv2d", "max_pool2d"]);
    assert_eq!(model.notes.len(), 2, "{:?}", model.notes);
}
