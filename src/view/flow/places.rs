//! Places of the edges of a set in a frame.

/// Left, right and vertical middle of a tile, in pixels.
pub type Anchor = [f32; 3];

/// A lane below tiles that edges pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lane {
    /// Left and right end, in pixels.
    pub ends: [f32; 2],
    /// Middle, in pixels from the top.
    pub middle: f32,
    /// Height, in pixels.
    pub height: f32,
}

/// The tile whose edges are all shown, on one side of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// A tile of the source.
    Source(u32),
    /// A tile of the target.
    Target(u32),
    /// A tile of neither: all edges are dimmed.
    Elsewhere,
}

/// Place of a set's edges in a frame.
#[derive(Debug, Clone, Copy)]
pub struct EdgePlacement<'a> {
    /// Tiles of the source.
    pub sources: &'a [Anchor],
    /// Tiles of the target.
    pub targets: &'a [Anchor],
    /// The lane that edges go along; none between neighbors.
    pub lane: Option<Lane>,
    /// The tile in focus.
    pub focus: Option<Focus>,
    /// Pixels per point.
    pub scale: f32,
}
