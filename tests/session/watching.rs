//! A training elsewhere, watched: its checkpoints are shown bit for bit and evaluated, what steers it is written, all else is refused.
//! The checkpoints are written here, in the form of the callback of `examples/pytorch`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use revacnn::data::Dataset;
use revacnn::nn::{Edit, Network, TensorRange};
use revacnn::session::{
    Control, Event, LayerId, NetworkCommand, RunState, Session, Split, TimeControl, TrainCommand, Watching,
    begin_watching, follow,
};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

use crate::bench::{Bench, TINY, run_to, submit};

/// Names of PyTorch for the tensors of the tiny network, as an `nn.Sequential` in DDP has them.
const NAMES: [(&str, &str); 4] = [
    ("conv1.weight", "module.0.weight"),
    ("conv1.bias", "module.0.bias"),
    ("dense1.weight", "module.4.weight"),
    ("dense1.bias", "module.4.bias"),
];

/// The tensors of the tiny network on the digits.
fn tensors() -> Vec<TensorRange> {
    let data = Dataset::open("digits").unwrap();
    let network = Network::parse(TINY, data.shape.into(), data.classes.len()).unwrap();
    let mut ranges = Vec::new();
    for (layer, spec) in network.layers.iter().flat_map(|l| l.parameters().into_iter().map(move |s| (l, s))) {
        let len = spec.len();
        ranges.push(TensorRange { name: format!("{}.{}", layer.name, spec.name), spec, offset: 0, len });
    }
    ranges
}

/// Values of a tensor in the checkpoint of a step.
pub(crate) fn values(step: u32, kind: usize, tensor: usize, len: usize) -> Vec<f32> {
    (0..len).map(|at| ((at * 7 + tensor * 3 + kind * 5 + step as usize) % 23) as f32 / 64.0 - 0.17).collect()
}

pub(crate) fn begin_folder(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("network.toml"), TINY).unwrap();
    fs::write(folder.join("about.json"), r#"{"dataset": "digits", "batch": 60}"#).unwrap();
}

