//! The list of actions with their effects, as a file.

use std::fs;

use crate::program::{TINY, run};

#[test]
fn a_script_leaves_a_table_of_effects() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tiny.toml"), TINY).unwrap();
    let script = r#"{"step": 3, "command": {"split_filter": {"layer": 0, "filter": 1}}}
{"step": 20, "command": {"set_learning_rate": 0.01}}
"#;
    fs::write(folder.path().join("script.jsonl"), script).unwrap();
    let train = ["train", "--dataset", "digits", "--network", "tiny.toml", "--batch", "60", "--steps", "110"];
    let steered = [&train[..], &["--script", "script.jsonl", "--json"]].concat();
    let with = [&steered[..], &["--actions", "actions.csv"]].concat();
    let [plain, listed] = [&steered, &with].map(|args| run(folder.path(), args));
    assert_eq!((plain.code, listed.code), (Some(0), Some(0)), "{}", listed.err);
    let hash = |out: &str| {
        let end: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
        end["state_hash"].as_str().unwrap().to_owned()
    };
    assert_eq!(hash(&plain.out), hash(&listed.out), "it is measured beside the run");
    let text = fs::read_to_string(folder.path().join("actions.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let words: Vec<[&str; 2]> = rows.iter().map(|row| [&row[0], &row[1]]).collect();
    assert_eq!(words, [["3", "split filter 1 of conv1"], ["20", "set the learning rate to 0.01"]]);
    let [before, after, later] = [3, 4, 5].map(|column| rows[0][column].parse::<f64>().unwrap());
    assert!((before - after).abs() < 1e-4, "a split changes nothing: {before}, {after}");
    assert!(later < after, "it has learned since: {after}, {later}");
    assert_eq!(
        (&rows[0][6], &rows[1][5]),
        ("1", ""),
        "the other one shares, and its 100 steps were not made"
    );
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["train", "--dataset", "digits", "--steps", "5", "--actions", "no/such/actions.csv"];
    let ran = run(folder.path(), &args);
    assert_ne!(ran.code, Some(0));
    assert!(ran.err.contains("actions.csv"), "{}", ran.err);
    assert!(!ran.out.contains("steps"), "{}", ran.out);
}
