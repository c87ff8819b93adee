//! Kernels whose plans are built before the driver compiles them: all together, by all cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::kernel::Kernel;
use crate::error::Result;
use crate::threads;

/// Kernels that the driver has not compiled yet. It may go to another thread.
pub struct Uncompiled {
    kernels: Vec<Arc<Kernel>>,
    threads: usize,
}

impl Uncompiled {
    /// Kernels that are compiled one after another where the adapter is Mesa's software driver, which does not expect two threads in its
    /// compiler.
    pub(super) fn new(kernels: Vec<Arc<Kernel>>, software: bool) -> Self {
        let threads = if software { 1 } else { threads::cores().min(kernels.len()) };
        Self { kernels, threads }
    }

    /// Compiles them.
    ///
    /// # Errors
    /// When the driver refuses one: that of the first.
    pub fn compile(self) -> Result<()> {
        let next = AtomicUsize::new(0);
        let compile = |_| {
            let refused = |index: usize| Some((index, self.kernels.get(index)?.compile()));
            let all = std::iter::from_fn(|| refused(next.fetch_add(1, Ordering::Relaxed)));
            all.filter(|(_, compiled)| compiled.is_err()).min_by_key(|(index, _)| *index)
        };
        let refused = threads::each(0..self.threads, compile).into_iter().flatten();
        refused.min_by_key(|(index, _)| *index).map_or(Ok(()), |(_, refused)| refused)
    }
}

#[cfg(test)]
mod tests {
    use crate::gpu::{AdapterChoice, Buffer, Gpu, PlanBuilder, Source};

    const WRITES: Source = Source {
        path: "sample.wgsl",
        text: "
            @group(0) @binding(0) var<storage, read_write> to: array<u32>;
            @compute @workgroup_size(1) fn one() { to[0] = 1u; }
            @compute @workgroup_size(1) fn two() { to[1] = 2u; }
            @compute @workgroup_size(1) fn three() { to[2] = 3u; }",
        structs: &[],
    };

    #[test]
    fn kernels_are_compiled_together_or_when_they_are_recorded() {
        let gpu = Gpu::open(&AdapterChoice::Best).unwrap();
        // As on the software adapter, and as on a GPU.
        for threads in [None, Some(1), Some(3)] {
            let gpu = gpu.replacing_shader("none", "").compiling_later();
            let to = Buffer::<u32>::zeroed(&gpu, "to", 3);
            let mut plan = PlanBuilder::new(&gpu);
            for entry in ["one", "two", "three", "one"] {
                let kernel = gpu.kernel(&WRITES, entry, &[]).unwrap();
                plan.dispatch(entry, &kernel).bind("to", to.range()).threads([1, 1, 1]).unwrap();
            }
            let uncompiled = gpu.take_uncompiled();
            assert_eq!((uncompiled.kernels.len(), gpu.take_uncompiled().kernels.len()), (3, 0));
            if let Some(threads) = threads {
                let uncompiled = super::Uncompiled { threads, ..uncompiled };
                std::thread::scope(|scope| scope.spawn(|| uncompiled.compile()).join().unwrap()).unwrap();
            }
            let mut encoder = gpu.encoder("all");
            plan.finish().encode(&mut encoder);
            gpu.submit(encoder);
            assert_eq!(to.read(&gpu), [1, 2, 3]);
            gpu.check().unwrap();
        }
    }

    #[test]
    fn the_first_refusal_is_told() {
        // More threads of a workgroup than any adapter has.
        let text = "
            @compute @workgroup_size(1) fn good() { }
            @compute @workgroup_size(1, 1, 9999) fn deep() { }
            @compute @workgroup_size(1, 9999) fn high() { }";
        let source = Source { path: "wide.wgsl", text, structs: &[] };
        let gpu = Gpu::open(&AdapterChoice::Best).unwrap();
        for threads in [1, 3] {
            let later = gpu.replacing_shader("none", "").compiling_later();
            for entry in ["good", "deep", "high"] {
                later.kernel(&source, entry, &[]).unwrap();
            }
            let uncompiled = super::Uncompiled { threads, ..later.take_uncompiled() };
            let refusal = uncompiled.compile().unwrap_err();
            assert!(refusal.what().contains("wide.wgsl:deep"), "{refusal}");
            // Whoever asks for it next is told, too.
            let next = later.compiling_at_once();
            assert!(next.kernel(&source, "high", &[]).is_err() && next.kernel(&source, "good", &[]).is_ok());
        }
        gpu.check().unwrap();
    }
}
