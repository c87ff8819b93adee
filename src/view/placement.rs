//! How a layout is shown in a frame, what the shaders are told of it, and what they tell of the point under the pointer.

use super::color_map::group_colors;
use super::tiles::Rect;
use crate::params;

/// What [`Picked::index`] can tell apart.
pub const MOST_POINTS: u32 = 1 << 20;
/// Pixels of the largest disc's radius, beside half a tile.
const DISC: f32 = 14.0;
/// Pixels of the side of the largest dot that is written as pixels.
const LARGEST_STAMP: f32 = 16.0;
/// No point.
const NONE: u32 = u32::MAX;

params! {
    pub(super) struct Camera {
        left: f32, top: f32, width: f32, height: f32,
        /// The user's: how far the middle is shifted, and how many times the whole is enlarged.
        pan_x: f32, pan_y: f32, zoom: f32,
        pointer_x: f32, pointer_y: f32,
        /// Half the width and height of what can be hit.
        reach_x: f32, reach_y: f32,
        /// Room around the points, and the radius of the largest disc.
        margin: f32, disc: f32,
        /// Not 0: the frame stays as it is.
        hold: f32,
        /// Side of a dot that is written as pixels.
        stamp: u32,
        /// The point that is marked, or NONE.
        marked: u32,
        /// What a point's group is. 0: its class; 1: its prediction; 2: whether they agree.
        colour: u32,
        /// Of `pixels`.
        columns: u32, rows: u32,
        padding: u32,
        /// Bit g: points of group g are not shown.
        hidden: [u32; 8],
    }
}

params! {
    pub(super) struct Look {
        screen_width: f32, screen_height: f32,
        /// Pixels from a point's middle to its label's upper left corner, and of a dot of the label's font.
        label_x: f32, label_y: f32, dot: f32,
        /// The colour of discs and of what is selected.
        red: f32, green: f32, blue: f32,
        /// The point that is marked, or −1.
        marked: f32,
        half_width: f32, half_height: f32,
        /// The radius of a dot.
        dot_radius: f32,
        /// The rectangle of `pixels`, and their columns.
        left: f32, top: f32, width: f32, height: f32,
        columns: u32,
        /// Not 0: what is not selected is dimmed.
        dims: u32,
        /// Not 0: points have groups, whose colours their tiles are framed in.
        groups: u32,
        /// The binary logarithm of what of the ground shines through a single dot.
        fade: f32,
    }
}

/// What the colour of a point tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColourBy {
    /// Its class.
    #[default]
    Class,
    /// What it is taken for.
    Prediction,
    /// Whether the two agree: group 0 is right, group 1 is wrong.
    Error,
}

impl ColourBy {
    /// The colour of a group: a class, or 0 and 1 for right and wrong.
    pub fn color(self, group: usize) -> [u8; 3] {
        let colors = group_colors(self == Self::Error);
        colors[group % colors.len()]
    }
}

/// Groups whose points are not shown, of 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hidden([u32; 8]);

impl Hidden {
    /// Whether a group is hidden.
    pub fn has(&self, group: usize) -> bool {
        self.0[group / 32 % 8] >> (group % 32) & 1 == 1
    }

    /// Hides a group, or shows it again.
    pub fn toggle(&mut self, group: usize) {
        self.0[group / 32 % 8] ^= 1 << (group % 32);
    }

    /// Hides all groups but one of `count`; where they are hidden already, shows all.
    pub fn isolate(&mut self, group: usize, count: usize) {
        let mut alone = Self::default();
        (0..count).filter(|other| *other != group).for_each(|other| alone.toggle(other));
        *self = if *self == alone { Self::default() } else { alone };
    }

    /// Whether none is hidden.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 8]
    }
}

/// How a layout is shown in a frame, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Where.
    pub rectangle: Rect,
    /// How far its middle is shifted.
    pub pan: [f32; 2],
    /// How many times it is larger than what fits.
    pub zoom: f32,
    /// Width and height of a point's tile.
    pub tile: [f32; 2],
    /// Where the pointer is, if it is here.
    pub pointer: Option<[f32; 2]>,
    /// The frame stays as it is, while points move.
    pub hold: bool,
    /// Diameter of a point's dot.
    pub dot: f32,
    /// Tiles are drawn, not dots alone.
    pub tiles: bool,
    /// What colours tell.
    pub colour: ColourBy,
    /// What is not shown.
    pub hidden: Hidden,
    /// The point that is marked.
    pub marked: Option<u32>,
    /// Something is selected: what is not is dimmed.
    pub dims: bool,
    /// Pixels of a point of the interface.
    pub scale: f32,
}

