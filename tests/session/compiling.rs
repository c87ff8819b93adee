//! Kernels that the driver compiles, or refuses, before a step.

use std::rc::Rc;

use revacnn::error::Error;
use revacnn::gpu::Gpu;
use revacnn::session::{Event, RunState, Session, StopCondition};

use crate::bench::{Bench, finish, settings};

const TICK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/data/tick.wgsl"));

/// A session of two steps, or of one by hand, on a device for which the counting at a step's end reads `tick`; and the faults that it tells of.
fn two_steps(bench: &Bench, tick: String, by_hand: bool) -> (Session, Vec<Error>) {
    let gpu: Gpu = bench.gpu.replacing_shader("data/tick.wgsl", tick.leak());
    let mut session = Session::new(Rc::new(gpu), &bench.network(), settings(), None).unwrap();
    session.set_limit(Some(StopCondition::Steps(2)));
    if by_hand {
        session.single_step();
    } else {
        session.play();
    }
    finish(&mut session);
    let faults = session.take_events().into_iter().filter_map(|event| match event {
        Event::Fault(error) => Some(error),
        _ => None,
    });
    let faults = faults.collect();
    (session, faults)
}

#[test]
fn a_kernel_that_the_driver_refuses_is_told_of_and_no_step_is_made() {
    let bench = Bench::new();
    let size = "@compute @workgroup_size(WORKGROUP)";
    assert!(TICK.contains(size));
    // Valid, but no adapter has as many threads in a workgroup.
    let too_many = TICK.replace(size, "@compute @workgroup_size(16000)");
    for by_hand in [false, true] {
        let (mut session, faults) = two_steps(&bench, too_many.clone(), by_hand);
        assert_eq!((session.step(), session.state()), (0, RunState::Paused));
        assert!(faults[0].what().starts_with("the driver refused data/tick.wgsl:"), "{faults:?}");
        assert!(!faults[0].help().is_empty());
        assert!(session.is_compiled(), "there is nothing to wait for");
        // The control: the same shader as it is.
        let (mut session, faults) = two_steps(&bench, TICK.to_owned(), by_hand);
        assert_eq!((session.step(), faults.len()), (if by_hand { 1 } else { 2 }, 0), "{faults:?}");
        assert!(session.is_compiled());
    }
}
