//! A training that is watched, in the window: what does not reach it cannot be clicked, and says why.

use std::fs;
use std::path::Path;

use revacnn::nn::Exported;
use revacnn::session::{
    LayerId, LayoutCommand, LayoutSource, NetworkCommand, StopCondition, TensorKind, follow,
};
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

/// Another checkpoint: the weights of the first one, with or without gradients.
fn write_next(folder: &Path, step: u32, with_gradients: bool) {
    let first = fs::read(folder.join("step-00000010.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&first).unwrap().tensors();
    let gradients = tensors
        .iter()
        .filter(|_| with_gradients)
        .map(|(name, tensor)| (format!("grad.{name}"), tensor.clone()));
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
    write_next(&training, 20, true);
    assert_eq!(there(&mut stage), [false, true, true, false]);
    assert!(!stage.shows("have no gradients"));
    let first = stage.workbench.targets()["gradients of conv1"].left_center() + egui::vec2(3.0, 0.0);
    let texts = texts_at(&mut stage, first);
    assert!(texts.contains(&"step 10: its checkpoint has no gradients of the layer".to_owned()), "{texts:?}");
}

/// The texts of the window once the pointer has rested at a place.
fn texts_at(stage: &mut Stage, at: egui::Pos2) -> Vec<String> {
    stage.move_to(at - egui::vec2(1.0, 0.0));
    stage.move_to(at);
    (0..12).for_each(|_| drop(stage.frame(&[])));
    stage.texts()
}

#[test]
fn distributions_say_that_a_layer_was_frozen() {
    let mut stage = Stage::new([1280, 900], 1.0);
    stage.session.count_distributions();
    stage.workbench.show_pane("distributions");
    stage.session.apply(NetworkCommand::Freeze(LayerId(0))).unwrap();
    stage.session.set_limit(Some(StopCondition::Steps(16)));
    stage.session.play();
    while stage.session.advance() {}
    stage.session.settle();
    (0..3).for_each(|_| drop(stage.frame(&[])));
    let words = "step 16: no gradients: the layer was frozen".to_owned();
    let says = ["gradients of conv1", "weights of conv1", "gradients of dense1"].map(|strip| {
        let at = stage.workbench.targets()[strip].center();
        texts_at(&mut stage, at).contains(&words)
    });
    assert_eq!(says, [true, false, false]);
}

#[test]
fn tiles_bars_and_layouts_say_that_a_checkpoint_has_no_gradients() {
    let mut stage = Stage::new([1600, 900], 1.0);
    let folder = tempfile::tempdir().unwrap();
    let training = folder.path().join("watched");
    write_training(&stage, &training);
    write_next(&training, 20, true);
    stage.open(&training);
    stage.work(6);
    stage.workbench.show_everywhere(&stage.session, TensorKind::WeightGradients);
    let layout = LayoutSource::Tensor { node: 1, kind: TensorKind::WeightGradients };
    stage.session.apply(LayoutCommand::Open(layout)).unwrap();
    stage.workbench.show_pane("embedding");
    stage.frame(&[]);
    stage.click("bars");
    stage.click("bars gradient");
    // A tile, the heads of the columns, the words beside the bars, the head of the layout.
    let of_layer = "this checkpoint has no gradients of conv1";
    let said = |stage: &mut Stage| {
        follow(&mut stage.session);
        stage.work(6);
        stage.frame(&[]);
        let head = stage.workbench.targets()["conv1 menu"];
        let tile = egui::pos2(head.left() + 0.3 * head.width(), head.bottom() + 35.0);
        let (texts, plain) = (texts_at(stage, tile), texts_at(stage, egui::pos2(1.0, 1.0)));
        let count = |texts: &[String], words: &str| texts.iter().filter(|text| *text == words).count();
        let hovered = count(&texts, of_layer) - count(&plain, of_layer);
        (
            hovered,
            count(&texts, "min") - count(&plain, "min"),
            count(&plain, "no gradients") > 0,
            count(&plain, "this checkpoint has no gradients"),
            count(&plain, of_layer),
        )
    };
    assert_eq!(said(&mut stage), (0, 1, false, 0, 0));
    write_next(&training, 30, false);
    assert_eq!(said(&mut stage), (1, 0, true, 1, 1));
    // Bars of gradients at the tiles of maps, which are there.
    stage.workbench.show_everywhere(&stage.session, TensorKind::Activations);
    assert_eq!(said(&mut stage), (1, 1, false, 1, 1));
    // And no bar is drawn, where one of zeros would be a dark line.
    let column = |stage: &mut Stage, bars: &str| {
        stage.click("bars");
        stage.click(bars);
        texts_at(stage, egui::pos2(1.0, 1.0));
        let head = stage.workbench.targets()["conv1 menu"];
        let [x, y, width] = [head.left(), head.bottom() + 25.0, head.width()].map(|points| points as u32);
        image::imageops::crop_imm(&stage.picture(), x, y, width, 200).to_image()
    };
    let [gradient, off, zeros] =
        ["bars gradient", "bars off", "bars zeros"].map(|bars| column(&mut stage, bars));
    assert!(gradient == off && off != zeros);
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
