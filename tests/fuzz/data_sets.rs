//! Every reader of data sets on files damaged in thousands of ways: the answer is a valid data set or an error.
//!
//! The damage is deterministic: case `i` of a file is a function of `i`. A panic, or memory beyond
//! reason, fails the test by itself.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use revacnn::data::{Dataset, LabeledRows, Labels, Selection};

use crate::damage::{cases, damaged};

/// Numbers of cases of a directory that were accepted and refused.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) valid: u64,
    pub(crate) refused: u64,
}

/// Damages each of `files` in turn, with the others whole.
pub(crate) fn fuzz(directory: &Path, files: &[(&str, Vec<u8>)]) -> Tally {
    let mut tally = Tally::default();
    for (name, whole) in files {
        fs::write(directory.join(name), whole).unwrap();
    }
    let source = directory.to_str().unwrap();
    check(&Dataset::open(source).expect("the undamaged files are a data set"));
    for (file, (name, whole)) in files.iter().enumerate() {
        for case in 0..cases() {
            let mut rng = ChaCha8Rng::seed_from_u64(1000 * file as u64 + case);
            fs::write(directory.join(name), damaged(whole, &mut rng)).unwrap();
            match Dataset::open(source) {
                Ok(data) => {
                    check(&data);
                    tally.valid += 1;
                }
                Err(error) => {
                    // Rarely it is whole, but of another size than the next one: then that one is named, or both sizes are.
                    let disagree = "training images are";
                    let names = |(file, _): &(&str, Vec<u8>)| error.what().contains(file);
                    let is_named = files.iter().any(names) || error.what().contains(disagree);
                    assert!(is_named, "{error} names no file; damaged was {name}");
                    assert!(!error.help().is_empty());
                    tally.refused += 1;
                }
            }
        }
        fs::write(directory.join(name), whole).unwrap();
    }
    tally
}

/// Everything that users of a data set rely on.
fn check(data: &Dataset) {
    assert!(data.shape.len() > 0 && !data.classes.is_empty());
    for split in [&data.train, &data.test] {
        assert!(!split.is_empty());
        assert_eq!(split.images.len(), split.len() * data.shape.len());
        assert!(split.labels.iter().all(|&label| usize::from(label) < data.classes.len()));
    }
}

fn idx(sizes: &[u32], values: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(values);
    bytes
}

fn idx_files(end: &str, pack: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for (stem, count) in [("train", 12u32), ("t10k", 7)] {
        let images = idx(&[count, 5, 4], (0..count * 20).map(|v| (v * v) as u8));
        let labels = idx(&[count], (0..count).map(|v| (v % 10) as u8));
        files.push((format!("{stem}-images-idx3-ubyte{end}").into(), pack(images)));
        files.push((format!("{stem}-labels-idx1-ubyte{end}").into(), pack(labels)));
    }
    files
}

fn fuzz_idx(end: &str, pack: impl Fn(Vec<u8>) -> Vec<u8>) -> Tally {
    let dir = tempfile::tempdir().unwrap();
    let files = idx_files(end, pack);
    let named: Vec<(&str, Vec<u8>)> =
        files.iter().map(|(name, bytes)| (name.to_str().unwrap(), bytes.clone())).collect();
    fuzz(dir.path(), &named)
}

#[test]
fn damaged_idx_files_of_other_types() {
    let dir = tempfile::tempdir().unwrap();
    let typed = |kind: u8, sizes: &[u32], values: Vec<u8>| {
        let mut bytes = idx(sizes, values.into_iter());
        bytes[2] = kind;
        bytes
    };
    let floats = |count: u32| (0..count).flat_map(|i| (i as f32 / 359.0).to_be_bytes()).collect();
    let rows = |count: i32| (0..8 * count).flat_map(|i| (i % 8 * 1000 + i / 8).to_be_bytes()).collect();
    let files = [
        ("qmnist-train-images-idx4-float", typed(0x0d, &[6, 5, 4, 3], floats(360))),
        ("qmnist-train-labels-idx2-int", typed(0x0c, &[6, 8], rows(6))),
        ("qmnist-test-images-idx4-float", typed(0x0d, &[3, 5, 4, 3], floats(180))),
        ("qmnist-test-labels-idx2-int", typed(0x0c, &[3, 8], rows(3))),
    ];
    let tally = fuzz(dir.path(), &files);
    assert!(tally.valid > 50 && tally.refused > 1000, "{tally:?}");
}

/// `count` records with `label_bytes` label bytes each.
fn records(count: u8, label_bytes: usize) -> Vec<u8> {
    (0..count).flat_map(|i| [vec![i; label_bytes], vec![40 + i; 3072]].concat()).collect()
}

#[test]
fn damaged_idx_files() {
    let tally = fuzz_idx("", |bytes| bytes);
    // Flipped pixels are as good as any; a header or length gone wrong is not.
    assert!(tally.valid > 50 && tally.refused > 1000, "{tally:?}");
}

