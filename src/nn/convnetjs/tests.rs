//! Networks as ConvNetJS writes them, made by hand, and damaged ones.

use rand::SeedableRng as _;
use serde_json::{Value, json};

use super::*;
use crate::nn::Loss;
use crate::nn::imported::damaged_json;

/// Damaged texts.
const MUTATED: usize = 10_000;

/// A volume whose value at (x, y, depth) is 100·x + 10·y + depth + `offset`.
fn volume([sx, sy, depth]: [usize; 3], offset: usize) -> Value {
    let place = |at: usize| (at / depth % sx * 100 + at / depth / sx * 10 + at % depth + offset) as f64;
    let w: serde_json::Map<String, Value> =
        (0..sx * sy * depth).map(|at| (at.to_string(), place(at).into())).collect();
    json!({ "sx": sx, "sy": sy, "depth": depth, "w": w })
}

fn input([sx, sy, depth]: [usize; 3]) -> Value {
    json!({ "layer_type": "input", "out_sx": sx, "out_sy": sy, "out_depth": depth })
}

fn fc(inputs: usize, units: usize) -> Value {
    let filters: Vec<Value> = (0..units).map(|unit| volume([1, 1, inputs], 1000 * unit)).collect();
    json!({ "layer_type": "fc", "out_depth": units, "num_inputs": inputs, "filters": filters, "biases": volume([1, 1, units], 7) })
}

fn loss(kind: &str, outputs: usize) -> Value {
    json!({ "layer_type": kind, "out_depth": outputs, "num_inputs": outputs })
}

fn net(layers: &[Value]) -> String {
    json!({ "layers": layers }).to_string()
}

/// Convolution, relu, pool, dense layer and softmax on images of 4×6 in 2 colors.
fn whole() -> Vec<Value> {
    let filters = [volume([3, 3, 2], 0), volume([3, 3, 2], 500)];
    let conv = json!({
        "layer_type": "conv", "sx": 3, "sy": 3, "stride": 1, "pad": 1, "in_depth": 2, "out_depth": 2, "out_sx": 4, "out_sy": 6,
        "filters": filters, "biases": volume([1, 1, 2], 1), "l1_decay_mul": 0, "l2_decay_mul": 1,
    });
    let pool = json!({ "layer_type": "pool", "sx": 2, "sy": 3, "stride": 2, "pad": 0, "in_depth": 2, "out_depth": 2 });
    let relu = json!({ "layer_type": "relu", "out_depth": 2 });
    vec![input([4, 6, 2]), conv, relu, pool, fc(8, 3), loss("softmax", 3)]
}

#[test]
fn a_network_becomes_layers_with_its_weights_in_our_order() {
    let model = read(&net(&whole()), "page").unwrap();
    let network = &model.network;
    assert_eq!((network.name.as_str(), network.input, network.classes), ("page", Shape::new(2, 6, 4), 3));
    assert_eq!(network.loss, Loss::default());
    let kinds: Vec<_> = network.layers.iter().map(|layer| layer.layer.kind()).collect();
    assert_eq!(kinds, ["conv2d", "relu", "max_pool2d", "dense"]);
    // Windows of 3 rows and 2 columns: ⌊(6 − 3) / 2⌋ + 1 rows and ⌊(4 − 2) / 2⌋ + 1 columns.
    assert_eq!(network.layers[2].output, Shape::new(2, 2, 2));
    let kernel = |offset: usize| {
        let places = (0..2).flat_map(|c| (0..9).map(move |at| [c, at / 3, at % 3]));
        places.map(move |[c, y, x]| (100 * x + 10 * y + c + offset) as f32)
    };
    let kernels: Vec<f32> = kernel(0).chain(kernel(500)).collect();
    assert_eq!(model.weights[0], [kernels, vec![1.0, 2.0]]);
    // Input (channel, row, column) of ours is number ((2 · row) + column) · 2 + channel of ConvNetJS's.
    let order = [0, 2, 4, 6, 1, 3, 5, 7];
    let dense: Vec<f32> = (0..3).flat_map(|unit| order.map(|at| (at + 1000 * unit) as f32)).collect();
    assert_eq!(model.weights[3], [dense, vec![7.0, 8.0, 9.0]]);
    assert!(model.notes.is_empty());
    // A browser without typed arrays writes lists.
    let mut listed = whole();
    listed[4]["biases"]["w"] = json!([7, 8, 9]);
    assert_eq!(read(&net(&listed), "page").unwrap().weights, model.weights);
}

