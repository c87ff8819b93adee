//! Ways through the time of a run: back, forward, to another branch, and what is done on arrival.
//!
//! A way restores the last key-frame before its end, and trains on from there, with the commands of the journal. It takes as many
//! frames as that needs, and can be stopped at any step, where the run then stands.

use super::branch_files;
use super::command::{Command, TimeControl, TrainCommand};
use super::event::Event;
use super::journal_file::Entry;
use super::settings::RunSettings;
use super::state::Session;
use super::timeline::{Arrival, Branch, BranchShown, KeyFrame, Mark, Moment, TimelineShown, Travel, Undone};
use crate::error::{Error, Result};
use crate::nn::{Hyper, Network, Snapshot, TrainerOptions};

/// The present moment.
pub(super) fn now(session: &Session) -> Moment {
    session.journal.moment(session.step())
}

/// Asks for a way through time; it begins once nothing is recorded that was not submitted.
///
/// # Errors
/// When there is no such moment.
pub(super) fn ask(session: &mut Session, control: TimeControl) -> Result<()> {
    let timeline = &session.timeline;
    let count = timeline.branches.len();
    match control {
        TimeControl::Undo if session.journal.last_change().is_none() && session.pending.is_empty() => {
            return Err(Error::usage(
                "there is nothing to undo",
                "only commands that change the run are undone",
            ));
        }
        TimeControl::Redo if timeline.undone.is_empty() => {
            return Err(Error::usage("there is nothing to do again", "undo something first"));
        }
        TimeControl::Switch(branch) if branch >= count => {
            let help = format!("there are {count} branches, from 0 to {}", count - 1);
            return Err(Error::usage(format!("there is no branch {branch}"), help));
        }
        TimeControl::GoTo(step) if step > timeline.reached.step => {
            let help = format!("go to 0 to {}, or train on", timeline.reached.step);
            return Err(Error::usage(format!("step {step} was not reached yet"), help));
        }
        TimeControl::GoToBookmark(index) | TimeControl::SetBookmark(index)
            if index >= timeline.bookmarks.len() =>
        {
            return Err(Error::usage(format!("there is no bookmark {index}"), "there are 0 and 1"));
        }
        TimeControl::GoToBookmark(index) if timeline.bookmarks[index].is_none() => {
            return Err(Error::usage("this bookmark is not set", "set it at another moment first"));
        }
        _ => {}
    }
    session.timeline.request = Some(control);
    Ok(())
}

/// Begins what was asked for. Nothing may be recorded that is not submitted.
pub(super) fn leave(session: &mut Session) {
    let idle = session.progress.is_idle();
    if !session.pending.is_empty() {
        return;
    }
    // A fork or a bookmark is of the end of a step.
    let begins = |control: &mut TimeControl| {
        idle || !matches!(control, TimeControl::Fork | TimeControl::SetBookmark(_))
    };
    if let Some(control) = session.timeline.request.take_if(begins)
        && let Err(error) = begin(session, control)
    {
        session.events.push(Event::Fault(error));
    }
}

/// Ends a way that has come to its moment, and does what was to be done there. No work may be under way.
pub(super) fn arrive(session: &mut Session) {
    let here = now(session);
    if let Some(travel) = session.timeline.travel.take_if(|travel| travel.to == here) {
        end(session);
        if let Err(error) = carry_on(session, travel.then) {
            session.events.push(Event::Fault(error));
        }
    }
}

/// True while a step is to be made on the way.
pub(super) fn wants_step(session: &Session) -> bool {
    session.timeline.travel.as_ref().is_some_and(|travel| now(session).time() < travel.to.time())
}

