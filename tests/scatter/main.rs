//! Layouts on their way to the screen: pixels, discs, dots, what is picked, listed and selected, GPU against twin.

mod pixels;
mod places;
mod selection;
mod stage;
