//! `revacnn predict` with a file of another tool, without a run or a data set.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::program::{Ran, folder, run};

/// Some of the models, for each way of their weights and outputs: beside the file, without any weights, a map, logarithms of shares.
const MODELS: [&str; 4] = ["plain.default", "silu.ts", "conv_groups2.default", "view_linear_logsoftmax.ts"];

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[test]
fn models_of_pytorch_answer_as_pytorch_does() {
    let onnx = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/onnx");
    if !onnx.exists() {
        return;
    }
    let folder = folder();
    for name in MODELS {
        let arrays = onnx.join(format!("{name}.npz")).display().to_string();
        let file = onnx.join(format!("{name}.onnx")).display().to_string();
        let ran = run(folder.path(), &["predict", &file, &arrays, "--json", "--adapter", "software"]).ok();
        assert!(!ran.err.contains("--mean"), "raw input has no pixels: {}", ran.err);
        let mut archive = zip::ZipArchive::new(fs::File::open(&arrays).unwrap()).unwrap();
        let y = npyz::NpyFile::new(archive.by_name("y.npy").unwrap()).unwrap();
        let wanted: Vec<f32> = y.into_vec().unwrap();
        let answer = |line: &Value| -> Vec<f64> {
            if name.contains("logsoftmax") {
                return numbers(&line["probabilities"]).into_iter().map(f64::ln).collect();
            }
            numbers(&line["logits"])
        };
        let events = ran.events();
        let found: Vec<f64> = events[1..].iter().flat_map(answer).collect();
        let size = wanted.iter().fold(0.0_f64, |size, value| size.max(f64::from(value.abs())));
        assert_eq!(found.len(), wanted.len(), "{name}");
        let off = found.iter().zip(&wanted).map(|(a, b)| (a - f64::from(*b)).abs() / size);
        let worst = off.fold(0.0, f64::max);
        assert!(worst < 1e-4, "{name}: {worst}");
        assert_eq!(events[0]["classes"][1], "1", "without names classes are numbers");
    }
}

/// A network of ConvNetJS on gray images of 2×2, whose outputs are the first two pixels, and a picture in `picture.png`.
fn two_pixels(path: &Path) {
    let filter = |at: usize| {
        let w: Vec<usize> = (0..4).map(|pixel| usize::from(pixel == at)).collect();
        json!({ "sx": 1, "sy": 1, "depth": 4, "w": w })
    };
    let biases = json!({ "sx": 1, "sy": 1, "depth": 2, "w": [0, 0] });
    let layers = json!([
        { "layer_type": "input", "out_sx": 2, "out_sy": 2, "out_depth": 1 },
        { "layer_type": "fc", "out_depth": 2, "num_inputs": 4, "filters": [filter(0), filter(1)], "biases": biases },
        { "layer_type": "softmax", "out_depth": 2, "num_inputs": 2 },
    ]);
    fs::write(path.join("net.json"), json!({ "layers": layers }).to_string()).unwrap();
    let pixels = image::GrayImage::from_raw(2, 2, vec![51, 255, 0, 0]).unwrap();
    pixels.save(path.join("picture.png")).unwrap();
    fs::write(path.join("names.txt"), "dark\nlight\n\n").unwrap();
}

#[test]
fn pixels_and_classes_of_a_file_are_as_options_say() {
    let folder = folder();
    let path = folder.path();
    two_pixels(path);
    let predict = |more: &[&str]| -> Ran {
        let args = ["predict", "net.json", "picture.png", "--json", "--adapter", "software"];
        run(path, &[&args[..], more].concat())
    };
    // 51 and 255 of 255, and less 0.5, by 0.25.
    let normalized = ["--mean", "0.5", "--std", "0.25"];
    for (options, wanted) in [(&[][..], [0.2, 1.0]), (&normalized[..], [-1.2, 2.0])] {
        let ran = predict(&[options, &["--classes", "names.txt"]].concat()).ok();
        let answer = &ran.events()[1];
        let logits = numbers(&answer["logits"]);
        assert!(logits.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6), "{answer}");
        assert_eq!(answer["class"], "light");
        assert_eq!(ran.err.contains("pixels from 0 to 1"), options.is_empty(), "{}", ran.err);
    }
    predict(&["--dataset", "digits"]).fails(1, "data set digits has 10 class names, and the network 2");
    predict(&["--classes", "missing.txt"]).fails(1, "missing.txt");
    predict(&["--classes", "names.txt", "--dataset", "digits"]).fails(2, "--dataset");
    predict(&["--mean", "0.1,0.2", "--std", "1"]).fails(2, "--mean is [0.1, 0.2], for images of 1 channel");
    predict(&["--mean", "0", "--std", "0"]).fails(2, "--std is [0.0]");
    predict(&["--averaged"]).fails(2, "net.json is a file");
    let nowhere = ["predict", "nowhere.onnx", "picture.png", "--adapter", "software"];
    run(path, &nowhere).fails(1, "neither a folder nor a file nowhere.onnx");
    fs::create_dir(path.join("no-run")).unwrap();
    let of_folder = ["predict", "no-run", "picture.png", "--classes", "names.txt", "--adapter", "software"];
    run(path, &of_folder).fails(2, "--classes is for the file of a network");
}
