//! The making of one output value by a layer without kernels, for a probe: what it reads, and the steps of the arithmetic, for people.

use super::receptive_field::Pixels;

/// A step of the arithmetic, and what it comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct RecipeStep {
    /// The operation, such as `÷ 4`.
    pub text: String,
    /// The value after it.
    pub value: f64,
}

impl RecipeStep {
    /// A step.
    pub fn new(text: impl Into<String>, value: f64) -> Self {
        Self { text: text.into(), value }
    }
}

/// The arithmetic of one value: from the values and parameters read to the steps, of which the last is the output.
type Arithmetic = Box<dyn Fn(&[f64], &[f64]) -> Vec<RecipeStep>>;

/// The making of one value of an output: what it reads, and the arithmetic.
pub struct Recipe {
    /// Values of the inputs that it reads, as input and `[c, y, x]` there.
    pub values: Vec<(usize, [usize; 3])>,
    /// Parameters that it reads, as tensor and index there.
    pub parameters: Vec<[usize; 2]>,
    arithmetic: Arithmetic,
}

impl Recipe {
    /// A recipe without parameters.
    pub fn new(
        values: Vec<(usize, [usize; 3])>,
        arithmetic: impl Fn(&[f64], &[f64]) -> Vec<RecipeStep> + 'static,
    ) -> Self {
        Self { values, parameters: Vec::new(), arithmetic: Box::new(arithmetic) }
    }

    /// Of one value alone, in one step.
    pub fn of_one(value: (usize, [usize; 3]), text: String, function: impl Fn(f64) -> f64 + 'static) -> Self {
        Self::new(vec![value], move |values, _| vec![RecipeStep::new(text.clone(), function(values[0]))])
    }

    /// The largest of these values; a NaN wins.
    pub fn largest(values: Vec<(usize, [usize; 3])>) -> Self {
        Self::new(values, |values, _| {
            let larger = |a: f64, b: f64| if b > a || b.is_nan() { b } else { a };
            let largest = values.iter().copied().reduce(larger).unwrap_or(f64::NAN);
            vec![RecipeStep::new(format!("largest of {}", values.len()), largest)]
        })
    }

    /// The sum of these values by `count`.
    pub fn mean(values: Vec<(usize, [usize; 3])>, count: usize) -> Self {
        Self::new(values, move |values, _| {
            let sum: f64 = values.iter().sum();
            let mean = sum / count as f64;
            vec![
                RecipeStep::new(format!("sum of {}", values.len()), sum),
                RecipeStep::new(format!("÷ {count}"), mean),
            ]
        })
    }

    /// The recipe with the parameters that it reads too.
    pub fn with_parameters(self, parameters: Vec<[usize; 2]>) -> Self {
        Self { parameters, ..self }
    }

    /// The steps for the values and the parameters read, in their order.
    pub fn steps(&self, values: &[f64], parameters: &[f64]) -> Vec<RecipeStep> {
        (self.arithmetic)(values, parameters)
    }
}

/// The values of channel `c` of the one input in a rectangle.
pub(super) fn rectangle(c: usize, [rows, columns]: Pixels) -> Vec<(usize, [usize; 3])> {
    rows.flat_map(|y| columns.clone().map(move |x| (0, [c, y, x]))).collect()
}
