//! The functions, and their derivatives in f64.

/// An activation function; its index is the shader's `FUNCTION`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Relu,
    LeakyRelu,
    Elu,
    Gelu,
    Sigmoid,
    Tanh,
    Silu,
    HardSwish,
    Hardtanh,
    HardSigmoid,
    Scale,
}

impl Function {
    /// Value and derivative at `x`, by the numbers that some functions have.
    pub(super) fn at(self, x: f64, slope: f64, high: f64) -> [f64; 2] {
        let below = x <= 0.0;
        match self {
            Self::Relu if below => [0.0, 0.0],
            Self::LeakyRelu if below => [slope * x, slope],
            Self::Elu if below => [slope * x.exp_m1(), slope * x.exp()],
            Self::Relu | Self::LeakyRelu | Self::Elu => [x, 1.0],
            Self::Gelu => {
                let share = 0.5 * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2));
                let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
                [x * share, share + x * density]
            }
            Self::Sigmoid => {
                let y = 1.0 / (1.0 + (-x).exp());
                [y, y * (1.0 - y)]
            }
            Self::Tanh => {
                let y = x.tanh();
                [y, 1.0 - y * y]
            }
            Self::Silu => {
                let share = 1.0 / (1.0 + (-x).exp());
                [x * share, share * (1.0 + x * (1.0 - share))]
            }
            Self::HardSwish if x <= -3.0 => [0.0, 0.0],
            Self::HardSwish if x >= 3.0 => [x, 1.0],
            Self::HardSwish => [x * (x + 3.0) / 6.0, x / 3.0 + 0.5],
            Self::HardSigmoid if x <= -3.0 => [0.0, 0.0],
            Self::HardSigmoid if x >= 3.0 => [1.0, 0.0],
            Self::HardSigmoid => [(x + 3.0) / 6.0, 1.0 / 6.0],
            Self::Scale => [slope * x + high, slope],
            Self::Hardtanh => [x.clamp(slope, high), if x <= slope || x >= high { 0.0 } else { 1.0 }],
        }
    }
}

/// The error function by its series with positive terms, `2/√π · exp(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!!` (Abramowitz and Stegun 7.1.6).
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::{Function, erf};

    #[test]
    fn the_error_function_is_that_of_the_tables() {
        // Abramowitz and Stegun, table 7.1.
        for (x, value) in
            [(0.1, 0.112_462_916_0), (0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (2.0, 0.995_322_265_0)]
        {
            assert!(
                (erf(x) - value).abs() < 1e-10 && (erf(-x) + value).abs() < 1e-10,
                "erf {x} = {}",
                erf(x)
            );
        }
    }

    #[test]
    fn beyond_their_bends_the_functions_are_straight() {
        let at = |function: Function, x: f64| function.at(x, -0.5, 2.0);
        for (x, swish, gate, cut) in [
            (-7.0, [0.0, 0.0], [0.0, 0.0], [-0.5, 0.0]),
            (-3.0, [0.0, 0.0], [0.0, 0.0], [-0.5, 0.0]),
            (-1.5, [-0.375, 0.0], [0.25, 1.0 / 6.0], [-0.5, 0.0]),
            (1.5, [1.125, 1.0], [0.75, 1.0 / 6.0], [1.5, 1.0]),
            (3.0, [3.0, 1.0], [1.0, 0.0], [2.0, 0.0]),
            (7.0, [7.0, 1.0], [1.0, 0.0], [2.0, 0.0]),
        ] {
            assert_eq!((at(Function::HardSwish, x), at(Function::Hardtanh, x)), (swish, cut), "{x}");
            assert_eq!(at(Function::HardSigmoid, x), gate, "{x}");
        }
    }
}
