//! The twin of 16-bit floats, of the crate `half`, apart from the kernels' integers.

use half::f16;

/// The 16-bit float next to a number, ties to even; the largest, 65504, beyond it. Infinities and NaN stay.
pub fn half(value: f64) -> f64 {
    let most = f16::MAX.to_f64();
    let near = f16::from_f64(value).to_f64();
    if value.is_finite() { near.clamp(-most, most) } else { near }
}

/// A number by way of a 16-bit float of it times 2ˢ, where s brings `largest`, the largest size of all, to 2¹³ or above, below 2¹⁴.
pub fn scaled_half(value: f64, largest: f64) -> f64 {
    if largest == 0.0 || !largest.is_finite() {
        return half(value);
    }
    let scale = 2.0_f64.powi(13 - largest.log2().floor() as i32).min(2.0_f64.powi(126));
    half(value * scale) / scale
}
