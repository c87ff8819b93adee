//! Loads of 64 bits in place of 32, for the software adapter: the same bits in half the loads.
//!
//! Mesa's software driver makes each load of a `vec4<f32>` lane by lane and component by component, and inserts the values into vectors one
//! by one. Two components at a time take half as long. So a kernel's read-only arrays of `vec4<f32>` are declared as `vec2<u64>`, and each
//! element is taken apart after it was loaded.

/// Declaration of a read-only array up to its name, and from its name on.
const DECLARATION: (&str, &str) = ("var<storage, read> ", ": array<vec4<f32>>;");
/// The declaration from its name on with loads of 64 bits.
const WIDE: &str = ": array<vec2<u64>>;";
/// Takes an element apart; it stands at the end, so that all lines keep their numbers.
const TAKE_APART: &str = "
fn from_wide_load(loaded: vec2<u64>) -> vec4<f32> {
    let low = vec2<u32>(loaded);
    let high = vec2<u32>(loaded >> vec2<u32>(32u));
    return bitcast<vec4<f32>>(vec4<u32>(low.x, high.x, low.y, high.y));
}
";

/// A kernel's plain WGSL with wide loads; itself, where no array is loaded from that could have them.
pub(super) fn with_wide_loads(text: &str) -> String {
    let names: Vec<&str> = text.lines().filter_map(declared).collect();
    if names.is_empty() {
        return text.to_owned();
    }
    let declared_wide = |line: &str| match declared(line) {
        Some(_) => line.replace(DECLARATION.1, WIDE),
        None => with_elements_apart(line, &names),
    };
    let lines = text.lines().map(|line| declared_wide(line) + "\n");
    lines.collect::<String>() + TAKE_APART
}

/// Name of the read-only array of `vec4<f32>` that a line declares.
fn declared(line: &str) -> Option<&str> {
    line.split_once(DECLARATION.0)?.1.trim_end().strip_suffix(DECLARATION.1)
}

/// A line in which each element of the arrays `names` is taken apart. An element whose index does not end on the line stays as it is,
/// and so does a comment.
fn with_elements_apart(line: &str, names: &[&str]) -> String {
    let (code, comment) = line.split_at(line.find("//").unwrap_or(line.len()));
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut made = String::new();
    let mut rest = code;
    while let Some(start) = rest.find(in_word) {
        let (before, word_on) = rest.split_at(start);
        let (word, after) = word_on.split_at(word_on.find(|c| !in_word(c)).unwrap_or(word_on.len()));
        made += before;
        rest = after;
        let index = names.contains(&word).then(|| bracketed(after)).flatten();
        // A field of that name is no array.
        match index.filter(|_| !before.ends_with('.')) {
            Some(index) => {
                made += &format!("from_wide_load({word}[{}])", with_elements_apart(index, names));
                rest = &after[index.len() + 2..];
            }
            None => made += word,
        }
    }
    made + rest + comment
}

/// Text between the bracket that `text` begins with and the one that closes it.
fn bracketed(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?;
    let mut open = 1;
    let closes = |c: char| {
        open += i32::from(c == '[') - i32::from(c == ']');
        open == 0
    };
    inside.find(closes).map(|end| &inside[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{AdapterChoice, Buffer, Gpu, Kernel, PlanBuilder};
    use crate::{params, wgsl};

    params! { struct CopyParams { count: u32, first: u32, to: u32 } }

    #[test]
    fn elements_are_taken_apart_wherever_they_stand() {
        let text = "@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;\n\
                    @group(0) @binding(1) var<storage, read> at: array<u32>;\n\
                    @group(0) @binding(2) var<storage, read_write> b: array<vec4<f32>>;\n\
                    // a[0] of a comment\n\
                    let x = a[at[a[i].x] + 1u].y + ba[2] + a_1[3] + p.a[4]; // a[5]\n\
                    b[a[0].z] = a [1] + a[\n";
        let expected = "@group(0) @binding(0) var<storage, read> a: array<vec2<u64>>;\n\
                        @group(0) @binding(1) var<storage, read> at: array<u32>;\n\
                        @group(0) @binding(2) var<storage, read_write> b: array<vec4<f32>>;\n\
                        // a[0] of a comment\n\
                        let x = from_wide_load(a[at[from_wide_load(a[i]).x] + 1u]).y + ba[2] + a_1[3] + p.a[4]; // a[5]\n\
                        b[from_wide_load(a[0]).z] = a [1] + a[\n";
        assert_eq!(with_wide_loads(text), format!("{expected}{TAKE_APART}"));
        let none = "var<storage, read> a: array<f32>;\nlet x = a[0];\n";
        assert_eq!(with_wide_loads(none), none);
    }

    #[test]
    fn wide_loads_give_the_same_bits() {
        let mut gpu = Gpu::open(&AdapterChoice::Best).unwrap();
        let source = wgsl!("nn/copy.wgsl", CopyParams);
        // Every kind of float, and NaN with a payload.
        let bits: Vec<u32> = (0..64).map(|i: u32| i.wrapping_mul(0x9e37_79b9) ^ 0x7fc0_0001).collect();
        let from = Buffer::from_slice(&gpu, "from", &bits);
        for wide in [gpu.wide_loads, false] {
            gpu.wide_loads = wide;
            let kernel = std::sync::Arc::new(Kernel::new(&gpu, &source, "copy", &[]).unwrap());
            let to = Buffer::<u32>::zeroed(&gpu, "to", 64);
            let mut plan = PlanBuilder::new(&gpu);
            plan.dispatch("copy", &kernel)
                .bind("source", from.range())
                .bind("result", to.range())
                .params(&CopyParams { count: 15, first: 1, to: 0 })
                .threads([15, 1, 1])
                .unwrap();
            let mut encoder = gpu.encoder("copy");
            plan.finish().encode(&mut encoder);
            gpu.submit(encoder);
            assert_eq!(to.read(&gpu)[..60], bits[4..], "wide: {wide}");
        }
        gpu.check().unwrap();
    }
}
