//! The built-in data set "digits": 1 797 handwritten digits, 8×8 gray, embedded in the program.
//!
//! The file (see `datasets/README.md`) is gzip over 1 797 label bytes, then 1 797 images of 64
//! bytes `[y, x]`, 0..=16 each. Source: E. Alpaydin and C. Kaynak, Optical Recognition of
//! Handwritten Digits, UCI Machine Learning Repository, 1998, CC BY 4.0.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::error::Result;

use super::dataset::{Dataset, ImageShape, Split};

/// Number of images.
const COUNT: usize = 1797;
/// Number of training images, the first of the file. The file runs writer by writer, so most of those who wrote the
/// test digits wrote none of the training digits: a fairer test than a shuffled split.
const TRAIN: usize = 1500;
const SHAPE: ImageShape = ImageShape { channels: 1, height: 8, width: 8 };
const PACKED: &[u8] = include_bytes!("../../datasets/digits.bin.gz");

/// The data set, with values scaled from 0..=16 to 0..=255.
///
/// # Errors
/// None that a user could cause: the file is part of the program.
pub(super) fn dataset() -> Result<Dataset> {
    let mut labels = Vec::with_capacity(COUNT * (1 + SHAPE.len()));
    GzDecoder::new(PACKED).read_to_end(&mut labels).expect("the embedded file is intact: a test reads it");
    let mut images: Vec<u8> = labels.split_off(COUNT).into_iter().map(scaled).collect();
    let test =
        Split { images: images.split_off(TRAIN * SHAPE.len()).into(), labels: labels.split_off(TRAIN) };
    let classes = (0..10).map(|digit| digit.to_string()).collect();
    Dataset::new("digits", SHAPE, classes, Split { images: images.into(), labels }, test)
}

/// 0..=16 to the nearest of 0..=255.
fn scaled(value: u8) -> u8 {
    ((u16::from(value) * 255 + 8) / 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_are_those_of_the_source() {
        let data = dataset().unwrap();
        assert_eq!((data.train.len(), data.test.len()), (1500, 297));
        let mut counts = [0; 10];
        for &label in data.train.labels.iter().chain(&data.test.labels) {
            counts[usize::from(label)] += 1;
        }
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    }

    #[test]
    fn the_first_image_is_the_known_zero() {
        let data = dataset().unwrap();
        let rows: Vec<u8> = [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0].map(scaled).to_vec();
        assert_eq!(data.train.labels[0], 0);
        assert_eq!(&data.train.image(0)[..16], rows);
    }

    #[test]
    fn the_scale_is_full() {
        assert_eq!([0, 1, 8, 16].map(scaled), [0, 16, 128, 255]);
        let data = dataset().unwrap();
        assert_eq!(data.test.images.iter().max(), Some(&255));
    }
}
