//! `revacnn embed`: labels, columns, arrays, and the rows that are drawn.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use revacnn::data::{LabeledRows, Matrix, Selection};
use serde_json::Value;

use crate::program::{Ran, folder, run};

/// `classes` heaps of `each` rows, one after the other, each row with its class as `name` gives it.
fn heaps(classes: usize, each: usize, name: impl Fn(usize) -> String) -> String {
    let value = |class: usize, i: usize, d: usize| {
        (class * (d + 3) * 37 % 101) as f64 * 3.0 + ((i * 7 + d * 3 + class) % 11) as f64 * 0.1
    };
    let row = |i: usize| {
        let (class, i) = (i / each, i % each);
        let values: Vec<String> = (0..4).map(|d| value(class, i, d).to_string()).collect();
        format!("{},{}\n", name(class), values.join(","))
    };
    format!("kind,a,b,c,d\n{}", (0..classes * each).map(row).collect::<String>())
}

fn embed(folder: &Path, args: &[&str]) -> Ran {
    run(folder, &[&["embed"], args, &["--iterations", "20", "--perplexity", "5", "--json"]].concat())
}

fn opened(folder: &Path, name: &str, array: Option<&str>) -> LabeledRows {
    LabeledRows::open(&folder.join(name), &Selection { array, ..Selection::default() }).unwrap()
}

#[test]
fn words_are_labels_of_the_archive_and_colors_of_the_picture() {
    let folder = folder();
    let path = folder.path();
    let names = ["ash", "birch \u{e4}", "cedar"];
    fs::write(path.join("trees.csv"), heaps(3, 12, |class| names[class].to_owned())).unwrap();
    let ran = embed(path, &["trees.csv", "-o", "a.npz", "-o", "a.png"]).ok();
    assert_eq!(ran.events()[0]["dim"], Value::from(4), "the label is no value");
    assert!(ran.err.contains("column \"kind\" holds the labels"), "{}", ran.err);
    let written = opened(path, "a.npz", None);
    let labels = written.labels.expect("the archive has labels");
    assert_eq!(
        (written.matrix.rows, written.matrix.columns, &labels.names[..]),
        (36, 2, &names.map(String::from)[..])
    );
    assert!((0..36).all(|row| labels.classes[row] == (row / 12) as u32));
    // The layout is square; the legend stands beside it.
    let picture = image::open(path.join("a.png")).unwrap().to_rgb8();
    assert!(picture.width() > 1260 && picture.height() == 1200, "{:?}", picture.dimensions());
    // What embed writes it reads, labels included.
    let again = embed(path, &["a.npz", "-o", "b.npz"]).ok();
    assert_eq!((&again.events()[0]["n"], &again.events()[0]["dim"]), (&36.into(), &2.into()));
    assert_eq!(opened(path, "b.npz", None).labels.unwrap().names, labels.names);
    // A file of labels, for rows that have none; chosen columns.
    fs::write(path.join("labels.txt"), "-1\n300\n300\n".repeat(12)).unwrap();
    embed(path, &["trees.csv", "--columns", "b,c", "--labels", "labels.txt", "-o", "c.npz"]).ok();
    assert_eq!(opened(path, "c.npz", None).labels.unwrap().numbers, [-1.0, 300.0]);
    embed(path, &["trees.csv", "--labels", "none.txt"]).fails(2, "\"none.txt\" are no column");
    embed(path, &["trees.csv", "--columns", "kind,a"]).fails(2, "holds words");
    embed(path, &["digits", "--columns", "0-3"]).fails(2, "no columns");
    embed(path, &["digits", "--labels", "labels.txt"]).fails(1, "36 labels for 1797 rows");
    embed(path, &["trees.csv", "--array", "X"]).fails(2, "no arrays");
}

#[test]
fn a_hundred_classes_have_a_hundred_colors_and_names() {
    let folder = folder();
    fs::write(folder.path().join("many.csv"), heaps(100, 4, |class| format!("class {class}"))).unwrap();
    embed(folder.path(), &["many.csv", "-o", "many.png"]).ok();
    let picture = image::open(folder.path().join("many.png")).unwrap().to_rgb8();
    // Squares of the legend are of whole color: more than half of each is uncovered pixels.
    let mut counts = std::collections::BTreeMap::<[u8; 3], usize>::new();
    picture
        .enumerate_pixels()
        .filter(|(x, ..)| *x >= 1200)
        .for_each(|(_, _, p)| *counts.entry(p.0).or_default() += 1);
    let solid: BTreeSet<_> = counts.iter().filter(|(_, count)| (100..400).contains(*count)).collect();
    assert!(solid.len() >= 100, "{} colors", solid.len());
}

