//! The user's hand on the network: buttons, keys and menus that change it.

use egui::{Key, Modifiers};
use revacnn::app::Readings;
use revacnn::nn::{Edit, WeightEdit};
use revacnn::session::{LayoutSource, NetworkCommand};
use revacnn::view::SelectionSummary;
use serde_json::json;

use super::fixture::Stage;

fn filters(stage: &Stage, node: usize) -> usize {
    stage.session.layers()[node].output[0]
}

#[test]
fn buttons_add_and_delete_filters_and_lock_layers() {
    let mut stage = Stage::new([1600, 900], 1.0);
    let count = filters(&stage, 1);
    stage.click("conv1 +");
    assert_eq!(filters(&stage, 1), count + 1);
    let new = stage.session.trainer().network.layers[0].filter_ids[count];
    stage.click("conv1 −");
    assert_eq!(filters(&stage, 1), count);
    stage.click("conv2 lock");
    let conv2 = stage.session.trainer().network.layers.iter().find(|layer| layer.name == "conv2").unwrap();
    assert!(conv2.frozen);
    let id = conv2.id;
    stage.click("conv2 lock");
    let expected = [
        json!({ "add_filter": { "layer": 0 } }),
        json!({ "delete_filter": { "layer": 0, "filter": new } }),
        json!({ "freeze": id }),
        json!({ "thaw": id }),
    ];
    assert_eq!(stage.commands(), expected, "one click is one command");
    assert!(!stage.workbench.targets().contains_key("dense1 +"), "the data decide on the number of classes");
}

#[test]
fn keys_change_the_selected_filter() {
    let mut stage = Stage::new([1600, 900], 1.0);
    let none = Modifiers::NONE;
    for key in [Key::A, Key::X, Key::Delete] {
        stage.key(key, none);
    }
    assert!(stage.commands().is_empty(), "nothing is selected");
    // The first arrow selects the image's tile, the next ones a filter of relu1, whose maker is conv1.
    for key in [Key::ArrowDown, Key::ArrowRight, Key::ArrowRight, Key::ArrowDown, Key::ArrowDown] {
        stage.key(key, none);
    }
    let count = filters(&stage, 1);
    stage.key(Key::X, none);
    assert_eq!(filters(&stage, 1), count + 1);
    let selected = stage.workbench.selection().tile.unwrap();
    assert_eq!((selected.node, selected.tile), (2, 2), "the filter keeps its number, and stays selected");
    stage.key(Key::Delete, none);
    assert_eq!(filters(&stage, 1), count);
    assert!(stage.workbench.selection().tile.is_none(), "it is gone");
    let expected = [
        json!({ "split_filter": { "layer": 0, "filter": 2 } }),
        json!({ "delete_filter": { "layer": 0, "filter": 2 } }),
    ];
    assert_eq!(stage.commands(), expected);
}

#[test]
fn layers_are_put_in_and_taken_out() {
    let mut stage = Stage::new([1600, 900], 1.0);
    let layers = stage.session.layers().len();
    stage.click("insert after conv1");
    stage.frame(&[]);
    stage.click("insert convolution 3×3");
    assert_eq!(stage.session.layers().len(), layers + 1);
    let name = stage.session.layers()[2].name.clone();
    assert_eq!(stage.session.layers()[2].kind, "conv2d");
    stage.click(&format!("{name} menu"));
    stage.frame(&[]);
    stage.click("remove layer");
    assert_eq!(stage.session.layers().len(), layers);
    assert_eq!(stage.commands().len(), 2);
    stage.session.gpu().check().unwrap();
}

#[test]
fn a_tiles_menu_splits_and_resets() {
    let mut stage = Stage::new([1600, 900], 1.0);
    let count = filters(&stage, 1);
    stage.secondary_click_below("conv1 menu");
    stage.frame(&[]);
    stage.click("tile Split");
    assert_eq!(filters(&stage, 1), count + 1);
    stage.secondary_click_below("conv1 menu");
    stage.frame(&[]);
    stage.click("tile Reset");
    let expected = [
        json!({ "split_filter": { "layer": 0, "filter": 0 } }),
        json!({ "reset_filter": { "layer": 0, "filter": 0 } }),
    ];
    assert_eq!(stage.commands(), expected);
}

#[test]
fn a_change_asked_for_amid_a_step_is_in_the_very_next_frame() {
    let mut stage = Stage::new([1600, 900], 1.0);
    stage.session.play();
    let mut encoder = stage.session.gpu().encoder("a piece of a step");
    stage.session.record(&mut encoder, 1e-9);
    stage.session.gpu().submit(encoder);
    stage.session.after_submit();
    let step = stage.session.step();
    let settings = "kind = \"batch_norm\"".parse().unwrap();
    stage.session.apply(NetworkCommand::Edit(Edit::InsertLayer { after: Some(0), settings })).unwrap();
    assert_eq!(stage.session.network_version(), 0, "a step is under way");
    let texts = stage.live_texts();
    let new = &stage.session.trainer().network.layers[1].name;
    assert_eq!((stage.session.network_version(), stage.session.step()), (1, step), "the step begins again");
    assert!(texts.contains(new), "no {new} in {texts:?}");
}

