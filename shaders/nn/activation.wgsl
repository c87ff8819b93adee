// Activation functions, one value at a time. See src/nn/layers/activation/mod.rs.
const WORKGROUP: u32 = 64u;
// 0 relu, 1 leaky relu, 2 elu, 3 gelu, 4 sigmoid, 5 tanh, 6 silu, 7 hard swish, 8 hardtanh, 9 hard sigmoid, 10 scale
#constant FUNCTION = 0

#import ActivationParams
#import common/floats

@group(0) @binding(0) var<uniform> params: ActivationParams;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> input_gradient: array<vec4<f32>>;

/// erf x by Abramowitz and Stegun 7.1.26; absolute error below 1.5e-7
fn erf(x: vec4<f32>) -> vec4<f32> {
    let t = 1.0 / (1.0 + 0.3275911 * abs(x));
    let series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return sign(x) * (1.0 - series * exp(-x * x));
}

fn sigmoid(x: vec4<f32>) -> vec4<f32> {
    return 1.0 / (1.0 + exp(-x));
}

/// By exp of what is negative, which never overflows.
fn tanh_of(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-2.0 * abs(x));
    return select(vec4<f32>(1.0), vec4<f32>(-1.0), x < vec4<f32>(0.0)) * (1.0 - e) / (1.0 + e);
}

fn value(x: vec4<f32>) -> vec4<f32> {
    let below = are_negative(x);
    switch FUNCTION {
        case 0u: { return relu(x); }
        case 1u: { return select(x, params.slope * x, below); }
        case 2u: { return select(x, params.slope * (exp(min(x, vec4<f32>(0.0))) - 1.0), below); }
        case 3u: { return 0.5 * x * (1.0 + erf(x * 0.70710678)); }
        case 4u: { return sigmoid(x); }
        case 5u: { return tanh_of(x); }
        case 6u: { return x * sigmoid(x); }
        case 7u: { return select(select(x * (x + 3.0) / 6.0, x, x >= vec4<f32>(3.0)), vec4<f32>(0.0), x <= vec4<f32>(-3.0)); }
        case 8u: { return min(max(x, vec4<f32>(params.slope)), vec4<f32>(params.high)); }
        case 10u: { return params.slope * x + params.high; }
        default: { return min(max(x + 3.0, vec4<f32>(0.0)), vec4<f32>(6.0)) / 6.0; }
    }
}

fn derivative(x: vec4<f32>) -> vec4<f32> {
    let below = are_not_positive(x);
    let ones = vec4<f32>(1.0);
    switch FUNCTION {
        case 0u: { return select(ones, vec4<f32>(0.0), below); }
        case 1u: { return select(ones, vec4<f32>(params.slope), below); }
        case 2u: { return select(ones, params.slope * exp(min(x, vec4<f32>(0.0))), below); }
        case 3u: { return 0.5 * (1.0 + erf(x * 0.70710678)) + x * 0.39894228 * exp(-0.5 * x * x); }
        case 4u: { let y = sigmoid(x); return y * (1.0 - y); }
        case 5u: { let y = tanh_of(x); return 1.0 - y * y; }
        case 6u: { let y = sigmoid(x); return y * (1.0 + x * (1.0 - y)); }
        case 7u: { return select(select(x / 3.0 + 0.5, ones, x >= vec4<f32>(3.0)), vec4<f32>(0.0), x <= vec4<f32>(-3.0)); }
        case 8u: {
            let is_cut = (x <= vec4<f32>(params.slope)) | (x >= vec4<f32>(params.high));
            return select(ones, vec4<f32>(0.0), is_cut);
        }
        case 10u: { return vec4<f32>(params.slope); }
        default: {
            let is_cut = (x <= vec4<f32>(-3.0)) | (x >= vec4<f32>(3.0));
            return select(ones / 6.0, vec4<f32>(0.0), is_cut);
        }
    }
}

/// output[i] = f(input[i]); NaN of NaN: a fault must not hide
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    output[i] = handing_on_nan(input[i], value(input[i]));
}

/// input_gradient[i] = f'(input[i]) · output_gradient[i]
@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    input_gradient[i] = derivative(input[i]) * output_gradient[i];
}
