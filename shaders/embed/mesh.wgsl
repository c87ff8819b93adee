// The push of all other points by a mesh: what surrounds the Fourier transforms. See src/embed/mesh.rs.
const WORKGROUP: u32 = 64u;
const LANES: u32 = 256u;
// Where points that are left out stand.
const APART: f32 = 1e15;
// Nodes that the points keep away from the mesh's edges, both sides together.
const MARGIN: f32 = 10.0;
// The finest and the coarsest spacing that is wanted, and the room for growth when it is chosen anew.
const FINEST: f32 = 0.1;
const COARSEST: f32 = 0.33;
const ROOM: f32 = 1.05;

#import MeshParams
#import Grid

@group(0) @binding(0) var<uniform> params: MeshParams;
@group(0) @binding(1) var<storage, read_write> grid: Grid;
@group(0) @binding(2) var<storage, read> positions: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> flags: array<u32>;
// [block]: smallest x, y, and largest x, y with their signs turned.
@group(0) @binding(4) var<storage, read_write> bounds: array<vec4<f32>>;
// [y, x]: Σ of weights in steps of 1 / scale.
@group(0) @binding(5) var<storage, read_write> mesh: array<atomic<i32>>;
@group(0) @binding(6) var<storage, read_write> mesh_quads: array<vec4<i32>>;
@group(0) @binding(7) var<storage, read_write> repulsion: array<vec4<f32>>;
// [row, quad] of real parts, then imaginary parts.
@group(0) @binding(8) var<storage, read> from_grid: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read> from_other: array<vec4<f32>>;
@group(0) @binding(10) var<storage, read_write> to_grid: array<vec4<f32>>;
@group(0) @binding(11) var<storage, read> from_values: array<f32>;
// [gate]: workgroups in x, y and z when it is open; its level, or 0 for all of the mesh, and 256 more where it opens only when the
// kernel is made anew.
@group(0) @binding(12) var<storage, read> gates: array<vec4<u32>>;
@group(0) @binding(13) var<storage, read_write> counts: array<u32>;

fn is_there(i: u32) -> bool {
    return (flags[i] & 1u) == 0u && abs(positions[i].x) < 0.5 * APART;
}

var<workgroup> boxes: array<vec4<f32>, LANES>;

fn box_of_all(lane: u32, box: vec4<f32>) -> vec4<f32> {
    boxes[lane] = box;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        if lane < half { boxes[lane] = min(boxes[lane], boxes[lane + half]); }
        workgroupBarrier();
    }
    return boxes[0];
}

/// bounds[b] = min over the block's points of (y_i, −y_i)
@compute @workgroup_size(LANES)
fn bound(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var box = vec4<f32>(1e30);
    for (var i = group.x * LANES + lane; i < params.count; i += params.blocks * LANES) {
        if is_there(i) { box = min(box, vec4<f32>(positions[i], -positions[i])); }
    }
    let all = box_of_all(lane, box);
    if lane == 0u { bounds[group.x] = all; }
}

/// The width that nodes `spacing` apart have room for, at a level.
fn room(level: u32, spacing: f32) -> f32 {
    return spacing * (f32(1u << (level - 1u)) - MARGIN);
}

/// level = the least whose mesh has room for all points; spacing = width of the points / nodes; opens the gates of that level
@compute @workgroup_size(LANES)
fn settle(@builtin(local_invocation_index) lane: u32) {
    var box = vec4<f32>(1e30);
    for (var b = lane; b < params.blocks; b += LANES) { box = min(box, bounds[b]); }
    let all = box_of_all(lane, box);
    if lane == 0u { choose(all); }
    storageBarrier();
    workgroupBarrier();
    for (var gate = lane; gate < arrayLength(&gates); gate += LANES) {
        let entry = gates[gate];
        let level = entry.w % 256u;
        let fits = level == grid.level || (level == 0u && grid.level <= params.highest);
        let opens = fits && ((entry.w & 256u) == 0u || grid.rebuild == 1u);
        let open = select(vec3<u32>(0u), entry.xyz, opens);
        counts[3u * gate] = open.x;
        counts[3u * gate + 1u] = open.y;
        counts[3u * gate + 2u] = open.z;
    }
}