#[test]
fn damaged_gzipped_idx_files() {
    let tally = fuzz_idx(".gz", |bytes| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes).unwrap();
        encoder.finish().unwrap()
    });
    // Only damage to gzip's unused header fields, such as the time, goes unnoticed.
    assert!(tally.refused > 1500 && tally.valid < tally.refused / 4, "{tally:?}");
}

#[test]
fn damaged_cifar_10_files() {
    let dir = tempfile::tempdir().unwrap();
    let names = b"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n".to_vec();
    let files =
        [("data_batch_1.bin", records(3, 1)), ("test_batch.bin", records(2, 1)), ("batches.meta.txt", names)];
    let tally = fuzz(dir.path(), &files);
    assert!(tally.valid > 100 && tally.refused > 500, "{tally:?}");
}

#[test]
fn damaged_cifar_100_files() {
    let dir = tempfile::tempdir().unwrap();
    let names = (0..100).map(|i| format!("class {i}\n")).collect::<String>().into_bytes();
    let files = [("train.bin", records(3, 2)), ("test.bin", records(2, 2)), ("fine_label_names.txt", names)];
    let tally = fuzz(dir.path(), &files);
    assert!(tally.valid > 100 && tally.refused > 500, "{tally:?}");
}

/// A pickle as Python 2 wrote it, of `count` images and of labels.
fn pickle(count: u8, labels: &str) -> Vec<u8> {
    let text = |text: &str| [&[b'U', text.len() as u8], text.as_bytes()].concat();
    let items: Vec<u8> = (0..count).flat_map(|i| [b'K', i]).collect();
    let values: Vec<u8> = (0..count).flat_map(|i| vec![i; 3072]).collect();
    let shape = [
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K",
        &[count][..],
        b"M\x00\x0c\x86",
    ];
    let kind =
        b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T";
    let len = (values.len() as u32).to_le_bytes();
    let array = [text("data"), shape.concat(), kind.to_vec(), len.to_vec(), values, b"tb".to_vec()].concat();
    [&b"\x80\x02}("[..], &text(labels), b"](", &items, b"e", &array, b"u."].concat()
}

#[test]
fn damaged_pickles() {
    let dir = tempfile::tempdir().unwrap();
    let names = b"\x80\x02}U\x0blabel_names](U\x03oneU\x03twoU\x05threees.".to_vec();
    let files =
        [("data_batch_1", pickle(3, "labels")), ("test_batch", pickle(2, "labels")), ("batches.meta", names)];
    let tally = fuzz(dir.path(), &files);
    assert!(tally.valid > 100 && tally.refused > 500, "{tally:?}");
    let dir = tempfile::tempdir().unwrap();
    let tally = fuzz(dir.path(), &[("train", pickle(3, "fine_labels")), ("test", pickle(2, "fine_labels"))]);
    assert!(tally.valid > 50 && tally.refused > 300, "{tally:?}");
}

#[test]
fn damaged_stl_10_files() {
    let dir = tempfile::tempdir().unwrap();
    let images = |count: usize| (0..count * 3 * 96 * 96).map(|i| (i / 1000) as u8).collect();
    let files = [
        ("train_X.bin", images(2)),
        ("train_y.bin", vec![1, 10]),
        ("test_X.bin", images(1)),
        ("test_y.bin", vec![4]),
    ];
    let tally = fuzz(dir.path(), &files);
    assert!(tally.valid > 100 && tally.refused > 500, "{tally:?}");
}

/// Files that Python's writers made, as `tests/fixtures/arrays/write.py` says.
const PACKED_MAT: &[u8] = include_bytes!("../fixtures/arrays/packed.mat");
const PLAIN_MAT: &[u8] = include_bytes!("../fixtures/arrays/plain.mat");
const TENSORS: &[u8] = include_bytes!("../fixtures/arrays/set.safetensors");

#[test]
fn damaged_mat_files() {
    let dir = tempfile::tempdir().unwrap();
    let files = [("train_32x32.mat", PACKED_MAT.to_vec()), ("test_32x32.mat", PLAIN_MAT.to_vec())];
    let tally = fuzz(dir.path(), &files);
    assert!(tally.valid > 50 && tally.refused > 400, "{tally:?}");
}

#[test]
fn damaged_safetensors() {
    let dir = tempfile::tempdir().unwrap();
    let tally = fuzz(dir.path(), &[("set.safetensors", TENSORS.to_vec())]);
    // Most of so small a file is its header and its labels, where damage shows.
    assert!(tally.valid > 0 && tally.refused > tally.valid, "{tally:?}");
}

/// An array as NumPy writes it: of bytes, or of float32 where `kind` says so.
fn npy(kind: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let head = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    let head = format!("{head:<117}\n");
    [b"\x93NUMPY\x01\0", &(head.len() as u16).to_le_bytes()[..], head.as_bytes(), values].concat()
}

