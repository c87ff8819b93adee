//! Bars of the loss without each filter, and what the Steer pane offers for one.

use super::fixture::Stage;

#[test]
fn filters_are_ranked_where_somebody_looks_and_the_steer_pane_deletes_one() {
    let mut stage = Stage::new([1500, 1750], 1.0);
    stage.frame(&[]);
    assert!(stage.session.rankings().progress().is_none(), "nobody looks");
    stage.click("bars");
    stage.click("bars loss without it");
    stage.frame(&[]);
    assert!(stage.session.rankings().progress().is_some(), "somebody looks");
    while stage.session.rankings().progress().is_some() {
        stage.session.advance();
    }
    for key in [egui::Key::ArrowDown, egui::Key::ArrowRight, egui::Key::ArrowDown] {
        stage.key(key, egui::Modifiers::NONE);
    }
    let selected = stage.workbench.selection().tile.unwrap();
    assert_eq!((selected.node, selected.tile), (1, 1));
    let texts = stage.frame(&[]);
    let ranking = stage.session.rankings().result().unwrap().clone();
    let found = ranking.find((0, 1)).unwrap();
    let line = format!("without it: loss {:.4}", found.without.all.loss);
    assert!(
        texts.iter().any(|text| text.text.starts_with(&line)),
        "{line}: {:?}",
        texts.iter().map(|t| &t.text).collect::<Vec<_>>()
    );
    stage.click("ranked Delete");
    assert_eq!(stage.commands(), [serde_json::json!({ "delete_filter": { "layer": 0, "filter": 1 } })]);
    assert!(stage.session.rankings().result().unwrap().find((0, 1)).is_some(), "as it was measured last");
    stage.frame(&[]);
    while stage.session.rankings().progress().is_some() {
        stage.session.advance();
    }
    assert!(stage.session.rankings().result().unwrap().find((0, 1)).is_none(), "it is gone");
}
