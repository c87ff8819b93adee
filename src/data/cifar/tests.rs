//! Sets like CIFAR in both versions, whole and damaged.

use std::fs;

use tempfile::TempDir;

use super::*;

/// Records whose labels are given; image `i` is filled with `10 + i`.
fn records(labels: &[&[u8]]) -> Vec<u8> {
    let image = |i: usize| vec![10 + i as u8; SHAPE.len()];
    labels.iter().enumerate().flat_map(|(i, label)| [label.to_vec(), image(i)].concat()).collect()
}

fn write(dir: &TempDir, name: &str, bytes: &[u8]) {
    fs::write(dir.path().join(name), bytes).unwrap();
}

fn ten() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(&dir, "data_batch_2.bin", &records(&[&[3], &[9]]));
    write(&dir, "data_batch_5.bin", &records(&[&[0]]));
    write(&dir, "test_batch.bin", &records(&[&[7]]));
    dir
}

#[test]
fn batches_that_are_there_are_joined_in_order() {
    let data = CIFAR_10.open(ten().path(), false).unwrap();
    assert_eq!(data.train.labels, [3, 9, 0]);
    assert_eq!([0, 1, 2].map(|i| data.train.image(i)[3071]), [10, 11, 10]);
    assert_eq!((data.test.labels[0], data.classes[9].as_str(), data.shape), (7, "truck", SHAPE));
}

#[test]
fn names_come_from_the_meta_file() {
    let dir = ten();
    write(&dir, "batches.meta.txt", b"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
    assert_eq!(CIFAR_10.open(dir.path(), false).unwrap().classes[9], "j");
    write(&dir, "batches.meta.txt", b"a\nb\n");
    let error = CIFAR_10.open(dir.path(), false).unwrap_err();
    assert!(
        error.what().contains("batches.meta.txt: label 3 of image 0 is out of range: there are 2"),
        "{error}"
    );
    // A set in the same form with more classes than ten.
    write(&dir, "batches.meta.txt", &"name\n".repeat(200).into_bytes());
    write(&dir, "data_batch_2.bin", &records(&[&[199]]));
    let data = CIFAR_10.open(dir.path(), false).unwrap();
    assert_eq!((data.classes.len(), &data.train.labels[..]), (200, &[199, 0][..]));
}

#[test]
fn of_two_labels_the_fine_one_counts() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir, "train.bin", &records(&[&[19, 99], &[200, 5]]));
    write(&dir, "test.bin", &records(&[&[1, 2]]));
    let data = CIFAR_100.open(dir.path(), false).unwrap();
    assert_eq!((&data.train.labels[..], &data.test.labels[..]), (&[99, 5][..], &[2][..]));
    assert_eq!((data.classes.len(), data.classes[99].as_str()), (100, "class 99"));
}

#[test]
fn damaged_files_are_errors() {
    let whole = records(&[&[3], &[9]]);
    let cases: [(Vec<u8>, &str); 4] = [
        (whole[..whole.len() - 1].to_vec(), "6145 bytes"),
        ([&whole[..], &[0]].concat(), "6147 bytes"),
        (Vec::new(), "0 bytes"),
        (records(&[&[3], &[10]]), "label 10 of image 1 is out of range"),
    ];
    for (bytes, what) in cases {
        let dir = ten();
        write(&dir, "data_batch_5.bin", &bytes);
        let error = CIFAR_10.open(dir.path(), false).unwrap_err();
        assert!(error.what().contains(what) && error.what().contains("data_batch_5.bin"), "{error}");
    }
}

#[test]
fn missing_files_are_named() {
    let dir = ten();
    fs::remove_file(dir.path().join("test_batch.bin")).unwrap();
    assert!(CIFAR_10.open(dir.path(), false).unwrap_err().what().contains("test_batch.bin"));
    let dir = tempfile::tempdir().unwrap();
    write(&dir, "test_batch.bin", &records(&[&[7]]));
    assert!(CIFAR_10.open(dir.path(), false).unwrap_err().what().contains("no training batch"));
    write(&dir, "test.bin", &records(&[&[7, 7]]));
    assert!(CIFAR_100.open(dir.path(), false).unwrap_err().what().contains("train.bin"));
}

#[test]
fn coarse_labels_are_taken_where_they_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir, "train.bin", &records(&[&[19, 99], &[4, 5]]));
    write(&dir, "test.bin", &records(&[&[1, 2]]));
    let data = Dataset::open(&format!("{}?labels=coarse", dir.path().display())).unwrap();
    assert_eq!((data.train.labels, data.test.labels, data.classes.len()), (vec![19, 4], vec![1], 20));
    assert!(data.report.notes[0].contains("the coarse ones count"));
    assert!(CIFAR_10.open(ten().path(), true).unwrap_err().what().contains("none of them coarse"));
}

