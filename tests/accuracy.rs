//! Known accuracy on real data, by the program itself: what a few minutes of a software adapter allow. The README's
//! figures come from longer runs of the same commands.
//!
//! `../shared/data` holds MNIST and CIFAR-10; without that folder the tests on them say that they are skipped.

use std::path::PathBuf;
use std::process::Command;

#[allow(clippy::print_stderr, reason = "a test that was skipped must not look as if it had run")]
fn shared(name: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if !folder.exists() {
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("skipped: there is no ../shared/data"),
        )
        .ok();
        return None;
    }
    Some(folder.join(name))
}

/// Test accuracy of the averaged weights at the end of a training run.
fn train(arguments: &[&str]) -> f64 {
    let output = Command::new(env!("CARGO_BIN_EXE_revacnn"))
        .arg("train")
        .arg("--json")
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let end: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(end["event"], "end");
    end["average_test_accuracy"].as_f64().unwrap()
}

#[test]
fn lenet_learns_mnist() {
    let Some(folder) = shared("mnist") else { return };
    let accuracy = train(&["--dataset", folder.to_str().unwrap(), "--network", "lenet", "--steps", "240"]);
    // A linear model stays below 0.93.
    assert!(accuracy > 0.95, "{accuracy}");
}

#[test]
fn revacnn_learns_cifar10() {
    let Some(folder) = shared("cifar-10-batches-bin") else { return };
    let accuracy = train(&["--dataset", folder.to_str().unwrap(), "--epochs", "2"]);
    // Ten classes: chance is 0.10, a linear model stays below 0.40.
    assert!(accuracy > 0.41, "{accuracy}");
}

#[test]
fn revacnn_learns_shapes_better_than_a_linear_model_can() {
    let accuracy = train(&["--steps", "300"]);
    assert!(accuracy > 0.62, "{accuracy}");
}

#[test]
fn nothing_is_learned_at_a_learning_rate_of_zero() {
    let accuracy = train(&["--dataset", "digits", "--epochs", "1", "--lr", "0"]);
    assert!(accuracy < 0.35, "{accuracy}: the test set cannot tell learning from not learning");
}
