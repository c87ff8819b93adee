//! The drag that blends a filter: what is shown is what comes of it, and Escape leaves all as it was.

use egui::{Key, Modifiers, Pos2};
use revacnn::session::{Layout, Session};
use serde_json::Value;

use super::fixture::Stage;

/// A stage with a laid out layer, and drags that blend.
fn stage() -> Stage {
    let mut stage = Stage::new([1600, 900], 1.0);
    stage.work(60);
    stage.click("blend");
    stage
}

/// A place where the pointer is over a row of the first layout, and that row.
fn a_row(stage: &mut Stage) -> (Pos2, u32) {
    let rect = stage.workbench.targets()["layout"];
    for step in 0..400 {
        let share = egui::vec2((step % 20) as f32, (step / 20) as f32) / 20.0;
        let pos = rect.min + share * rect.size();
        stage.move_to(pos);
        stage.move_to(pos);
        if let Some((_, row)) = stage.workbench.selection().hovered_row {
            return (pos, row);
        }
    }
    panic!("no row was found");
}

/// The filter is lifted, and hangs under the pointer at the middle of the layout.
fn lift(stage: &mut Stage, pos: Pos2) -> Pos2 {
    let middle = stage.workbench.targets()["layout"].center();
    stage.press(pos, true);
    for share in [0.2, 0.6, 1.0] {
        stage.move_to(pos + share * (middle - pos));
    }
    (0..4).for_each(|_| stage.move_to(middle));
    stage.work(20);
    stage.move_to(middle);
    middle
}

fn positions(session: &Session) -> Vec<[f32; 2]> {
    session.layouts().iter().flat_map(|layout: &Layout| layout.tsne().read_positions(session.gpu())).collect()
}

#[test]
fn a_drop_is_one_command_with_the_loss_that_was_shown() {
    let mut stage = stage();
    let (pos, row) = a_row(&mut stage);
    let hash = stage.session.state_hash();
    let middle = lift(&mut stage, pos);
    assert_eq!(stage.session.state_hash(), hash, "while it hangs nothing changes");
    assert!(stage.commands().is_empty());
    let trial = stage.session.trial().expect("it hangs");
    assert!(trial.is_measured());
    let (shown, edit) = (trial.losses().unwrap(), serde_json::to_string(trial.edit()).unwrap());
    let edit: Value = serde_json::from_str(&edit).unwrap();
    stage.press(middle, false);
    stage.work(20);
    assert_eq!(stage.commands(), std::slice::from_ref(&edit), "one command, of what was shown");
    assert!(stage.session.trial().is_none());
    let blend = &edit["blend_filter"];
    let from: Vec<(u64, f64)> = serde_json::from_value(blend["from"].clone()).unwrap();
    let network = &stage.session.trainer().network;
    let own = u64::from(network.layers[0].filter_ids[row as usize]);
    assert_eq!((blend["layer"].as_u64(), blend["filter"].as_u64()), (Some(0), Some(own)));
    assert!(from.len() == 4 && from.iter().all(|(filter, _)| *filter != own), "{edit}");
    assert!((from.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-6, "{edit}");
    let effect = stage.session.effects().last().unwrap();
    assert!((effect.before.unwrap() - shown.present).abs() <= 1e-6, "{effect:?} {shown:?}");
    assert!((effect.after.unwrap() - shown.changed).abs() <= 1e-6, "{effect:?} {shown:?}");
    assert_ne!(stage.session.state_hash(), hash);
    stage.session.gpu().check().unwrap();
}

#[test]
fn escape_leaves_all_as_it_was() {
    let mut stage = stage();
    let (pos, _) = a_row(&mut stage);
    stage.session.layouts().iter().for_each(|layout| assert!(layout.running));
    stage.click_text("pause");
    stage.work(5);
    let (hash, places) = (stage.session.state_hash(), positions(&stage.session));
    stage.key(Key::ArrowDown, Modifiers::NONE);
    let selected = stage.workbench.selection().tile;
    let middle = lift(&mut stage, pos);
    assert!(stage.session.trial().is_some());
    stage.key(Key::Escape, Modifiers::NONE);
    assert!(stage.session.trial().is_none());
    assert!(selected.is_some() && stage.workbench.selection().tile == selected, "the selection stays");
    stage.press(middle, false);
    stage.work(20);
    assert!(stage.session.trial().is_none());
    assert_eq!(stage.session.effects(), []);
    assert_eq!((stage.session.state_hash(), positions(&stage.session)), (hash, places));
    let pins = stage.commands().iter().filter(|command| command.get("pin_point").is_some()).count();
    assert_eq!(pins, 0);
    // Without the switch a drag pins, as ever.
    stage.click("blend");
    let (pos, _) = a_row(&mut stage);
    let middle = lift(&mut stage, pos);
    assert!(stage.session.trial().is_none());
    stage.press(middle, false);
    // The last position of a drag is written once something follows.
    stage.session.save().unwrap();
    assert!(stage.commands().iter().any(|command| command.get("pin_point").is_some()));
}

#[test]
fn a_blend_follows_a_run_that_trains_and_changes_no_bit_of_it() {
    let steps = |lifts: bool| {
        let mut stage = stage();
        let (pos, _) = a_row(&mut stage);
        if lifts {
            lift(&mut stage, pos);
        }
        let limit = Some(revacnn::session::StopCondition::Steps(6));
        stage.session.set_limit(limit);
        stage.session.play();
        let mut seen = Vec::new();
        while stage.session.is_playing() {
            stage.frame(&[]);
            seen.extend(stage.session.trial().and_then(|trial| trial.losses()).map(|losses| losses.step));
        }
        stage.work(20);
        stage.frame(&[]);
        seen.extend(stage.session.trial().and_then(|trial| trial.losses()).map(|losses| losses.step));
        (stage.session.state_hash(), seen)
    };
    let (hash, seen) = steps(true);
    assert_eq!((hash, Vec::new()), steps(false));
    assert_eq!((seen.first(), seen.last()), (Some(&0), Some(&6)), "the losses follow the weights: {seen:?}");
}
