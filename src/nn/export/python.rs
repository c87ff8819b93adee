//! Parts that the sources of PyTorch and Keras have in common.

use super::exported::Exported;
use super::names::python_names;
use super::ranks::{Rank, Ranks, ranks};
use crate::error::Result;
use crate::nn::{NetworkLayer, Shape};

/// A layer that is written: its name, what its inputs are called, and the rank in which it takes them.
pub(super) struct Written<'a> {
    pub layer: &'a NetworkLayer,
    pub name: &'a str,
    pub inputs: Vec<String>,
    pub rank: Rank,
}

impl Exported {
    /// Lines of a function body, one for each layer, by the expression that makes its output; and the expression of the last output. A value
    /// that lies in another rank than is needed is `adapted`.
    pub(super) fn python_lines(
        &self,
        indent: &str,
        adapted: fn(&(String, Rank), Rank, Shape) -> String,
        mut expression: impl FnMut(&Written<'_>) -> Result<String>,
    ) -> Result<(String, String)> {
        let network = &self.model.network;
        let names = python_names(network);
        let mut nodes = vec![("image".to_owned(), Rank::Map)];
        let mut lines = String::new();
        for ((layer, name), Ranks { input, output }) in network.layers.iter().zip(&names).zip(ranks(network))
        {
            let of = |node: &usize| adapted(&nodes[*node], input, network.shape_of(*node));
            let inputs = layer.inputs.iter().map(of).collect();
            let made = expression(&Written { layer, name, inputs, rank: input })?;
            lines += &format!("{indent}{name} = {made}\n");
            nodes.push((name.clone(), output));
        }
        let last = nodes.last().expect("a network has layers");
        let wanted = if self.classes.is_empty() { last.1 } else { Rank::Row };
        Ok((lines, adapted(last, wanted, network.shape_of(network.layers.len()))))
    }

    /// The facts for the user as constants.
    pub(super) fn python_facts(&self) -> String {
        self.facts().iter().map(|(key, value)| format!("{} = {value}\n", key.to_uppercase())).collect()
    }

    /// The network's name for the inside of a docstring.
    pub(super) fn python_title(&self) -> String {
        let plain = |c: char| if c == '\\' || c == '"' || c.is_control() { '_' } else { c };
        self.model.network.name.chars().map(plain).collect()
    }
}
