//! Settings of layers as tables.

use toml::{Table, Value as Setting};

/// A setting that is a number.
pub(super) fn number(name: &str, value: f32) -> Table {
    Table::from_iter([(name.to_owned(), Setting::Float(value.into()))])
}

/// Settings of whole numbers.
pub(super) fn sizes(of: &[(&str, usize)]) -> Table {
    of.iter().map(|(name, size)| ((*name).to_owned(), Setting::Integer(*size as i64))).collect()
}

/// Settings of `scale`.
pub(super) fn scale(factor: f32, offset: f32) -> Table {
    let mut settings = number("factor", factor);
    settings.extend(number("offset", offset));
    settings
}
