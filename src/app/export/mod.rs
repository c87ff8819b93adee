//! Panes outside the window: charts and the confusion matrix as SVG, and the parts of a report that are HTML.

mod chart;
mod charts;
mod colors;
mod commands;
mod confusion;
mod markup;

pub(crate) use chart::ChartMark;
pub(crate) use charts::marks;
pub use charts::{charts, charts_svg};
pub use colors::page_style;
pub use commands::{CommandRow, commands};
pub(crate) use confusion::shade;
pub use confusion::{confusion_svg, confusion_table};
pub use markup::Markup;
