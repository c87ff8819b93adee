//! Questions of the window: closing a run that cannot be saved, opening the run of a folder that was dropped, and keeping one.

use egui::{Key, Modifiers};
use revacnn::app::Request;
use revacnn::nn::Exported;
use serde_json::json;

use super::fixture::Stage;

const SIZE: [u32; 2] = [1280, 1500];
const QUESTION: &str = "The run is not saved";

fn shows(stage: &mut Stage, text: &str) -> bool {
    stage.frame(&[]);
    stage.frame(&[]).iter().any(|found| found.text == text)
}

fn close(stage: &mut Stage) -> bool {
    stage.workbench.close(&mut stage.session)
}

#[test]
fn a_window_whose_run_cannot_be_saved_asks_before_it_closes() {
    let mut stage = Stage::new(SIZE, 1.0);
    let model = stage.run_folder().join("model.safetensors");
    let kept = std::fs::read(&model).unwrap();
    stage.session.single_step();
    while stage.session.advance() {}
    stage.session.settle();
    // Nothing can be written where a folder is in the way.
    std::fs::remove_file(&model).unwrap();
    std::fs::create_dir(&model).unwrap();
    stage.session.play();
    assert!(!close(&mut stage), "it closed over a run that is not saved");
    assert!(!stage.session.is_playing() && stage.session.unsaved().is_some());
    assert!(shows(&mut stage, QUESTION) && shows(&mut stage, "save again"));
    stage.click_text("Keep open");
    assert!(!shows(&mut stage, QUESTION) && shows(&mut stage, "save again"), "the status bar still says it");
    assert_eq!(stage.workbench.take_requests(), []);
    for (button, request) in
        [("Close without saving", Request::Close), ("Save again and close", Request::SaveAndClose)]
    {
        assert!(!close(&mut stage));
        stage.click_text(button);
        assert_eq!(stage.workbench.take_requests(), [request]);
    }
    assert!(!stage.workbench.save(&mut stage.session) && shows(&mut stage, QUESTION));
    // Once it can be saved there is no question any more.
    std::fs::remove_dir(&model).unwrap();
    assert!(stage.workbench.save(&mut stage.session));
    assert!(!shows(&mut stage, QUESTION) && !shows(&mut stage, "save again"));
    assert!(close(&mut stage));
    assert_ne!(std::fs::read(&model).unwrap(), kept);
}

#[test]
fn a_run_that_is_saved_closes_at_once_with_the_number_that_is_typed() {
    let mut stage = Stage::new(SIZE, 1.0);
    stage.type_into("learning_rate field", "0.3");
    assert!(close(&mut stage));
    assert_eq!(stage.commands(), [json!({ "set_learning_rate": 0.3 })]);
    assert!(!shows(&mut stage, QUESTION));
}

/// True if the dialog that opens a run, a training or a network is shown.
fn opens(stage: &mut Stage) -> bool {
    stage.frame(&[]);
    stage.frame(&[]).iter().any(|found| found.text.starts_with("Folder of a run"))
}

#[test]
fn a_folder_that_is_dropped_is_opened_once_that_is_wanted() {
    let other = tempfile::tempdir().unwrap();
    let folder = other.path().join("my run");
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("metrics.csv");
    std::fs::write(&file, "").unwrap();
    let mut stage = Stage::new(SIZE, 1.0);
    let network = other.path().join("small.onnx");
    std::fs::write(&network, "").unwrap();
    // A file of the run stands for its folder, one of a network for itself.
    for (dropped, path) in [(&folder, &folder), (&file, &folder), (&network, &network)] {
        stage.workbench.take_dropped(dropped);
        assert!(opens(&mut stage) && shows(&mut stage, path.to_str().unwrap()));
        assert_eq!(stage.workbench.take_requests(), [], "nothing is opened unasked");
        stage.click_text("Cancel");
        assert!(!opens(&mut stage));
        stage.workbench.take_dropped(dropped);
        stage.frame(&[]);
        stage.click_text("Open");
        assert_eq!(stage.workbench.take_requests(), [Request::Open(path.clone())]);
        assert!(!opens(&mut stage));
        // By the keyboard, which the field has: a letter is no key of the workbench.
        stage.workbench.take_dropped(dropped);
        stage.frame(&[]);
        stage.frame(&[egui::Event::Text("m".to_owned())]);
        stage.key(Key::Enter, Modifiers::NONE);
        let typed = stage.workbench.take_requests();
        assert!(matches!(&typed[..], [Request::Open(found)] if found != path), "{typed:?}");
    }
    assert_eq!(stage.commands(), Vec::<serde_json::Value>::new());
}

