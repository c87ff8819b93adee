//! Work of the processor while the GPU, or its driver, is busy: reading, compiling, packing.

use std::path::PathBuf;
use std::rc::Rc;
use std::thread::{self, ScopedJoinHandle};

use revacnn::data::Labels;
use revacnn::error::Result;
use revacnn::gpu::{Gpu, Plan};

use super::given::{Given, Prepared};
use super::output::{self, Results};
use super::source::{Drawn, Rows, Source};
use super::wall_time::WallTime;
use crate::cli::run_options::AdapterOption;

/// Rows as they are read, and their classes.
pub(super) struct Read {
    pub rows: Prepared,
    pub labels: Option<Labels>,
    pub drawn: Option<Drawn>,
}

impl Read {
    fn new(rows: Rows, keeps_exact: bool) -> Self {
        let Rows { matrix, labels, drawn } = rows;
        if let Some(missing) = labels.as_ref().map(Labels::missing).filter(|missing| *missing > 0) {
            log::info!("{missing} of {} labels are missing: gray in the picture", matrix.rows);
        }
        Self { rows: Prepared::new(matrix, keeps_exact), labels, drawn }
    }
}

/// Opens the GPU, and reads the rows meanwhile where they do not come from it; `keeps_exact` keeps them as precise as they are, too.
pub(super) fn open(
    adapter: &AdapterOption,
    source: &Source<'_>,
    keeps_exact: bool,
    time: &mut WallTime,
) -> Result<(Rc<Gpu>, Read)> {
    if source.is_run() {
        let gpu = adapter.open()?;
        time.end("opening");
        let rows = Read::new(source.read_run(&gpu)?, keeps_exact);
        time.end("reading");
        return Ok((gpu, rows));
    }
    thread::scope(|scope| {
        let reading = scope.spawn(|| source.read().map(|rows| Read::new(rows, keeps_exact)));
        let gpu = adapter.open();
        time.end("opening");
        let rows = joined(reading);
        time.end("reading");
        let rows = rows?;
        Ok((gpu?, rows))
    })
}

/// Writes the rows to the GPU, and waits for the kernels of `plans`, which are compiled meanwhile.
pub(super) fn upload(
    gpu: &Gpu,
    given: &Given,
    values: Vec<f32>,
    plans: &[&Plan],
    time: &mut WallTime,
) -> Result<()> {
    given.upload(gpu, &values);
    // The system takes a while to take back so much memory.
    thread::Builder::new().spawn(|| drop(values)).ok();
    time.end("upload");
    let compiled = plans.iter().try_for_each(|plan| plan.wait_compiled());
    time.end("preparing");
    compiled
}

/// Judges a layout while the outputs are packed, and writes them.
pub(super) fn write<J>(
    paths: &[PathBuf],
    results: &Results<'_>,
    time: &mut WallTime,
    judge: impl FnOnce() -> Result<J>,
) -> Result<J> {
    let (judged, packed) = thread::scope(|scope| {
        let packing = scope.spawn(|| output::pack(paths, results));
        let judged = judge();
        time.end("judging");
        (judged, joined(packing))
    });
    if paths.iter().any(|path| output::is_picture(path)) {
        time.end("picture");
    }
    let judged = judged?;
    output::write(paths, &packed?)?;
    if !paths.is_empty() {
        time.end("writing");
    }
    Ok(judged)
}

/// Result of a thread.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
