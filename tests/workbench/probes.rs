//! Pictures of the user's own in the window: dropped, named, pasted and drawn; and the images of the confusion matrix.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Color32, ColorImage, Event, Key, Modifiers};
use revacnn::session::{Session, Split};
use serde_json::json;

use super::fixture::Stage;

const SIZE: [u32; 2] = [1280, 1500];

/// Names of the probes, and that of the pinned one.
fn probes(stage: &Stage) -> (Vec<String>, Option<String>) {
    let probes = stage.session.inspection().probes();
    (probes.iter().map(|probe| probe.name.clone()).collect(), probes.pinned().map(|probe| probe.name.clone()))
}

/// Files of a folder that lives as long as the test.
fn files() -> (tempfile::TempDir, [PathBuf; 5]) {
    let folder = tempfile::tempdir().unwrap();
    let at =
        ["photo.png", "moving.gif", "notes.txt", "huge.png", "half.png"].map(|name| folder.path().join(name));
    let photo =
        image::RgbaImage::from_fn(90, 40, |x, y| image::Rgba([(2 * x) as u8, (5 * y) as u8, 60, 255]));
    photo.save(&at[0]).unwrap();
    let mut moving = image::codecs::gif::GifEncoder::new(std::fs::File::create(&at[1]).unwrap());
    let frame =
        |gray| image::Frame::new(image::RgbaImage::from_pixel(9, 9, image::Rgba([gray, gray, gray, 255])));
    moving.encode_frames([frame(20), frame(200)]).unwrap();
    drop(moving);
    std::fs::write(&at[2], "dear diary").unwrap();
    let png = std::fs::read(&at[0]).unwrap();
    std::fs::write(&at[4], &png[..png.len() / 2]).unwrap();
    // The head of a picture of 30 000 × 30 000 pixels, with its check.
    let mut head = png;
    head[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    let crc = head[12..29].iter().fold(u32::MAX, |crc: u32, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 },
        )
    });
    head[29..33].copy_from_slice(&(!crc).to_be_bytes());
    std::fs::write(&at[3], head).unwrap();
    (folder, at)
}

#[test]
fn dropped_pictures_become_probes_and_others_are_refused_while_the_run_goes_on() {
    let (_folder, [photo, moving, notes, huge, half]) = files();
    let mut stage = Stage::new(SIZE, 1.0);
    stage.session.play();
    stage.workbench.take_dropped(&photo);
    assert!(stage.shows("photo.png"), "the pane is not in front");
    assert_eq!(probes(&stage), (vec!["photo.png".to_owned()], Some("photo.png".to_owned())));
    assert!(stage.shows("The framed part") && !stage.shows("first frame is taken"));
    stage.workbench.take_dropped(&moving);
    assert!(stage.shows("first frame is taken"));
    for (bad, why) in [(&notes, "no picture"), (&huge, "30000 × 30000"), (&half, "damaged")] {
        stage.workbench.take_dropped(bad);
        let name = bad.file_name().unwrap().to_str().unwrap();
        let said = stage.texts();
        assert!(said.iter().any(|text| text.contains(name) && text.contains(why)), "{name}: {said:?}");
        let step = stage.session.step();
        (0..40).for_each(|_| drop(stage.frame(&[])));
        assert!(stage.session.is_playing() && stage.session.step() > step, "after {name} the run stands");
        assert_eq!(probes(&stage).0.len(), 2);
    }
    // They are looked at while it trains, and count for nothing.
    let answers = stage.session.inspection().probes().iter().map(|probe| probe.id).collect::<Vec<_>>();
    assert!(answers.iter().all(|id| stage.session.inspection().answer(*id).is_some()));
    assert_eq!(stage.commands(), Vec::<serde_json::Value>::new(), "a probe is no command");
    stage.click("back to the test image");
    assert_eq!(probes(&stage).1, None);
    stage.click("first probe");
    assert_eq!(probes(&stage).1, Some("moving.gif".to_owned()), "the last one stands first");
    stage.click("remove probe");
    assert_eq!(probes(&stage), (vec!["photo.png".to_owned()], None));
}

#[test]
fn a_path_that_is_typed_is_added_and_a_wrong_one_is_explained() {
    let (_folder, [photo, ..]) = files();
    let mut stage = Stage::new(SIZE, 1.0);
    stage.workbench.show_pane("test");
    stage.texts();
    stage.type_into("picture file", photo.to_str().unwrap());
    stage.key(Key::Enter, Modifiers::NONE);
    assert_eq!(probes(&stage).0, ["photo.png"]);
    stage.type_into("picture file", "/no/such/picture.png");
    stage.click("add picture");
    assert!(stage.shows("/no/such/picture.png"));
    assert_eq!(probes(&stage).0.len(), 1);
    assert!(!stage.session.is_playing(), "a letter of the path was taken for a key of the window");
}