#[test]
fn a_network_that_was_opened_is_kept_in_a_folder_that_is_typed() {
    let mut stage = Stage::new([1280, 800], 1.0);
    let with_folder = stage.texts();
    assert!(!with_folder.iter().any(|text| text == "Keep…"), "the run has a folder");
    let other = tempfile::tempdir().unwrap();
    let file = other.path().join("small.onnx");
    let model = stage.session.trainer().model(false).unwrap();
    let exported = Exported { model, classes: Vec::new(), normalization: None };
    std::fs::write(&file, exported.onnx(18).unwrap()).unwrap();
    let taken = stage.run_folder();
    stage.open(&file);
    stage.frame(&[]);
    stage.click("keep");
    // A folder that is not free is said to be none while it is typed, and cannot be taken.
    stage.type_into("keep folder", taken.to_str().unwrap());
    assert!(shows(&mut stage, &format!("{} holds a run already", taken.display())));
    stage.key(Key::Enter, Modifiers::NONE);
    stage.click("keep now");
    assert_eq!(stage.workbench.take_requests(), []);
    stage.key(Key::Escape, Modifiers::NONE);
    assert!(!shows(&mut stage, "Keep the run"));
    // Neither is one with a file that the run would overwrite.
    let theirs = other.path().join("theirs");
    std::fs::create_dir(&theirs).unwrap();
    std::fs::write(theirs.join("start.safetensors"), "of somebody").unwrap();
    stage.click("keep");
    stage.type_into("keep folder", theirs.to_str().unwrap());
    assert!(stage.shows("start.safetensors would be overwritten"));
    stage.key(Key::Escape, Modifiers::NONE);
    // What goes wrong later is said in the same place, until another folder is typed.
    stage.click("keep");
    let (blocked, free) = (file.join("half"), other.path().join("my run"));
    stage.type_into("keep folder", blocked.to_str().unwrap());
    stage.click("keep now");
    assert_eq!(stage.workbench.take_requests(), [Request::Keep(blocked.clone())]);
    assert!(!stage.workbench.keep(&mut stage.session, &blocked) && stage.session.folder().is_none());
    assert!(stage.shows("Not a directory") && shows(&mut stage, "Keep the run"));
    (0.."small.onnx/half".len()).for_each(|_| stage.key(Key::Backspace, Modifiers::NONE));
    assert!(!stage.shows("Not a directory"));
    stage.type_into("keep folder", "my run");
    stage.key(Key::Enter, Modifiers::NONE);
    assert_eq!(stage.workbench.take_requests(), [Request::Keep(free.clone())]);
    assert!(stage.workbench.keep(&mut stage.session, &free));
    assert!(!shows(&mut stage, "Keep the run") && !shows(&mut stage, "Keep…"));
    assert_eq!(stage.session.folder(), Some(&*free));
    assert!(free.join("model.safetensors").exists() && free.join("start.safetensors").exists());
}

#[test]
fn the_bar_of_a_run_without_a_folder_fits_the_smallest_windows() {
    for (size, scale) in [([640, 400], 1.0), ([640, 400], 2.0), ([800, 700], 1.0)] {
        let mut stage = Stage::new(size, scale);
        stage.session.detach();
        let texts = (0..3).map(|_| stage.frame(&[])).last().unwrap();
        let (cut, broken) = (super::sizes::cut(&texts), super::sizes::broken(&texts));
        assert!(texts.iter().any(|text| text.text == "Keep…") && broken.is_empty(), "{size:?}: {broken:?}");
        assert!(!cut.contains(&"Keep…"), "{size:?} at {scale}: {cut:?}");
    }
}
