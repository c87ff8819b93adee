// Weights of a changed network out of those before, or moments alike. See src/nn/surgery/carry.rs.
const WORKGROUP: u32 = 64u;

#import CarryParams
#import CarryTerm

@group(0) @binding(0) var<uniform> params: CarryParams;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read> terms: array<CarryTerm>;
@group(0) @binding(3) var<storage, read> before: array<u32>;
@group(0) @binding(4) var<storage, read_write> after: array<u32>;

#import common/hash

/// −1 to 1, by the row
fn noise(row: u32) -> f32 {
    return f32(mix_bits(row + 1u) >> 8u) / 8388608.0 - 1.0;
}

/// after[r, c, t] = Σ_{p of r, q of c} p.factor · (q.factor + q.tilt · noise(r)) · before[p, q, t]; a single whole value keeps its bits
@compute @workgroup_size(WORKGROUP)
fn carry(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let tap = i % params.taps;
    let row = i / params.taps / params.columns;
    let column = row / params.group_rows * params.columns + i / params.taps % params.columns;
    let first_start = params.table + params.rows;
    var found = 0u;
    var bits = 0u;
    var sum = 0.0;
    for (var p = starts[params.table + row]; p < starts[params.table + row + 1u]; p++) {
        let old_row = terms[p].old;
        let first_column = old_row / params.old_group_rows * params.old_columns;
        for (var q = starts[first_start + column]; q < starts[first_start + column + 1u]; q++) {
            let old_column = terms[q].old - first_column;
            if old_column >= params.old_columns { continue; }
            let value = before[params.old_first + (old_row * params.old_columns + old_column) * params.taps + tap];
            let factor = terms[p].factor * (terms[q].factor + terms[q].tilt * noise(row));
            sum += factor * bitcast<f32>(value);
            found += select(2u, 1u, factor == 1.0);
            bits = value;
        }
    }
    after[params.first + i] = select(bitcast<u32>(sum), bits, found == 1u);
}
