//! The device layer: faults in binding name shader, entry point and binding; read-back in order; timers; tuning.

mod compare;

use std::sync::Arc;

use compare::{assert_no_errors, open_gpu};
use revacnn::error::Result;
use revacnn::gpu::{
    AdapterChoice, Buffer, Gpu, Kernel, Params as _, Peak, PlanBuilder, ReadbackRing, Source, Stage, Timer,
    Tuning,
};
use revacnn::params;

/// A kernel with every kind of binding: `y[i] = x[i] · scale`, over lines of any length.
const SCALE: Source = Source {
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

params! { struct ScaleParams { count: u32, scale: f32 } }
params! { struct OtherName { count: u32, factor: f32 } }
params! { struct OtherOrder { scale: f32, count: u32 } }
params! { struct OneMore { count: u32, scale: f32, offset: u32 } }

/// A kernel over structs in storage: the weight of each of a few pairs, into a record.
const PAIRS: Source = Source {
    path: "tests/pairs.wgsl",
    text: "
#import Pair
#import Record
@group(0) @binding(0) var<storage, read> pairs: array<Pair>;
@group(0) @binding(1) var<storage, read_write> record: Record;
@compute @workgroup_size(1)
fn weigh_pairs() {
    for (var i = 0u; i < arrayLength(&pairs); i++) { record.weight += f32(pairs[i].left) * pairs[i].share; }
    record.count = arrayLength(&pairs);
}
@compute @workgroup_size(1)
fn count_pairs() { record.count = arrayLength(&pairs); }
@compute @workgroup_size(1)
fn clear_record() { record = Record(); }
",
    structs: &[Pair::DEF, Record::DEF],
};

params! { struct Pair { left: u32, share: f32 } }
params! { struct Record { count: u32, weight: f32 } }
params! { struct Turned { share: f32, left: u32 } }

/// What is compiled must be what the program has: the same struct, whose fields have been changed in one of the two only.
#[test]
fn a_storage_struct_that_has_drifted_is_refused() {
    let gpu = open_gpu();
    let pairs =
        Buffer::from_slice(&gpu, "pairs", &[Pair { left: 3, share: 0.5 }, Pair { left: 4, share: 2.0 }]);
    let record = Buffer::<Record>::zeroed(&gpu, "record", 1);
    let kernel = gpu.kernel(&PAIRS, "weigh_pairs", &[]).unwrap();
    let mut plan = PlanBuilder::new(&gpu);
    let turned = Buffer::<Turned>::zeroed(&gpu, "turned", 2);
    let bound = |plan: &mut PlanBuilder<'_>, range| {
        plan.dispatch("weigh", &kernel).bind("pairs", range).bind("record", record.range()).threads([1, 1, 1])
    };
    for (wrong, said) in [(turned.range(), "Turned"), (record.range(), "Record")] {
        let error = bound(&mut plan, wrong).expect_err("it was accepted");
        assert!(error.what().contains("tests/pairs.wgsl:weigh_pairs, binding \"pairs\""), "{error}");
        assert!(error.what().contains(said), "{error}");
    }
    let words = Buffer::<u32>::zeroed(&gpu, "words", 4);
    assert!(bound(&mut plan, words.range()).unwrap_err().what().contains("no struct"), "words are no pairs");
    bound(&mut plan, pairs.range()).unwrap();
    run(&gpu, plan);
    assert_eq!(record.read(&gpu), [Record { count: 2, weight: 9.5 }]);
    assert_no_errors(&gpu);
}

fn run(gpu: &Gpu, plan: PlanBuilder<'_>) {
    let mut encoder = gpu.encoder("run");
    plan.finish().encode(&mut encoder);
    gpu.submit(encoder);
}

