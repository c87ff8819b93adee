//! Layers models of TensorFlow.js with weights by hand: their order, their types, and the files that they lie in.

use std::path::Path;

use rand::SeedableRng as _;
use serde_json::{Value, json};

use super::{Change, layer, sequential, write_tfjs};
use crate::error::Result;
use crate::nn::imported::damaged_json;
use crate::nn::{Model, Shape};

/// Damaged texts.
const MUTATED: usize = 5_000;

/// A convolution and a dense layer on images of one row of two pixels.
fn small(folder: &Path) -> Value {
    let first = json!({ "batch_input_shape": [null, 1, 2, 2], "filters": 2, "kernel_size": [1, 1], "activation": "relu" });
    let layers = [
        layer("Conv2D", "edges", &first),
        layer("Flatten", "row", &json!({})),
        layer("Dense", "head", &json!({ "units": 1, "use_bias": false, "activation": "linear" })),
    ];
    let topology = json!({ "class_name": "Sequential", "config": { "name": "net", "layers": layers } });
    write_tfjs(
        folder,
        &topology,
        &[
            // Of other tools the names of models stand before those of layers.
            ("net/head/kernel", &[4, 1], &[1.0, 2.0, 3.0, 4.0]),
            ("edges/kernel", &[1, 1, 2, 2], &[5.0, 6.0, 7.0, 8.0]),
            ("edges/bias", &[2], &[9.0, 10.0]),
        ],
    )
}

fn read(folder: &Path, file: &Value) -> Result<Model> {
    let path = folder.join("model.json");
    std::fs::write(&path, file.to_string()).unwrap();
    Model::open(&path)
}

#[test]
fn weights_are_found_by_name_and_turned() {
    let folder = tempfile::tempdir().unwrap();
    let file = small(folder.path());
    let model = read(folder.path(), &file).unwrap();
    assert_eq!((model.network.input, model.network.classes), (Shape::new(2, 1, 2), 1));
    let names: Vec<_> = model.network.layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["edges", "relu1", "row", "head"]);
    // The kernel counts inputs, then filters; ours filters, then inputs.
    assert_eq!(model.weights[0], [[5.0, 7.0, 6.0, 8.0].to_vec(), vec![9.0, 10.0]]);
    // Pixels, then channels; ours channels, then pixels.
    assert_eq!(model.weights[3], [[1.0, 3.0, 2.0, 4.0].to_vec(), vec![0.0]]);
}

#[test]
fn weights_of_few_bits_are_scaled() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = small(folder.path());
    let weights = &mut file["weightsManifest"][0]["weights"];
    weights[0]["quantization"] = json!({ "dtype": "uint8", "scale": 0.5, "min": -1.0 });
    weights[1]["quantization"] = json!({ "dtype": "uint16", "scale": 2.0, "min": 0.25 });
    weights[2]["quantization"] = json!({ "dtype": "float16" });
    // Halves of 1.5 and -2.
    let bytes: [&[u8]; 3] = [&[0, 1, 2, 255], &[0, 0, 1, 0, 0, 1, 255, 255], &[0x00, 0x3e, 0x00, 0xc0]];
    std::fs::write(folder.path().join("weights.bin"), bytes.concat()).unwrap();
    let model = read(folder.path(), &file).unwrap();
    assert_eq!(model.weights[0], [[0.25, 512.25, 2.25, 131_070.25].to_vec(), vec![1.5, -2.0]]);
    assert_eq!(model.weights[3][0], [-1.0, 0.0, -0.5, 126.5]);
}

