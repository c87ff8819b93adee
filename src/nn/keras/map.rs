//! Outputs of layers as Keras has them: images with the channels last, planes without channels, rows of values.

use crate::nn::Shape;
use crate::nn::imported::{Added, Stage};

/// Axes of a layer's output, besides the batch.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    /// `[rows, columns, channels]`
    Image,
    /// `[rows, columns]`
    Plane,
    /// `[values]`, of maps of these shapes that were flattened one after the other.
    Flat(Vec<Shape>),
}

/// The output of a layer, or the image.
#[derive(Debug, Clone)]
pub(super) struct Map {
    pub stage: Stage,
    pub form: Form,
}

impl Map {
    /// An image of a new layer.
    pub(super) fn image(added: Added) -> Self {
        Self { stage: added.output, form: Form::Image }
    }

    /// One value for each channel, in a row.
    pub(super) fn row(added: Added) -> Self {
        let parts = vec![added.output.shape];
        Self { stage: added.output, form: Form::Flat(parts) }
    }

    pub(super) fn shape(&self) -> Shape {
        self.stage.shape
    }

    /// Its sizes in Keras, without the batch.
    pub(super) fn sizes(&self) -> Vec<usize> {
        let Shape { channels, height, width } = self.shape();
        match &self.form {
            Form::Image => vec![height, width, channels],
            Form::Plane => vec![height, width],
            Form::Flat(_) => vec![self.shape().len()],
        }
    }

    /// Maps that were flattened to make it; none if it is not flat.
    pub(super) fn parts(&self) -> Option<&[Shape]> {
        match &self.form {
            Form::Flat(parts) => Some(parts),
            _ => None,
        }
    }

    /// True if its values stand in Keras's order, with no more than one pixel or one channel in each part.
    pub(super) fn is_in_order(&self) -> bool {
        let parts = match &self.form {
            Form::Flat(parts) => &parts[..],
            _ => &[self.shape()],
        };
        parts.iter().all(|part| part.channels == 1 || part.pixels() == 1)
    }
}
