//! Names of layers as attributes of a Python class.

use std::collections::HashSet;

use crate::nn::Network;

/// One for each layer: its own name where that is a plain one that ends in a digit, which no word of Python and no method of a module does.
pub(in crate::nn) fn python_names(network: &Network) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut named = |name: &str| {
        let plain: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
            .collect();
        let begins = plain.chars().next().is_some_and(|c| c.is_ascii_lowercase());
        let ends = plain.chars().last().is_some_and(|c| c.is_ascii_digit());
        let stem = match (begins, ends) {
            (true, true) => plain,
            (true, false) => format!("{plain}_layer"),
            (false, _) => format!("layer_{plain}_layer"),
        };
        let mut name = stem.clone();
        let mut count = 2;
        while !taken.insert(name.clone()) {
            name = format!("{stem}_{count}");
            count += 1;
        }
        name
    };
    network.layers.iter().map(|layer| named(&layer.name)).collect()
}
