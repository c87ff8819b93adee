//! JSON-RPC 2.0, as <https://www.jsonrpc.org/specification> has it: lines in, lines out, without a socket.

use serde_json::{Map, Value, json};

use crate::error::Error;

/// Requests of a batch at most.
pub(super) const MAX_BATCH: usize = 1000;

/// Codes of errors.
pub(super) mod code {
    /// The line is no JSON.
    pub(in crate::door) const PARSE_ERROR: i64 = -32700;
    /// The JSON is no request.
    pub(in crate::door) const INVALID_REQUEST: i64 = -32600;
    /// There is no such method.
    pub(in crate::door) const METHOD_NOT_FOUND: i64 = -32601;
    /// The method has no such parameters.
    pub(in crate::door) const INVALID_PARAMS: i64 = -32602;
    /// The request could not be carried out, through no fault of its own.
    pub(in crate::door) const INTERNAL_ERROR: i64 = -32603;
    /// The run refused: a value is out of range, or there is no such layer, filter, image or pane.
    pub(in crate::door) const REFUSED: i64 = -32000;
}

/// Error of a request: what happened, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// One of [`code`].
    pub code: i64,
    /// The event and its object.
    pub message: String,
    /// The client's next step.
    pub help: String,
}

impl Fault {
    /// An error of this code.
    pub(super) fn new(code: i64, what: impl Into<String>, help: impl Into<String>) -> Self {
        let what = what.into();
        let message = match name_of(code) {
            Some(name) => format!("{name}: {what}"),
            None => what,
        };
        Self { code, message, help: help.into() }
    }

    fn to_json(&self) -> Value {
        json!({ "code": self.code, "message": self.message, "data": { "help": self.help } })
    }
}

/// Name of an error in the specification.
fn name_of(code: i64) -> Option<&'static str> {
    Some(match code {
        code::PARSE_ERROR => "Parse error",
        code::INVALID_REQUEST => "Invalid Request",
        code::METHOD_NOT_FOUND => "Method not found",
        code::INVALID_PARAMS => "Invalid params",
        code::INTERNAL_ERROR => "Internal error",
        _ => return None,
    })
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::new(code::REFUSED, error.what(), error.help())
    }
}

/// A request; a notification where it has no `id`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    /// String, number or null.
    pub id: Option<Value>,
    /// Name of the method.
    pub method: String,
    /// An object, an array, or null where there are none.
    pub params: Value,
}

/// Outcome of a request.
pub(super) type Outcome = std::result::Result<Value, Fault>;

/// A line of a client, of which each part is a request or at fault.
enum Line {
    One(Result<Request, Fault>),
    Batch(Vec<Result<Request, Fault>>),
}

fn read_request(value: Value) -> Result<Request, Fault> {
    let form = r#"write {"jsonrpc": "2.0", "method": "state", "id": 1}"#;
    let invalid = |what: &str| Fault::new(code::INVALID_REQUEST, what, form);
    let Value::Object(mut members) = value else {
        return Err(invalid("a request is an object"));
    };
    if members.get("jsonrpc") != Some(&json!("2.0")) {
        return Err(invalid(r#"it lacks "jsonrpc": "2.0""#));
    }
    let Some(Value::String(method)) = members.remove("method") else {
        return Err(invalid("its `method` is no string"));
    };
    let id = members.remove("id");
    if !matches!(id, None | Some(Value::Null | Value::String(_) | Value::Number(_))) {
        return Err(invalid("its `id` is no string, number or null"));
    }
    let params = match members.remove("params") {
        None => Value::Null,
        Some(params @ (Value::Object(_) | Value::Array(_))) => params,
        Some(_) => return Err(invalid("its `params` are no object and no array")),
    };
    Ok(Request { id, method, params })
}

fn read_line(line: &[u8]) -> Line {
    let help = "send one message of JSON a line, in UTF-8";
    match serde_json::from_slice(line) {
        Err(error) => Line::One(Err(Fault::new(code::PARSE_ERROR, error.to_string(), help))),
        Ok(Value::Array(parts)) if parts.is_empty() => {
            Line::One(Err(Fault::new(code::INVALID_REQUEST, "the batch is empty", "put a request into it")))
        }
        Ok(Value::Array(parts)) if parts.len() > MAX_BATCH => {
            let what = format!("the batch has {} requests", parts.len());
            let help = format!("send {MAX_BATCH} at most at once");
            Line::One(Err(Fault::new(code::INVALID_REQUEST, what, help)))
        }
        Ok(Value::Array(parts)) => Line::Batch(parts.into_iter().map(read_request).collect()),
        Ok(value) => Line::One(read_request(value)),
    }
}

/// The only request of a line, where it is one.
pub(super) fn single(line: &[u8]) -> Option<Request> {
    if let Line::One(Ok(request)) = read_line(line) { Some(request) } else { None }
}

/// The answer to a request of this `id`.
pub(super) fn answer(id: &Value, outcome: &Outcome) -> Value {
    match outcome {
        Ok(result) => json!({ "jsonrpc": "2.0", "result": result, "id": id }),
        Err(fault) => json!({ "jsonrpc": "2.0", "error": fault.to_json(), "id": id }),
    }
}

/// The answer to a line; none where it holds notifications alone. `carry_out` gets all of its requests at once, and gives as many outcomes,
/// in their order.
pub(super) fn respond(line: &[u8], carry_out: impl FnOnce(Vec<Request>) -> Vec<Outcome>) -> Option<String> {
    let line = read_line(line);
    let is_batch = matches!(line, Line::Batch(_));
    let parts = match line {
        Line::One(part) => vec![part],
        Line::Batch(parts) => parts,
    };
    let requests: Vec<Request> = parts.iter().filter_map(|part| part.clone().ok()).collect();
    let mut outcomes = if requests.is_empty() { Vec::new() } else { carry_out(requests) }.into_iter();
    let answered = |part: Result<Request, Fault>| match part {
        Err(fault) => Some(answer(&Value::Null, &Err(fault))),
        Ok(Request { id, .. }) => {
            let outcome = outcomes.next().unwrap_or_else(|| Err(no_outcome()));
            id.map(|id| answer(&id, &outcome))
        }
    };
    let mut answers: Vec<Value> = parts.into_iter().filter_map(answered).collect();
    if answers.is_empty() {
        return None;
    }
    Some(if is_batch { Value::Array(answers) } else { answers.remove(0) }.to_string())
}

/// Error of a request that nobody answers any more.
pub(super) fn no_outcome() -> Fault {
    Fault::new(code::INTERNAL_ERROR, "the run has ended", "begin another one, or resume it")
}

/// Parameters by their names; those of an array have these `names`, in their order.
///
/// # Errors
/// When there are more than names.
pub(super) fn named(params: Value, names: &[&str]) -> Result<Map<String, Value>, Fault> {
    match params {
        Value::Object(members) => Ok(members),
        Value::Array(values) if values.len() > names.len() => {
            let what = format!("{} parameters", values.len());
            let help = match names {
                [] => "it has none".to_owned(),
                names => format!("it has {}", names.join(", ")),
            };
            Err(Fault::new(code::INVALID_PARAMS, what, help))
        }
        Value::Array(values) => Ok(names.iter().map(|name| (*name).to_owned()).zip(values).collect()),
        _ => Ok(Map::new()),
    }
}
