//! Augmentation: the random changes of training images, new each time they are drawn.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Random changes of a training image; all off by default. Pixels from outside the image have the mean color. The
/// command line has them by these texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, clap::Args)]
pub struct Augmentation {
    /// Largest random shift in pixels, across and down: a random crop of the padded image. 0 to 127.
    #[arg(long, value_name = "PIXELS", default_value_t = 0, allow_negative_numbers = true)]
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
    #[arg(long, value_name = "PIXELS", default_value_t = 0, allow_negative_numbers = true)]
    pub cutout: u32,
}

impl Augmentation {
    /// True with more than flip and shift, which need a slower kernel.
    pub fn distorts(&self) -> bool {
        let all = [self.rotation, self.scale, self.brightness, self.contrast, self.cutout as f32];
        all.iter().any(|value| *value > 0.0)
    }

    /// These values, checked.
    ///
    /// # Errors
    /// When one is out of range or not a number.
    pub fn checked(self) -> Result<Self> {
        let checks: [(&str, &dyn Display, bool, &str); 6] = [
            ("shift", &self.shift, self.shift <= 127, "from 0 to 127"),
            ("rotation", &self.rotation, (0.0..=180.0).contains(&self.rotation), "from 0 to 180 degrees"),
            ("change of size", &self.scale, (0.0..1.0).contains(&self.scale), "from 0 to below 1"),
            ("change of brightness", &self.brightness, (0.0..=1.0).contains(&self.brightness), "from 0 to 1"),
            ("change of contrast", &self.contrast, (0.0..=1.0).contains(&self.contrast), "from 0 to 1"),
            ("cutout", &self.cutout, self.cutout <= 255, "from 0 to 255"),
        ];
        match checks.into_iter().find(|(_, _, valid, _)| !valid) {
            None => Ok(self),
            Some((name, value, _, range)) => {
                Err(Error::usage(format!("the {name} is {value}"), format!("give it a value {range}")))
            }
        }
    }
}
