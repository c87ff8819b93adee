//! Runs in mixed precision: kept with the run, the same bits every time, as accurate as those in 32 bits; and refused in words by an
//! adapter without it. Here lanes make the products that matrices make on GPUs that have them.

use std::fs;
use std::rc::Rc;

use revacnn::gpu::{AdapterChoice, Gpu, HalfProducts, Precision};
use revacnn::nn::Hyper;
use revacnn::session::{Event, RunSettings, Session, Split, StopCondition};

use crate::bench::{Bench, finish, run_to, settings};

/// Two convolutions, of which the second computes in mixed precision.
const WIDE: &str = r#"
name = "wide"
[[layer]]
kind = "conv2d"
filters = 16
kernel = 3
[[layer]]
kind = "relu"
[[layer]]
kind = "conv2d"
filters = 17
kernel = 3
[[layer]]
kind = "relu"
[[layer]]
kind = "dense"
"#;

/// A device whose lanes make products of 16-bit factors, and a folder with the wide network.
fn bench() -> Bench {
    let mut bench = Bench::new();
    fs::write(bench.network(), WIDE).unwrap();
    let gpu = Rc::get_mut(&mut bench.gpu).expect("it is nobody else's");
    gpu.set_half_products(Some(HalfProducts::Lanes)).unwrap();
    bench
}

fn mixed() -> RunSettings {
    RunSettings { precision: Precision::Mixed, ..settings() }
}

fn hash_at(mut session: Session, step: u32) -> String {
    run_to(&mut session, step);
    session.state_hash()
}

#[test]
fn mixed_precision_is_kept_with_the_run() {
    let bench = bench();
    let mut session = bench.open(mixed(), Some(&bench.path("run")));
    run_to(&mut session, 3);
    session.save().unwrap();
    drop(session);
    let header = fs::read_to_string(bench.path("run/journal.jsonl")).unwrap();
    let header: serde_json::Value = serde_json::from_str(header.lines().next().unwrap()).unwrap();
    assert_eq!(header["settings"]["precision"], "mixed");
    assert!(header["summation"].as_str().unwrap().contains("mixed by lanes"), "{header}");

    let resumed = bench.resume();
    assert_eq!(resumed.settings().precision, Precision::Mixed);
    assert_eq!(resumed.gpu().half_products(), Some(HalfProducts::Lanes));
    let unbroken = hash_at(bench.open(mixed(), None), 6);
    assert_eq!(hash_at(resumed, 6), unbroken, "a resumed run goes on in mixed precision");
    assert_ne!(hash_at(bench.open(settings(), None), 6), unbroken, "in 32 bits it is another run");
    assert_eq!(bench.open(settings(), None).gpu().half_products(), None, "32 bits unless it is asked for");
    bench.gpu.check().unwrap();
}

#[test]
fn an_adapter_without_matrices_says_so_and_computes_in_32_bits() {
    let bench = Bench::new();
    fs::write(bench.network(), WIDE).unwrap();
    let mut session = bench.open(mixed(), None);
    let notices: Vec<String> = session
        .take_events()
        .iter()
        .filter_map(|event| if let Event::Notice(notice) = event { Some(notice.to_string()) } else { None })
        .collect();
    let by_matrices = session.gpu().half_products().is_some();
    assert_eq!(notices.is_empty(), by_matrices, "{notices:?}");
    if !by_matrices {
        assert!(notices.len() == 1 && notices[0].contains("no cooperative matrices"), "{notices:?}");
    }
    assert_eq!(hash_at(session, 3) != hash_at(bench.open(settings(), None), 3), by_matrices);
}

#[test]
fn the_average_of_weights_that_stay_is_evaluated_alike_frozen_or_not() {
    let bench = bench();
    let rate = Hyper { learning_rate: 0.0, ..Hyper::default() };
    let mut losses = Vec::new();
    // The second layer, in mixed precision, keeps its copy of the input, or leaves it to the next layer.
    for frozen in [vec![], vec![2]] {
        let mut session = bench.open(RunSettings { hyper: rate, frozen, ..mixed() }, None);
        run_to(&mut session, 2);
        session.take_events();
        session.evaluate(Split::Test);
        finish(&mut session);
        let of = |event| {
            if let Event::Evaluated { loss, average, .. } = event { Some((loss, average)) } else { None }
        };
        let (loss, average) = session.take_events().into_iter().find_map(of).expect("it was evaluated");
        losses.extend([loss, average.expect("the weights are averaged").loss]);
    }
    assert!(losses[0] > 0.0 && losses.iter().all(|loss| *loss == losses[0]), "{losses:?}");
    bench.gpu.check().unwrap();
}

/// Test accuracy of `revacnn` on the digits after some epochs.
fn accuracy(gpu: &Rc<Gpu>, seed: u64, precision: Precision, epochs: u32) -> f64 {
    let settings = RunSettings { seed, batch: 30, precision, ..settings() };
    let mut session = Session::new(Rc::clone(gpu), "revacnn", settings, None).unwrap();
    assert_eq!(session.gpu().half_products().is_some(), precision == Precision::Mixed);
    session.set_limit(Some(StopCondition::Epochs(epochs)));
    session.play();
    finish(&mut session);
    session.take_events();
    session.evaluate(Split::Test);
    finish(&mut session);
    let of =
        |event| if let Event::Evaluated { accuracy, .. } = event { Some(f64::from(accuracy)) } else { None };
    session.take_events().into_iter().find_map(of).expect("the test images were evaluated")
}

/// `REVACNN_MIXED_EPOCHS=6` trains five seeds for 6 epochs, which takes half a minute.
#[test]
fn a_run_in_mixed_precision_is_as_accurate_as_one_in_32_bits() {
    let epochs =
        std::env::var("REVACNN_MIXED_EPOCHS").ok().map(|text| text.parse().expect("a number of epochs"));
    let (seeds, epochs) = epochs.map_or((1..=3, 2), |epochs| (1..=5, epochs));
    let mut gpu = Gpu::open(&AdapterChoice::Best).unwrap();
    // On matrices where the adapter has them.
    if gpu.mixed_refusal().is_some() {
        gpu.set_half_products(Some(HalfProducts::Lanes)).unwrap();
    }
    let gpu = Rc::new(gpu);
    let all =
        |precision| seeds.clone().map(|seed| accuracy(&gpu, seed, precision, epochs)).collect::<Vec<f64>>();
    let [full, mixed] = [Precision::F32, Precision::Mixed].map(all);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let [least, most] = [f64::min, f64::max].map(|f| full.iter().copied().reduce(f).unwrap());
    let spread = (most - least).max(0.05);
    assert!(mean(&full) > 0.6, "{full:?} in 32 bits: one in ten is chance");
    assert!(mean(&mixed) >= mean(&full) - spread, "{mixed:?}, and {full:?} in 32 bits");
    #[allow(clippy::print_stdout, reason = "the figures of the long test")]
    if *seeds.end() == 5 {
        println!("mixed {mixed:?}, mean {}; f32 {full:?}, mean {}", mean(&mixed), mean(&full));
    }
}
