//! Twins: a run forks where a script begins; both go on with the same images, one with the commands of the script and one without.

mod student;

use std::path::Path;
use std::rc::Rc;

use serde::Serialize;

pub use student::Interval;

use super::command::{Control, TimeControl};
use super::event::{Event, RunState, Split, StopCondition};
use super::recorded::Recorded;
use super::start_file;
use super::state::Session;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::nn::Network;

/// Commands of twins, and how far they go.
#[derive(Debug, Clone, Copy)]
pub struct TwinPlan<'a> {
    /// Name of the script in errors.
    pub name: &'a str,
    /// The script; without commands both are the same.
    pub script: &'a str,
    /// Steps after the fork.
    pub steps: u32,
    /// Measurements after that at the fork, 1 or more.
    pub points: u32,
}

/// Loss and accuracy over the validation images at a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TwinPoint {
    /// Number of steps finished.
    pub step: u32,
    /// Mean loss.
    pub loss: f32,
    /// Share classified right, 0 to 1.
    pub accuracy: f32,
}

/// The two courses of a seed, measured at the same steps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TwinCourses {
    /// Seed of the run.
    pub seed: u64,
    /// Without the commands.
    pub without: Vec<TwinPoint>,
    /// With them; at the fork just after those that are given there.
    pub with: Vec<TwinPoint>,
}

/// Work between two encoders: returns whether the twins go on.
pub type Beside<'a> = dyn FnMut(&Session) -> bool + 'a;

/// A new run with the data, network and settings with which the run in the folder `path` began, and with its own weights where it was
/// imported; seed `seed`, or its own. Its commands are left out, and it is kept nowhere.
///
/// # Errors
/// When there is no run, or its data or its network are not there.
pub fn begin_like(gpu: Rc<Gpu>, path: &Path, seed: Option<u64>) -> Result<Session> {
    let Recorded { mut header, network, folder, .. } = Recorded::open(path, Some(0))?;
    let data = Dataset::open(&header.settings.dataset)?;
    let network = Network::parse(&network, data.shape.into(), data.classes.len())
        .map_err(|e| e.within(path.display()))?;
    header.settings.seed = seed.unwrap_or(header.settings.seed);
    let mut session = Session::assemble(gpu, &data, network, header.settings)?;
    start_file::begin_again(&mut session, &folder, header.start)?;
    Ok(session)
}

impl TwinPlan<'_> {
    /// Both courses of a run that has made no step: up to the script's first command, and from there `steps` steps without its commands
    /// and, again from the fork, with them. None where `beside` ended it.
    ///
    /// # Errors
    /// When the script is faulty, or its last command is after the end; when a step is not finite.
    pub fn run(&self, session: &mut Session, beside: &mut Beside<'_>) -> Result<Option<TwinCourses>> {
        let commands = session.script_steps(self.name, self.script)?;
        let (fork, last) = (commands.first().copied().unwrap_or(0), commands.last().copied().unwrap_or(0));
        if last > fork.saturating_add(self.steps) {
            let what = format!(
                "{}: its last command is at step {last}, and the twins fork at step {fork}",
                self.name
            );
            return Err(Error::usage(what, format!("let them go on for at least {} steps", last - fork)));
        }
        if !train_to(session, fork, beside)? {
            return Ok(None);
        }
        take_way(session, TimeControl::SetBookmark(0))?;
        let Some(without) = self.measure_course(session, fork, beside)? else { return Ok(None) };
        take_way(session, TimeControl::GoToBookmark(0))?;
        take_way(session, TimeControl::Fork)?;
        session.follow_script(self.name, self.script)?;
        let Some(with) = self.measure_course(session, fork, beside)? else { return Ok(None) };
        Ok(Some(TwinCourses { seed: session.settings().seed, without, with }))
    }

    /// Measures at the fork and at even distances after it.
    fn measure_course(
        &self,
        session: &mut Session,
        fork: u32,
        beside: &mut Beside<'_>,
    ) -> Result<Option<Vec<TwinPoint>>> {
        let points = self.points.clamp(1, self.steps.max(1));
        let mut course = Vec::new();
        for point in 0..=points {
            let step = fork + (u64::from(self.steps) * u64::from(point) / u64::from(points)) as u32;
            if !train_to(session, step, beside)? {
                return Ok(None);
            }
            course.push(validate(session)?);
        }
        Ok(Some(course))
    }
}

/// Trains to a step; false where `beside` ended it.
pub(super) fn train_to(session: &mut Session, step: u32, beside: &mut Beside<'_>) -> Result<bool> {
    session.set_limit(Some(StopCondition::Steps(step)));
    session.play();
    let goes_on = go_on(session, beside)?;
    session.set_limit(None);
    Ok(goes_on)
}

/// Advances until nothing is left to do.
fn go_on(session: &mut Session, beside: &mut Beside<'_>) -> Result<bool> {
    while session.advance() || matches!(session.state(), RunState::Training | RunState::Validating) {
        session.check_events()?;
        if !beside(session) {
            session.pause();
            return Ok(false);
        }
    }
    session.settle();
    session.check_events().map(|()| true)
}

/// Does what is asked of the time of the run.
pub(super) fn take_way(session: &mut Session, control: TimeControl) -> Result<()> {
    session.control(Control::Time(control))?;
    while session.is_travelling() {
        session.advance();
        session.check_events()?;
    }
    session.settle();
    session.check_events()
}

/// Loss and accuracy over the validation images, with the commands that are given at this step.
fn validate(session: &mut Session) -> Result<TwinPoint> {
    go_on(session, &mut |_| true)?;
    session.take_events();
    session.evaluate(Split::Validation);
    go_on(session, &mut |_| true)?;
    let of = |event| match event {
        Event::Evaluated { loss, accuracy, .. } => Some((loss, accuracy)),
        _ => None,
    };
    let missing = || Error::new("the validation images were not evaluated", "report this fault");
    let (loss, accuracy) = session.take_events().into_iter().find_map(of).ok_or_else(missing)?;
    Ok(TwinPoint { step: session.step(), loss, accuracy })
}
