//! Small synthetic data, and the twin of the network's input.

use revacnn::data::twin::Changes;
use revacnn::data::{Augmentation, Dataset, ImageShape, Split, split_order};
use revacnn::nn::{Shape, Tensor};

/// Classes of the synthetic data.
pub(crate) const CLASSES: usize = 5;
/// Change of an image drawn as it is.
pub(crate) const UNCHANGED: u32 = 0x80_8000;

/// Images of 2×9×7 (126 bytes: no multiple of 4) with a bright row for the class, and noise.
pub(crate) fn synthetic(train: usize, test: usize) -> Dataset {
    let shape = ImageShape { channels: 2, height: 9, width: 7 };
    let split = |count: usize, seed: u64| {
        let noise = Tensor::sample(Shape::new(2, 9, 7), count, seed);
        let labels: Vec<u8> = (0..count).map(|n| ((n * 7 + n / 3) % CLASSES) as u8).collect();
        let mut images = Vec::with_capacity(count * shape.len());
        for (n, label) in labels.iter().enumerate() {
            for i in 0..shape.len() {
                let bright = i / 7 % 9 == usize::from(*label) + 2;
                let value = if bright { 160.0 } else { 70.0 } + 45.0 * noise.values[i * count + n];
                images.push(value as u8);
            }
        }
        Split { images: images.into(), labels }
    };
    let classes = (0..CLASSES).map(|c| format!("row {c}")).collect();
    Dataset::new("synthetic", shape, classes, split(train, 1), split(test, 2)).unwrap()
}

/// Augments and normalizes images on the CPU.
#[derive(Clone)]
pub(crate) struct DataTwin<'d> {
    pub augmentation: Augmentation,
    data: &'d Dataset,
    pub order: Vec<u32>,
    /// Mean and standard deviation of each channel of all training images, for pixels from 0 to 1.
    normal: Vec<[f64; 2]>,
}

impl<'d> DataTwin<'d> {
    pub(crate) fn new(data: &'d Dataset) -> Self {
        let plane = data.shape.height * data.shape.width;
        let statistics = |c: usize| {
            let pixels: Vec<f64> = data
                .train
                .images
                .chunks(plane)
                .skip(c)
                .step_by(data.shape.channels)
                .flatten()
                .map(|v| f64::from(*v) / 255.0)
                .collect();
            let mean = pixels.iter().sum::<f64>() / pixels.len() as f64;
            let variance = pixels.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / pixels.len() as f64;
            [mean, variance.sqrt()]
        };
        let normal = (0..data.shape.channels).map(statistics).collect();
        Self {
            augmentation: Augmentation::default(),
            data,
            order: split_order(data.train.len(), data.test.len()),
            normal,
        }
    }

    /// The same, with these changes beside flip and shift.
    pub(crate) fn with(self, augmentation: Augmentation) -> Self {
        Self { augmentation, ..self }
    }

    fn split(&self, image: u32) -> (&Split, usize) {
        let train = self.data.train.len();
        if (image as usize) < train {
            (&self.data.train, image as usize)
        } else {
            (&self.data.test, image as usize - train)
        }
    }

    pub(crate) fn label(&self, image: u32) -> usize {
        let (split, at) = self.split(image);
        usize::from(split.labels[at])
    }

    /// `[c, y, x, n]` of drawn images: `[image, change, random]`, or `None` for padding.
    pub(crate) fn input(&self, drawn: &[Option<[u32; 3]>]) -> Tensor {
        let ImageShape { channels, height, width } = self.data.shape;
        let mut input = Tensor::zeros(Shape::new(channels, height, width), drawn.len());
        for [c, y, x, n] in input.indices() {
            if let Some(drawn) = drawn[n] {
                let to = input.index(c, y, x, n);
                input.values[to] = self.value(drawn, [c, y, x]);
            }
        }
        input
    }

    /// A value of a changed image.
    fn value(&self, [image, change, random]: [u32; 3], [c, y, x]: [usize; 3]) -> f64 {
        let ImageShape { height, width, .. } = self.data.shape;
        let (dx, dy) = ((change >> 8 & 255) as f64 - 128.0, (change >> 16 & 255) as f64 - 128.0);
        let changes = Changes::of(&self.augmentation, random, [height, width]);
        let [rows, columns] = changes.cut;
        let cut = |at: usize, [first, end]: [i64; 2]| (first..end).contains(&(at as i64));
        if cut(y, rows) && cut(x, columns) {
            return 0.0;
        }
        let turned = if change & 1 == 1 { width - 1 - x } else { x };
        let (middle_y, middle_x) = ((height - 1) as f64 / 2.0, (width - 1) as f64 / 2.0);
        let (off_y, off_x) =
            ((y as f64 - middle_y) / changes.factor, (turned as f64 - middle_x) / changes.factor);
        let (sin, cos) = changes.angle.sin_cos();
        let from_y = middle_y + cos * off_y - sin * off_x + dy;
        let from_x = middle_x + sin * off_y + cos * off_x + dx;
        let (corner_y, corner_x) = (from_y.floor(), from_x.floor());
        let (share_y, share_x) = (from_y - corner_y, from_x - corner_x);
        let mut seen = 0.0;
        for (row, weight_y) in [(0, 1.0 - share_y), (1, share_y)] {
            for (column, weight_x) in [(0, 1.0 - share_x), (1, share_x)] {
                let at = [corner_y as isize + row, corner_x as isize + column];
                seen += weight_y * weight_x * self.normalized(image, c, at);
            }
        }
        changes.contrast * seen + changes.brightness / self.normal[c][1]
    }

    /// A pixel, normalized; 0 outside the image.
    fn normalized(&self, image: u32, c: usize, [y, x]: [isize; 2]) -> f64 {
        let ImageShape { height, width, .. } = self.data.shape;
        if !(0..height as isize).contains(&y) || !(0..width as isize).contains(&x) {
            return 0.0;
        }
        let (split, at) = self.split(image);
        let byte = split.image(at)[(c * height + y as usize) * width + x as usize];
        (f64::from(byte) / 255.0 - self.normal[c][0]) / self.normal[c][1]
    }
}