#[test]
fn a_dropout_goes_into_the_weights_after_it_as_it_predicts() {
    let dropped = |rate: f64| {
        let dropout = json!({ "layer_type": "dropout", "drop_prob": rate });
        let relu = json!({ "layer_type": "relu" });
        read(&net(&[input([1, 1, 4]), dropout, relu, fc(4, 2), loss("svm", 2)]), "net").unwrap()
    };
    let plain = read(&net(&[input([1, 1, 4]), fc(4, 2), loss("svm", 2)]), "net").unwrap();
    assert_eq!(plain.network.loss, Loss::SvmHinge { margin: 1.0 });
    for rate in [0.5, 0.25] {
        let model = dropped(rate);
        let scaled: Vec<f32> = plain.weights[0][0].iter().map(|weight| rate as f32 * weight).collect();
        assert_eq!(model.weights[2], [scaled, plain.weights[0][1].clone()]);
        // At 0.5 training and prediction agree, as ours do.
        assert_eq!(model.notes.len(), usize::from(rate != 0.5), "{:?}", model.notes);
    }
}

#[test]
fn an_even_response_norm_sums_over_one_more_channel() {
    let norm = |n: usize| json!({ "layer_type": "lrn", "k": 1, "n": n, "alpha": 0.5, "beta": 0.75 });
    let settings = |n: usize| {
        let layers = [input([1, 1, 6]), norm(n), fc(6, 2), loss("regression", 2)];
        let model = read(&net(&layers), "net").unwrap();
        assert!(model.notes[0].contains("mean of squares"), "{:?}", model.notes);
        model.network.layers[0].layer.settings()
    };
    assert_eq!((settings(5)["size"].as_integer(), settings(5)["alpha"].as_float()), (Some(5), Some(0.5)));
    assert_eq!((settings(4)["size"].as_integer(), settings(4)["alpha"].as_float()), (Some(5), Some(0.625)));
}

#[test]
fn what_cannot_be_said_here_is_named() {
    let change = |at: usize, to: &dyn Fn(&mut Value)| {
        let mut layers = whole();
        to(&mut layers[at]);
        net(&layers)
    };
    let cases = [
        ("{}".to_owned(), "no network of ConvNetJS"),
        (net(&[]), "no layers"),
        (net(&[fc(4, 2)]), "layer 0 (fc): a network begins with an input layer"),
        (change(0, &|l| l["out_sx"] = json!(1 << 20)), "layer 0 (input)"),
        (change(1, &|l| l["sy"] = json!(2)), "layer 1 (conv): its kernels have 3×2"),
        (change(1, &|l| l["filters"][1] = volume([3, 3, 1], 0)), "conv1: filter 1 has 9 values"),
        (change(1, &|l| drop(l["filters"][0]["w"].as_object_mut().unwrap().remove("5"))), "is missing"),
        (change(1, &|l| l["biases"] = volume([1, 1, 3], 0)), "2 filters and 3 biases"),
        (
            change(2, &|l| l["layer_type"] = json!("quadtransform")),
            "layer 2 (quadtransform): there is no such layer",
        ),
        (change(2, &|l| *l = json!({ "layer_type": "dropout", "drop_prob": 0 })), "drop_prob is 0"),
        (
            change(3, &|l| drop(l.as_object_mut().unwrap().remove("stride"))),
            "layer 3 (pool): it has no stride",
        ),
        (change(5, &|l| *l = json!({ "layer_type": "tanh" })), "it has no loss"),
        (change(3, &|l| *l = loss("softmax", 2)), "layer 4 (fc): it stands behind the loss"),
        (
            net(&[
                input([1, 1, 2]),
                json!({ "layer_type": "dropout", "drop_prob": 0.5 }),
                json!({ "layer_type": "tanh" }),
            ]),
            "layer 2 (tanh): a dropout before it",
        ),
    ];
    for (text, what) in cases {
        let error = read(&text, "net").err().unwrap_or_else(|| panic!("{what}"));
        assert!(error.what().contains(what) && !error.help().is_empty(), "{error} for {what}");
    }
}

#[test]
fn damaged_texts_are_errors_or_networks() {
    let text = net(&whole()).into_bytes();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
    let mut whole = 0;
    for _ in 0..MUTATED {
        let damaged = damaged_json(&text, &mut rng);
        whole += usize::from(read(&damaged, "net").is_ok());
    }
    assert!((1..MUTATED / 2).contains(&whole), "{whole} of {MUTATED}");
}
