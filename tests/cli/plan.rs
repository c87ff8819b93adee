//! The dispatches of a step, as `bench train --plan` prints them.

use serde_json::Value;

use crate::program::{folder, run};

const ARGS: [&str; 8] =
    ["bench", "train", "--plan", "--dataset", "digits", "--network", "tiny.toml,revacnn", "--batch"];

#[test]
fn a_plan_lists_every_dispatch_with_its_number() {
    let folder = folder();
    let json = run(folder.path(), &[&ARGS[..], &["8", "--json"]].concat()).ok();
    let plans = json.events();
    assert_eq!(plans.len(), 2, "{}", json.out);
    let counts: Vec<u64> = plans.iter().map(|plan| plan["dispatches"].as_u64().unwrap()).collect();
    assert!(counts[0] < counts[1], "revacnn has more layers");
    for (plan, count) in plans.iter().zip(&counts) {
        let dispatches = plan["plan"].as_array().unwrap();
        assert_eq!(dispatches.len() as u64, *count);
        for (number, dispatch) in (1_u64..).zip(dispatches) {
            assert_eq!(dispatch["number"], number);
            assert!(dispatch["kernel"].as_str().unwrap().contains(".wgsl:"), "{dispatch}");
            let groups = dispatch["workgroups"].as_array().unwrap();
            assert!(groups.len() == 3 && groups.iter().all(|n| n.as_u64() > Some(0)), "{dispatch}");
            assert!(dispatch["bytes"].as_u64() > Some(0), "{dispatch}");
        }
        let last: Vec<&Value> = dispatches.iter().rev().take(1).map(|d| &d["label"]).collect();
        assert_eq!(last, ["tick"], "the clock ends a step");
    }
    // Passes of 4 images: the layers' dispatches come twice, the optimizer's do not.
    let passes = run(folder.path(), &[&ARGS[..], &["8", "--micro-batch", "4", "--json"]].concat()).ok();
    let twice = passes.events()[0]["dispatches"].as_u64().unwrap();
    assert!(twice > counts[0] && twice < 2 * counts[0], "{twice} for two passes, {} for one", counts[0]);
    let text = run(folder.path(), &[&ARGS[..], &["8"]].concat()).ok().out;
    assert_eq!(text.lines().count() as u64, counts.iter().sum::<u64>() + 4, "{text}");
    assert!(text.contains(&format!("{} dispatches in a step", counts[0])), "{text}");
}

#[test]
fn a_plan_as_on_a_gpu_predicts_the_time_of_each_dispatch() {
    let folder = folder();
    let of = |more: &[&str]| run(folder.path(), &[&ARGS[..], &["8", "--as-on-gpu"], more].concat()).ok();
    let json = of(&["--json"]);
    for plan in json.events() {
        let times: Vec<f64> =
            plan["plan"].as_array().unwrap().iter().map(|d| d["predicted_us"].as_f64().unwrap()).collect();
        assert!(times.iter().all(|us| *us > 0.0), "{plan}");
        let sum = plan["predicted_us"].as_f64().unwrap();
        assert!((times.iter().sum::<f64>() - sum).abs() < 1e-9 * sum, "{plan}");
    }
    // By hand: a dispatch of which nothing but its bytes is known takes 2.1 µs and the time of those at 2.85 TB/s.
    let tick = &json.events()[0]["plan"].as_array().unwrap().last().unwrap().clone();
    let expected = 2.1 + tick["bytes"].as_f64().unwrap() / 2.85e6;
    assert!((tick["predicted_us"].as_f64().unwrap() - expected).abs() < 1e-9, "{tick}");
    assert!(of(&[]).out.contains("µs predicted on an H100"));
    // It is of a plan alone.
    run(folder.path(), &["bench", "train", "--as-on-gpu"]).fails(2, "--plan");
}

#[test]
fn bench_train_tells_what_recording_a_step_takes() {
    let folder = folder();
    let args = [
        "bench",
        "train",
        "--dataset",
        "digits",
        "--network",
        "tiny.toml",
        "--batch",
        "8",
        "--seconds",
        "0.2",
    ];
    let measured = run(folder.path(), &[&args[..], &["--json"]].concat()).ok().events();
    for key in ["cpu_us_per_step", "passes_per_step", "steps_per_submit", "images_per_s"] {
        assert!(measured[0][key].as_f64().is_some_and(|value| value > 0.0), "{key} in {}", measured[0]);
    }
    // A run chooses the images of a pass by itself.
    let given = run(folder.path(), &[&args[..], &["--micro-batch", "4", "--json"]].concat()).ok().events();
    assert!(given[0]["passes_per_step"].is_null() && given[0]["images_per_s"].is_number(), "{}", given[0]);
    let text = run(folder.path(), &args).ok().out;
    assert!(text.contains("µs of the CPU and"), "{text}");
}
