//! Runs out of files of other tools.

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

/// Exported weights, and those of a run, come back bit for bit.
#[test]
fn exported_weights_come_back_to_their_network() {
    let folder = folder();
    let path = folder.path();
    let go = |args: &[&str]| run(path, &[args, &["--adapter", "software"]].concat());
    let digits = ["--dataset", "digits"];
    go(&[&["train", "--network", "tiny.toml", "--steps", "5", "--out", "run"], &digits[..]].concat()).ok();
    go(&["export", "run", "-o", "first.npz"]).ok();
    go(&["export", "run", "-o", "first.safetensors"]).ok();
    for weights in ["first.safetensors", "first.npz", "run/model.safetensors"] {
        let out = format!("of-{}", weights.replace('/', "-"));
        let import = ["import", weights, "--network", "tiny.toml", "-o", &out];
        go(&[&import[..], &digits[..]].concat()).ok();
        go(&["export", &out, "-o", "again.npz"]).ok();
        assert_eq!(arrays(&path.join("again.npz")), arrays(&path.join("first.npz")), "{weights}");
    }
    let import = |weights: &str, more: &[&str]| go(&[&["import", weights, "-o", "none"], more].concat());
    import("first.npz", &digits).fails(1, "first.npz holds weights without a network");
    fs::write(path.join("other.toml"), crate::program::TINY.replace("filters = 4", "filters = 5")).unwrap();
    let other = [&["--network", "other.toml"], &digits[..]].concat();
    import("first.npz", &other)
        .fails(1, "first.npz: tensor conv1.weight has the shape [4, 1, 3, 3], and layer conv1");
    assert!(!path.join("none").exists());
}

/// The entries of a zip.
fn arrays(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let count = archive.len();
    let entry = |at: usize| {
        let mut entry = archive.by_index(at).unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        (entry.name().unwrap().into_owned(), bytes)
    };
    let mut entries: Vec<(String, Vec<u8>)> = (0..count).map(entry).collect();
    entries.sort();
    assert!(!entries.is_empty());
    entries
}
