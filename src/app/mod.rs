//! The window: panes that read the run and request actions, and pictures drawn from the buffers of the training.
//!
//! One [`Workbench`] serves the window, pictures without a display, and tests.

mod actions;
mod canvas;
mod format;
mod frame;
mod frame_log;
mod keys;
pub mod offscreen;
mod pane;
mod panes;
mod selection;
mod tensor_kinds;
mod theme;
mod tile_popup;
mod tile_set;
mod top_bar;
mod window;
mod workbench;

pub use canvas::Canvas;
pub use window::{WindowOptions, has_display, run};
pub use workbench::{Show, Workbench};
