//! A run that cannot learn says so, in words and at the layer.

use std::path::Path;

use revacnn::session::{Session, StopCondition, TrainCommand};

use super::fixture::Stage;

fn train(stage: &mut Stage, epochs: u32) {
    stage.session.set_limit(Some(StopCondition::Epochs(epochs)));
    stage.session.play();
    while stage.session.advance() {}
    stage.session.settle();
}

#[test]
fn layers_that_no_longer_fire_are_named() {
    let mut stage = Stage::with_rate(0.3);
    assert!(stage.session.concern().is_none(), "before the first epoch nothing is known");
    train(&mut stage, 6);
    let concern = stage.session.concern().expect("at this rate the layers die");
    let layers = stage.session.layers();
    let dead: Vec<usize> = stage.session.metrics().dead.clone();
    assert!(!dead.is_empty() && dead.iter().all(|node| layers[*node].kind == "relu"), "{dead:?}");
    let names: Vec<String> = dead.iter().map(|node| layers[*node].name.clone()).collect();
    assert!(concern.what().contains(&names[0]), "{concern}");
    // A reopened run knows it, and so does a picture of it.
    stage.session.save().unwrap();
    let (gpu, folder) = (std::rc::Rc::clone(stage.session.trainer().gpu()), stage.run_folder());
    let looked_at = Session::look_at(std::rc::Rc::clone(&gpu), &folder).unwrap();
    stage.session.detach();
    let mut resumed = Session::resume(gpu, &folder).unwrap();
    for again in [&looked_at, &resumed] {
        assert_eq!(again.metrics().dead, dead);
        assert_eq!(again.concern().as_ref(), Some(&concern));
    }
    resumed.apply(TrainCommand::Reset(5)).unwrap();
    assert!(resumed.metrics().dead.is_empty(), "new weights are not dead yet");
    // Their activations are 0 for every test image.
    for node in dead {
        let all: Vec<usize> = (0..stage.session.test_images()).collect();
        let rows = stage.session.test_features(node, &all).unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|value| *value == 0.0), "node {node} fires");
    }
    stage.frame(&[]);
    let texts = stage.frame(&[]);
    assert!(texts.iter().any(|text| text.text.contains("no unit fired")), "the status bar says nothing");
    assert!(texts.iter().any(|text| text.text == format!("⚠ {}", names[0])), "the column is not marked");
}

#[test]
fn a_run_that_learns_gives_no_concern() {
    let mut stage = Stage::new([1280, 800], 1.0);
    train(&mut stage, 3);
    assert_eq!(stage.session.metrics().epochs.len(), 3);
    assert!(stage.session.metrics().dead.is_empty());
    assert!(stage.session.concern().is_none());
    let texts = stage.frame(&[]);
    assert!(texts.iter().all(|text| !text.text.contains('⚠')));
}

#[test]
fn a_loss_that_stays_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let network = folder.path().join("small.toml");
    // Means of images say so little at the start that all classes are about equal.
    let text = "[[layer]]\nkind = \"global_avg_pool2d\"\n[[layer]]\nkind = \"dense\"\n";
    std::fs::write(&network, text).unwrap();
    let mut stage = Stage::of(network.to_str().unwrap(), "digits", [1280, 800], 1.0, 0.0);
    train(&mut stage, 1);
    assert!(stage.session.concern().is_none(), "one epoch may be the first of many");
    train(&mut stage, 2);
    let concern = stage.session.concern().expect("without a rate nothing is learned");
    assert!(concern.what().contains("ln(10) = 2.30"), "{concern}");
}

/// Writes images of one class in MNIST's format.
fn write_one_class(folder: &Path) {
    for (set, count) in [("train", 64_u32), ("t10k", 16)] {
        let mut images: Vec<u8> = [0x803, count, 12, 12].iter().flat_map(|n: &u32| n.to_be_bytes()).collect();
        images.extend((0..count * 144).map(|i| (i * 37 % 251) as u8));
        let mut labels: Vec<u8> = [0x801, count].iter().flat_map(|n: &u32| n.to_be_bytes()).collect();
        labels.extend((0..count).map(|_| 3));
        std::fs::write(folder.join(format!("{set}-images-idx3-ubyte")), images).unwrap();
        std::fs::write(folder.join(format!("{set}-labels-idx1-ubyte")), labels).unwrap();
    }
}

#[test]
fn one_class_is_no_result() {
    let folder = tempfile::tempdir().unwrap();
    write_one_class(folder.path());
    let mut stage = Stage::of("revacnn", folder.path().to_str().unwrap(), [640, 400], 1.0, 0.02);
    let concern = stage.session.concern().expect("there is nothing to tell apart");
    assert!(concern.what().contains("100 % is no result"), "{concern}");
    let texts = stage.frame(&[]);
    assert!(texts.iter().any(|text| text.text.contains("no result")));
}

/// Makes a buffer that no adapter has: the GPU reports its label.
fn fail(stage: &Stage, label: &str) {
    let gpu = stage.session.gpu();
    let _ = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size: gpu.limits.max_buffer_size + 4,
        usage: wgpu::BufferUsages::STORAGE,
        mapped_at_creation: false,
    });
}

#[test]
fn the_first_gpu_error_stays_until_it_is_dismissed() {
    let mut stage = Stage::with_rate(1e30);
    let shown = |stage: &mut Stage, text: &str| stage.frame(&[]).iter().any(|t| t.text.contains(text));
    fail(&stage, "the cause");
    fail(&stage, "an effect of the same frame");
    assert!(shown(&mut stage, "the cause"));
    fail(&stage, "an effect of a later frame");
    stage.session.play();
    while stage.session.is_playing() {
        stage.frame(&[]);
    }
    assert!(shown(&mut stage, "the cause") && !shown(&mut stage, "an effect"));
    stage.click_text("×");
    assert!(!shown(&mut stage, "the GPU reports"));
    // Now another is the first, before the numbers that it may have spoilt.
    stage.session.play();
    fail(&stage, "another cause");
    while stage.session.is_playing() {
        stage.session.advance();
    }
    assert!(shown(&mut stage, "another cause") && !shown(&mut stage, "stopped being finite"));
    stage.click_text("×");
    stage.session.play();
    while stage.session.is_playing() {
        stage.frame(&[]);
    }
    assert!(shown(&mut stage, "stopped being finite"));
}
