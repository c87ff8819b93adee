//! Probes in the run's folder, and those that are refused.

use std::fs;
use std::rc::Rc;

use revacnn::session::{Control, Event, MAX_PROBES, PROBES_FILE, ProbeChange, Session};

use crate::bench::{Bench, run_to, settings};
use crate::inspect::{ask, digits, look, new, shown};

#[test]
fn a_resumed_run_has_its_probes() {
    let bench = Bench::new();
    let data = digits();
    let mut session = bench.kept();
    ask(&mut session, new("three.png", data.test.image(3)));
    ask(&mut session, ProbeChange::AddNumber { name: "validation image 7".to_owned(), number: 7, class: 2 });
    ask(&mut session, new("drawing 1", data.test.image(8)));
    let ids: Vec<u32> = session.inspection().probes().iter().map(|probe| probe.id).collect();
    ask(&mut session, ProbeChange::SetClass(ids[0], Some(4)));
    // Not written with each stroke, but with its end.
    ask(&mut session, ProbeChange::SetImage(ids[2], data.test.image(9).to_vec()));
    ask(&mut session, ProbeChange::Pin(ids[2]));
    run_to(&mut session, 5);
    session.save().unwrap();
    let said = |session: &Session| {
        let probes = session.inspection().probes();
        let all =
            probes.iter().map(|probe| (probe.name.clone(), probe.class, probe.is_own())).collect::<Vec<_>>();
        (all, probes.pinned().map(|probe| probe.name.clone()))
    };
    let (before, seen) = (said(&session), shown(&mut session));
    assert_eq!(before.0.len(), 3);
    let hash = session.state_hash();
    drop(session);
    let looked_at = Session::look_at(Rc::clone(&bench.gpu), &bench.path("run")).unwrap();
    assert_eq!(said(&looked_at), before);
    let mut resumed = bench.resume();
    assert_eq!((said(&resumed), shown(&mut resumed), resumed.state_hash()), (before, seen, hash.clone()));
    // Others may come after them.
    ask(&mut resumed, new("four.png", data.test.image(4)));
    assert_eq!(resumed.inspection().probes().len(), 4);
    drop(resumed);
    // A file that is damaged costs the probes, and nothing else.
    let file = bench.path("run").join(PROBES_FILE);
    let whole = fs::read(&file).unwrap();
    for damaged in [&whole[..whole.len() - 7], &whole[..20], b"{}", b""] {
        fs::write(&file, damaged).unwrap();
        let mut resumed = bench.resume();
        assert!(resumed.inspection().probes().is_empty() && resumed.state_hash() == hash);
        let notice =
            |event: &Event| matches!(event, Event::Notice(error) if error.what().contains(PROBES_FILE));
        assert!(resumed.take_events().iter().any(notice));
    }
}

#[test]
fn a_folder_with_probes_is_not_free_and_none_are_of_another_run() {
    let bench = Bench::new();
    let run = bench.path("run");
    fs::create_dir(&run).unwrap();
    fs::write(run.join(PROBES_FILE), "mine").unwrap();
    let error = Session::new(Rc::clone(&bench.gpu), &bench.network(), settings(), Some(&run)).err().unwrap();
    assert!(error.what().contains(PROBES_FILE), "{error}");
    assert_eq!(fs::read(run.join(PROBES_FILE)).unwrap(), b"mine");
    fs::remove_file(run.join(PROBES_FILE)).unwrap();
    // Where a folder is in the way the probes stay in the session, which says so.
    let mut session = bench.kept();
    fs::create_dir(run.join(PROBES_FILE)).unwrap();
    let add = Control::Inspect(new("one", digits().test.image(1)).into());
    assert!(session.control(add).is_err());
    assert_eq!(session.inspection().probes().len(), 1);
}

#[test]
fn what_cannot_be_a_probe_is_refused_and_nothing_changes() {
    let mut session = Bench::new().session();
    let image = digits().test.image(0).to_vec();
    for _ in 0..MAX_PROBES {
        ask(&mut session, new("one", &image));
    }
    let before = session.inspection().probes().clone();
    let mut refused =
        |change: ProbeChange| session.control(Control::Inspect(change.into())).unwrap_err().what().to_owned();
    assert!(refused(new("one more", &image)).contains("63 probes"));
    assert!(
        refused(ProbeChange::AddNumber { name: String::new(), number: 3, class: 0 }).contains("63 probes")
    );
    let first = before.iter().next().unwrap().id;
    assert!(refused(ProbeChange::SetImage(first, vec![0; 3])).contains("3 values"));
    for missing in [ProbeChange::Pin(999), ProbeChange::Remove(999), ProbeChange::SetClass(999, None)] {
        assert!(refused(missing).contains("no such probe"));
    }
    assert_eq!(*session.inspection().probes(), before);
    // A place that is free again is taken.
    ask(&mut session, ProbeChange::Remove(first));
    ask(&mut session, new("one more", &image));
    assert_eq!(session.inspection().probes().len(), MAX_PROBES);
    look(&mut session);
    assert!(
        session.inspection().probes().iter().all(|probe| session.inspection().answer(probe.id).is_some())
    );
}
