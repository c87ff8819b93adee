//! Golden pictures: what a short, seeded run looks like, drawn without a display and compared with kept pictures.
//!
//! `UPDATE_PICTURES=1 cargo test --test pictures` draws the kept ones anew: look at them before they are committed.
#![cfg(feature = "app")]

use std::path::PathBuf;
use std::rc::Rc;

use image::RgbaImage;
use revacnn::app::offscreen::{Picture, Show, render};
use revacnn::app::{Pane, Workbench};
use revacnn::gpu::{AdapterChoice, Gpu};
use revacnn::nn::Hyper;
use revacnn::session::{Limit, RunSettings, Session, TensorKind};

/// A run of 60 steps on the built-in digits.
fn session(seed: u64) -> Session {
    let gpu = Rc::new(Gpu::open(&AdapterChoice::Best).unwrap());
    let settings = RunSettings {
        dataset: "digits".to_owned(),
        seed,
        batch: 32,
        augmentation: Default::default(),
        hyper: Hyper::default(),
        frozen: Vec::new(),
        probe: 7,
    };
    let mut session = Session::new(gpu, "revacnn", settings, None).unwrap();
    session.set_limit(Some(Limit::Steps(60)));
    session.play();
    while session.advance() {}
    session.settle();
    session
}

fn draw(seed: u64, pane: Pane, kind: TensorKind) -> RgbaImage {
    let mut session = session(seed);
    let mut bench = Workbench::new(&session);
    bench.show_everywhere(&session, kind);
    render(&mut session, &mut bench, &Picture::new(Show::Pane(pane), 900, 560)).unwrap()
}

/// Share of pixels that differ by more than an eye would see: drivers round colours and glyph edges differently.
fn difference(a: &RgbaImage, b: &RgbaImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let seen = |(p, q): (&image::Rgba<u8>, &image::Rgba<u8>)| (0..3).any(|i| p.0[i].abs_diff(q.0[i]) > 24);
    a.pixels().zip(b.pixels()).filter(|pair| seen(*pair)).count() as f64 / (a.width() * a.height()) as f64
}

fn compare(name: &str, pane: Pane, kind: TensorKind, other_seed_differs: bool) {
    let picture = draw(3, pane, kind);
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pictures").join(name);
    if std::env::var_os("UPDATE_PICTURES").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        picture.save(&file).unwrap();
        return;
    }
    let kept = image::open(&file).expect("the kept picture is there").into_rgba8();
    let share = difference(&picture, &kept);
    if share > 0.004 {
        let new = std::env::temp_dir().join(name);
        picture.save(&new).unwrap();
        panic!(
            "{:.2} % of {name} look different: compare {} with {}",
            100.0 * share,
            new.display(),
            file.display()
        );
    }
    if other_seed_differs {
        let other = difference(&draw(4, pane, kind), &kept);
        assert!(other > 0.02, "a run of another seed looks the same: {other}");
    }
}

#[test]
fn activations_look_as_they_did() {
    compare("network-activations.png", Pane::Network, TensorKind::Activations, true);
}

#[test]
fn weights_look_as_they_did() {
    compare("network-weights.png", Pane::Network, TensorKind::Weights, true);
}

#[test]
fn charts_look_as_they_did() {
    compare("charts.png", Pane::Charts, TensorKind::Activations, false);
}

#[test]
fn a_picture_too_large_is_refused() {
    let mut session = session(3);
    let mut bench = Workbench::new(&session);
    let Err(error) = render(&mut session, &mut bench, &Picture::new(Show::Workbench, 1 << 20, 10)) else {
        panic!("a picture of a million pixels a side was drawn")
    };
    assert!(error.what().contains("1048576"));
}
