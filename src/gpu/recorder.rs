//! An encoder whose last compute pass stays open, so that dispatches that follow with nothing between them share it.
//!
//! A pass costs more than a small kernel, on the GPU and on the CPU: see [`super::facts`].

/// An encoder, and the compute pass that is open in it.
///
/// Whoever records anything but dispatches of that pass takes [`Recorder::encoder`], which ends it; who has nothing to record leaves it
/// open. The pass ends with the recorder.
pub struct Recorder<'e> {
    encoder: &'e mut wgpu::CommandEncoder,
    open: Option<wgpu::ComputePass<'static>>,
    /// Passes that were begun to stay open.
    passes: u32,
}

impl<'e> Recorder<'e> {
    /// No pass is open yet.
    pub fn new(encoder: &'e mut wgpu::CommandEncoder) -> Self {
        Self { encoder, open: None, passes: 0 }
    }

    /// The encoder, for copies and for passes of others; ends the open pass.
    pub fn encoder(&mut self) -> &mut wgpu::CommandEncoder {
        self.open = None;
        self.encoder
    }

    /// Number of passes that were begun to stay open.
    pub fn passes(&self) -> u32 {
        self.passes
    }

    /// True if the pass that was begun as the `number`th, from 1 on, is open.
    pub(super) fn has_open(&self, number: u32) -> bool {
        self.open.is_some() && self.passes == number
    }

    /// The open pass where there is one and what follows `joins` it, else a new one; `begin` is told its number.
    pub(super) fn pass(
        &mut self,
        joins: bool,
        begin: impl FnOnce(&mut wgpu::CommandEncoder, u32) -> wgpu::ComputePass<'static>,
    ) -> &mut wgpu::ComputePass<'static> {
        if !joins {
            self.open = None;
        }
        let Self { encoder, open, passes } = self;
        open.get_or_insert_with(|| {
            *passes += 1;
            begin(encoder, *passes)
        })
    }
}
