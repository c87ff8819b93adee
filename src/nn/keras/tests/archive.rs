//! `.keras` and `.h5` files that are damaged, cut short, or promise more than they have.

use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;

use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::outputs::fixture;
use crate::error::Result;
use crate::nn::Model;
use crate::nn::keras::read_bytes;

/// Damaged files.
const MUTATED: usize = 3_000;
const NAMES: [&str; 3] = ["config.json", "metadata.json", "model.weights.h5"];

/// The entries of a file, in the order of their names.
fn entries(name: &str) -> [Vec<u8>; 3] {
    let mut zip = ZipArchive::new(Cursor::new(std::fs::read(fixture(name)).unwrap())).unwrap();
    NAMES.map(|name| {
        let mut bytes = Vec::new();
        zip.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    })
}

fn zipped(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn stored(entries: &[Vec<u8>; 3]) -> Vec<u8> {
    let named: Vec<(&str, &[u8])> = NAMES.into_iter().zip(entries.iter().map(Vec::as_slice)).collect();
    zipped(&named, CompressionMethod::Stored)
}

fn read(bytes: Vec<u8>) -> Result<Model> {
    read_bytes(bytes, "net").unwrap_or_else(|_| panic!("it is known by its content"))
}

fn refused(bytes: Vec<u8>, what: &str) {
    let error = read(bytes).err().unwrap_or_else(|| panic!("{what}"));
    assert!(error.what().contains(what) && !error.help().is_empty(), "{error} for {what}");
}

#[test]
fn a_zip_that_is_not_whole_is_refused() {
    let whole = std::fs::read(fixture("cnn.keras")).unwrap();
    for len in [5, 100, whole.len() / 2, whole.len() - 1] {
        refused(whole[..len].to_vec(), "it is a damaged zip, or cut short");
    }
    let [config, metadata, weights] = entries("cnn.keras");
    let only = |entries: &[(&str, &[u8])]| zipped(entries, CompressionMethod::Stored);
    refused(only(&[(NAMES[0], &config), (NAMES[1], &metadata)]), "model.weights.h5");
    refused(only(&[(NAMES[1], &metadata), (NAMES[2], &weights)]), "config.json");
    refused(stored(&[b"{".to_vec(), metadata.clone(), weights.clone()]), "its config.json is damaged");
    for len in [0, 50, weights.len() / 2] {
        refused(stored(&[config.clone(), metadata.clone(), weights[..len].to_vec()]), "weights are damaged");
    }
    let other = only(&[("picture.png", &[0])]);
    assert!(read_bytes(other, "net").is_err(), "another zip is none of Keras's");
}

#[test]
fn what_unpacks_to_much_is_not_unpacked() {
    let [config, metadata, _] = entries("cnn.keras");
    let zeros = vec![0; 65 << 20];
    let packed = |config: &[u8], weights: &[u8]| {
        let entries = [(NAMES[0], config), (NAMES[1], &metadata), (NAMES[2], weights)];
        zipped(&entries, CompressionMethod::Deflated)
    };
    let bomb = packed(&config, &zeros);
    assert!(bomb.len() < 1 << 17, "{}", bomb.len());
    refused(bomb, "model.weights.h5: it unpacks to more than 67");
    let spaces = vec![b' '; 5 << 20];
    refused(packed(&spaces, &[]), "config.json: it unpacks to more than 4194304 bytes");
}

/// A model whose configuration is changed.
fn changed(name: &str, change: &dyn Fn(&mut Value)) -> Vec<u8> {
    let [config, metadata, weights] = entries(name);
    let mut config: Value = serde_json::from_slice(&config).unwrap();
    change(&mut config);
    stored(&[config.to_string().into_bytes(), metadata, weights])
}

#[test]
fn a_configuration_and_weights_that_disagree_are_named() {
    let set = |at: usize, key: &'static str, value: Value| {
        changed("cnn.keras", &move |c: &mut Value| c["config"]["layers"][at]["config"][key] = value.clone())
    };
    read(changed("cnn.keras", &|_| {})).unwrap();
    refused(
        set(1, "filters", json!(5)),
        "(Conv2D): its kernel has the shape [3, 3, 1, 4], and [3, 3, 1, 5] belongs",
    );
    refused(set(7, "units", json!(5)), "(Dense): its kernel has the shape [36, 6], and [36, 5] belongs");
    let gone = |c: &mut Value| c["config"]["layers"][4]["config"]["use_bias"] = json!(true);
    refused(
        changed("cnn.keras", &gone),
        "(Conv2D): its bias at layers/conv2d_1/vars/1: its weights are damaged",
    );
}