fn begin(session: &mut Session, control: TimeControl) -> Result<()> {
    let (here, branch) = (now(session), session.timeline.branch);
    match control {
        TimeControl::GoTo(step) => {
            let end = session.timeline.reached;
            let to = if step >= end.step { end } else { before_commands(session, step) };
            depart(session, branch, to, Arrival::Stay)
        }
        TimeControl::GoToEnd => depart(session, branch, session.timeline.reached, Arrival::Stay),
        TimeControl::Undo => {
            let change = session.journal.last_change().map(|(at, _)| at);
            change.map_or(Ok(()), |at| depart(session, branch, at, Arrival::Undo(here)))
        }
        TimeControl::Redo => match session.timeline.undone.pop() {
            Some(Undone { command, at, until }) => depart(session, branch, at, Arrival::Redo(command, until)),
            None => Ok(()),
        },
        TimeControl::Fork => {
            diverge(session, true)?;
            session.journal.drop_to_come(here.step);
            session.write_journal()
        }
        TimeControl::Switch(to) => {
            let end = session.timeline.branches[to].reached;
            let end = if to == branch { session.timeline.reached } else { end };
            depart(session, to, end, Arrival::Stay)
        }
        TimeControl::SetBookmark(index) => {
            session.timeline.bookmarks[index] = Some((branch, here));
            keep_present(session);
            Ok(())
        }
        TimeControl::GoToBookmark(index) => {
            let there = session.timeline.bookmarks[index];
            there.map_or(Ok(()), |(branch, at)| depart(session, branch, at, Arrival::Stay))
        }
    }
}

/// The moment at a step of the present life, before the commands that were given there.
fn before_commands(session: &Session, step: u32) -> Moment {
    let life = session.timeline.reached.life;
    let (mut at, mut commands) = ((0, 0), 0);
    for line in session.journal.entries().0.iter().filter(|line| !line.value.command.is_view()) {
        at = (at.0, line.value.step);
        if at >= (life, step) {
            break;
        }
        commands += 1;
        at.0 += u32::from(matches!(line.value.command, Command::Train(TrainCommand::Reset(_))));
    }
    Moment { life, step, commands }
}

/// Leaves for a moment of a branch.
fn depart(session: &mut Session, branch: usize, to: Moment, then: Arrival) -> Result<()> {
    let (from, former) = (now(session), session.timeline.branch);
    let frame_at = session.timeline.best(branch, to).map(|frame| frame.at);
    let same = branch == session.timeline.branch;
    let stays = same && from <= to && frame_at.is_none_or(|at| at <= from);
    // What is under way would go past it.
    let stays = stays && (session.progress.is_between() || from.time() < to.time());
    session.timeline.keep_metrics(from.life, &session.metrics);
    if !stays {
        let origin = if frame_at.is_none() { Some(beginning(session)?) } else { None };
        keep_end(session, from);
        take_branch(session, branch)?;
        let restored = match origin {
            Some((network, snapshot)) => restore_beginning(session, network, &snapshot),
            None => restore_frame(session, branch, to),
        };
        if let Err(error) = restored {
            take_branch(session, former)?;
            session.journal.go_to(from);
            return Err(error);
        }
    }
    (session.progress.playing, session.progress.single_step) = (false, false);
    session.progress.travels = true;
    session.journal.wait_after(to.commands);
    session.timeline.travel = Some(Travel { from, to, then });
    Ok(())
}

/// The end of a branch is worth a key-frame, so that it can be come back to at once.
fn keep_end(session: &mut Session, from: Moment) {
    if session.progress.is_between() && from == session.timeline.reached {
        keep_present(session);
    }
}

/// Makes a key-frame of the present.
pub(super) fn keep_present(session: &mut Session) {
    let at = now(session);
    let mut encoder = session.gpu().encoder("key-frame");
    session.timeline.keep(&mut encoder, &session.run, (at, session.network_version), &session.metrics.dead);
    session.gpu().submit(encoder);
}

/// Takes the commands of another branch for those of the present one.
fn take_branch(session: &mut Session, to: usize) -> Result<()> {
    let timeline = &mut session.timeline;
    if to == timeline.branch {
        return Ok(());
    }
    let from = std::mem::replace(&mut timeline.branch, to);
    let lines = std::mem::take(&mut timeline.branches[to].lines);
    timeline.branches[from].lines = session.journal.replace(lines);
    timeline.branches[from].reached = std::mem::replace(&mut timeline.reached, timeline.branches[to].reached);
    let metrics = std::mem::take(&mut timeline.branches[to].metrics);
    timeline.branches[from].metrics = std::mem::replace(&mut timeline.metrics, metrics);
    timeline.undone.clear();
    branch_files::write(session, from)
}

