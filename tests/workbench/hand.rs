//! The user's hand on the network: buttons, keys and menus that change it.

use egui::{Key, Modifiers};
use revacnn::nn::Edit;
use revacnn::session::NetworkCommand;
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
    assert_eq!((stage.session.network_version(), stage.session.step()), (1, step + 1));
    assert!(texts.contains(new), "no {new} in {texts:?}");
}
