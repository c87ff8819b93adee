//! Sets of MNIST's relatives, every type and rank; the values are those of the formats' definitions.

use std::fs;

use tempfile::TempDir;

use super::*;

/// A file: type and sizes in its header, then the values as they are.
fn idx(kind: u8, sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let head = [0, 0, kind, sizes.len() as u8].into_iter();
    head.chain(sizes.iter().flat_map(|size| size.to_be_bytes())).chain(values.iter().copied()).collect()
}

fn idx_of<const N: usize>(kind: u8, sizes: &[u32], values: impl IntoIterator<Item = [u8; N]>) -> Vec<u8> {
    idx(kind, sizes, &values.into_iter().flatten().collect::<Vec<u8>>())
}

/// A set of two training images and one for the test, named by its prefix.
fn write(dir: &TempDir, prefix: &str, images: [&[u8]; 2], labels: [&[u8]; 2], label_end: &str) {
    for (part, (images, labels)) in ["train", "test"].into_iter().zip(images.into_iter().zip(labels)) {
        fs::write(dir.path().join(format!("{prefix}{part}-images-idx3-ubyte")), images).unwrap();
        fs::write(dir.path().join(format!("{prefix}{part}-labels-{label_end}")), labels).unwrap();
    }
}

fn emnist(dir: &TempDir, split: &str, labels: [u8; 3]) {
    // Columns of two pixels each.
    let images = [idx(8, &[2, 3, 2], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), idx(8, &[1, 3, 2], &[9; 6])];
    let [a, b, c] = labels;
    let labels = [idx(8, &[2], &[a, b]), idx(8, &[1], &[c])];
    let prefix = format!("emnist-{split}-");
    write(dir, &prefix, [&images[0], &images[1]], [&labels[0], &labels[1]], "idx1-ubyte");
}

fn open_split(dir: &TempDir, split: Option<EmnistSplit>) -> Result<Dataset> {
    open(dir.path(), None, split)
}

