//! Groups of points: what their colors stand for, and which of them are hidden.

use super::color_map::{Palette, Rgb};

/// The property of a point that decides its group, and so its color.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorBy {
    /// Its class.
    #[default]
    Class,
    /// Its predicted class.
    Prediction,
    /// Correctness of the prediction: group 0 is right, group 1 is wrong.
    Error,
}

impl ColorBy {
    /// Color of a group: a class, or 0 and 1 for right and wrong.
    pub fn color(self, palette: &Palette, group: usize) -> Rgb {
        let colors = if self == Self::Error { &palette.right_wrong[..] } else { &palette.classes };
        colors[group % colors.len()]
    }
}

/// The hidden ones of 256 groups: one bit per group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GroupMask(pub(super) [u32; 8]);

impl GroupMask {
    /// True when a group is hidden.
    pub fn has(&self, group: usize) -> bool {
        self.0[group / 32 % 8] >> (group % 32) & 1 == 1
    }

    /// Hides a visible group, shows a hidden one.
    pub fn toggle(&mut self, group: usize) {
        self.0[group / 32 % 8] ^= 1 << (group % 32);
    }

    /// Hides all groups of `count` except one; shows all where they are hidden already.
    pub fn isolate(&mut self, group: usize, count: usize) {
        let mut alone = Self::default();
        (0..count).filter(|other| *other != group).for_each(|other| alone.toggle(other));
        *self = if *self == alone { Self::default() } else { alone };
    }

    /// True when no group is hidden.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 8]
    }
}

#[cfg(test)]
mod tests {
    use super::GroupMask;

    #[test]
    fn a_group_is_hidden_shown_and_isolated() {
        let mut hidden = GroupMask::default();
        hidden.toggle(33);
        assert!(hidden.has(33) && !hidden.has(1) && !hidden.has(32) && !hidden.is_empty());
        hidden.isolate(4, 40);
        assert!((0..40).all(|group| hidden.has(group) == (group != 4)) && !hidden.has(40));
        hidden.isolate(4, 40);
        assert!(hidden.is_empty(), "a second time shows all");
    }
}
