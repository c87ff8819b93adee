// A 32-bit integer hash: "lowbias32" of Chris Wellons's hash prospector.

/// Bits of x mixed, for random numbers by counter
fn mix_bits(value: u32) -> u32 {
    var x = value;
    x = (x ^ (x >> 16u)) * 0x7feb352du;
    x = (x ^ (x >> 15u)) * 0x846ca68bu;
    return x ^ (x >> 16u);
}

/// `mix_bits` of each component
fn mix_bits_4(value: vec4<u32>) -> vec4<u32> {
    var x = value;
    x = (x ^ (x >> vec4<u32>(16u))) * 0x7feb352du;
    x = (x ^ (x >> vec4<u32>(15u))) * 0x846ca68bu;
    return x ^ (x >> vec4<u32>(16u));
}
