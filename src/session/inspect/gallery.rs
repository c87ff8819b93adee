//! A gallery: images by their numbers, in a buffer from which they are drawn.

use crate::data::{HeldOutImages, ImageShape};
use crate::error::Result;
use crate::gpu::TensorView;
use crate::nn::Trainer;

/// Most images of a gallery.
pub(crate) const MAX_IMAGES: usize = 64;

/// Images to be drawn.
#[derive(Default)]
pub struct Gallery {
    numbers: Vec<u32>,
    /// None until it shows an image.
    room: Option<(HeldOutImages, TensorView)>,
}

impl Gallery {
    /// Numbers of its images, in order.
    pub fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// The images as tiles, one each; those behind the last are empty. None before it showed any.
    pub fn view(&self) -> Option<&TensorView> {
        self.room.as_ref().map(|(_, view)| view)
    }

    /// Shows images, at most [`MAX_IMAGES`], where it does not show them already. Submits work.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub(super) fn show(&mut self, trainer: &Trainer, numbers: &[u32]) -> Result<()> {
        if numbers == self.numbers { Ok(()) } else { self.show_again(trainer, numbers) }
    }

    /// As [`Gallery::show`], also where the numbers are the same and the images may be others.
    pub(super) fn show_again(&mut self, trainer: &Trainer, numbers: &[u32]) -> Result<()> {
        let numbers = &numbers[..numbers.len().min(MAX_IMAGES)];
        let gpu = trainer.gpu();
        if self.room.is_none() {
            let room = trainer.loader.room_for(gpu, MAX_IMAGES)?;
            let input = trainer.network.input;
            let shape = ImageShape { channels: input.channels, height: input.height, width: input.width };
            let view = room.view(shape);
            self.room = Some((room, view));
        }
        if let Some((room, _)) = &self.room {
            trainer.loader.choose(gpu, room, numbers)?;
        }
        self.numbers = numbers.to_vec();
        Ok(())
    }
}
