//! The methods: their names, their parameters, and the JSON schema of both.

use schemars::{Schema, schema_for};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::params::{CommandParams, MetricsParams, Nothing, PictureParams, StepParams, TensorParams, Token};
use super::protocol::{Fault, Request, code, named};
use crate::nn::Edit;
use crate::session::{Command, DataCommand, LayoutCommand, TrainCommand};

/// Steps of one request at most.
const MAX_STEPS: u32 = 10_000_000;
/// Pixels of a picture's side at most.
pub(super) const MAX_SIDE: u32 = 4096;

/// A method, its purpose and what it answers, its parameters in the order in which an array has them, and their schema.
struct Method {
    name: &'static str,
    about: &'static str,
    params: &'static [&'static str],
    schema: fn() -> Schema,
}

const METHODS: &[Method] = &[
    Method {
        name: "authenticate",
        about: "The first request of a connection, with the token of the file beside the port: {program, version}. Until then nothing is answered; a wrong token ends the connection.",
        params: &["token"],
        schema: || schema_for!(Token),
    },
    Method {
        name: "schema",
        about: "JSON schemas: {methods: {name: {about, params}}, command}.",
        params: &[],
        schema: || schema_for!(Nothing),
    },
    Method {
        name: "state",
        about: "The run as it is: {state, step, epoch, title, classes, settings, layers, ...}; `state` is paused, training, validating or finished.",
        params: &[],
        schema: || schema_for!(Nothing),
    },
    Method {
        name: "command",
        about: "A change to the run, as a line of the journal has it: {step}, the number of steps finished before it, once it has taken effect.",
        params: &["command"],
        schema: || schema_for!(CommandParams),
    },
    Method {
        name: "run",
        about: "Trains until it is paused or its end is reached: {state, step, epoch}.",
        params: &[],
        schema: || schema_for!(Nothing),
    },
    Method {
        name: "pause",
        about: "Pauses at the end of the step: {state, step, epoch}, once it rests.",
        params: &[],
        schema: || schema_for!(Nothing),
    },
    Method {
        name: "step",
        about: "Trains a number of steps more, then pauses: {state, step, epoch, made}, once they are made and their metrics are there; made is less where the run was paused or reached its end.",
        params: &["steps"],
        schema: || schema_for!(StepParams),
    },
    Method {
        name: "metrics",
        about: "Results of steps and epochs after a step: {step, images_per_s, steps: [{step, epoch, loss, accuracy}], epochs: [...]}. Of more than 4096 steps, equally many share a point, their mean.",
        params: &["since"],
        schema: || schema_for!(MetricsParams),
    },
    Method {
        name: "tensor",
        about: "A tensor of a layer after the last whole step: {name, step, dtype, shape, data}; data is base64 of little-endian float32, the last index of the shape runs fastest.",
        params: &["layer", "kind", "part"],
        schema: || schema_for!(TensorParams),
    },
    Method {
        name: "picture",
        about: "A pane, or the whole window, between two steps: {view, width, height, step, media_type, data}; data is base64 of a PNG.",
        params: &["view", "width", "height", "theme", "layers"],
        schema: || schema_for!(PictureParams),
    },
    Method {
        name: "stop",
        about: "Ends `revacnn train` after the step under way; it is saved and evaluated as at its end: {state, step, epoch}.",
        params: &[],
        schema: || schema_for!(Nothing),
    },
];

/// A request of a client that is in.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ask {
    /// To come in, again.
    Authenticate(String),
    /// The schemas.
    Schema,
    /// The run as it is.
    State,
    /// A change to the run.
    Command(Box<Command>),
    /// Training until it is paused.
    Run,
    /// A pause at the end of the step.
    Pause,
    /// A number of steps.
    Step(u32),
    /// Metrics after a step.
    Metrics(u32),
    /// A tensor of a layer.
    Tensor(TensorParams),
    /// A picture of a pane.
    Picture(PictureParams),
    /// The end of the training.
    Stop,
}

/// The request that a call of a method is.
///
/// # Errors
/// When there is no such method, or it has no such parameters.
pub(super) fn read(request: Request) -> Result<Ask, Fault> {
    let Some(method) = METHODS.iter().find(|method| method.name == request.method) else {
        let names: Vec<_> = METHODS.iter().map(|method| method.name).collect();
        let what = format!("no method is called {:?}", shortened(&request.method));
        return Err(Fault::new(code::METHOD_NOT_FOUND, what, format!("take one of {}", names.join(", "))));
    };
    let mut params = named(request.params, method.params)?;
    Ok(match method.name {
        "authenticate" => Ask::Authenticate(parsed::<Token>(method, params)?.token),
        "command" => {
            let command = params.remove("command");
            parsed::<Nothing>(method, params)?;
            Ask::Command(Box::new(read_command(command)?))
        }
        "metrics" => Ask::Metrics(parsed::<MetricsParams>(method, params)?.since),
        "step" => match parsed::<StepParams>(method, params)?.steps {
            steps @ 1..=MAX_STEPS => Ask::Step(steps),
            steps => {
                let help = format!("take 1 to {MAX_STEPS} steps");
                return Err(Fault::new(code::INVALID_PARAMS, format!("{steps} steps"), help));
            }
        },
        "tensor" => Ask::Tensor(parsed(method, params)?),
        "picture" => Ask::Picture(checked(parsed(method, params)?)?),
        name => {
            parsed::<Nothing>(method, params)?;
            match name {
                "schema" => Ask::Schema,
                "state" => Ask::State,
                "run" => Ask::Run,
                "pause" => Ask::Pause,
                _ => Ask::Stop,
            }
        }
    })
}

