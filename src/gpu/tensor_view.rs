//! Names any set of tiles in any buffer: the seam between what training writes and what is drawn.

/// A strided view of `f32` values: `tiles` tiles of `channels × height × width`.
///
/// Value `(t, c, y, x)` is at element `offset + t·strides[0] + c·strides[1] + y·strides[2] + x·strides[3]`.
#[derive(Clone)]
pub struct TensorView {
    /// The buffer that is read, never written.
    pub buffer: wgpu::Buffer,
    /// First element.
    pub offset: u32,
    /// Tiles, channels, height, width.
    pub extents: [u32; 4],
    /// Elements from one tile, channel, row, column to the next.
    pub strides: [u32; 4],
}

impl TensorView {
    /// Number of tiles.
    pub fn tiles(&self) -> u32 {
        self.extents[0]
    }

    /// Channels of a tile.
    pub fn channels(&self) -> u32 {
        self.extents[1]
    }

    /// Rows of a tile.
    pub fn height(&self) -> u32 {
        self.extents[2]
    }

    /// Columns of a tile.
    pub fn width(&self) -> u32 {
        self.extents[3]
    }

    /// The element of value `(t, c, y, x)`.
    pub fn element(&self, index: [u32; 4]) -> u32 {
        self.offset + index.iter().zip(self.strides).map(|(i, s)| i * s).sum::<u32>()
    }
}
