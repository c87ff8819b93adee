//! The image order: training, validation and test images, each split in its own range of positions.

use super::permutation::{key, permute};

/// Training images per validation image: one in this many is held out.
pub const VALIDATION_SHARE: usize = 10;
/// Images per test image, where a set has no test images of its own.
pub(super) const TEST_SHARE: usize = 5;
/// Key of the split into training and validation images, equal for every seed so that runs compare.
const SPLIT_KEY: u32 = 0x5eed;

/// Image indices by position: a fixed shuffle of the training images, of which the first nine tenths train and the
/// rest validates; then the test images.
pub fn split_order(train: usize, test: usize) -> Vec<u32> {
    permuted(train).chain((train..train + test).map(|i| i as u32)).collect()
}

/// A fixed shuffle of the first `count` images.
pub(super) fn permuted(count: usize) -> impl Iterator<Item = u32> {
    (0..count as u32).map(move |i| permute(i, count as u32, SPLIT_KEY))
}

/// Images drawn for the test, each true or false, where a set has none of its own: a fifth of each class, rounded down, equal for every seed
/// so that runs compare.
pub(super) fn drawn_for_test(labels: &[u8]) -> Vec<bool> {
    let mut of_class: Vec<Vec<usize>> = vec![Vec::new(); 256];
    labels.iter().enumerate().for_each(|(image, label)| of_class[usize::from(*label)].push(image));
    let mut drawn = vec![false; labels.len()];
    for images in of_class {
        for place in drawn_rows(images.len(), images.len() / TEST_SHARE, SPLIT_KEY) {
            drawn[images[place]] = true;
        }
    }
    drawn
}

/// The `turn`-th image of all of `images` in a shuffled order, and again in another one after the last.
pub fn nth_shuffled(turn: u64, images: u32) -> u32 {
    let images = images.max(1);
    let round = (turn / u64::from(images)) as u32;
    permute((turn % u64::from(images)) as u32, images, key([round, 0], SPLIT_KEY))
}

/// Indices of `most` of `rows` rows in ascending order, drawn by a seed: files are often sorted by class, and what repeats would
/// be hit by every n-th row.
pub fn drawn_rows(rows: usize, most: usize, seed: u32) -> Vec<usize> {
    let key = key([seed, 0], SPLIT_KEY);
    let mut drawn: Vec<usize> =
        (0..most.min(rows) as u32).map(|i| permute(i, rows as u32, key) as usize).collect();
    drawn.sort_unstable();
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_rows_are_spread_distinct_and_chosen_by_the_seed() {
        let drawn = drawn_rows(10_000, 1000, 3);
        assert_eq!(drawn.len(), 1000);
        assert!(drawn.is_sorted_by(|a, b| a < b) && drawn[999] < 10_000);
        // Of each tenth about a tenth, and of each residue too: 100, with a deviation of about 9.
        for part in 0..10 {
            let of = |f: &dyn Fn(usize) -> usize| drawn.iter().filter(|row| f(**row) == part).count();
            for count in [of(&|row| row / 1000), of(&|row| row % 10)] {
                assert!((55..145).contains(&count), "{count} of part {part}");
            }
        }
        assert_eq!(drawn, drawn_rows(10_000, 1000, 3));
        assert_ne!(drawn, drawn_rows(10_000, 1000, 4));
        assert_eq!(drawn_rows(5, 9, 0), [0, 1, 2, 3, 4]);
    }
}
