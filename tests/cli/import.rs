//! Runs out of ONNX files.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{folder, run};

#[test]
fn files_that_are_no_networks_are_refused() {
    let folder = folder();
    let path = folder.path();
    let import = |file: &str, more: &[&str]| run(path, &[&["import", file, "-o", "run"], more].concat());
    import("missing.onnx", &[]).fails(1, "missing.onnx");
    import("tiny.toml", &[]).fails(1, "tiny.toml: it is no ONNX file");
    import("tiny.toml", &["--network", "lenet"]).fails(2, "--network");
    import("tiny.toml", &["--mean", "0.5"]).fails(2, "--std");
    assert!(!path.join("run").exists());
}

/// A model of PyTorch becomes a run on CIFAR-10 with PyTorch's logits, and is trained on; without the shared files there is nothing to do.
#[test]
fn a_model_of_pytorch_becomes_a_run_with_its_logits() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let data = shared.join("cifar-10-batches-bin");
    if !shared.join("onnx").exists() || !data.exists() {
        return;
    }
    let folder = folder();
    let path = folder.path();
    let (data, onnx) = (data.display().to_string(), shared.join("onnx"));
    let file = onnx.join("plain.default.onnx").display().to_string();
    let on = |dataset: &str, out: &str, more: &[&str]| {
        let args = ["import", &file, "-o", out, "--dataset", dataset, "--adapter", "software"];
        run(path, &[&args[..], more].concat())
    };
    on("digits", "other", &[]).fails(1, "the network takes images of 3×32×32 and has 10 outputs");
    let said = on(&data, "run", &["--lr", "0.001", "--freeze", "conv1"]).ok();
    assert!(said.out.contains("revacnn train --resume run"), "{}", said.out);
    let arrays = onnx.join("plain.default.npz").display().to_string();
    let predicted = run(path, &["predict", "run", &arrays, "--adapter", "software", "--json"]).ok();
    let mut archive = zip::ZipArchive::new(fs::File::open(&arrays).unwrap()).unwrap();
    let wanted: Vec<f32> = npyz::NpyFile::new(archive.by_name("y.npy").unwrap()).unwrap().into_vec().unwrap();
    let numbers = |value: &Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    };
    let found: Vec<f64> = predicted.events()[1..].iter().flat_map(|line| numbers(&line["logits"])).collect();
    let size = wanted.iter().fold(0.0_f64, |size, value| size.max(f64::from(value.abs())));
    assert_eq!(found.len(), wanted.len());
    let worst = found.iter().zip(&wanted).map(|(a, b)| (a - f64::from(*b)).abs() / size).fold(0.0, f64::max);
    assert!(worst < 1e-4, "{worst}");
    let begun = fs::read(path.join("run/model.safetensors")).unwrap();
    run(path, &["train", "--resume", "run", "--steps", "3", "--adapter", "software"]).ok();
    assert_ne!(fs::read(path.join("run/model.safetensors")).unwrap(), begun);
    let verified = run(path, &["replay", "run", "--verify", "--adapter", "software"]);
    verified.ok();
}
