//! Kernels: bindings by name, faults in shaders and bindings, long lines of threads.

use std::sync::Arc;

use revacnn::error::{ErrorKind, Result};
use revacnn::gpu::{Buffer, BufferRange, Gpu, Kernel, Params as _, PlanBuilder, Source};
use revacnn::params;

use super::compare::{assert_no_errors, open_gpu, poisoned};

/// A kernel with every kind of binding: `y[i] = x[i] · scale`, over lines of any length.
pub(crate) const SCALE: Source = Source {
    path: "tests/scale.wgsl",
    text: "
const WORKGROUP: u32 = 64u;
#import ScaleParams
@group(0) @binding(0) var<uniform> params: ScaleParams;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
@compute @workgroup_size(WORKGROUP)
fn scale(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i < params.count { y[i] = x[i] * params.scale; }
}
@compute @workgroup_size(WORKGROUP)
fn straight(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < params.count { y[id.x] = x[id.x] * params.scale; }
}
",
    structs: &[ScaleParams::DEF],
};

params! { pub(crate) struct ScaleParams { count: u32, scale: f32 } }
params! { pub(crate) struct OtherName { count: u32, factor: f32 } }
params! { struct OtherOrder { scale: f32, count: u32 } }
params! { struct OneMore { count: u32, scale: f32, offset: u32 } }

pub(crate) fn scale_kernel(gpu: &Gpu) -> Arc<Kernel> {
    gpu.kernel(&SCALE, "scale", &[]).unwrap()
}

/// The fault must name the shader, the entry point and `part`.
#[track_caller]
fn assert_names(result: Result<()>, part: &str) {
    let error = result.expect_err("it was accepted");
    assert!(error.what().contains("tests/scale.wgsl:scale"), "{error}");
    assert!(error.what().contains(part), "{error} names no {part}");
    assert!(!error.help().is_empty());
}

#[test]
fn faults_in_binding_are_named() {
    let gpu = open_gpu();
    let kernel = scale_kernel(&gpu);
    let (x, y) = (Buffer::<f32>::zeroed(&gpu, "x", 8), Buffer::<f32>::zeroed(&gpu, "y", 8));
    let params = ScaleParams { count: 2, scale: 3.0 };
    let mut plan = PlanBuilder::new(&gpu);
    macro_rules! dispatch {
        () => {
            plan.dispatch("scale", &kernel)
        };
    }
    let threads = [2, 1, 1];
    assert_names(dispatch!().bind("x", x.range()).params(&params).threads(threads), "\"y\"");
    assert_names(dispatch!().bind("x", x.range()).bind("y", y.range()).threads(threads), "\"params\"");
    assert_names(dispatch!().bind("z", x.range()).threads(threads), "\"z\"");
    let clash = dispatch!().bind("x", x.range()).bind("y", x.range()).params(&params).threads(threads);
    assert_names(clash, "binding \"y\": its buffer is bound as \"x\" too");
    let clash = dispatch!().bind("y", x.range()).bind("x", x.range()).params(&params).threads(threads);
    assert_names(clash, "binding \"x\": its buffer is bound as \"y\" too");
    let mut short = x.range();
    short.size = 12;
    assert_names(
        dispatch!().bind("x", short).threads(threads),
        "binding \"x\": 12 bytes are bound, 16 needed",
    );
    let unlike = "its parameters are";
    assert_names(dispatch!().params(&OtherName::default()).threads(threads), unlike);
    assert_names(dispatch!().params(&OtherOrder::default()).threads(threads), unlike);
    assert_names(dispatch!().params(&OneMore::default()).threads(threads), unlike);
    assert_names(dispatch!().params(&OneMore::default()).threads(threads), "offset");
    let right = dispatch!().bind("x", x.range()).bind("y", y.range()).params(&params).threads(threads);
    right.expect("all is bound, and bound rightly");
    let plan = plan.finish();
    assert_eq!(plan.len(), 1, "a refused dispatch joins no plan");
    // Two buffers of 8 values, and the parameters in 16 bytes.
    let lines = "scale: tests/scale.wgsl:scale, 1×1×1 workgroups, 80 bytes\n";
    assert_eq!(plan.to_string(), lines);
    assert_no_errors(&gpu);
}

#[test]
fn parts_of_a_buffer_are_written_side_by_side_where_they_lie_apart() {
    let gpu = open_gpu();
    let text = "@group(0) @binding(0) var<storage, read_write> a: array<f32>;
@group(0) @binding(1) var<storage, read_write> b: array<f32>;
@compute @workgroup_size(1) fn pair() { a[3] = 1.5; b[0] = 2.5; }";
    let source = Source { path: "tests/pair.wgsl", text, structs: &[] };
    let kernel = gpu.kernel(&source, "pair", &[]).unwrap();
    let both = Buffer::<f32>::zeroed(&gpu, "both", 128);
    let part = |offset: u64| BufferRange::new(both.raw(), offset, 256);
    let mut plan = PlanBuilder::new(&gpu);
    let overlap = plan.dispatch("pair", &kernel).bind("a", part(0)).bind("b", part(0)).threads([1; 3]);
    assert!(overlap.unwrap_err().what().contains("bound as \"a\" too"));
    plan.dispatch("pair", &kernel).bind("a", part(0)).bind("b", part(256)).threads([1; 3]).unwrap();
    let mut encoder = gpu.encoder("pair");
    plan.finish().encode(&mut encoder);
    gpu.submit(encoder);
    let found = both.read(&gpu);
    assert_eq!((found[3], found[64], found.iter().sum::<f32>()), (1.5, 2.5, 4.0));
    assert_no_errors(&gpu);
}

