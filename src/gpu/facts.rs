//! Facts about adapters, for the design of the next kernel: limits, costs of a dispatch, and what compilers make of a shader. Measured,
//! with the versions; `revacnn adapters --json` tells the limits of the adapter at hand.
//!
//! # Adapters
//!
//! | | H100 80GB, driver 580.159 | lavapipe, Mesa 22.3.6 |
//! | --- | --- | --- |
//! | subgroup, lanes | 32 | 8 |
//! | workgroup: memory; threads | 48 KiB; 1024 | 32 KiB; 1024 |
//! | storage binding; buffer | 2 GiB − 4; 4 GiB − 2 MiB | 128 MiB; 2 GiB − 1 |
//! | uniform binding; immediates | 64 KiB; 256 bytes | 64 KiB; 128 bytes |
//! | alignment of offsets: storage, uniform | 32, 64 bytes | 32 bytes |
//! | f16; cooperative matrices | yes; f16 factors, f16 or f32 sums, 16×16×16 and two more | yes; none |
//! | a tick of the timestamps | 1 ns | 1 ns |
//! | peak: multiply-adds; memory | 64 TFLOP/s; 2.85 TB/s | 0.1 TFLOP/s; 1.6 to 4.5 GB/s, two cores |
//!
//! With wgpu 30.0.1. On Vulkan and DirectX 12 no storage binding passes 2³¹ − 1 bytes, whatever the driver says: what may be larger is cut
//! into parts. DirectX 12 has 32 KiB of workgroup memory and aligns to 256 bytes; OpenGL has no subgroups. Kernels here keep to 256 threads,
//! eight storage buffers and 16 KiB where they can, which WebGPU promises everywhere.
//!
//! # Cost of a dispatch
//!
//! | on the H100 | µs |
//! | --- | --- |
//! | dispatch that waits for the one before it, in one pass: 1; 1056 workgroups | 2.1; 2.8 |
//! | dispatch that waits for none: no buffer in common that one of the two writes | 0.2 to 0.4 |
//! | pass of its own; with timestamps at both ends | 7.8; 12.4 |
//! | CPU: recording a dispatch; a pass | 2; 12 |
//! | CPU: submit and wait; reading 64 bytes back | 53; 68 |
//!
//! So steps that follow each other with nothing between them are one pass ([`Recorder`](super::Recorder)), small kernels are fused, and what
//! does not depend on its neighbor is recorded beside it, to overlap. `bench` gives each kernel a pass of its own and shows the dearest of
//! these costs. A dispatch in a pass takes about 20 µs on lavapipe, a submit and wait 75 to 330 µs.
//!
//! A kernel of 1600 unrolled multiply-adds takes naga 64 to 112 ms and NVIDIA's driver 0.8 s to compile, from the driver's cache on disk 4 to
//! 7 ms; a small kernel 40 to 200 ms, and 200 to 330 pipelines by 15 threads at once 3 to 9 s. lavapipe takes 0.1 to 0.35 s at the first
//! dispatch, one kernel after the other, whoever made the pipeline. Hence few pipelines, several compiled at once (`compile_pool`), and no timing of
//! candidates before all are compiled.
//!
//! # The clock
//!
//! An idle H100 stands at 345 MHz and reaches 1980 after tens of milliseconds under load. What is timed first is 2 to 4 times slower than it
//! is, and comes out in another order. The autotuner therefore spins the GPU with a fixed kernel before each timing, in the same submit, and
//! counts only timings beside the fixed kernel at its fastest (`gpu::turns`).
//!
//! # Arithmetic against loads
//!
//! On the H100, cycles of a multiprocessor for an instruction of a subgroup: a multiply-add 0.25; a `vec4` from workgroup memory 2.8, also
//! where all lanes read one address; one `f32` from there 1.3; a `vec4` from storage that is in the first cache 5.5 to 5.8. A kernel breaks
//! even with 11 multiply-adds for each `vec4` of workgroup memory, and 23 for each of storage; good ones have 24 to 32. Count both before
//! you write a tile.
//!
//! On lavapipe each storage or workgroup load is made lane by lane: as much arithmetic a load as the machine code can hold, `vec4` always,
//! unrolled scalars by name rather than arrays, and no workgroup memory. A 1024³ product goes from 0.7 GFLOP/s
//! (one output a thread) to 21 (tiles of 8×16) and 29 with subgroup broadcasts.
//!
//! Two neighboring values in one load of 64 bits take lavapipe as long as one of 32 bits, so all kernels read arrays of `vec4<f32>` as
//! `vec2<u64>` (`wide_loads`). Measured on an EPYC (Zen 5) with and without its AVX-512, 2 threads, quiet, `revacnn` at batch 256, in images/s,
//! and a 1024³ product in GFLOP/s, with loads of 32 and of 64 bits, before tiles were made larger:
//!
//! | | images/s | product | peak in registers, GFLOP/s |
//! | --- | --- | --- | --- |
//! | Mesa 22.3.6, AVX2 | 508 to 553; 765 to 866 | 12; 22 | 100 |
//! | Mesa 25.0.7, AVX2 | 1505 to 1544; 1580 to 1778 | 59; 70 | 100 |
//! | Mesa 22.3.6, AVX-512 | 1892 to 1917; 1832 to 2184 | 57; 65 | 220 |
//! | Mesa 25.0.7, AVX-512 | 1445 to 1511; 1822 to 1833 | 45 to 65; 67 to 77 | 155 |
//!
//! With AVX2 22.3.6 spends 80 to 90 % of a convolution in its loads, and spilled sums cost little beside them: for each lane and component
//! its code stores a vector, stores the value into it, and loads the vector again, which waits for both stores. AVX-512 has a masked move
//! for that; 25.0.7 inserts at indices that it knows. So there tiles are twice as large (`DeviceProfile::stalls_at_loads`), which makes
//! convolutions 1.15 to 1.3 times as fast again. A uniform buffer would be read without such stalls, but holds 64 KiB.
//!
//! # Compilers
//!
//! - NVIDIA's puts a load just before its use and pipelines no loop. Loads belong in a batch of named variables before the stores or sums:
//!   that alone took weight gradients from 34 to 50 % of the peak. 255 registers a thread, 168 with 300 to 384 threads a workgroup, 128 with
//!   480 and more; what is over goes to memory. Two workgroups of 128 threads fill a multiprocessor at 255.
//! - Bounds checks cost nothing there. Bounds of loops (`force_loop_bounding`) cost 10 to 29 %. Zeroed workgroup memory costs 0.3 %.
//! - A constant inner index of `array<array<vec4<f32>, N>, M>` is not clamped; `i * N + 3` is.
//! - Rows of a workgroup array padded to an odd number of `vec4` keep column accesses free of bank conflicts.
//! - Weights in a uniform buffer are loaded as well: no gain over workgroup memory.
//! - Kernels of 46 and 70 KB of machine code in turn cost 15 µs more than each repeated; below about 30 KB (1000 multiply-adds) nothing.
//! - lavapipe ends all loops of 8 neighboring threads after 65 535 rounds together, silently. It contracts no multiply-add; GPUs may: bits are
//!   equal on one adapter only.
//! - Mesa 25.0.7 makes lavapipe twice to three times as fast as 22.3.6 on a processor with AVX2 only, and unrolled kernels slower on one with
//!   AVX-512. So driver and processor belong to whatever is kept of timings (`tune_cache`).
//! - Cooperative matrices in naga 30: `coopLoadT` and `coopStoreT` take rows that follow each other, `coopLoad` and `coopStore` columns; the stride
//!   counts elements of the pointer's type; no variable may be called A, B or C, which are looked up like the roles of matrices. A shader that
//!   declares them gets Vulkan's memory model, while its barriers make nothing available or visible, as that asks for (issue 8805 of gfx-rs/wgpu). Values
//!   that lanes stored to workgroup memory were right on an H100 when they were loaded as matrices; the other way was not tried.
//! - naga 30 refuses `enable subgroups;`, panics on a pointer to an element of an array as an argument, and does not see a barrier under a
//!   condition that differs between lanes.
//! - Writes past the end of a buffer are dropped by some drivers and overwrite the last element on others: every index is guarded.
//!
//! # Reached
//!
//! Of the H100's peak, in `f32`, at batch 4096: forward and input-gradient convolutions 55 to 60 %, weight gradients 40 to 52 %, a 4096³ product
//! 59 %; sums and poolings 95 to 103 % of the bandwidth. Cooperative matrices: 202 TFLOP/s for a 4096³ product, 117 for a 3×3 convolution of
//! 64 channels (`nn::layers::conv2d::mixed` is built from that, and was not timed on a GPU).
//!
//! # An iteration of t-SNE, reckoned
//!
//! From bytes at 2.85 TB/s and dispatches at 2.1 µs, for 90 neighbors and so about 135 entries a row: an entry has 8 bytes, 1.08 kB a row; all
//! else of a row about 260 bytes in twelve kernels; a mesh of transforms of length L moves 133 L² bytes in 17 passes. What stays in the second
//! cache (gathered positions, the nodes about a point) is not in it. In milliseconds, beside what a build took on the H100 whose threads each
//! went through a row of entries alone (32 bytes moved for each 4 read, 8.6 kB a row) in 150 dispatches:
//!
//! | rows, L | entries | rows | mesh | 28 dispatches | sum | that build, reckoned so | measured |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | 60 000, 1024 | 0.02 | 0.01 | 0.05 | 0.06 | 0.14 | 0.6 | 0.86 |
//! | 1 000 000, 4096 | 0.38 | 0.09 | 0.78 | 0.06 | 1.3 | 4.2 | 3.9 |

