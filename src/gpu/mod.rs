//! The device: adapter choice, buffers, kernels by reflection, plans, timers, the read-back ring.
//!
//! WGSL says what a kernel binds and Rust reads it; a plan is a list of prepared dispatches. Nothing here
//! knows what a network is.

mod adapter;
mod buffer;
mod choice;
mod device;
mod gates;
mod kernel;
mod memory;
mod peak;
mod plan;
mod readback;
mod reflect;
mod render;
mod shader;
mod stage;
mod structs;
mod template;
mod tensor_view;
mod timer;
mod trusted;

pub use adapter::{AdapterChoice, AdapterReport, instance, list_adapters};
pub use buffer::{Buffer, BufferRange};
pub use choice::{Choice, Choosing};
pub use device::{Gpu, Tuning};
pub use gates::Gates;
pub use kernel::Kernel;
pub use peak::Peak;
pub use plan::{Dispatch, DispatchBuilder, Plan, PlanBuilder};
pub use readback::ReadbackRing;
pub use reflect::{Binding, BindingKind, EntryPoint, reflect};
pub use render::{RenderKernel, RenderOptions};
pub use shader::{Expanded, Source};
pub use stage::Stage;
pub use structs::{Element, Field, FieldType, Params, StructDef};
pub use tensor_view::TensorView;
pub use timer::{Span, Timer};
