//! A twin in the window: a button begins and ends it, and the charts show it beside the run.

use revacnn::app::export::charts_svg;
use revacnn::session::TrainCommand;

use super::fixture::Stage;
use super::sizes::{broken, cut};

#[test]
fn a_twin_is_begun_compared_in_words_and_ended() {
    let mut stage = Stage::new([1280, 1500], 1.0);
    stage.train_to(1);
    assert!(!stage.shows("twin, without"));
    let since = stage.session.step();
    stage.click("twin");
    assert_eq!(stage.session.twin().unwrap().since(), since);
    assert!(stage.shows(&format!("- - twin, without what you did since step {since}")));
    assert!(stage.shows("compared at the end of the first epoch"));
    stage.session.apply(TrainCommand::SetLearningRate(0.002)).unwrap();
    stage.train_to(2);
    let (run, twin) = (&stage.session.metrics().epochs, stage.session.twin().unwrap());
    let (run, twin) = (run.last().unwrap().clone(), twin.metrics().epochs.last().unwrap().clone());
    assert_eq!((run.epoch, twin.epoch), (2, 2));
    let apart = f64::from(run.val_loss) - f64::from(twin.val_loss);
    let sign = if apart < 0.0 { '−' } else { '+' };
    let losses = format!("loss {:.3}, twin {:.3} ({sign}{:.3})", run.val_loss, twin.val_loss, apart.abs());
    let words = format!("Validation at epoch 2: {losses}; accuracy ");
    assert!(apart != 0.0 && stage.shows(&words), "{words}: {:?}", stage.texts());
    // The pointer reads both.
    let chart = stage.workbench.targets()["loss chart"];
    stage.move_to(chart.left_center() + egui::vec2(0.9 * chart.width(), 0.0));
    let text = stage.texts().into_iter().find(|text| text.starts_with("epoch 1.")).expect("a label");
    assert!(text.contains("\ntraining ") && text.contains("\ntwin's training "), "{text}");
    // So does the drawing that is saved.
    let drawn = charts_svg(&stage.session);
    let name = format!(">twin, without what you did since step {since}<");
    assert_eq!(drawn.matches(&name).count(), 2, "{drawn}");
    assert_eq!(drawn.matches("class=\"curve validation dashed\"").count(), 2);
    stage.click("twin");
    assert!(stage.session.twin().is_none() && !charts_svg(&stage.session).contains("dashed\""));
    assert!(!stage.shows("twin, without") && !stage.shows("Validation at epoch"));
}

#[test]
fn its_button_and_its_words_fit_every_window() {
    for size in [[640, 400], [900, 600], [1280, 800]] {
        let mut stage = Stage::new(size, 1.0);
        stage.workbench.show_pane("charts");
        stage.session.single_step();
        stage.work(40);
        stage.click("twin");
        assert!(stage.session.twin().is_some(), "{size:?}: the button can be clicked");
        let texts = (0..3).map(|_| stage.frame(&[])).last().unwrap();
        // The Network pane's columns scroll.
        let names: Vec<&str> = stage.session.layers().iter().map(|layer| layer.name.as_str()).collect();
        let scrolls = |text: &&str| names.contains(text) || ["maps", "classes"].contains(text);
        let cut: Vec<&str> = cut(&texts).into_iter().filter(|text| !scrolls(text)).collect();
        assert!(cut.is_empty(), "{size:?}: {cut:?} are cut off");
        assert!(broken(&texts).is_empty(), "{size:?}: {:?}", broken(&texts));
        let [width, height] = size.map(|side| side as f32);
        let window = egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(width, height));
        let button = texts.iter().find(|text| text.text == "Twin").expect("a button");
        assert!(window.contains_rect(button.rect), "{size:?}: {:?}", button.rect);
        assert!(texts.iter().any(|text| text.text.contains("twin, without what you did since step 1")));
        stage.reach_by_tab(&["Twin"]);
    }
}