use serde::Serialize;

/// Limits of an adapter that decide the shapes of kernels.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AdapterLimits {
    /// Threads of a workgroup.
    pub threads_per_workgroup: u32,
    /// Workgroups in each dimension of a dispatch.
    pub workgroups_per_dimension: u32,
    /// Storage buffers that a kernel can bind.
    pub storage_buffers_per_stage: u32,
    /// Bytes of a uniform binding.
    pub uniform_binding_bytes: u64,
    /// Bytes of immediates.
    pub immediate_bytes: u32,
    /// Offsets of storage bindings are multiples of this many bytes.
    pub storage_alignment_bytes: u32,
    /// Offsets of uniform bindings are multiples of this many bytes.
    pub uniform_alignment_bytes: u32,
}

impl AdapterLimits {
    /// Those among all limits.
    pub(super) fn of(limits: &wgpu::Limits) -> Self {
        Self {
            threads_per_workgroup: limits.max_compute_invocations_per_workgroup,
            workgroups_per_dimension: limits.max_compute_workgroups_per_dimension,
            storage_buffers_per_stage: limits.max_storage_buffers_per_shader_stage,
            uniform_binding_bytes: limits.max_uniform_buffer_binding_size,
            immediate_bytes: limits.max_immediate_size,
            storage_alignment_bytes: limits.min_storage_buffer_offset_alignment,
            uniform_alignment_bytes: limits.min_uniform_buffer_offset_alignment,
        }
    }
}
