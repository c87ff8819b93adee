//! Readers of networks and weights of other tools on damaged files: the answer is a network whose weights fit it, tensors with as many values
//! as their sizes say, or an error that names the file. A panic, or memory beyond reason, fails the test by itself.

use std::fs;
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use revacnn::data::{ChannelStats, NamedTensors};
use revacnn::error::Error;
use revacnn::nn::{Exported, Model, Network, Shape};

use crate::damage::{cases, damaged};

/// Cases of a file in proportion to those of a data set's, whose files are larger.
const MORE: u64 = 6;

/// A network of all that both ONNX and ConvNetJS have, in a few kilobytes.
const NETWORK: &str = r#"
layer = [
    { kind = "conv2d", filters = 4, kernel = 3, padding = 1 },
    { kind = "relu" },
    { kind = "maxout" },
    { kind = "max_pool2d", size = 2 },
    { kind = "dropout", rate = 0.5 },
    { kind = "conv2d", filters = 3, kernel = 2 },
    { kind = "sigmoid" },
    { kind = "dense", units = 5 },
    { kind = "tanh" },
    { kind = "dense" },
]
"#;

fn exported(text: &str) -> Exported {
    let network = Network::parse(text, Shape::new(2, 6, 5), 4).unwrap();
    let values = |len: usize| (0..len).map(|at| (at * 7 % 23) as f32 / 16.0 - 0.7).collect();
    let of_layer = |layer: &revacnn::nn::NetworkLayer| {
        layer.parameters().iter().map(|spec| values(spec.len())).collect::<Vec<Vec<f32>>>()
    };
    let weights = network.layers.iter().map(of_layer).collect();
    let normalization = Some(ChannelStats { mean: vec![0.4; 2], std: vec![0.2; 2] });
    Exported { model: Model { network, weights, notes: Vec::new() }, classes: Vec::new(), normalization }
}

/// Reads a file; true where it was accepted.
type Read = fn(&Path) -> Result<bool, Error>;

fn network(path: &Path) -> Result<bool, Error> {
    let model = Model::open(path)?;
    for (layer, weights) in model.network.layers.iter().zip(&model.weights) {
        let lens = layer.parameters();
        assert!(lens.iter().map(|spec| spec.len()).eq(weights.iter().map(Vec::len)), "{}", layer.name);
    }
    assert_eq!(model.network.layers.len(), model.weights.len());
    Ok(true)
}

fn tensors(path: &Path) -> Result<bool, Error> {
    let Some(found) = NamedTensors::open(path)? else { return Ok(false) };
    for tensor in &found.tensors {
        assert_eq!(tensor.shape.iter().product::<usize>(), tensor.values.len(), "{}", tensor.name);
    }
    Ok(true)
}

/// Damages a file, which others may stand beside, and reads it.
fn fuzz(path: &Path, read: Read) {
    let (whole, name) = (fs::read(path).unwrap(), path.file_name().unwrap().to_str().unwrap());
    assert!(read(path).unwrap_or_else(|error| panic!("{name}: {error}")), "{name} as it was made");
    let (mut accepted, mut refused) = (0, 0);
    for case in 0..MORE * cases() {
        fs::write(path, damaged(&whole, &mut ChaCha8Rng::seed_from_u64(case))).unwrap();
        match read(path) {
            Ok(true) => accepted += 1,
            Ok(false) => refused += 1,
            Err(error) => {
                assert!(
                    error.what().contains(name) && !error.help().is_empty(),
                    "{name}, case {case}: {error}"
                );
                refused += 1;
            }
        }
    }
    fs::write(path, whole).unwrap();
    assert!(refused > cases() && accepted + refused == MORE * cases(), "{name}: {accepted}, {refused}");
}

#[test]
fn damaged_networks() {
    let folder = tempfile::tempdir().unwrap();
    let onnx = exported(&NETWORK.replace("    { kind = \"maxout\" },\n", ""));
    for opset in [18, 20] {
        let path = folder.path().join(format!("made.{opset}.onnx"));
        fs::write(&path, onnx.onnx(opset).unwrap()).unwrap();
        fuzz(&path, network);
    }
    let path = folder.path().join("chain.json");
    fs::write(&path, exported(NETWORK).convnetjs().unwrap()).unwrap();
    fuzz(&path, network);
}

#[test]
fn damaged_networks_of_keras() {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keras");
    // The model of TensorFlow.js has its weights beside it.
    fs::copy(fixtures.join("plain.bin"), folder.path().join("plain.bin")).unwrap();
    for name in ["gray.h5", "mobile.keras", "plain.json"] {
        let path = folder.path().join(name);
        fs::copy(fixtures.join(name), &path).unwrap();
        fuzz(&path, network);
    }
}

#[test]
fn damaged_weights() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.safetensors");
    fs::write(&path, exported(NETWORK).safetensors().unwrap()).unwrap();
    fuzz(&path, tensors);
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/weights");
    for name in ["checkpoint.pt", "kinds.pt", "plain.pt"] {
        let path = folder.path().join(name);
        fs::copy(fixtures.join(name), &path).unwrap();
        fuzz(&path, tensors);
    }
}
