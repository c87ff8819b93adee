//! Key-frames: states of a run at past moments, within a budget of memory, the farther apart the older they are.

use crate::nn::Snapshot;
use crate::session::moment::Moment;
use crate::session::settings::RunSettings;

/// Steps between two key-frames before they are thinned out.
pub(super) const INTERVAL: u32 = 16;

/// The state of a run at a moment.
pub(in crate::session) struct KeyFrame {
    pub at: Moment,
    /// The branch that it was made on.
    pub branch: usize,
    pub snapshot: Snapshot,
    pub settings: RunSettings,
    /// The network as TOML.
    pub network: String,
    /// Nodes of which no unit fired at the end of the last epoch.
    pub dead: Vec<usize>,
}

impl KeyFrame {
    /// Branch and moment, which no other one has.
    pub(in crate::session) fn place(&self) -> (usize, Moment) {
        (self.branch, self.at)
    }
}

/// A key-frame as thinning out sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    at: Moment,
    branch: usize,
    bytes: u64,
    /// It is to stay as long as others can go.
    wanted: bool,
}

/// Index of the key-frame that is missed least, of places in the order of branches and moments; `now` is the present on `branch`.
///
/// That is the one whose neighbors are closest together in proportion to its age, so that the distance of those that stay grows
/// with their age. A last one of a branch goes only when no other is left, the newest of the present branch never.
fn least_missed(places: &[Place], branch: usize, now: Moment) -> Option<usize> {
    let newest = places.iter().rposition(|place| place.branch == branch);
    let score = |index: usize| {
        let place = places[index];
        let same = |other: &&Place| other.branch == place.branch && other.at.life == place.at.life;
        let before = index.checked_sub(1).and_then(|i| places.get(i)).filter(same).map_or(0, |p| p.at.step);
        let after = places.get(index + 1).filter(same);
        let far = place.branch != branch || place.at.life != now.life;
        let age = if far { f64::from(u32::MAX) } else { f64::from(now.step.saturating_sub(place.at.step)) };
        let gap = after.map_or(f64::INFINITY, |after| f64::from(after.at.step.saturating_sub(before)));
        let kept = if place.wanted { 1e12 } else { 0.0 };
        if gap.is_finite() { kept + gap / (age + 1.0) } else { kept + 1e9 + f64::from(place.at.step) }
    };
    let all = (0..places.len()).filter(|index| Some(*index) != newest);
    all.min_by(|a, b| score(*a).total_cmp(&score(*b)))
}

/// The key-frames, in the order of branches and moments.
#[derive(Default)]
pub(in crate::session) struct KeyFrames {
    frames: Vec<KeyFrame>,
    /// Bytes of GPU memory that they may take together.
    pub(super) budget: u64,
    /// The memory of one that was dropped.
    spare: Option<Snapshot>,
}

impl KeyFrames {
    /// Bytes of GPU memory that they take.
    pub(super) fn bytes(&self) -> u64 {
        let frames = self.frames.iter().map(|frame| frame.snapshot.bytes()).sum::<u64>();
        frames + self.spare.as_ref().map_or(0, Snapshot::bytes)
    }

    /// Sets the bytes that they may take together; those that are too many go.
    pub(in crate::session) fn set_budget(&mut self, budget: u64) {
        self.budget = budget;
        self.spare = None;
        while self.bytes() > budget {
            self.frames.remove(0);
        }
    }

    /// Bytes of GPU memory that they take, and that they may take.
    pub(in crate::session) fn memory(&self) -> (u64, u64) {
        (self.bytes(), self.budget)
    }

    /// All of them.
    pub(in crate::session) fn iter(&self) -> impl Iterator<Item = &KeyFrame> {
        self.frames.iter()
    }

