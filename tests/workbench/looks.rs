//! Light and dark, layouts on a grid, and glows: what the window looks like as the user wants it.

use egui::{Key, Modifiers};
use revacnn::session::{StopCondition, TensorKind};

use super::fixture::Stage;
use super::kept_pictures::{compare_picture, difference};

fn trained(steps: u32) -> Stage {
    let mut stage = Stage::new([1280, 800], 1.0);
    stage.session.set_limit(Some(StopCondition::Steps(steps)));
    stage.session.play();
    while stage.session.advance() {}
    stage.session.settle();
    stage
}

#[test]
fn a_key_and_a_button_change_from_dark_to_light_and_back() {
    let mut stage = trained(60);
    (0..4).for_each(|_| drop(stage.frame(&[])));
    let corner = |stage: &Stage| stage.picture().get_pixel(1279, 400).0[..3].iter().copied().max().unwrap();
    let mean = |stage: &Stage| {
        let picture = stage.picture();
        picture.pixels().map(|p| u64::from(p.0[1])).sum::<u64>()
            / u64::from(picture.width() * picture.height())
    };
    assert!(mean(&stage) < 70 && corner(&stage) < 70, "dark: {}", mean(&stage));
    let dark = stage.picture();
    stage.key(Key::T, Modifiers::NONE);
    (0..4).for_each(|_| drop(stage.frame(&[])));
    assert!(mean(&stage) > 180 && corner(&stage) > 180, "light: {}", mean(&stage));
    compare_picture(
        "tests/pictures/light.png",
        &image::imageops::crop_imm(&stage.picture(), 0, 40, 900, 580).to_image(),
    );
    stage.click("theme");
    (0..6).for_each(|_| drop(stage.frame(&[])));
    assert!(difference(&stage.picture(), &dark) < 0.02, "dark again");
}

#[test]
fn a_layout_is_spread_onto_a_grid_and_back() {
    let mut stage = trained(20);
    let layers: Vec<usize> = vec![1];
    stage.workbench.open_layouts(&mut stage.session, &layers, TensorKind::Weights).unwrap();
    (0..6).for_each(|_| drop(stage.frame(&[])));
    let before = stage.picture();
    stage.click("grid");
    // A tenth of a second each: first on the way, then there.
    (0..2).for_each(|_| drop(stage.frame(&[])));
    let amid = stage.picture();
    (0..8).for_each(|_| drop(stage.frame(&[])));
    let there = stage.picture();
    assert!(difference(&amid, &before) > 0.0005 && difference(&there, &amid) > 0.0005, "points move");
    stage.frame(&[]);
    assert!(difference(&stage.picture(), &there) < 0.002, "they have arrived");
    // A drag moves the picture, and pins nothing.
    let commands = stage.commands().len();
    stage.drag("layout", &[0.5, 0.6]);
    (0..4).for_each(|_| drop(stage.frame(&[])));
    assert_eq!(stage.commands().len(), commands);
    stage.click("grid");
    (0..10).for_each(|_| drop(stage.frame(&[])));
    assert!(difference(&stage.picture(), &there) > 0.0005, "and back");
}

#[test]
fn activity_glows_around_the_tiles() {
    let mut stage = trained(20);
    let shows = |stage: &mut Stage, form: &str| {
        stage.click("bars as");
        stage.click(&format!("bars as {form}"));
        (0..4).for_each(|_| drop(stage.frame(&[])));
        image::imageops::crop_imm(&stage.picture(), 0, 100, 800, 500).to_image()
    };
    stage.click("bars");
    stage.click("bars mean activation");
    (0..3).for_each(|_| drop(stage.frame(&[])));
    let bar = shows(&mut stage, "bar");
    let glow = shows(&mut stage, "glow");
    assert!(difference(&bar, &glow) > 0.005, "{}", difference(&bar, &glow));
    assert!(difference(&shows(&mut stage, "jitter"), &glow) < 0.001, "a run at rest is still");
}
