//! The window: panes that read the run and request actions, and pictures drawn from the buffers of the training.
//!
//! One [`Workbench`] serves the window, pictures without a display, and tests.

mod actions;
mod answers;
mod canvas;
mod curves;
mod dialogs;
mod display;
mod docking;
mod door_picture;
mod drawing_share;
pub mod export;
mod fills;
mod format;
mod frame;
mod frame_log;
mod kept;
mod keys;
mod live;
mod number;
pub mod offscreen;
mod pane;
mod panes;
mod pictures;
mod ranked;
mod running;
mod selection;
mod soft_goals;
mod status_bar;
mod surface;
mod tensor_kinds;
mod theme;
mod tile_popup;
mod tile_set;
mod timeline;
mod top_bar;
mod twin_curves;
mod typed;
mod window;
mod workbench;
mod zoom;

pub use canvas::{Canvas, Painting, Readings};
pub use dialogs::Request;
pub use display::Display;
pub use door_picture::door_picture;
pub use drawing_share::DrawingShare;
pub use live::{live_frame, train};
pub use running::WindowOptions;
pub use workbench::{Show, Workbench};