/// Frozen filters of conv1.
fn frozen(stage: &Stage) -> Vec<u32> {
    stage.session.trainer().network.layers[0].frozen_filters.clone()
}

#[test]
fn a_key_freezes_the_selected_filters_and_with_shift_their_layer() {
    let mut stage = Stage::new([1600, 900], 1.0);
    let (none, shift) = (Modifiers::NONE, Modifiers::SHIFT);
    stage.key(Key::F, none);
    assert!(stage.commands().is_empty(), "nothing is selected");
    for key in [Key::ArrowDown, Key::ArrowRight, Key::ArrowDown] {
        stage.key(key, none);
    }
    stage.key(Key::F, none);
    assert_eq!(frozen(&stage), [1]);
    // With the rows of a layout, all of them.
    let layout = stage.session.layouts()[0].id();
    assert!(matches!(stage.session.layouts()[0].source(), LayoutSource::Tensor { node: 1, .. }));
    let rows = SelectionSummary { count: 2, indices: vec![3, 5], by_class: Vec::new() };
    stage.workbench.take(Readings { rows: vec![(layout, rows)], ..Readings::default() }, &stage.session);
    stage.key(Key::F, none);
    assert_eq!(frozen(&stage), [1, 3, 5]);
    stage.key(Key::F, none);
    assert_eq!(frozen(&stage), Vec::<u32>::new());
    stage.key(Key::F, shift);
    assert!(stage.session.trainer().network.layers[0].frozen && frozen(&stage).is_empty());
    let expected = [
        json!({ "freeze_filters": { "layer": 0, "filters": [1] } }),
        json!({ "freeze_filters": { "layer": 0, "filters": [1, 3, 5] } }),
        json!({ "thaw_filters": { "layer": 0, "filters": [1, 3, 5] } }),
        json!({ "freeze": 0 }),
    ];
    assert_eq!(stage.commands(), expected);
}

#[test]
fn a_tiles_menu_freezes_and_a_columns_menu_sets_the_rate() {
    let mut stage = Stage::new([1600, 900], 1.0);
    for filters in [&[0][..], &[]] {
        stage.secondary_click_below("conv1 menu");
        stage.frame(&[]);
        stage.click("tile Freeze");
        assert_eq!(frozen(&stage), filters);
    }
    stage.click("conv1 menu");
    stage.frame(&[]);
    stage.type_into("layer rate field", "0.25");
    stage.key(Key::Enter, Modifiers::NONE);
    stage.frame(&[]);
    assert_eq!(stage.session.trainer().network.layers[0].rate_factor, 0.25);
    let expected = [
        json!({ "freeze_filters": { "layer": 0, "filters": [0] } }),
        json!({ "thaw_filters": { "layer": 0, "filters": [0] } }),
        json!({ "set_layer_rate": { "layer": 0, "factor": 0.25 } }),
    ];
    assert_eq!(stage.commands(), expected);
}

#[test]
fn a_stroke_paints_at_once_and_is_one_command() {
    let mut stage = Stage::new([1600, 900], 1.0);
    let weights = |stage: &Stage| {
        let trainer = stage.session.trainer();
        let tensor = trainer.parameters.tensor("conv1.weight").unwrap();
        let row = tensor.len / tensor.spec.shape[0];
        trainer.parameters.values.read(trainer.gpu())[tensor.offset..][..row].to_vec()
    };
    let before = weights(&stage);
    let side = stage.session.trainer().parameters.tensor("conv1.weight").unwrap().spec.shape[3];
    stage.secondary_click_below("conv1 menu");
    stage.frame(&[]);
    stage.click("tile Paint");
    (0..4).for_each(|_| drop(stage.frame(&[])));
    stage.click("paint size 2");
    stage.click("paint darker");
    // Along the middle row, from the first to the last column; the brush has two rows.
    stage.drag("paint kernel", &[0.05, 0.5, 0.95]);
    let after = weights(&stage);
    let middle = side / 2;
    for (at, (before, after)) in before.iter().zip(&after).enumerate() {
        let painted = [middle, middle + 1].contains(&(at / side));
        let expected = if painted { before - 0.1 } else { *before };
        assert_eq!(*after, expected, "weight {at} of {side}×{side}");
    }
    let commands = stage.commands();
    assert_eq!(commands.len(), 1, "a stroke is one command");
    assert_eq!(commands[0]["edit_weights"]["at"].as_array().unwrap().len(), 2 * side);
    assert!(stage.session.is_filter_edited((0, 0)) && !stage.session.is_filter_edited((0, 1)));
    // A filter that is gone is not painted any longer.
    assert!(stage.workbench.targets().contains_key("paint kernel"));
    stage.session.apply(NetworkCommand::Edit(Edit::DeleteFilter { layer: 0, filter: 0 })).unwrap();
    let shown = stage.frame(&[]).iter().any(|text| text.text.starts_with("Paint filter"));
    assert!(!shown && stage.session.gpu().check().is_ok());
}