#[test]
fn the_length_of_a_file_says_how_many_labels_it_has() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir, "train.bin", &records(&[&[9], &[4]]));
    write(&dir, "test.bin", &records(&[&[1]]));
    let data = CIFAR_100.open(dir.path(), false).unwrap();
    assert_eq!((&data.train.labels[..], data.train.image(1)[0]), (&[9, 4][..], 11));
    write(&dir, "test.bin", &records(&[&[1, 2]]));
    let error = CIFAR_100.open(dir.path(), false).unwrap_err();
    assert!(error.what().contains("test.bin has another number of labels"), "{error}");
}

/// A pickle of protocol 2 as Python 2 wrote it, of parts in its opcodes.
fn pickle(parts: &[&[u8]]) -> Vec<u8> {
    [b"\x80\x02}(", &parts.concat()[..], b"u."].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&[b'U', text.len() as u8], text.as_bytes()].concat()
}

fn list(key: &str, items: &[Vec<u8>]) -> Vec<u8> {
    [text(key), b"](".to_vec(), items.concat(), b"e".to_vec()].concat()
}

/// An array `[n, 3072]` whose image `i` is filled with `first + i`.
fn images(count: u16, first: u8) -> Vec<u8> {
    let bytes: Vec<u8> = (0..count).flat_map(|i| vec![first + i as u8; SHAPE.len()]).collect();
    let shape = [b"(K\x01M", &count.to_le_bytes()[..], b"M", &3072_u16.to_le_bytes(), b"\x86"].concat();
    let kind =
        b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T";
    let head = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R";
    [
        text("data"),
        head.to_vec(),
        shape,
        kind.to_vec(),
        (bytes.len() as u32).to_le_bytes().to_vec(),
        bytes,
        b"tb".to_vec(),
    ]
    .concat()
}

fn number(number: u8) -> Vec<u8> {
    vec![b'K', number]
}

#[test]
fn pickled_batches_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let batch = |count, first, labels: &[u8]| {
        let labels: Vec<Vec<u8>> = labels.iter().map(|label| number(*label)).collect();
        pickle(&[&images(count, first), &list("labels", &labels)])
    };
    write(&dir, "data_batch_1", &batch(2, 10, &[3, 9]));
    write(&dir, "data_batch_3", &batch(1, 20, &[0]));
    write(&dir, "test_batch", &batch(1, 30, &[7]));
    let open = || Dataset::open(dir.path().to_str().unwrap());
    let data = open().unwrap();
    assert_eq!(
        (&data.train.labels[..], data.test.labels[0], data.classes[7].as_str()),
        (&[3, 9, 0][..], 7, "horse")
    );
    assert_eq!([0, 1, 2].map(|i| data.train.image(i)[3071]), [10, 11, 20]);
    let names: Vec<Vec<u8>> = (b'a'..=b'l').map(|name| text(&char::from(name).to_string())).collect();
    write(&dir, "batches.meta", &pickle(&[&list("label_names", &names)]));
    assert_eq!(open().unwrap().classes.concat(), "abcdefghijkl");
    for (bytes, what) in [
        (batch(2, 10, &[3]), "it has 2 images and 1 labels"),
        (batch(1, 10, &[12]), "label 12 of image 0 is out of range"),
        (pickle(&[&images(1, 0)]), "it has no labels, but data"),
        (pickle(&[&list("labels", &[number(0)])]), "it has no data, but labels"),
        (b"\x80\x02cos\nsystem\nU\x02ls\x85R.".to_vec(), "it asks for os.system"),
    ] {
        write(&dir, "data_batch_1", &bytes);
        let error = open().unwrap_err();
        assert!(error.what().contains(what) && error.what().contains("data_batch_1"), "{error}");
    }
}

#[test]
fn pickled_fine_and_coarse_labels_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let set =
        pickle(&[&images(1, 1), &list("fine_labels", &[number(99)]), &list("coarse_labels", &[number(19)])]);
    write(&dir, "train", &set);
    write(&dir, "test", &set);
    let open = |options: &str| Dataset::open(&format!("{}{options}", dir.path().display()));
    let labels = |options: &str| open(options).unwrap().train.labels[0];
    assert_eq!((labels(""), labels("?labels=coarse")), (99, 19));
    write(&dir, "meta", &pickle(&[&list("fine_label_names", &vec![text("tulip"); 100])]));
    assert_eq!(open("").unwrap().classes[99], "tulip");
    assert!(open("?labels=coarse").unwrap_err().what().contains("it has no coarse_label_names"));
    // A folder of this name is one of images, and a file without the head of a pickle is none.
    fs::remove_file(dir.path().join("meta")).unwrap();
    ["train", "test"].iter().for_each(|name| write(&dir, name, b"text"));
    assert!(open("").unwrap_err().what().contains("no known data set"));
}