#[test]
fn faults_in_shaders_are_named() {
    let gpu = open_gpu();
    let error = |source: &Source, entry, constants: &[(&'static str, u32)]| {
        gpu.kernel(source, entry, constants).err().expect("it was accepted").what().to_owned()
    };
    assert!(error(&SCALE, "missing", &[]).contains("missing"));
    assert!(error(&SCALE, "scale", &[("LANES", 3)]).contains("LANES"));
    let broken = Source { path: "tests/broken.wgsl", text: "\n\nfn broken( {", structs: &[] };
    assert!(error(&broken, "broken", &[]).contains("tests/broken.wgsl:3"));
    let compiled = gpu.kernel_count();
    let first = scale_kernel(&gpu);
    assert!(Arc::ptr_eq(&first, &scale_kernel(&gpu)), "a kernel is compiled once");
    assert_eq!(gpu.kernel_count(), compiled + 1);
}

#[test]
fn what_the_driver_refuses_is_reported_where_it_is_recorded() {
    let gpu = open_gpu();
    let text = "
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(16000)
fn huge(@builtin(global_invocation_id) id: vec3<u32>) { y[id.x] = 1.0; }
";
    let source = Source { path: "tests/huge.wgsl", text, structs: &[] };
    let kernel = gpu.kernel(&source, "huge", &[]).expect("it is valid, but no adapter has as many threads");
    let y = poisoned(&gpu, "y", 4);
    let mut plan = PlanBuilder::new(&gpu);
    plan.dispatch("huge", &kernel).bind("y", y.range()).threads([1, 1, 1]).unwrap();
    let plan = plan.finish();
    let refused = plan.wait_compiled().unwrap_err();
    assert!(refused.what().starts_with("the driver refused tests/huge.wgsl:huge: "), "{refused}");
    assert!(refused.help().contains("driver"), "{refused}");
    assert!(plan.is_compiled(), "there is nothing to wait for");
    gpu.check().expect("what nobody runs is no fault");
    let mut encoder = gpu.encoder("huge");
    plan.encode(&mut encoder);
    gpu.submit(encoder);
    let reported = gpu.check().unwrap_err();
    assert_eq!(reported.kind(), ErrorKind::Gpu);
    assert!(reported.what().contains("the driver refused tests/huge.wgsl:huge: "), "{reported}");
    assert!(y.read(&gpu).iter().all(|value| value.is_nan()), "it was left out");
    assert_no_errors(&gpu);
}

/// Runs `entry` over `count` vec4 of ones; the result, and what was there before past the end.
fn run_scale(gpu: &Gpu, entry: &'static str, count: usize) -> Result<Vec<f32>> {
    let x = Buffer::from_slice(gpu, "x", &vec![1.0_f32; count * 4]);
    let y = poisoned(gpu, "y", count * 4 + 4);
    let mut plan = PlanBuilder::new(gpu);
    let kernel = gpu.kernel(&SCALE, entry, &[])?;
    plan.dispatch("scale", &kernel)
        .bind("x", x.range())
        .bind("y", y.range())
        .params(&ScaleParams { count: count as u32, scale: 3.0 })
        .threads([count as u32, 1, 1])?;
    let mut encoder = gpu.encoder("scale");
    plan.finish().encode(&mut encoder);
    gpu.submit(encoder);
    Ok(y.read(gpu))
}

#[test]
fn long_lines_are_folded_for_kernels_that_unfold_them() {
    let mut gpu = open_gpu();
    gpu.limits.max_compute_workgroups_per_dimension = 5;
    for entry in ["scale", "straight"] {
        for count in [1, 63, 320, 321, 64 * 24 + 1] {
            let folded = count > 5 * 64;
            let result = run_scale(&gpu, entry, count);
            if folded && entry == "straight" {
                assert!(result.unwrap_err().what().contains("straight"));
                continue;
            }
            let values = result.unwrap();
            let (inside, past) = values.split_at(count * 4);
            assert!(inside.iter().all(|v| *v == 3.0), "{entry} over {count}");
            assert!(past.iter().all(|v| v.is_nan()), "{entry} over {count} wrote past the end");
        }
    }
    assert!(run_scale(&gpu, "scale", 64 * 25 + 1).is_err(), "26 workgroups do not fit 5 by 5");
    assert_no_errors(&gpu);
}
