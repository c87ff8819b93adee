// NaN, infinity and signs by their bits. A driver's compiler may assume that no float is NaN: then x != x is false, !(x <= 0) is x > 0,
// and select(x, 0, x < 0) is a maximum, which drops NaN. Integers it must take as they are.

/// x is neither NaN nor infinite
fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn are_nan(x: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(x) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
}

/// x < 0, minus infinity too; false for −0 and NaN
fn are_negative(x: vec4<f32>) -> vec4<bool> {
    return bitcast<vec4<u32>>(x) - vec4<u32>(0x80000001u) < vec4<u32>(0x7f800000u);
}

/// x ≤ 0, minus infinity too; false for NaN
fn are_not_positive(x: vec4<f32>) -> vec4<bool> {
    let bits = bitcast<vec4<u32>>(x);
    return (bits - vec4<u32>(0x80000000u) <= vec4<u32>(0x7f800000u)) | (bits == vec4<u32>(0u));
}

/// y, and x where x is NaN
fn handing_on_nan(x: vec4<f32>, y: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(select(bitcast<vec4<u32>>(y), bitcast<vec4<u32>>(x), are_nan(x)));
}

/// The larger of x and 0; NaN where x is
fn relu(x: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(select(bitcast<vec4<u32>>(x), vec4<u32>(0u), are_negative(x)));
}
