//! A shader file with constants set: expanded, parsed and made a module once for all of its entry points.

use std::sync::OnceLock;

use super::device::Device;
use super::reflect::{EntryPoint, reflect};
use super::shader::Source;
use super::trusted;
use super::wide_loads::with_wide_loads;
use crate::error::{Error, Result};

/// A shader file, ready for the driver's compiler.
pub(super) struct ParsedShader {
    pub path: &'static str,
    text: String,
    points: Vec<EntryPoint>,
    /// Names that any entry point of the file binds, sorted.
    pub bindings: Vec<String>,
    module: OnceLock<wgpu::ShaderModule>,
}

impl ParsedShader {
    /// Parses `source` with `constants` set.
    ///
    /// # Errors
    /// When the shader is not valid, or has no such constant.
    pub(super) fn new(gpu: &Device, source: &Source, constants: &[(&str, u32)]) -> Result<Self> {
        let shader = source.expand(constants)?;
        let points = reflect(&shader)?;
        let mut bindings: Vec<String> =
            points.iter().flat_map(|point| &point.bindings).map(|b| b.name.clone()).collect();
        bindings.sort();
        bindings.dedup();
        let text = if gpu.wide_loads { with_wide_loads(&shader.text) } else { shader.text };
        Ok(Self { path: source.path, text, points, bindings, module: OnceLock::new() })
    }

    /// The entry point of a name.
    ///
    /// # Errors
    /// When the file has none.
    pub(super) fn entry(&self, name: &str) -> Result<EntryPoint> {
        self.points.iter().find(|point| point.name == name).cloned().ok_or_else(|| {
            Error::new(format!("shader {} has no entry point {name}", self.path), "name one it has")
        })
    }

    /// The module, made at the first call.
    pub(super) fn module(&self, device: &wgpu::Device) -> &wgpu::ShaderModule {
        self.module.get_or_init(|| {
            let source = wgpu::ShaderSource::Wgsl(self.text.as_str().into());
            trusted::create_module(device, wgpu::ShaderModuleDescriptor { label: Some(self.path), source })
        })
    }
}
