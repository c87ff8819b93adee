//! Plain settings of layers, such as the rate of dropout, changed in a run: the next step uses them, and nothing else is another.

use std::fs;

use revacnn::nn::layers::KINDS;
use revacnn::session::{Command, Control, LayerId, NetworkCommand, Session, TimeControl};

use crate::bench::{Bench, finish, journal, run_to};

/// A layer of each kind that has plain settings, each with its number.
pub(crate) const PLAIN: &str = r#"
name = "plain"
[[layer]]
kind = "conv2d"
filters = 4
kernel = 3
[[layer]]
kind = "batch_norm"
[[layer]]
kind = "leaky_relu"
[[layer]]
kind = "local_response_norm"
alpha = 0.5
[[layer]]
kind = "elu"
[[layer]]
kind = "max_pool2d"
size = 2
[[layer]]
kind = "dropout"
rate = 0.5
[[layer]]
kind = "hardtanh"
[[layer]]
kind = "scale"
factor = 0.5
[[layer]]
kind = "dense"
"#;
const DROPOUT: u32 = 6;
/// Another value for each plain setting of that network: number of the layer, name, as TOML, and as the journal has it.
const OTHERS: [(u32, &str, &str); 13] = [
    (1, "momentum", "0.25"),
    (1, "epsilon", "0.5"),
    (2, "slope", "0.5"),
    (3, "size", "3"),
    (3, "alpha", "0.25"),
    (3, "beta", "0.5"),
    (3, "k", "2.0"),
    (4, "alpha", "0.5"),
    (DROPOUT, "rate", "0.25"),
    (7, "min", "0.125"),
    (7, "max", "0.25"),
    (8, "factor", "0.25"),
    (8, "offset", "0.125"),
];

fn plain() -> Bench {
    let bench = Bench::new();
    fs::write(bench.network(), PLAIN).unwrap();
    bench
}

fn set(layer: u32, setting: &str, value: &str) -> Command {
    let settings = format!("{setting} = {value}").parse().unwrap();
    NetworkCommand::SetLayer { layer: LayerId(layer), settings }.into()
}

/// The value of a setting now.
fn value(session: &Session, layer: u32, setting: &str) -> String {
    session.trainer().network.layers[layer as usize].layer.settings()[setting].to_string()
}

/// The network's text with another value of a setting.
fn text_with(layer: u32, setting: &str, value: &str) -> String {
    let mut network: toml::Table = PLAIN.parse().unwrap();
    let layers = network["layer"].as_array_mut().unwrap();
    let layer = layers[layer as usize].as_table_mut().unwrap();
    layer.insert(setting.to_owned(), format!("v = {value}").parse::<toml::Table>().unwrap()["v"].clone());
    network.to_string()
}

#[test]
fn each_setting_acts_as_if_the_network_had_it_and_compiles_nothing() {
    let bench = plain();
    let mut as_it_was = bench.session();
    run_to(&mut as_it_was, 5);
    let named: Vec<&str> = OTHERS.iter().map(|(_, name, _)| *name).collect();
    for kind in KINDS {
        let (layer, _) = (kind.samples)().remove(0);
        let missing = layer.plain_settings().iter().find(|setting| !named.contains(&setting.name));
        assert_eq!(missing, None, "{} is tried here", kind.kind);
    }
    for (layer, setting, other) in OTHERS {
        let mut changed = bench.session();
        run_to(&mut changed, 0);
        let before = (changed.state_hash(), changed.gpu().kernel_count());
        changed.apply(set(layer, setting, other)).unwrap();
        assert_eq!(value(&changed, layer, setting), other);
        assert_eq!((changed.state_hash(), changed.gpu().kernel_count()), before, "{setting}");
        run_to(&mut changed, 5);
        assert_eq!(changed.gpu().kernel_count(), before.1, "{setting}");
        fs::write(bench.network(), text_with(layer, setting, other)).unwrap();
        let mut begun = bench.session();
        run_to(&mut begun, 5);
        assert_eq!(changed.state_hash(), begun.state_hash(), "{setting}");
        assert_ne!(changed.state_hash(), as_it_was.state_hash(), "{setting} has an effect");
        fs::write(bench.network(), PLAIN).unwrap();
    }
}

