//! A tensor view shown as tiles, and the uniform that describes it to the shader.

use glam::Vec2;

use crate::gpu::TensorView;
use crate::params;

/// Map from values to colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Diverging map around zero, one scale for all tiles of the set.
    Signed,
    /// Channels as red, green, blue (or gray), each tile scaled to its own range.
    Rgb,
    /// One value from 0 to 1, as a bar.
    Bar,
    /// A bar of the mean of a tile's values, by the largest mean magnitude of the set; negative means in blue.
    MeanBar,
    /// A bar of the mean magnitude of a tile's values, by the largest of the set.
    MagnitudeBar,
    /// A bar of the share of a tile's values that are 0.
    ZerosBar,
    /// The same as [`Style::MeanBar`] as brightness: the whole rectangle has the bar's color, fainter where the bar would be shorter.
    MeanGlow,
    /// [`Style::MagnitudeBar`] as brightness.
    MagnitudeGlow,
    /// [`Style::ZerosBar`] as brightness.
    ZerosGlow,
}

/// A tensor view shown as tiles.
#[derive(Clone)]
pub struct TileSet {
    /// The values.
    pub view: TensorView,
    /// Their map to colors.
    pub style: Style,
}

params! {
    /// A tile set as the shader sees it.
    pub(super) struct TilesParams {
        /// Width and height of the target, in pixels.
        screen: Vec2,
        /// 1 / (width + 1), 1 / (height + 1): divides texels without integer division.
        inverse_pitch: Vec2,
        /// Width and height of a tile at a point of a layout, in pixels.
        point_size: Vec2,
        /// First element.
        offset: u32,
        /// Number of tiles.
        tiles: u32,
        /// Channels of a tile.
        channels: u32,
        /// Rows of a channel.
        height: u32,
        /// Columns of a channel.
        width: u32,
        /// Elements from one tile to the next.
        tile_stride: u32,
        /// Elements from one channel to the next.
        channel_stride: u32,
        /// Elements from one row to the next.
        row_stride: u32,
        /// Elements from one column to the next.
        column_stride: u32,
        /// 0: diverging map of signed values; 1: red, green, blue; 2: a bar from 0 to 1; 3 to 5: a bar of activity; 6 to 8: a glow of it.
        style: u32,
        /// Channels in a row of a mosaic.
        mosaic_columns: u32,
        /// Columns of texels of one tile, all its channels included.
        texel_columns: u32,
        /// Rows of texels of one tile, all its channels included.
        texel_rows: u32,
        /// Time at which glows tremble, in seconds; 0 where they are still.
        tremble: f32,
    }
}

impl TileSet {
    /// Rows and columns of texels of one tile, all its channels included.
    pub fn texels(&self) -> [u32; 2] {
        let [_, channels, height, width] = self.view.extents;
        if self.style != Style::Signed || channels == 1 {
            return [height, width];
        }
        let columns = mosaic_columns(channels);
        [channels.div_ceil(columns) * (height + 1) - 1, columns * (width + 1) - 1]
    }

    /// True when both name the same values and map.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        let (a, b) = (&self.view, &other.view);
        self.style == other.style
            && a.buffer == b.buffer
            && (a.offset, a.extents, a.strides) == (b.offset, b.extents, b.strides)
    }

    /// The uniform for a target of `screen` pixels, with tiles of `point_size` pixels at points, and glows that tremble as at a time.
    pub(super) fn params(&self, screen: Vec2, point_size: Vec2, tremble: f32) -> TilesParams {
        let [tiles, channels, height, width] = self.view.extents;
        let [tile_stride, channel_stride, row_stride, column_stride] = self.view.strides;
        let [texel_rows, texel_columns] = self.texels();
        TilesParams {
            screen,
            inverse_pitch: Vec2::new(1.0 / (width + 1) as f32, 1.0 / (height + 1) as f32),
            point_size,
            offset: self.view.offset,
            tiles,
            channels,
            height,
            width,
            tile_stride,
            channel_stride,
            row_stride,
            column_stride,
            style: self.style as u32,
            mosaic_columns: mosaic_columns(channels),
            texel_columns,
            texel_rows,
            tremble,
        }
    }
}

/// Channels in a row of a mosaic: about as many as there are rows.
fn mosaic_columns(channels: u32) -> u32 {
    (1..=channels).find(|c| c * c >= channels).unwrap_or(1)
}
