//! A stage: the entry points of one shader file over one list of named buffers.

use super::buffer::BufferRange;
use super::context::Gpu;
use super::plan_builder::{DispatchBuilder, PlanBuilder};
use super::shader::Source;
use super::structs::Params;
use crate::error::{Error, Result};

/// Entry points of one shader file, which bind from one list what they name.
#[derive(Clone)]
pub struct Stage<'g> {
    gpu: &'g Gpu,
    source: Source,
    constants: Vec<(&'static str, u32)>,
    /// Before the entry point in the label of a dispatch.
    prefix: String,
    bindings: Vec<(String, BufferRange)>,
}

impl<'g> Stage<'g> {
    /// The entry points of `source` with `constants` set; nothing is bound yet.
    pub fn new(gpu: &'g Gpu, source: &Source, constants: &[(&'static str, u32)]) -> Self {
        let constants = constants.to_vec();
        Self { gpu, source: *source, constants, prefix: String::new(), bindings: Vec::new() }
    }

    /// Begins the label of each dispatch with `prefix` and a space.
    #[must_use]
    pub fn labelled(mut self, prefix: &str) -> Self {
        self.prefix = format!("{prefix} ");
        self
    }

    /// Names a buffer, in place of one of that name before.
    #[must_use]
    pub fn with(mut self, name: &str, range: BufferRange) -> Self {
        self.bindings.retain(|(known, _)| known != name);
        self.bindings.push((name.to_owned(), range));
        self
    }

    /// Names a few buffers, as [`Stage::with`] does one.
    #[must_use]
    pub fn with_all<'n>(self, named: impl IntoIterator<Item = (&'n str, BufferRange)>) -> Self {
        named.into_iter().fold(self, |stage, (name, range)| stage.with(name, range))
    }

    /// Adds a dispatch of `entry` to a plan. Its label is the entry point's name in words; it binds the buffers that it names,
    /// and `params` where it has a parameter struct.
    ///
    /// # Errors
    /// When a buffer is not bound, or is named that no entry point of the file has, or `params` is another struct, or the threads
    /// pass the adapter's limit.
    pub fn dispatch<P: Params>(
        &self,
        plan: &mut PlanBuilder<'g>,
        entry: &'static str,
        params: &P,
        threads: [u32; 3],
    ) -> Result<()> {
        self.begin(plan, entry, params)?.threads(threads)
    }

    /// Begins such a dispatch, for what [`DispatchBuilder`] has beside threads: flops, a condition.
    ///
    /// # Errors
    /// As [`Stage::dispatch`]; some come with [`DispatchBuilder::threads`].
    pub fn begin<'b, P: Params>(
        &self,
        plan: &'b mut PlanBuilder<'g>,
        entry: &'static str,
        params: &P,
    ) -> Result<DispatchBuilder<'b, 'g>> {
        let kernel = self.gpu.kernel(&self.source, entry, &self.constants)?;
        let unknown = |name: &String| kernel.shader.bindings.binary_search(name).is_err();
        if let Some((name, _)) = self.bindings.iter().find(|(name, _)| unknown(name)) {
            return Err(Error::new(
                format!("no entry point of shader {} binds {name:?}", self.source.path),
                format!("they bind {}", kernel.shader.bindings.join(", ")),
            ));
        }
        let label = format!("{}{}", self.prefix, entry.replace('_', " "));
        let mut dispatch = plan.dispatch(&label, &kernel);
        if kernel.params_binding().is_some() {
            dispatch = dispatch.params(params);
        }
        Ok(dispatch.bind_those(self.bindings.iter().map(|(name, range)| (name.as_str(), range.clone()))))
    }
}