    /// Makes room for one more of `bytes`, at `now` on `branch`; false if there is none without the one that is `spared`.
    pub(super) fn make_room(
        &mut self,
        bytes: u64,
        (branch, now): (usize, Moment),
        spared: Option<(usize, Moment)>,
        wanted: impl Fn(&KeyFrame) -> bool,
    ) -> bool {
        if bytes > self.budget {
            return false;
        }
        if self.spare.as_ref().is_some_and(|spare| spare.bytes() != bytes) {
            self.spare = None;
        }
        let spare = self.spare.as_ref().map_or(0, Snapshot::bytes);
        while self.bytes() - spare + bytes > self.budget {
            let place = |frame: &KeyFrame| {
                let KeyFrame { at, branch, snapshot, .. } = frame;
                let wanted = wanted(frame) || spared == Some(frame.place());
                Place { at: *at, branch: *branch, bytes: snapshot.bytes(), wanted }
            };
            let places: Vec<Place> = self.frames.iter().map(place).collect();
            // The newest may go too: the new one takes its place.
            let index = least_missed(&places, branch, now).unwrap_or(0);
            if spared == Some(self.frames[index].place()) {
                return false;
            }
            let gone = self.frames.remove(index).snapshot;
            if self.spare.is_none() && gone.bytes() == bytes {
                self.spare = Some(gone);
                break;
            }
        }
        self.spare.is_some() || self.bytes() + bytes <= self.budget
    }

    /// Memory of one that was dropped.
    pub(super) fn take_spare(&mut self) -> Option<Snapshot> {
        self.spare.take()
    }

    /// Adds one, in place of one at the same moment.
    pub(super) fn add(&mut self, frame: KeyFrame) {
        match self.frames.binary_search_by_key(&frame.place(), KeyFrame::place) {
            Ok(index) => self.frames[index] = frame,
            Err(index) => self.frames.insert(index, frame),
        }
    }

    /// Drops those that `keep` does not want.
    pub(super) fn retain(&mut self, keep: impl FnMut(&KeyFrame) -> bool) {
        self.frames.retain(keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(branch: usize, step: u32) -> Place {
        Place { at: Moment { life: 0, step, commands: 0 }, branch, bytes: 100, wanted: false }
    }

    /// Adds a frame each `INTERVAL` steps and drops the least missed beyond `most`.
    fn thinned(most: usize, steps: u32) -> Vec<u32> {
        let mut places = Vec::new();
        for step in (0..=steps).step_by(INTERVAL as usize) {
            if places.len() == most {
                let now = Moment { step, ..Moment::default() };
                places.remove(least_missed(&places, 0, now).unwrap());
            }
            places.push(place(0, step));
        }
        places.iter().map(|place| place.at.step).collect()
    }

    #[test]
    fn the_distance_of_key_frames_grows_with_their_age() {
        let steps = thinned(40, 100_000);
        assert_eq!(steps.len(), 40);
        assert!(steps.is_sorted());
        let newest = *steps.last().unwrap();
        assert_eq!(newest, 100_000);
        for two in steps.windows(2) {
            let age = newest - two[0];
            // Close together where they are new, and never farther apart than their age allows.
            assert!(two[1] - two[0] <= INTERVAL.max(age), "{two:?} of {steps:?}");
        }
        let gaps: Vec<u32> = steps.windows(2).map(|two| two[1] - two[0]).collect();
        assert_eq!(gaps.last(), Some(&INTERVAL));
        assert!(gaps[2] > 8 * INTERVAL, "{gaps:?}");
        // As long as there is room none is dropped.
        assert_eq!(thinned(1000, 1600).len(), 101);
    }

    #[test]
    fn wanted_ones_and_the_ends_of_branches_stay_longest() {
        let mut places =
            vec![place(0, 16), place(0, 32), place(0, 48), place(1, 32), place(1, 48), place(1, 64)];
        places[1].wanted = true;
        let now = Moment { step: 64, ..Moment::default() };
        let mut order = Vec::new();
        while let Some(index) = least_missed(&places, 1, now) {
            let gone = places.remove(index);
            order.push((gone.branch, gone.at.step));
        }
        assert_eq!(places, [place(1, 64)]);
        assert_eq!(order.last(), Some(&(0, 32)), "{order:?}");
        assert_eq!(order[order.len() - 2], (0, 48), "{order:?}");
    }
}
