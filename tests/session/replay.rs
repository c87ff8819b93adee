//! A run made again from its journal.

use std::fs;
use std::path::Path;
use std::rc::Rc;

use revacnn::nn::Edit;
use revacnn::session::{
    Command, DataCommand, Event, LayerId, LayoutSource, NetworkCommand, Session, TensorKind, TimeControl,
    TrainCommand, hash_of_model,
};

use crate::bench::{Bench, finish, journal, open, run_to};
use crate::time::{go, run_with_commands};

/// 30 commands or more of all kinds over some 1 300 steps.
fn mixed_commands(session: &mut Session) {
    let edits: [fn(&Session) -> Edit; 4] = [
        |_| Edit::AddFilter { layer: 0 },
        |s| Edit::SplitFilter { layer: 0, filter: s.trainer().network.layers[0].filter_ids[1] },
        |s| Edit::DeleteFilter { layer: 0, filter: s.trainer().network.layers[0].filter_ids[0] },
        |s| Edit::ResetFilter { layer: 0, filter: s.trainer().network.layers[0].filter_ids[0] },
    ];
    for index in 0..36_u32 {
        let last = session.step();
        run_to(session, last + 13 + 7 * (index % 9));
        let command: Command = match index % 6 {
            0 => TrainCommand::SetLearningRate(0.01 + 0.001 * index as f32).into(),
            1 => NetworkCommand::Edit(edits[index as usize / 6 % 4](session)).into(),
            2 => DataCommand::SetShift(index % 3).into(),
            3 => TrainCommand::SetBatch(30 + index).into(),
            4 if index % 4 == 0 => NetworkCommand::Freeze(LayerId(0)).into(),
            4 => NetworkCommand::Thaw(LayerId(0)).into(),
            _ => TrainCommand::SetMomentum(0.8 + 0.003 * index as f32).into(),
        };
        session.apply(command).unwrap();
    }
}

#[test]
fn a_journal_is_made_again_to_the_same_bits() {
    let bench = Bench::new();
    let mut session = bench.kept();
    open(&mut session, LayoutSource::Tensor { node: 1, kind: TensorKind::Weights });
    mixed_commands(&mut session);
    run_to(&mut session, 1600);
    go(&mut session, TimeControl::GoTo(700));
    let amid = session.state_hash();
    go(&mut session, TimeControl::GoToEnd);
    session.save().unwrap();
    let hash = session.state_hash();
    assert!(journal(&bench).len() >= 30);
    drop(session);
    let run = bench.path("run");
    let again = |path: &Path, to| {
        let mut again = Session::replay(Rc::clone(&bench.gpu), path, to).unwrap();
        finish(&mut again);
        again.check_events().unwrap();
        (again.step(), again.state_hash(), again)
    };
    let (step, made, session) = again(&run, None);
    assert_eq!((step, &made), (1600, &hash));
    let parameters = &session.trainer().parameters;
    let model = hash_of_model(&run, &parameters.tensors, parameters.values.len()).unwrap();
    assert_eq!(model, (hash, 1600));
    // No layout is opened again.
    assert!(session.layouts().is_empty());
    let (step, made, _) = again(&run.join("journal.jsonl"), Some(700));
    assert_eq!((step, made), (700, amid));
    let error = Session::replay(Rc::clone(&bench.gpu), &run, Some(1601)).err().unwrap();
    assert!(error.what().contains("step 1601 is past the end"), "{error}");
}

#[test]
fn a_way_to_a_moment_that_its_commands_do_not_lead_to_ends_there_with_an_error() {
    let bench = Bench::new();
    let mut session = bench.kept();
    run_to(&mut session, 2);
    session.apply(TrainCommand::SetMomentum(0.5)).unwrap();
    run_to(&mut session, 5);
    session.apply(NetworkCommand::Edit(Edit::DeleteFilter { layer: 0, filter: 3 })).unwrap();
    drop(session);
    // By hand: a filter that there never was, and no identity and checks, as journals of before.
    let lines = journal(&bench).join("\n").replace("\"filter\":3", "\"filter\":77");
    let text = fs::read_to_string(bench.path("run/journal.jsonl")).unwrap();
    let mut header: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    for field in ["run", "check"] {
        header.as_object_mut().unwrap().remove(field);
    }
    fs::create_dir(bench.path("odd")).unwrap();
    fs::write(bench.path("odd/journal.jsonl"), format!("{header}\n{lines}\n")).unwrap();
    let mut again = Session::replay(Rc::clone(&bench.gpu), &bench.path("odd/journal.jsonl"), None).unwrap();
    finish(&mut again);
    let fault = |event| if let Event::Fault(error) = event { Some(error) } else { None };
    let faults: Vec<_> = again.take_events().into_iter().filter_map(fault).collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].what().contains("no filter 77"), "{}", faults[0]);
    assert!(faults[1].what().contains("step 5 that was sought is not part of this branch"), "{}", faults[1]);
    assert!(!again.is_travelling() && again.step() == 5);
    // The run goes on from where it stands.
    run_to(&mut again, 7);
    again.check_events().unwrap();
}

#[test]
fn a_journal_that_does_not_fit_is_said_with_its_line() {
    let bench = Bench::new();
    let mut session = bench.kept();
    run_with_commands(&mut session, 30);
    session.save().unwrap();
    drop(session);
    let file = bench.path("run/journal.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    // Alone, without the model beside it.
    let alone = bench.path("alone.jsonl");
    let replay = |text: &str| {
        fs::write(&alone, text).unwrap();
        Session::replay(Rc::clone(&bench.gpu), &alone, None)
    };
    let mut whole = replay(&text).unwrap();
    finish(&mut whole);
    assert_eq!((whole.step(), whole.layers().len()), (28, 6));
    let lines: Vec<&str> = text.lines().collect();
    let without = |index: usize| {
        let mut lines = lines.clone();
        lines.remove(index);
        lines.join("\n") + "\n"
    };
    let cases = [
        (text.replacen("set_batch", "set_botch", 1), "line 2"),
        (without(2), "line 3"),
        (text.replacen("\"step\":20", "\"step\":2", 1), "line 6"),
        (without(0), "line 1"),
        (text.replacen("\"seed\":1", "\"seed\":2", 1), "line 1"),
        (String::new(), "line 1"),
    ];
    for (text, line) in cases {
        let error = replay(&text).err().unwrap();
        assert!(error.what().contains(line), "{error}");
        assert!(!error.help().is_empty());
    }
    // Cut in the middle of a line: only what comes before the last whole command is known for certain.
    let error = replay(&text[..text.len() - 30]).err().unwrap();
    assert!(error.what().ends_with("line 9, is cut short: the rest of the command is missing"), "{error}");
    let to = |step| Session::replay(Rc::clone(&bench.gpu), &alone, Some(step));
    assert_eq!(to(25).err().unwrap().what(), error.what());
    let mut cut = to(24).unwrap();
    finish(&mut cut);
    assert_eq!((cut.step(), cut.layers().len()), (24, 5));
    assert!(Session::replay(Rc::clone(&bench.gpu), &bench.path("nothing"), None).is_err());
}