/// The network and the state at the beginning of the run.
fn beginning(session: &Session) -> Result<(Network, Snapshot)> {
    let header = session.journal.header();
    let trainer = session.trainer();
    let none = || {
        let what = "the beginning of this run cannot be made again: its journal does not hold its network";
        Error::new(what, "go to a later step; runs that are begun now can go back to their beginning")
    };
    let text = header.network_toml.as_deref().ok_or_else(none)?;
    let mut network = Network::parse(text, trainer.network.input, trainer.network.classes)?;
    header.settings.freeze(&mut network);
    let options =
        TrainerOptions { hyper: Hyper { since: 0, ..header.settings.hyper }, ..header.settings.trainer() };
    let snapshot = Snapshot::of_beginning(trainer.gpu(), &network, options)?;
    Ok((network, snapshot))
}

fn restore_beginning(session: &mut Session, network: Network, snapshot: &Snapshot) -> Result<()> {
    let former = layer_ids(session);
    let settings = session.journal.header().settings.clone();
    session.run.trainer.restore(snapshot, Some(network))?;
    take_in(session, Moment::default(), (settings, Vec::new()), Some(&former));
    Ok(())
}

fn layer_ids(session: &Session) -> Vec<u32> {
    session.trainer().network.layers.iter().map(|layer| layer.id).collect()
}

fn restore_frame(session: &mut Session, branch: usize, to: Moment) -> Result<()> {
    let former = layer_ids(session);
    let Session { timeline, run, .. } = session;
    let Some(frame) = timeline.best(branch, to) else { return Ok(()) };
    let KeyFrame { at, snapshot, settings, network, dead, .. } = frame;
    let present = &run.trainer.network;
    let mut then = Network::parse(network, present.input, present.classes)?;
    settings.freeze(&mut then);
    let differs = then.to_toml() != present.to_toml()
        || then.layers.iter().zip(&present.layers).any(|(a, b)| a.frozen != b.frozen);
    let (at, kept) = (*at, (settings.clone(), dead.clone()));
    run.trainer.restore(snapshot, differs.then_some(then))?;
    take_in(session, at, kept, differs.then_some(&former));
    Ok(())
}

/// The trainer was taken to a moment: what was under way is dropped, and all that shows the run follows. `former` are the layers of
/// before, where the network is another one.
fn take_in(
    session: &mut Session,
    at: Moment,
    (settings, dead): (RunSettings, Vec<usize>),
    former: Option<&[u32]>,
) {
    session.progress.stop();
    session.progress.requests.clear();
    session.readback.forget();
    session.layouts.restart_features();
    let probe = session.run.settings.probe;
    session.run.settings = RunSettings { probe, ..settings };
    session.journal.go_to(at);
    session.metrics.dead = dead;
    former.into_iter().for_each(|former| session.follow_network(former));
    session.progress.take_plans(&session.run.trainer);
    session.layouts.restart(session.run.trainer.gpu());
    session.throughput.restart();
}

/// Ends a way where the run stands: its metrics are those of now.
fn end(session: &mut Session) {
    session.progress.travels = false;
    let now = now(session);
    session.journal.wait_after(now.commands);
    let kept = session.timeline.metrics.get(&now.life).filter(|kept| kept.last_step() >= now.step);
    if let Some(kept) = kept {
        let dead = std::mem::take(&mut session.metrics.dead);
        let rate = session.metrics.images_per_s;
        session.metrics = kept.until(now.step);
        (session.metrics.dead, session.metrics.images_per_s) = (dead, rate);
    }
    session.progress.probes_stale = true;
    session.throughput.restart();
}

/// Stops a way through time where it is.
pub(super) fn stop(session: &mut Session) {
    session.timeline.request = None;
    if session.timeline.travel.take().is_some() {
        end(session);
    }
}

fn carry_on(session: &mut Session, then: Arrival) -> Result<()> {
    match then {
        Arrival::Stay => Ok(()),
        Arrival::Undo(until) => {
            let mut to_come = session.journal.changes_to_come().cloned();
            let (next, others) = (to_come.next(), to_come.next().is_some());
            drop(to_come);
            let Some(command) = next else { return Ok(()) };
            diverge(session, others)?;
            let at = now(session);
            session.timeline.undone.push(Undone { command, at, until });
            session.journal.drop_to_come(at.step);
            session.write_journal()
        }
        Arrival::Redo(command, until) => {
            let undone = std::mem::take(&mut session.timeline.undone);
            session.carry_out_and_log(command)?;
            session.timeline.undone = undone;
            session.timeline.reached = session.timeline.reached.max(now(session));
            depart(session, session.timeline.branch, until, Arrival::Stay)
        }
    }
}

