//! From the smallest window to 4K, at all scales: no text is cut in a word or lies outside of the window.

use egui::Rect;
use revacnn::session::{Control, ProbeChange, Split};

use super::fixture::{Stage, Text};

const SIZES: &[([u32; 2], f32)] = &[
    ([640, 400], 1.0),
    ([640, 400], 2.0),
    ([800, 700], 1.0),
    ([960, 600], 1.0),
    ([1366, 768], 1.0),
    ([1366, 768], 1.5),
    ([1366, 768], 3.0),
    ([1920, 1080], 2.0),
    ([3840, 2160], 1.0),
    ([3840, 2160], 2.0),
    ([3840, 2160], 3.0),
];

/// Texts that are cut off at a side of the part of the window in which they are drawn.
pub(super) fn cut(texts: &[Text]) -> Vec<&str> {
    let is_cut = |text: &&Text| {
        let inside = text.rect.intersect(text.clip);
        let (width, seen) = (text.rect.width(), inside.width());
        seen > 1.0 && inside.height() > 1.0 && seen < width - 1.0
    };
    texts.iter().filter(is_cut).map(|text| text.text.as_str()).collect()
}

/// Texts of several rows of which one ends within a word.
pub(super) fn broken(texts: &[Text]) -> Vec<&str> {
    let ends = |row: &String| row.is_empty() || row.ends_with(|c: char| !c.is_alphanumeric());
    let is_broken = |text: &&Text| {
        let pairs = text.rows.windows(2);
        pairs.into_iter().any(|pair| !ends(&pair[0]) && pair[1].starts_with(char::is_alphanumeric))
    };
    texts.iter().filter(is_broken).map(|text| text.text.as_str()).collect()
}

fn find<'t>(texts: &'t [Text], wanted: &str) -> &'t Text {
    texts.iter().find(|text| text.text == wanted).unwrap_or_else(|| panic!("{wanted} is not shown"))
}

#[test]
fn every_size_is_readable() {
    for (size, scale) in SIZES {
        let mut stage = Stage::new(*size, *scale);
        stage.session.single_step();
        while stage.session.advance() {}
        stage.session.settle();
        let texts = (0..3).map(|_| stage.frame(&[])).last().unwrap();
        let at = format!("{size:?} at {scale}");
        assert!(broken(&texts).is_empty(), "{at}: {:?}", broken(&texts));
        // The Network pane's columns scroll where they have too little room; all else fits.
        let names: Vec<&str> = stage.session.layers().iter().map(|layer| layer.name.as_str()).collect();
        let scrolls = |text: &&str| {
            names.contains(text) || ["maps", "classes"].contains(text) || text.parse::<u32>().is_ok()
        };
        let cut: Vec<&str> = cut(&texts).into_iter().filter(|text| !scrolls(text)).collect();
        assert!(cut.is_empty(), "{at}: {cut:?} are cut off");
        let boxes = stage.without_glyphs(&texts);
        assert!(boxes.is_empty(), "{at}: {boxes:?} have a character that is not in the fonts");
        // The status bar may be long; its whole text is shown on hover.
        let short = texts.iter().filter(|text| text.shortened && !text.text.contains(" on digits"));
        let short: Vec<&str> = short.map(|text| text.text.as_str()).collect();
        assert!(short.is_empty(), "{at}: {short:?} are shortened");
        let window = Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(1e4, 1e4));
        for text in ["paused", "loss", "Network", "Steer", "learning rate"] {
            let found = find(&texts, text);
            assert!(found.clip.contains_rect(found.rect) && window.contains_rect(found.rect), "{at}: {text}");
        }
        // Numbers can be typed: the field lies wholly in the pane.
        let field = stage.workbench.targets()["learning_rate field"];
        let steer = find(&texts, "learning rate").clip;
        assert!(steer.expand(1.0).contains_rect(field), "{at}: the field {field:?} is not in {steer:?}");
        stage.type_into("learning_rate field", "0.0123");
        stage.key(egui::Key::Enter, egui::Modifiers::NONE);
        assert_eq!(stage.session.settings().hyper.learning_rate, 0.0123, "{at}");
    }
}

