//! Points that are spread onto a grid.

use glam::Vec2;
use revacnn::gpu::Buffer;
use revacnn::view::{Grid, Placement, PointStyle, Rect, ScatterSet, Scatters, twin};

use crate::stage::*;

/// Ends of a layout, so that its fit does not hang on the others.
fn positions(count: usize) -> Vec<[f32; 2]> {
    // Few values, so that many are equal.
    let at = |i: usize, salt: usize| (random(i, salt) % 37) as f32 * 0.5 - 7.0;
    let mut positions: Vec<[f32; 2]> = (0..count).map(|i| [at(i, 1), 0.5 * at(i, 2)]).collect();
    (positions[3], positions[8]) = ([-20.0, -9.0], [25.0, 11.0]);
    positions
}

fn placement(grid: Grid, share: f32) -> Placement {
    Placement {
        pan: Vec2::new(7.0, -4.0),
        zoom: 1.25,
        spread: Some((grid, share)),
        style: PointStyle { tile: Vec2::new(8.0, 6.0), tiles: true, ..Default::default() },
        ..Placement::new(Rect { x: 12.0, y: 35.0, width: 640.0, height: 410.0 })
    }
}

#[test]
fn points_lie_in_the_cells_of_the_twin_or_on_the_way_there() {
    let gpu = gpu();
    let mut scatters = Scatters::new(&gpu, wgpu::TextureFormat::Rgba8Unorm).unwrap();
    // Sorted by counting alone; by a workgroup at first; and as many points as there are cells.
    for (count, grid) in [
        (61, Grid { columns: 11, rows: 6 }),
        (707, Grid { columns: 19, rows: 38 }),
        (1024, Grid { columns: 32, rows: 32 }),
    ] {
        let positions = positions(count);
        let mut flags = vec![0_u32; count];
        flags[5] = 1;
        let set =
            ScatterSet { flags: Buffer::from_slice(&gpu, "flags", &flags).range(), ..set(&gpu, &positions) };
        let mut sorted = positions.clone();
        sorted[5] = [3e38; 2];
        let cells = twin::spread(&sorted, grid);
        for share in [1.0, 0.25, 0.0] {
            let placement = placement(grid, share);
            frame(&gpu, &mut scatters, &set, placement);
            let places = scatters.listed(3).unwrap().points.read(&gpu);
            let margin = 4.0 + 14.0;
            let mut drawn = positions.clone();
            drawn[5] = [1e15; 2];
            let pixels = projected(&drawn, &placement, margin).1;
            let differs = |i: usize, cell: [u32; 2]| {
                let at = twin::between(pixels[i], cell, grid, &placement, margin, f64::from(share));
                (f64::from(places[i].pixel.x) - at[0]).abs() + (f64::from(places[i].pixel.y) - at[1]).abs()
                    > 0.01
            };
            let wrong: Vec<usize> = (0..count).filter(|i| *i != 5 && differs(*i, cells[*i])).collect();
            assert_eq!(wrong, [0; 0], "of {count} points, {share} of the way");
            assert!(places[5].pixel.x < -1e5, "a point that is not drawn has a place");
            // The cell of another point is told apart, but where none is moved.
            let moved = (0..count).filter(|i| *i != 5 && differs(*i, cells[(*i + 1) % count])).count();
            assert_eq!(moved > count / 2, share > 0.0, "{moved} of {count}");
        }
    }
}

#[test]
fn neighbors_stay_near_each_other() {
    // Points that lie on a grid already, each moved by less than half of a cell, keep their cells.
    let grid = Grid { columns: 16, rows: 8 };
    let at = |i: usize| [i as u32 % 16, i as u32 / 16];
    let jitter = |i: usize, salt: usize| (random(i, salt) % 1000) as f32 / 1000.0 - 0.5;
    let positions: Vec<[f32; 2]> = (0..128)
        .map(|i| [at(i)[0] as f32 + 0.98 * jitter(i, 1), at(i)[1] as f32 + 0.98 * jitter(i, 2)])
        .collect();
    assert_eq!(twin::spread(&positions, grid), (0..128).map(at).collect::<Vec<_>>());
    let swapped: Vec<[f32; 2]> = positions.iter().map(|[x, y]| [*y, *x]).collect();
    assert_ne!(twin::spread(&swapped, grid), (0..128).map(at).collect::<Vec<_>>());
}

#[test]
fn a_grid_has_a_cell_for_each_point_and_the_proportions_of_the_rectangle() {
    let grid = |count, width, height| Grid::fitting(count, Vec2::new(width, height), Vec2::ONE);
    assert_eq!(grid(100, 400.0, 400.0), Grid { columns: 10, rows: 10 });
    assert_eq!(grid(8, 400.0, 200.0), Grid { columns: 4, rows: 2 });
    // Tiles twice as wide as high.
    assert_eq!(Grid::fitting(8, Vec2::splat(100.0), Vec2::new(2.0, 1.0)), Grid { columns: 2, rows: 4 });
    for (count, width, height) in [(1, 10.0, 900.0), (7, 900.0, 10.0), (16_384, 333.0, 222.0), (5, 0.0, 0.0)]
    {
        let Grid { columns, rows } = grid(count, width, height);
        assert!(columns * rows >= count && columns * rows < count + columns.max(rows), "{columns} × {rows}");
    }
}
