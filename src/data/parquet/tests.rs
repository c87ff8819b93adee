//! Files that pyarrow wrote, as `tests/fixtures/parquet/write.py` says.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::data::source::ImageSize;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parquet").join(name)
}

fn open_file(name: &str) -> Result<Dataset> {
    let path = fixture(name);
    open_with(path.parent().unwrap(), Some(&path), &Reading::default(), None)
}

/// Pixel (y, x) of image i is 10 y + 20 x + i, in three rows of four.
fn image(i: u8) -> Vec<u8> {
    (0..3).flat_map(|y| (0..4).map(move |x| 10 * y + 20 * x + i)).collect()
}

#[test]
fn shards_are_joined_and_the_footer_names_the_classes() {
    for name in ["train-00000-of-00002.parquet", "test-00000-of-00001.parquet"] {
        let data = open_file(name).unwrap();
        assert_eq!(data.shape, ImageShape { channels: 1, height: 3, width: 4 });
        assert_eq!(data.classes, ["ash", "beech", "cedar"]);
        assert_eq!(data.name, "parquet");
        assert_eq!(
            (&data.train.labels[..], &data.test.labels[..]),
            (&[0, 1, 2, 0, 1, 2][..], &[0, 1, 2][..])
        );
        (0..6).for_each(|i| assert_eq!(data.train.image(i), image(i as u8)));
        (0..3).for_each(|i| assert_eq!(data.test.image(i), image(6 + i as u8)));
        assert!(data.report.notes.is_empty() && data.report.damaged.is_empty(), "{:?}", data.report);
    }
}

/// A folder with these fixtures under other names.
fn copied(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (from, to) in files {
        let to = dir.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(fixture(from), to).unwrap();
    }
    dir
}

#[test]
fn every_way_of_packing_gives_the_same() {
    for (name, classes) in [("zstd", "ashbeechcedar"), ("gzip", "012"), ("plain", "ashbeechcedar")] {
        let dir = copied(&[
            (&format!("{name}.parquet"), "some/data/train.parquet"),
            ("test-00000-of-00001.parquet", "some/data/test-00000-of-00001.parquet"),
        ]);
        let data = Dataset::open(dir.path().to_str().unwrap()).unwrap();
        assert_eq!(
            (&data.train.labels[..], data.classes.concat().as_str()),
            (&[0, 1, 2, 0, 1, 2][..], classes)
        );
        (0..6).for_each(|i| assert_eq!(data.train.image(i), image(i as u8), "{name}"));
        assert_eq!(data.name, "some");
    }
    let dir = copied(&[("plain.parquet", "train/0000.parquet"), ("zstd.parquet", "test/0000.parquet")]);
    let data = Dataset::open(dir.path().to_str().unwrap()).unwrap();
    assert_eq!((data.train.len(), data.test.image(5)), (6, &image(5)[..]));
}

/// The same number is another class there: a label would tell the wrong one.
#[test]
fn files_that_name_other_classes_are_refused() {
    let shards = ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"];
    for (files, [one, other]) in [
        (
            &[("plain.parquet", "train.parquet"), ("reordered.parquet", "test.parquet")][..],
            ["train.", "test."],
        ),
        (&[(shards[0], shards[0]), ("reordered.parquet", shards[1])][..], ["train-00000", "train-00001"]),
        // One between them that names none.
        (
            &[
                ("plain.parquet", "train.parquet"),
                ("gzip.parquet", "validation.parquet"),
                ("reordered.parquet", "test.parquet"),
            ][..],
            ["train.", "test."],
        ),
    ] {
        let dir = copied(files);
        let refused = || open_with(dir.path(), None, &Reading::default(), None).unwrap_err();
        let error = refused();
        let [one, other] = [one, other].map(|name| format!("/{name}"));
        assert!(error.what().contains(&one) && error.what().contains(&other), "{error}");
        assert!(error.what().ends_with("name other classes"), "{error}");
        assert_eq!(error.help(), "keep the files of one data set in one folder");
        // Names beside them do not make their numbers alike.
        fs::write(dir.path().join(CLASS_NAMES), "oak\npine\nelm\n").unwrap();
        assert_eq!(refused(), error);
    }
}

#[test]
fn a_file_without_names_goes_with_one_that_has_some() {
    let dir = copied(&[("reordered.parquet", "train.parquet"), ("gzip.parquet", "test.parquet")]);
    let data = open_with(dir.path(), None, &Reading::default(), None).unwrap();
    assert_eq!(data.classes, ["beech", "ash", "cedar"]);
    assert_eq!((&data.train.labels, &data.test.labels), (&vec![0, 1, 2, 0, 1, 2], &vec![0, 1, 2, 0, 1, 2]));
}

