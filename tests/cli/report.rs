//! `revacnn report`: a run as one page, and its numbers and charts as files.
#![cfg(feature = "app")]

use std::fs;
use std::path::Path;

use base64::Engine as _;
use quick_xml::events::Event;

use crate::program::{Ran, folder, run, train};

/// Classes of the images, whose names are markup and a formula of nothing.
const CLASSES: [&str; 2] = ["<img src=x onerror=x()>", "b & \"c\", it's"];

/// A folder of images, dark ones and light ones.
fn images(path: &Path) {
    for (class, name) in CLASSES.iter().enumerate() {
        fs::create_dir_all(path.join(name)).unwrap();
        for index in 0..40 {
            let value = |x: u32, y: u32| (class as u32 * 120 + (x * 7 + y * 3 + index * 5) % 90) as u8;
            let image = image::GrayImage::from_fn(8, 8, |x, y| image::Luma([value(x, y)]));
            image.save(path.join(name).join(format!("{index}.png"))).unwrap();
        }
    }
}

/// Trains 3 epochs of the images with a command after the first; returns the accuracy on the test images.
fn trained(path: &Path) -> f64 {
    images(&path.join("some images"));
    fs::write(path.join("script.jsonl"), r#"{"epoch": 1, "command": {"set_learning_rate": 0.03125}}"#)
        .unwrap();
    let network = fs::read_to_string(path.join("tiny.toml")).unwrap().replace("\"tiny\"", "\"a <b> & c\"");
    fs::write(path.join("odd.toml"), network).unwrap();
    let args =
        ["train", "--dataset", "some images", "--network", "odd.toml", "--batch", "8", "--epochs", "3"];
    let more = ["--script", "script.jsonl", "--actions", "actions.csv", "--out", "a & b", "--json"];
    let events = run(path, &[&args[..], &more].concat()).ok().events();
    events.last().unwrap()["test_accuracy"].as_f64().unwrap()
}

fn report(path: &Path, args: &[&str]) -> Ran {
    run(path, &[&["report"], args].concat())
}

/// All text of a page or drawing, its elements with their attributes, and its pictures.
fn read(markup: &str) -> (String, Vec<String>, Vec<Vec<u8>>) {
    let markup = markup.strip_prefix("<!DOCTYPE html>\n").unwrap_or(markup);
    let mut reader = quick_xml::Reader::from_str(markup);
    let (mut text, mut elements, mut pictures) = (String::new(), Vec::new(), Vec::new());
    loop {
        match reader.read_event().expect("every element ends where it should") {
            Event::Eof => return (text, elements, pictures),
            Event::Text(part) => text += &part.decode().unwrap(),
            Event::GeneralRef(name) => {
                text += quick_xml::escape::resolve_predefined_entity(&name.decode().unwrap()).unwrap()
            }
            Event::Start(element) | Event::Empty(element) => {
                let name = String::from_utf8(element.name().0.to_vec()).unwrap();
                for attribute in element.attributes() {
                    let attribute = attribute.unwrap();
                    if attribute.key.0 == b"src" {
                        let encoded = attribute
                            .value
                            .strip_prefix(&b"data:image/png;base64,"[..])
                            .expect("a picture within");
                        pictures.push(base64::engine::general_purpose::STANDARD.decode(encoded).unwrap());
                    }
                    elements.push(format!("{name} {}", String::from_utf8_lossy(attribute.key.0)));
                }
                elements.push(name);
            }
            _ => (),
        }
    }
}

#[test]
fn a_page_shows_the_run_needs_no_other_file_and_reads_no_name_as_markup() {
    let folder = folder();
    let path = folder.path();
    let accuracy = trained(path);
    report(path, &["a & b", "-o", "page.html"]).ok();
    let page = fs::read_to_string(path.join("page.html")).unwrap();
    let (text, elements, pictures) = read(&page);
    let sizes: Vec<_> = pictures.iter().map(|png| image::load_from_memory(png).unwrap().width()).collect();
    assert_eq!(sizes, [1280; 3]);
    for word in ["script", "link", "img onerror", "iframe", "img href"] {
        assert!(elements.iter().all(|element| element != word), "{word}");
    }
    let outside = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!["http:", "https:", "url(", "@import", "//cdn"].iter().any(|part| outside.contains(part)));
    assert_eq!(elements.iter().filter(|element| *element == "svg").count(), 2);
    for part in [CLASSES[0], CLASSES[1], "a <b> & c", "a & b", "set the learning rate to 0.03125", "conv2d"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(text.contains(&format!("{:.2} %test accuracy", 100.0 * accuracy)), "{accuracy} in {text}");
    assert!(page.contains("prefers-color-scheme:dark") && page.contains("width=device-width"));
    // The command stands in both charts, too.
    assert_eq!(text.matches("1: set the learning rate to 0.03125").count(), 2);
}

#[test]
fn the_numbers_and_charts_are_files_of_their_own() {
    let folder = folder();
    let path = folder.path();
    let accuracy = trained(path);
    let files = ["--metrics", "m.csv", "--confusion", "c.csv", "--charts", "c.svg"];
    report(path, &[&["a & b"], &files[..]].concat()).ok();
    report(path, &["a & b", "--confusion", "c2.svg"]).ok();
    report(path, &["a & b", "--confusion", "v.csv", "--split", "validation"]).ok();
    assert_eq!(fs::read(path.join("m.csv")).unwrap(), fs::read(path.join("a & b/metrics.csv")).unwrap());
    let matrix = |name: &str| {
        let mut reader = csv::Reader::from_path(path.join(name)).unwrap();
        let head: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        assert_eq!(head, ["true_class", CLASSES[0], CLASSES[1], "recall", "precision"]);
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.iter().map(|row| row[0].to_owned()).collect::<Vec<_>>(), CLASSES);
        [0, 1].map(|class| [1, 2].map(|answer| rows[class][answer].parse::<f64>().unwrap()))
    };
    let counts = matrix("c.csv");
    let all: f64 = counts.iter().flatten().sum();
    assert!((counts[0][0] + counts[1][1] - accuracy * all).abs() < 1e-3, "{counts:?}, {accuracy}");
    // A fifth of 80 images are for tests, a tenth of the others for validation.
    assert_eq!((all, matrix("v.csv").iter().flatten().sum::<f64>()), (16.0, 6.0));
    for name in ["c.svg", "c2.svg"] {
        let drawing = fs::read_to_string(path.join(name)).unwrap();
        let (text, elements, _) = read(&drawing);
        assert!(elements.iter().any(|element| element == "svg xmlns") && !drawing.contains("var("));
        assert!(text.contains(if name == "c.svg" { "Accuracy (%)" } else { CLASSES[1] }), "{text}");
    }
}

