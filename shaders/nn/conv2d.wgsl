// Convolution, batch innermost: activations [c, y, x, n/4] of vec4 (four images). One thread makes OUT_BLOCKS × 4
// channels of PIXELS neighbouring pixels of a row for four images. Kernel columns are unrolled: each value that is
// loaded serves all of them, and a sum is touched once for all. See src/nn/layers/conv2d/forward.rs.
#constant WORKGROUP = 64
#constant OUT_BLOCKS = 4
#constant PIXELS = 1
// Rows of pixels that a thread makes.
#constant ROWS = 1
// Kernel columns.
#constant COLUMNS = 3
// Source pixels from one of PIXELS to the next.
#constant STRIDE = 1
// Source channels per iteration; above 1 only where the kernel has one row.
#constant PLANES = 1
// 1 where the 8 lanes of a subgroup load the weights together.
#constant SUBGROUPS = 0
// 1 where a relu of the result is fused.
#constant RECTIFIES = 0
// Turns (PLANES source channels, one kernel row) whose weights a workgroup reads together; 0 where each thread reads its own.
#constant STAGE = 0
// 1 where kernel rows outside the map are passed over.
#constant SKIPS = 0
// 1 where max pooling of the relu is fused, over windows of ROWS × ROWS that cover the map: a thread makes PIXELS / ROWS of them.
#constant POOLS = 0

#import Conv2dParams
#import common/floats

@group(0) @binding(0) var<uniform> params: Conv2dParams;
@group(0) @binding(1) var<storage, read> source: array<vec4<f32>>;
// Of each group, of each tile: [from, ky, kx, OUT_BLOCKS], then one row [OUT_BLOCKS] of biases.
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> result: array<vec4<f32>>;
// relu of the same.
@group(0) @binding(4) var<storage, read_write> rectified: array<vec4<f32>>;
// The largest of each window, and its place in it, one byte an image; then the maps before are written for the probes alone.
@group(0) @binding(5) var<storage, read_write> pooled: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> places: array<u32>;

#if STAGE
// Weights of a stage, by turn.
var<workgroup> staged: array<array<vec4<f32>, PLANES * COLUMNS * OUT_BLOCKS>, STAGE>;