#[test]
fn a_file_of_other_rows_is_no_data_set() {
    assert!(Dataset::has_file_of(&fixture("gzip.parquet")) && Dataset::has_file_of(&fixture("zstd.parquet")));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.parquet");
    // The same columns under names that say nothing.
    let bytes = fs::read(fixture("gzip.parquet")).unwrap();
    let places = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"bytes"));
    let mut renamed = bytes.clone();
    places.for_each(|at| renamed[at..at + 5].copy_from_slice(b"notes"));
    fs::write(&path, renamed).unwrap();
    assert!(!Dataset::has_file_of(&path));
    let error = Dataset::open(path.to_str().unwrap()).unwrap_err();
    assert!(error.what().contains("it has no column of images; its columns are id, image.notes"), "{error}");
}

#[test]
fn what_is_not_read_says_why() {
    let brotli = open_file("brotli.parquet").unwrap_err();
    assert_eq!(
        brotli.what().matches("fixtures/parquet").count(),
        1,
        "the file is named, its folder is not named again: {brotli}"
    );
    assert!(
        brotli.what().contains("brotli.parquet") && brotli.what().contains("packed by Brotli"),
        "{brotli}"
    );
    let error = open_with(&fixture(""), None, &Reading::default(), None).unwrap_err();
    assert!(error.what().contains("several") && error.help().contains("zstd.parquet"), "{error}");
    let coarse = Reading { coarse: true, ..Reading::default() };
    let error = open_with(&fixture(""), Some(&fixture("zstd.parquet")), &coarse, None).unwrap_err();
    let columns =
        "zstd.parquet: it has no column of labels; its columns are id, img.bytes, img.path, fine_label";
    assert!(error.what().contains(columns) && error.help() == "call it coarse_label", "{error}");
    let dir = copied(&[("train-00000-of-00002.parquet", "train-00000-of-00002.parquet")]);
    let error = Dataset::open(dir.path().to_str().unwrap()).unwrap_err();
    assert!(error.what().contains("not number 1 of the 2 files"), "{error}");
    fs::write(dir.path().join("train-00001-of-00002.parquet"), b"PAR1 and no more").unwrap();
    let error = Dataset::open(dir.path().to_str().unwrap()).unwrap_err();
    assert!(error.what().contains("00001-of-00002.parquet: it is damaged: it is no Parquet file"), "{error}");
}

#[test]
fn a_damaged_image_is_left_out_and_its_row_is_named() {
    let dir = copied(&[("plain.parquet", "train.parquet"), ("zstd.parquet", "test.parquet")]);
    let path = dir.path().join("train.parquet");
    let mut bytes = fs::read(&path).unwrap();
    // Rows 1 and 3, the one in its first bytes, the other in its pixels; the first two PNGs of the file are statistics.
    let starts: Vec<usize> = (0..bytes.len() - 8).filter(|at| bytes[*at..].starts_with(b"\x89PNG")).collect();
    let pixels = (starts[5]..bytes.len()).find(|at| bytes[*at..].starts_with(b"IDAT")).unwrap();
    bytes[starts[3]] = 0;
    bytes[pixels + 4] ^= 0xff;
    fs::write(&path, bytes).unwrap();
    let data = open_with(dir.path(), None, &Reading::default(), None).unwrap();
    assert_eq!(data.train.labels, [0, 2, 1, 2]);
    for (place, i) in [0, 2, 4, 5].into_iter().enumerate() {
        assert_eq!(data.train.image(place), image(i));
    }
    let named: Vec<&str> =
        data.report.damaged.iter().map(|(name, _)| name.rsplit('/').next().unwrap()).collect();
    assert_eq!(named, ["train.parquet, row 1", "train.parquet, row 3"]);
    let strict = Reading { strict: true, ..Reading::default() };
    let error = open_with(dir.path(), None, &strict, None).unwrap_err();
    assert!(error.what().contains("train.parquet, row 1: it is no image"), "{error}");
}

#[test]
fn images_are_brought_to_a_size_drawn_for_a_test_and_kept_in_the_cache() {
    let dir = copied(&[
        ("plain.parquet", "a1.parquet"),
        ("zstd.parquet", "a2.parquet"),
        ("gzip.parquet", "a3.parquet"),
    ]);
    let kept = tempfile::tempdir().unwrap();
    let cache = Cache::at(kept.path(), 1 << 20);
    let size = ImageSize { width: 2, height: 2 };
    let reading = Reading { size: Some(size), ..Reading::default() };
    let first = open_with(dir.path(), None, &reading, Some(&cache)).unwrap();
    assert_eq!((first.shape.to_string().as_str(), first.train.len(), first.test.len()), ("1×2×2", 15, 3));
    assert_eq!(first.test.labels, [0, 1, 2]);
    assert_eq!(first.report.notes.len(), 2, "{:?}", first.report.notes);
    // What is kept is taken, until a file is another.
    let stored = fs::read_dir(kept.path()).unwrap().count();
    assert_eq!((stored, open_with(dir.path(), None, &reading, Some(&cache)).unwrap()), (1, first.clone()));
    fs::copy(fixture("test-00000-of-00001.parquet"), dir.path().join("a3.parquet")).unwrap();
    assert_ne!(open_with(dir.path(), None, &reading, Some(&cache)).unwrap().train.len(), first.train.len());
}
