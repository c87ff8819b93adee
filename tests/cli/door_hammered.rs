//! Clients that send whatever comes to mind while a run trains: it goes on, and its journal holds what was right alone.
//!
//! `REVACNN_DOOR_REQUESTS=100000 cargo test --test cli hammered` sends as many requests; some thousands otherwise. With `REVACNN_SEED=5`
//! they are others.

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::fs;
use std::thread;

use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::door_client::{Client, Listening};
use crate::program::{folder, run};

const CLIENTS: u64 = 4;

fn number(variable: &str, usual: u64) -> u64 {
    env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
}

/// A request as text, and the code of the error that it has; 0 for none.
type Sent = (String, i64);

/// A request that is at fault in one of all ways, without an end of a line.
fn malformed(rng: &mut ChaCha8Rng, id: u64) -> Sent {
    let call = |method: Value, params: Value| {
        json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": id }).to_string()
    };
    let command = |command: Value| call(json!("command"), json!({ "command": command }));
    let odd = *[f64::MAX, -1.0, 1e300, -0.5].choose(rng).expect("there are some");
    match rng.random_range(0..16) {
        0 => (call(json!("explode"), json!({})), -32601),
        1 => (call(json!(""), json!([])), -32601),
        2 => (call(json!(7), json!([])), -32600),
        3 => (call(json!("state"), json!("none")), -32600),
        4 => (json!({ "method": "state", "id": id }).to_string(), -32600),
        5 => (rng.random_range(-9..9).to_string(), -32600),
        6 => (call(json!("state"), json!([1, 2, 3])), -32602),
        7 => (call(json!("step"), json!([0])), -32602),
        8 => (call(json!("picture"), json!({ "width": 1_000_000 })), -32602),
        9 => (command(json!({ "set_learning_rate": "fast" })), -32602),
        10 => (command(json!({ "set_speed": odd })), -32602),
        11 => (command(json!({ "add_filter": { "layer": 0, "more": true } })), -32602),
        12 => (command(json!({ "set_momentum": odd })), -32000),
        13 => (command(json!({ "delete_filter": { "layer": 0, "filter": 77 } })), -32000),
        14 => (command(json!({ "relabel": { "image": 1_000_000, "class": 3 } })), -32000),
        _ => (call(json!("tensor"), json!([*["conv9", ""].choose(rng).expect("one"), "weights"])), -32000),
    }
}

