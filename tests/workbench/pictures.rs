//! A picture of the README that needs a hand at the mouse; `UPDATE_PICTURES=1` draws it again.

use image::imageops::crop_imm;
use revacnn::session::{StopCondition, TensorKind};

use super::fixture::Stage;
use super::kept_pictures::compare_picture;

#[test]
fn painting_looks_as_in_the_readme() {
    let mut stage = Stage::new([1280, 800], 1.0);
    stage.session.set_limit(Some(StopCondition::Steps(120)));
    stage.session.play();
    while stage.session.advance() {}
    stage.session.settle();
    stage.workbench.show_everywhere(&stage.session, TensorKind::Weights);
    stage.frame(&[]);
    stage.secondary_click_below("conv1 menu");
    stage.frame(&[]);
    stage.click("tile Paint");
    (0..4).for_each(|_| drop(stage.frame(&[])));
    stage.drag("paint kernel", &[0.1, 0.9]);
    (0..4).for_each(|_| drop(stage.frame(&[])));
    // Without the bars, which show times.
    let picture = crop_imm(&stage.picture(), 0, 40, 900, 580).to_image();
    compare_picture("examples/pictures/painting.png", &picture);
}