#[test]
fn a_fault_is_said_and_the_old_page_stays() {
    let folder = folder();
    let path = folder.path();
    run(path, &train(&["--steps", "3", "--out", "run"])).ok();
    // Three steps are no epoch: there is a page all the same.
    report(path, &["run", "-o", "page.html"]).ok();
    let page = fs::read_to_string(path.join("page.html")).unwrap();
    assert!(read(&page).0.contains("No epoch has ended yet"));
    for (args, code, words) in [
        (&["none", "-o", "page.html"][..], 1, "there is no folder none"),
        (&["run/model.safetensors", "-o", "page.html"], 1, "is a file of a run"),
        (&["run", "-o", "gone/page.html"], 2, "there is no folder for gone/page.html"),
        (&["run", "-o", "page.pdf"], 2, "page.pdf is neither .html nor .htm"),
        (&["run", "--confusion", "c.png"], 2, "c.png is neither .csv nor .svg"),
        (&["run"], 2, "required"),
    ] {
        report(path, args).fails(code, words);
    }
    let args =
        ["train", "--dataset", "digits", "--network", "autoencoder", "--steps", "2", "--out", "images"];
    run(path, &args).ok();
    report(path, &["images", "--confusion", "c.csv"]).fails(1, "has no classes");
    report(path, &["images", "-o", "images.html"]).ok();
    assert!(read(&fs::read_to_string(path.join("images.html")).unwrap()).0.contains("test loss"));
    #[cfg(unix)]
    {
        let limit = format!("ulimit -f 64; exec {} report run -o page.html", env!("CARGO_BIN_EXE_revacnn"));
        let shell = std::process::Command::new("sh").args(["-c", &limit]).current_dir(path).output();
        Ran::from(shell.unwrap()).fails(1, "cannot write page.html");
        std::os::unix::fs::symlink("/dev/full", path.join("full.html")).unwrap();
        let full = report(path, &["run", "-o", "full.html"]).fails(1, "cannot write full.html");
        assert!(full.err.contains("free some disk space"), "{}", full.err);
    }
    assert_eq!(fs::read_to_string(path.join("page.html")).unwrap(), page);
    let left: Vec<_> = fs::read_dir(path).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{left:?}");
}
