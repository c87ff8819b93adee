// The optimizers, over all parameters at once. See src/nn/optimizer.rs.
const WORKGROUP: u32 = 64u;
// Sums of squares after the gradients.
#constant SQUARES = 64
// 1 where the average of the values is kept.
#constant AVERAGES = 0

#import Clock
#import HyperValues
#import OptimizerParams

@group(0) @binding(0) var<storage, read> hyper: HyperValues;
@group(0) @binding(1) var<storage, read> clock: Clock;
// The gradients of the step, and from quad params.squares on the sums of their squares.
@group(0) @binding(2) var<storage, read> last_gradients: array<vec4<f32>>;
// One byte of flags per parameter (bit 0: it decays; bit 1: it stays; bit 2: it is a running statistic), and the bits of the factor of
// their learning rate.
@group(0) @binding(3) var<storage, read> flags: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read_write> moments: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> second_moments: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> values: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> averages: array<vec4<f32>>;
@group(0) @binding(8) var<uniform> params: OptimizerParams;

alias Summand = f32;
const TOTAL_LANES = WORKGROUP;
#import common/total
#import common/floats

/// Σ gradient² over all parameters, by a fixed tree.
fn total_squares(lane: u32) -> f32 {
    var share = 0.0;
    for (var i = lane; i < SQUARES; i += WORKGROUP) { share += last_gradients[params.squares + i].x; }
    return total(lane, share);
}

/// 1 − exp x for x ≤ 0, without loss near 0
fn one_minus_exp(x: f32) -> f32 {
    if x < -0.5 { return 1.0 - exp(x); }
    return -x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0))))));
}

/// The learning rate of this step: warm-up, then the schedule.
fn rate() -> f32 {
    let seen = f32(clock.epoch) + f32(clock.cursor) / hyper.train_images;
    var share = 1.0;
    switch hyper.schedule {
        case 1u: { share = pow(hyper.factor, floor(seen / hyper.period)); }
        case 2u: { share = 0.5 + 0.5 * cos(3.14159265 * min(seen / hyper.period, 1.0)); }
        default: { }
    }
    if seen < hyper.warmup { share *= min((seen + hyper.batch / hyper.train_images) / hyper.warmup, 1.0); }
    return hyper.learning_rate * share;
}

/// g = clipped gradient + decay · w + l1 · sign w; then the step of the optimizer; a running statistic loses its gradient as it is;
/// a += max(least share, span / (steps + span)) · (w − a); nothing where a gradient or the loss is not finite
@compute @workgroup_size(WORKGROUP)
fn update(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    let squares = total_squares(lane);
    if i >= arrayLength(&flags) || i >= arrayLength(&values) { return; }
    if clock.halted != 0u || !is_finite(squares) || !is_finite(clock.step_loss) { return; }
    let gradient = last_gradients[i];
    let flag = flags[i];
    let bits = vec4<u32>(flag.x) >> vec4<u32>(0u, 8u, 16u, 24u);
    let decays = vec4<f32>(bits & vec4<u32>(1u));
    let statistic = (bits & vec4<u32>(4u)) != vec4<u32>(0u);
    let stays = ((bits & vec4<u32>(2u)) != vec4<u32>(0u)) | statistic;
    let w = values[i];
    let learning_rate = rate() * bitcast<f32>(flag.y);
    var scale = 1.0;
    if hyper.clip_norm > 0.0 { scale = min(hyper.clip_norm / (sqrt(squares) + 1e-6), 1.0); }
    var g = scale * gradient + hyper.l1_decay * decays * sign(w);
    var shrunk = w;
    if hyper.optimizer == 6u {
        shrunk = w * (1.0 - learning_rate * hyper.weight_decay * decays);
    } else {
        g += hyper.weight_decay * decays * w;
    }
    var m = moments[i];
    var s = second_moments[i];
    var d = g;
    switch hyper.optimizer {
        case 0u: {
            m = hyper.momentum * m + g;
            d = select(m, g + hyper.momentum * m, hyper.nesterov == 1u);
        }
        case 1u: {
            s += g * g;
            d = g / (sqrt(s) + hyper.epsilon);
        }
        case 2u: {
            s = hyper.beta2 * s + (1.0 - hyper.beta2) * g * g;
            d = g / sqrt(s + hyper.epsilon);
        }
        case 3u: {
            s = hyper.beta2 * s + (1.0 - hyper.beta2) * g * g;
            d = sqrt(m + hyper.epsilon) / sqrt(s + hyper.epsilon) * g;
            m = hyper.beta2 * m + (1.0 - hyper.beta2) * d * d;
        }
        case 4u: {
            s = hyper.beta2 * s + (1.0 - hyper.beta2) * g * g;
            m = hyper.momentum * m + g / (sqrt(s) + hyper.epsilon);
            d = m;
        }
        default: {
            let t = f32(clock.step - hyper.since + 1u);
            m = hyper.momentum * m + (1.0 - hyper.momentum) * g;
            s = hyper.beta2 * s + (1.0 - hyper.beta2) * g * g;
            let second = sqrt(s / one_minus_exp(t * hyper.log_beta2));
            d = m / one_minus_exp(t * hyper.log_momentum) / (second + hyper.epsilon);
        }
    }
    moments[i] = select(m, moments[i], stays);
    second_moments[i] = select(s, second_moments[i], stays);
    let value = select(select(shrunk - learning_rate * d, w, stays), w - gradient, statistic);
    values[i] = value;
#if AVERAGES
    let share = max(hyper.average_share, hyper.average_span / (f32(clock.step) + hyper.average_span));
    averages[i] += share * (value - averages[i]);
#end
}
