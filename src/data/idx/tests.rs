//! The IDX reader on small files, whole and damaged.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";

fn idx(sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(values);
    bytes
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn images(count: u32) -> Vec<u8> {
    let values: Vec<u8> = (0..count * 6).map(|v| v as u8).collect();
    idx(&[count, 2, 3], &values)
}

/// Three training and two test images of 2×3.
fn whole() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(&dir, TRAIN_IMAGES, &images(3));
    write(&dir, TRAIN_LABELS, &idx(&[3], &[9, 0, 4]));
    write(&dir, "t10k-images-idx3-ubyte", &images(2));
    write(&dir, "t10k-labels-idx1-ubyte", &idx(&[2], &[1, 2]));
    dir
}

fn write(dir: &TempDir, name: &str, bytes: &[u8]) {
    fs::write(dir.path().join(name), bytes).unwrap();
}

fn open_only(directory: &Path) -> Result<Dataset> {
    open(directory, None, None)
}

/// The error of the whole set with one file replaced.
fn broken(name: &str, bytes: &[u8]) -> Error {
    let dir = whole();
    write(&dir, name, bytes);
    open_only(dir.path()).unwrap_err()
}

#[test]
fn a_whole_set_is_read() {
    let dir = whole();
    let data = open_only(dir.path()).unwrap();
    assert_eq!(data.shape, ImageShape { channels: 1, height: 2, width: 3 });
    assert_eq!(data.train.labels, [9, 0, 4]);
    assert_eq!(data.train.image(1), [6, 7, 8, 9, 10, 11]);
    assert_eq!((data.test.len(), data.name.as_str()), (2, "mnist"));
    assert_eq!(data.classes[7], "7");
}

#[test]
fn every_spelling_reads_the_same() {
    let expected = open_only(whole().path()).unwrap();
    for (joint, end) in [(".", ""), ("-", ".gz"), (".", ".gz")] {
        let dir = whole();
        for (stem, rank) in [("train-images", 3), ("train-labels", 1), ("t10k-images", 3), ("t10k-labels", 1)]
        {
            let old = dir.path().join(format!("{stem}-idx{rank}-ubyte"));
            let bytes = fs::read(&old).unwrap();
            fs::remove_file(old).unwrap();
            let name = format!("{stem}{joint}idx{rank}-ubyte{end}");
            assert!(claims(&name));
            write(&dir, &name, &if end.is_empty() { bytes } else { gz(&bytes) });
        }
        assert_eq!(open_only(dir.path()).unwrap(), expected);
    }
    assert!(!claims("train-images-idx1-ubyte") && !claims("train-images-idx3-ubyte.zip"));
}

#[test]
fn gzip_is_known_by_content_in_several_members_too() {
    let dir = whole();
    let bytes = images(3);
    write(&dir, TRAIN_IMAGES, &[gz(&bytes[..9]), gz(&bytes[9..])].concat());
    assert_eq!(open_only(dir.path()).unwrap(), open_only(whole().path()).unwrap());
}

#[test]
fn fashion_is_known_by_its_directory() {
    let dir = whole();
    for folder in ["Fashion-MNIST", "FashionMNIST/raw"] {
        let inner = dir.path().join(folder);
        fs::create_dir_all(&inner).unwrap();
        for entry in fs::read_dir(dir.path()).unwrap().map(Result::unwrap).filter(|e| e.path().is_file()) {
            fs::copy(entry.path(), inner.join(entry.file_name())).unwrap();
        }
        let data = open_only(&inner).unwrap();
        assert_eq!((data.name.as_str(), data.classes[9].as_str()), ("fashion-mnist", "ankle boot"));
    }
}

#[test]
fn lengths_must_be_those_of_the_header() {
    let bytes = images(3);
    let cases = [
        (bytes[..7].to_vec(), "ends within its header"),
        (Vec::new(), "ends within its header"),
        (bytes[..bytes.len() - 1].to_vec(), "take 34 bytes, but the file has only 33"),
        ([&bytes[..], &[1]].concat(), "take 34 bytes, but the file has 35 or more"),
        (gz(&bytes[..bytes.len() - 1]), "take 34 bytes, but the file has only 33"),
        (gz(&[&bytes[..], &[1; 9]].concat()), "take 34 bytes, but the file has 35 or more"),
    ];
    for (bytes, what) in cases {
        let error = broken(TRAIN_IMAGES, &bytes);
        assert!(error.what().contains(what), "{error}");
        assert!(error.what().contains(TRAIN_IMAGES) && error.help().contains("fetch it again"), "{error}");
    }
}

