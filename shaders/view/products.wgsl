// How a filter computes its map: the product map of each channel, their sum, and one output pixel's products as numbers. See
// src/view/flow/products.rs.
const WORKGROUP: u32 = 64u;
// Offset of a bias that there is none of.
const NONE = 0xffffffffu;

#import SlidingParams

@group(0) @binding(0) var<uniform> params: SlidingParams;
@group(0) @binding(1) var<storage, read> maps: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> products: array<f32>;
// The sum of the products, and with the bias.
@group(0) @binding(4) var<storage, read_write> totals: array<f32>;
// Of one pixel: each channel's product; the values that the kernel meets in one channel; its weights there; sum, bias, output.
@group(0) @binding(5) var<storage, read_write> terms: array<f32>;

fn bias() -> f32 {
    if params.bias_offset == NONE { return 0.0; }
    return weights[params.bias_offset];
}

/// Row or column of a map that output row or column `at` meets under tap `k`; beyond the map where it meets none
fn place(at: u32, k: u32) -> u32 {
    // Above and left of the map this wraps around to a number beyond its size.
    if params.transposed == 0u { return at * params.stride + k * params.dilation - params.padding; }
    let by = at + params.padding - k * params.dilation;
    return select(0xffffffffu, by / params.stride, by % params.stride == 0u && by < 0x80000000u);
}

/// The value of channel c that tap `tap` of output pixel `pixel` meets; 0 outside of the map
fn met(c: u32, tap: u32, pixel: u32) -> f32 {
    let y = place(pixel / params.out_width, tap / params.kernel_width);
    let x = place(pixel % params.out_width, tap % params.kernel_width);
    if y >= params.height || x >= params.width { return 0.0; }
    return maps[params.offset + c * params.channel_stride + y * params.row_stride + x * params.column_stride];
}

/// products[c, pixel] = Σ_tap weights[c, tap] · maps[c, what the tap meets]
@compute @workgroup_size(WORKGROUP)
fn product_maps(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = params.first + id.x + id.y * groups.x * WORKGROUP;
    if i >= params.last { return; }
    let pixels = params.out_height * params.out_width;
    let taps = params.kernel_height * params.kernel_width;
    let c = i / pixels;
    var sum = 0.0;
    for (var tap = 0u; tap < taps; tap++) {
        sum += weights[params.weight_offset + c * taps + tap] * met(c, tap, i % pixels);
    }
    products[i] = sum;
}

/// totals[0, pixel] = Σ_c products[c, pixel]; totals[1, pixel] = the same with the bias
@compute @workgroup_size(WORKGROUP)
fn product_totals(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = params.first + id.x + id.y * groups.x * WORKGROUP;
    if i >= params.last { return; }
    let pixels = params.out_height * params.out_width;
    var sum = 0.0;
    for (var c = 0u; c < params.channels; c++) { sum += products[c * pixels + i]; }
    totals[i] = sum;
    totals[pixels + i] = sum + bias();
}

/// terms = products of one pixel by channel, then values and weights of one channel by tap, then sum, bias and output
@compute @workgroup_size(WORKGROUP)
fn product_terms(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = params.first + id.x + id.y * groups.x * WORKGROUP;
    if i >= params.last { return; }
    let pixels = params.out_height * params.out_width;
    let taps = params.kernel_height * params.kernel_width;
    if i < params.channels {
        terms[i] = products[i * pixels + params.pixel];
        return;
    }
    let at = i - params.channels;
    if at < taps {
        terms[i] = met(params.channel, at, params.pixel);
    } else if at < 2u * taps {
        terms[i] = weights[params.weight_offset + params.channel * taps + at - taps];
    } else if at == 2u * taps {
        terms[i] = totals[params.pixel];
    } else if at == 2u * taps + 1u {
        terms[i] = bias();
    } else {
        terms[i] = totals[pixels + params.pixel];
    }
}
