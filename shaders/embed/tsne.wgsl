// A step of t-SNE once the forces are there. See src/embed/tsne/mod.rs.
const WORKGROUP: u32 = 64u;
const LANES: u32 = 256u;
// Coordinates of points that are left out and of padding: so far away that they exert no force.
const APART: f32 = 1e15;
// Standard deviation of the first positions.
const START: f32 = 1e-4;
// Of State: the rows are alike; they were until now.
const ALIKE: u32 = 1u;
const WERE_ALIKE: u32 = 2u;

#import TsneParams
#import Grid
#import Settings
#import State
#import Divergence
#import Pin
#import Summary

@group(0) @binding(0) var<uniform> params: TsneParams;
@group(0) @binding(1) var<storage, read> settings: Settings;
@group(0) @binding(2) var<storage, read_write> state: State;
@group(0) @binding(3) var<storage, read_write> flags: array<u32>;
@group(0) @binding(4) var<storage, read> attraction: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> repulsion: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> entropies: array<f32>;
@group(0) @binding(7) var<storage, read_write> positions: array<vec2<f32>>;
// Velocity and gain of each coordinate.
@group(0) @binding(8) var<storage, read_write> velocity_gains: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read_write> history: array<Divergence>;
// Coordinates along the two principal components.
@group(0) @binding(10) var<storage, read> components: array<vec2<f32>>;
@group(0) @binding(11) var<storage, read> pin: Pin;
// [block, 2]
@group(0) @binding(12) var<storage, read_write> block_sums: array<vec4<f32>>;
@group(0) @binding(13) var<storage, read_write> grid: Grid;
// Partial sums of Σ q̃ of a mesh, in units of 1 / unit.
@group(0) @binding(14) var<storage, read> parts: array<f32>;
@group(0) @binding(15) var<storage, read> summary: Summary;
// [i]: row whose forces move row i: the first of many equal ones, else itself.
@group(0) @binding(17) var<storage, read> leaders: array<u32>;
// [i]: largest absolute value of row i.
@group(0) @binding(16) var<storage, read> lengths: array<f32>;

alias Summand = vec4<f32>;
const TOTAL_LANES = LANES;
#import common/total

/// block_sums[b] = Σ over the block's points of (z, Σ p ln(1 + d²), Σ p ln p, Σ p) and (x, y, 1, pinned)
@compute @workgroup_size(LANES)
fn sum_block(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var sum = vec4<f32>(0.0);
    var further = vec4<f32>(0.0);
    for (var i = group.x * LANES + lane; i < params.count; i += params.blocks * LANES) {
        if (flags[i] & 1u) == 1u { continue; }
        sum += vec4<f32>(repulsion[i].z, attraction[i].z, entropies[i], attraction[i].w);
        // Rows that were left out until now are still far away, and do not count in the mean.
        let here = abs(positions[i].x) < 0.5 * APART;
        further += vec4<f32>(select(vec2<f32>(0.0), positions[i], here), f32(here), f32(flags[i] >> 1u & 1u));
    }
    let first = total(lane, sum);
    let second = total(lane, further);
    if lane == 0u {
        block_sums[2u * group.x] = first;
        block_sums[2u * group.x + 1u] = second;
    }
}

/// Z = Σ z_i; KL = Σ p ln p + Σ p ln(1 + d²) + (Σ p) ln Z; the mean of y; exaggeration, step size and momentum of the schedule
@compute @workgroup_size(LANES)
fn reduce(@builtin(local_invocation_index) lane: u32) {
    var sum = vec4<f32>(0.0);
    var further = vec4<f32>(0.0);
    for (var part = lane; part < grid.parts; part += LANES) { sum.x += parts[part]; }
    sum.x *= params.unit;
    for (var block = lane; block < params.blocks; block += LANES) {
        sum += block_sums[2u * block];
        further += block_sums[2u * block + 1u];
    }
    let terms = total(lane, sum);
    let all = total(lane, further);
    if lane > 0u { return; }
    let early = f32(state.iteration) < settings.exaggeration_iterations;
    let points = max(all.z, 1.0);
    // The mesh's sum includes i = j.
    state.z = max(terms.x - select(0.0, all.z, grid.parts > 0u), 1e-30);
    let alike = summary.differs == 0u;
    state.alike = select(select(0u, WERE_ALIKE, state.alike == ALIKE), ALIKE, alike);
    // Rows that are alike have no nearest neighbors: all are as likely, in the data as in one place.
    state.divergence = select(terms.z + terms.y + terms.w * log(state.z), 0.0, alike);
    state.mean_x = all.x / points;
    state.mean_y = all.y / points;
    state.pinned = u32(all.w);
    state.exaggeration = select(1.0, settings.exaggeration, early);
    // 0 selects n / exaggeration, then n.
    let usual = points / state.exaggeration;
    let rate = select(settings.learning_rate, settings.early_learning_rate, early);
    state.rate = select(usual, rate, rate > 0.0);
    state.momentum = select(settings.momentum, settings.early_momentum, early);
    history[state.iteration % arrayLength(&history)] = Divergence(state.iteration, state.divergence);
    state.iteration += 1u;
    if grid.parts > 0u { grid.kept = grid.level; }
}

#import common/hash

