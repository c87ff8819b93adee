//! The device layer: faults in binding name shader, entry point and binding; read-back in order; timers; tuning.

#[path = "../compare/mod.rs"]
mod compare;
mod kernels;
mod render;
mod structs;

use compare::{assert_no_errors, open_gpu, with_fault};
use kernels::{ScaleParams, scale_kernel};
use revacnn::gpu::{AdapterChoice, Buffer, DeviceProfile, Gpu, PlanBuilder, ReadbackRing, Roofline, Timer};

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
        assert!(timer.resolve(&mut gpu.encoder("nothing")).is_none(), "it begins again");
    }
    assert_no_errors(&gpu);
}

#[test]
fn adapters_are_found_by_name_and_missing_ones_named() {
    let name = open_gpu().info.name.clone();
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
fn the_first_error_is_the_one_that_is_told() {
    let gpu = open_gpu();
    gpu.check().unwrap();
    let make = |label| {
        gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: gpu.limits.max_buffer_size + 4,
            usage: wgpu::BufferUsages::STORAGE,
            mapped_at_creation: false,
        })
    };
    make("the cause");
    make("an effect");
    let error = gpu.check().unwrap_err();
    assert!(error.what().contains("the cause") && !error.what().contains("an effect"), "{error}");
    assert!(error.help().contains("another adapter"), "{}", error.help());
    gpu.check().unwrap();
    // Of a kernel too: not that its pipeline was made of a layout that is none.
    let fault = with_fault(&gpu, "gpu/roofline.wgsl", "@binding(", "@binding(7000");
    let error = Roofline::measure(&fault).unwrap_err();
    assert!(error.what().contains("create_bind_group_layout"), "{error}");
    assert_no_errors(&gpu);
}

#[test]
fn loads_are_shared_only_where_lanes_run_in_step() {
    let mut gpu = open_gpu();
    let begin = gpu.profile();
    let shared = DeviceProfile { shares_loads: true, ..begin };
    assert_eq!(gpu.set_profile(shared).is_ok(), begin.shares_loads);
    assert_eq!(gpu.profile(), begin);
    gpu.set_profile(DeviceProfile { shares_loads: false, ..begin }).unwrap();
    assert!(!gpu.profile().shares_loads);
}

#[test]
fn the_peak_is_measured() {
    let gpu = open_gpu();
    let peak = Roofline::measure(&gpu).unwrap().expect("the tests' adapters have timestamps");
    for rate in [peak.gflop_per_s, peak.gb_per_s, peak.product_gflop_per_s] {
        assert!(rate > 0.0 && rate.is_finite(), "{peak:?}");
    }
    assert_no_errors(&gpu);
}
