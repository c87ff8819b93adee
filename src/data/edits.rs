//! Changes of a data set by hand: training images with another class, and training images that are left out.
//!
//! What is left out is seen no more, and an epoch stays as long as it was: another training image takes its place in the order.

use serde::{Deserialize, Serialize};

/// Changes of a data set by hand. Images go by their number, which is their index among the training images of the set as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataEdits {
    /// Training images with another class than the set gives them, in ascending order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relabeled: Vec<(u32, u8)>,
    /// Training images that are left out, in ascending order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<u32>,
}

impl DataEdits {
    /// True where the set is as it is stored.
    pub fn is_empty(&self) -> bool {
        self.relabeled.is_empty() && self.left_out.is_empty()
    }

    /// The class that an image was given by hand.
    pub fn class(&self, image: u32) -> Option<u8> {
        let at = self.relabeled.binary_search_by_key(&image, |(image, _)| *image).ok()?;
        Some(self.relabeled[at].1)
    }

    /// True for an image that is left out.
    pub fn leaves_out(&self, image: u32) -> bool {
        self.left_out.binary_search(&image).is_ok()
    }

    /// Gives an image another class.
    pub fn relabel(&mut self, image: u32, class: u8) {
        match self.relabeled.binary_search_by_key(&image, |(image, _)| *image) {
            Ok(at) => self.relabeled[at].1 = class,
            Err(at) => self.relabeled.insert(at, (image, class)),
        }
    }

    /// Leaves an image out.
    pub fn leave_out(&mut self, image: u32) {
        if let Err(at) = self.left_out.binary_search(&image) {
            self.left_out.insert(at, image);
        }
    }

    /// Takes an image as the set has it: with its class, and not left out.
    pub fn restore(&mut self, image: u32) {
        self.relabeled.retain(|(other, _)| *other != image);
        self.left_out.retain(|other| *other != image);
    }

    /// Training images by position, of which `trained` is the order of all: in the place of one that is left out stands the next that is
    /// not, which is a random one since the order is shuffled.
    pub(super) fn order(&self, trained: &[u32]) -> Vec<u32> {
        let stays = |image: &&u32| !self.leaves_out(**image);
        let next = |at: usize| trained[at..].iter().chain(&trained[..at]).find(stays);
        (0..trained.len()).map(|at| *next(at).unwrap_or(&trained[at])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_image_takes_the_place_of_one_that_is_left_out() {
        let mut edits = DataEdits::default();
        assert_eq!(edits.order(&[3, 0, 2, 1]), [3, 0, 2, 1]);
        for image in [1, 2, 1] {
            edits.leave_out(image);
        }
        assert_eq!(edits.left_out, [1, 2]);
        assert_eq!(edits.order(&[3, 0, 2, 1]), [3, 0, 3, 3]);
        edits.restore(2);
        assert_eq!(edits.order(&[3, 0, 2, 1]), [3, 0, 2, 3]);
    }

    #[test]
    fn the_last_class_given_counts() {
        let mut edits = DataEdits::default();
        for (image, class) in [(9, 1), (4, 2), (9, 3)] {
            edits.relabel(image, class);
        }
        assert_eq!(edits.relabeled, [(4, 2), (9, 3)]);
        assert_eq!([4, 9, 5].map(|image| edits.class(image)), [Some(2), Some(3), None]);
        edits.restore(4);
        assert_eq!((edits.class(4), edits.is_empty()), (None, false));
    }
}