#[test]
fn a_picture_is_pasted() {
    let mut stage = Stage::new(SIZE, 1.0);
    let image = ColorImage::filled([31, 20], Color32::from_rgb(200, 200, 200));
    stage.frame(&[Event::PasteImage(Arc::new(image))]);
    assert_eq!(probes(&stage).0, ["pasted"]);
    assert!(stage.shows("pasted"));
    let preview = stage.session.inspection().probes().pinned().unwrap().preview.clone().unwrap();
    assert_eq!((preview.whole, preview.crop), ([31, 20], [5, 0, 20, 20]));
}

#[test]
fn a_drawing_is_a_probe_from_its_first_stroke_on() {
    let mut stage = Stage::new(SIZE, 1.0);
    stage.workbench.show_pane("test");
    stage.texts();
    stage.click("draw");
    assert!(stage.shows("Draw here"));
    let empty = stage.workbench.targets()["canvas"];
    assert_eq!(probes(&stage).0.len(), 0);
    let kept = |stage: &Stage| {
        let gpu = std::rc::Rc::clone(stage.session.trainer().gpu());
        Session::look_at(gpu, &stage.run_folder()).unwrap().inspection().probes().len()
    };
    stage.drag("canvas", &[0.2, 0.5, 0.8]);
    assert_eq!(probes(&stage), (vec!["drawing 1".to_owned()], Some("drawing 1".to_owned())));
    let first = stage.session.inspection().probes().pinned().unwrap().clone();
    assert_eq!(stage.workbench.targets()["canvas"], empty, "the canvas has moved under the pointer");
    stage.tap("canvas", 0.9);
    let second = stage.session.inspection().probes().pinned().unwrap().clone();
    assert!(first.id == second.id && first != second, "the second stroke changes it");
    assert_eq!(kept(&stage), 1, "the run's folder has it");
    assert!(!stage.shows("Draw here"));
    stage.click("new drawing");
    stage.drag("canvas", &[0.5, 0.6]);
    assert_eq!(probes(&stage).0, ["drawing 1", "drawing 2"]);
}

#[test]
fn a_cell_of_the_matrix_shows_its_images_and_a_click_pins_one() {
    let mut stage = Stage::new(SIZE, 1.0);
    stage.session.single_step();
    stage.work(3);
    stage.workbench.show_pane("confusion");
    assert!(stage.shows("Every image is counted"));
    for (split, name) in [(Split::Validation, "validation"), (Split::Test, "test")] {
        stage.click(&format!("confusion of {name}"));
        stage.click("evaluate now");
        stage.work(300);
        let outcomes = stage.session.inspection().outcomes(split).expect("it is evaluated").clone();
        let all = outcomes.images.iter().filter(|image| !image.is_right()).count();
        assert!(stage.shows(&format!("{all} mistakes")));
        // After one step nearly all have one answer: that column has images in the first two rows.
        let count = outcomes.count(0, 1);
        stage.click("cell 0 1");
        assert!(stage.shows(&format!("{count} images of 0, answer 1")));
        stage.click("all mistakes");
        stage.texts();
        let worst = outcomes.images[outcomes.worst(|image| !image.is_right())[0]];
        assert_eq!(stage.session.inspection().shown_images().numbers()[0], worst.number);
        stage.click("first image");
        let pinned = stage.session.inspection().probes().pinned().map(|probe| probe.number);
        match split {
            Split::Validation => assert_eq!(pinned, Some(worst.number)),
            Split::Training => unreachable!("it is not asked for"),
            Split::Test => {
                let index = worst.number - stage.session.trainer().loader.test_number(0);
                assert_eq!((pinned, stage.session.settings().probe), (None, index));
                assert_eq!(stage.commands(), [json!({ "pin_probe": index })]);
            }
        }
        stage.click("next page");
        stage.texts();
        assert_ne!(stage.session.inspection().shown_images().numbers()[0], worst.number);
    }
}

#[test]
fn every_control_of_the_panes_has_a_name_and_is_reached_by_the_keyboard() {
    let (_folder, [photo, ..]) = files();
    let mut stage = Stage::new(SIZE, 1.0);
    stage.workbench.take_dropped(&photo);
    stage.session.single_step();
    stage.work(3);
    stage.texts();
    stage.work(20);
    stage.reach_by_tab(&[
        "photo.png",
        "Picture file",
        "Draw",
        "test image",
        "It is",
        "Invert",
        "Remove",
        "Back to test image",
    ]);
    stage.session.evaluate(Split::Validation);
    stage.work(100);
    stage.workbench.show_pane("confusion");
    stage.texts();
    stage.reach_by_tab(&[
        "validation",
        "Evaluate now",
        "all mistakes",
        "true",
        "answer",
        "confusion matrix",
        "validation image",
        "next page",
    ]);
    // Return on an image is a click.
    stage.focus_by_tab("validation image");
    stage.key(Key::Enter, Modifiers::NONE);
    stage.frame(&[]);
    assert!(stage.session.inspection().probes().pinned().is_some_and(|probe| !probe.is_own()));
}
