//! The compute shaders of `shaders/view` as plain loops, in `f64` where they add up. Tests compare the two.

use super::color_map::Rgb;
use super::grid::Grid;
use super::placement::Placement;
use super::rect::Rect;
use crate::gpu::TensorView;

/// Every compute entry point of `shaders/view`: shader, entry point, and its twin in this module or `not: reason`.
pub const TWINS: &[(&str, &str, &str)] = &[
    ("view/tile_stats.wgsl", "tile_stats", "view::twin::tile_stats, view::twin::activity"),
    ("view/tile_stats.wgsl", "set_stats", "view::twin::set_stats"),
    ("view/fit.wgsl", "fit_parts", "view::twin::fit"),
    ("view/fit.wgsl", "fit_frame", "view::twin::fit"),
    ("view/project.wgsl", "project_points", "view::twin::project"),
    ("view/project.wgsl", "clear_pixels", "view::twin::splat"),
    ("view/project.wgsl", "splat_points", "view::twin::splat"),
    ("view/project.wgsl", "select_points", "view::twin::is_inside"),
    ("view/spread.wgsl", "begin_order", "view::twin::spread"),
    ("view/spread.wgsl", "sort_spans", "view::twin::spread"),
    ("view/spread.wgsl", "rank_places", "view::twin::spread"),
    ("view/spread.wgsl", "place_points", "view::twin::spread"),
    ("view/spread.wgsl", "glide", "view::twin::between"),
    ("view/list.wgsl", "mark_visible", "view::twin::visible"),
    ("view/list.wgsl", "list_bits", "view::twin::visible"),
    ("view/list.wgsl", "clear_class_counts", "view::twin::class_counts"),
    ("view/list.wgsl", "count_by_class", "view::twin::class_counts"),
];

/// Minimum and maximum of the finite values of each tile of a view, the first value where none is finite; mean and standard
/// deviation of all. From the values of the view's whole buffer.
pub fn tile_stats(view: &TensorView, values: &[f32]) -> Vec<[f64; 4]> {
    let tile = |t: u32| {
        let all = tile_values(view, values, t);
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64;
        let [smallest, largest] = finite_range(all.iter().copied()).unwrap_or([all[0]; 2]);
        [smallest, largest, mean, variance.sqrt()]
    };
    (0..view.tiles()).map(tile).collect()
}

/// Minimum, maximum, largest magnitude and largest mean magnitude of a set, from statistics and activity of its tiles, 0 where none is
/// finite.
pub fn set_stats(tiles: &[[f64; 4]], activity: &[[f64; 2]]) -> [f64; 4] {
    let [smallest, largest] = finite_range(tiles.iter().flat_map(|t| [t[0], t[1]])).unwrap_or_default();
    let mean = activity.iter().map(|tile| tile[0]).filter(|mean| mean.is_finite()).fold(0.0, f64::max);
    [smallest, largest, smallest.abs().max(largest.abs()), mean]
}

/// Mean magnitude and share of zeros of each tile of a view. From the values of the view's whole buffer.
pub fn activity(view: &TensorView, values: &[f32]) -> Vec<[f64; 2]> {
    let tile = |t| {
        let all = tile_values(view, values, t);
        let zeros = all.iter().filter(|value| **value == 0.0).count();
        [all.iter().map(|value| value.abs()).sum::<f64>() / all.len() as f64, zeros as f64 / all.len() as f64]
    };
    (0..view.tiles()).map(tile).collect()
}

fn tile_values(view: &TensorView, values: &[f32], t: u32) -> Vec<f64> {
    let [_, channels, height, width] = view.extents;
    let mut all = Vec::new();
    for c in 0..channels {
        for y in 0..height {
            for x in 0..width {
                all.push(f64::from(values[view.element([t, c, y, x]) as usize]));
            }
        }
    }
    all
}

/// Minimum and maximum of the values that are finite.
fn finite_range(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    values.filter(|v| v.is_finite()).map(|v| [v, v]).reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])])
}

