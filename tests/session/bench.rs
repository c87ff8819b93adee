//! A tiny network on the digits, and ways to drive it.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use revacnn::data::Augmentation;
use revacnn::gpu::{AdapterChoice, Gpu, TensorView};
use revacnn::nn::Hyper;
use revacnn::session::{
    Event, LayoutCommand, LayoutId, LayoutSource, RunSettings, RunState, Session, StopCondition,
};

/// One convolution, one dense layer.
pub(crate) const TINY: &str = r#"
name = "tiny"
[[layer]]
kind = "conv2d"
filters = 4
kernel = 3
[[layer]]
kind = "relu"
[[layer]]
kind = "max_pool2d"
size = 2
[[layer]]
kind = "dense"
"#;

/// A device and a folder.
pub(crate) struct Bench {
    pub gpu: Rc<Gpu>,
    pub folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        fs::write(folder.path().join("tiny.toml"), TINY).expect("it can be written");
        let gpu = Gpu::open(&AdapterChoice::Best).expect("there is an adapter");
        Self { gpu: Rc::new(gpu), folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn network(&self) -> String {
        self.path("tiny.toml").display().to_string()
    }

    pub(crate) fn open(&self, settings: RunSettings, folder: Option<&Path>) -> Session {
        Session::new(Rc::clone(&self.gpu), &self.network(), settings, folder).expect("it begins")
    }

    /// On the digits, kept nowhere.
    pub(crate) fn session(&self) -> Session {
        self.open(settings(), None)
    }

    /// On the digits, kept in `run`.
    pub(crate) fn kept(&self) -> Session {
        self.open(settings(), Some(&self.path("run")))
    }

    pub(crate) fn resume(&self) -> Session {
        Session::resume(Rc::clone(&self.gpu), &self.path("run")).expect("it goes on")
    }
}

pub(crate) fn settings() -> RunSettings {
    RunSettings {
        dataset: "digits".to_owned(),
        seed: 1,
        batch: 60,
        augmentation: Augmentation { shift: 1, ..Augmentation::default() },
        hyper: Hyper::default(),
        frozen: Vec::new(),
        data_edits: Default::default(),
        precision: Default::default(),
        probe: 0,
    }
}

/// The commands of the journal in `run`, line by line, without the checks.
pub(crate) fn journal(bench: &Bench) -> Vec<String> {
    let text = fs::read_to_string(bench.path("run/journal.jsonl")).expect("there is a journal");
    let without = |line: &str| {
        let (command, check) = line.rsplit_once(",\"check\":").expect("each line has a check");
        assert_eq!(check.len(), 16 + 3, "{line}");
        format!("{command}}}")
    };
    text.lines().skip(1).map(without).collect()
}

/// Makes steps up to `step`, and takes in all results.
pub(crate) fn run_to(session: &mut Session, step: u32) {
    session.set_limit(Some(StopCondition::Steps(step)));
    session.play();
    finish(session);
    assert_eq!(session.step(), step);
    session.set_limit(None);
}

/// Goes on until nothing is left to do.
pub(crate) fn finish(session: &mut Session) {
    while session.advance() || matches!(session.state(), RunState::Training | RunState::Validating) {}
    session.settle();
}

/// Opens a layout.
pub(crate) fn open(session: &mut Session, source: LayoutSource) -> LayoutId {
    session.apply(LayoutCommand::Open(source)).expect("it can be laid out");
    session.layouts().last().expect("it is open").id()
}

/// One submit of at most `budget_ms`.
pub(crate) fn submit(session: &mut Session, budget_ms: f64) -> bool {
    let mut encoder = session.gpu().encoder("test");
    let recorded = session.record(&mut encoder, budget_ms);
    session.gpu().submit(encoder);
    session.after_submit();
    session.gpu().wait();
    session.poll();
    recorded
}

/// The numbers of the steps whose results arrived.
pub(crate) fn steps(session: &mut Session) -> Vec<u32> {
    let number = |event| if let Event::Step(step) = event { Some(step.step) } else { None };
    session.take_events().into_iter().filter_map(number).collect()
}

/// The values that a view shows, tile by tile.
pub(crate) fn values(gpu: &Gpu, view: &TensorView) -> Vec<f32> {
    let staging = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("view"),
        size: view.buffer.size(),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = gpu.encoder("view");
    encoder.copy_buffer_to_buffer(&view.buffer, 0, &staging, 0, view.buffer.size());
    gpu.submit(encoder);
    staging.slice(..).map_async(wgpu::MapMode::Read, |_| ());
    gpu.wait();
    let bytes = staging.slice(..).get_mapped_range().expect("it is mapped");
    let all: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
    let mut shown = Vec::new();
    let [n, c, h, w] = view.extents;
    for index in 0..n * c * h * w {
        let place = [index / (c * h * w), index / (h * w) % c, index / w % h, index % w];
        let at: u32 = place.iter().zip(view.strides).map(|(i, s)| i * s).sum();
        shown.push(all[(view.offset + at) as usize]);
    }
    shown
}
