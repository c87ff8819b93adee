// Sums of a map over what each tap of a kernel meets, by which the sum over all pixels of (map ∗ kernel) is one product a tap. See
// src/view/flow/mod.rs.
const WORKGROUP: u32 = 64u;

#import SlidingParams

@group(0) @binding(0) var<uniform> params: SlidingParams;
@group(0) @binding(1) var<storage, read> maps: array<f32>;
// By channel, row of the map and column of the kernel.
@group(0) @binding(2) var<storage, read_write> rows: array<f32>;
// By channel, row and column of the kernel.
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

/// Place in the map of item `i` under tap `k` along an axis with `length` pixels, `out_length` of the output: of an output pixel the pixel
/// that it meets, of a pixel of the map that a transposed convolution writes from itself; beyond the map where there is none.
fn met(i: u32, k: u32, length: u32, out_length: u32) -> u32 {
    // Left of the map this wraps around to a number beyond its width.
    let at = i * params.stride + k * params.dilation - params.padding;
    if params.transposed == 0u { return at; }
    return select(length, i, at < out_length);
}

/// rows[c, y, kx] = Σ_x maps[c, y, x·stride + kx·dilation − padding] over output columns x that meet the map, or Σ maps[c, y, x] over columns x that meet the output
@compute @workgroup_size(WORKGROUP)
fn row_sums(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = params.first + id.x + id.y * groups.x * WORKGROUP;
    if i >= params.last { return; }
    let kx = i % params.kernel_width;
    let y = i / params.kernel_width % params.height;
    let c = i / (params.kernel_width * params.height);
    let first = params.offset + c * params.channel_stride + y * params.row_stride;
    var sum = 0.0;
    for (var x = 0u; x < select(params.out_width, params.width, params.transposed == 1u); x++) {
        let at = met(x, kx, params.width, params.out_width);
        if at < params.width { sum += maps[first + at * params.column_stride]; }
    }
    rows[i] = sum;
}

/// sums[c, ky, kx] = Σ_y rows[c, y·stride + ky·dilation − padding, kx] over output rows y that meet the map, or Σ rows[c, y, kx] over rows y that meet the output
@compute @workgroup_size(WORKGROUP)
fn tap_sums(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = params.first + id.x + id.y * groups.x * WORKGROUP;
    if i >= params.last { return; }
    let kx = i % params.kernel_width;
    let ky = i / params.kernel_width % params.kernel_height;
    let c = i / (params.kernel_width * params.kernel_height);
    var sum = 0.0;
    for (var y = 0u; y < select(params.out_height, params.height, params.transposed == 1u); y++) {
        let at = met(y, ky, params.height, params.out_height);
        if at < params.height { sum += rows[(c * params.height + at) * params.kernel_width + kx]; }
    }
    sums[i] = sum;
}