impl Placement {
    /// A layout in a rectangle, as large as fits, in dots of 4 pixels.
    pub fn new(rectangle: Rect) -> Self {
        Self {
            rectangle,
            pan: [0.0; 2],
            zoom: 1.0,
            tile: [4.0; 2],
            pointer: None,
            hold: false,
            dot: 4.0,
            tiles: false,
            colour: ColourBy::Class,
            hidden: Hidden::default(),
            marked: None,
            dims: false,
            scale: 1.0,
        }
    }

    /// Columns and rows of the pixels that the rectangle touches.
    pub(super) fn pixels(&self) -> [u32; 2] {
        let Rect { x, y, width, height } = self.rectangle;
        [(x, width), (y, height)]
            .map(|(from, length)| ((from + length).ceil() - from.floor()).max(1.0) as u32)
    }

    fn stamp(&self) -> u32 {
        self.dot.round().clamp(1.0, LARGEST_STAMP) as u32
    }

    pub(super) fn camera(&self) -> Camera {
        let Self { rectangle, pan, zoom, tile, pointer, hold, scale, .. } = *self;
        let [pointer_x, pointer_y] = pointer.unwrap_or([-1e7, -1e7]);
        let half = if self.tiles { [tile[0] / 2.0, tile[1] / 2.0] } else { [self.dot / 2.0; 2] };
        let [columns, rows] = self.pixels();
        let largest = tile[0].max(tile[1]) / 2.0;
        Camera {
            left: rectangle.x,
            top: rectangle.y,
            width: rectangle.width,
            height: rectangle.height,
            pan_x: pan[0],
            pan_y: pan[1],
            zoom,
            pointer_x,
            pointer_y,
            reach_x: half[0].max(4.0 * scale),
            reach_y: half[1].max(4.0 * scale),
            margin: largest + DISC * scale,
            disc: largest + DISC * scale,
            hold: f32::from(u8::from(hold)),
            stamp: self.stamp(),
            marked: self.marked.unwrap_or(NONE),
            colour: self.colour as u32,
            columns,
            rows,
            padding: 0,
            hidden: self.hidden.0,
        }
    }

    pub(super) fn look(&self, screen: [f32; 2], groups: bool) -> Look {
        let half = [self.tile[0] / 2.0, self.tile[1] / 2.0];
        let [columns, rows] = self.pixels();
        Look {
            screen_width: screen[0],
            screen_height: screen[1],
            label_x: half[0],
            label_y: half[1] - 6.0 * self.scale,
            // Larger digits where there is room for them.
            dot: if half[0] > 15.0 * self.scale { 2.0 * self.scale } else { self.scale }.round().max(1.0),
            red: 0.353,
            green: 0.663,
            blue: 0.949,
            marked: self.marked.map_or(-1.0, |index| index as f32),
            half_width: half[0],
            half_height: half[1],
            dot_radius: self.dot / 2.0,
            left: self.rectangle.x.floor(),
            top: self.rectangle.y.floor(),
            width: columns as f32,
            height: rows as f32,
            columns,
            dims: u32::from(self.dims),
            groups: u32::from(groups),
            // Small dots show by their number, large ones each.
            fade: if self.stamp() == 1 { 0.4_f32 } else { 0.15 }.log2(),
        }
    }
}

/// What lies under the pointer, and how pixels and positions belong together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Picked {
    /// The point.
    pub index: Option<u32>,
    /// The position in the middle of the rectangle, before it is shifted.
    pub middle: [f32; 2],
    /// Pixels a unit, before it is enlarged.
    pub scale: f32,
}

impl Picked {
    /// Bytes that are to be read back for it.
    pub const BYTES: u64 = 32;

    /// From what was read back.
    pub fn read(bytes: &[u8]) -> Self {
        let words: Vec<f32> = bytemuck::pod_collect_to_vec(bytes);
        let key = words[4].to_bits();
        let index = (key != NONE).then_some(key & (MOST_POINTS - 1));
        Self { index, middle: [words[0], words[1]], scale: words[2] }
    }

    /// The layout's position at a pixel.
    pub fn position(&self, pixel: [f32; 2], placement: &Placement) -> [f32; 2] {
        let r = placement.rectangle;
        let middle = [r.x + r.width / 2.0, r.y + r.height / 2.0];
        [0, 1].map(|axis| {
            let away = pixel[axis] - middle[axis] - placement.pan[axis];
            self.middle[axis] + away / (self.scale * placement.zoom)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Hidden;

    #[test]
    fn a_group_is_hidden_shown_and_isolated() {
        let mut hidden = Hidden::default();
        hidden.toggle(33);
        assert!(hidden.has(33) && !hidden.has(1) && !hidden.has(32) && !hidden.is_empty());
        hidden.isolate(4, 40);
        assert!((0..40).all(|group| hidden.has(group) == (group != 4)) && !hidden.has(40));
        hidden.isolate(4, 40);
        assert!(hidden.is_empty(), "a second time shows all");
    }
}
