//! The charts under the pointer: values of all curves at an epoch, and what was done there.

use revacnn::session::TrainCommand;

use super::fixture::Stage;

#[test]
fn the_pointer_reads_the_charts() {
    let mut stage = Stage::new([1280, 1500], 1.0);
    stage.train_to(1);
    stage.session.apply(TrainCommand::SetLearningRate(0.004)).unwrap();
    stage.train_to(2);
    stage.texts();
    let chart = stage.workbench.targets()["loss chart"];
    // Epochs 0 to 2 with an equal margin at both sides: the command lies in the middle.
    stage.move_to(chart.center());
    let text = stage.texts().into_iter().find(|text| text.starts_with("epoch 1.0")).expect("a label");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].starts_with("training ") && lines[2].starts_with("validation "), "{text}");
    assert_eq!(lines.last(), Some(&"1: set the learning rate to 0.004"));
    let validation: f32 = lines[2].rsplit(' ').next().unwrap().parse().unwrap();
    let epochs = &stage.session.metrics().epochs;
    let (low, high) =
        (epochs[0].val_loss.min(epochs[1].val_loss), epochs[0].val_loss.max(epochs[1].val_loss));
    assert!((low - 0.001..=high + 0.001).contains(&validation), "{text}");
    stage.move_to(chart.left_center() + egui::vec2(0.25 * chart.width(), 0.0));
    let text = stage.texts().into_iter().find(|text| text.starts_with("epoch 0.")).expect("a label");
    assert!(!text.contains("learning rate") && !text.contains("validation"), "{text}");
}
