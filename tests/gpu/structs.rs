//! Structs shared with shaders, and stages that bind them by name.

use revacnn::gpu::{Buffer, Gpu, Params as _, PlanBuilder, Source, Stage};
use revacnn::params;

use super::compare::{assert_no_errors, open_gpu};
use super::kernels::{OtherName, SCALE};

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

/// The compiled struct must be the one that the program has: the same struct, whose fields have been changed in one of the two only.
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
    let pairs = Buffer::from_slice(&gpu, "pairs", &[Pair { left: 3, share: 0.5 }; 4]);
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
    assert_eq!(records[0].read(&gpu), [Record { count: 4, weight: 6.0 }]);
    assert_eq!(records[1].read(&gpu), [Record { count: 4, weight: 1.0 }], "only the count is written");
    assert_no_errors(&gpu);
}
