//! A window that listens is steered like a training without one, and draws its panes for those who ask.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::screen::{Window, number};

#[test]
fn a_window_is_steered_and_seen_through_its_door() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("door.json");
    let mut window = Window::open(folder.path(), &["--paused", "--listen"]);
    window.wait_for("rest", |l| l["state"] == "paused");
    let told: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let stream = TcpStream::connect(("127.0.0.1", told["port"].as_u64().unwrap() as u16)).unwrap();
    let mut lines = BufReader::new(stream);
    let mut call = |method: &str, params: Value| {
        let request = json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": 1 });
        lines.get_mut().write_all(format!("{request}\n").as_bytes()).unwrap();
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        serde_json::from_str::<Value>(&line).unwrap()
    };
    call("authenticate", json!([told["token"]]));
    assert_eq!(call("step", json!([3]))["result"]["made"], 3);
    assert_eq!(call("command", json!([{ "set_learning_rate": 0.01 }]))["result"]["step"], 3);
    assert_eq!(call("tensor", json!([0]))["result"]["step"], 3);
    let picture = call("picture", json!({ "view": "charts", "width": 300, "height": 200 }));
    // The first bytes of a PNG, and its width and height: 137 "PNG" … 0 0 1 44, 0 0 0 200.
    assert!(
        picture["result"]["data"].as_str().unwrap().starts_with("iVBORw0KGgoAAAANSUhEUgAAASwAAADI"),
        "{picture}"
    );
    assert_eq!(call("picture", json!(["none"]))["error"]["code"], -32000);
    assert!(call("stop", json!([]))["error"]["data"]["help"].as_str().unwrap().contains("close it"));
    // It goes on by itself, and a tensor is read meanwhile.
    call("run", json!([]));
    window.wait_for("training", |l| number(l, "step") > 4.0);
    assert!(call("tensor", json!([0, "weight_gradients"]))["result"]["step"].as_u64() > Some(3));
    assert_eq!(call("pause", json!([]))["result"]["state"], "paused");
    drop(lines);
    let process = window.program.0.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    assert!(window.ended().success() && !file.exists());
}
