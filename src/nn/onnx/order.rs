//! The order in which the nodes of an ONNX graph are read: those that the output needs, each after its inputs.

use std::collections::{HashMap, HashSet};

use super::proto::{Graph, Node};
use crate::error::{Error, Result};
use crate::nn::imported::{Input, inputs_first};

/// Indices of the nodes that `output` needs; `known` are the values that no node makes.
///
/// # Errors
/// When a value is missing, is made twice, or the graph has a cycle.
pub(super) fn order(graph: &Graph, known: &HashSet<&str>, output: &str) -> Result<Vec<usize>> {
    let mut makers: HashMap<&str, usize> = HashMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            if known.contains(name.as_str()) || makers.insert(name, index).is_some() {
                let what = format!("the value {name:?} is made twice");
                return Err(Error::new(what, "give each value its own name"));
            }
        }
    }
    let maker = |name: &str, of: &dyn Fn() -> String| match makers.get(name) {
        Some(index) => Ok(Input::Of(*index)),
        None if known.contains(name) || name.is_empty() => Ok(Input::Given),
        None => {
            let what = format!("{} takes the value {name:?}, which nothing makes", of());
            Err(Error::new(what, "the file is not whole: export it again"))
        }
    };
    let label = |node: &Node| format!("node {:?} ({})", node.name, node.op_type);
    let Input::Of(last) = maker(output, &|| "the output".to_owned())? else { return Ok(Vec::new()) };
    let input = |index: usize, at: usize| {
        let node = &graph.node[index];
        node.input.get(at).map_or(Ok(Input::End), |name| maker(name, &|| label(node)))
    };
    let cycle = |index: usize, at: usize| {
        let node = &graph.node[index];
        let what =
            format!("{} takes {:?}, which is made from its own output: a cycle", label(node), node.input[at]);
        Error::new(what, "only networks without loops can be imported")
    };
    inputs_first(graph.node.len(), last, input, cycle)
}
