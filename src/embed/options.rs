//! How the neighbours of rows are sought and how their points push each other.

use super::forces::Method;

/// What [`Tsne::prepare_with`](super::Tsne::prepare_with) may be told beyond the usual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// How the push of all other points is found; none takes what is the faster for so many.
    pub method: Option<Method>,
}
