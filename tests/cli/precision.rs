//! The precision of a run on the command line.

use serde_json::Value;

use crate::program::{folder, run, train};

#[test]
fn mixed_precision_is_refused_in_one_line_where_there_are_no_matrices() {
    let folder = folder();
    let adapters = run(folder.path(), &["adapters", "--json"]).ok();
    let adapters: Vec<Value> = serde_json::from_str(&adapters.out).unwrap();
    let best = adapters.iter().find(|adapter| adapter["best"] == true).unwrap();
    let there = best["mixed_precision"].as_bool().unwrap();
    let matrices = best["cooperative_matrices"].as_array().unwrap();
    assert!(!there || !matrices.is_empty(), "{best}");

    let args = ["train", "--dataset", "digits", "--network", "revacnn", "--steps", "2", "--json"];
    let full = run(folder.path(), &args).ok();
    let mixed = run(folder.path(), &[&args[..], &["--precision", "mixed"]].concat()).ok();
    let said: Vec<&str> = mixed.err.lines().filter(|line| line.contains("cooperative matrices")).collect();
    assert_eq!(said.len(), usize::from(!there), "{}", mixed.err);
    assert_eq!(mixed.hash() != full.hash(), there);
    assert_eq!(mixed.events()[0]["precision"], if there { "mixed" } else { "f32" });
    let args = ["bench", "train", "--plan", "--dataset", "digits", "--batch", "8", "--precision", "mixed"];
    let bench = run(folder.path(), &args).ok();
    assert_eq!(bench.err.contains("cooperative matrices"), !there, "{}", bench.err);
    assert_eq!(bench.out.contains("mixed_product"), there, "{}", bench.out);
    let plan = run(folder.path(), &[&args[..], &["--as-on-gpu"]].concat()).ok();
    assert!(plan.out.contains("mixed_product") && plan.out.contains("mixed_weight_gradient"), "{}", plan.out);
    assert!(!plan.err.contains("cooperative matrices"), "{}", plan.err);
}

#[test]
fn a_precision_belongs_to_a_run_for_good() {
    let folder = folder();
    run(folder.path(), &train(&["--precision", "bf16"])).fails(2, "bf16");
    run(folder.path(), &train(&["--steps", "1", "--precision", "mixed", "--out", "run"])).ok();
    let again = ["train", "--resume", "run", "--steps", "2"];
    run(folder.path(), &[&again[..], &["--precision", "f32"]].concat()).fails(2, "--precision");
    run(folder.path(), &again).ok();
    let journal = std::fs::read_to_string(folder.path().join("run/journal.jsonl")).unwrap();
    assert!(journal.lines().next().unwrap().contains("\"precision\":\"mixed\""), "{journal}");
}
