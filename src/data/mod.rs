//! Data sets: the readers, the images on the GPU, and the batches drawn from them.
//!
//! Images are `[n, c, y, x]` (planar, one byte per value), labels one byte each. A source is a
//! built-in name ("shapes", "digits") or the path of a folder of images, an `.npz`, or a folder in the IDX format (MNIST and its
//! kin), or of CIFAR-10, CIFAR-100 or sets like them, as records or pickles, of
//! STL-10 or SVHN, a `.safetensors`, or Parquet files with images in a column. Each format is a row of the table in `detect`. Whatever a file holds, reading
//! it ends in a valid [`Dataset`] or in one [`Error`](crate::error::Error); no more memory is taken than the files have content.

mod array_set;
mod arrays;
mod augmentation;
mod batch;
mod bounded;
mod cache;
mod cifar;
mod clock;
mod data_loader;
mod dataset;
mod detect;
mod digits;
mod edits;
mod fit;
mod folder;
mod gather;
mod gzip;
mod held_out;
mod idx;
mod images;
mod mat;
mod matrix;
mod named_tensors;
mod npz;
mod order;
mod parallel;
mod parquet;
mod permutation;
mod pickle;
mod picture;
mod pixel_arrays;
mod report;
mod residency;
mod sampler;
pub mod shapes;
mod source;
mod stl;
mod tensors;
pub mod twin;
mod window;

pub use augmentation::Augmentation;
pub use batch::BatchSizes;
pub use clock::{Clock, HISTORY_LEN, StepRecord};
pub use data_loader::DataLoader;
pub use dataset::{ChannelStats, Dataset, ImageShape, Split};
pub use detect::{builtin, formats};
pub use edits::DataEdits;
pub use folder::{images_in, open_image};
pub use held_out::HeldOutImages;
pub use matrix::{LabeledRows, Labels, Matrix, Numbers, Selection, open_array};
pub use named_tensors::{NamedTensor, NamedTensors};
pub use order::{VALIDATION_SHARE, drawn_rows, nth_shuffled, split_order};
pub use permutation::mix;
pub use picture::{FittedPicture, PICTURES, Picture, Preview};
pub use report::Report;
pub use residency::Residency;
pub use sampler::{MAX_PROBES, Sample, Sampling};
pub use source::{EmnistSplit, Fit, ImageSize, Reading, Source};

#[cfg(test)]
mod tests;
