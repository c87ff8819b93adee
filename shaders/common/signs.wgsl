// Signs of several directions at once. The importing file says of how many, and over how many lanes, a power of two:
// `alias Largest = vec2<f32>;`, `alias Places = vec2<u32>;` and `const SIGN_LANES = LANES;`.

var<workgroup> largest: array<Largest, SIGN_LANES>;
var<workgroup> places: array<Places, SIGN_LANES>;

/// ±1 as the component with the largest absolute value, the first of equals, of those that the lanes found, each at its place
fn signs(lane: u32, most: Largest, at: Places) -> Largest {
    largest[lane] = most;
    places[lane] = at;
    workgroupBarrier();
    for (var half = SIGN_LANES / 2u; half > 0u; half /= 2u) {
        if lane < half {
            let other = largest[lane + half];
            let same = abs(other) == abs(largest[lane]);
            let more = abs(other) > abs(largest[lane]) | (same & (places[lane + half] < places[lane]));
            largest[lane] = select(largest[lane], other, more);
            places[lane] = select(places[lane], places[lane + half], more);
        }
        workgroupBarrier();
    }
    return select(Largest(1.0), Largest(-1.0), largest[0] < Largest(0.0));
}