#[test]
fn emnist_is_upright_and_its_letters_count_from_0() {
    let dir = tempfile::tempdir().unwrap();
    emnist(&dir, "letters", [1, 26, 3]);
    let data = open_split(&dir, None).unwrap();
    assert_eq!(data.shape, ImageShape { channels: 1, height: 2, width: 3 });
    assert_eq!(
        (data.train.image(0), data.train.image(1)),
        (&[1, 3, 5, 2, 4, 6][..], &[7, 9, 11, 8, 10, 12][..])
    );
    assert_eq!((&data.train.labels[..], data.test.labels[0]), (&[0, 25][..], 2));
    assert_eq!(
        (data.name.as_str(), data.classes.concat().as_str()),
        ("emnist-letters", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    );
    assert!(data.report.notes[0].contains("upright; labels count from 1"), "{:?}", data.report.notes);
    let mapping = |label: u32| format!("{label} {} {}\n", 64 + label, 96 + label);
    fs::write(dir.path().join("emnist-letters-mapping.txt"), (1..=26).map(mapping).collect::<String>())
        .unwrap();
    let classes = open_split(&dir, None).unwrap().classes;
    assert_eq!((classes.len(), classes[0].as_str(), classes[25].as_str()), (26, "A/a", "Z/z"));
    emnist(&dir, "letters", [1, 0, 3]);
    let error = open_split(&dir, None).unwrap_err();
    assert!(error.what().contains("emnist-letters-train-labels-idx1-ubyte: label 0 of image 1"), "{error}");
    emnist(&dir, "letters", [1, 27, 3]);
    assert!(open_split(&dir, None).unwrap_err().what().contains("out of range"));
}

#[test]
fn splits_of_one_folder_are_chosen() {
    let dir = tempfile::tempdir().unwrap();
    emnist(&dir, "letters", [1, 26, 3]);
    emnist(&dir, "balanced", [0, 46, 3]);
    emnist(&dir, "byclass", [0, 61, 36]);
    let error = open_split(&dir, None).unwrap_err();
    assert!(
        error.what().contains("several data sets: emnist-balanced, emnist-byclass, emnist-letters"),
        "{error}"
    );
    assert!(error.help().contains("?split=balanced"));
    let balanced = open_split(&dir, Some(EmnistSplit::Balanced)).unwrap();
    // The classes of the file emnist-balanced-mapping.txt.
    assert_eq!(balanced.classes.concat(), "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt");
    assert_eq!((balanced.train.labels[1], balanced.classes.len()), (46, 47));
    let byclass = Dataset::open(&format!("{}?split=byclass", dir.path().display())).unwrap();
    assert_eq!(
        (byclass.classes.len(), byclass.classes[61].as_str(), byclass.classes[36].as_str()),
        (62, "z", "a")
    );
    let file = dir.path().join("emnist-letters-test-labels-idx1-ubyte");
    assert_eq!(Dataset::open(file.to_str().unwrap()).unwrap().name, "emnist-letters");
    let error = open_split(&dir, Some(EmnistSplit::Digits)).unwrap_err();
    assert!(error.what().contains("no split digits") && error.help().contains("emnist-byclass"), "{error}");
}

#[test]
fn of_qmnists_columns_the_first_is_the_class() {
    let dir = tempfile::tempdir().unwrap();
    let row = |class: i32| [class, 7, 100, 3, 51, 200_000, 0, 0].map(i32::to_be_bytes);
    let labels = [idx_of(0x0c, &[2, 8], [row(5), row(9)].concat()), idx_of(0x0c, &[1, 8], row(2))];
    let images = [idx(8, &[2, 1, 2], &[1, 2, 3, 4]), idx(8, &[1, 1, 2], &[5, 6])];
    write(&dir, "qmnist-", [&images[0], &images[1]], [&labels[0], &labels[1]], "idx2-int");
    let data = open_split(&dir, None).unwrap();
    assert_eq!((data.name.as_str(), &data.train.labels[..], data.test.labels[0]), ("qmnist", &[5, 9][..], 2));
    assert_eq!((data.train.image(1), data.classes.len()), (&[3, 4][..], 10));
    // Of any other set, several columns are several labels.
    write(&dir, "other-", [&images[0], &images[1]], [&labels[0], &labels[1]], "idx2-int");
    let error =
        Dataset::open(dir.path().join("other-train-images-idx3-ubyte").to_str().unwrap()).unwrap_err();
    assert!(error.what().contains("other-train-labels-idx2-int: its images have several labels"), "{error}");
}

#[test]
fn every_type_comes_to_bytes_by_its_range() {
    let shorts = |values: [i16; 2]| values.map(i16::to_be_bytes);
    let ints = |values: [i32; 2]| values.map(i32::to_be_bytes);
    for (train, test, expected) in [
        (idx(9, &[1, 1, 2], &[0, 127]), idx(9, &[1, 1, 2], &[100, 5]), [0, 127, 100, 5]),
        (
            idx_of(0x0b, &[1, 1, 2], shorts([0, 255])),
            idx_of(0x0b, &[1, 1, 2], shorts([16, 300])),
            [0, 255, 16, 255],
        ),
        (
            idx_of(0x0c, &[1, 1, 2], ints([257, 65535])),
            idx_of(0x0c, &[1, 1, 2], ints([0, 514])),
            [1, 255, 0, 2],
        ),
        (
            idx_of(0x0d, &[1, 1, 2], [0.2_f32, 1.0].map(f32::to_be_bytes)),
            idx_of(0x0d, &[1, 1, 2], [0.0_f32, 0.6].map(f32::to_be_bytes)),
            [51, 255, 0, 153],
        ),
        (
            idx_of(0x0e, &[1, 1, 2], [-1.0_f64, 1.0].map(f64::to_be_bytes)),
            idx_of(0x0e, &[1, 1, 2], [0.0_f64, -0.2].map(f64::to_be_bytes)),
            [0, 255, 128, 102],
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        write(&dir, "", [&train, &test], [&idx(8, &[1], &[0]), &idx(8, &[1], &[1])], "idx1-ubyte");
        let data = open_split(&dir, None).unwrap();
        assert_eq!([&data.train.images[..], &data.test.images].concat(), expected, "type {:x}", train[2]);
        // A byte less is too few, a byte more too many.
        fs::write(dir.path().join("train-images-idx3-ubyte"), &train[..train.len() - 1]).unwrap();
        assert!(open_split(&dir, None).unwrap_err().what().contains("but the file has only"));
    }
}

#[test]
fn colors_lie_before_or_behind() {
    let (behind, before) =
        (idx(8, &[1, 1, 2, 3], &[1, 2, 3, 4, 5, 6]), idx(8, &[1, 3, 1, 2], &[1, 4, 2, 5, 3, 6]));
    let dir = tempfile::tempdir().unwrap();
    let labels = [idx(8, &[1, 2], &[0, 1]), idx(8, &[1, 1], &[0])];
    write(&dir, "flags-", [&behind, &before], [&labels[0], &labels[1]], "idx2-ubyte");
    fs::write(dir.path().join("class_names.txt"), "left\nright\nnone\n").unwrap();
    let data = open_split(&dir, None).unwrap();
    assert_eq!((data.train.image(0), data.test.image(0)), (&[1, 4, 2, 5, 3, 6][..], &[1, 4, 2, 5, 3, 6][..]));
    assert_eq!(
        (data.name.as_str(), &data.classes[..], data.train.labels[0]),
        ("flags", &["left", "right", "none"].map(String::from)[..], 1)
    );
    fs::remove_file(dir.path().join("class_names.txt")).unwrap();
    assert_eq!(open_split(&dir, None).unwrap().classes, ["0", "1"]);
}

#[test]
fn kmnist_is_known_by_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    let raw = dir.path().join("KMNIST/raw");
    fs::create_dir_all(&raw).unwrap();
    for part in ["train", "t10k"] {
        fs::write(raw.join(format!("{part}-images-idx3-ubyte")), idx(8, &[1, 1, 1], &[3])).unwrap();
        fs::write(raw.join(format!("{part}-labels-idx1-ubyte")), idx(8, &[1], &[9])).unwrap();
    }
    let data = open(&raw, None, None).unwrap();
    assert_eq!((data.name.as_str(), data.classes[9].as_str()), ("kmnist", "wo"));
}
