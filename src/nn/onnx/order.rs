//! The order in which the nodes of an ONNX graph are read: those that the output needs, each after its inputs.

use std::collections::{HashMap, HashSet};

use super::proto::Graph;
use crate::error::{Error, Result};

/// State of a node during the walk.
#[derive(Clone, Copy, PartialEq)]
enum Walk {
    New,
    Open,
    Done,
}

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
    let mut walked = vec![Walk::New; graph.node.len()];
    let mut ordered = Vec::new();
    let maker = |name: &str, of: &str| match makers.get(name) {
        Some(index) => Ok(Some(*index)),
        None if known.contains(name) || name.is_empty() => Ok(None),
        None => {
            let what = format!("{of} takes the value {name:?}, which nothing makes");
            Err(Error::new(what, "the file is not whole: export it again"))
        }
    };
    // Nodes under way, and the number of their inputs that were seen.
    let mut open: Vec<(usize, usize)> = Vec::new();
    open.extend(maker(output, "the output")?.map(|node| (node, 0)));
    while let Some((index, seen)) = open.last_mut() {
        let (index, node) = (*index, &graph.node[*index]);
        walked[index] = Walk::Open;
        let Some(name) = node.input.get(*seen) else {
            walked[index] = Walk::Done;
            ordered.push(index);
            open.pop();
            continue;
        };
        *seen += 1;
        let label = format!("node {:?} ({})", node.name, node.op_type);
        let Some(below) = maker(name, &label)? else { continue };
        match walked[below] {
            Walk::Done => {}
            Walk::New => open.push((below, 0)),
            Walk::Open => {
                let what = format!("{label} takes {name:?}, which is made from its own output: a cycle");
                return Err(Error::new(what, "only networks without loops can be imported"));
            }
        }
    }
    Ok(ordered)
}
