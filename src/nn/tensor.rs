//! Plain f64 tensors for the twins: `[c, y, x, n]`, as on the GPU, without padding.

use super::shape::Shape;

/// Maps of one shape, image innermost, in f64.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Shape of one image's map.
    pub shape: Shape,
    /// Number of images.
    pub images: usize,
    /// Values, `[c, y, x, n]`.
    pub values: Vec<f64>,
}

impl Tensor {
    /// All zeros.
    pub fn zeros(shape: Shape, images: usize) -> Self {
        Self { shape, images, values: vec![0.0; shape.len() * images] }
    }

    /// Index of value `(c, y, x, n)`.
    pub fn index(&self, c: usize, y: usize, x: usize, n: usize) -> usize {
        ((c * self.shape.height + y) * self.shape.width + x) * self.images + n
    }

    /// Every index `[c, y, x, n]`, in the order of the values.
    pub fn indices(&self) -> impl Iterator<Item = [usize; 4]> + use<> {
        let (Shape { channels, height, width }, images) = (self.shape, self.images);
        (0..channels * height * width * images).map(move |i| {
            let pixel = i / images;
            [pixel / width / height, pixel / width % height, pixel % width, i % images]
        })
    }

    /// Value `(c, y, x, n)`; zero outside the map.
    pub fn at_padded(&self, c: usize, y: isize, x: isize, n: usize) -> f64 {
        let inside = y >= 0 && x >= 0 && y < self.shape.height as isize && x < self.shape.width as isize;
        if inside { self.values[self.index(c, y as usize, x as usize, n)] } else { 0.0 }
    }

    /// Repeatable test values of either sign, with sizes from 0.05 to 1.5: never near zero, and no two of one size
    /// (the sizes lie on a grid, shuffled), so that a small step crosses no kink.
    pub fn sample(shape: Shape, images: usize, seed: u64) -> Self {
        use rand::seq::SliceRandom as _;
        use rand::{RngExt as _, SeedableRng as _};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let len = shape.len() * images;
        let mut values: Vec<f64> = (0..len).map(|i| 0.05 + 1.45 * (i as f64 + 0.5) / len as f64).collect();
        values.shuffle(&mut rng);
        values.iter_mut().filter(|_| rng.random()).for_each(|value| *value = -*value);
        Self { shape, images, values }
    }
}