/// The fit of a layout into a rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Center of the points' bounding box.
    pub center: [f64; 2],
    /// Pixels per unit.
    pub scale: f64,
}

/// The fit of positions into a rectangle with `margin` pixels around them. Positions at 1e14 and beyond, NaN and infinity do not count.
pub fn fit(positions: &[[f32; 2]], rectangle: &Rect, margin: f64) -> Fit {
    let drawn = || positions.iter().filter(|p| p[0].abs() < 1e14 && p[1].is_finite());
    let bounds = [0, 1].map(|axis| {
        let values = || drawn().map(|p| f64::from(p[axis]));
        [values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max)]
    });
    let room = [rectangle.width, rectangle.height].map(|side| f64::from(side) - 2.0 * margin);
    let fits = [0, 1].map(|axis| room[axis] / (bounds[axis][1] - bounds[axis][0]));
    Fit { center: bounds.map(|[a, b]| (a + b) / 2.0), scale: fits[0].min(fits[1]) }
}

/// Pixels of positions in a placement that they are fitted into.
pub fn project(positions: &[[f32; 2]], placement: &Placement, fit: Fit) -> Vec<[f64; 2]> {
    let Placement { rectangle, pan, zoom, .. } = *placement;
    let middle = [
        f64::from(rectangle.x) + f64::from(rectangle.width) / 2.0 + f64::from(pan.x),
        f64::from(rectangle.y) + f64::from(rectangle.height) / 2.0 + f64::from(pan.y),
    ];
    let scale = fit.scale * f64::from(zoom);
    let pixel =
        |p: &[f32; 2]| [0, 1].map(|axis| middle[axis] + (f64::from(p[axis]) - fit.center[axis]) * scale);
    positions.iter().map(pixel).collect()
}

/// A pixel of the pixel buffer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Splatted {
    /// Number of dots that cover it.
    pub dots: u32,
    /// Greatest of their keys.
    pub key: u32,
    /// Sums of their red, green and blue, each 0 to 255.
    pub color: [u32; 3],
}

/// The pixel buffer of a target of `columns × rows` pixels, for dots of `side` pixels inside a rectangle: for each pixel the number of
/// dots that cover it, the greatest of their keys, and the sum of their colors. From the key and the color of each point.
pub fn splat(
    pixels: &[[f32; 2]],
    side: i32,
    rectangle: &Rect,
    [columns, rows]: [u32; 2],
    of: impl Fn(usize) -> (u32, Rgb),
) -> Vec<Splatted> {
    let mut all = vec![Splatted::default(); (columns * rows) as usize];
    for (i, pixel) in pixels.iter().enumerate() {
        let corner = pixel.map(|p| (p - 0.5 * side as f32 + 0.5).floor() as i32);
        for (dy, dx) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
            let away = [dx, dy].map(|d| d as f32 - 0.5 * (side - 1) as f32);
            // Dots of three pixels and more are round.
            if side > 2 && away[0].powi(2) + away[1].powi(2) > 0.25 * (side * side) as f32 + 0.3 {
                continue;
            }
            let (x, y) = (corner[0] + dx, corner[1] + dy);
            let within =
                |at: i32, from: f32, length: f32| (from as i32..(from + length) as i32).contains(&at);
            if within(x, rectangle.x, rectangle.width) && within(y, rectangle.y, rectangle.height) {
                let at = &mut all[(y as u32 * columns + x as u32) as usize];
                let (key, color) = of(i);
                at.dots += 1;
                at.key = at.key.max(key);
                at.color = [0, 1, 2].map(|c| at.color[c] + u32::from(color[c]));
            }
        }
    }
    all
}

/// The cell of each point on a grid, column and row: the points are sorted along the longer side of the cells, parted in proportion to the
/// cells of its halves, and so on in each half.
pub fn spread(positions: &[[f32; 2]], grid: Grid) -> Vec<[u32; 2]> {
    let mut cells = vec![[0; 2]; positions.len()];
    let all = (0..positions.len()).collect();
    part(positions, all, ([0; 2], [grid.columns, grid.rows]), &mut cells);
    cells
}

