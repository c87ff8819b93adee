// Sorts the entries of every row by key: short rows a thread each, long rows a workgroup each. See src/embed/sort.rs.
const WORKGROUP: u32 = 64u;
const LANES: u32 = 256u;
// Entries of a short row at most.
const SHORT: u32 = 1024u;

// `width` is the length of all rows, or 0 where row i has the entries from bounds[i] to bounds[i + 1]; `groups` sort the long rows.
// Short rows are sorted from `first` to `end`.
#import SortParams

@group(0) @binding(0) var<uniform> params: SortParams;
@group(0) @binding(1) var<storage, read> bounds: array<u32>;
@group(0) @binding(2) var<storage, read_write> keys: array<u32>;
@group(0) @binding(3) var<storage, read_write> values: array<f32>;
// Number of long rows, then their indices in any order.
@group(0) @binding(4) var<storage, read_write> long: array<atomic<u32>>;

/// long = none
@compute @workgroup_size(1)
fn begin() {
    atomicStore(&long[0], 0u);
}

/// The first entry of row i and the number of its entries.
fn entries(i: u32) -> vec2<u32> {
    if params.width > 0u { return vec2<u32>(i * params.width, params.width); }
    return vec2<u32>(bounds[i], bounds[i + 1u] - bounds[i]);
}

/// Inserts an entry at `start` of a heap of `size` entries and sifts it down.
fn sink(first: u32, start: u32, size: u32, key: u32, value: f32) {
    var at = start;
    loop {
        var child = 2u * at + 1u;
        if child >= size { break; }
        var greatest = keys[first + child];
        if child + 1u < size {
            let other = keys[first + child + 1u];
            if other > greatest {
                greatest = other;
                child++;
            }
        }
        if greatest <= key { break; }
        keys[first + at] = greatest;
        values[first + at] = values[first + child];
        at = child;
    }
    keys[first + at] = key;
    values[first + at] = value;
}

/// Row i by key where it is short: a heap sort; else i is noted as long
@compute @workgroup_size(WORKGROUP)
fn sort_short(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = params.first + id.x + id.y * groups.x * WORKGROUP;
    if i >= params.end { return; }
    let row = entries(i);
    if row.y > SHORT {
        atomicStore(&long[1u + atomicAdd(&long[0], 1u)], i);
        return;
    }
    for (var at = row.y / 2u; at > 0u; at--) {
        let entry = row.x + at - 1u;
        sink(row.x, at - 1u, row.y, keys[entry], values[entry]);
    }
    for (var end = row.y; end > 1u; end--) {
        let last = row.x + end - 1u;
        let key = keys[last];
        let value = values[last];
        keys[last] = keys[row.x];
        values[last] = values[row.x];
        sink(row.x, 0u, end - 1u, key, value);
    }
}

/// Swaps two entries that are not in order.
fn put_in_order(low: u32, high: u32) {
    let a = keys[low];
    let b = keys[high];
    if a <= b { return; }
    keys[low] = b;
    keys[high] = a;
    let value = values[low];
    values[low] = values[high];
    values[high] = value;
}

/// The long rows by key: Batcher's bitonic sort, entries past the end count as greater than all
@compute @workgroup_size(LANES)
fn sort_long(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let rows = atomicLoad(&long[0]);
    for (var r = group.x; r < rows; r += params.groups) {
        let row = entries(atomicLoad(&long[1u + r]));
        for (var size = 2u; size < 2u * row.y; size *= 2u) {
            let half = size / 2u;
            // Pairs with a lower index in the row; of each block the first with the last, the second with the last but one, ...
            for (var pair = lane; pair / half * size + pair % half < row.y; pair += LANES) {
                let high = (pair / half + 1u) * size - 1u - pair % half;
                if high < row.y { put_in_order(row.x + pair / half * size + pair % half, row.x + high); }
            }
            storageBarrier();
            for (var step = half / 2u; step > 0u; step /= 2u) {
                for (var pair = lane; pair / step * 2u * step + pair % step + step < row.y; pair += LANES) {
                    let low = row.x + pair / step * 2u * step + pair % step;
                    put_in_order(low, low + step);
                }
                storageBarrier();
            }
        }
    }
}
