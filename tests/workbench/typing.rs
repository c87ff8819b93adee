//! Numbers that are typed, dragged or changed by a key: one gesture is one command.

use egui::{Key, Modifiers};
use serde_json::{Value, json};

use super::fixture::Stage;

/// High enough that no field has to be scrolled to.
const SIZE: [u32; 2] = [1280, 1500];

#[track_caller]
fn assert_commands(stage: &Stage, expected: &[Value]) {
    assert_eq!(stage.commands(), expected);
}

#[test]
fn a_typed_number_is_one_command_at_return() {
    let mut stage = Stage::new(SIZE, 1.0);
    let mut expected = Vec::new();
    for (field, typed, command) in [
        ("learning_rate", "0.0123", json!({ "set_learning_rate": 0.0123 })),
        ("learning_rate", "1e-3", json!({ "set_learning_rate": 0.001 })),
        ("learning_rate", "0.2", json!({ "set_learning_rate": 0.2 })),
        ("learning_rate", "0.00000031", json!({ "set_learning_rate": 3.1e-7 })),
        ("learning_rate", " 0,5 ", json!({ "set_learning_rate": 0.5 })),
        ("learning_rate", "3", json!({ "set_learning_rate": 3.0 })),
        ("momentum", "0.55", json!({ "set_momentum": 0.55 })),
        ("weight_decay", "0.0005", json!({ "set_weight_decay": 0.0005 })),
        ("clip_norm", "1.5", json!({ "set_clip_norm": 1.5 })),
        ("batch", "100", json!({ "set_batch": 100 })),
        ("shift", "3", json!({ "set_shift": 3 })),
        ("rotation", "12.5", json!({ "set_rotation": 12.5 })),
        ("cutout", "4", json!({ "set_cutout": 4 })),
        ("probe", "17", json!({ "pin_probe": 17 })),
    ] {
        stage.type_into(&format!("{field} field"), typed);
        assert_commands(&stage, &expected);
        stage.key(Key::Enter, Modifiers::NONE);
        expected.push(command);
        assert_commands(&stage, &expected);
    }
}

#[test]
fn a_layouts_numbers_are_typed_alike() {
    let mut stage = Stage::new(SIZE, 1.0);
    stage.click("layout settings");
    stage.frame(&[]);
    stage.type_into("perplexity field", "7.5");
    assert_commands(&stage, &[]);
    stage.key(Key::Enter, Modifiers::NONE);
    assert_commands(&stage, &[json!({ "set_layout_perplexity": [0, 7.5] })]);
    stage.type_into("exaggeration field", "20");
    stage.key(Key::Tab, Modifiers::NONE);
    let commands = stage.commands();
    assert_eq!(commands.len(), 2, "{commands:?}");
    assert_eq!(commands[1]["set_layout_settings"][1]["exaggeration"], json!(20.0));
}

#[test]
fn a_number_is_typed_while_the_run_trains() {
    let mut stage = Stage::new(SIZE, 1.0);
    stage.session.play();
    stage.type_into("learning_rate field", "0.0123");
    stage.key(Key::Enter, Modifiers::NONE);
    stage.session.pause();
    stage.session.save().unwrap();
    assert_commands(&stage, &[json!({ "set_learning_rate": 0.0123 })]);
}

#[test]
fn leaving_the_field_counts_and_escape_restores() {
    let mut stage = Stage::new(SIZE, 1.0);
    stage.type_into("learning_rate field", "0.3");
    stage.key(Key::Tab, Modifiers::NONE);
    let mut expected = vec![json!({ "set_learning_rate": 0.3 })];
    assert_commands(&stage, &expected);
    stage.type_into("momentum field", "0.25");
    stage.click("batch field");
    expected.push(json!({ "set_momentum": 0.25 }));
    assert_commands(&stage, &expected);
    stage.key(Key::Escape, Modifiers::NONE);
    stage.type_into("learning_rate field", "0.7");
    stage.key(Key::Escape, Modifiers::NONE);
    assert_commands(&stage, &expected);
    let texts = stage.frame(&[]);
    assert!(texts.iter().any(|text| text.text == "0.3") && texts.iter().all(|text| text.text != "0.7"));
    // What is typed is no key: neither m nor b nor the space steer the run.
    stage.type_into("learning_rate field", "mb ");
    stage.key(Key::Enter, Modifiers::NONE);
    assert_commands(&stage, &expected);
    let texts = stage.frame(&[]);
    assert!(texts.iter().any(|text| text.text.contains("type a number")), "a word is no number");
    assert!(!stage.session.is_playing());
}

/// True if the window shows a text.
fn shows(stage: &mut Stage, text: &str) -> bool {
    stage.frame(&[]).iter().any(|found| found.text == text)
}

