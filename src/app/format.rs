//! Numbers as text.

/// About three significant digits, with k and M: `1.23k`.
pub(crate) fn short(value: f64) -> String {
    let magnitude = value.abs();
    match magnitude {
        m if !m.is_finite() => format!("{value}"),
        0.0 => "0".to_owned(),
        m if m >= 999_500.0 => format!("{:.2}M", value / 1e6),
        m if m >= 99_950.0 => format!("{:.0}k", value / 1e3),
        m if m >= 9_995.0 => format!("{:.1}k", value / 1e3),
        m if m >= 99.95 => format!("{value:.0}"),
        m if m >= 9.995 => format!("{value:.1}"),
        m if m >= 0.0995 => format!("{value:.2}"),
        m if m >= 0.000_995 => format!("{value:.4}"),
        _ => format!("{value:.1e}"),
    }
}

/// The number with this many significant digits: 0.85, not 0.84999996.
pub(crate) fn rounded(value: f32, digits: usize) -> f32 {
    format!("{value:.*e}", digits.saturating_sub(1)).parse().unwrap_or(value)
}

/// A whole number with a thin space at each thousand: `1 234 567`.
pub(crate) fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A share as a percentage: `71.3 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A loss, with four digits behind the point where it is small.
pub(crate) fn loss(value: f32) -> String {
    if value.abs() < 10.0 { format!("{value:.4}") } else { short(f64::from(value)) }
}

/// A difference of two losses with its sign: `−0.0421`, `+0.2500`, `±0`.
pub(crate) fn signed(difference: f32) -> String {
    let size = difference.abs();
    match difference {
        _ if !difference.is_finite() => "not finite".to_owned(),
        // It would be shown as 0.
        _ if size < 0.000_05 => "±0".to_owned(),
        d if d > 0.0 => format!("+{}", loss(size)),
        _ => format!("−{}", loss(size)),
    }
}

/// Bytes in MiB: `1.5 MiB`.
pub(crate) fn mib(bytes: u64) -> String {
    format!("{} MiB", short(bytes as f64 / f64::from(1 << 20)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_by_thousands() {
        for (value, text) in [(0, "0"), (999, "999"), (1000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(thousands(value), text);
        }
    }

    #[test]
    fn sums_of_decimals_are_rounded_to_decimals() {
        for (value, decimal) in
            [(0.9 - 0.05, 0.85), (0.02 / 1.25, 0.016), (1e-30, 1e-30), (0.0, 0.0), (-7.0 / 9.0, -0.7778)]
        {
            assert_eq!(rounded(value, 4), decimal);
        }
        assert!(rounded(f32::NAN, 4).is_nan());
    }

    #[test]
    fn differences_are_read_without_color() {
        for (difference, text) in [
            (-0.0421, "−0.0421"),
            (0.25, "+0.2500"),
            (0.000_01, "±0"),
            (-0.000_01, "±0"),
            (-12.5, "−12.5"),
            (f32::NAN, "not finite"),
        ] {
            assert_eq!(signed(difference), text);
        }
        assert_eq!((loss(0.5), loss(1234.0)), ("0.5000".to_owned(), "1234".to_owned()));
    }

    #[test]
    fn numbers_keep_about_three_digits() {
        let pairs =
            [(0.0, "0"), (1234.0, "1234"), (12_345.0, "12.3k"), (212_000.0, "212k"), (3_456_000.0, "3.46M")];
        for (value, text) in pairs {
            assert_eq!(short(value), text);
        }
        assert_eq!(short(-0.012_345), "-0.0123");
        assert_eq!(short(0.000_012_3), "1.2e-5");
        assert_eq!(percent(0.7125), "71.2 %");
    }
}
