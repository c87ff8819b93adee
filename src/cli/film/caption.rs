//! A strip below a frame: step and epoch, and how far the run has come.

use image::{Rgba, RgbaImage};

use revacnn::view::Theme;

use crate::cli::letters::Letters;

/// Height of the strip and of its letters at scale 1, in pixels.
const HEIGHT: f32 = 26.0;
const TEXT: f32 = 16.0;
/// Height of the bar at its upper border, in pixels.
const BAR: u32 = 3;

/// Height of the strip in pixels.
pub(super) fn height(scale: f32) -> u32 {
    (HEIGHT * scale.max(1.0)) as u32
}

/// The frame above a strip of this height, of which the bar is full to a share, in the colors of a theme's pictures.
pub(super) fn below(frame: &RgbaImage, strip: u32, text: &str, share: f64, theme: Theme) -> RgbaImage {
    let colors = theme.palette();
    let (width, top) = frame.dimensions();
    let opaque = |[r, g, b]: [u8; 3]| Rgba([r, g, b, 255]);
    let done = (share.clamp(0.0, 1.0) * f64::from(width)).round() as u32;
    let mut whole = RgbaImage::from_fn(width, top + strip, |x, y| match y {
        y if y < top => *frame.get_pixel(x, y),
        y if y < top + BAR => opaque(if x < done { colors.pinned } else { colors.trough }),
        _ => opaque(colors.zero),
    });
    let size = TEXT * strip as f32 / HEIGHT;
    let letters = Letters::new(size);
    let text = letters.fitting(text, width as f32 - size);
    let base = top as f32 + (strip + BAR) as f32 / 2.0 + size / 3.0;
    letters.write(&text, size / 2.0, base, colors.ink, &mut |[x, y], cover, color| {
        if let Some(pixel) = whole.get_pixel_mut_checked(x as u32, y as u32) {
            let mixed = |c: usize| f32::from(pixel[c]) * (1.0 - cover) + f32::from(color[c]) * cover;
            *pixel = opaque([0, 1, 2].map(|c| mixed(c) as u8));
        }
    });
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_stays_and_the_bar_says_how_far_it_is() {
        let frame = RgbaImage::from_pixel(200, 50, Rgba([1, 2, 3, 255]));
        let strip = height(1.0);
        let whole = below(&frame, strip, "step 30, epoch 0.25", 0.25, Theme::Dark);
        assert_eq!(whole.dimensions(), (200, 76));
        assert!((0..50).all(|y| (0..200).all(|x| whole.get_pixel(x, y) == frame.get_pixel(x, y))));
        let bar = |x| whole.get_pixel(x, 51).0[..3] == Theme::Dark.palette().pinned;
        assert_eq!([0, 49, 50, 199].map(bar), [true, true, false, false]);
        let ink = (54..76).flat_map(|y| (0..200).map(move |x| (x, y)));
        assert!(ink.filter(|(x, y)| whole.get_pixel(*x, *y)[0] > 0x80).count() > 50, "there is a text");
        // Of a frame that is narrow, the text is cut off.
        below(&RgbaImage::new(3, 1), strip, "step 30", 1.0, Theme::Light);
    }
}
