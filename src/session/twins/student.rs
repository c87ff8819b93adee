//! The mean of paired differences with its 95 % interval, by Student's t.

/// Probability that the interval holds the mean.
const CONFIDENCE: f64 = 0.95;

/// The mean of some differences, and the interval that holds the mean of all such with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Lower end; none of a single difference.
    pub low: Option<f64>,
    /// Upper end; none of a single difference.
    pub high: Option<f64>,
}

impl Interval {
    /// The interval of differences d, one a pair: mean ± t · s / √n, where s is their standard deviation with n − 1 and t is the two-sided
    /// 95 % quantile of Student's distribution with n − 1 degrees of freedom (Student, "The Probable Error of a Mean", Biometrika 6, 1908,
    /// section IX). It takes the differences for normally distributed.
    pub fn of(differences: &[f64]) -> Self {
        let n = differences.len();
        let mean = differences.iter().sum::<f64>() / n.max(1) as f64;
        if n < 2 {
            return Self { mean, low: None, high: None };
        }
        let squares = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>();
        let reach = quantile(n - 1) * (squares / (n - 1) as f64 / n as f64).sqrt();
        Self { mean, low: Some(mean - reach), high: Some(mean + reach) }
    }

    /// True if zero is outside of it.
    pub fn leaves_out_zero(&self) -> bool {
        self.low.zip(self.high).is_some_and(|(low, high)| low > 0.0 || high < 0.0)
    }
}

/// Probability that Student's t with these degrees of freedom lies between −t and t (Abramowitz and Stegun, Handbook of Mathematical
/// Functions, 1964, equations 26.7.3 and 26.7.4).
fn probability(t: f64, freedom: usize) -> f64 {
    let angle = (t / (freedom as f64).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    // The terms grow from one to the next by cos² and k / (k + 1), with k odd or even as the degrees are not.
    let (mut term, mut sum) = if freedom.is_multiple_of(2) { (1.0, 1.0) } else { (cosine, cosine) };
    let first = if freedom.is_multiple_of(2) { 1 } else { 2 };
    for k in (first..freedom.saturating_sub(2)).step_by(2) {
        term *= cosine * cosine * k as f64 / (k + 1) as f64;
        sum += term;
    }
    match freedom {
        1 => 2.0 * angle / std::f64::consts::PI,
        odd if !odd.is_multiple_of(2) => 2.0 / std::f64::consts::PI * (angle + sine * sum),
        _ => sine * sum,
    }
}

/// The two-sided 95 % quantile, by bisection.
fn quantile(freedom: usize) -> f64 {
    let (mut low, mut high) = (0.0, 20.0);
    for _ in 0..80 {
        let middle = (low + high) / 2.0;
        if probability(middle, freedom) < CONFIDENCE { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_table() {
        // Fisher and Yates, Statistical Tables, table III.
        for (freedom, t) in [
            (1, 12.706),
            (2, 4.303),
            (3, 3.182),
            (4, 2.776),
            (5, 2.571),
            (9, 2.262),
            (10, 2.228),
            (29, 2.045),
            (120, 1.980),
        ] {
            assert!(
                (quantile(freedom) - t).abs() < 0.000_6,
                "{freedom}: {} instead of {t}",
                quantile(freedom)
            );
        }
    }

    #[test]
    fn intervals_are_those_of_the_first_example() {
        // Student's own example, 1908, section IX: additional hours of sleep by the one drug over the other.
        let hours = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4];
        let found = Interval::of(&hours);
        // R: t.test(hours): mean 1.58, 95 percent confidence interval 0.7001142 to 2.4598858.
        assert!((found.mean - 1.58).abs() < 1e-12);
        assert!(
            (found.low.unwrap() - 0.700_114_2).abs() < 1e-6
                && (found.high.unwrap() - 2.459_885_8).abs() < 1e-6
        );
        assert!(found.leaves_out_zero());
        assert_eq!(Interval::of(&[0.0; 4]), Interval { mean: 0.0, low: Some(0.0), high: Some(0.0) });
        assert!(
            !Interval::of(&[0.0; 4]).leaves_out_zero() && !Interval::of(&[-1.0, 2.0, 0.3]).leaves_out_zero()
        );
        assert_eq!(Interval::of(&[3.0]), Interval { mean: 3.0, low: None, high: None });
    }
}
