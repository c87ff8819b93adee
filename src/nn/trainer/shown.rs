//! A state that another program trained, taken to be looked at.

use super::Trainer;
use crate::nn::{Parameters, ShownState};

impl Trainer {
    /// Takes a state that was trained elsewhere in place of its own: pictures, evaluations and [`Trainer::clock`] are of it. The GPU's clock
    /// stays, as no step follows. Nothing may be under way; lengths must be those of the buffers.
    pub fn show(&mut self, state: &ShownState) {
        let Parameters { values, last_gradients, moments, second_moments, averages, .. } = &self.parameters;
        let pairs = [
            (values, &state.values),
            (averages, &state.values),
            (last_gradients, &state.gradients),
            (moments, &state.moments),
            (second_moments, &state.second_moments),
        ];
        pairs.iter().for_each(|(buffer, values)| buffer.write(&self.gpu, 0, values));
        let images = self.loader.train_images as u32;
        let whole = state.epochs.clamp(0.0, f64::from(u32::MAX - 1)).floor();
        let cursor = ((state.epochs - whole) * f64::from(images)) as u32;
        self.clock.step = state.step;
        (self.clock.epoch, self.clock.cursor) = (whole as u32, cursor.min(images.saturating_sub(1)));
    }
}
