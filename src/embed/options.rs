//! How the neighbours of rows are sought.

/// What [`Tsne::prepare_with`](super::Tsne::prepare_with) may be told beyond the usual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Principal components that rows are reduced to before their neighbours are sought; none leaves them as they are, and so do rows
    /// that have no more values than that.
    pub components: Option<usize>,
}
