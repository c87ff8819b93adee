//! The former ways to change layouts without commands, until their callers have moved to [`Session::apply`].

use super::command::LayoutCommand;
use super::event::Event;
use super::state::Session;
use crate::error::Result;
use crate::layouts::{ImageSource, Layout, LayoutId, LayoutSource};
use crate::nn::TensorKind;

impl Session {
    /// The former name of [`Session::layouts`].
    pub fn embeddings(&self) -> &[Layout] {
        self.layouts()
    }

    /// A live layout, to be changed without a command.
    pub fn embedding_mut(&mut self, id: impl Into<LayoutId>) -> Option<&mut Layout> {
        self.layouts.find_mut(id.into())
    }

    fn open_at_once(&mut self, source: LayoutSource) -> Result<LayoutId> {
        self.restore_layouts();
        let command = LayoutCommand::Open(source).into();
        self.check(command)?;
        let id = self.layouts.next_id();
        self.carry_out_and_log(command).map(|()| id)
    }

    fn close_at_once(&mut self, closes: impl Fn(LayoutSource) -> bool) {
        let found = self.layouts().iter().find(|layout| closes(layout.source())).map(Layout::id);
        if let Some(id) = found
            && let Err(error) = self.carry_out_and_log(LayoutCommand::Close(id).into())
        {
            self.events.push(Event::Fault(error));
        }
    }

    /// Opens a layout of a layer's tensor at once.
    ///
    /// # Errors
    /// As [`LayoutCommand::Open`].
    pub fn open_embedding(&mut self, layer: usize, kind: TensorKind) -> Result<LayoutId> {
        self.open_at_once(LayoutSource::Tensor { node: layer, kind })
    }

    /// Opens a layout of images at once.
    ///
    /// # Errors
    /// As [`LayoutCommand::Open`].
    pub fn open_image_embedding(&mut self, source: ImageSource) -> Result<LayoutId> {
        self.open_at_once(LayoutSource::Images(source))
    }

    /// Opens a layout of all filters at once.
    ///
    /// # Errors
    /// As [`LayoutCommand::Open`].
    pub fn open_filter_embedding(&mut self) -> Result<LayoutId> {
        self.open_at_once(LayoutSource::Filters)
    }

    /// Closes the layout of a layer at once.
    pub fn close_embedding(&mut self, layer: usize) {
        self.close_at_once(|source| matches!(source, LayoutSource::Tensor { node, .. } if node == layer));
    }

    /// Closes the layout of images at once.
    pub fn close_image_embedding(&mut self) {
        self.close_at_once(|source| matches!(source, LayoutSource::Images(_)));
    }

    /// Closes the layout of all filters at once.
    pub fn close_filter_embedding(&mut self) {
        self.close_at_once(|source| source == LayoutSource::Filters);
    }

    /// Closes a layout at once.
    pub fn close_layout(&mut self, id: impl Into<LayoutId>) {
        let id = id.into();
        if let Some(source) = self.layout(id).map(Layout::source) {
            self.close_at_once(|other| other == source);
        }
    }
}
