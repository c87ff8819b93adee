//! The examples of <https://www.jsonrpc.org/specification>, section 7, and what it says elsewhere.

use serde_json::{Value, json};

use super::protocol::{Fault, MAX_BATCH, Outcome, Request, code, named, respond};

/// The methods of the specification's examples.
fn carry_out(request: &Request) -> Outcome {
    let number = |value: &Value| value.as_i64().unwrap();
    match request.method.as_str() {
        "subtract" => {
            let params = named(request.params.clone(), &["minuend", "subtrahend"])?;
            Ok(json!(number(&params["minuend"]) - number(&params["subtrahend"])))
        }
        "sum" => Ok(json!(request.params.as_array().unwrap().iter().map(number).sum::<i64>())),
        "get_data" => Ok(json!(["hello", 5])),
        "update" | "notify_sum" | "notify_hello" => Ok(Value::Null),
        name => Err(Fault::new(code::METHOD_NOT_FOUND, format!("there is no {name}"), "take another one")),
    }
}

fn responded(line: &str) -> Option<Value> {
    let answer = respond(line.as_bytes(), |requests| requests.iter().map(carry_out).collect());
    answer.map(|text| serde_json::from_str(&text).unwrap())
}

/// An answer without what the specification leaves open: the rest of a message, and data.
fn without_details(mut answer: Value) -> Value {
    if let Some(error) = answer.get_mut("error") {
        let message = error["message"].as_str().unwrap();
        let message = message.split(':').next().unwrap().to_owned();
        assert!(!error["data"]["help"].as_str().unwrap().is_empty());
        *error = json!({ "code": error["code"], "message": message });
    }
    if let Value::Array(answers) = answer {
        return answers.into_iter().map(without_details).collect();
    }
    answer
}

/// Those of the specification's examples that are single requests, with their answers.
fn single_examples() -> [(&'static str, Value); 7] {
    [
        (
            r#"{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}"#,
            json!({"jsonrpc": "2.0", "result": 19, "id": 1}),
        ),
        (
            r#"{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}"#,
            json!({"jsonrpc": "2.0", "result": -19, "id": 2}),
        ),
        (
            r#"{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}"#,
            json!({"jsonrpc": "2.0", "result": 19, "id": 3}),
        ),
        (
            r#"{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}"#,
            json!({"jsonrpc": "2.0", "result": 19, "id": 4}),
        ),
        (
            r#"{"jsonrpc": "2.0", "method": "foobar", "id": "1"}"#,
            json!({"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "1"}),
        ),
        (
            r#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#,
            json!({"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}),
        ),
        (
            r#"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#,
            json!({"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}),
        ),
    ]
}

/// Those that are batches.
fn batch_examples() -> [(&'static str, Value); 5] {
    [
        (
            r#"[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method""#,
            json!({"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}),
        ),
        (
            "[]",
            json!({"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}),
        ),
        (
            "[1]",
            json!([{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}]),
        ),
        (
            "[1,2,3]",
            json!([
                {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
                {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
                {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}
            ]),
        ),
        (
            r#"[
                {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
                {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
                {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
                {"foo": "boo"},
                {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
                {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
            ]"#,
            json!([
                {"jsonrpc": "2.0", "result": 7, "id": "1"},
                {"jsonrpc": "2.0", "result": 19, "id": "2"},
                {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
                {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "5"},
                {"jsonrpc": "2.0", "result": ["hello", 5], "id": "9"}
            ]),
        ),
    ]
}

#[test]
fn the_examples_of_the_specification_have_their_answers() {
    for (line, expected) in single_examples().into_iter().chain(batch_examples()) {
        assert_eq!(responded(line).map(without_details), Some(expected), "{line}");
    }
    for notifications in [
        r#"{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}"#,
        r#"{"jsonrpc": "2.0", "method": "foobar"}"#,
        r#"[
            {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
            {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}
        ]"#,
    ] {
        assert_eq!(responded(notifications), None, "{notifications}");
    }
}

#[test]
fn ids_are_kept_and_others_are_none() {
    for id in [json!("a"), json!(""), json!(-7), json!(1.5), json!(u64::MAX), Value::Null] {
        let line = json!({"jsonrpc": "2.0", "method": "get_data", "id": id}).to_string();
        assert_eq!(responded(&line).unwrap(), json!({"jsonrpc": "2.0", "result": ["hello", 5], "id": id}));
    }
    for id in [json!([1]), json!({"a": 1}), json!(true)] {
        let line = json!({"jsonrpc": "2.0", "method": "get_data", "id": id}).to_string();
        let answer = responded(&line).unwrap();
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32600), &Value::Null));
    }
}

#[test]
fn what_is_no_request_is_said_whatever_it_is() {
    let deep = "[".repeat(100_000);
    let many = format!("[{}]", vec!["1"; MAX_BATCH + 1].join(","));
    for (line, expected) in [
        ("", code::PARSE_ERROR),
        ("\u{0}", code::PARSE_ERROR),
        ("GET / HTTP/1.1", code::PARSE_ERROR),
        (deep.as_str(), code::PARSE_ERROR),
        (many.as_str(), code::INVALID_REQUEST),
        ("null", code::INVALID_REQUEST),
        ("\"state\"", code::INVALID_REQUEST),
        ("{}", code::INVALID_REQUEST),
        (r#"{"jsonrpc": "1.0", "method": "sum", "id": 1}"#, code::INVALID_REQUEST),
        (r#"{"jsonrpc": 2.0, "method": "sum", "id": 1}"#, code::INVALID_REQUEST),
        (r#"{"jsonrpc": "2.0", "method": "sum", "params": null, "id": 1}"#, code::INVALID_REQUEST),
    ] {
        let answer = responded(line).unwrap();
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(expected), &Value::Null), "{line:.60}");
    }
    let answer = respond(b"\xff\xfe{}", |_| Vec::new()).unwrap();
    assert!(answer.contains("-32700"), "{answer}");
}

#[test]
fn parameters_go_by_name_or_by_place() {
    assert_eq!(Value::from(named(json!([1, 2]), &["a", "b", "c"]).unwrap()), json!({"a": 1, "b": 2}));
    assert_eq!(Value::from(named(json!({"b": 1}), &["a"]).unwrap()), json!({"b": 1}));
    assert!(named(Value::Null, &["a"]).unwrap().is_empty());
    let fault = named(json!([1, 2]), &["a"]).unwrap_err();
    assert_eq!((fault.code, fault.help.as_str()), (code::INVALID_PARAMS, "it has a"));
}
