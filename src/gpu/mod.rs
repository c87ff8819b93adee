//! The GPU: device, typed buffers, kernels by reflection, plans and stages, autotuner, timers, the read-back ring.
//!
//! WGSL says what a kernel binds and Rust reads it; structs are declared in Rust and WGSL imports them; a plan is a list of
//! prepared dispatches. Nothing here knows what a network is. What adapters cost and allow is in [`facts`]. Files import each
//! other in one direction:
//!
//! ```text
//! device ← buffer, readback, timer, memory          structs ← template ← shader ← reflect ← kernel, render
//! uniforms, remedy (on processor) ← device; wide_loads ← kernel; facts, needs, instances ← adapter ← open; half_products ← device, context, precision
//! device, kernel, deferred, compile_pool ← kernel_cache; deferred ← kernel
//! device, kernel_cache, tune_cache ← context (Gpu) ← plan_builder (on plan, indirect) ← stage, autotune, open, roofline
//! ```

mod adapter;
mod autotune;
mod buffer;
mod compile_pool;
mod context;
mod deferred;
mod device;
pub mod facts;
pub(crate) mod h100;
mod half_products;
mod indirect;
mod instances;
mod kernel;
mod kernel_cache;
mod memory;
mod needs;
mod open;
mod plan;
mod plan_builder;
mod precision;
mod processor;
mod readback;
mod recorder;
mod reflect;
mod remedy;
mod render;
mod roofline;
mod shader;
mod stage;
mod structs;
mod template;
mod tensor_view;
#[cfg(test)]
mod testing;
mod timed_passes;
mod timer;
mod trusted;
mod tune_cache;
mod turns;
mod uniforms;
mod wide_loads;
mod work;

pub use adapter::{AdapterChoice, AdapterReport, list_adapters, list_opened_adapters, no_adapter};
pub use buffer::{Buffer, BufferRange};
pub use context::{DeviceProfile, Gpu};
pub use device::Device;
pub use half_products::HalfProducts;
pub use indirect::ConditionalDispatches;
pub use kernel::Kernel;
pub use kernel_cache::{KernelKey, KernelVariant};
pub use plan::{Dispatch, Plan};
pub use plan_builder::{DispatchBuilder, PlanBuilder};
pub use precision::Precision;
pub use readback::ReadbackRing;
pub use recorder::Recorder;
pub use reflect::{Binding, BindingKind, EntryPoint, VertexInput, reflect};
pub use render::{RenderKernel, RenderOptions};
pub use roofline::Roofline;
pub use shader::{Expanded, Source};
pub use stage::Stage;
pub use structs::{Element, Field, FieldType, Params, StructDef};
pub use tensor_view::TensorView;
pub use timed_passes::TimedPasses;
pub use timer::{Span, Timer};
pub use tune_cache::{Choice, Tried, TunePolicy};
pub use work::{Cost, CostModel, Work};
