//! The Network pane: edges between the columns, and how a tile is computed.

use egui::{Key, Modifiers};

use super::fixture::{Stage, Text};
use super::sizes::{broken, cut};

fn has(texts: &[Text], wanted: &str) -> bool {
    texts.iter().any(|text| text.text == wanted)
}

/// The number behind the last space of the line that begins so.
fn number(texts: &[Text], line: &str) -> f64 {
    let found = texts.iter().find(|text| text.text.starts_with(line)).unwrap_or_else(|| panic!("no {line}"));
    found.text.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Selects a filter of conv2 by the keyboard.
fn select_conv2(stage: &mut Stage) {
    for key in
        [Key::ArrowDown, Key::ArrowRight, Key::ArrowRight, Key::ArrowRight, Key::ArrowRight, Key::ArrowDown]
    {
        stage.key(key, Modifiers::NONE);
    }
    let tile = stage.workbench.selection().tile.unwrap();
    assert_eq!((stage.session.layers()[tile.node].name.as_str(), tile.tile), ("conv2", 1));
}

#[test]
fn edges_can_be_turned_off_and_their_share_set() {
    let mut stage = Stage::new([1280, 800], 1.0);
    // The texts beside the switch, of which the share is one.
    let share = |stage: &mut Stage| -> Vec<String> {
        let texts = stage.frame(&[]);
        let rail = stage.workbench.targets()["flow share"];
        let beside = texts.into_iter().filter(|text| rail.expand(2.0).contains(text.rect.center()));
        beside.map(|text| text.text).collect()
    };
    assert!(
        share(&mut stage).concat().contains("50"),
        "the strongest half at first: {:?}",
        share(&mut stage)
    );
    stage.drag("flow share", &[0.3, 0.1]);
    let fewer = share(&mut stage).concat();
    assert!(!fewer.is_empty() && !fewer.contains("50"), "{fewer}");
    stage.click("flow");
    assert_ne!(share(&mut stage).concat(), fewer, "off, there is no share");
    stage.click("flow");
    assert_eq!(share(&mut stage).concat(), fewer, "it is kept");
    assert!(stage.commands().is_empty(), "what is shown changes nothing");
}

#[test]
fn a_key_and_the_menu_open_how_a_tile_is_computed() {
    let mut stage = Stage::new([1280, 800], 1.0);
    let none = Modifiers::NONE;
    stage.key(Key::I, none);
    assert!(!stage.frame(&[]).iter().any(|text| text.text.starts_with("How ")), "nothing is selected");
    select_conv2(&mut stage);
    stage.key(Key::I, none);
    let texts = (0..6).map(|_| stage.frame(&[])).last().unwrap();
    assert!(has(&texts, "How conv2 computes map 1"));
    // What is shown adds up.
    let sum = number(&texts, "channel 0  ") + number(&texts, "15 others") + number(&texts, "+ bias");
    assert!((sum - number(&texts, "= output")).abs() < 1e-5, "{sum}");
    let is_weight = |text: &&Text| text.text.starts_with('×') && text.text.len() > 2;
    assert_eq!(texts.iter().filter(is_weight).count(), 25, "a weight a tap");
    stage.key(Key::I, none);
    assert!(!has(&stage.frame(&[]), "How conv2 computes map 1"), "the key closes it again");
    stage.secondary_click_below("conv1 menu");
    stage.click("tile Intermediates");
    assert!(stage.frame(&[]).iter().any(|text| text.text.starts_with("How conv1 computes map ")));
    stage.key(Key::Escape, none);
    assert!(!stage.shows("How conv1 computes map "), "Escape closes it, too");
    assert!(stage.commands().is_empty());
}

#[test]
fn a_layer_without_kernels_opens_what_it_computes() {
    let mut stage = Stage::new([1280, 800], 1.0);
    let down_to_relu1 = [Key::ArrowDown, Key::ArrowRight, Key::ArrowRight, Key::ArrowDown];
    for (layer, keys, last) in
        [("relu1", &down_to_relu1[..], "relu: max(x, 0) "), ("pool1", &[Key::ArrowRight], "largest of 4")]
    {
        keys.iter().for_each(|key| stage.key(*key, Modifiers::NONE));
        stage.key(Key::I, Modifiers::NONE);
        let texts = (0..6).map(|_| stage.frame(&[])).last().unwrap();
        assert!(has(&texts, &format!("How {layer} computes map 1")), "{layer}");
        // Their values are compared in tests/flow.
        let steps = [last, "= output"].map(|line| texts.iter().any(|text| text.text.starts_with(line)));
        assert_eq!(steps, [true; 2], "{layer}");
    }
    assert_eq!((broken(&stage.frame(&[])), stage.commands()), (Vec::new(), Vec::new()));
}

#[test]
fn a_pixel_is_pointed_at_while_it_trains_and_an_edit_of_the_network_is_followed() {
    let mut stage = Stage::new([1280, 800], 1.0);
    select_conv2(&mut stage);
    stage.key(Key::I, Modifiers::NONE);
    stage.session.play();
    (0..3).for_each(|_| drop(stage.frame(&[])));
    let rect = stage.workbench.targets()["intermediate output"];
    let before = number(&stage.frame(&[]), "= output");
    stage.move_to(rect.left_top() + egui::vec2(3.0, 3.0));
    let texts = (0..6).map(|_| stage.frame(&[])).last().unwrap();
    assert_ne!(number(&texts, "= output"), before, "another pixel, and other weights");
    let sum = number(&texts, "channel 0  ") + number(&texts, "15 others") + number(&texts, "+ bias");
    assert!((sum - number(&texts, "= output")).abs() < 1e-5, "{sum}");
    stage.session.pause();
    stage.work(20);
    // The layer loses filters until the one that is shown is not there any more.
    for _ in 0..19 {
        stage.click("conv2 −");
        stage.frame(&[]);
    }
    assert!(!has(&stage.frame(&[]), "How conv2 computes map 1"));
}

#[test]
fn a_probability_is_told_step_by_step_and_the_steps_lead_to_it() {
    let mut stage = Stage::new([1280, 800], 1.0);
    stage.session.single_step();
    stage.work(60);
    stage.click("classes");
    let texts = (0..6).map(|_| stage.frame(&[])).last().unwrap();
    let title = texts.iter().find(|text| text.text.starts_with("How the probability of "));
    let title = title.expect("a click opens it");
    assert!(!title.shortened, "{}", title.text);
    let own = number(&texts, "= probability of ");
    let line = texts.iter().find(|text| text.text.contains(" / ") && text.text.contains(" = ")).unwrap();
    let parts: Vec<f64> = line.text.split([' ', '/', '=']).filter_map(|part| part.parse().ok()).collect();
    let [power, sum, share] = parts[..] else { panic!("{}", line.text) };
    assert!((share - own).abs() < 2e-6 && own > 0.0 && own < 1.0, "{share} and {own}");
    assert!((power / sum - own).abs() < 2e-6 && (sum - number(&texts, "sum of exp")).abs() < 1e-9);
    // Ten classes with a line each.
    let of_class = |text: &&Text| {
        let words: Vec<&str> = text.text.split_whitespace().collect();
        words.len() == 4 && words[1..].iter().all(|word| word.replace('−', "-").parse::<f64>().is_ok())
    };
    let lines: Vec<&str> = texts.iter().filter(of_class).map(|text| text.text.as_str()).collect();
    assert_eq!(lines.len(), 10, "{lines:?}");
    stage.key(Key::Escape, Modifiers::NONE);
    assert!(!stage.shows("How the probability of"));
    // By the keyboard it is that of the true class.
    stage.focus_by_tab("how a probability comes about");
    stage.key(Key::Enter, Modifiers::NONE);
    (0..4).for_each(|_| drop(stage.frame(&[])));
    assert!(stage.shows("How the probability of"));
}

#[test]
fn bars_of_activity_are_chosen_by_name() {
    let mut stage = Stage::new([1280, 800], 1.0);
    for name in ["mean activation", "gradient", "change", "zeros", "loss without it", "off"] {
        stage.click("bars");
        stage.click(&format!("bars {name}"));
        assert!(has(&stage.frame(&[]), name), "{name}");
    }
}

#[test]
fn the_computation_of_a_tile_is_readable_at_every_size() {
    for (size, scale) in [([640, 400], 1.0), ([900, 600], 1.0), ([1280, 800], 1.0), ([3840, 2160], 2.0)] {
        let mut stage = Stage::new(size, scale);
        select_conv2(&mut stage);
        stage.key(Key::I, Modifiers::NONE);
        let texts = (0..6).map(|_| stage.frame(&[])).last().unwrap();
        let at = format!("{size:?} at {scale}");
        let lines =
            ["How conv2 computes map 1", "input map  ×  kernel  =  product", "row", "column", "channel"];
        for line in lines {
            let text =
                texts.iter().find(|text| text.text == line).unwrap_or_else(|| panic!("{at}: no {line}"));
            assert!(!text.shortened && text.clip.expand(1.0).contains_rect(text.rect), "{at}: {line}");
        }
        let own = |text: &&str| lines.contains(text) || text.starts_with("sum of") || text.contains('×');
        assert!(!cut(&texts).iter().any(own), "{at}: {:?} are cut off", cut(&texts));
        assert!(!broken(&texts).iter().any(own) && stage.without_glyphs(&texts).is_empty(), "{at}");
    }
}