/// A standard normal number by Box and Muller.
fn normal(i: u32) -> vec2<f32> {
    let a = mix_bits(i ^ mix_bits(params.seed));
    let b = mix_bits(a + 0x9e3779b9u);
    let radius = sqrt(-2.0 * log((f32(a >> 8u) + 1.0) / 16777217.0));
    let angle = 6.2831853 * f32(b >> 8u) / 16777216.0;
    return radius * vec2<f32>(cos(angle), sin(angle));
}

/// gain = gain + 0.2 where the signs of gradient and velocity differ, else max(0.8 gain, 0.01); v = μ v − η gain g; y += v − mean
@compute @workgroup_size(WORKGROUP)
fn update(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let flag = flags[i];
    if (flag & 1u) == 1u {
        positions[i] = vec2<f32>(APART);
        velocity_gains[i] = vec4<f32>(0.0, 0.0, 1.0, 1.0);
        return;
    }
    let before = velocity_gains[i];
    if (flag & 2u) == 2u {
        velocity_gains[i] = vec4<f32>(0.0, 0.0, before.zw);
        return;
    }
    if state.alike == ALIKE {
        positions[i] = vec2<f32>(0.0);
        velocity_gains[i] = vec4<f32>(0.0, 0.0, 1.0, 1.0);
        return;
    }
    let leader = leaders[i];
    let gradient = state.exaggeration * attraction[leader].xy - repulsion[leader].xy / state.z;
    let turned = sign(gradient) != sign(before.xy);
    let gain = select(max(0.8 * before.zw, vec2<f32>(0.01)), before.zw + 0.2, turned);
    var step = state.momentum * before.xy - state.rate * gain * gradient;
    let length = sqrt(dot(step, step));
    if length > 5.0 { step *= 5.0 / length; }
    velocity_gains[i] = vec4<f32>(step, gain);
    let mean = select(vec2<f32>(state.mean_x, state.mean_y), vec2<f32>(0.0), state.pinned > 0u);
    var y = positions[i];
    // A row that was left out before and is finite again starts at the mean.
    if abs(y.x) > 0.5 * APART { y = vec2<f32>(0.0) + mean; }
    // Points in one place exert no force.
    if state.alike == WERE_ALIKE { y += START * normal(leader); }
    positions[i] = y + step - mean;
}

/// Positions along the principal components with a standard deviation of 1e-4 along the first, and tiny random ones besides where there is
/// next to nothing along the second; all at 0 where the rows are alike
@compute @workgroup_size(LANES)
fn begin(@builtin(local_invocation_index) lane: u32) {
    var sum = vec4<f32>(0.0);
    var second = vec4<f32>(0.0);
    for (var i = lane; i < params.count; i += LANES) {
        if (flags[i] & 1u) == 0u && lengths[i] <= summary.apart {
            sum += vec4<f32>(components[i].x * components[i].x, 1.0, components[i]);
            second.y += components[i].y * components[i].y;
        }
    }
    let all = total(lane, sum);
    second = total(lane, second);
    let counted = max(all.y, 1.0);
    let mean = all.zw / counted;
    let deviation = sqrt(max(all.x / counted - mean.x * mean.x, 0.0));
    let across = sqrt(max(second.y / counted - mean.y * mean.y, 0.0));
    let alike = summary.differs == 0u;
    let scale = select(START / deviation, 0.0, deviation <= 0.0);
    // Points on a line stay on it.
    let thin = across < 0.01 * deviation;
    var jitter = select(0.0, 0.01 * START, thin);
    jitter = select(jitter, START, deviation <= 0.0);
    jitter = select(jitter, 0.0, alike);
    for (var i = lane; i < params.stride; i += LANES) {
        let out = i >= params.count || (flags[min(i, params.count - 1u)] & 1u) == 1u;
        let at = min(i, params.count - 1u);
        var start = select((components[at] - mean) * scale, vec2<f32>(0.0), alike);
        // Rows far from most begin at the edge of them.
        let far = max(abs(start.x), abs(start.y));
        if lengths[at] > summary.apart && far > 10.0 * START { start *= 10.0 * START / far; }
        if jitter > 0.0 { start += normal(leaders[at]) * jitter; }
        positions[i] = select(start, vec2<f32>(APART), out);
        if i < params.count { velocity_gains[i] = vec4<f32>(0.0, 0.0, 1.0, 1.0); }
    }
}

/// iteration = 0, without a mesh and without a history
@compute @workgroup_size(LANES)
fn begin_state(@builtin(local_invocation_index) lane: u32) {
    if lane == 0u {
        state.iteration = 0u;
        state.alike = u32(summary.differs == 0u);
        // The next mesh is chosen without regard to the last.
        grid.level = 0u;
        grid.kept = 0u;
    }
    for (var i = lane; i < arrayLength(&history); i += LANES) { history[i] = Divergence(0u, 0.0); }
}

/// positions[i] = p; flags[i] = pinned; v = 0, for the pin that the CPU wrote
@compute @workgroup_size(1)
fn pin_point() {
    let i = pin.row;
    if i >= params.count || (flags[i] & 1u) == 1u { return; }
    flags[i] = select(0u, 2u, pin.held == 1u);
    positions[i] = vec2<f32>(pin.x, pin.y);
    velocity_gains[i] = vec4<f32>(0.0, 0.0, 1.0, 1.0);
}
