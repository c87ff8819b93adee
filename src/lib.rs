//! ReVACNN: a convolutional network learns on your GPU while you watch and steer it.
//!
//! The crate is the program's library. Its modules depend on each other in one direction only:
//!
//! ```text
//! error <- gpu <- data <- nn <- session <- app
//!          gpu <- embed <------ session
//!          gpu <- view <------------------ app
//! ```

#[cfg(feature = "app")]
pub mod app;
pub mod data;
pub mod embed;
pub mod error;
pub mod files;
pub mod gpu;
pub mod nn;
pub mod session;
pub mod view;

pub use error::{Error, Result};
