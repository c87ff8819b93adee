// Points to mesh and mesh to points, by quintic B-splines. See src/embed/mesh/mod.rs.
const WORKGROUP: u32 = 64u;
// Coordinates of points that are left out.
const APART: f32 = 1e15;
const NONE: u32 = 0xffffffffu;
// Points lie by list.
#constant ORDERED = 0

#import SplineParams
#import Grid

@group(0) @binding(0) var<uniform> params: SplineParams;
@group(0) @binding(1) var<storage, read> grid: Grid;
@group(0) @binding(2) var<storage, read> positions: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> flags: array<u32>;
// [y, x]: Σ of weights in steps of 1 / scale.
@group(0) @binding(5) var<storage, read_write> mesh: array<atomic<u32>>;
@group(0) @binding(6) var<storage, read_write> mesh_quads: array<vec4<u32>>;
@group(0) @binding(7) var<storage, read_write> repulsion: array<vec4<f32>>;
// [y, x]: x-component, then y-component of the field, in quads as a complex grid.
@group(0) @binding(11) var<storage, read> field_in: array<f32>;

#if ORDERED
// [slot]: row of the point, or NONE.
@group(0) @binding(12) var<storage, read> row_ids: array<u32>;

#end
/// Row of point i, or NONE.
fn row_of(i: u32) -> u32 {
#if ORDERED
    return row_ids[i];
#else
    return i;
#end
}

fn is_there(row: u32, i: u32) -> bool {
    return row != NONE && (flags[row] & 1u) == 0u && abs(positions[i].x) < 0.5 * APART;
}

/// mesh = 0
@compute @workgroup_size(WORKGROUP)
fn clear(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let e = id.x + id.y * groups.x * WORKGROUP;
    if e >= 1u << (2u * grid.level - 4u) { return; }
    mesh_quads[e] = vec4<u32>(0u);
}

fn fifth(x: f32) -> f32 {
    let square = x * x;
    return square * square * x;
}

/// Weights of the quintic B-spline for the three nodes at `t` + 2, `t` + 1 and `t`.
fn spline(t: f32) -> vec3<f32> {
    let near = fifth(1.0 - t);
    let middle = fifth(2.0 - t);
    return vec3<f32>(near, middle - 6.0 * near, fifth(3.0 - t) - 6.0 * middle + 15.0 * near) / 120.0;
}

// First of the 6 × 6 nodes around a position, and their weights from both ends to the middle.
struct Stencil { first: u32, x: vec3<f32>, x_end: vec3<f32>, y: vec3<f32>, y_end: vec3<f32> }

fn stencil_of(position: vec2<f32>) -> Stencil {
    let nodes = 1u << (grid.level - 1u);
    // From the center, halfway between two nodes, so that points close together keep their digits.
    let at = (position - vec2<f32>(grid.center_x, grid.center_y)) / grid.spacing + 0.5;
    let half = f32(nodes / 2u);
    let below = clamp(floor(at), vec2<f32>(2.0 - half), vec2<f32>(half - 4.0));
    let t = clamp(at - below, vec2<f32>(0.0), vec2<f32>(1.0));
    let first = vec2<u32>(vec2<i32>(below) + vec2<i32>(i32(nodes / 2u) - 2));
    return Stencil(first.y * nodes + first.x, spline(t.x), spline(1.0 - t.x), spline(t.y), spline(1.0 - t.y));
}

/// mesh[v, u] += round(scale · B(y_i − v) B(x_i − u)) for the 6 × 6 nodes around each point
@compute @workgroup_size(WORKGROUP)
fn deposit(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    if !is_there(row_of(i), i) { return; }
    let stencil = stencil_of(positions[i]);
    let nodes = 1u << (grid.level - 1u);
#for h in 2
#for v in 3
#if h
    let row_{5 - v} = stencil.first + {5 - v}u * nodes;
    let along_{5 - v} = params.scale * stencil.y_end[{v}];
#else
    let row_{v} = stencil.first + {v}u * nodes;
    let along_{v} = params.scale * stencil.y[{v}];
#end
#end
#end
#for v in 6
#for u in 3
    atomicAdd(&mesh[row_{v} + {u}u], u32(round(along_{v} * stencil.x[{u}])));
    atomicAdd(&mesh[row_{v} + {5 - u}u], u32(round(along_{v} * stencil.x_end[{u}])));
#end
#end
}

/// repulsion[row of i] = Σ_{v,u} B(y_i − v) B(x_i − u) field[v, u] / scale
@compute @workgroup_size(WORKGROUP)
fn interpolate(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let row = row_of(i);
    if !is_there(row, i) {
        if row != NONE { repulsion[row] = vec4<f32>(0.0); }
        return;
    }
    let stencil = stencil_of(positions[i]);
    let nodes = 1u << (grid.level - 1u);
    var sum = vec2<f32>(0.0);
#for v in 6
    var row_{v} = vec2<f32>(0.0);
#for u in 6
    let node_{v}_{u} = stencil.first + {v}u * nodes + {u}u;
    // Four real parts, then four imaginary ones; rows lie a quad farther apart than their length.
    let at_{v}_{u} = (node_{v}_{u} / 4u + node_{v}_{u} / nodes) * 8u + node_{v}_{u} % 4u;
    let field_{v}_{u} = vec2<f32>(field_in[at_{v}_{u}], field_in[at_{v}_{u} + 4u]);
#if u / 3
    row_{v} += stencil.x_end[{5 - u % 6}] * field_{v}_{u};
#else
    row_{v} += stencil.x[{u}] * field_{v}_{u};
#end
#end
#if v / 3
    sum += stencil.y_end[{5 - v % 6}] * row_{v};
#else
    sum += stencil.y[{v}] * row_{v};
#end
#end
    repulsion[row] = vec4<f32>(sum / params.scale, 0.0, 0.0);
}
