//! Training images in the Confusion pane: one is given another class, and left out, and taken back.

use revacnn::session::Split;
use serde_json::json;

use super::fixture::Stage;

const SIZE: [u32; 2] = [1280, 1500];

#[test]
fn a_training_image_is_relabeled_left_out_and_taken_back() {
    let mut stage = Stage::new(SIZE, 1.0);
    stage.session.single_step();
    stage.work(3);
    stage.workbench.show_pane("confusion");
    stage.texts();
    stage.click("confusion of training");
    stage.click("evaluate now");
    stage.work(600);
    let outcomes = stage.session.inspection().outcomes(Split::Training).expect("it is evaluated").clone();
    let worst = outcomes.images[outcomes.worst(|image| !image.is_right())[0]];
    assert!(stage.shows("Click an image to give it another class"));
    stage.click("first image");
    assert!(stage.shows(&format!("image {}", worst.number)));
    let class = (worst.class + 1) % 10;
    stage.click("class of the image");
    stage.click(&format!("relabel {class}"));
    assert_eq!(stage.commands(), [json!({ "relabel": { "image": worst.number, "class": class } })]);
    assert!(stage.shows(&format!("now {class}")));
    stage.click("leave out");
    assert_eq!(stage.commands().last(), Some(&json!({ "leave_out": worst.number })));
    assert!(stage.shows("left out"));
    stage.click("changed images");
    assert!(stage.shows("1 images changed by hand"));
    stage.click("restore image");
    assert_eq!(stage.commands().last(), Some(&json!({ "restore_image": worst.number })));
    assert!(stage.session.settings().data_edits.is_empty());
    assert!(stage.shows("0 images changed by hand"));
}