#[test]
fn a_field_that_is_gone_was_left() {
    // A tab in front of it.
    let mut stage = Stage::new([800, 500], 1.0);
    stage.type_into("learning_rate field", "0.3");
    assert_commands(&stage, &[]);
    stage.click_text("Charts");
    assert!(!shows(&mut stage, "learning rate"), "the tab is not in front");
    let mut expected = vec![json!({ "set_learning_rate": 0.3 })];
    assert_commands(&stage, &expected);
    // What another has set meanwhile stays when the tab is back.
    stage.key(Key::Minus, Modifiers::NONE);
    expected.push(json!({ "set_learning_rate": 0.24 }));
    assert_commands(&stage, &expected);
    stage.click_text("Steer");
    assert!(shows(&mut stage, "learning rate") && shows(&mut stage, "0.24"));
    assert_commands(&stage, &expected);
    // Another arrangement of the panes, in which Charts is in front; what is no number is said.
    stage.click_text("Charts");
    stage.resize(SIZE);
    stage.type_into("momentum field", "0.25");
    stage.resize([800, 500]);
    assert!(!shows(&mut stage, "momentum"));
    expected.push(json!({ "set_momentum": 0.25 }));
    assert_commands(&stage, &expected);
    stage.resize(SIZE);
    stage.type_into("momentum field", "half");
    stage.resize([800, 500]);
    assert!(stage.frame(&[]).iter().any(|text| text.text.contains("type a number")));
    assert_commands(&stage, &expected);
}

#[test]
fn a_menu_that_closes_and_the_end_of_the_window_leave_a_field() {
    let mut stage = Stage::new(SIZE, 1.0);
    stage.click("layout settings");
    stage.frame(&[]);
    stage.type_into("perplexity field", "7.5");
    stage.click_text("paused");
    assert!(!shows(&mut stage, "exaggeration"), "the menu is still open");
    let mut expected = vec![json!({ "set_layout_perplexity": [0, 7.5] })];
    assert_commands(&stage, &expected);
    stage.type_into("learning_rate field", "0.3");
    let Stage { workbench, session, .. } = &mut stage;
    (0..2).for_each(|_| workbench.leave_field(session));
    expected.push(json!({ "set_learning_rate": 0.3 }));
    assert_commands(&stage, &expected);
    stage.frame(&[]);
    stage.key(Key::Enter, Modifiers::NONE);
    assert_commands(&stage, &expected);
}

#[test]
fn a_number_that_stays_is_no_command() {
    let mut stage = Stage::new(SIZE, 1.0);
    for text in ["0.9", "", "0.90"] {
        stage.type_into("momentum field", text);
        stage.key(Key::Enter, Modifiers::NONE);
    }
    stage.type_into("probe field", "7");
    stage.key(Key::Enter, Modifiers::NONE);
    assert_commands(&stage, &[]);
    stage.type_into("momentum field", "1.5");
    stage.key(Key::Enter, Modifiers::NONE);
    assert_commands(&stage, &[]);
}

#[test]
fn a_drag_is_one_rounded_command_when_it_ends() {
    let mut stage = Stage::new(SIZE, 1.0);
    stage.drag("momentum", &[0.2, 0.4, 0.6, 0.33]);
    let commands = stage.commands();
    assert_eq!(commands.len(), 1, "{commands:?}");
    let momentum = commands[0]["set_momentum"].as_f64().unwrap();
    assert!((0.2..0.45).contains(&momentum), "{momentum}");
    assert_eq!(momentum, (momentum * 1000.0).round() / 1000.0);
    stage.drag("momentum", &[0.33]);
    assert_eq!(stage.commands().len(), 1, "it stays where it is");
}

#[test]
fn a_rail_that_is_pressed_and_let_go_within_one_frame_counts() {
    let mut stage = Stage::new(SIZE, 1.0);
    for (at, share) in [0.25, 0.75].into_iter().enumerate() {
        stage.tap("momentum", share);
        let commands = stage.commands();
        assert_eq!(commands.len(), at + 1, "{commands:?}");
        let momentum = commands[at]["set_momentum"].as_f64().unwrap();
        assert!((momentum - f64::from(share)).abs() < 0.1, "{momentum} at {share}");
    }
}

#[test]
fn a_key_is_one_rounded_command() {
    let mut stage = Stage::new(SIZE, 1.0);
    stage.key(Key::M, Modifiers::SHIFT);
    stage.key(Key::Minus, Modifiers::NONE);
    stage.key(Key::M, Modifiers::NONE);
    let mut expected = vec![
        json!({ "set_momentum": 0.85 }),
        json!({ "set_learning_rate": 0.016 }),
        json!({ "set_momentum": 0.9 }),
    ];
    assert_commands(&stage, &expected);
    (0..5).for_each(|_| stage.key(Key::M, Modifiers::NONE));
    expected.extend([json!({ "set_momentum": 0.95 }), json!({ "set_momentum": 0.99 })]);
    assert_commands(&stage, &expected);
}