#[test]
fn a_stage_binds_what_its_entry_points_name() {
    let gpu = open_gpu();
    let pairs = Buffer::from_slice(&gpu, "pairs", &[Pair { left: 3, share: 0.5 }; 3]);
    let records = [1, 2].map(|_| Buffer::from_slice(&gpu, "record", &[Record { count: 9, weight: 1.0 }]));
    let stage = Stage::new(&gpu, &PAIRS, &[])
        .labelled("test")
        .with("pairs", pairs.range())
        .with("record", records[0].range());
    let mut plan = PlanBuilder::new(&gpu);
    stage.dispatch(&mut plan, "clear_record", &(), [1, 1, 1]).unwrap();
    stage.dispatch(&mut plan, "weigh_pairs", &(), [1, 1, 1]).unwrap();
    let other = stage.clone().with("record", records[1].range());
    other.dispatch(&mut plan, "count_pairs", &(), [1, 1, 1]).unwrap();
    let unknown = stage.with("nothing", pairs.range()).dispatch(&mut plan, "count_pairs", &(), [1, 1, 1]);
    let unknown = unknown.unwrap_err();
    assert!(unknown.what().contains("tests/pairs.wgsl binds \"nothing\""), "{unknown}");
    let missing = Stage::new(&gpu, &PAIRS, &[]).with("record", records[0].range());
    let missing = missing.dispatch(&mut plan, "count_pairs", &(), [1, 1, 1]).unwrap_err();
    assert!(missing.what().contains("nothing is bound to \"pairs\""), "{missing}");
    let scale = Stage::new(&gpu, &SCALE, &[]).with("x", pairs.range()).with("y", records[0].range());
    let other = scale.dispatch(&mut plan, "scale", &OtherName::default(), [1, 1, 1]).unwrap_err();
    assert!(other.what().contains("its parameters are"), "{other}");
    run(&gpu, plan);
    assert_eq!(records[0].read(&gpu), [Record { count: 3, weight: 4.5 }]);
    assert_eq!(records[1].read(&gpu), [Record { count: 3, weight: 1.0 }], "only the count is written");
    assert_no_errors(&gpu);
}

fn scale_kernel(gpu: &Gpu) -> Arc<Kernel> {
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
    assert_eq!(plan.finish().len(), 1, "a refused dispatch joins no plan");
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
    let compiled = gpu.kernels_compiled();
    let first = scale_kernel(&gpu);
    assert!(Arc::ptr_eq(&first, &scale_kernel(&gpu)), "a kernel is compiled once");
    assert_eq!(gpu.kernels_compiled(), compiled + 1);
}

