// A fill of what the scissor rectangle leaves of the target. See src/view/fill.rs.

@vertex
fn cover(@builtin(vertex_index) vertex: u32) -> @builtin(position) vec4<f32> {
    // One triangle over the whole target.
    return vec4<f32>(select(-1.0, 3.0, vertex == 1u), select(-1.0, 3.0, vertex == 2u), 0.0, 1.0);
}

@fragment
fn blend_constant() -> @location(0) vec4<f32> {
    return vec4<f32>(1.0);
}