#[test]
fn files_of_weights_that_are_not_as_they_should_be_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let whole = small(folder.path());
    let outside = folder.path().join("outside.bin");
    let inside = folder.path().join("model");
    std::fs::create_dir(&inside).unwrap();
    std::fs::rename(folder.path().join("weights.bin"), &outside).unwrap();
    let mut cases = vec![
        (json!(["../outside.bin"]), "outside the model's folder"),
        (json!([outside.display().to_string()]), "outside the model's folder"),
        (json!(["missing.bin"]), "missing.bin"),
        (json!(["short.bin"]), "need 40 bytes, and their files have 39"),
        (json!(["short.bin", "short.bin"]), "names the file \"short.bin\" twice"),
        (json!(["short.bin", "./short.bin"]), "names the file \"./short.bin\" twice"),
        (json!(["."]), "no file"),
        (json!([]), "need 40 bytes, and their files have 0"),
    ];
    std::fs::write(inside.join("short.bin"), [0; 39]).unwrap();
    if cfg!(unix) {
        #[cfg(unix)]
        std::os::unix::fs::symlink(&outside, inside.join("link.bin")).unwrap();
        cases.push((json!(["link.bin"]), "outside the model's folder"));
    }
    for (paths, what) in cases {
        let mut file = whole.clone();
        file["weightsManifest"][0]["paths"] = paths;
        let error = read(&inside, &file).err().unwrap_or_else(|| panic!("{what}"));
        assert!(error.what().contains(what) && !error.help().is_empty(), "{error} for {what}");
    }
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let weight = |at: usize, key: &'static str, value: Value| {
        move |file: &mut Value| file["weightsManifest"][0]["weights"][at][key] = value.clone()
    };
    let kernel =
        "layer \"edges\" (Conv2D): its kernel has the shape [2, 1, 1, 2], and [1, 1, 2, 2] belongs there";
    let cases: [(Change, &str); 9] = [
        (Box::new(weight(1, "shape", json!([2, 1, 1, 2]))), kernel),
        (Box::new(weight(1, "shape", json!([1 << 30, 1 << 30, 2, 2]))), "is too large"),
        (Box::new(weight(1, "shape", json!([1 << 26, 1, 2, 2]))), "need 1073741848 bytes"),
        (
            Box::new(weight(1, "name", json!("other/kernel"))),
            "layer \"edges\" (Conv2D): its kernel is not among",
        ),
        (
            Box::new(weight(0, "name", json!("edges/cell/bias"))),
            "layer \"head\" (Dense): its kernel is not among",
        ),
        (Box::new(weight(0, "name", json!("edges/kernel"))), "there are several of its kernel"),
        (Box::new(weight(1, "dtype", json!("string"))), "of the type \"string\""),
        (Box::new(weight(1, "dtype", json!("int32"))), "its kernel is of a type that is not trained"),
        (Box::new(|file| file["format"] = json!("graph-model")), "graph model"),
    ];
    for (change, what) in cases {
        let mut file = small(folder.path());
        change(&mut file);
        let error = read(folder.path(), &file).err().unwrap_or_else(|| panic!("{what}"));
        assert!(error.what().contains(what) && !error.help().is_empty(), "{error} for {what}");
    }
    let mut file = small(folder.path());
    file["padding"] = json!(" ".repeat(4 << 20));
    assert!(read(folder.path(), &file).err().unwrap().what().contains("more than 4194304 bytes"));
    let alone = small(folder.path())["modelTopology"].clone();
    assert!(read(folder.path(), &alone).err().unwrap().what().contains("without its weights"));
}

#[test]
fn damaged_texts_are_errors_or_networks() {
    let folder = tempfile::tempdir().unwrap();
    let text = small(folder.path()).to_string().into_bytes();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    let mut whole = 0;
    for _ in 0..MUTATED {
        let damaged = damaged_json(&text, &mut rng);
        whole += usize::from(crate::nn::keras::tfjs::read(&damaged, folder.path(), "net").is_ok());
    }
    assert!((1..MUTATED / 2).contains(&whole), "{whole} of {MUTATED}");
}

#[test]
fn slopes_that_channels_share_are_not_taken_for_those_of_channels() {
    let folder = tempfile::tempdir().unwrap();
    // Two pixels of two channels: as many slopes as channels.
    let layers = [
        layer("AveragePooling2D", "pool", &json!({ "pool_size": [4, 2] })),
        layer("PReLU", "one", &json!({ "shared_axes": [3] })),
        layer("GlobalAveragePooling2D", "mean", &json!({})),
    ];
    let file = write_tfjs(folder.path(), &sequential(&layers), &[("one/alpha", &[1, 2, 1], &[0.1, 0.2])]);
    let error = read(folder.path(), &file).err().unwrap();
    assert!(error.what().contains("its slopes are not the same for all pixels"), "{error}");
}