fn checked(picture: PictureParams) -> Result<PictureParams, Fault> {
    let sides = [picture.width, picture.height];
    if sides.iter().all(|side| (1..=MAX_SIDE).contains(side)) {
        return Ok(picture);
    }
    let what = format!("a picture of {}×{} pixels", sides[0], sides[1]);
    Err(Fault::new(code::INVALID_PARAMS, what, format!("give each side 1 to {MAX_SIDE} pixels")))
}

fn parsed<T: DeserializeOwned>(method: &Method, params: Map<String, Value>) -> Result<T, Fault> {
    serde_json::from_value(params.into()).map_err(|error| {
        let help = match method.params {
            [] => format!("`{}` has no parameters", method.name),
            names => {
                format!("`{}` has {}; the method `schema` describes them", method.name, names.join(", "))
            }
        };
        Fault::new(code::INVALID_PARAMS, error.to_string(), help)
    })
}

fn read_command(value: Option<Value>) -> Result<Command, Fault> {
    let help = "commands are written as journal.jsonl of a run has them; the method `schema` describes all";
    let Some(value) = value else {
        return Err(Fault::new(code::INVALID_PARAMS, "`command` is missing", help));
    };
    // A key beside the command would be passed over.
    let members = value.as_object().map_or(1, Map::len);
    let command = serde_json::from_value(value.clone()).ok().filter(|_| members == 1);
    command.ok_or_else(|| Fault::new(code::INVALID_PARAMS, fault_of_command(&value), help))
}

/// Fault of what is no command: its name, or what it takes.
fn fault_of_command(value: &Value) -> String {
    let text = shortened(&value.to_string());
    let Some((name, content)) =
        value.as_object().filter(|members| members.len() == 1).and_then(|m| m.iter().next())
    else {
        return format!("there is no command {text}: it is an object of one member, which names it");
    };
    let faults = [
        fault_of::<TrainCommand>(value),
        fault_of::<DataCommand>(value),
        fault_of::<Edit>(value),
        fault_of::<LayoutCommand>(value),
    ];
    // Of the kind that knows the name: what is wrong with the rest.
    let unknown = format!("unknown variant `{name}`");
    if let Some(fault) = faults.into_iter().flatten().find(|fault| !fault.contains(&unknown)) {
        return format!("the command {text} is at fault: {fault}");
    }
    if knows(&json!(schema_for!(Command)), name) {
        return format!("the command {name:?} does not take {}", shortened(&content.to_string()));
    }
    format!("there is no command {text}")
}

/// True if a schema has a variant of one member with this name.
fn knows(schema: &Value, name: &str) -> bool {
    let is_it =
        |variant: &Value| variant["required"] == json!([name]) && variant["properties"][name] != Value::Null;
    match schema {
        Value::Array(variants) => variants.iter().any(|variant| is_it(variant) || knows(variant, name)),
        Value::Object(members) => members.values().any(|member| knows(member, name)),
        _ => false,
    }
}

fn fault_of<T: DeserializeOwned>(value: &Value) -> Option<String> {
    serde_json::from_value::<T>(value.clone()).err().map(|error| error.to_string())
}

/// A text for a message, cut off where it is long.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 200;
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}

/// The schemas of all methods, and of all commands.
pub(super) fn schema() -> Value {
    let of = |method: &Method| {
        let of = json!({ "about": method.about, "order": method.params, "params": (method.schema)() });
        (method.name.to_owned(), of)
    };
    let methods: Map<String, Value> = METHODS.iter().map(of).collect();
    json!({ "methods": methods, "command": schema_for!(Command) })
}

#[cfg(test)]
mod tests {
    use super::super::params::{Ground, LayerName};
    use super::*;
    use crate::session::TensorKind;

    fn asked(method: &str, params: Value) -> Result<Ask, Fault> {
        read(Request { id: None, method: method.to_owned(), params })
    }