/// Sets the grid for points in a box.
fn choose(box: vec4<f32>) {
    var all = box;
    if all.x > 1e29 { all = vec4<f32>(0.0); }
    let width = max(-all.z - all.x, -all.w - all.y);
    var level = params.lowest;
    // Beyond the highest there are pairs, or else nodes farther apart.
    while level < params.highest + params.pairs && width > room(level, COARSEST) { level++; }
    // Down again only where it would not be up again at once.
    let before = grid.level;
    if before == level + 1u && before <= params.highest + params.pairs && width > 0.8 * room(level, COARSEST) { level = before; }
    grid.rebuild = 0u;
    grid.level = level;
    grid.width = width;
    grid.parts = 0u;
    if level > params.highest { return; }
    let needed = width / room(level, 1.0);
    if grid.kept != level || grid.spacing < needed || grid.spacing > max(FINEST, 1.15 * needed) {
        grid.spacing = max(FINEST, min(ROOM * needed, max(needed, COARSEST)));
        grid.rebuild = 1u;
        grid.kept = level;
    }
    // The mesh stays where it is while there is room: were it to move with every step, what little it errs by would change its sign
    // each time, and gains would fall that should rise.
    let reach = 0.5 * room(level, grid.spacing);
    let beyond = max(max(grid.middle_x - all.x, -all.z - grid.middle_x), max(grid.middle_y - all.y, -all.w - grid.middle_y));
    if grid.rebuild == 1u || beyond > reach {
        grid.middle_x = 0.5 * (all.x - all.z);
        grid.middle_y = 0.5 * (all.y - all.w);
    }
    let radix_bits = (params.radices >> (4u * (level - 8u))) & 15u;
    grid.parts = ((1u << level) >> radix_bits) * ((1u << level) / 8u + 1u);
}

/// mesh = 0
@compute @workgroup_size(WORKGROUP)
fn clear(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let e = id.x + id.y * groups.x * WORKGROUP;
    if e >= 1u << (2u * grid.level - 4u) { return; }
    mesh_quads[e] = vec4<i32>(0);
}

fn fifth(x: f32) -> f32 {
    let square = x * x;
    return square * square * x;
}

/// The weights of the three nodes at `t` + 2, `t` + 1 and `t`, of the quintic B-spline.
fn spline(t: f32) -> vec3<f32> {
    let near = fifth(1.0 - t);
    let middle = fifth(2.0 - t);
    return vec3<f32>(near, middle - 6.0 * near, fifth(3.0 - t) - 6.0 * middle + 15.0 * near) / 120.0;
}

// The first of the 6 × 6 nodes about a position, and their weights from both ends to the middle.
struct Place { first: u32, x: vec3<f32>, x_end: vec3<f32>, y: vec3<f32>, y_end: vec3<f32> }

fn place_of(position: vec2<f32>) -> Place {
    let nodes = 1u << (grid.level - 1u);
    // From the middle between two nodes, so that points that are close together keep their digits.
    let at = (position - vec2<f32>(grid.middle_x, grid.middle_y)) / grid.spacing + 0.5;
    let half = f32(nodes / 2u);
    let below = clamp(floor(at), vec2<f32>(2.0 - half), vec2<f32>(half - 4.0));
    let t = clamp(at - below, vec2<f32>(0.0), vec2<f32>(1.0));
    let first = vec2<u32>(vec2<i32>(below) + vec2<i32>(i32(nodes / 2u) - 2));
    return Place(first.y * nodes + first.x, spline(t.x), spline(1.0 - t.x), spline(t.y), spline(1.0 - t.y));
}

/// mesh[v, u] += round(scale · B(y_i − v) B(x_i − u)) for the 6 × 6 nodes about each point
@compute @workgroup_size(WORKGROUP)
fn deposit(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    if !is_there(i) { return; }
    let place = place_of(positions[i]);
    let nodes = 1u << (grid.level - 1u);
#for h in 2
#for v in 3
#if h
    let row_{5 - v} = place.first + {5 - v}u * nodes;
    let along_{5 - v} = params.scale * place.y_end[{v}];
#else
    let row_{v} = place.first + {v}u * nodes;
    let along_{v} = params.scale * place.y[{v}];
#end
#end
#end
#for v in 6
#for u in 3
    atomicAdd(&mesh[row_{v} + {u}u], i32(round(along_{v} * place.x[{u}])));
    atomicAdd(&mesh[row_{v} + {5 - u}u], i32(round(along_{v} * place.x_end[{u}])));
#end
#end
}

