//! A training that is watched, in the window: what does not reach it cannot be clicked, and says why.

use std::fs;
use std::path::Path;

use revacnn::nn::Exported;
use revacnn::session::follow;
use safetensors::SafeTensors;
use serde_json::json;

use super::fixture::Stage;

/// A watched folder with a checkpoint of the run's own network.
fn write_training(stage: &Stage, folder: &Path) {
    fs::create_dir(folder).unwrap();
    let model = stage.session.trainer().model(false).unwrap();
    let network = model.network.to_toml();
    let exported = Exported { model, classes: Vec::new(), normalization: None };
    fs::write(folder.join("network.toml"), network).unwrap();
    fs::write(folder.join("about.json"), r#"{"dataset": "digits", "batch": 32}"#).unwrap();
    fs::write(folder.join("step-00000010.safetensors"), exported.safetensors().unwrap()).unwrap();
    let line =
        json!({"step": 10, "file": "step-00000010.safetensors", "loss": 2.0, "lr": 0.05, "momentum": 0.8});
    fs::write(folder.join("checkpoints.jsonl"), format!("{line}\n")).unwrap();
}

/// Another checkpoint, with gradients: the weights of the first one.
fn write_gradients(folder: &Path, step: u32) {
    let first = fs::read(folder.join("step-00000010.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&first).unwrap().tensors();
    let gradients = tensors.iter().map(|(name, tensor)| (format!("grad.{name}"), tensor.clone()));
    let all = gradients.chain(tensors.iter().cloned());
    let file = format!("step-{step:08}.safetensors");
    fs::write(folder.join(&file), safetensors::serialize(all, None).unwrap()).unwrap();
    let list = folder.join("checkpoints.jsonl");
    let before = fs::read_to_string(&list).unwrap();
    let line = json!({"step": step, "file": file, "loss": 2.0, "lr": 0.05, "momentum": 0.8});
    fs::write(list, format!("{before}{line}\n")).unwrap();
}

#[test]
fn what_does_not_reach_a_watched_training_is_disabled_and_says_why() {
    let mut stage = Stage::new([1280, 900], 1.0);
    let folder = tempfile::tempdir().unwrap();
    let training = folder.path().join("watched");
    write_training(&stage, &training);
    stage.open(&training);
    stage.work(6);
    assert!(stage.shows("watched in") && stage.shows("training"));
    for name in ["step", "reset", "twin", "fork", "bookmark A", "average", "flip", "batch field"] {
        stage.click(name);
        assert!(!stage.texts().iter().any(|text| text.starts_with("not possible")), "{name} is refused");
        stage.move_to(egui::pos2(1.0, 1.0));
        let rect = stage.workbench.targets()[name];
        stage.move_to(rect.center());
        stage.move_to(rect.center() + egui::vec2(1.0, 0.0));
        (0..12).for_each(|_| drop(stage.frame(&[])));
        let why = stage.texts().into_iter().find(|text| text.starts_with("not possible in a training"));
        assert!(why.is_some_and(|why| why.contains("PyTorch trains it")), "{name}: {:?}", stage.texts());
        stage.move_to(egui::pos2(1.0, 1.0));
    }
    assert_eq!(stage.session.step(), 10);
    assert!(!training.join("steer.json").exists(), "nothing was sent");
    assert!(!stage.workbench.targets().contains_key("conv1 +"), "no filter can be added");
    // What reaches it is as ever.
    stage.type_into("learning_rate field", "0.5");
    stage.key(egui::Key::Enter, egui::Modifiers::NONE);
    let orders: serde_json::Value =
        serde_json::from_slice(&fs::read(training.join("steer.json")).unwrap()).unwrap();
    assert_eq!(orders["set"], json!({"lr": 0.5}));
}

#[test]
fn distributions_of_a_watched_training_are_those_that_its_checkpoints_have() {
    let mut stage = Stage::new([1280, 900], 1.0);
    let folder = tempfile::tempdir().unwrap();
    let training = folder.path().join("watched");
    write_training(&stage, &training);
    stage.open(&training);
    stage.session.count_distributions();
    stage.workbench.show_pane("distributions");
    assert!(stage.shows("with the next checkpoint"));
    let there = |stage: &mut Stage| {
        follow(&mut stage.session);
        stage.work(6);
        (0..3).for_each(|_| drop(stage.frame(&[])));
        let targets = stage.workbench.targets();
        ["activations", "weights", "gradients", "update / weight"]
            .map(|name| targets.contains_key(&*format!("distribution of {name}")))
    };
    assert_eq!(there(&mut stage), [false, true, false, false]);
    assert!(stage.shows("checkpoints of this training have no gradients"));
    write_gradients(&training, 20);
    assert_eq!(there(&mut stage), [false, true, true, false]);
    assert!(!stage.shows("have no gradients"));
}

#[test]
fn a_watched_training_is_asked_to_save_itself() {
    let mut stage = Stage::new([1280, 900], 1.0);
    assert!(!stage.workbench.targets().contains_key("save"), "a run of our own is saved by itself");
    let folder = tempfile::tempdir().unwrap();
    let training = folder.path().join("watched");
    write_training(&stage, &training);
    stage.open(&training);
    stage.work(6);
    stage.frame(&[]);
    for asked in 1..3 {
        stage.click("save");
        let orders: serde_json::Value =
            serde_json::from_slice(&fs::read(training.join("steer.json")).unwrap()).unwrap();
        assert_eq!((orders["save"].as_u64(), &orders["pause"]), (Some(asked), &json!(false)));
    }
    assert!(!stage.workbench.targets().contains_key("keep"), "it has a folder of its own");
}

#[test]
fn a_training_without_new_checkpoints_is_said_to_wait() {
    let mut stage = Stage::new([1280, 900], 1.0);
    let folder = tempfile::tempdir().unwrap();
    let training = folder.path().join("watched");
    write_training(&stage, &training);
    let list = fs::File::options().append(true).open(training.join("checkpoints.jsonl")).unwrap();
    let hour = std::time::Duration::from_secs(3600);
    list.set_modified(std::time::SystemTime::now() - 2 * hour).unwrap();
    stage.open(&training);
    stage.work(6);
    assert!(stage.texts().iter().any(|text| text == "waiting"), "{:?}", stage.texts());
    list.set_modified(std::time::SystemTime::now()).unwrap();
    assert!(follow(&mut stage.session), "the window is drawn again");
    stage.work(6);
    assert!(stage.texts().iter().any(|text| text == "training"), "{:?}", stage.texts());
}
