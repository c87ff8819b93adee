//! Precision of a training's products, and the handle of a GPU that computes in it.

use serde::{Deserialize, Serialize};
use strum::VariantArray as _;

use super::context::Gpu;
use super::half_products::HalfProducts;
use crate::error::{Error, Result};

/// Precision of the products of a training.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = Error, parse_err_fn = unknown_precision)]
pub enum Precision {
    /// 32-bit floats everywhere.
    #[default]
    F32,
    /// Convolutions multiply 16-bit floats and add in 32 bits, where the adapter offers cooperative matrices.
    Mixed,
}

impl Precision {
    /// Name on the command line and in a run's files.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// True of the precision that a run's files do not mention.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

fn unknown_precision(name: &str) -> Error {
    let known: Vec<_> = Precision::VARIANTS.iter().map(|precision| precision.name()).collect();
    Error::usage(format!("no precision is called {name:?}"), format!("take one of {}", known.join(", ")))
}

impl Gpu {
    /// A handle for trainings in this precision. Mixed precision is that of [`Gpu::set_half_products`] where it was set, and that of the
    /// adapter's cooperative matrices otherwise; where there are none all products are in 32 bits.
    #[must_use]
    pub fn in_precision(&self, precision: Precision) -> Self {
        let by_matrices = self.half_matrices.then_some(HalfProducts::Matrices);
        let mut gpu = self.clone();
        gpu.half_products = match precision {
            Precision::F32 => None,
            Precision::Mixed => self.half_products.or(by_matrices),
        };
        gpu
    }

    /// A handle of an adapter whose matrices are not to be used.
    #[must_use]
    pub(crate) fn without_matrices(&self) -> Self {
        let mut gpu = self.clone();
        gpu.half_matrices = false;
        gpu.half_products = None;
        gpu
    }

    /// Precision of the products of plans that are built with this handle.
    pub fn precision(&self) -> Precision {
        if self.half_products.is_some() { Precision::Mixed } else { Precision::F32 }
    }

    /// Making of the products of plans that are built with this handle, where those are not all in 32 bits.
    pub fn half_products(&self) -> Option<HalfProducts> {
        self.half_products
    }

    /// Sets how plans built from now on make products.
    ///
    /// # Errors
    /// When they are to be made by matrices that the adapter does not offer.
    pub fn set_half_products(&mut self, half_products: Option<HalfProducts>) -> Result<()> {
        if half_products == Some(HalfProducts::Matrices) && !self.half_matrices {
            return Err(self.no_matrices());
        }
        self.half_products = half_products;
        Ok(())
    }

    /// The reason why trainings in mixed precision compute in 32 bits on this adapter; none where they do not.
    pub fn mixed_refusal(&self) -> Option<Error> {
        (self.in_precision(Precision::Mixed).half_products.is_none()).then(|| self.no_matrices())
    }

    fn no_matrices(&self) -> Error {
        let name = &self.info.name;
        let what =
            format!("{name} offers no cooperative matrices of 16-bit floats that serve for mixed precision");
        Error::new(what, "products are computed in f32, as without --precision mixed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precisions_are_known_by_name_and_others_refused() {
        for precision in [Precision::F32, Precision::Mixed] {
            assert_eq!(precision.name().parse::<Precision>().unwrap(), precision);
            assert_eq!(serde_json::to_value(precision).unwrap(), precision.name());
        }
        let error = "bf16".parse::<Precision>().unwrap_err();
        assert!(error.what().contains("bf16") && error.help().contains("f32, mixed"), "{error}");
    }
}
