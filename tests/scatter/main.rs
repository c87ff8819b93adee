//! Layouts on their way to the screen: pixels, discs, dots, on a grid, what is picked, listed and selected, GPU against twin.

mod grid;
mod pixels;
mod places;
mod selection;
mod stage;
