//! The parts shared by all data sets, and the readers on real files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;

const SHAPE: ImageShape = ImageShape { channels: 2, height: 1, width: 3 };

fn classes(count: usize) -> Vec<String> {
    (0..count).map(|i| i.to_string()).collect()
}

fn small() -> Dataset {
    let train = Split {
        images: vec![0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255].into(),
        labels: vec![1, 0],
    };
    let test = Split { images: vec![1, 2, 3, 4, 5, 6].into(), labels: vec![1] };
    Dataset::new("small", SHAPE, classes(2), train, test).unwrap()
}

#[test]
fn shapes_read_as_a_product() {
    assert_eq!(SHAPE.to_string(), "2×1×3");
    assert_eq!(SHAPE.len(), 6);
}

#[test]
fn images_are_cut_at_their_length() {
    assert_eq!(small().train.image(1), [255; 6]);
    assert_eq!(small().test.image(0), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn what_does_not_go_together_is_an_error() {
    let make = |shape, classes, train, test| {
        Dataset::new("x", shape, classes, train, test).map_err(|e| e.to_string())
    };
    let good = small();
    let with =
        |images: usize, labels: &[u8]| Split { images: vec![0; images].into(), labels: labels.to_vec() };
    let splits = [
        (with(0, &[]), "there are no training images"),
        (with(12, &[0]), "1 training labels but 12 bytes of 2×1×3 images (that is 2 images)"),
        (with(13, &[0, 1]), "2 training labels but 13 bytes"),
        (with(12, &[0, 2]), "label 2 of image 1 is out of range: there are 2 classes"),
    ];
    for (train, what) in splits {
        let error = make(SHAPE, classes(2), train, good.test.clone()).unwrap_err();
        assert!(error.contains(what), "{error}");
    }
    let error = make(SHAPE, classes(2), good.train.clone(), with(6, &[9])).unwrap_err();
    assert!(error.contains("test images: label 9"), "{error}");
    assert!(make(SHAPE, classes(0), good.train.clone(), good.test.clone()).is_err());
    assert!(make(SHAPE, classes(257), good.train.clone(), good.test.clone()).is_err());
    assert!(make(ImageShape { width: 0, ..SHAPE }, classes(2), good.train, good.test).is_err());
}

#[test]
fn every_byte_and_size_counts_in_the_fingerprint() {
    let base = small();
    let print = base.fingerprint();
    assert_eq!(print.len(), 64);
    assert_eq!(Dataset { name: "other".into(), ..base.clone() }.fingerprint(), print);
    let changes: [fn(&mut Dataset); 6] = [
        |d| Arc::make_mut(&mut d.train.images)[3] ^= 1,
        |d| d.train.labels[0] ^= 1,
        |d| Arc::make_mut(&mut d.test.images)[0] ^= 1,
        |d| d.test.labels[0] ^= 1,
        |d| d.classes.push("more".into()),
        |d| d.shape = ImageShape { channels: 1, height: 2, width: 3 },
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut data = base.clone();
        change(&mut data);
        assert_ne!(data.fingerprint(), print, "change {i}");
    }
}

#[test]
fn statistics_are_those_of_the_training_images() {
    let stats = small().channel_stats();
    assert_eq!(stats.mean, [0.5, 1.0]);
    assert_eq!(stats.std, [0.5, ChannelStats::STD_FLOOR]);
}

#[test]
fn every_built_in_name_opens() {
    for (name, sentence) in builtin() {
        let data = Dataset::open(name).unwrap();
        assert_eq!(data.name, *name);
        assert!(sentence.contains(&data.shape.to_string()) && sentence.ends_with('.'));
    }
}

/// The directory `name` of real data beside the checkout; `None`, and a note, without any.
fn real(name: &str) -> Option<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if data.exists() {
        return Some(data.join(name));
    }
    println!("skipped: there is no {}", data.display());
    None
}

fn counts(labels: &[u8]) -> [usize; 10] {
    let mut counts = [0; 10];
    labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
    counts
}

#[test]
fn real_mnist_is_as_published() {
    let Some(path) = real("mnist") else { return };
    let data = Dataset::open(path.to_str().unwrap()).unwrap();
    assert_eq!((data.name.as_str(), data.shape.to_string().as_str()), ("mnist", "1×28×28"));
    assert_eq!((data.train.len(), data.test.len()), (60_000, 10_000));
    assert_eq!(counts(&data.train.labels), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    assert_eq!(counts(&data.test.labels), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    assert_eq!(data.train.labels[..8], [5, 0, 4, 1, 9, 2, 1, 3]);
    let stats = data.channel_stats();
    // Published are 0.1307 and 0.3081; some copies in circulation hold inked pixels one level darker.
    assert!((stats.mean[0] - 0.1307).abs() < 2e-3 && (stats.std[0] - 0.3081).abs() < 2e-3, "{stats:?}");
    let by_file = Dataset::open(path.join("t10k-labels-idx1-ubyte.gz").to_str().unwrap()).unwrap();
    assert_eq!(by_file.fingerprint(), data.fingerprint());
}

#[test]
fn real_cifar_10_is_as_published() {
    let Some(path) = real("cifar-10-batches-bin") else { return };
    let data = Dataset::open(path.to_str().unwrap()).unwrap();
    assert_eq!((data.name.as_str(), data.shape.to_string().as_str()), ("cifar-10", "3×32×32"));
    assert_eq!((data.train.len(), data.test.len()), (10_000, 1_000));
    assert_eq!(counts(&data.train.labels), [1005, 974, 1032, 1016, 999, 937, 1030, 1001, 1025, 981]);
    assert_eq!(counts(&data.test.labels), [103, 89, 100, 103, 90, 86, 112, 102, 106, 109]);
    assert_eq!(data.test.labels[..8], [3, 8, 8, 0, 6, 6, 1, 6]);
    assert_eq!((data.classes[0].as_str(), data.classes[9].as_str()), ("airplane", "truck"));
    // The published means of the whole set, which this fifth of it comes close to; red, green, blue in order.
    for (mean, published) in data.channel_stats().mean.iter().zip([0.4914, 0.4822, 0.4465]) {
        assert!((mean - published).abs() < 0.005, "{mean} for {published}");
    }
}
