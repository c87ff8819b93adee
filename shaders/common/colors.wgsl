/// A color 0xrrggbb
fn color_of(packed: u32) -> vec3<f32> {
    return vec3<f32>(f32(packed >> 16u), f32((packed >> 8u) & 255u), f32(packed & 255u)) / 255.0;
}
