//! The window: panes that send commands and read numbers, over pictures drawn from the training's buffers.
//!
//! One user interface ([`Workbench`]) serves the window, pictures without a display, and tests.

mod canvas;
mod charts_pane;
mod embedding_bar;
mod embedding_gestures;
mod embedding_head;
mod embedding_legend;
mod embedding_menus;
mod embedding_pane;
mod format;
mod frame_log;
mod keys;
mod network_layout;
mod network_pane;
pub mod offscreen;
mod steer_pane;
mod theme;
mod top_bar;
mod window;
mod workbench;

pub use canvas::Canvas;
pub use window::{WindowOptions, has_display, run};
pub use workbench::{Pane, Workbench};