/// Runs `entry` over `count` vec4 of ones; the result, and what was there before past the end.
fn run_scale(gpu: &Gpu, entry: &'static str, count: usize) -> Result<Vec<f32>> {
    let x = Buffer::from_slice(gpu, "x", &vec![1.0_f32; count * 4]);
    let y = compare::poisoned(gpu, "y", count * 4 + 4);
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

#[test]
fn too_large_a_buffer_is_refused_in_words() {
    let mut gpu = open_gpu();
    gpu.limits.max_storage_buffer_binding_size = 1 << 20;
    gpu.check_fits("a map", 1 << 20).unwrap();
    let error = gpu.check_fits("a map", (1 << 20) + 1).unwrap_err();
    assert!(error.what().contains("a map needs a buffer of 2 MiB"), "{error}");
    assert!(error.what().contains(&gpu.info.name) && error.help().contains("batch"), "{error}");
}

#[test]
fn buffers_keep_what_is_written() {
    let gpu = open_gpu();
    for len in [1, 3, 5, 64] {
        let bytes: Vec<u8> = (0..len).map(|i| i as u8 + 1).collect();
        assert_eq!(Buffer::from_slice(&gpu, "bytes", &bytes).read(&gpu), bytes, "{len} bytes");
    }
    let buffer = Buffer::<u32>::zeroed(&gpu, "words", 7);
    assert_eq!(buffer.read(&gpu), [0; 7]);
    buffer.write(&gpu, 2, &[5, 6]);
    assert_eq!(buffer.read(&gpu), [0, 0, 5, 6, 0, 0, 0]);
    assert!(Buffer::<u32>::zeroed(&gpu, "none", 0).is_empty());
    assert_no_errors(&gpu);
}

#[test]
fn the_ring_returns_in_order_and_waits_for_nothing() {
    let gpu = open_gpu();
    let mut ring = ReadbackRing::new(&gpu, 8, 3);
    assert!(!ring.in_flight());
    let buffer = Buffer::<u32>::zeroed(&gpu, "counter", 2);
    let mut next = 0_u32;
    let mut arrived = Vec::new();
    for round in 0..6 {
        for _ in 0..=round % 3 {
            buffer.write(&gpu, 0, &[next, 100 + next]);
            let mut encoder = gpu.encoder("copy");
            assert!(ring.copy(&mut encoder, buffer.raw(), 0, 8, next), "a slot is free");
            gpu.submit(encoder);
            ring.after_submit();
            next += 1;
        }
        if round % 3 == 2 {
            let mut encoder = gpu.encoder("one too many");
            assert!(!ring.copy(&mut encoder, buffer.raw(), 0, 8, 999), "all three slots are taken");
        }
        assert!(ring.in_flight());
        gpu.wait();
        arrived.extend(ring.take());
        assert!(!ring.in_flight());
    }
    assert_eq!(arrived.len() as u32, next);
    for (i, (tag, bytes)) in arrived.iter().enumerate() {
        let words: Vec<u32> = bytemuck::pod_collect_to_vec(bytes);
        assert_eq!((*tag, words), (i as u32, vec![i as u32, 100 + i as u32]));
    }
    assert_eq!(ring.bytes_read(), u64::from(next) * 8);
    assert_no_errors(&gpu);
}

#[test]
fn the_timer_gives_each_dispatch_its_time() {
    let gpu = open_gpu();
    assert!(gpu.timestamps || !gpu.is_software(), "the software adapter has timestamps");
    let x = Buffer::<f32>::zeroed(&gpu, "x", 1 << 20);
    let y = Buffer::<f32>::zeroed(&gpu, "y", 1 << 20);
    let mut plan = PlanBuilder::new(&gpu);
    let kernel = scale_kernel(&gpu);
    for label in ["first", "second", "third"] {
        plan.dispatch(label, &kernel)
            .bind("x", x.range())
            .bind("y", y.range())
            .params(&ScaleParams { count: 1 << 18, scale: 2.0 })
            .threads([1 << 18, 1, 1])
            .unwrap();
    }
    let plan = plan.finish();
    // Two spans fit: the third dispatch runs untimed.
    for (capacity, expected) in [(8, &["first", "second", "third"][..]), (2, &["first", "second"])] {
        let mut timer = Timer::new(&gpu, capacity);
        let mut ring = ReadbackRing::new(&gpu, u64::from(capacity) * 16, 1);
        let mut encoder = gpu.encoder("timed");
        plan.encode_timed(&mut encoder, &mut timer);
        let Some((buffer, size, labels)) = timer.resolve(&mut encoder) else {
            assert!(!gpu.timestamps);
            return;
        };
        assert!(ring.copy(&mut encoder, buffer, 0, size, labels));
        gpu.submit(encoder);
        ring.after_submit();
        gpu.wait();
        let (labels, bytes) = ring.take().remove(0);
        let spans = timer.spans(&labels, &bytes);
        let names: Vec<&str> = spans.iter().map(|s| &*s.label).collect();
        assert_eq!(names, expected);
        for span in &spans {
            assert!(span.time_ms > 0.0 && span.time_ms < 10_000.0, "{span:?}");
        }
        assert!(timer.resolve(&mut gpu.encoder("nothing")).is_none(), "it begins anew");
    }
    assert_no_errors(&gpu);
}

#[test]
fn adapters_are_found_by_name_and_missing_ones_named() {
    let name = open_gpu().info.name;
    let part = AdapterChoice::Name(name[..4].to_uppercase());
    assert_eq!(Gpu::open(&part).unwrap().info.name, name);
    for (choice, said) in [
        (AdapterChoice::Name("no such adapter".to_owned()), "no such adapter"),
        (AdapterChoice::Index(99), "99"),
    ] {
        let error = Gpu::open(&choice).err().expect("there is none");
        assert!(error.what().contains(said) && error.help().contains(&name), "{error}: {}", error.help());
    }
}

#[test]
fn loads_are_shared_only_where_lanes_run_in_step() {
    let mut gpu = open_gpu();
    let begin = gpu.tuning();
    let shared = Tuning { shares_loads: true, ..begin };
    assert_eq!(gpu.set_tuning(shared).is_ok(), begin.shares_loads);
    assert_eq!(gpu.tuning(), begin);
    gpu.set_tuning(Tuning { shares_loads: false, ..begin }).unwrap();
    assert!(!gpu.tuning().shares_loads);
}

#[test]
fn the_peak_is_measured() {
    let gpu = open_gpu();
    let peak = Peak::measure(&gpu).unwrap().expect("the tests' adapters have timestamps");
    // Whatever this machine is, a processor or a GPU is within these.
    assert!((0.1..1e6).contains(&peak.gflop_per_s), "{peak:?}");
    assert!((0.01..1e5).contains(&peak.gb_per_s), "{peak:?}");
    // A product does not pass what multiply-adds do; half as much again is left to the clock of a shared machine.
    assert!((0.05..1.5 * peak.gflop_per_s).contains(&peak.product_gflop_per_s), "{peak:?}");
    assert_no_errors(&gpu);
}
