//! Settings that a convolution and a transposed one share, with their checks.

use crate::error::{Error, Result};
use crate::nn::Shape;
use crate::nn::layers::settings::at_least_one;

/// Filters, and the kernel's window on a map.
#[derive(Clone, Copy)]
pub(in crate::nn::layers) struct KernelWindow {
    pub filters: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub dilation: usize,
    pub groups: usize,
}

impl KernelWindow {
    /// Pixels from the first to the last tap, both included.
    pub(in crate::nn::layers) fn reach(&self) -> usize {
        self.dilation.saturating_mul(self.kernel - 1).saturating_add(1)
    }

    /// Kernel and filters in words, and the settings that are not as usual.
    pub(in crate::nn::layers) fn summary(&self, output_padding: isize) -> String {
        let further = [
            (self.stride as isize, 1, "stride"),
            (self.padding as isize, 0, "pad"),
            (output_padding, 0, "output pad"),
            (self.dilation as isize, 1, "dilation"),
            (self.groups as isize, 1, "groups"),
        ];
        let unusual = further.into_iter().filter(|(value, usual, _)| value != usual);
        let texts = unusual.map(|(value, _, name)| format!(", {name} {value}"));
        format!("{0}×{0}, {1} filters", self.kernel, self.filters) + &texts.collect::<String>()
    }

    /// An error for settings that no input fits.
    pub(in crate::nn::layers) fn check(&self) -> Result<()> {
        let Self { filters, kernel, stride, padding, dilation, groups } = *self;
        let counts = [("filters", filters), ("kernel", kernel), ("stride", stride), ("dilation", dilation)];
        for (name, value) in counts.into_iter().chain([("groups", groups)]) {
            at_least_one(name, value)?;
        }
        if padding >= self.reach() {
            let what = format!("padding {padding} with a kernel that reaches over {}", self.reach());
            return Err(Error::new(what, "make the padding smaller than the kernel"));
        }
        if !filters.is_multiple_of(groups) {
            let what = format!("{groups} groups do not divide {filters} filters");
            return Err(Error::new(what, "take a number of filters that the groups divide"));
        }
        Ok(())
    }

    /// An error for an input whose channels the groups do not divide.
    pub(in crate::nn::layers) fn check_groups(&self, input: Shape) -> Result<()> {
        if input.channels.is_multiple_of(self.groups) {
            return Ok(());
        }
        let what = format!("{} groups do not divide the channels of its input of {input}", self.groups);
        Err(Error::new(what, "take a number of groups that divides them"))
    }
}
