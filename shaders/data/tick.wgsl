// Counting and the clock. See src/data/clock.rs.
const WORKGROUP: u32 = 64u;
// Sums of squares.
#constant SQUARES = 64

#import Clock
#import StepRecord
#import TickParams

@group(0) @binding(0) var<uniform> params: TickParams;
@group(0) @binding(1) var<storage, read_write> clock: Clock;
// Loss and correctness of each slot of an evaluation.
@group(0) @binding(2) var<storage, read> results: array<vec2<f32>>;
// Ring of the last steps.
@group(0) @binding(3) var<storage, read_write> history: array<StepRecord>;

// Sums of the squares of the step's gradients, in the first of each four.
@group(0) @binding(4) var<storage, read> squares: array<vec4<f32>>;

alias Summand = vec2<f32>;
const TOTAL_LANES = WORKGROUP;
#import common/total
#import common/floats

/// The sum of the results of the trained slots, by a fixed tree.
fn total_results(lane: u32) -> vec2<f32> {
    var sum = vec2<f32>(0.0);
    for (var n = lane; n < params.train_slots; n += WORKGROUP) { sum += results[n]; }
    return total(lane, sum);
}

/// eval_loss += Σ loss; eval_correct += Σ correct; eval_cursor += micro-batch
@compute @workgroup_size(WORKGROUP)
fn count_evaluation(@builtin(local_invocation_index) lane: u32) {
    let sum = total_results(lane);
    if lane > 0u { return; }
    clock.eval_loss += sum.x;
    clock.eval_correct += u32(sum.y);
    clock.eval_cursor = min(clock.eval_cursor + params.micro_batch, clock.eval_end);
}

/// gradient_norm = √ Σ squares; halted = 1 where it or the loss is not finite; step += 1; cursor += batch, and where that passes the
/// training images: the next epoch; nothing where it is halted
@compute @workgroup_size(WORKGROUP)
fn tick(@builtin(local_invocation_index) lane: u32) {
    var share = 0.0;
    for (var i = lane; i < SQUARES; i += WORKGROUP) { share += squares[i].x; }
    let sum = total(lane, vec2<f32>(share, 0.0)).x;
    if lane > 0u { return; }
    clock.gradient_norm = sqrt(sum);
    if !is_finite(sum) || !is_finite(clock.step_loss) { clock.halted = 1u; }
    let images = f32(params.batch);
    if clock.halted != 0u {
        // The step did not take effect: its loss is told, the clock stands, and the step begins again.
        let step = clock.step + 1u;
        let seen = f32(clock.epoch) + f32(clock.cursor) / f32(params.train_images);
        history[step % arrayLength(&history)] = StepRecord(step, clock.step_loss / images, -1.0, seen);
        clock.drawn = 0u;
        clock.step_loss = 0.0;
        clock.step_correct = 0u;
        return;
    }
    clock.step += 1u;
    clock.epoch_loss += clock.step_loss;
    clock.epoch_correct += clock.step_correct;
    clock.epoch_images += params.batch;
    clock.cursor += params.batch;
    let seen = f32(clock.epoch) + f32(clock.cursor) / f32(params.train_images);
    history[clock.step % arrayLength(&history)] =
        StepRecord(clock.step, clock.step_loss / images, f32(clock.step_correct) / images, seen);
    if clock.cursor >= params.train_images {
        clock.cursor -= params.train_images;
        clock.epoch += 1u;
        clock.done_loss = clock.epoch_loss;
        clock.done_correct = clock.epoch_correct;
        clock.done_images = clock.epoch_images;
        clock.epoch_loss = 0.0;
        clock.epoch_correct = 0u;
        clock.epoch_images = 0u;
    }
    clock.drawn = 0u;
    clock.step_loss = 0.0;
    clock.step_correct = 0u;
}
