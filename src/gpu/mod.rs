//! The device: adapter choice, buffers, kernels by reflection, plans, timers, the read-back ring.
//!
//! WGSL says what a kernel binds and Rust reads it; a plan is a list of prepared dispatches. Nothing here
//! knows what a network is.

mod adapter;
mod autotune;
mod buffer;
mod context;
mod device;
mod indirect;
mod kernel;
mod memory;
mod open;
mod plan;
mod readback;
mod reflect;
mod render;
mod roofline;
mod shader;
mod stage;
mod structs;
mod template;
mod tensor_view;
mod timer;
mod trusted;
mod tune_cache;

pub use adapter::{AdapterChoice, AdapterReport, instance, list_adapters};
pub use buffer::{Buffer, BufferRange};
pub use context::{Gpu, Tuning};
pub use device::Device;
pub use indirect::Gates;
pub use kernel::Kernel;
pub use plan::{Dispatch, DispatchBuilder, Plan, PlanBuilder};
pub use readback::ReadbackRing;
pub use reflect::{Binding, BindingKind, EntryPoint, VertexInput, reflect};
pub use render::{RenderKernel, RenderOptions};
pub use roofline::Peak;
pub use shader::{Expanded, Source};
pub use stage::Stage;
pub use structs::{Element, Field, FieldType, Params, StructDef};
pub use tensor_view::TensorView;
pub use timer::{Span, Timer};
pub use tune_cache::{Choice, TunePolicy};
