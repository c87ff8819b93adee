//! `revacnn data`: data sets.

use clap::Subcommand;
use revacnn::data::{builtin, formats};
use revacnn::error::Result;

use super::data_info::Info;
use super::print::print_line;

#[derive(Subcommand)]
pub(super) enum Data {
    /// List the built-in data sets and the formats that are read.
    List,
    /// Describe a data set: sizes, classes, statistics, duplicates, damaged images.
    Info(Info),
}

impl Data {
    pub(super) fn run(&self) -> Result<()> {
        match self {
            Self::List => {
                for (name, description) in builtin() {
                    print_line(&format!("{name:8} {description}"))?;
                }
                formats().try_for_each(|format| print_line(&format!("PATH     {format}.")))
            }
            Self::Info(info) => info.run(),
        }
    }
}
