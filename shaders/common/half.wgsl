// 16-bit floats by integer arithmetic: rounded alike on every adapter, and never flushed to zero. Two lie in a word.

/// The bits of the 16-bit float next to x, ties to even. Beyond the largest, 65504, it is that; infinities and NaN stay.
fn half_bits(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    let sign = (bits >> 16u) & 0x8000u;
    let size = bits & 0x7fffffffu;
    if size >= 0x7f800000u { return sign | select(0x7c00u, 0x7e00u, size > 0x7f800000u); }
    if size >= 0x38800000u {
        // 2⁻¹⁴ and more: 13 bits of the fraction go, and the exponent counts from 15 in place of 127.
        return sign | min((size + 0xfffu + ((size >> 13u) & 1u) - 0x38000000u) >> 13u, 0x7bffu);
    }
    // A multiple of 2⁻²⁴; nothing is left of what is below 2⁻²⁵.
    let shift = min(126u - (size >> 23u), 25u);
    let fraction = (size & 0x7fffffu) | 0x800000u;
    let rest = fraction & ((1u << shift) - 1u);
    let middle = 1u << (shift - 1u);
    let whole = fraction >> shift;
    return sign | (whole + u32(rest > middle || (rest == middle && (whole & 1u) == 1u)));
}

/// Two words of four 16-bit floats.
fn to_halves(x: vec4<f32>) -> vec2<u32> {
    return vec2<u32>(half_bits(x.x) | (half_bits(x.y) << 16u), half_bits(x.z) | (half_bits(x.w) << 16u));
}

/// The numbers in two words.
fn from_halves(words: vec2<u32>) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}

/// s of the factor 2ˢ that brings a largest size, by its bits, to 2¹³ or above, below 2¹⁴; 0 where it is not finite.
fn scale_exponent(largest: u32) -> i32 {
    return select(min(140 - i32(largest >> 23u), 126), 0, largest >= 0x7f800000u);
}

/// 2ˢ, s from −126 to 127
fn power_of_two(s: i32) -> f32 {
    return bitcast<f32>(u32(127 + s) << 23u);
}

/// The quad of a map whose copy lies in quad h, of `quads` of which `train_quads` are trained on: those lie first in the copy, then the
/// others, both filled up to 16 images. `quads` where there is none.
fn quad_of_copy(h: u32, train_quads: u32, quads: u32) -> u32 {
    let padded = (train_quads + 3u) / 4u * 4u;
    if h < padded { return select(quads, h, h < train_quads); }
    return min(h - padded + train_quads, quads);
}

/// Quad h of such a copy is of images that are trained on.
fn is_trained(h: u32, train_quads: u32) -> bool {
    return h < (train_quads + 3u) / 4u * 4u;
}