#[test]
fn rows_are_drawn_from_the_whole_file_by_the_seed() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("sorted.csv"), heaps(5, 80, |class| class.to_string()).replace("kind", "class"))
        .unwrap();
    let drawn = |seed: &str, name: &str| {
        let ran = embed(path, &["sorted.csv", "--rows", "60", "--seed", seed, "-o", name]).ok();
        let result = &ran.events()[0];
        assert_eq!(
            (&result["n"], &result["drawn_of"], &result["classes"]),
            (&60.into(), &400.into(), &5.into())
        );
        assert_eq!(result["seed"].to_string(), seed);
        assert!(ran.err.contains(&format!("60 of 400 rows, drawn by the seed {seed}")), "{}", ran.err);
        let bytes = fs::read(path.join(name)).unwrap();
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        let mut rows = Vec::new();
        std::io::copy(&mut archive.by_name("rows.npy").unwrap(), &mut rows).unwrap();
        // After a header of whole lines of 64 bytes: little-endian words.
        let words = rows[rows.len() - 240..].chunks_exact(4);
        words.map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect::<Vec<u32>>()
    };
    let (first, again, other) = (drawn("1", "a.npz"), drawn("1", "b.npz"), drawn("2", "c.npz"));
    assert!(first == again && first != other && first.is_sorted());
    let labels = opened(path, "a.npz", None).labels.unwrap();
    assert!((0..60).all(|i| labels.numbers[labels.classes[i] as usize] == f64::from(first[i] / 80)));
    // Of each fifth 12 are expected, with a deviation of 3.
    assert!((0..5).all(|class| (3..22).contains(&labels.classes.iter().filter(|c| **c == class).count())));
    // As many as there are is all of them, in order.
    let ran = embed(path, &["sorted.csv", "--rows", "400", "-o", "d.npz"]).ok();
    assert!(ran.events()[0]["drawn_of"].is_null());
    let labels = opened(path, "d.npz", None).labels.unwrap();
    assert!(labels.classes.is_sorted() && labels.classes.len() == 400);
    // Images of a data set, too; a file of labels is of all of them.
    embed(path, &["digits", "--rows", "100", "-o", "e.npz"]).ok();
    assert_eq!(opened(path, "e.npz", None).labels.unwrap().numbers.len(), 10);
    fs::write(path.join("all.txt"), (0..1797).map(|i| format!("{i}\n")).collect::<String>()).unwrap();
    embed(path, &["digits", "--rows", "100", "--labels", "all.txt", "-o", "f.npz"]).ok();
    let labels = opened(path, "f.npz", None).labels.unwrap();
    let expected = revacnn::data::drawn_rows(1797, 100, 0);
    assert!(labels.numbers.iter().zip(expected).all(|(label, row)| *label == row as f64));
}

#[test]
fn files_that_are_not_read_are_refused_by_what_they_are() {
    let folder = folder();
    let path = folder.path();
    for (name, what, help) in [
        ("rows.arff", "an ARFF file", "begin with @"),
        ("rows.data", "an ARFF file", "begin with @"),
        ("rows", "no ending", ".csv"),
        ("rows.parquet", "a Parquet file", "to_csv"),
        ("rows.xlsx", "a spreadsheet", "as .csv"),
        ("rows.pkl", "a Python pickle", "numpy.save"),
        ("rows.npy.gz", "packed", "gunzip"),
    ] {
        fs::write(path.join(name), "@relation a\n@data\n1,2\n").unwrap();
        let ran = embed(path, &[name]).fails(1, what);
        let said = ran.err.split("help: ").nth(1).unwrap();
        assert!(said.contains(help) && !ran.err.contains("data set"), "{}", ran.err);
    }
    // A file of a data set means the set.
    fs::write(path.join("train-images-idx3-ubyte"), "").unwrap();
    embed(path, &["train-images-idx3-ubyte"]).fails(1, "train-labels");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packer, heaps(3, 5, |class| class.to_string()).as_bytes()).unwrap();
    fs::write(path.join("rows.csv.gz"), packer.finish().unwrap()).unwrap();
    assert_eq!(embed(path, &["rows.csv.gz"]).ok().events()[0]["n"], Value::from(15));
    assert_eq!(Matrix::open(&path.join("rows.csv.gz")).unwrap().columns, 5, "`kind` of numbers is a value");
}

/// A network whose upsampled maps, 32×64×64 values for each image of the digits, are 155 MB for the 297 test images: more than one
/// buffer of the software adapter.
const WIDE: &str = r#"
[[layer]]
kind = "conv2d"
name = "conv1"
filters = 32
kernel = 3
padding = 1
[[layer]]
kind = "upsample"
name = "wide"
factor = 8
[[layer]]
kind = "max_pool2d"
size = 8
[[layer]]
kind = "dense"
"#;

#[test]
fn rows_of_a_wide_layer_are_read_pass_by_pass() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("wide.toml"), WIDE).unwrap();
    let train = ["train", "--dataset", "digits", "--network", "wide.toml", "--steps", "1", "--batch", "10"];
    run(path, &[&train[..], &["--out", "run"]].concat()).ok();
    let ran = embed(path, &["run", "--layer", "wide", "--rows", "20", "-o", "a.npz"]).ok();
    let result = &ran.events()[0];
    assert_eq!(
        (&result["n"], &result["dim"], &result["drawn_of"]),
        (&20.into(), &131_072.into(), &297.into())
    );
    // The rows are those of the labels: of the images themselves, drawn by the same seed.
    let images = revacnn::data::Dataset::open("digits").unwrap();
    let labels = opened(path, "a.npz", None).labels.unwrap();
    let expected = revacnn::data::drawn_rows(297, 20, 0).into_iter().map(|row| images.test.labels[row]);
    assert!(labels.classes.iter().map(|class| labels.numbers[*class as usize] as u8).eq(expected));
}
