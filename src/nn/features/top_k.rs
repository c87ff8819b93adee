//! The classes with the largest outputs.

use crate::params;

params! {
    /// The three classes with the largest outputs, and their probabilities.
    pub struct TopK {
        /// Class of the largest output; [`TopK::NONE`] where no output is a number.
        first: u32,
        /// Class of the second largest output.
        second: u32,
        /// Class of the third largest output; [`TopK::NONE`] with only two classes.
        third: u32,
        /// Probability of the first, 0 to 1.
        first_share: f32,
        /// Probability of the second.
        second_share: f32,
        /// Probability of the third.
        third_share: f32,
    }
}

impl TopK {
    /// Stands for a missing class.
    pub const NONE: u32 = u32::MAX;

    /// Classes and probabilities, the largest output first.
    pub fn classes(&self) -> impl Iterator<Item = (usize, f32)> {
        let all = [
            (self.first, self.first_share),
            (self.second, self.second_share),
            (self.third, self.third_share),
        ];
        all.into_iter()
            .filter(|(class, _)| *class != Self::NONE)
            .map(|(class, share)| (class as usize, share))
    }
}
