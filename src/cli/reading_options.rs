//! Options of how the images of a data set are read.

use clap::Args;
use revacnn::data::{Fit, ImageSize, Source, builtin};

/// The reading of the images of a data set.
#[derive(Args, Clone, Default)]
pub(super) struct ReadingOptions {
    /// Size of the images: a side, or width × height [default: as they are; of a folder of several sizes, a square of at most 64].
    #[arg(long, value_name = "N|WxH")]
    image_size: Option<ImageSize>,
    /// Way of images of other proportions to this size: `crop` takes the largest middle part, `pad` adds black borders, `stretch` changes
    /// proportions [default: crop].
    #[arg(long, value_name = "crop|pad|stretch", value_parser = fit)]
    fit: Option<Fit>,
    /// Stop at a damaged image of a folder, in place of leaving it out.
    #[arg(long)]
    strict: bool,
}

/// The value of an option `--fit`.
pub(super) fn fit(text: &str) -> Result<Fit, &'static str> {
    text.parse().map_err(|_| "it is crop, pad or stretch")
}

impl ReadingOptions {
    /// A data set with these options: its path made absolute, so that a run finds its data from any folder; a built-in name stays.
    pub(super) fn source(&self, dataset: &str) -> String {
        let mut source = Source::parse(dataset);
        let is_name = builtin().iter().any(|(name, _)| *name == source.path);
        match std::fs::canonicalize(&source.path) {
            Ok(path) if !is_name => source.path = path.display().to_string(),
            _ => {}
        }
        let reading = &mut source.reading;
        reading.size = self.image_size.or(reading.size);
        reading.fit = self.fit.unwrap_or(reading.fit);
        reading.strict |= self.strict;
        source.to_string()
    }
}