#[test]
fn damaged_npz_files() {
    for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
        let dir = tempfile::tempdir().unwrap();
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let floats: Vec<u8> = (0..120).flat_map(|i| (i as f32 / 119.0).to_le_bytes()).collect();
        for (name, bytes) in [
            ("x_train", npy("<f4", "6, 4, 5", &floats)),
            ("y_train", npy("|u1", "6,", &[0, 1, 2, 0, 1, 2])),
            ("x_test", npy("<f4", "3, 4, 5", &floats[..240])),
            ("y_test", npy("|u1", "3,", &[2, 1, 0])),
        ] {
            let options = zip::write::SimpleFileOptions::default().compression_method(method);
            zip.start_file(format!("{name}.npy"), options).unwrap();
            zip.write_all(&bytes).unwrap();
        }
        let bytes = zip.finish().unwrap().into_inner();
        let tally = fuzz(dir.path(), &[("set.npz", bytes)]);
        assert!(tally.refused > tally.valid && tally.valid > 0, "{tally:?}");
    }
}

#[test]
fn damaged_images_in_folders() {
    let dir = tempfile::tempdir().unwrap();
    let mut png = std::io::Cursor::new(Vec::new());
    image::GrayImage::from_fn(6, 5, |x, y| image::Luma([(x * y) as u8]))
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    let png = png.into_inner();
    for name in ["train/a", "train/b", "test/a"] {
        fs::create_dir_all(dir.path().join(name)).unwrap();
        fs::write(dir.path().join(name).join("whole.png"), &png).unwrap();
    }
    // The others make a set, whatever becomes of one.
    let tally = fuzz(dir.path(), &[("train/a/1.png", png.clone()), ("test/a/1.png", png)]);
    assert_eq!(tally.refused, 0, "{tally:?}");
}

/// Damages a file of rows, and reads it by its names and by a user's choice.
fn fuzz_rows(name: &str, whole: &[u8]) -> Tally {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    let columns = ["1".to_owned(), "2-3".to_owned()];
    let asked = Selection { columns: &columns, labels: Some("0"), array: None };
    let mut tally = Tally::default();
    for case in 0..cases() {
        fs::write(&path, damaged(whole, &mut ChaCha8Rng::seed_from_u64(case))).unwrap();
        for selection in [Selection::default(), asked] {
            match LabeledRows::open(&path, &selection) {
                Ok(LabeledRows { matrix, labels }) => {
                    assert!(matrix.rows > 0 && matrix.columns > 0);
                    assert_eq!(matrix.values().len(), matrix.rows * matrix.columns);
                    let is_class = |class: &u32| {
                        *class == Labels::NONE || (*class as usize) < labels.as_ref().unwrap().names.len()
                    };
                    assert!(
                        labels
                            .iter()
                            .all(|l| l.classes.len() == matrix.rows && l.classes.iter().all(is_class))
                    );
                    tally.valid += 1;
                }
                Err(error) => {
                    assert!(error.what().contains(name) && !error.help().is_empty(), "{error}");
                    tally.refused += 1;
                }
            }
        }
    }
    tally
}

#[test]
fn damaged_tables() {
    let row = |i: u32| {
        format!("{i},{}.5,\"{}\",-{i}e-1,{}\n", i * i, i % 7, ["ash", "NA", "\u{fc}"][i as usize % 3])
    };
    let table = format!("id,a,b,c,kind\n{}", (0..60).map(row).collect::<String>());
    for (name, bytes) in [
        ("rows.csv", table.clone().into_bytes()),
        ("rows.txt", table.replace('.', ";").replace(',', "\t").replace(';', ",").into_bytes()),
        ("rows.tsv", format!("\u{feff}{table}").encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ] {
        let tally = fuzz_rows(name, &bytes);
        assert!(tally.valid > 50 && tally.refused > 50, "{name}: {tally:?}");
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(table.as_bytes()).unwrap();
    let tally = fuzz_rows("rows.csv.gz", &encoder.finish().unwrap());
    assert!(tally.refused > 500, "{tally:?}");
}

#[test]
fn a_small_file_that_unpacks_to_much_is_not_unpacked() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in idx_files("", |bytes| bytes) {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    // 200 MB of zeros in 200 kB, after a header that promises twelve small images.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&idx(&[12, 5, 4], std::iter::empty())).unwrap();
    let zeros = vec![0; 1 << 20];
    (0..200).for_each(|_| encoder.write_all(&zeros).unwrap());
    fs::write(dir.path().join("train-images-idx3-ubyte"), encoder.finish().unwrap()).unwrap();
    let error = Dataset::open(dir.path().to_str().unwrap()).unwrap_err();
    assert!(error.what().contains("257 or more"), "{error}");
    // The same under a header that promises them all.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&idx(&[200 << 10, 32, 32], std::iter::empty())).unwrap();
    (0..200).for_each(|_| encoder.write_all(&zeros).unwrap());
    fs::write(dir.path().join("train-images-idx3-ubyte"), encoder.finish().unwrap()).unwrap();
    let error = Dataset::open(dir.path().to_str().unwrap()).unwrap_err();
    assert!(error.what().contains("unpacked it has more than") && error.help().contains("gunzip"), "{error}");
}