#[test]
fn damaged_gzip_is_an_error() {
    let packed = gz(&images(3));
    let mut wrong_sum = packed.clone();
    let at = packed.len() - 6;
    wrong_sum[at] ^= 1;
    let cut = packed[..packed.len() - 9].to_vec();
    for bytes in [wrong_sum, cut, packed[..2].to_vec()] {
        let error = broken(TRAIN_IMAGES, &bytes);
        assert!(error.help().contains("fetch it again"), "{error}");
    }
}

#[test]
fn bytes_after_a_gzip_stream_are_ignored() {
    let packed = gz(&images(3));
    let (head, tail) = (gz(&images(3)[..20]), gz(&images(3)[20..]));
    for after in [&[0; 700][..], b"\r\n", b"garbage after the end", &[0x1f], &gz(b"")] {
        for bytes in [[&packed[..], after].concat(), [&head[..], &tail, after].concat()] {
            let dir = whole();
            write(&dir, TRAIN_IMAGES, &bytes);
            assert_eq!(open_only(dir.path()).unwrap().train.image(1), [6, 7, 8, 9, 10, 11]);
        }
    }
    // Values beyond those that the header counts are still a fault.
    assert!(broken(TRAIN_IMAGES, &[packed, gz(&[1])].concat()).help().contains("fetch it again"));
}

#[test]
fn a_folder_of_a_files_name_does_not_hide_the_file() {
    let dir = whole();
    let (named, dotted) = (dir.path().join(TRAIN_IMAGES), dir.path().join("train-images.idx3-ubyte"));
    fs::rename(&named, &dotted).unwrap();
    fs::create_dir(&named).unwrap();
    assert_eq!(open_only(dir.path()).unwrap().train.labels.len(), 3);
    // One folder down it is found, too.
    fs::rename(&dotted, named.join(TRAIN_IMAGES)).unwrap();
    assert_eq!(open_only(dir.path()).unwrap().train.labels.len(), 3);
    fs::remove_file(named.join(TRAIN_IMAGES)).unwrap();
    assert!(open_only(dir.path()).unwrap_err().what().contains("not a regular file"));
}

#[test]
fn another_magic_is_an_error() {
    let error = broken(TRAIN_IMAGES, &idx(&[3], &[1; 40]));
    assert!(error.what().contains("starts with [00, 00, 08, 01], not with [00, 00, 08, 03]"), "{error}");
    assert!(broken(TRAIN_LABELS, b"<html><body>404</body>").what().contains("starts with"));
}

#[test]
fn absurd_sizes_are_an_error_before_anything_is_read() {
    let all = u32::MAX;
    for sizes in [[all, all, all], [all, 2, 3], [3, 5000, 2], [1 << 20, 64, 64], [0, 2, 3], [3, 0, 3]] {
        for bytes in [idx(&sizes, &[1; 18]), gz(&idx(&sizes, &[1; 18]))] {
            let error = broken(TRAIN_IMAGES, &bytes);
            assert!(error.what().contains("the header claims the sizes"), "{error}");
        }
    }
}

#[test]
fn files_must_go_together() {
    let error = broken(TRAIN_LABELS, &idx(&[2], &[1, 2]));
    assert!(error.what().contains("has 3 images") && error.what().contains("has 2 labels"), "{error}");
    let error = broken(TRAIN_LABELS, &idx(&[3], &[1, 10, 2]));
    assert!(error.what().contains("label 10 of image 1 is out of range"), "{error}");
    let error = broken("t10k-images-idx3-ubyte", &idx(&[2, 3, 2], &[0; 12]));
    assert!(error.what().contains("training images are 1×2×3, test images 1×3×2"), "{error}");
    let dir = whole();
    fs::remove_file(dir.path().join("t10k-labels-idx1-ubyte")).unwrap();
    let error = open_only(dir.path()).unwrap_err();
    assert!(error.what().contains("has no t10k-labels-idx1-ubyte"), "{error}");
}