#end
/// result[t, first + step·y, first + step·x, n] = bias[t] + Σ_{c, ky, kx} weights[c, ky, kx, t] · source[c, stride·y + dilation·ky + shift, stride·x + dilation·kx + shift, n]; c and t of one group
@compute @workgroup_size(WORKGROUP)
fn conv2d(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(workgroup_id) group: vec3<u32>,
#if SUBGROUPS
    @builtin(subgroup_invocation_id) lane: u32,
#end
#if STAGE
    @builtin(local_invocation_index) index: u32,
#end
) {
    let columns = (params.count_x + PIXELS - 1u) / PIXELS;
    let threads = params.quads * columns * ((params.count_y + ROWS - 1u) / ROWS);
    // Threads past the end repeat the last one's work, so that every lane of a subgroup stays alive; they write nothing.
    let thread = min(id.x, threads - 1u);
    let quad = thread % params.quads;
    let x = thread / params.quads % columns * PIXELS;
    let y = thread / params.quads / columns * ROWS;
    let tile = (group.z * params.tiles + group.y) * (params.weight_rows + 1u) * OUT_BLOCKS;
#for b in OUT_BLOCKS
    let bias_{b} = weights[tile + params.weight_rows * OUT_BLOCKS + {b}u];
#for c in 4
#for r in ROWS
#for p in PIXELS
    var sum_{b}_{c}_{r}_{p} = vec4<f32>(bias_{b}[{c}u]);
#end
#end
#end
#end
    let from_height = i32(params.from_height);
    let from_width = i32(params.from_width);
    let from_y = i32(y) * params.stride + params.shift_y;
    let from_x = i32(x) * params.stride + params.shift_x;
#for v in (PIXELS - 1) * STRIDE + COLUMNS
    let x_{v} = from_x + {v} * params.dilation_x;
    let at_{v} = u32(clamp(x_{v}, 0, from_width - 1)) * params.quads + quad;
#end
#if STAGE
    let turns = (params.from_channels + PLANES - 1u) / PLANES * params.rows;
    var c = 0u;
    var ky = 0u;
    for (var first = 0u; first < turns; first += STAGE) {
        workgroupBarrier();
        // All loads are under way before the first is stored.
#for l in (STAGE * PLANES * COLUMNS * OUT_BLOCKS + WORKGROUP - 1) / WORKGROUP
        let part_{l} = index + {l}u * WORKGROUP;
        let loaded_{l} = weights[tile + min(first * {PLANES * COLUMNS * OUT_BLOCKS}u + part_{l}, turns * {PLANES * COLUMNS * OUT_BLOCKS}u - 1u)];
#end
#for l in (STAGE * PLANES * COLUMNS * OUT_BLOCKS + WORKGROUP - 1) / WORKGROUP
        if part_{l} < {STAGE * PLANES * COLUMNS * OUT_BLOCKS}u {
            staged[part_{l} / {PLANES * COLUMNS * OUT_BLOCKS}u][part_{l} % {PLANES * COLUMNS * OUT_BLOCKS}u] = loaded_{l};
        }
#end
        workgroupBarrier();
        for (var turn = 0u; turn < min(STAGE, turns - first); turn++) {
#else
    for (var c = 0u; c < params.from_channels; c += PLANES) {
        for (var ky = 0u; ky < params.rows; ky++) {
#end
#for r in ROWS
            let sy_{r} = from_y + {r} * params.stride + params.dilation_y * i32(ky);
            let row_in_{r} = sy_{r} >= 0 && sy_{r} < from_height;
            let row_{r} = u32(clamp(sy_{r}, 0, from_height - 1));
#end
#if SKIPS / ROWS
            if row_in_0 {
#end
#for u in PLANES
            // A channel past the last meets weights of zero.
            let plane_{u} = (group.z * params.from_channels + min(c + {u}u, params.from_channels - 1u)) * params.from_height;
#for r in ROWS
            let row_{r}_{u} = (plane_{u} + row_{r}) * params.from_width * params.quads;
#for v in (PIXELS - 1) * STRIDE + COLUMNS
            let value_{r}_{u}_{v} = select(
#if SKIPS / ROWS
                vec4<f32>(0.0), source[row_{r}_{u} + at_{v}], x_{v} >= 0 && x_{v} < from_width);
#else
                vec4<f32>(0.0), source[row_{r}_{u} + at_{v}], row_in_{r} && x_{v} >= 0 && x_{v} < from_width);
#end
#end
#end
#end
#if STAGE
#else
            let taps = tile + (c * params.rows + ky) * COLUMNS * OUT_BLOCKS;
#end
#if SUBGROUPS
#for l in (PLANES * COLUMNS * OUT_BLOCKS + 7) / 8
            let mine_{l} = weights[taps + min({l * 8}u + lane, {PLANES * COLUMNS * OUT_BLOCKS - 1}u)];
#end
#end
#for b in OUT_BLOCKS
#for u in PLANES
#for k in COLUMNS
#if SUBGROUPS
            let w_{b}_{u}_{k} = subgroupBroadcast(
                mine_{((u * COLUMNS + k) * OUT_BLOCKS + b) / 8}, {((u * COLUMNS + k) * OUT_BLOCKS + b) % 8}u);
#else
#if STAGE
            let w_{b}_{u}_{k} = staged[turn][{(u * COLUMNS + k) * OUT_BLOCKS + b}u];
#else
            let w_{b}_{u}_{k} = weights[taps + {(u * COLUMNS + k) * OUT_BLOCKS + b}u];
#end
#end
#end
#end
#for r in ROWS
#if SKIPS * (ROWS - 1)
            if row_in_{r} {
#end
#for c in 4
#for p in PIXELS
#for u in PLANES
#for k in COLUMNS
            sum_{b}_{c}_{r}_{p} += w_{b}_{u}_{k}[{c}u] * value_{r}_{u}_{p * STRIDE + k};
#end
#end
#end
#end
#if SKIPS * (ROWS - 1)
            }
#end
#end
#end
#if SKIPS / ROWS
            }
#end
#if STAGE
            ky += 1u;
            if ky == params.rows {
                ky = 0u;
                c += PLANES;
            }
#end
        }
    }
    if id.x >= threads { return; }
    let first_channel = group.y * OUT_BLOCKS * 4u;
    let to_pixels = params.to_height * params.to_width;
    let to_pixel = (params.first_y + params.step * y) * params.to_width + params.first_x + params.step * x;
#for b in OUT_BLOCKS
#for c in 4
    if first_channel + {b * 4 + c}u < params.to_channels {
        let to = (group.z * params.to_channels + first_channel + {b * 4 + c}u) * to_pixels + to_pixel;
#if POOLS
#for w in PIXELS / ROWS
        if x + {w * ROWS}u < params.count_x {
            let to_window = ((group.z * params.to_channels + first_channel + {b * 4 + c}u) * (params.to_height / ROWS) + y / ROWS) * (params.to_width / ROWS) + x / ROWS + {w}u;
            var best = relu(sum_{b}_{c}_0_{w * ROWS});
            var place = vec4<u32>(0u);
            var was_nan = are_nan(best);
#for r in ROWS
#for d in ROWS
#if r + d
            let value_{r}_{d} = relu(sum_{b}_{c}_{r}_{w * ROWS + d});
            let is_nan_{r}_{d} = are_nan(value_{r}_{d});
            let wins_{r}_{d} = ((value_{r}_{d} > best) & !was_nan) | is_nan_{r}_{d};
            was_nan |= is_nan_{r}_{d};
            best = select(best, value_{r}_{d}, wins_{r}_{d});
            place = select(place, vec4<u32>({r * ROWS + d}u), wins_{r}_{d});
#end
#end
#end
            let at = to_window * params.quads + quad;
            pooled[at] = best;
            places[at] = place.x | (place.y << 8u) | (place.z << 16u) | (place.w << 24u);
            if quad >= params.train_quads {
#for r in ROWS
#for d in ROWS
                let at_{r}_{d} = (to + {r}u * params.to_width + {w * ROWS + d}u) * params.quads + quad;
                result[at_{r}_{d}] = sum_{b}_{c}_{r}_{w * ROWS + d};
                rectified[at_{r}_{d}] = relu(sum_{b}_{c}_{r}_{w * ROWS + d});
#end
#end
            }
        }
#end
#else
#for p in PIXELS
#if p
        if x + {p}u < params.count_x {
            let at = (to + {p}u * params.step) * params.quads + quad;
            result[at] = sum_{b}_{c}_0_{p};
#if RECTIFIES
            rectified[at] = relu(sum_{b}_{c}_0_{p});
#end
        }
#else
        let at = to * params.quads + quad;
        result[at] = sum_{b}_{c}_0_0;
#if RECTIFIES
        rectified[at] = relu(sum_{b}_{c}_0_0);
#end
#end
#end
#end
    }
#end
#end
}
