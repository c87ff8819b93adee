//! Random commands, steps and ways through time: whatever happened, the run's journal makes its state again bit for bit.

use std::fs;
use std::rc::Rc;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use revacnn::nn::Hyper;
use revacnn::session::{Control, RunSettings, Session, TimeControl};

use crate::bench::{Bench, TINY, finish, settings, submit};
use crate::random::{TIED, assert_well, command, commands, one_step, seed};

/// A way that may exist.
fn way(session: &Session, rng: &mut ChaCha8Rng) -> TimeControl {
    let shown = session.timeline();
    match rng.random_range(0..11) {
        0..3 => TimeControl::GoTo(rng.random_range(0..=shown.reached)),
        3 => TimeControl::GoToEnd,
        4 | 5 => TimeControl::Undo,
        6 => TimeControl::Redo,
        7 => TimeControl::Fork,
        8 => TimeControl::Switch(rng.random_range(0..shown.branches.len())),
        9 => TimeControl::SetBookmark(rng.random_range(0..2)),
        _ => TimeControl::GoToBookmark(rng.random_range(0..2)),
    }
}

/// The journal alone makes the saved state again, and so does a resume.
fn assert_made_again(session: &mut Session, bench: &Bench, place: &str) {
    session.save().unwrap();
    let (hash, step) = (session.state_hash(), session.step());
    let mut again = Session::replay(Rc::clone(&bench.gpu), &bench.path("run"), None).unwrap();
    finish(&mut again);
    again.check_events().unwrap();
    assert_eq!((again.step(), again.state_hash()), (step, hash.clone()), "{place}");
    let seen = Session::look_at(Rc::clone(&bench.gpu), &bench.path("run")).unwrap();
    assert_eq!(seen.state_hash(), hash, "{place}");
}

fn wander(network: &str, seed: u64, count: usize, room: u64) {
    let bench = Bench::new();
    fs::write(bench.path("tiny.toml"), network).unwrap();
    let hyper = Hyper { clip_norm: 1.0, ..Hyper::default() };
    let mut session = bench.open(RunSettings { hyper, ..settings() }, Some(&bench.path("run")));
    session.keep_time(room);
    let (mut rng, mut resets, mut ways) = (ChaCha8Rng::seed_from_u64(seed), 0, 0);
    for number in 0..count {
        let place = format!("seed {seed}, number {number}");
        if rng.random_range(0..5) == 0 {
            // Amid a step, which is given up or finished.
            session.single_step();
            submit(&mut session, 1e-9);
        }
        if rng.random_range(0..3) == 0 {
            let way = way(&session, &mut rng);
            let asked = session.control(Control::Time(way));
            if rng.random_range(0..6) == 0 {
                submit(&mut session, 1e-9);
                session.pause();
            }
            finish(&mut session);
            ways += usize::from(asked.is_ok());
            assert_well(&mut session, &format!("{place}, {way:?}"));
        } else if let Some(command) = command(&session, &mut rng, &mut resets) {
            let place = format!("{place}, {command:?}");
            session.apply(command).ok();
            finish(&mut session);
            assert_well(&mut session, &place);
        }
        finish(&mut session);
        (0..rng.random_range(0..4)).for_each(|_| one_step(&mut session));
        assert_well(&mut session, &place);
        let (bytes, most) = session.timeline().memory;
        assert!(bytes <= most, "{place}: {bytes} bytes of {most}");
        if number % 25 == 24 {
            assert_made_again(&mut session, &bench, &place);
        }
        if number % 60 == 59 {
            drop(session);
            session = bench.resume();
            session.keep_time(room);
            session.restore_layouts();
        }
    }
    assert!(ways > count / 6, "{ways} ways of {count}");
}

#[test]
fn whatever_way_was_taken_the_journal_makes_the_run_again() {
    wander(TINY, seed(21), commands(80), 64 << 20);
}

#[test]
fn so_it_does_with_few_key_frames_and_tied_filters() {
    wander(TIED, seed(22), commands(60), 200_000);
}
