//! A hard swish in parts, `x · min(max(x + 3, 0), 6) / 6`, as tf2onnx writes it.

use super::builder::{Gate, Shifted, Value};

/// `x + 3`, or a sixth of it once it was cut to 0 to 6: the parts of a hard swish.
pub(super) fn part_of_hard_swish(op: &str, first: &Value, second: &Value) -> Option<Value> {
    let (of, by) = match (op, first, second) {
        (_, of, Value::Constant(by)) | ("Add" | "Mul", Value::Constant(by), of) => (of, by.scalar()?),
        _ => return None,
    };
    match (op, of) {
        ("Add", Value::Map(of)) if by == 3.0 => {
            Some(Value::Shifted(Shifted { of: of.clone(), is_cut: false }))
        }
        ("Mul", Value::Shifted(cut)) if cut.is_cut && (by - 1.0 / 6.0).abs() < 1e-6 => Some(gate_of(cut)),
        ("Div", Value::Shifted(cut)) if cut.is_cut && by == 6.0 => Some(gate_of(cut)),
        _ => None,
    }
}

fn gate_of(cut: &Shifted) -> Value {
    Value::Gate(Gate { of: cut.of.clone(), kind: "hard_swish" })
}
