//! Data sets in an `.npz`, by the names of its arrays.

use std::io::BufReader;
use std::path::Path;

use super::array_set::{self, NamedArrays};
use super::arrays::{Archive, Array};
use super::bounded;
use super::dataset::Dataset;
use crate::error::Result;

/// Files of a set in this format, for messages.
pub(super) const LOOKS_FOR: &str = "an .npz with the arrays x_train, y_train, x_test, y_test (Keras), train_images, train_labels, ... (MedMNIST), or X and y";

/// True for the name of such a file.
pub(super) fn claims(name: &str) -> bool {
    name.to_lowercase().ends_with(".npz")
}

impl NamedArrays for Archive {
    fn names(&self) -> &[String] {
        &self.arrays
    }

    fn read(&mut self, name: &str) -> Result<Array> {
        Self::read(self, name)
    }
}

/// Reads the set in the file at `path`.
///
/// # Errors
/// When it is damaged, has no arrays of a known name, or they do not go together.
pub(super) fn open(path: &Path) -> Result<Dataset> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let read = || {
        let (file, _) = bounded::open(path, u64::MAX)?;
        array_set::read(&mut Archive::open(BufReader::new(file))?, name)
    };
    read().map_err(|error| error.within(path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;

    use npyz::WriterBuilder as _;

    use super::*;
    use crate::data::dataset::ImageShape;

    fn npy<T: npyz::Serialize + npyz::AutoSerialize + Copy>(shape: &[u64], values: &[T]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer =
            npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut bytes).begin_nd().unwrap();
        writer.extend(values.iter().copied()).unwrap();
        writer.finish().unwrap();
        bytes
    }

    fn open_arrays(arrays: &[(&str, Vec<u8>)]) -> Result<Dataset> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.npz");
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        for (name, bytes) in arrays {
            zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        open(&path)
    }

    #[test]
    fn keras_has_a_training_and_a_test_set() {
        let data = open_arrays(&[
            ("x_train", npy(&[3, 1, 2], &[1_u8, 2, 3, 4, 5, 6])),
            ("y_train", npy(&[3], &[0_i64, 4, 1])),
            ("x_test", npy(&[1, 1, 2], &[7_u8, 8])),
            ("y_test", npy(&[1], &[2_i64])),
        ])
        .unwrap();
        assert_eq!(data.shape, ImageShape { channels: 1, height: 1, width: 2 });
        assert_eq!(
            (&data.train.images[..], &data.train.labels[..]),
            (&[1, 2, 3, 4, 5, 6][..], &[0, 4, 1][..])
        );
        assert_eq!(
            (data.test.image(0), &data.test.labels[..], data.classes.len()),
            (&[7, 8][..], &[2][..], 5)
        );
    }

    #[test]
    fn medmnist_has_validation_images_colors_and_columns_of_labels() {
        let data = open_arrays(&[
            ("train_images", npy(&[2, 1, 2, 3], &[1_u8, 2, 3, 4, 5, 6, 9, 9, 9, 9, 9, 9])),
            ("train_labels", npy(&[2, 1], &[0_u8, 1])),
            ("val_images", npy(&[1, 1, 2, 3], &[7_u8; 6])),
            ("val_labels", npy(&[1, 1], &[1_u8])),
            ("test_images", npy(&[1, 1, 2, 3], &[8_u8; 6])),
            ("test_labels", npy(&[1, 1], &[0_u8])),
        ])
        .unwrap();
        assert_eq!(data.train.image(0), [1, 4, 2, 5, 3, 6]);
        assert_eq!((data.validation, data.train.image(2)[0], data.train.labels[2]), (1, 7, 1));
    }

    #[test]
    fn other_numbers_come_to_bytes_and_a_test_is_drawn() {
        let values: Vec<f32> = (0..10).map(|i| i as f32 / 9.0 * 2.0 - 1.0).collect();
        let one_hot: Vec<u8> = (0..10).flat_map(|i| [u8::from(i < 5), u8::from(i >= 5)]).collect();
        let data =
            open_arrays(&[("X", npy(&[10, 1, 1, 1], &values)), ("y", npy(&[10, 2], &one_hot))]).unwrap();
        assert_eq!((data.train.len(), &data.test.labels[..]), (8, &[0, 1][..]));
        let mut all = [&data.train.images[..], &data.test.images].concat();
        all.sort_unstable();
        assert_eq!(all, [0, 28, 57, 85, 113, 142, 170, 198, 227, 255]);
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        let images = || ("X", npy(&[2, 1, 1], &[1_u8, 2]));
        for (arrays, what) in [
            (
                vec![images(), ("y", npy(&[3], &[0_u8; 3]))],
                "array y: its shape is [3], where 2 labels belong",
            ),
            (vec![images(), ("y", npy(&[2], &[0_i64, -1]))], "-1 is no class"),
            (vec![images(), ("y", npy(&[2, 2], &[1_u8; 4]))], "several labels each"),
            (vec![images()], "images with labels: X"),
            (
                vec![("X", npy(&[2, 5], &[1_u8; 10])), ("y", npy(&[2], &[0_u8; 2]))],
                "array X: its shape is [2, 5]",
            ),
            (vec![("X", npy(&[1, 1, 1], &[f32::NAN])), ("y", npy(&[1], &[0_u8]))], "it holds NaN"),
        ] {
            let error = open_arrays(&arrays).unwrap_err();
            assert!(error.what().contains(what) && error.what().contains("set.npz"), "{error}");
        }
    }

    #[test]
    fn what_unpacks_to_much_is_not_unpacked() {
        let bomb = npy(&[65 << 10, 32, 32], &vec![0_u8; 65 << 20]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.npz");
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in [("x_train.npy", &bomb), ("y_train.npy", &npy(&[2], &[0_u8, 1]))] {
            zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        let mut bytes = zip.finish().unwrap().into_inner();
        assert!(bytes.len() < 1 << 17, "{}", bytes.len());
        std::fs::write(&path, &bytes).unwrap();
        let error = open(&path).unwrap_err();
        assert!(error.what().contains("array x_train unpacks to 68157568 bytes"), "{error}");
        assert!(error.help().contains("without compression"));
        // The same with a size in its heads that is allowed, but not that of the content, as that of the array in it.
        let len = (bomb.len() as u32).to_le_bytes();
        for at in 0..bytes.len() - 4 {
            if bytes[at..at + 4] == len {
                bytes[at..at + 4].copy_from_slice(&(1_u32 << 20).to_le_bytes());
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        let error = open(&path).unwrap_err();
        assert!(error.what().contains("more than it has bytes for"), "{error}");
    }

    #[test]
    fn an_array_in_the_order_of_fortran_is_the_same_set() {
        let values = [1_u8, 2, 3, 4, 5, 6];
        let mut fortran = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().shape(&[1, 2, 3]).order(npyz::Order::Fortran);
        let mut writer = options.writer(&mut fortran).begin_nd().unwrap();
        // The first index fastest: (0, 0), (1, 0), (0, 1), ...
        writer.extend([1_u8, 4, 2, 5, 3, 6]).unwrap();
        writer.finish().unwrap();
        let set = |images: Vec<u8>| {
            open_arrays(&[
                ("x_train", images.clone()),
                ("y_train", npy(&[1], &[0_u8])),
                ("x_test", images),
                ("y_test", npy(&[1], &[0_u8])),
            ])
        };
        assert_eq!(set(fortran).unwrap().train.image(0), values);
        assert_eq!(set(npy(&[1, 2, 3], &values)).unwrap().train.image(0), values);
    }
}