/// The file of a checkpoint: weights, gradients and first moments by the names of PyTorch.
fn file_of(step: u32, of: &dyn Fn(usize, usize, usize) -> Vec<f32>) -> Vec<u8> {
    let tensors = tensors();
    let mut stored: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for (kind, prefix) in ["", "grad.", "momentum."].into_iter().enumerate() {
        for (at, (tensor, (ours, theirs))) in tensors.iter().zip(NAMES).enumerate() {
            assert_eq!(tensor.name, ours);
            // A dense layer of PyTorch has a matrix.
            let shape = match &tensor.spec.shape[..] {
                [out, rest @ ..] if ours == "dense1.weight" => vec![*out, rest.iter().product()],
                shape => shape.to_vec(),
            };
            stored.push((
                format!("{prefix}{theirs}"),
                shape,
                bytemuck::cast_slice(&of(kind, at, tensor.len)).to_vec(),
            ));
        }
    }
    let views = stored.iter().map(|(name, shape, bytes)| {
        (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    safetensors::serialize(views, Some(HashMap::from([("step".to_owned(), step.to_string())]))).unwrap()
}

fn report(folder: &Path, step: u32, more: &Value) {
    let mut line = json!({"step": step, "file": format!("step-{step:08}.safetensors"), "loss": 2.0, "accuracy": 0.25, "lr": 0.05,
        "momentum": 0.8, "weight_decay": 0.0, "optimizer": "sgd"});
    line.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let path = folder.join("checkpoints.jsonl");
    let before = fs::read_to_string(&path).unwrap_or_default();
    fs::write(&path, format!("{before}{line}\n")).unwrap();
}

pub(crate) fn write(folder: &Path, step: u32, more: &Value) {
    write_with(folder, step, more, |_| true);
}

/// A checkpoint with those tensors of whose names this is true.
pub(crate) fn write_with(folder: &Path, step: u32, more: &Value, keeps: impl Fn(&str) -> bool) {
    let whole = file_of(step, &|kind, tensor, len| values(step, kind, tensor, len));
    let tensors = safetensors::SafeTensors::deserialize(&whole).unwrap();
    let kept = tensors.iter().filter(|(name, _)| keeps(name));
    let bytes =
        safetensors::serialize(kept, Some(HashMap::from([("step".to_owned(), step.to_string())]))).unwrap();
    fs::write(folder.join(format!("step-{step:08}.safetensors")), bytes).unwrap();
    report(folder, step, more);
}

/// A watched folder with the checkpoint of step 10.
pub(crate) fn watch(bench: &Bench) -> Session {
    let folder = bench.path("watched");
    begin_folder(&folder);
    write(&folder, 10, &json!({}));
    let watching = Watching { folder, patient: true, ..Watching::default() };
    begin_watching(Rc::clone(&bench.gpu), &watching).unwrap()
}

/// Follows until nothing is left to do; returns what happened.
pub(crate) fn go_on(session: &mut Session) -> Vec<Event> {
    loop {
        while follow(session) | session.advance() {}
        session.settle();
        // A result that came back lets the next checkpoint in.
        if !follow(session) {
            return session.take_events();
        }
    }
}

fn notices(events: &[Event]) -> Vec<String> {
    let text = |event: &Event| match event {
        Event::Notice(error) => Some(error.what().to_owned()),
        Event::Fault(error) => panic!("{error}"),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

/// Weights, gradients and moments on the GPU are those of a step's file.
fn assert_shows(session: &Session, step: u32) {
    let parameters = &session.trainer().parameters;
    let buffers = [&parameters.values, &parameters.last_gradients, &parameters.moments];
    for (kind, buffer) in buffers.into_iter().enumerate() {
        let flat = buffer.read(session.gpu());
        for (at, tensor) in parameters.tensors.iter().enumerate() {
            let found = &flat[tensor.offset..tensor.offset + tensor.len];
            assert_eq!(found, values(step, kind, at, tensor.len), "{kind} {}", tensor.name);
        }
    }
    assert_eq!(session.step(), step);
}

#[test]
fn checkpoints_are_shown_bit_for_bit_with_the_change_of_each_filter() {
    let bench = Bench::new();
    let mut session = watch(&bench);
    assert_eq!(notices(&go_on(&mut session)), [""; 0]);
    assert_shows(&session, 10);
    write(&bench.path("watched"), 20, &json!({"epoch": 0.5}));
    assert_eq!(notices(&go_on(&mut session)), [""; 0]);
    assert_shows(&session, 20);
    assert_eq!((session.epoch() * 1000.0).round(), 500.0);
    let drift = session.filter_drift(1).unwrap().read(session.gpu());
    let [from, to] = [10, 20].map(|step| values(step, 0, 0, 36));
    for (filter, drift) in drift.iter().enumerate() {
        let of_filter = from.iter().zip(&to).skip(9 * filter).take(9);
        let wanted: f32 = of_filter.map(|(from, to)| (from - to).abs()).sum();
        assert!((drift - wanted).abs() < 1e-4, "filter {filter}: {drift}, not {wanted}");
    }
    // No step is made, whatever is asked for.
    session.play();
    session.single_step();
    assert_eq!(notices(&go_on(&mut session)), [""; 0]);
    assert_shows(&session, 20);
    assert_eq!(session.state(), RunState::Training);
}

/// The weights of a run of our own, watched, have the accuracy that this run has by itself.
#[test]
fn a_checkpoint_is_evaluated_as_the_run_that_it_is_of() {
    let bench = Bench::new();
    let mut own = bench.session();
    run_to(&mut own, 30);
    own.evaluate(Split::Validation);
    while own.advance() {}
    own.settle();
    let score = |events: Vec<Event>| {
        let found = events.into_iter().find_map(|event| match event {
            Event::Evaluated { split: Split::Validation, loss, accuracy, .. } => Some((loss, accuracy)),
            _ => None,
        });
        found.expect("it was evaluated")
    };
    let wanted = score(own.take_events());
    let parameters = &own.trainer().parameters;
    let flat = parameters.values.read(own.gpu());
    let of = |_: usize, tensor: usize, len: usize| {
        let range = &parameters.tensors[tensor];
        assert_eq!(range.len, len);
        flat[range.offset..range.offset + len].to_vec()
    };
    let mut session = watch(&bench);
    let other = score(go_on(&mut session));
    assert_ne!(other, wanted);
    let folder = bench.path("watched");
    fs::write(folder.join("step-00000030.safetensors"), file_of(30, &of)).unwrap();
    report(&folder, 30, &json!({}));
    assert_eq!(score(go_on(&mut session)), wanted);
    let points = &session.metrics().epochs;
    let last = points.last().unwrap();
    assert_eq!((points.len(), last.step, last.val_loss, last.val_accuracy), (2, 30, wanted.0, wanted.1));
    assert_eq!(
        session.metrics().steps.iter().map(|s| (s.step, s.loss)).collect::<Vec<_>>(),
        [(10, 2.0), (30, 2.0)]
    );
}

/// Takes turns of next to no time until an evaluation is under way.
fn begin_evaluation(session: &mut Session) {
    while !session.is_evaluating(Split::Validation) {
        follow(session);
        submit(session, 1e-9);
    }
    (0..3).for_each(|_| _ = submit(session, 1e-9));
    assert!(session.is_evaluating(Split::Validation), "it takes more than three turns");
}

#[test]
fn a_checkpoint_does_not_wait_for_an_evaluation_but_where_the_last_one_did_not_either() {
    let bench = Bench::new();
    let folder = bench.path("watched");
    begin_folder(&folder);
    write(&folder, 10, &json!({}));
    let watching = Watching { folder: folder.clone(), ..Watching::default() };
    let mut session = begin_watching(Rc::clone(&bench.gpu), &watching).unwrap();
    begin_evaluation(&mut session);
    write(&folder, 20, &json!({}));
    follow(&mut session);
    assert!(!session.is_evaluating(Split::Validation) && session.metrics().epochs.is_empty());
    assert_shows(&session, 20);
    // Now the evaluation is let to its end, whatever comes.
    begin_evaluation(&mut session);
    write(&folder, 30, &json!({}));
    follow(&mut session);
    assert!(session.is_evaluating(Split::Validation));
    assert_shows(&session, 20);
    while session.metrics().epochs.last().is_none_or(|epoch| epoch.step != 30) {
        follow(&mut session);
        submit(&mut session, 5.0);
        session.settle();
    }
    assert_shows(&session, 30);
    let evaluated: Vec<u32> = session.metrics().epochs.iter().map(|epoch| epoch.step).collect();
    assert_eq!(evaluated, [20, 30]);
    // What an evaluation that was dropped left behind is no part of the next one.
    let scores =
        |session: &Session| session.metrics().epochs.last().map(|epoch| (epoch.val_loss, epoch.val_accuracy));
    let patient = Watching { patient: true, ..watching };
    let mut again = begin_watching(Rc::clone(&bench.gpu), &patient).unwrap();
    go_on(&mut again);
    assert_eq!(scores(&again), scores(&session));
}

fn orders(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("steer.json")).unwrap()).unwrap()
}

#[test]
fn what_steers_is_written_for_the_training() {
    let bench = Bench::new();
    let mut session = watch(&bench);
    go_on(&mut session);
    let folder = bench.path("watched");
    assert_eq!((session.settings().hyper.learning_rate, session.settings().hyper.momentum), (0.05, 0.8));
    session.apply(TrainCommand::SetLearningRate(0.1)).unwrap();
    assert_eq!(
        orders(&folder),
        json!({"version": 1, "set": {"lr": 0.1}, "freeze": {}, "pause": false, "save": 0})
    );
    // A checkpoint of before does not take the control back; one of after does.
    write(&folder, 20, &json!({"lr": 0.05, "betas": [0.9, 0.99]}));
    go_on(&mut session);
    assert_eq!(session.settings().hyper.learning_rate, 0.1);
    write(&folder, 30, &json!({"lr": 0.07, "steered": 1, "betas": [0.9, 0.99], "optimizer": "adam"}));
    go_on(&mut session);
    assert_eq!((session.settings().hyper.learning_rate, session.settings().hyper.momentum), (0.07, 0.9));
    assert_eq!(session.settings().hyper.optimizer.name(), "adam");
    session.apply(TrainCommand::SetMomentum(0.5)).unwrap();
    session.apply(NetworkCommand::FreezeFilters { layer: LayerId(0), filters: vec![1, 3] }).unwrap();
    session.control(Control::Pause).unwrap();
    session.control(Control::Save).unwrap();
    let wanted = json!({
        "version": 5, "set": {"lr": 0.1, "betas": [0.5, 0.99]}, "pause": true, "save": 1,
        "freeze": {"module.0.weight": [1, 3], "module.0.bias": [1, 3]},
    });
    assert_eq!(orders(&folder), wanted);
    assert_eq!((session.goes_on(), session.state()), (false, RunState::Paused));
    session.apply(NetworkCommand::Freeze(LayerId(0))).unwrap();
    assert_eq!(orders(&folder)["freeze"]["module.0.bias"], json!([0, 1, 2, 3]));
    session.apply(NetworkCommand::Thaw(LayerId(0))).unwrap();
    session.apply(NetworkCommand::ThawFilters { layer: LayerId(0), filters: vec![1] }).unwrap();
    session.control(Control::Play).unwrap();
    let last = orders(&folder);
    assert_eq!((&last["freeze"]["module.0.weight"], &last["pause"]), (&json!([3]), &json!(false)));
    // What does not reach it changes nothing.
    let edit = NetworkCommand::Edit(Edit::AddFilter { layer: 0 });
    for refused in [
        session.apply(edit),
        session.apply(TrainCommand::SetBatch(7)),
        session.control(Control::SingleStep),
        session.control(Control::Twin(true)),
    ] {
        assert!(refused.unwrap_err().what().starts_with("not possible in a training that is watched: "));
    }
    assert_eq!(orders(&folder), last);
    // The next one who watches goes on from there.
    let watching = Watching { folder: folder.clone(), patient: true, ..Watching::default() };
    let mut again = begin_watching(Rc::clone(&bench.gpu), &watching).unwrap();
    again.control(Control::Pause).unwrap();
    let mut wanted = last.clone();
    (wanted["version"], wanted["pause"]) = (json!(last["version"].as_u64().unwrap() + 1), json!(true));
    assert_eq!(orders(&folder), wanted);
}

#[test]
fn the_timeline_goes_to_a_checkpoint_of_the_past_and_back() {
    let bench = Bench::new();
    let mut session = watch(&bench);
    let folder = bench.path("watched");
    (2..5).for_each(|at| write(&folder, 10 * at, &json!({})));
    go_on(&mut session);
    assert_shows(&session, 40);
    let shown = session.timeline();
    assert_eq!((shown.step, shown.reached, &shown.key_frames[..]), (40, 40, &[10, 20, 30, 40][..]));
    session.control(Control::Time(TimeControl::GoTo(25))).unwrap();
    write(&folder, 50, &json!({}));
    assert_eq!(notices(&go_on(&mut session)), [""; 0]);
    assert_shows(&session, 20);
    assert_eq!((session.timeline().step, session.timeline().reached), (20, 50));
    let refused = session.apply(TrainCommand::SetLearningRate(0.5)).unwrap_err();
    assert!(refused.help().contains("end of the timeline"), "{refused}");
    session.control(Control::Time(TimeControl::GoToEnd)).unwrap();
    go_on(&mut session);
    assert_shows(&session, 50);
    // A file that is gone is said, and the run stays where it is.
    fs::remove_file(folder.join("step-00000010.safetensors")).unwrap();
    session.control(Control::Time(TimeControl::GoTo(0))).unwrap();
    let told = notices(&go_on(&mut session));
    assert!(told.len() == 1 && told[0].contains("step-00000010.safetensors"), "{told:?}");
    assert_shows(&session, 50);
}

#[test]
fn damage_is_said_once_and_survived() {
    let bench = Bench::new();
    let mut session = watch(&bench);
    go_on(&mut session);
    let folder = bench.path("watched");
    // Half a file, that becomes whole.
    let whole = file_of(20, &|kind, tensor, len| values(20, kind, tensor, len));
    let file = folder.join("step-00000020.safetensors");
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    report(&folder, 20, &json!({}));
    let told = [go_on(&mut session), go_on(&mut session)].map(|events| notices(&events).len());
    assert_eq!(told, [1, 0]);
    assert_shows(&session, 10);
    fs::write(&file, &whole).unwrap();
    assert_eq!(notices(&go_on(&mut session)), [""; 0]);
    assert_shows(&session, 20);
    // Another network.
    let other = safetensors::serialize(
        [("module.0.weight", TensorView::new(Dtype::F32, vec![2], &[0; 8]).unwrap())],
        None,
    );
    fs::write(folder.join("step-00000030.safetensors"), other.unwrap()).unwrap();
    report(&folder, 30, &json!({}));
    let told = notices(&go_on(&mut session));
    assert!(told.len() == 1 && told[0].contains("module.0.weight"), "{told:?}");
    assert_shows(&session, 20);
    // A folder that goes, and comes back with more.
    let away = bench.path("away");
    fs::rename(&folder, &away).unwrap();
    let told = [go_on(&mut session), go_on(&mut session)].map(|events| notices(&events));
    assert!(
        told[0].len() == 1 && told[0][0].ends_with("watched is not there") && told[1].is_empty(),
        "{told:?}"
    );
    assert!(session.control(Control::Pause).unwrap_err().what().contains("steer.json"));
    assert_shows(&session, 20);
    fs::rename(&away, &folder).unwrap();
    write(&folder, 40, &json!({}));
    assert_eq!(notices(&go_on(&mut session)), [""; 0]);
    assert_shows(&session, 40);
    // The training begins again.
    fs::remove_file(folder.join("checkpoints.jsonl")).unwrap();
    write(&folder, 5, &json!({}));
    assert_eq!(notices(&go_on(&mut session)), [""; 0]);
    assert_shows(&session, 5);
    assert_eq!(session.metrics().steps.len(), 1);
}