    #[test]
    fn calls_are_read_by_name_and_by_place() {
        let rate = || Command::from(TrainCommand::SetLearningRate(0.5));
        let command = json!({ "set_learning_rate": 0.5 });
        assert_eq!(asked("command", json!([command])), Ok(Ask::Command(Box::new(rate()))));
        assert_eq!(asked("command", json!({ "command": command })), Ok(Ask::Command(Box::new(rate()))));
        assert_eq!(asked("step", json!([7])), Ok(Ask::Step(7)));
        assert_eq!(asked("step", Value::Null), Ok(Ask::Step(1)));
        assert_eq!(asked("metrics", json!({})), Ok(Ask::Metrics(0)));
        assert_eq!(asked("stop", json!([])), Ok(Ask::Stop));
        let tensor = TensorParams {
            layer: LayerName::Name("conv1".to_owned()),
            kind: TensorKind::WeightGradients,
            part: None,
        };
        assert_eq!(asked("tensor", json!(["conv1", "weight_gradients"])), Ok(Ask::Tensor(tensor)));
        let Ok(Ask::Picture(picture)) = asked("picture", json!({ "view": "charts", "theme": "light" }))
        else {
            panic!("it is a picture");
        };
        assert_eq!((picture.width, picture.theme), (1280, Ground::Light));
    }

    #[test]
    fn faulty_calls_are_refused_with_what_is_wrong() {
        for (method, params, code, words) in [
            ("steps", json!([]), code::METHOD_NOT_FOUND, "\"steps\""),
            ("step", json!([0]), code::INVALID_PARAMS, "0 steps"),
            ("step", json!([1.5]), code::INVALID_PARAMS, "1.5"),
            ("step", json!([-1]), code::INVALID_PARAMS, "-1"),
            ("step", json!([1, 2]), code::INVALID_PARAMS, "2 parameters"),
            ("state", json!({ "of": 1 }), code::INVALID_PARAMS, "`of`"),
            ("command", json!({}), code::INVALID_PARAMS, "missing"),
            ("command", json!([{ "set_speed": 2 }]), code::INVALID_PARAMS, "no command {\"set_speed\":2}"),
            ("command", json!([{ "set_flip": 2 }]), code::INVALID_PARAMS, "expected a boolean"),
            (
                "command",
                json!([{ "set_optimizer": "adamx" }]),
                code::INVALID_PARAMS,
                "`adamx`, expected one of",
            ),
            (
                "command",
                json!([{ "freeze": "conv1" }]),
                code::INVALID_PARAMS,
                "\"freeze\" does not take \"conv1\"",
            ),
            ("command", json!([{ "layer": 3 }]), code::INVALID_PARAMS, "no command {\"layer\":3}"),
            ("command", json!([5]), code::INVALID_PARAMS, "no command 5: it is an object"),
            ("command", json!([{ "add_filter": {} }]), code::INVALID_PARAMS, "missing field `layer`"),
            ("command", json!([{ "set_flip": true, "freeze": 0 }]), code::INVALID_PARAMS, "set_flip"),
            ("command", json!({ "command": { "freeze": 0 }, "step": 3 }), code::INVALID_PARAMS, "`step`"),
            ("picture", json!({ "width": 0 }), code::INVALID_PARAMS, "0×800"),
            ("picture", json!({ "height": 5000 }), code::INVALID_PARAMS, "1280×5000"),
            ("tensor", json!({ "kind": "weights" }), code::INVALID_PARAMS, "missing field `layer`"),
            ("tensor", json!([0, "biases"]), code::INVALID_PARAMS, "biases"),
        ] {
            let fault = asked(method, params.clone()).unwrap_err();
            assert_eq!(fault.code, code, "{method} {params}");
            assert!(fault.message.contains(words) && !fault.help.is_empty(), "{method} {params}: {fault:?}");
        }
        let fault = asked("command", json!(["x".repeat(100_000)])).unwrap_err();
        assert!(fault.message.chars().count() < 400, "{}", fault.message.len());
    }

    #[test]
    fn the_schema_knows_every_command_by_its_name() {
        let schema = schema();
        let text = schema["command"].to_string();
        // One of each kind, as a journal has them.
        for name in [
            "set_learning_rate",
            "relabel",
            "freeze_filters",
            "set_layer",
            "edit_weights",
            "split_filter",
            "insert_layer",
            "open_layout",
            "pin_point",
            "reset",
            "set_loss",
        ] {
            assert!(text.contains(&format!("\"{name}\"")), "{name}");
        }
        // Names from another source: what serde says that it knows.
        let told = fault_of::<TrainCommand>(&json!({ "none": 0 })).unwrap();
        let known: Vec<&str> = told.split('`').skip(3).step_by(2).collect();
        assert!(known.len() == 14 && known.contains(&"set_beta2"), "{told}");
        assert!(known.iter().all(|name| text.contains(&format!("\"{name}\""))), "{known:?}");
        assert_eq!(schema["methods"].as_object().unwrap().len(), METHODS.len());
        assert_eq!(schema["methods"]["step"]["params"]["properties"]["steps"]["minimum"], 1);
    }
}
