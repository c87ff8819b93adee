//! Fills of large rectangles, in a pipeline that looks up no texture.

use crate::error::Result;
use crate::gpu::{Gpu, RenderKernel, RenderOptions, Source};
use crate::wgsl;

const FILL: Source = wgsl!("view/fill.wgsl");

/// The pipeline of fills.
pub struct Fills(RenderKernel);

impl Fills {
    /// Fills of targets of `format`.
    ///
    /// # Errors
    /// When the shader is faulty.
    pub fn new(gpu: &Gpu, format: wgpu::TextureFormat) -> Result<Self> {
        let constant = wgpu::BlendComponent {
            src_factor: wgpu::BlendFactor::Constant,
            dst_factor: wgpu::BlendFactor::Zero,
            operation: wgpu::BlendOperation::Add,
        };
        let options = RenderOptions {
            format,
            blend: Some(wgpu::BlendState { color: constant, alpha: constant }),
            topology: wgpu::PrimitiveTopology::TriangleList,
            instance: None,
        };
        Ok(Self(RenderKernel::new(gpu, &FILL, ("cover", "blend_constant"), &[], &options)?))
    }

    /// Fills what the scissor rectangle leaves of the target with a color, 0 to 255 per channel.
    pub fn draw(&self, pass: &mut wgpu::RenderPass<'_>, color: [u8; 3]) {
        let [r, g, b] = color.map(|c| f64::from(c) / 255.0);
        pass.set_pipeline(self.0.pipeline());
        pass.set_blend_constant(wgpu::Color { r, g, b, a: 1.0 });
        pass.draw(0..3, 0..1);
    }
}
