//! `--listen`: who has the token steers the run as a script would, and nobody else gets an answer.

use std::fs;

use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::door_client::{Client, Listening};
use crate::program::{folder, run, train};

/// Base64 by its definition (RFC 4648), to check the program's.
fn decoded(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for c in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | DIGITS.iter().position(|digit| *digit == c).expect("a digit of base64") as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// Name, shape and bytes of a tensor.
type Read = (String, Vec<u64>, Vec<u8>);

fn tensor(answer: &Value) -> Read {
    assert_eq!(answer["dtype"], "float32");
    let shape: Vec<u64> = answer["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
    let bytes = decoded(answer["data"].as_str().unwrap());
    assert_eq!(bytes.len() as u64, 4 * shape.iter().product::<u64>());
    (answer["name"].as_str().unwrap().to_owned(), shape, bytes)
}

#[test]
fn without_the_token_nothing_is_answered_and_the_connection_ends() {
    let folder = folder();
    let listening = Listening::train(folder.path(), &["--paused"]);
    let token = listening.token();
    assert_eq!(token.len(), 32);
    let request = |method: &str, params: Value| {
        json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": 1 }).to_string()
    };
    let wrong = "0".repeat(32);
    for line in [
        request("state", json!({})),
        request("authenticate", json!([wrong])),
        request("authenticate", json!({ "token": &token[..31] })),
        request("authenticate", json!({ "key": token })),
        request("authenticate", json!([token, token])),
        request("authenticate", Value::Null),
        request("login", json!([token])),
        format!("[{}]", request("authenticate", json!([token]))),
        json!({ "method": "authenticate", "params": [token], "id": 1 }).to_string(),
        token.clone(),
        "POST / HTTP/1.1".to_owned(),
        "{".to_owned(),
        "\u{0}\u{1}".to_owned(),
    ] {
        let mut client = listening.connect();
        client.send(line.as_bytes());
        assert_eq!(client.receive(), None, "{line}");
    }
    // As a notification it opens the door, too.
    let mut silent = listening.connect();
    silent.send(
        json!({ "jsonrpc": "2.0", "method": "authenticate", "params": [token] }).to_string().as_bytes(),
    );
    assert_eq!(silent.call("state", json!({})).unwrap()["state"], "paused");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&listening.file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let file = listening.file.clone();
    silent.call("stop", json!([])).unwrap();
    listening.end().ok();
    assert!(!file.exists());
}

/// Width and height of a picture, as the first chunk of its PNG has them (RFC 2083, 4.1.1).
#[cfg(feature = "app")]
fn size_of_picture(answer: &Value) -> [u32; 2] {
    assert_eq!(answer["media_type"], "image/png");
    let png = decoded(answer["data"].as_str().unwrap());
    assert_eq!(&png[..16], b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR");
    [16, 20].map(|at| u32::from_be_bytes(png[at..at + 4].try_into().unwrap()))
}

/// Requests that are wrong are refused, and change nothing.
fn refuses_what_is_wrong(client: &mut Client) {
    for (wrong, code) in [
        (json!({ "set_momentum": 1.5 }), -32000),
        (json!({ "freeze": 8 }), -32000),
        (json!({ "set_speed": 1 }), -32602),
        (json!({ "set_flip": "yes" }), -32602),
    ] {
        assert_eq!(client.command(wrong.clone()).unwrap_err()["code"], code, "{wrong}");
    }
    assert_eq!(client.call("tensor", json!([9])).unwrap_err()["code"], -32000);
    assert_eq!(client.call("tensor", json!(["relu1", "weights"])).unwrap_err()["code"], -32000);
    assert_eq!(client.call("steps", json!([1])).unwrap_err()["code"], -32601);
}

/// Tensors have the shapes of their layers; returns two of parameters.
fn reads_tensors(client: &mut Client) -> [Read; 2] {
    let weights = tensor(&client.call("tensor", json!({ "layer": 0 })).unwrap());
    let bias = tensor(&client.call("tensor", json!({ "layer": "dense1", "part": "bias" })).unwrap());
    let gradients = tensor(&client.call("tensor", json!(["conv1", "weight_gradients"])).unwrap());
    assert_eq!((weights.0.as_str(), &weights.1), ("conv1.weight", &vec![5, 1, 3, 3]));
    assert!(gradients.2.iter().any(|byte| *byte != 0) && gradients.2 != weights.2);
    let maps = tensor(&client.call("tensor", json!(["pool1", "activations"])).unwrap());
    assert_eq!(maps.1[0], 5);
    let image = tensor(&client.call("tensor", json!(["input", "activations"])).unwrap());
    assert_eq!(image.1, [1, 8, 8]);
    [weights, bias]
}

#[test]
fn what_comes_through_the_door_is_what_a_script_does() {
    let folder = folder();
    let listening = Listening::train(folder.path(), &["--paused", "--epochs", "9", "--out", "steered"]);
    let mut client = listening.client();
    let state = client.call("state", json!([])).unwrap();
    assert_eq!((&state["state"], &state["step"]), (&json!("paused"), &json!(0)));
    let layers = state["layers"].as_array().unwrap();
    let names: Vec<_> = layers.iter().map(|layer| layer["kind"].as_str().unwrap()).collect();
    assert_eq!(names, ["conv2d", "relu", "max_pool2d", "dense"]);
    assert_eq!((&layers[0]["filters"], &layers[0]["goals"]), (&json!([0, 1, 2, 3]), &json!([])));
    assert_eq!(layers[0]["tensors"][0], json!({ "name": "weight", "shape": [4, 1, 3, 3] }));
    assert_eq!(state["settings"]["hyper"]["learning_rate"], json!(0.02));

    assert_eq!(client.call("step", json!([7])).unwrap()["made"], 7);
    assert_eq!(client.command(json!({ "set_learning_rate": 0.01 })), Ok(7));
    let metrics = client.call("metrics", json!({ "since": 2 })).unwrap();
    let steps: Vec<_> = metrics["steps"].as_array().unwrap().iter().map(|s| s["step"].clone()).collect();
    assert_eq!(steps, [3, 4, 5, 6, 7].map(Value::from));

    refuses_what_is_wrong(&mut client);
    assert_eq!(client.command(json!({ "split_filter": { "layer": 0, "filter": 3 } })), Ok(7));
    client.call("step", json!([4])).unwrap();
    assert_eq!(client.command(json!({ "freeze_filters": { "layer": 0, "filters": [1] } })), Ok(11));
    // Who looks changes nothing.
    #[cfg(feature = "app")]
    assert_eq!(
        size_of_picture(&client.call("picture", json!(["network", 200, 150, "light"])).unwrap()),
        [200, 150]
    );
    // Over the end of an epoch, where the run is saved.
    let made = client.call("step", json!({ "steps": 19 })).unwrap();
    assert_eq!([&made["made"], &made["step"], &made["state"]], [&json!(19), &json!(30), &json!("paused")]);
    let metrics = client.call("metrics", json!([])).unwrap();
    assert_eq!(metrics["steps"].as_array().unwrap().len(), 30);
    assert_eq!(metrics["epochs"].as_array().unwrap().len(), 1);
    let read = reads_tensors(&mut client);
    client.call("stop", json!([])).unwrap();
    assert_eq!(client.receive(), None);
    let ended = listening.end().ok();

    // The weights are those of the model that was saved.
    let model = fs::read(folder.path().join("steered/model.safetensors")).unwrap();
    let model = SafeTensors::deserialize(&model).unwrap();
    for (name, _, bytes) in &read {
        assert_eq!(model.tensor(name).unwrap().data(), &bytes[..], "{name}");
    }
    let script = r#"{"step": 7, "command": {"set_learning_rate": 0.01}}
{"step": 7, "command": {"split_filter": {"layer": 0, "filter": 3}}}
{"step": 11, "command": {"freeze_filters": {"layer": 0, "filters": [1]}}}
"#;
    fs::write(folder.path().join("script.jsonl"), script).unwrap();
    let scripted = run(folder.path(), &train(&["--steps", "30", "--script", "script.jsonl", "--json"])).ok();
    assert_eq!(ended.hash(), scripted.hash());
    let plain = run(folder.path(), &train(&["--steps", "30", "--json"])).ok();
    assert_ne!(ended.hash(), plain.hash());
}

#[test]
fn a_run_goes_on_pauses_and_waits_at_its_end_for_those_who_look_at_it() {
    let folder = folder();
    let listening = Listening::train(folder.path(), &["--steps", "40", "--batch", "16"]);
    let [mut one, mut other] = [listening.client(), listening.client()];
    one.call("pause", json!([])).unwrap();
    let paused = other.call("state", json!([])).unwrap();
    let at = paused["step"].as_u64().unwrap();
    assert_eq!(other.call("state", json!([])).unwrap()["step"], at);
    if at < 38 {
        // Steps that were asked for by two are made one after the other.
        one.ask("step", json!([1]));
        other.ask("step", json!([1]));
        let made = [&mut one, &mut other].map(|client| client.receive().unwrap()["result"]["made"].clone());
        assert_eq!(made, [json!(1), json!(1)]);
        assert_eq!(other.call("state", json!([])).unwrap()["step"], at + 2);
        assert_eq!(other.call("step", json!([1000])).unwrap()["made"], 38 - at);
    }
    assert_eq!(one.call("state", json!([])).unwrap()["state"], "finished");
    for method in ["run", "step"] {
        let refused = one.call(method, json!([])).unwrap_err();
        assert!(refused["message"].as_str().unwrap().contains("after 40 steps"), "{refused}");
    }
    drop((one, other));
    let ended = listening.end().ok();
    assert_eq!(ended.events().last().unwrap()["step"], 40);
    // The same bits as without a door.
    let alone = run(folder.path(), &train(&["--steps", "40", "--batch", "16", "--json"])).ok();
    assert_eq!(ended.hash(), alone.hash());
}

#[test]
fn what_does_not_go_together_is_said() {
    let folder = folder();
    run(folder.path(), &train(&["--paused"])).fails(2, "--listen");
    run(folder.path(), &train(&["--listen", "--script", "a.jsonl"])).fails(2, "cannot be used with");
    run(folder.path(), &train(&["--listen", "66000"])).fails(2, "66000");
    let listening = Listening::train(folder.path(), &["--paused"]);
    let port = listening.port.to_string();
    run(folder.path(), &train(&["--listen", &port])).fails(1, &format!("cannot listen on 127.0.0.1:{port}"));
}
