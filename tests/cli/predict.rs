//! `revacnn predict`: what a run says of pictures and arrays.

use std::fs;
use std::path::Path;

use revacnn::data::{Dataset, open_array};
use serde_json::Value;

use crate::program::{Ran, TINY, folder, run};

/// Test images of the digits that are saved as pictures.
const PICTURES: usize = 150;

/// A run of the digits in `run`, and the first test images as pictures in `pictures`; returns their classes.
fn digits(path: &Path) -> Vec<u8> {
    fs::write(path.join("tiny.toml"), TINY).unwrap();
    let trained = ["train", "--network", "tiny.toml", "--dataset", "digits", "--epochs", "3", "--out", "run"];
    run(path, &[&trained[..], &["--adapter", "software"]].concat()).ok();
    let data = Dataset::open("digits").unwrap();
    fs::create_dir_all(path.join("pictures/more")).unwrap();
    let images = data.test.images.chunks_exact(data.shape.len()).take(PICTURES);
    for (index, image) in images.enumerate() {
        let folder = if index < 100 { "pictures" } else { "pictures/more" };
        let file = path.join(format!("{folder}/{index:03}.png"));
        image::GrayImage::from_raw(data.shape.width as u32, data.shape.height as u32, image.to_vec())
            .unwrap()
            .save(file)
            .unwrap();
    }
    data.test.labels[..PICTURES].to_vec()
}

fn predict(path: &Path, args: &[&str]) -> Ran {
    run(path, &[&["predict", "run", "--adapter", "software"], args].concat())
}

/// An `.npz` of one array of `f32`.
fn write_npz(path: &Path, name: &str, shape: &str, values: &[f32]) {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16 + 1).to_le_bytes());
    bytes.extend(header.bytes().chain([b'\n']));
    values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
    let mut archive = zip::ZipWriter::new(fs::File::create(path).unwrap());
    archive.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut archive, &bytes).unwrap();
    archive.finish().unwrap();
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[test]
fn pictures_and_their_raw_input_get_the_same_answers() {
    let folder = folder();
    let path = folder.path();
    let labels = digits(path);
    let ran = predict(path, &["pictures", "--json", "-o", "said.npz"]).ok();
    let events = ran.events();
    let (start, answers) = events.split_first().unwrap();
    assert_eq!((start["classes"][3].as_str(), answers.len()), (Some("3"), PICTURES));
    assert_eq!(answers[7]["input"], "pictures/007.png");
    let right = answers
        .iter()
        .zip(&labels)
        .filter(|(answer, label)| answer["class"] == start["classes"][usize::from(**label)]);
    let right = right.count();
    assert!(right > PICTURES / 2, "only {right} are right");
    for answer in answers {
        let shares = numbers(&answer["probabilities"]);
        let logits = numbers(&answer["logits"]);
        let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
        let off = logits.iter().zip(&shares).map(|(logit, share)| (logit.exp() / sum - share).abs());
        assert!(off.fold(0.0, f64::max) < 1e-5, "the shares are no softmax: {answer}");
    }
    // What the network's input is made of is what an evaluation has.
    let data = Dataset::open("digits").unwrap();
    let stats = data.channel_stats();
    let normal =
        |v: &u8| ((f64::from(*v) / 255.0 - f64::from(stats.mean[0])) / f64::from(stats.std[0])) as f32;
    let raw: Vec<f32> = data.test.images[..PICTURES * data.shape.len()].iter().map(normal).collect();
    write_npz(&path.join("raw.npz"), "x", "(150, 1, 8, 8)", &raw);
    let of_raw = predict(path, &["raw.npz", "--json"]).ok().events();
    for (one, other) in answers.iter().zip(&of_raw[1..]) {
        let pairs = numbers(&one["logits"]).into_iter().zip(numbers(&other["logits"]));
        let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 1e-4, "{off} apart: {one} {other}");
    }
    assert_eq!(of_raw[6]["index"], 5);
    let (shape, words) = (open_array(&path.join("said.npz")), "holds the arrays");
    assert!(shape.unwrap_err().to_string().contains(words));
    let averaged = predict(path, &["pictures", "--json", "--averaged"]).ok().events();
    assert_ne!(averaged[1]["logits"], answers[0]["logits"]);
}

#[test]
fn all_test_images_as_pictures_give_the_accuracy_of_the_run() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("tiny.toml"), TINY).unwrap();
    let args =
        ["train", "--network", "tiny.toml", "--dataset", "digits", "--epochs", "2", "--out", "run", "--json"];
    let trained = run(path, &[&args[..], &["--adapter", "software"]].concat()).ok().events();
    let accuracy = trained.iter().rev().find_map(|e| e["test_accuracy"].as_f64()).unwrap();
    let data = Dataset::open("digits").unwrap();
    fs::create_dir(path.join("all")).unwrap();
    for (index, image) in data.test.images.chunks_exact(data.shape.len()).enumerate() {
        let file = path.join(format!("all/{index:04}.png"));
        image::GrayImage::from_raw(8, 8, image.to_vec()).unwrap().save(file).unwrap();
    }
    let answers = predict(path, &["all", "--json"]).ok().events();
    let right = answers[1..]
        .iter()
        .zip(&data.test.labels)
        .filter(|(answer, label)| answer["class"] == answers[0]["classes"][usize::from(**label)]);
    let share = right.count() as f64 / data.test.len() as f64;
    assert!((share - accuracy).abs() < 1e-6, "{share} of the pictures, {accuracy} of the run's images");
}

#[test]
fn what_cannot_be_predicted_is_said() {
    let folder = folder();
    let path = folder.path();
    digits(path);
    fs::write(path.join("pictures/damaged.png"), b"no picture").unwrap();
    let ran = predict(path, &["pictures"]).ok();
    assert_eq!(ran.out.lines().count(), PICTURES);
    assert!(
        ran.err.contains("damaged.png") && ran.err.contains("1 of 151 inputs were left out"),
        "{}",
        ran.err
    );
    predict(path, &["pictures/damaged.png", "--strict"]).fails(1, "damaged.png");
    predict(path, &["pictures/damaged.png"]).fails(1, "none of the inputs");
    predict(path, &["nowhere.png"]).fails(1, "nowhere.png");
    predict(path, &["pictures", "-o", "said.csv"]).fails(2, "is no .npz");
    predict(path, &["pictures", "-o", "gone/said.npz"]).fails(2, "no folder");
    fs::create_dir(path.join("empty")).unwrap();
    predict(path, &["empty"]).fails(1, "no picture in empty");
    write_npz(&path.join("flat.npz"), "x", "(2, 64)", &[0.0; 128]);
    predict(path, &["flat.npz"]).fails(1, "[n, 1, 8, 8]");
    write_npz(&path.join("last.npz"), "x", "(2, 8, 8, 1)", &[0.0; 128]);
    predict(path, &["last.npz"]).fails(1, "[2, 8, 8, 1]");
    write_npz(&path.join("none.npz"), "x", "(0, 1, 8, 8)", &[]);
    predict(path, &["none.npz"]).fails(1, "empty");
    predict(path, &[]).fails(2, "INPUT");
}