#[test]
fn a_rate_of_dropout_is_kept_repeated_and_undone() {
    let bench = plain();
    let mut session = bench.kept();
    session.keep_time(64 << 20);
    run_to(&mut session, 3);
    let before = session.state_hash();
    session.apply(set(DROPOUT, "rate", "0.25")).unwrap();
    // The same once more is no change.
    session.apply(set(DROPOUT, "rate", "0.25")).unwrap();
    let line = r#"{"step":3,"command":{"set_layer":{"layer":6,"settings":{"rate":0.25}}}}"#;
    assert_eq!(journal(&bench), [line]);
    assert_eq!(session.layers()[DROPOUT as usize + 1].summary, "rate 0.25");
    run_to(&mut session, 8);
    let after = session.state_hash();
    session.control(Control::Time(TimeControl::Undo)).unwrap();
    finish(&mut session);
    session.check_events().unwrap();
    assert_eq!((session.step(), session.state_hash()), (3, before));
    assert_eq!(value(&session, DROPOUT, "rate"), "0.5");
    assert_eq!(session.layers()[DROPOUT as usize + 1].summary, "rate 0.5");
    session.control(Control::Time(TimeControl::Redo)).unwrap();
    finish(&mut session);
    assert_eq!((session.step(), session.state_hash()), (8, after.clone()));
    drop(session);
    // From the checkpoint of the beginning, and from one after it.
    for save in [true, false] {
        let mut again = bench.resume();
        run_to(&mut again, 8);
        assert!(again.check_events().is_ok(), "{:?}", again.take_events());
        assert_eq!((again.state_hash(), value(&again, DROPOUT, "rate")), (after.clone(), "0.25".to_owned()));
        if save {
            again.save().unwrap();
        }
    }
    let mut scripted = bench.session();
    scripted.follow_script("again.jsonl", line).unwrap();
    run_to(&mut scripted, 8);
    assert_eq!(scripted.state_hash(), after);
}

#[test]
fn what_no_layer_has_or_is_out_of_range_is_refused() {
    let bench = plain();
    let mut session = bench.kept();
    run_to(&mut session, 2);
    let (hash, text) = (session.state_hash(), session.trainer().network.to_toml());
    let none = NetworkCommand::SetLayer { layer: LayerId(DROPOUT), settings: toml::Table::new() };
    for (command, what, help) in [
        (set(DROPOUT, "rate", "1.0"), "rate is 1", "from 0 to below 1"),
        (set(DROPOUT, "rate", "-0.25"), "rate is -0.25", "from 0 to below 1"),
        (set(DROPOUT, "rate", "\"half\""), "dropout1", "settings"),
        (set(2, "slope", "-1.0"), "slope is -1", "0 or more"),
        (set(3, "size", "0"), "size is 0", "from 1"),
        (set(0, "kernel", "5"), "conv1", "insert a conv2d"),
        (set(5, "stride", "1"), "no setting \"stride\"", "insert a max_pool2d"),
        (set(1, "rate", "0.1"), "no setting \"rate\"", "momentum, epsilon"),
        (set(10, "rate", "0.1"), "no layer 10", "6 (dropout1)"),
        (none.into(), "no setting of layer 6 (dropout1) is named", "rate"),
    ] {
        let error = session.apply(command.clone()).unwrap_err();
        assert!(error.what().contains(what) && error.help().contains(help), "{command:?}: {error}");
        let line = serde_json::json!({ "step": 3, "command": command });
        let scripted = session.follow_script("s", &line.to_string()).unwrap_err();
        assert!(scripted.what().ends_with(error.what()) && scripted.help() == error.help(), "{scripted}");
    }
    assert_eq!((session.state_hash(), session.trainer().network.to_toml()), (hash, text));
    assert!(journal(&bench).is_empty());
}

#[test]
fn the_loss_after_it_is_of_the_new_setting() {
    let bench = plain();
    let mut session = bench.session();
    session.measure_effects().unwrap();
    run_to(&mut session, 5);
    session.apply(set(2, "slope", "0.75")).unwrap();
    // No evaluation drops anything.
    session.apply(set(DROPOUT, "rate", "0.25")).unwrap();
    run_to(&mut session, 6);
    finish(&mut session);
    let losses: Vec<_> =
        session.effects().iter().map(|row| (row.before.unwrap(), row.after.unwrap())).collect();
    assert_ne!(losses[0].0, losses[0].1);
    assert_eq!((losses[1].0, losses[1].1), (losses[0].1, losses[0].1));
    assert_eq!(session.effects()[1].action, "set the rate of dropout1 to 0.25");
}