#[test]
fn layouts_stay_readable_in_the_smallest_window() {
    let mut stage = Stage::new([640, 400], 1.0);
    stage.click_text("Embedding");
    stage.frame(&[]);
    let mut names = vec!["conv1 by weights".to_owned()];
    for layer in ["conv2", "conv3", "dense1"] {
        stage.click_text(layer);
        names.push(format!("{layer} by weights"));
    }
    let texts = (0..3).map(|_| stage.frame(&[])).last().unwrap();
    let body = stage.workbench.targets()["layout"];
    assert!(body.width() >= 100.0 && body.height() >= 100.0, "{body:?} is too small to see anything");
    // Further rows lie below and scroll.
    let tops: Vec<f32> = names.iter().map(|name| find(&texts, name).rect.top()).collect();
    assert!(tops.windows(2).all(|pair| pair[1] == pair[0] || pair[1] - pair[0] > 100.0), "{tops:?}");
    let first = find(&texts, &names[0]);
    assert!(first.clip.contains_rect(first.rect));
}

#[test]
fn pictures_and_mistakes_are_readable_at_every_size() {
    for (size, scale) in
        [([640, 400], 1.0), ([900, 600], 1.0), ([1280, 800], 1.0), ([1920, 1080], 1.0), ([3840, 2160], 2.0)]
    {
        let mut stage = Stage::new(size, scale);
        let number = stage.session.trainer().loader.test_number(3);
        let change = ProbeChange::AddNumber { name: "test image 3".to_owned(), number, class: 3 };
        stage.session.control(Control::Inspect(change.into())).unwrap();
        for pane in ["test", "confusion"] {
            stage.workbench.show_pane(pane);
            (0..3).for_each(|_| drop(stage.frame(&[])));
            stage.session.evaluate(Split::Validation);
            stage.session.single_step();
            stage.work(200);
            let texts = (0..3).map(|_| stage.frame(&[])).last().unwrap();
            let at = format!("{pane} in {size:?} at {scale}");
            assert!(cut(&texts).is_empty(), "{at}: {:?} are cut off", cut(&texts));
            assert!(broken(&texts).is_empty(), "{at}: {:?}", broken(&texts));
            let boxes = stage.without_glyphs(&texts);
            assert!(boxes.is_empty(), "{at}: {boxes:?} have a character that is not in the fonts");
            let short = texts.iter().filter(|text| text.shortened && !text.text.contains(" on digits"));
            let short: Vec<&str> = short.map(|text| text.text.as_str()).collect();
            assert!(short.is_empty(), "{at}: {short:?} are shortened");
            let wanted = if pane == "test" { "Picture file" } else { "Evaluate now" };
            find(&texts, wanted);
        }
    }
}

#[test]
fn cut_and_broken_texts_are_found() {
    let rect = |left: f32, right: f32| Rect::from_x_y_ranges(left..=right, 0.0..=10.0);
    let text = |rect, rows: &[&str]| Text {
        text: rows.concat(),
        shortened: false,
        rect,
        clip: self::Rect::from_x_y_ranges(0.0..=50.0, 0.0..=50.0),
        rows: rows.iter().map(|row| (*row).to_owned()).collect(),
    };
    let texts = [
        text(rect(0.0, 50.0), &["fits"]),
        text(rect(20.0, 60.0), &["cut"]),
        text(rect(60.0, 90.0), &["scrolled away"]),
        text(rect(0.0, 50.0), &["two ", "words"]),
        text(rect(0.0, 50.0), &["wo", "rd"]),
    ];
    assert_eq!(cut(&texts), ["cut"]);
    assert_eq!(broken(&texts), ["word"]);
    let stage = Stage::new([640, 400], 1.0);
    let [missing, there] = ["\u{25cf} training", "— training"].map(|name| text(rect(0.0, 50.0), &[name]));
    assert_eq!(stage.without_glyphs(&[missing, there]), ["\u{25cf} training"]);
}

/// Characters beyond ASCII in the texts of a source file, without comments.
fn special_characters(source: &str) -> Vec<char> {
    let code = source.lines().map(|line| line.split_once("// ").map_or(line, |(code, _)| code));
    let code = code.filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(str::chars).filter(|c| !c.is_ascii()).collect()
}

#[test]
fn every_character_of_the_interface_is_in_its_fonts() {
    let mut stage = Stage::new([1280, 800], 1.0);
    stage.frame(&[]);
    let mut folders = vec![std::path::PathBuf::from("src/app")];
    let (mut seen, mut missing) = (0, Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let source = std::fs::read_to_string(&entry).unwrap();
            for character in special_characters(&source) {
                seen += 1;
                if !stage.has_glyph(character) {
                    missing.push(format!("{}: {character:?}", entry.display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(seen > 20 && !stage.has_glyph('\u{2192}'), "{seen} characters");
    assert_eq!(special_characters("a → b\n// ü\n  c // é"), ['→']);
}
