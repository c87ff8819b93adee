//! Pictures without a display: the same interface, painted into a texture and read back as an image.

use std::path::Path;

use image::RgbaImage;

use super::canvas::Canvas;
use super::theme;
use super::workbench::{Show, Workbench};
use super::zoom::fitting;
use crate::error::{Error, Result};
use crate::gpu::{Buffer, Gpu};
use crate::session::{RunState, Session};
use crate::view::Theme;

/// Passes until egui has settled all sizes.
const LAYOUT_PASSES: usize = 3;
/// Format of pictures.
pub const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// Content and size of a picture.
pub struct Picture {
    /// Content.
    pub show: Show,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Pixels per point: 2 for screens of twice the usual density.
    pub scale: f32,
    /// Position of the pointer, in points.
    pub pointer: Option<egui::Pos2>,
    /// Dark or light.
    pub theme: Theme,
}

impl Picture {
    /// A picture of `width × height` pixels at scale 1.
    pub fn new(show: Show, width: u32, height: u32) -> Self {
        Self { show, width, height, scale: 1.0, pointer: None, theme: Theme::default() }
    }
}

/// Draws `picture` of a session, as `workbench` shows it.
///
/// # Errors
/// When there is no such pane, the picture is larger than the adapter allows, or the GPU reports a fault.
pub fn render(session: &mut Session, workbench: &mut Workbench, picture: &Picture) -> Result<RgbaImage> {
    check(session.gpu(), picture)?;
    session.refresh()?;
    passes(session, workbench, picture, true)
}

/// Draws `picture` of a session as it is at this moment, which may be training. Nothing may be recorded that is not submitted.
///
/// # Errors
/// As [`render`].
pub fn render_live(session: &mut Session, workbench: &mut Workbench, picture: &Picture) -> Result<RgbaImage> {
    check(session.gpu(), picture)?;
    passes(session, workbench, picture, false)
}

/// Checks content and size.
fn check(gpu: &Gpu, picture: &Picture) -> Result<()> {
    let most = gpu.limits.max_texture_dimension_2d;
    let (width, height) = (picture.width, picture.height);
    if width == 0 || height == 0 || width > most || height > most {
        return Err(Error::usage(
            format!("a picture of {width}×{height} pixels"),
            format!("give each side 1 to {most} pixels"),
        ));
    }
    let all = Show::all();
    if all.iter().all(|(_, _, show)| *show != picture.show) {
        let names: Vec<_> = all.iter().map(|(name, ..)| *name).collect();
        let help = format!("show one of {}", names.join(", "));
        return Err(Error::usage(format!("there is no pane for {:?}", picture.show), help));
    }
    Ok(())
}

fn passes(
    session: &mut Session,
    workbench: &mut Workbench,
    picture: &Picture,
    evaluates: bool,
) -> Result<RgbaImage> {
    let gpu = std::rc::Rc::clone(session.trainer().gpu());
    let (width, height) = (picture.width, picture.height);
    let texture = target(&gpu, width, height);
    let view = texture.create_view(&Default::default());
    let mut canvas = Canvas::new(&gpu, FORMAT, true)?;
    canvas.ctx.set_theme(theme::to_egui(picture.theme));
    for pass in 0..LAYOUT_PASSES {
        let input = input(picture, pass);
        let mut encoder = gpu.encoder("picture");
        let painting = canvas.run(&gpu, input, [width, height], |ui, frame| {
            workbench.ui(ui, session, frame, picture.show);
        });
        let output = canvas.record(&gpu, &mut encoder, painting, &view);
        output.drop_without_applying_deltas();
        gpu.submit(encoder);
        canvas.after_submit();
        gpu.wait();
        workbench.take(canvas.poll(), session);
        // A pane may have asked for what is computed only while it is looked at.
        let ranks = session.rankings().progress().is_some() || session.doctor().progress().is_some();
        let waits = session.inspection().wants_predictions() || ranks;
        if evaluates && (waits || session.state() == RunState::Validating) {
            session.refresh()?;
        }
    }
    gpu.check()?;
    Ok(read(&gpu, &texture, width, height))
}

/// A render target of `width × height` pixels in [`FORMAT`].
pub fn target(gpu: &Gpu, width: u32, height: u32) -> wgpu::Texture {
    gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: Some("picture"),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: FORMAT,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    })
}

/// egui's input for pass `pass` over a picture; passes are a second apart.
pub fn input(picture: &Picture, pass: usize) -> egui::RawInput {
    let whole = picture.show == Show::Workbench;
    let scale = if whole { fitting([picture.width, picture.height], picture.scale) } else { picture.scale };
    let size = egui::vec2(picture.width as f32, picture.height as f32) / scale;
    let mut input = egui::RawInput {
        screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, size)),
        time: Some(pass as f64),
        ..Default::default()
    };
    let viewport = input.viewports.entry(egui::ViewportId::ROOT).or_default();
    viewport.native_pixels_per_point = Some(scale);
    input.events.extend(picture.pointer.map(egui::Event::PointerMoved));
    input
}

/// The pixels of a texture of `width × height` pixels in [`FORMAT`]. Waits for the GPU.
pub fn read(gpu: &Gpu, texture: &wgpu::Texture, width: u32, height: u32) -> RgbaImage {
    // wgpu copies rows to multiples of 256 bytes.
    let row = (width * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let buffer = Buffer::<u8>::zeroed(gpu, "picture", (row * height) as usize);
    let mut encoder = gpu.encoder("read picture");
    encoder.copy_texture_to_buffer(
        texture.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: buffer.raw(),
            layout: wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: None },
        },
        texture.size(),
    );
    gpu.submit(encoder);
    let bytes = buffer.read(gpu);
    RgbaImage::from_fn(width, height, |x, y| {
        let at = (y * row + x * 4) as usize;
        image::Rgba([bytes[at], bytes[at + 1], bytes[at + 2], 255])
    })
}

/// A picture as PNG.
///
/// # Errors
/// When it cannot be encoded.
pub fn png(image: &RgbaImage) -> Result<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let written = image.write_to(&mut bytes, image::ImageFormat::Png);
    written.map_err(|e| Error::new(format!("the picture cannot be encoded: {e}"), "try another size"))?;
    Ok(bytes.into_inner())
}

/// Writes a picture as PNG, in place of an existing file only once it is whole.
///
/// # Errors
/// When the file cannot be written.
pub fn save(image: &RgbaImage, path: &Path) -> Result<()> {
    crate::session::write_whole(path, &png(image).map_err(|e| e.within(path.display()))?)
}
