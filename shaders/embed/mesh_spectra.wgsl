// Spectra of the mesh between the passes of the Fourier transform. See src/embed/mesh/mod.rs.
const WORKGROUP: u32 = 64u;

#import Grid

@group(0) @binding(1) var<storage, read> grid: Grid;
// [row, quad] of real parts, then imaginary parts.
@group(0) @binding(8) var<storage, read> spectrum_in: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read> second_in: array<vec4<f32>>;
@group(0) @binding(10) var<storage, read_write> spectrum_out: array<vec4<f32>>;

/// Separates the transforms of columns j and j + m/2, made as one of j + i (j + m/2); [ky, j] to [x, ky]: (Z(ky) ± conj Z(−ky)) / 2
@compute @workgroup_size(WORKGROUP)
fn unpack(@builtin(global_invocation_id) id: vec3<u32>) {
    let length = 1u << grid.level;
    let quads = length / 16u;
    let pitch = quads | 1u;
    let to_quads = length / 8u + 1u;
    if id.x >= quads { return; }
#for i in 4
    let ky_{i} = id.y * 4u + {i}u;
    let own_{i} = (ky_{i} * pitch + id.x) * 2u;
    let turned_{i} = (((length - ky_{i}) & (length - 1u)) * pitch + id.x) * 2u;
    let re_{i} = 0.5 * spectrum_in[own_{i}];
    let im_{i} = 0.5 * spectrum_in[own_{i} + 1u];
    let other_re_{i} = 0.5 * spectrum_in[turned_{i}];
    let other_im_{i} = 0.5 * spectrum_in[turned_{i} + 1u];
    let a_re_{i} = re_{i} + other_re_{i};
    let a_im_{i} = im_{i} - other_im_{i};
    let b_re_{i} = im_{i} + other_im_{i};
    let b_im_{i} = other_re_{i} - re_{i};
#end
#for l in 4
    let to_{l} = ((id.x * 4u + {l}u) * to_quads + id.y) * 2u;
    spectrum_out[to_{l}] = vec4<f32>(a_re_0[{l}], a_re_1[{l}], a_re_2[{l}], a_re_3[{l}]);
    spectrum_out[to_{l} + 1u] = vec4<f32>(a_im_0[{l}], a_im_1[{l}], a_im_2[{l}], a_im_3[{l}]);
    let far_{l} = to_{l} + length / 4u * to_quads * 2u;
    spectrum_out[far_{l}] = vec4<f32>(b_re_0[{l}], b_re_1[{l}], b_re_2[{l}], b_re_3[{l}]);
    spectrum_out[far_{l} + 1u] = vec4<f32>(b_im_0[{l}], b_im_1[{l}], b_im_2[{l}], b_im_3[{l}]);
#end
}

/// Transposes [ky, x] to [x, ky] of both signs of x: q̃ is even in x
@compute @workgroup_size(WORKGROUP)
fn mirror(@builtin(global_invocation_id) id: vec3<u32>) {
    let length = 1u << grid.level;
    let quads = length / 8u + 1u;
    if id.x >= quads { return; }
#for i in 4
    let re_{i} = spectrum_in[((id.y * 4u + {i}u) * quads + id.x) * 2u];
#end
#for l in 4
    let x_{l} = id.x * 4u + {l}u;
    let real_{l} = vec4<f32>(re_0[{l}], re_1[{l}], re_2[{l}], re_3[{l}]);
    if x_{l} <= length / 2u {
        spectrum_out[(x_{l} * quads + id.y) * 2u] = real_{l};
        spectrum_out[(x_{l} * quads + id.y) * 2u + 1u] = vec4<f32>(0.0);
    }
    if x_{l} > 0u && x_{l} < length / 2u {
        spectrum_out[((length - x_{l}) * quads + id.y) * 2u] = real_{l};
        spectrum_out[((length - x_{l}) * quads + id.y) * 2u + 1u] = vec4<f32>(0.0);
    }
#end
}

fn sinc(x: f32) -> f32 {
    let angle = 3.14159265 * x;
    return select(sin(angle) / angle, 1.0, x < 1e-6);
}

/// influence[kx, ky] = K̂ / (B² length²) of q̃, B = (sinc kx sinc ky)⁶; 0 past the middle
@compute @workgroup_size(WORKGROUP)
fn influence(@builtin(global_invocation_id) id: vec3<u32>) {
    let length = 1u << grid.level;
    let quads = length / 8u + 1u;
    let kx = id.y;
    if id.x >= quads { return; }
    let step = 1.0 / f32(length);
    let across = sinc(f32(kx) * step);
#for i in 4
    let ky_{i} = id.x * 4u + {i}u;
    let window_{i} = across * sinc(f32(ky_{i}) * step);
    let squared_{i} = window_{i} * window_{i};
    let sixth_{i} = squared_{i} * squared_{i} * squared_{i};
    let factor_{i} = select(step * step / (sixth_{i} * sixth_{i}), 0.0, ky_{i} > length / 2u);
#end
    let at = kx * quads + id.x;
    spectrum_out[at] = spectrum_in[2u * at] * vec4<f32>(factor_0, factor_1, factor_2, factor_3);
}

/// Combines both fields [x, ky] into one [ky, x] of both signs of ky, whose transform is p + i q
@compute @workgroup_size(WORKGROUP)
fn pack(@builtin(global_invocation_id) id: vec3<u32>) {
    let length = 1u << grid.level;
    let quads = length / 8u + 1u;
    let pitch = length / 8u + 1u;
    if id.x >= length / 8u { return; }
#for l in 4
    let own_{l} = ((id.x * 4u + {l}u) * quads + id.y) * 2u;
    let p_re_{l} = spectrum_in[own_{l}];
    let p_im_{l} = spectrum_in[own_{l} + 1u];
    let q_re_{l} = second_in[own_{l}];
    let q_im_{l} = second_in[own_{l} + 1u];
#end
#for i in 4
    let ky_{i} = id.y * 4u + {i}u;
    let re_{i} = vec4<f32>(p_re_0[{i}], p_re_1[{i}], p_re_2[{i}], p_re_3[{i}]);
    let im_{i} = vec4<f32>(p_im_0[{i}], p_im_1[{i}], p_im_2[{i}], p_im_3[{i}]);
    let y_re_{i} = vec4<f32>(q_re_0[{i}], q_re_1[{i}], q_re_2[{i}], q_re_3[{i}]);
    let y_im_{i} = vec4<f32>(q_im_0[{i}], q_im_1[{i}], q_im_2[{i}], q_im_3[{i}]);
    if ky_{i} <= length / 2u {
        spectrum_out[(ky_{i} * pitch + id.x) * 2u] = re_{i} - y_im_{i};
        spectrum_out[(ky_{i} * pitch + id.x) * 2u + 1u] = im_{i} + y_re_{i};
    }
    if ky_{i} > 0u && ky_{i} < length / 2u {
        spectrum_out[((length - ky_{i}) * pitch + id.x) * 2u] = re_{i} + y_im_{i};
        spectrum_out[((length - ky_{i}) * pitch + id.x) * 2u + 1u] = y_re_{i} - im_{i};
    }
#end
}
