//! Panes saved as files: by the menu of their tab bar, as pictures of any size, as drawings and as numbers.

use egui::{Event, Key, Modifiers};
use revacnn::app::offscreen::{Picture, render_live};
use revacnn::app::{Request, Show};
use revacnn::session::{Control, Inspect, Split};

use super::fixture::Stage;

const SIZE: [u32; 2] = [1280, 1000];

/// A stage whose run has made an epoch.
fn stage() -> Stage {
    let mut stage = Stage::new(SIZE, 1.0);
    stage.session.set_limit(Some(revacnn::session::StopCondition::Epochs(1)));
    stage.session.play();
    while stage.session.advance() {}
    stage.session.settle();
    (0..3).for_each(|_| drop(stage.frame(&[])));
    stage
}

/// Chooses a form in the menu of a pane.
fn choose(stage: &mut Stage, pane: &str, form: &str) {
    stage.click(&format!("save {pane}"));
    stage.click(&format!("save {pane} as {form}"));
    (0..2).for_each(|_| drop(stage.frame(&[])));
}

/// Types a text in place of that of a field.
fn retype(stage: &mut Stage, field: &str, text: &str) {
    stage.click(field);
    stage.key(Key::A, Modifiers::COMMAND);
    stage.frame(&[Event::Text(text.to_owned())]);
    stage.frame(&[]);
}

#[test]
fn charts_and_confusion_are_saved_as_numbers_and_drawings() {
    let mut stage = stage();
    let run = stage.run_folder();
    stage.session.save().unwrap();
    for (pane, form, words) in [("charts", "CSV", "val_accuracy"), ("charts", "SVG", "Accuracy (%)")] {
        choose(&mut stage, pane, form);
        assert!(stage.shows("It is a new file"));
        stage.click("save now");
        let file = run.join(format!("{pane}.{}", form.to_lowercase()));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(words), "{text}");
        choose(&mut stage, pane, form);
        assert!(stage.shows("is replaced"));
        stage.click_text("Cancel");
    }
    assert_eq!(
        std::fs::read(run.join("charts.csv")).unwrap(),
        std::fs::read(run.join("metrics.csv")).unwrap()
    );
    stage.click_text("Confusion");
    (0..2).for_each(|_| drop(stage.frame(&[])));
    stage.click("confusion of test");
    choose(&mut stage, "confusion", "CSV");
    stage.click("save now");
    assert!(stage.shows("not counted yet") && !run.join("confusion.csv").exists());
    stage.session.control(Control::Inspect(Inspect::KeepOutcomes)).unwrap();
    stage.session.evaluate(Split::Test);
    stage.work(200);
    for form in ["CSV", "SVG"] {
        choose(&mut stage, "confusion", form);
        stage.click("save now");
    }
    let outcomes = stage.session.inspection().outcomes(Split::Test).unwrap();
    let text = std::fs::read_to_string(run.join("confusion.csv")).unwrap();
    let counts: u32 = text
        .lines()
        .skip(1)
        .flat_map(|line| line.split(',').skip(1).take(10))
        .map(|count| count.parse::<u32>().unwrap())
        .sum();
    assert_eq!(counts as usize, outcomes.images.len());
    assert!(std::fs::read_to_string(run.join("confusion.svg")).unwrap().contains("recall"));
}

#[test]
fn a_pane_is_a_picture_of_any_size_and_the_run_goes_on_as_before() {
    let mut stage = stage();
    let file = stage.run_folder().join("sub");
    choose(&mut stage, "network", "PNG");
    let typed = file.join("network.png");
    retype(&mut stage, "save file", typed.to_str().unwrap());
    retype(&mut stage, "save size", "0x800");
    assert!(stage.shows("Give width and height"));
    stage.click("save now");
    assert_eq!(stage.workbench.take_requests(), [], "a size that is none is not drawn");
    retype(&mut stage, "save size", "1000×700");
    stage.click("save now");
    let requests = stage.workbench.take_requests();
    let [Request::Draw { pane, size: [1000, 700], scale, file: chosen }] = &requests[..] else {
        panic!("{requests:?}")
    };
    assert_eq!((*pane, chosen), ("network", &typed));
    stage.session.set_limit(None);
    stage.session.play();
    let (step, hash) = (stage.session.step(), stage.session.state_hash());
    let picture = Picture { scale: *scale, ..Picture::new(Show::Pane(pane), 1000, 700) };
    let image = render_live(&mut stage.session, &mut stage.workbench, &picture).unwrap();
    assert_eq!(
        (stage.session.step(), stage.session.state_hash(), image.dimensions()),
        (step, hash, (1000, 700))
    );
    let colors: std::collections::BTreeSet<_> = image.pixels().map(|pixel| pixel.0).collect();
    assert!(colors.len() > 100, "there is something to see: {} colors", colors.len());
    // Esc closes the dialog, and nothing is saved.
    choose(&mut stage, "network", "PNG");
    stage.key(Key::Escape, Modifiers::NONE);
    assert!(!stage.shows("Save network as PNG"));
    assert_eq!(stage.workbench.take_requests(), []);
    // A folder that is gone is an error in the status bar.
    choose(&mut stage, "charts", "CSV");
    retype(&mut stage, "save file", file.join("charts.csv").to_str().unwrap());
    stage.click("save now");
    assert!(stage.shows("cannot write") && !file.exists());
}
