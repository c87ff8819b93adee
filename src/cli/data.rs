//! `revacnn data`: data sets.

use clap::Subcommand;
use revacnn::data::{Dataset, builtin};
use revacnn::error::Result;

use super::print::print_line;

#[derive(Subcommand)]
pub(super) enum Data {
    /// List the built-in data sets and the formats of folders.
    List,
    /// Describe a data set: shape, sizes and classes.
    Info {
        /// Built-in name, or path to a folder.
        source: String,
    },
}

impl Data {
    pub(super) fn run(&self) -> Result<()> {
        match self {
            Self::List => {
                for (name, description) in builtin() {
                    print_line(&format!("{name:8} {description}"))?;
                }
                print_line(
                    "PATH     A folder in the format of MNIST (IDX, raw or gzip), CIFAR-10 or CIFAR-100 (binary).",
                )
            }
            Self::Info { source } => {
                let data = Dataset::open(source)?;
                print_line(&format!("name         {}", data.name))?;
                print_line(&format!("images       {} (channels × height × width)", data.shape))?;
                print_line(&format!("training     {}", data.train.len()))?;
                print_line(&format!("test         {}", data.test.len()))?;
                print_line(&format!("classes      {}: {}", data.classes.len(), data.classes.join(", ")))?;
                print_line(&format!("fingerprint  {}", data.fingerprint()))
            }
        }
    }
}