/// Gives the points `of` cells from `corner` on, `size` columns and rows.
fn part(
    positions: &[[f32; 2]],
    mut of: Vec<usize>,
    (corner, size): ([u32; 2], [u32; 2]),
    cells: &mut [[u32; 2]],
) {
    if let [point] = of[..] {
        cells[point] = [0, 1].map(|axis| corner[axis] + (size[axis] - 1) / 2);
    }
    if of.len() < 2 {
        return;
    }
    let axis = if size[0] >= size[1] { 0 } else { 1 };
    of.sort_by(|a, b| positions[*a][axis].total_cmp(&positions[*b][axis]).then(a.cmp(b)));
    let other = size[1 - axis];
    let near = size[axis] / 2;
    let room = [near, size[axis] - near].map(|side| (side * other) as usize);
    let share = (of.len() as f64 * room[0] as f64 / (room[0] + room[1]) as f64).round() as usize;
    // Neither half gets more points than cells.
    let share = share.min(room[0]).max(of.len().saturating_sub(room[1]));
    let far = of.split_off(share);
    let (mut corners, mut sizes) = ([corner; 2], [size; 2]);
    corners[1][axis] += near;
    sizes[0][axis] = near;
    sizes[1][axis] -= near;
    part(positions, of, (corners[0], sizes[0]), cells);
    part(positions, far, (corners[1], sizes[1]), cells);
}

/// Pixel of a point on the way from `pixel` to the middle of its cell, after a `share` of it; `margin` pixels stay free around the grid.
pub fn between(
    pixel: [f64; 2],
    cell: [u32; 2],
    grid: Grid,
    placement: &Placement,
    margin: f64,
    share: f64,
) -> [f64; 2] {
    let Placement { rectangle, pan, zoom, .. } = *placement;
    let sides = [
        [rectangle.x, rectangle.width, pan.x, grid.columns as f32],
        [rectangle.y, rectangle.height, pan.y, grid.rows as f32],
    ];
    [0, 1].map(|axis| {
        let [from, length, pan, cells] = sides[axis].map(f64::from);
        let along = (f64::from(cell[axis]) + 0.5) / cells - 0.5;
        let goal = from + length / 2.0 + pan + along * (length - 2.0 * margin) * f64::from(zoom);
        pixel[axis] + (goal - pixel[axis]) * share
    })
}

/// Indices of the pixels within a rectangle widened by `margin` on all sides.
pub fn visible(pixels: &[[f64; 2]], rectangle: &Rect, margin: f64) -> Vec<u32> {
    let sides = [[rectangle.x, rectangle.width], [rectangle.y, rectangle.height]].map(|s| s.map(f64::from));
    let within = |pixel: &[f64; 2]| {
        (0..2).all(|axis| {
            let [from, length] = sides[axis];
            (from - margin..=from + length + margin).contains(&pixel[axis])
        })
    };
    (0..).zip(pixels).filter(|(_, pixel)| within(pixel)).map(|(i, _)| i).collect()
}

/// True when a ray to the right from `at` crosses a closed path an odd number of times.
pub fn is_inside(path: &[[f32; 2]], at: [f32; 2]) -> bool {
    let edges = path.iter().zip(path.iter().cycle().skip(1));
    let at = at.map(f64::from);
    let crossed = edges.filter(|(a, b)| {
        let (a, b) = (a.map(f64::from), b.map(f64::from));
        (a[1] > at[1]) != (b[1] > at[1]) && at[0] < a[0] + (b[0] - a[0]) * (at[1] - a[1]) / (b[1] - a[1])
    });
    crossed.count() % 2 == 1
}

/// Numbers of the points `indices` by class, up to the last class that has any.
pub fn class_counts(indices: &[u32], classes: &[u32]) -> Vec<u32> {
    let mut counts = Vec::new();
    for index in indices {
        let class = classes[*index as usize] as usize;
        counts.resize(counts.len().max(class + 1), 0);
        counts[class] += 1;
    }
    counts
}
