// Corners of rectangles on the screen, for vertex shaders.

/// Clip-space position of a pixel on a target of `screen` pixels
fn clip(pixel: vec2<f32>, screen: vec2<f32>) -> vec4<f32> {
    let at = pixel / screen * 2.0 - 1.0;
    return vec4<f32>(at.x, -at.y, 0.0, 1.0);
}

/// Corner `index` of the unit square, as a triangle strip visits them
fn corner_of(index: u32) -> vec2<f32> {
    return vec2<f32>(f32(index & 1u), f32(index >> 1u));
}
