// The sum over a workgroup. The importing file says what is summed over how many lanes, a power of two:
// `alias Summand = vec2<f32>;` and `const TOTAL_LANES = WORKGROUP;`.

var<workgroup> summands: array<Summand, TOTAL_LANES>;

/// Σ share over the lanes, by a fixed tree
fn total(lane: u32, share: Summand) -> Summand {
    workgroupBarrier();
    summands[lane] = share;
    workgroupBarrier();
    for (var half = TOTAL_LANES / 2u; half > 0u; half /= 2u) {
        if lane < half { summands[lane] += summands[lane + half]; }
        workgroupBarrier();
    }
    return summands[0];
}
