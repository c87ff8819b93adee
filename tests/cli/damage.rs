//! Resuming a folder whose files are damaged, missing or of another run: an error, and every file stays as it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::program::{folder, run, train};

type Files = BTreeMap<String, Vec<u8>>;

fn read_all(folder: &Path) -> Files {
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    };
    fs::read_dir(folder).unwrap().map(read).collect()
}

fn write_all(folder: &Path, files: &Files) {
    fs::remove_dir_all(folder).ok();
    fs::create_dir(folder).unwrap();
    files.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).unwrap());
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}

/// A safetensors file as another tool writes it.
fn other_tool() -> Vec<u8> {
    let header = br#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  "#;
    [&(header.len() as u64).to_le_bytes(), &header[..], &[0; 4]].concat()
}

#[test]
fn damaged_runs_are_refused_and_left_alone() {
    let folder = folder();
    let place = folder.path().join("run");
    run(folder.path(), &train(&["--epochs", "2", "--out", "run"])).ok();
    let whole = read_all(&place);
    run(folder.path(), &train(&["--epochs", "2", "--out", "other", "--seed", "2"])).ok();
    let other = read_all(&folder.path().join("other"));
    let model = &whole["model.safetensors"];
    let [network, journal] =
        ["network.toml", "journal.jsonl"].map(|n| String::from_utf8(whole[n].clone()).unwrap());
    let m = "model.safetensors";
    let cases: Vec<(&str, Option<Vec<u8>>, &str)> = vec![
        (m, Some(Vec::new()), m),
        (m, Some(model[..5].to_vec()), m),
        (m, Some(model[..model.len() - 1].to_vec()), m),
        (m, Some([&model[..], &[0]].concat()), m),
        (m, Some(flipped(model, model.len() - 2)), m),
        (m, Some(flipped(model, 3)), m),
        (m, Some(flipped(model, 300)), m),
        (m, Some(other_tool()), "not written by a training run"),
        (m, Some(b"no model at all".to_vec()), m),
        (m, Some(other[m].clone()), "model.safetensors is of another run"),
        ("network.toml", None, "network.toml"),
        ("network.toml", Some(network.replace("kernel = 3", "kernel = 0").into()), "kernel is 0"),
        ("network.toml", Some(network.replace("stride = 2", "stride = 3").into()), "network.toml"),
        ("network.toml", Some(vec![0xff]), "network.toml"),
        ("journal.jsonl", None, "journal.jsonl"),
        ("journal.jsonl", Some(Vec::new()), "line 1"),
        ("journal.jsonl", Some(journal.replace("seed", "sead").into()), "line 1"),
        ("journal.jsonl", Some(format!("{journal}{{}}\n").into()), "line 2"),
        ("journal.jsonl", Some([journal.as_bytes(), &[0xff, b'\n']].concat()), "line 2"),
        ("journal.jsonl", Some(other["journal.jsonl"].clone()), "journal.jsonl is of another run"),
    ];
    for (name, bytes, part) in cases {
        let mut files = whole.clone();
        match bytes {
            Some(bytes) => files.insert(name.to_owned(), bytes),
            None => files.remove(name),
        };
        write_all(&place, &files);
        run(folder.path(), &["train", "--resume", "run", "--epochs", "3"]).fails(1, part);
        assert_eq!(read_all(&place), files, "{name} and {part}: files were changed");
    }
    // The control: undamaged it goes on, also after a kill in the middle of a journal's line.
    let mut files = whole.clone();
    files.insert("journal.jsonl".to_owned(), format!("{journal}{{\"step\":1").into());
    write_all(&place, &files);
    let ran = run(folder.path(), &["train", "--resume", "run", "--epochs", "3"]).ok();
    assert!(ran.err.contains("journal.jsonl was cut short after line 1"), "{}", ran.err);
    assert_eq!(read_all(&place)["journal.jsonl"], whole["journal.jsonl"]);
    // A command that is refused changes nothing there, and the folder's files are not the folder.
    write_all(&place, &whole);
    run(folder.path(), &["train", "--resume", "run", "--lr", "0.1", "--batch", "9999"])
        .fails(2, "batch is 9999");
    run(folder.path(), &["train", "--resume", "run", "--freeze", "conv9"]).fails(2, "conv9");
    let ran = run(folder.path(), &["train", "--resume", "run/model.safetensors"]).fails(1, "not its folder");
    assert!(ran.err.contains("name the folder: run"), "{}", ran.err);
    assert_eq!(read_all(&place), whole);
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_a_file_is_refused_and_not_waited_for() {
    let folder = folder();
    run(folder.path(), &train(&["--epochs", "1", "--out", "run"])).ok();
    for name in ["metrics.csv", "journal.jsonl", "network.toml", "model.safetensors"] {
        let file = folder.path().join("run").join(name);
        let whole = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
        run(folder.path(), &["train", "--resume", "run", "--epochs", "2"])
            .fails(1, &format!("{name} is not a regular"));
        fs::remove_file(&file).unwrap();
        fs::write(&file, whole).unwrap();
    }
    run(folder.path(), &["train", "--resume", "run", "--epochs", "2"]).ok();
}

#[test]
fn a_run_whose_data_changed_is_refused() {
    let folder = folder();
    let records = |label: u8| [&[label][..], &[7; 3072]].concat().repeat(9);
    fs::create_dir(folder.path().join("data")).unwrap();
    let write = |name: &str, label| fs::write(folder.path().join("data").join(name), records(label)).unwrap();
    write("data_batch_1.bin", 3);
    write("test_batch.bin", 4);
    let args = ["train", "--dataset", "data", "--network", "tiny.toml", "--batch", "2", "--epochs", "1"];
    run(folder.path(), &[&args[..], &["--out", "run"]].concat()).ok();
    write("data_batch_1.bin", 5);
    run(folder.path(), &["train", "--resume", "run"]).fails(1, "is not the one that run was trained on");
    fs::remove_dir_all(folder.path().join("data")).unwrap();
    run(folder.path(), &["train", "--resume", "run"]).fails(1, "data");
}
