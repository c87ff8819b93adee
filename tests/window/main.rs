//! The real window under a virtual display, clicked with a real pointer.
//!
//! Needs Xvfb and xdotool, which `make test` installs; without them the test fails.
#![cfg(all(target_os = "linux", feature = "app"))]

mod clicks;
mod dropping;
mod listening;
mod looking;
mod saving;
mod screen;