/// Opens the window in which the first filter of conv1 is painted, and waits for its weights.
pub(crate) fn paint_the_first(stage: &mut Stage) {
    stage.secondary_click_below("conv1 menu");
    stage.frame(&[]);
    stage.click("tile Paint");
    (0..4).for_each(|_| drop(stage.frame(&[])));
}

/// True while the window is open.
fn paints(stage: &mut Stage) -> bool {
    stage.frame(&[]).iter().any(|text| text.text.starts_with("Paint filter"))
}

#[test]
fn escape_gives_up_a_stroke_and_then_closes_the_window() {
    let mut stage = Stage::new([1600, 900], 1.0);
    paint_the_first(&mut stage);
    let selected = stage.workbench.selection().tile;
    let kernel = stage.workbench.targets()["paint kernel"];
    stage.move_to(kernel.center());
    stage.press(kernel.center(), true);
    stage.move_to(kernel.left_center() + egui::vec2(4.0, 0.0));
    stage.key(Key::Escape, Modifiers::NONE);
    // While the button is still held nothing is painted any more.
    stage.move_to(kernel.center());
    stage.press(kernel.center(), false);
    assert!(paints(&mut stage) && stage.commands().is_empty());
    // The next stroke is one.
    stage.drag("paint kernel", &[0.05, 0.95]);
    assert_eq!(stage.commands().len(), 1);
    stage.key(Key::Escape, Modifiers::NONE);
    assert!(!paints(&mut stage));
    assert_eq!(stage.workbench.selection().tile, selected, "only the window was closed");
}

#[test]
fn a_bias_is_set_and_undone_in_the_window_of_the_weights() {
    let mut stage = Stage::new([1600, 900], 1.0);
    let bias = |stage: &Stage| {
        let trainer = stage.session.trainer();
        let tensor = trainer.parameters.tensor("conv1.bias").unwrap();
        trainer.parameters.values.read(trainer.gpu())[tensor.offset..][..2].to_vec()
    };
    let before = bias(&stage);
    paint_the_first(&mut stage);
    stage.type_into("paint bias field", "0.75");
    stage.key(Key::Enter, Modifiers::NONE);
    (0..4).for_each(|_| drop(stage.frame(&[])));
    assert_eq!(bias(&stage), [0.75, before[1]]);
    let expected = json!({ "edit_weights": { "layer": 0, "filter": 0, "bias": 0.75 } });
    assert_eq!(stage.commands(), [expected]);
    stage.click("paint undo");
    stage.work(8);
    assert_eq!(bias(&stage), before);
    assert!(stage.commands().is_empty() && paints(&mut stage));
}

#[test]
fn a_long_bias_is_seen_whole() {
    let mut stage = Stage::new([1600, 900], 1.0);
    let edit = WeightEdit { layer: 0, filter: 0, at: Vec::new(), bias: Some(-0.000_888_81) };
    stage.session.apply(NetworkCommand::EditWeights(edit)).unwrap();
    paint_the_first(&mut stage);
    let texts = stage.frame(&[]);
    let bias = texts.iter().find(|text| text.text == "-0.0008888").expect("it is in its field");
    assert!(bias.clip.expand(0.5).contains_rect(bias.rect), "{:?} in {:?}", bias.rect, bias.clip);
}

#[test]
fn a_columns_menu_sets_the_rate_of_dropout() {
    let mut stage = Stage::new([1600, 900], 1.0);
    let settings = "kind = \"dropout\"\nrate = 0.25".parse().unwrap();
    stage.session.apply(NetworkCommand::Edit(Edit::InsertLayer { after: Some(0), settings })).unwrap();
    let layer = stage.session.trainer().network.layers[1].id;
    stage.frame(&[]);
    stage.click("dropout1 menu");
    stage.frame(&[]);
    for (typed, commands) in [("0.4", 2), ("1.5", 2)] {
        stage.type_into("layer setting rate field", typed);
        stage.key(Key::Enter, Modifiers::NONE);
        stage.frame(&[]);
        assert_eq!(stage.commands().len(), commands, "{typed}");
    }
    let expected = json!({ "set_layer": { "layer": layer, "settings": { "rate": 0.4 } } });
    assert_eq!(stage.commands()[1], expected);
    assert_eq!(stage.session.layers()[2].summary, "rate 0.4");
    assert!(stage.frame(&[]).iter().any(|text| text.text.contains("rate is 1.5")), "the error is shown");
}