/// repulsion[i] = Σ_{v,u} B(y_i − v) B(x_i − u) field[v, u] / scale
@compute @workgroup_size(WORKGROUP)
fn collect(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    if !is_there(i) {
        repulsion[i] = vec4<f32>(0.0);
        return;
    }
    let place = place_of(positions[i]);
    let nodes = 1u << (grid.level - 1u);
    var sum = vec2<f32>(0.0);
#for v in 6
    var row_{v} = vec2<f32>(0.0);
#for u in 6
    let node_{v}_{u} = place.first + {v}u * nodes + {u}u;
    // Four real parts, then four imaginary ones; rows lie a quad farther apart than they are long.
    let at_{v}_{u} = (node_{v}_{u} / 4u + node_{v}_{u} / nodes) * 8u + node_{v}_{u} % 4u;
    let field_{v}_{u} = vec2<f32>(from_values[at_{v}_{u}], from_values[at_{v}_{u} + 4u]);
#if u / 3
    row_{v} += place.x_end[{5 - u % 6}] * field_{v}_{u};
#else
    row_{v} += place.x[{u}] * field_{v}_{u};
#end
#end
#if v / 3
    sum += place.y_end[{5 - v % 6}] * row_{v};
#else
    sum += place.y[{v}] * row_{v};
#end
#end
    repulsion[i] = vec4<f32>(sum / params.scale, 0.0, 0.0);
}

/// Of the transforms of columns j + i (j + m/2) those of both, from [ky, j] to [x, ky]: (Z(ky) ± conj Z(−ky)) / 2
@compute @workgroup_size(WORKGROUP)
fn unpack(@builtin(global_invocation_id) id: vec3<u32>) {
    let length = 1u << params.level;
    let quads = length / 16u;
    let pitch = quads | 1u;
    let to_quads = length / 8u + 1u;
    if id.x >= quads { return; }
#for i in 4
    let ky_{i} = id.y * 4u + {i}u;
    let own_{i} = (ky_{i} * pitch + id.x) * 2u;
    let turned_{i} = (((length - ky_{i}) & (length - 1u)) * pitch + id.x) * 2u;
    let re_{i} = 0.5 * from_grid[own_{i}];
    let im_{i} = 0.5 * from_grid[own_{i} + 1u];
    let other_re_{i} = 0.5 * from_grid[turned_{i}];
    let other_im_{i} = 0.5 * from_grid[turned_{i} + 1u];
    let a_re_{i} = re_{i} + other_re_{i};
    let a_im_{i} = im_{i} - other_im_{i};
    let b_re_{i} = im_{i} + other_im_{i};
    let b_im_{i} = other_re_{i} - re_{i};
#end
#for l in 4
    let to_{l} = ((id.x * 4u + {l}u) * to_quads + id.y) * 2u;
    to_grid[to_{l}] = vec4<f32>(a_re_0[{l}], a_re_1[{l}], a_re_2[{l}], a_re_3[{l}]);
    to_grid[to_{l} + 1u] = vec4<f32>(a_im_0[{l}], a_im_1[{l}], a_im_2[{l}], a_im_3[{l}]);
    let far_{l} = to_{l} + length / 4u * to_quads * 2u;
    to_grid[far_{l}] = vec4<f32>(b_re_0[{l}], b_re_1[{l}], b_re_2[{l}], b_re_3[{l}]);
    to_grid[far_{l} + 1u] = vec4<f32>(b_im_0[{l}], b_im_1[{l}], b_im_2[{l}], b_im_3[{l}]);
#end
}