/// A request that is right.
fn well_formed(rng: &mut ChaCha8Rng, id: u64) -> Sent {
    let call = |method: &str, params: Value| {
        (json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": id }).to_string(), 0)
    };
    let command = |command: Value| call("command", json!([command]));
    match rng.random_range(0..100) {
        // Its own rate for each request, none of which diverges.
        0..30 => command(json!({ "set_learning_rate": rate(id) })),
        30..36 => command(json!({ "set_momentum": *[0.5, 0.8, 0.9].choose(rng).expect("one") })),
        36..42 => command(json!({ *["freeze", "thaw"].choose(rng).expect("one"): 0 })),
        42..46 => command(json!({ "pin_probe": rng.random_range(0..50) })),
        46..50 => command(json!({ "set_shift": rng.random_range(0..3) })),
        50..75 => call("metrics", json!({ "since": 100_000_000 })),
        75..92 => call("state", json!({})),
        92 => call("tensor", json!([0])),
        93 => call("step", json!([rng.random_range(1..4)])),
        94 => call("pause", json!([])),
        _ => call("run", json!([])),
    }
}

fn rate(id: u64) -> f64 {
    // Few enough digits that it is the same number as f32.
    (10_000 + id % 900_000) as f64 / 1e8
}

/// Bytes that are no JSON, nor an end of a line.
fn noise(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let count = rng.random_range(1..60);
    let mut bytes: Vec<u8> = (0..count).map(|_| rng.random()).collect();
    bytes.retain(|byte| *byte != b'\n');
    [b"{\"", &bytes[..]].concat()
}

/// Checks an answer against its request; returns whether it is a command that was carried out.
fn check(sent: &HashMap<u64, Sent>, answer: &Value) -> bool {
    let code = answer["error"]["code"].as_i64().unwrap_or(0);
    let Some(id) = answer["id"].as_u64() else {
        assert!([-32600, -32700].contains(&code), "{answer}");
        return false;
    };
    let (text, expected) = &sent[&id];
    assert_eq!(code, *expected, "{text}: {answer}");
    code == 0 && answer["result"].get("step").is_some() && text.contains("\"command\"")
}

/// Sends a share of the requests; returns the commands that were carried out, each with its number.
fn hammer(mut client: Client, seed: u64, count: u64) -> BTreeMap<String, usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut sent, mut done) = (0, BTreeMap::new());
    while sent < count {
        if rng.random_range(0..20) == 0 {
            client.send(&noise(&mut rng));
            assert_eq!(client.receive().expect("an answer")["error"]["code"], -32700);
            sent += 1;
            continue;
        }
        let size = if rng.random_range(0..5) == 0 { 1 } else { rng.random_range(2..60) };
        let requests: Vec<(u64, Sent)> = (0..size)
            .map(|index| {
                let id = seed * 100_000_000 + sent + index;
                let wrong = rng.random_range(0..3) == 0;
                (id, if wrong { malformed(&mut rng, id) } else { well_formed(&mut rng, id) })
            })
            .collect();
        sent += size;
        let texts: Vec<&str> = requests.iter().map(|(_, (text, _))| text.as_str()).collect();
        let batch = format!("[{}]", texts.join(","));
        client.send(if size == 1 { texts[0] } else { &batch }.as_bytes());
        let answer = client.receive().expect("an answer");
        let answers = if size == 1 { vec![answer] } else { answer.as_array().expect("a batch").clone() };
        assert_eq!(answers.len() as u64, size);
        let sent: HashMap<u64, Sent> = requests.into_iter().collect();
        for answer in answers.iter().filter(|answer| check(&sent, answer)) {
            let text = &sent[&answer["id"].as_u64().expect("a number")].0;
            let request: Value = serde_json::from_str(text).expect("it is JSON");
            *done.entry(request["params"][0].to_string()).or_default() += 1;
        }
    }
    done
}

#[test]
fn a_run_that_is_hammered_goes_on_and_keeps_what_was_right_alone() {
    let folder = folder();
    let (count, seed) = (number("REVACNN_DOOR_REQUESTS", 2_000), number("REVACNN_SEED", 1));
    let listening = Listening::train(folder.path(), &["--steps", "100000000", "--out", "run"]);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|index| {
            let client = listening.client();
            thread::spawn(move || hammer(client, seed * CLIENTS + index, count / CLIENTS))
        })
        .collect();
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    for client in clients {
        for (command, times) in client.join().expect("no client has a complaint") {
            *done.entry(command).or_default() += times;
        }
    }
    let mut last = listening.client();
    assert!(last.call("state", json!([])).unwrap()["step"].as_u64().unwrap() > 0);
    last.call("stop", json!([])).unwrap();
    let ended = listening.end().ok();
    // What the journal holds was carried out, each rate once; what changes nothing is not in it.
    let journal = fs::read_to_string(folder.path().join("run/journal.jsonl")).unwrap();
    let (mut kept, mut rates) = (BTreeMap::<String, usize>::new(), 0);
    for line in journal.lines().skip(1) {
        let entry: Value = serde_json::from_str(line).unwrap();
        rates += usize::from(entry["command"].get("set_learning_rate").is_some());
        *kept.entry(entry["command"].to_string()).or_default() += 1;
    }
    for (command, times) in &kept {
        assert!(
            done.get(command).is_some_and(|asked| times <= asked),
            "{command} stands there {times} times"
        );
    }
    let asked = done.iter().filter(|(command, _)| command.contains("set_learning_rate"));
    assert_eq!(rates, asked.map(|(_, times)| times).sum::<usize>());
    assert!(rates as u64 > count / 10, "only {rates} commands");
    let replayed = run(folder.path(), &["replay", "--json", "run", "--verify"]).ok();
    let replayed: Value = serde_json::from_str(&replayed.out).unwrap();
    assert_eq!((&replayed["verified"], &replayed["state_hash"]), (&json!(true), &json!(ended.hash())));
}
