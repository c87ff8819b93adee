//! The Doctor pane: an examination, a finding, and its remedy.

use revacnn::session::{LayerId, NetworkCommand};
use serde_json::json;

use super::fixture::Stage;

#[test]
fn a_finding_is_shown_with_its_remedy_and_a_click_carries_it_out() {
    let mut stage = Stage::new([1500, 1200], 1.0);
    stage.session.apply(NetworkCommand::Freeze(LayerId(0))).unwrap();
    stage.click_text("Doctor");
    assert!(stage.shows("Looks for dead"), "it says what it does");
    stage.click("examine");
    stage.frame(&[]);
    assert!(stage.session.doctor().progress().is_some());
    while stage.session.doctor().progress().is_some() {
        stage.session.advance();
    }
    let texts = stage.texts();
    for words in [
        "finding",
        "conv1: It is frozen",
        "Train conv1 again",
        "expected 100 steps later: it is not found any more",
    ] {
        assert!(texts.iter().any(|text| text.contains(words)), "{words}: {texts:?}");
    }
    let findings = &stage.session.doctor().diagnosis().unwrap().findings;
    let index = findings.iter().position(|found| found.problem.name() == "frozen").unwrap();
    stage.click(&format!("remedy {index}"));
    assert_eq!(stage.commands().last(), Some(&json!({ "thaw": 0 })));
    assert!(stage.shows("told in 100 steps"), "{:?}", stage.texts());
}