/// The run goes another way from now on than it went before, if it did. The former way is kept as a branch if `keep` says so. The model
/// in the run's folder never is of a moment that the journal no longer has.
pub(super) fn diverge(session: &mut Session, keep: bool) -> Result<()> {
    let here = now(session);
    if session.timeline.saved.is_some_and(|saved| saved > here) {
        session.write_checkpoint()?;
    }
    if !keep {
        session.timeline.forget_after(here);
        return Ok(());
    }
    let timeline = &mut session.timeline;
    let from = timeline.branch;
    let left = &mut timeline.branches[from];
    left.lines = session.journal.entries().0.to_vec();
    left.reached = timeline.reached;
    left.metrics = timeline.metrics.clone();
    timeline.begin_branch(here);
    branch_files::write(session, from)
}

/// A command is about to be carried out: keeps the present to come back to, and begins a branch where the run went another way before.
pub(super) fn before_command(session: &mut Session, command: &Command) -> Result<()> {
    let here = now(session);
    if command.is_view() {
        let ahead = session.timeline.saved.is_some_and(|saved| saved > here);
        return if ahead { session.write_checkpoint() } else { Ok(()) };
    }
    keep_present(session);
    session.timeline.undone.clear();
    let others = session.timeline.reached > here || session.journal.changes_to_come().next().is_some();
    if others { diverge(session, true) } else { Ok(()) }
}

/// A command that changes the run was carried out.
pub(super) fn after_command(session: &mut Session) {
    session.timeline.reached = session.timeline.reached.max(now(session));
}

/// A step was recorded.
pub(super) fn step_made(session: &mut Session, encoder: &mut wgpu::CommandEncoder) {
    let at = now(session);
    let Session { timeline, run, metrics, network_version, .. } = session;
    if timeline.step_made(at) {
        timeline.keep(encoder, run, (at, *network_version), &metrics.dead);
    }
}

/// The run was halted: what was recorded after the present moment had no effect.
pub(super) fn halted(session: &mut Session) {
    stop(session);
    let here = now(session);
    session.timeline.forget_after(here);
}

/// Keeps key-frames from now on, in a budget of bytes.
pub(super) fn keep_time(session: &mut Session, budget: u64) {
    session.timeline.frames.set_budget(budget);
    if session.progress.is_between() {
        keep_present(session);
    }
}

/// The time of the run for a user interface.
pub(super) fn shown(session: &Session) -> TimelineShown {
    let (timeline, here) = (&session.timeline, now(session));
    let (entries, done) = session.journal.entries();
    let (mut life, mut marks) = (0, Vec::new());
    for (index, Entry { step, command }) in entries.iter().map(|line| &line.value).enumerate() {
        if matches!(command, Command::Train(TrainCommand::Reset(_))) {
            life += 1;
            marks.clear();
        } else if !command.is_view() {
            marks.push(Mark { step: *step, words: words(command), done: index < done });
        }
        if life > here.life {
            break;
        }
    }
    let branch = |(index, branch): (usize, &Branch)| {
        let is_present = index == timeline.branch;
        let reached = if is_present { timeline.reached } else { branch.reached };
        let from = branch.parent.map_or(0, |(_, from)| from.step);
        BranchShown { from, reached: reached.step, is_present }
    };
    let of_past = |frame: &&KeyFrame| frame.branch == timeline.branch && frame.at.life == here.life;
    TimelineShown {
        step: here.step,
        reached: timeline.reached.step.max(here.step),
        marks,
        key_frames: timeline.frames.iter().filter(of_past).map(|frame| frame.at.step).collect(),
        memory: timeline.frames.memory(),
        branches: timeline.branches.iter().enumerate().map(branch).collect(),
        sought: timeline.travel.as_ref().map(|travel| travel.to.step),
        undo: session.journal.last_change().map(|(_, command)| words(command)),
        redo: timeline.undone.last().map(|undone| words(&undone.command)),
        bookmarks: timeline.bookmarks.map(|bookmark| bookmark.map(|(_, at)| at.step)),
    }
}

/// A command in words.
fn words(command: &Command) -> String {
    serde_json::to_string(command).unwrap_or_default()
}
