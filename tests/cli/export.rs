//! A run's network in files for other tools.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{Ran, TINY, folder, run};

fn trained(path: &Path, more: &[&str]) {
    fs::write(path.join("tiny.toml"), TINY).unwrap();
    let train = ["train", "--network", "tiny.toml", "--dataset", "digits", "--steps", "30", "--out", "run"];
    run(path, &[&train[..], &["--adapter", "software"], more].concat()).ok();
}

fn export(path: &Path, args: &[&str]) -> Ran {
    run(path, &[&["export", "run", "--adapter", "software", "-o"], args].concat())
}

/// The logits of a run for some pictures.
fn logits(path: &Path, of: &str, more: &[&str]) -> Vec<f64> {
    let args = [&["predict", of, "pictures", "--adapter", "software", "--json"], more].concat();
    let answers = run(path, &args).ok().events();
    let numbers = |answer: &Value| -> Vec<f64> {
        answer["logits"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
    };
    answers[1..].iter().flat_map(numbers).collect()
}

#[test]
fn an_exported_network_comes_back_with_its_answers() {
    let folder = folder();
    let path = folder.path();
    trained(path, &[]);
    fs::create_dir(path.join("pictures")).unwrap();
    for seed in 0..5_u32 {
        let shade = |x: u32, y: u32| image::Luma([((x * 37 + y * 11 * (seed + 1)) % 256) as u8]);
        image::GrayImage::from_fn(8, 8, shade).save(path.join(format!("pictures/{seed}.png"))).unwrap();
    }
    let import = |file: &str, out: &str, more: &[&str]| {
        let args = ["import", file, "-o", out, "--dataset", "digits", "--adapter", "software"];
        run(path, &[&args[..], more].concat()).ok();
    };
    export(path, &["plain.onnx"]).ok();
    import("plain.onnx", "plain", &[]);
    let given = logits(path, "run", &[]);
    assert_eq!(given.len(), 50);
    assert_eq!(logits(path, "plain", &[]), given);
    export(path, &["averaged.onnx", "--averaged", "--opset", "20"]).ok();
    import("averaged.onnx", "averaged", &[]);
    let averaged = logits(path, "run", &["--averaged"]);
    assert_eq!(logits(path, "averaged", &[]), averaged);
    assert_ne!(averaged, given);
    export(path, &["pixels.onnx", "--pixels"]).ok();
    import("pixels.onnx", "pixels", &["--mean", "0", "--std", "1"]);
    let of_pixels = logits(path, "pixels", &[]);
    assert!(of_pixels.iter().zip(&given).all(|(a, b)| (a - b).abs() < 1e-4), "{of_pixels:?} {given:?}");
    let said = export(path, &["net.py"]).ok();
    assert!(said.out.contains("net.safetensors") && path.join("net.safetensors").exists(), "{}", said.out);
    assert!(fs::read_to_string(path.join("net.py")).unwrap().contains("class Network(nn.Module)"));
    // ConvNetJS's JSON is read back, to the bit.
    export(path, &["net.json"]).ok();
    import("net.json", "chain", &[]);
    assert_eq!(logits(path, "chain", &[]), given);
    let said = export(path, &["keras.py", "--framework", "keras"]).ok();
    assert!(said.out.contains("keras.npz"), "{}", said.out);
    assert!(fs::read_to_string(path.join("keras.py")).unwrap().contains("layers.Conv2D("));
    let mut archive = zip::ZipArchive::new(fs::File::open(path.join("keras.npz")).unwrap()).unwrap();
    assert!(archive.by_name("dense1.1.npy").is_ok());
    export(path, &["weights.npz"]).ok();
    let mut archive = zip::ZipArchive::new(fs::File::open(path.join("weights.npz")).unwrap()).unwrap();
    let stored: Vec<f32> =
        npyz::NpyFile::new(archive.by_name("dense1.bias.npy").unwrap()).unwrap().into_vec().unwrap();
    assert_eq!(stored.len(), 10);
}

#[test]
fn what_cannot_be_exported_is_said_and_writes_nothing() {
    let folder = folder();
    let path = folder.path();
    export(path, &["net.onnx"]).fails(1, "run");
    trained(path, &["--average", "0"]);
    export(path, &["net.onnx", "--averaged"]).fails(1, "keeps no average");
    let predict = ["predict", "run", "tiny.toml", "--averaged", "--adapter", "software"];
    run(path, &predict).fails(1, "keeps no average");
    export(path, &["net.pt"]).fails(2, ".onnx or .py or .json or .safetensors or .npz");
    export(path, &["nowhere/net.onnx"]).fails(2, "no folder");
    export(path, &["net.onnx", "--opset", "17"]).fails(2, "18..=20");
    export(path, &["net.json", "--framework", "keras"]).fails(2, "--framework is for .py");
    export(path, &["net.py", "--opset", "20"]).fails(2, "--opset is for .onnx");
    export(path, &["net.py", "--framework", "jax"]).fails(2, "pytorch, keras");
    // Pixels are normalized by a batch norm, which ConvNetJS has not.
    export(path, &["net.json", "--pixels"]).fails(1, "ConvNetJS");
    assert!(!path.join("net.json").exists());
    assert!(!path.join("net.onnx").exists());
}
