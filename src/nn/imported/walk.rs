//! The order in which the parts of a graph are read: those that the output needs, each after its inputs.

use crate::error::{Error, Result};

/// An input of a part, by its number.
pub(in crate::nn) enum Input {
    /// There is none of this number, and so none of a higher one.
    End,
    /// It is there without any part, as images and constants are.
    Given,
    /// The output of this part.
    Of(usize),
}

/// State of a part during the walk.
#[derive(Clone, Copy, PartialEq)]
enum Walk {
    New,
    Open,
    Done,
}

/// Numbers of the parts, of `count`, that the part `output` needs, itself the last; `input` finds the inputs of a part by their numbers, and
/// `cycle` is the error where a part, by this input, needs itself.
///
/// # Errors
/// Those of `input`, and that of `cycle`.
pub(in crate::nn) fn inputs_first(
    count: usize,
    output: usize,
    input: impl Fn(usize, usize) -> Result<Input>,
    cycle: impl Fn(usize, usize) -> Error,
) -> Result<Vec<usize>> {
    let mut walked = vec![Walk::New; count];
    let mut ordered = Vec::new();
    // Parts under way, and the number of their inputs that were seen.
    let mut open = vec![(output, 0)];
    while let Some((part, seen)) = open.last_mut() {
        let (part, at) = (*part, *seen);
        *seen += 1;
        walked[part] = Walk::Open;
        match input(part, at)? {
            Input::End => {
                walked[part] = Walk::Done;
                ordered.push(part);
                open.pop();
            }
            Input::Given => {}
            Input::Of(below) => match walked[below] {
                Walk::Done => {}
                Walk::New => open.push((below, 0)),
                Walk::Open => return Err(cycle(part, at)),
            },
        }
    }
    Ok(ordered)
}