#[test]
fn functions_are_those_of_the_version() {
    let [config, _, weights] = entries("residual.keras");
    let metadata = json!({ "keras_version": "2.15.0" }).to_string().into_bytes();
    let kinds = |bytes: Vec<u8>| super::kinds(&read(bytes).unwrap()).join(" ");
    assert!(kinds(changed("residual.keras", &|_| {})).contains("conv2d hard_sigmoid mul"));
    // That of Keras 2 is another line, cut at 0 and 1.
    let made = kinds(stored(&[config, metadata, weights]));
    assert!(made.contains("conv2d scale hardtanh mul"), "{made}");
}

/// The bytes with each of these sizes in a row replaced by others.
fn with_sizes(bytes: &[u8], from: &[u64], to: &[u64]) -> Vec<u8> {
    let pattern = |sizes: &[u64]| sizes.iter().flat_map(|size| size.to_le_bytes()).collect::<Vec<u8>>();
    let (from, to) = (pattern(from), pattern(to));
    let mut changed = bytes.to_vec();
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(&from)).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|at| changed[*at..*at + to.len()].copy_from_slice(&to));
    changed
}

#[test]
fn a_tensor_larger_than_its_file_is_refused() {
    let [config, metadata, weights] = entries("cnn.keras");
    for side in [1 << 20, 1 << 40, u64::MAX] {
        let large = with_sizes(&weights, &[3, 3, 1, 4], &[3, 3, 1, side]);
        refused(stored(&[config.clone(), metadata.clone(), large]), "layers/conv2d/vars/0");
    }
}

#[test]
fn an_h5_file_without_a_model_says_so() {
    let [_, _, weights] = entries("cnn.keras");
    refused(weights, "an HDF5 file in which no model of Keras is found");
    let whole = std::fs::read(fixture("gray.h5")).unwrap();
    refused(whole[..whole.len() / 2].to_vec(), "weights are damaged");
    // By its content, whatever it is called.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bin");
    std::fs::write(&path, whole).unwrap();
    assert_eq!(Model::open(Path::new(&path)).unwrap().network.classes, 2);
}

#[test]
fn damaged_files_are_errors_or_networks() {
    let [config, metadata, weights] = entries("cnn.keras");
    let h5 = std::fs::read(fixture("gray.h5")).unwrap();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    let mut damaged = |bytes: &[u8]| {
        // Most of such a file are zeros, which nothing reads.
        let live: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        let mut damaged = bytes.to_vec();
        for _ in 0..rng.random_range(1..4) {
            let at = live[rng.random_range(0..live.len())];
            damaged[at] = [0, 1, 127, 255, rng.random_range(0..=255)][rng.random_range(0..5)];
        }
        damaged
    };
    let mut whole = 0;
    for case in 0..MUTATED {
        let read = match case % 3 {
            0 => read(stored(&[config.clone(), metadata.clone(), damaged(&weights)])),
            1 => read(stored(&[damaged(&config), metadata.clone(), weights.clone()])),
            _ => read_bytes(damaged(&h5), "net").unwrap_or_else(|_| read(h5.clone())),
        };
        whole += usize::from(read.is_ok());
    }
    assert!((1..MUTATED).contains(&whole), "{whole} of {MUTATED}");
}
