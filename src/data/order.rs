//! The image order: training, validation and test images, each split in its own range of positions.

use super::permutation::permute;

/// Training images per validation image: one in this many is held out.
pub const VALIDATION_SHARE: usize = 10;
/// Key of the split into training and validation images, equal for every seed so that runs compare.
const SPLIT_KEY: u32 = 0x5eed;

/// Image indices by position: a fixed shuffle of the training images, of which the first nine tenths train and the
/// rest validates; then the test images.
pub fn split_order(train: usize, test: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..train as u32).map(|i| permute(i, train as u32, SPLIT_KEY)).collect();
    order.extend((train..train + test).map(|i| i as u32));
    order
}
