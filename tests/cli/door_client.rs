//! A training with its door open, and clients that come in.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{Ran, command, train};

/// A run of the program that listens.
pub(crate) struct Listening {
    child: Option<Child>,
    /// Standard output and error.
    printed: Option<[JoinHandle<Vec<u8>>; 2]>,
    pub port: u16,
    pub file: PathBuf,
}

impl Listening {
    /// Begins a training of the tiny network on the digits in `folder`.
    pub(crate) fn train(folder: &Path, more: &[&str]) -> Self {
        let args = [&["--json", "--listen"], more].concat();
        Self::of(command(folder, &train(&args)))
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the program can be run");
        let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        out.read_line(&mut line).expect("it can be read");
        let event: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e} in {line:?}"));
        assert_eq!((&event["event"], &event["address"]), (&json!("listening"), &json!("127.0.0.1")));
        let port = event["port"].as_u64().expect("it has a port") as u16;
        let file = PathBuf::from(event["file"].as_str().expect("it names the file"));
        let printed = Some([read(out), read(child.stderr.take().expect("it is piped"))]);
        Self { child: Some(child), printed, port, file }
    }

    pub(crate) fn token(&self) -> String {
        let text = fs::read_to_string(&self.file).expect("the file is there");
        let told: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(told["port"], self.port);
        told["token"].as_str().expect("it has a token").to_owned()
    }

    /// A connection that did not say anything yet.
    pub(crate) fn connect(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        Client { lines: BufReader::new(stream), last: 0 }
    }

    /// A client that is in.
    pub(crate) fn client(&self) -> Client {
        let mut client = self.connect();
        let welcome = client.call("authenticate", json!([self.token()])).unwrap();
        assert_eq!(welcome["program"], "revacnn");
        client
    }

    /// Waits for its end; what it printed comes after the line about the door.
    pub(crate) fn end(mut self) -> Ran {
        let mut child = self.child.take().expect("it runs");
        let status = child.wait().expect("it ends");
        let [stdout, stderr] =
            self.printed.take().expect("it is read").map(|text| text.join().expect("it is read"));
        Ran::from(Output { status, stdout, stderr })
    }
}

/// Bytes that come out of a pipe, which is read all the time: a full one would stop the program.
fn read(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("it can be read");
        bytes
    })
}

impl Drop for Listening {
    fn drop(&mut self) {
        // A test that fails leaves no program behind.
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// A connection.
pub(crate) struct Client {
    lines: BufReader<TcpStream>,
    last: u64,
}

impl Client {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        // The other side may have closed it.
        self.lines.get_mut().write_all(&[bytes, b"\n"].concat()).ok();
    }

    /// The next answer; none at the end of the connection.
    pub(crate) fn receive(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e} in {line:?}"))),
            // Closed with something of ours unread.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("no answer: {error}"),
        }
    }

    /// Sends a request without waiting for its answer.
    pub(crate) fn ask(&mut self, method: &str, params: Value) {
        self.last += 1;
        let request = json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": self.last });
        self.send(request.to_string().as_bytes());
    }

    /// The result of a request, or its error.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.ask(method, params);
        let mut answer = self.receive().expect("an answer");
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(self.last)), "{answer}");
        match answer.get("error") {
            Some(error) => {
                let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
                assert!(text(&error["message"]) && text(&error["data"]["help"]), "{answer}");
                Err(error.clone())
            }
            None => Ok(answer["result"].take()),
        }
    }

    /// The number of steps before which a command took effect.
    pub(crate) fn command(&mut self, command: Value) -> Result<u64, Value> {
        let done = self.call("command", json!({ "command": command }))?;
        Ok(done["step"].as_u64().expect("a command has its step"))
    }
}
