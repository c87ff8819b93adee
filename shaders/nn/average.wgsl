// The average of the last weights. See src/nn/average.rs.
const WORKGROUP: u32 = 64u;

#import AverageParams
#import Clock

@group(0) @binding(0) var<storage, read> params: AverageParams;
@group(0) @binding(1) var<storage, read> clock: Clock;
@group(0) @binding(2) var<storage, read> values: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> averages: array<vec4<f32>>;

/// a += max(least share, span / (steps + span)) · (w − a)
@compute @workgroup_size(WORKGROUP)
fn average(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= arrayLength(&values) || clock.halted != 0u { return; }
    let share = max(params.least_share, params.span / (f32(clock.step) + params.span));
    averages[i] += share * (values[i] - averages[i]);
}
