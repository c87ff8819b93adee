//! Names and folders of data sets, and what they are taken for.

use super::*;

fn open_plain(path: &Path) -> Result<Dataset> {
    open(path, &Reading::default())
}

fn directory(names: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        fs::write(dir.path().join(name), "").unwrap();
    }
    dir
}

#[test]
fn one_file_tells_the_format() {
    let cases = [
        ("t10k-labels.idx1-ubyte.gz", "MNIST"),
        ("data_batch_4.bin", "CIFAR-10,"),
        ("batches.meta.txt", "CIFAR-10,"),
        ("test.bin", "CIFAR-100"),
    ];
    for (name, format) in cases {
        let dir = directory(&[name, "readme.html"]);
        let (folder, found) = find(dir.path()).unwrap();
        assert!(folder == dir.path() && found.looks_for.contains(format), "{}", found.looks_for);
    }
}

#[test]
fn an_unknown_name_lists_the_built_in_ones() {
    let error = open_plain(Path::new("mnsit")).unwrap_err();
    assert!(error.what().contains("\"mnsit\" is neither"));
    assert!(error.help().contains("shapes and digits") && error.help().contains("directory"));
    assert!(open_plain(Path::new("")).is_err());
    let dir = directory(&[]);
    let error = Dataset::open(&format!("{}?split=lettres", dir.path().display())).unwrap_err();
    assert!(error.what().contains("\"?split=lettres\"") && error.help().contains("bymerge"), "{error}");
}

#[test]
fn directories_without_a_set_say_what_was_looked_for() {
    let error = open_plain(directory(&[]).path()).unwrap_err();
    assert!(error.what().contains("empty directory"), "{error}");
    for names in [&["data_batch_1", "train"][..], &["cat.png", "data_batch_6.bin", "train.bin.gz"]] {
        let error = open_plain(directory(names).path()).unwrap_err();
        assert!(error.what().contains("no known data set"), "{error}");
        assert!(error.help().contains("test_batch.bin") && error.help().contains("train-images-idx3-ubyte"));
    }
}

#[test]
fn several_sets_in_one_directory_are_told_apart_by_a_file() {
    let dir = directory(&["test_batch.bin", "train.bin"]);
    let error = open_plain(dir.path()).unwrap_err();
    assert!(error.what().contains("several") && error.what().contains("CIFAR-100"), "{error}");
    let error = open_plain(&dir.path().join("train.bin")).unwrap_err();
    assert!(error.what().contains("train.bin has 0 bytes"), "{error}");
}

#[test]
fn a_file_of_no_set_is_an_error() {
    let dir = directory(&["cifar-10-binary.tar.gz"]);
    let error = open_plain(&dir.path().join("cifar-10-binary.tar.gz")).unwrap_err();
    assert!(error.what().contains("file of no known data set") && error.help().contains("unpacked"));
}

#[test]
fn an_option_of_another_format_is_an_error() {
    let dir = directory(&["train_X.bin"]);
    for option in ["split=letters", "labels=coarse"] {
        let error = Dataset::open(&format!("{}?{option}", dir.path().display())).unwrap_err();
        assert!(error.what().contains(option) && error.what().contains("STL-10"), "{error}");
    }
}

#[test]
fn a_set_is_found_two_levels_down_and_several_are_named() {
    let root = directory(&[]);
    let deep = root.path().join("MNIST/raw");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("train-images-idx3-ubyte"), "").unwrap();
    let (folder, format) = find(root.path()).unwrap();
    assert!(folder == deep && format.looks_for.contains("MNIST"));
    let error = open_plain(root.path()).unwrap_err();
    assert!(error.what().contains("raw has no train-labels-idx1-ubyte"), "{error}");
    fs::create_dir_all(root.path().join("other/raw")).unwrap();
    fs::write(root.path().join("other/raw/train.bin"), "").unwrap();
    let error = open_plain(root.path()).unwrap_err();
    assert!(error.what().contains("several data sets") && error.help().contains("other"), "{error}");
}
