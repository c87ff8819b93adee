//! SVHN's files: one that scipy wrote (`tests/fixtures/arrays/write.py`), and ones of the format's definition, whole and damaged.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

/// An element; one of four bytes or fewer lies in its tag where `small`.
fn element(kind: u32, bytes: &[u8], small: bool) -> Vec<u8> {
    let len = bytes.len() as u32;
    if small {
        let mut padded = bytes.to_vec();
        padded.resize(4, 0);
        return [&(kind | len << 16).to_le_bytes(), &padded[..]].concat();
    }
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(8), 0);
    [&kind.to_le_bytes(), &len.to_le_bytes(), &padded[..]].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// An array of a class, whose values are stored as bytes.
fn matrix(name: &str, class: u32, sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let parts = [
        element(6, &words(&[class, 0]), false),
        element(5, &words(sizes), false),
        element(1, name.as_bytes(), true),
        element(2, values, values.len() <= 4),
    ];
    element(14, &parts.concat(), false)
}

fn packed(element_bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(element_bytes).unwrap();
    let bytes = packer.finish().unwrap();
    // Packed elements are not padded.
    [&15_u32.to_le_bytes(), &(bytes.len() as u32).to_le_bytes(), &bytes[..]].concat()
}

fn file(elements: &[Vec<u8>]) -> Vec<u8> {
    let mut head = [b' '; 124];
    head[..10].copy_from_slice(b"MATLAB 5.0");
    [&head[..], &[0, 1, b'I', b'M'], &elements.concat()].concat()
}

/// Two images of 2×1 pixels in three colors: rows fastest, then columns, colors, images.
fn whole(pack: fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let values: Vec<u8> = (0..12).map(|v| 20 * v).collect();
    let other = matrix("z", 6, &[1, 1], &[1]);
    let elements = [other, matrix("X", 9, &[2, 1, 3, 2], &values), matrix("y", 6, &[2, 1], &[10, 3])];
    file(&elements.map(|element| pack(&element)))
}

fn directory(train: &[u8], test: &[u8]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(FILES[0]), train).unwrap();
    fs::write(dir.path().join(FILES[1]), test).unwrap();
    dir
}

#[test]
fn arrays_are_read_packed_or_not() {
    let dir = directory(&whole(packed), &whole(<[u8]>::to_vec));
    fs::write(dir.path().join(EXTRA), b"").unwrap();
    let data = Dataset::open(dir.path().to_str().unwrap()).unwrap();
    assert_eq!(data.shape, ImageShape { channels: 3, height: 2, width: 1 });
    assert_eq!((data.train.image(0), data.train.image(1)[0]), (&[0, 20, 40, 60, 80, 100][..], 120));
    assert_eq!((&data.train.labels[..], &data.train, data.name.as_str()), (&[0, 3][..], &data.test, "svhn"));
    assert!(data.report.notes[1].contains("extra_32x32.mat is left out"));
}

#[test]
fn a_file_that_scipy_wrote_is_read() {
    let path =
        |name: &str| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/arrays").join(name);
    let written = ["packed.mat", "plain.mat"].map(|name| fs::read(path(name)).unwrap());
    let data = open(directory(&written[0], &written[1]).path()).unwrap();
    // X[y, x, c, i] = i + 10 y + 20 x + 100 c, two by three pixels; y = 10, 1, 2, 3.
    assert_eq!(data.shape, ImageShape { channels: 3, height: 2, width: 3 });
    assert_eq!(
        data.train.image(1),
        [1, 21, 41, 11, 31, 51, 101, 121, 141, 111, 131, 151, 201, 221, 241, 211, 231, 251]
    );
    assert_eq!((&data.train.labels[..], &data.train), (&[0, 1, 2, 3][..], &data.test));
}

#[test]
fn a_single_image_lacks_its_last_index() {
    let labels = |values: &[u8]| matrix("y", 9, &[values.len() as u32, 1], values);
    let set = |sizes: &[u32], digits: &[u8]| {
        let values: Vec<u8> = (0..sizes.iter().product::<u32>()).map(|v| 10 * v as u8).collect();
        file(&[matrix("X", 9, sizes, &values), labels(digits)])
    };
    // Two rows of one pixel: in three colors, or three gray images of them, or one.
    for (sizes, digits, shape) in
        [(&[2, 1, 3][..], &[4][..], "3×2×1"), (&[2, 1, 3], &[4, 5, 6], "1×2×1"), (&[2, 1], &[4], "1×2×1")]
    {
        let bytes = set(sizes, digits);
        let data = open(directory(&bytes, &bytes).path()).unwrap();
        assert_eq!((data.shape.to_string().as_str(), &data.train.labels[..]), (shape, digits));
        let all: Vec<u8> = (0..data.train.images.len()).map(|v| 10 * v as u8).collect();
        assert_eq!(data.train.images[..], all);
    }
}

#[test]
fn what_unpacks_to_much_is_not_unpacked() {
    let bomb = packed(&matrix("X", 9, &[72 << 10, 1024], &vec![0; 72 << 20]));
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    let error = open(directory(&file(&[bomb]), &whole(packed)).path()).unwrap_err();
    assert!(error.what().contains("an array of it unpacks to more than"), "{error}");
}

#[test]
fn what_is_not_read_is_named() {
    let images = matrix("X", 9, &[1, 1, 1, 2], &[1, 2]);
    let labels = |values: &[u8]| matrix("y", 9, &[values.len() as u32, 1], values);
    let mut hdf = whole(packed);
    hdf[..10].copy_from_slice(b"MATLAB 7.3");
    let sound = whole(packed);
    for (bytes, what) in [
        (hdf, "MATLAB 7.3 (HDF5)"),
        (b"PK".to_vec(), "it is damaged"),
        (vec![b' '; 200], "no MAT file of level 5"),
        (sound[..sound.len() - 3].to_vec(), "it is damaged"),
        (file(std::slice::from_ref(&images)), "it has no array y"),
        (file(&[matrix("X", 1, &[1, 1], &[1]), labels(&[1])]), "array X: it is a struct, a cell"),
        (
            file(&[matrix("X", 9, &[1, 1, 1, 3], &[1, 2]), labels(&[1])]),
            "its shape is [3, 1, 1, 1], but it has 2 values",
        ),
        (file(&[images.clone(), labels(&[1, 11])]), "array y: label 11 of image 1 is out of range"),
        (file(&[images.clone(), labels(&[1])]), "array y: its shape is [1], where 2 labels belong"),
        (file(&[images, element(14, &words(&[6, 1 << 30]), false)]), "the head of an array has"),
    ] {
        let error = open(directory(&bytes, &whole(packed)).path()).unwrap_err();
        assert!(error.what().contains(what) && error.what().contains(FILES[0]), "{error} for {what}");
    }
}