/// From [ky, x] to [x, ky], both signs of x: q̃ is even in it
@compute @workgroup_size(WORKGROUP)
fn mirror(@builtin(global_invocation_id) id: vec3<u32>) {
    let length = 1u << params.level;
    let quads = length / 8u + 1u;
    if id.x >= quads { return; }
#for i in 4
    let re_{i} = from_grid[((id.y * 4u + {i}u) * quads + id.x) * 2u];
#end
#for l in 4
    let x_{l} = id.x * 4u + {l}u;
    let real_{l} = vec4<f32>(re_0[{l}], re_1[{l}], re_2[{l}], re_3[{l}]);
    if x_{l} <= length / 2u {
        to_grid[(x_{l} * quads + id.y) * 2u] = real_{l};
        to_grid[(x_{l} * quads + id.y) * 2u + 1u] = vec4<f32>(0.0);
    }
    if x_{l} > 0u && x_{l} < length / 2u {
        to_grid[((length - x_{l}) * quads + id.y) * 2u] = real_{l};
        to_grid[((length - x_{l}) * quads + id.y) * 2u + 1u] = vec4<f32>(0.0);
    }
#end
}

fn sinc(x: f32) -> f32 {
    let angle = 3.14159265 * x;
    return select(sin(angle) / angle, 1.0, x < 1e-6);
}

/// to[kx, ky] = K̂ / (B² length²) of q̃, B = (sinc kx sinc ky)⁶; 0 beyond the middle
@compute @workgroup_size(WORKGROUP)
fn influence(@builtin(global_invocation_id) id: vec3<u32>) {
    let length = 1u << params.level;
    let quads = length / 8u + 1u;
    let kx = id.y;
    if id.x >= quads { return; }
    let step = 1.0 / f32(length);
    let across = sinc(f32(kx) * step);
#for i in 4
    let ky_{i} = id.x * 4u + {i}u;
    let window_{i} = across * sinc(f32(ky_{i}) * step);
    let squared_{i} = window_{i} * window_{i};
    let sixth_{i} = squared_{i} * squared_{i} * squared_{i};
    let factor_{i} = select(step * step / (sixth_{i} * sixth_{i}), 0.0, ky_{i} > length / 2u);
#end
    let at = kx * quads + id.x;
    to_grid[at] = from_grid[2u * at] * vec4<f32>(factor_0, factor_1, factor_2, factor_3);
}

/// From both fields [x, ky] to one [ky, x] of both signs of ky, whose transform is their values: p + i q
@compute @workgroup_size(WORKGROUP)
fn pack(@builtin(global_invocation_id) id: vec3<u32>) {
    let length = 1u << params.level;
    let quads = length / 8u + 1u;
    let pitch = length / 8u + 1u;
    if id.x >= length / 8u { return; }
#for l in 4
    let own_{l} = ((id.x * 4u + {l}u) * quads + id.y) * 2u;
    let p_re_{l} = from_grid[own_{l}];
    let p_im_{l} = from_grid[own_{l} + 1u];
    let q_re_{l} = from_other[own_{l}];
    let q_im_{l} = from_other[own_{l} + 1u];
#end
#for i in 4
    let ky_{i} = id.y * 4u + {i}u;
    let re_{i} = vec4<f32>(p_re_0[{i}], p_re_1[{i}], p_re_2[{i}], p_re_3[{i}]);
    let im_{i} = vec4<f32>(p_im_0[{i}], p_im_1[{i}], p_im_2[{i}], p_im_3[{i}]);
    let y_re_{i} = vec4<f32>(q_re_0[{i}], q_re_1[{i}], q_re_2[{i}], q_re_3[{i}]);
    let y_im_{i} = vec4<f32>(q_im_0[{i}], q_im_1[{i}], q_im_2[{i}], q_im_3[{i}]);
    if ky_{i} <= length / 2u {
        to_grid[(ky_{i} * pitch + id.x) * 2u] = re_{i} - y_im_{i};
        to_grid[(ky_{i} * pitch + id.x) * 2u + 1u] = im_{i} + y_re_{i};
    }
    if ky_{i} > 0u && ky_{i} < length / 2u {
        to_grid[((length - ky_{i}) * pitch + id.x) * 2u] = re_{i} + y_im_{i};
        to_grid[((length - ky_{i}) * pitch + id.x) * 2u + 1u] = y_re_{i} - im_{i};
    }
#end
}
