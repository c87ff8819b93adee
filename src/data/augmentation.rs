//! How training images are changed at random, each time they are drawn.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Random changes of a training image; all off by default. Pixels from outside the image have the mean color. The
/// command line has them by these texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, clap::Args)]
pub struct Augmentation {
    /// Largest random shift in pixels, across and down: a random crop of the padded image. 0 to 127.
    #[arg(long, value_name = "PIXELS", default_value_t = 0)]
    pub shift: u32,
    /// Flip half of the images left to right.
    #[arg(long)]
    pub flip: bool,
    /// Largest random rotation to either side in degrees, 0 to 180.
    #[arg(long, value_name = "DEGREES", default_value_t = 0.0, allow_negative_numbers = true)]
    pub rotation: f32,
    /// Largest random change of size: factors from 1 − scale to 1 + scale, 0 to below 1.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.0, allow_negative_numbers = true)]
    pub scale: f32,
    /// Largest random change of brightness, as a fraction of the range of a pixel, 0 to 1.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.0, allow_negative_numbers = true)]
    pub brightness: f32,
    /// Largest random change of contrast about each channel's mean: factors from 1 − contrast to 1 + contrast, 0 to 1.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.0, allow_negative_numbers = true)]
    pub contrast: f32,
    /// Side in pixels of a square that is cut out around a random pixel (DeVries and Taylor 2017), 0 to 255.
    #[arg(long, value_name = "PIXELS", default_value_t = 0)]
    pub cutout: u32,
}

impl Augmentation {
    /// Whether there is more than flip and shift, so that a dearer kernel is needed.
    pub fn distorts(&self) -> bool {
        let all = [self.rotation, self.scale, self.brightness, self.contrast, self.cutout as f32];
        all.iter().any(|value| *value > 0.0)
    }

    /// The same values, when they are in range.
    ///
    /// # Errors
    /// When one is out of range or not a number.
    pub fn checked(self) -> Result<Self> {
        let checks = [
            ("shift", self.shift as f32, self.shift <= 127, "from 0 to 127"),
            ("rotation", self.rotation, (0.0..=180.0).contains(&self.rotation), "from 0 to 180 degrees"),
            ("change of size", self.scale, (0.0..1.0).contains(&self.scale), "from 0 to below 1"),
            ("change of brightness", self.brightness, (0.0..=1.0).contains(&self.brightness), "from 0 to 1"),
            ("change of contrast", self.contrast, (0.0..=1.0).contains(&self.contrast), "from 0 to 1"),
            ("cutout", self.cutout as f32, self.cutout <= 255, "from 0 to 255"),
        ];
        match checks.into_iter().find(|(_, _, valid, _)| !valid) {
            None => Ok(self),
            Some((name, value, _, range)) => {
                Err(Error::usage(format!("the {name} is {value}"), format!("give it a value {range}")))
            }
        }
    }
}

/// The random changes of one image beside flip and shift, by the random word of its column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Changes {
    /// Angle in radians.
    pub angle: f64,
    /// Factor of its size.
    pub factor: f64,
    /// What is added to a pixel, whose range is 0 to 1.
    pub brightness: f64,
    /// Factor of a pixel's distance from the channel's mean.
    pub contrast: f64,
    /// Rows and columns that are cut out, by their first and one past their last; they may lie outside.
    pub cut: [[i64; 2]; 2],
}

impl Changes {
    /// The changes of an image of `height × width`; none where `random` is 0.
    pub fn of(augmentation: &Augmentation, random: u32, [height, width]: [usize; 2]) -> Self {
        if random == 0 {
            return Self { angle: 0.0, factor: 1.0, brightness: 0.0, contrast: 1.0, cut: [[0, 0]; 2] };
        }
        let uniform = |k: u32| {
            let bits = super::mix(random.wrapping_add(k.wrapping_mul(0x9e37_79b9))) >> 8;
            f64::from(bits) / 16_777_216.0
        };
        let within = |k: u32, most: f32| f64::from(most) * (2.0 * uniform(k) - 1.0);
        let side = i64::from(augmentation.cutout);
        let cut = |k: u32, length: usize| {
            let first = (uniform(k) * length as f64) as i64 - side / 2;
            [first, first + side]
        };
        Self {
            angle: within(1, augmentation.rotation.to_radians()),
            factor: 1.0 + within(2, augmentation.scale),
            brightness: within(3, augmentation.brightness),
            contrast: 1.0 + within(4, augmentation.contrast),
            cut: [cut(5, height), cut(6, width)],
        }
    }
}
