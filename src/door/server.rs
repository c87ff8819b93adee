//! The listener on the loopback address, and a thread for each client: they carry lines, and never touch the run.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::key::Key;
use super::lines::{End, Lines, MAX_LINE};
use super::methods::{Ask, read, schema};
use super::protocol::{Fault, Outcome, Request, answer, code, no_outcome, respond, single};
use crate::error::{Error, Result};

/// Connections at most.
const MAX_CLIENTS: usize = 16;
/// Requests that may wait for the run.
const MAX_WAITING: usize = 256;
/// Time within which a client must come in.
const COME_IN_TIME: Duration = Duration::from_secs(10);
/// Time after which a read looks whether the door was closed.
const READ_TIME: Duration = Duration::from_millis(100);
/// Time that a client has to take a piece of an answer.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// Time that threads have to end.
const END_TIME: Duration = Duration::from_millis(500);

/// A request for the run, with the way of its outcome.
pub(super) struct Question {
    pub ask: Ask,
    pub reply: Reply,
}

/// Way of an outcome.
pub(super) struct Reply {
    index: usize,
    to: SyncSender<(usize, Outcome)>,
}

impl Reply {
    /// Sends the outcome; where the client is gone, nobody hears it.
    pub(super) fn send(self, outcome: Outcome) {
        // There is room for all outcomes of a line.
        self.to.try_send((self.index, outcome)).ok();
    }
}

/// State that threads share.
#[derive(Default)]
struct Shared {
    closed: AtomicBool,
    connections: AtomicUsize,
    /// Connections that came in.
    clients: AtomicUsize,
}

/// A count that ends with its owner.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    /// One more, where there are less than `most`.
    fn new(count: &'a AtomicUsize, most: usize) -> Option<Self> {
        let more = count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| (n < most).then_some(n + 1));
        more.is_ok().then_some(Self(count))
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The listener.
pub(super) struct Server {
    port: u16,
    shared: Arc<Shared>,
}

impl Server {
    /// Listens on 127.0.0.1, at a free port for 0. Requests of those who have the key come out of the receiver.
    ///
    /// # Errors
    /// When the port is taken, or there are no threads.
    pub(super) fn open(port: u16, key: Arc<Key>) -> Result<(Self, Receiver<Question>)> {
        let failed = |e: std::io::Error| {
            let what = format!("cannot listen on 127.0.0.1:{port}: {e}");
            Error::new(what, "name another port, or none for a free one: --listen")
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let (to_run, requests) = sync_channel(MAX_WAITING);
        let shared = Arc::new(Shared::default());
        let of_threads = Arc::clone(&shared);
        let accept = move || accept_all(&listener, &of_threads, &key, &to_run);
        thread::Builder::new().name("door".to_owned()).spawn(accept).map_err(failed)?;
        Ok((Self { port, shared }, requests))
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Number of clients that came in.
    pub(super) fn clients(&self) -> usize {
        self.shared.clients.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        // Wakes the listener.
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok();
        let began = Instant::now();
        while self.shared.connections.load(Ordering::SeqCst) > 0 && began.elapsed() < END_TIME {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn accept_all(listener: &TcpListener, shared: &Arc<Shared>, key: &Arc<Key>, to_run: &SyncSender<Question>) {
    for stream in listener.incoming() {
        if shared.closed.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else {
            // Such as too many open files.
            thread::sleep(Duration::from_millis(50));
            continue;
        };
        let (shared, key, to_run) = (Arc::clone(shared), Arc::clone(key), to_run.clone());
        let serve = move || {
            if let Some(_connection) = Counted::new(&shared.connections, MAX_CLIENTS) {
                Client { shared: &shared, key: &key, to_run: &to_run }.serve(&stream);
            }
        };
        // Without a thread the connection is closed.
        thread::Builder::new().name("door client".to_owned()).spawn(serve).ok();
    }
}

/// The door as a client's thread sees it.
struct Client<'a> {
    shared: &'a Shared,
    key: &'a Key,
    to_run: &'a SyncSender<Question>,
}

impl Client<'_> {
    /// Serves a connection until it ends.
    fn serve(&self, stream: &TcpStream) {
        let prepared = stream
            .set_read_timeout(Some(READ_TIME))
            .and_then(|()| stream.set_write_timeout(Some(WRITE_TIME)))
            .and_then(|()| stream.set_nodelay(true));
        let stops = || self.shared.closed.load(Ordering::SeqCst);
        let mut lines = Lines::new(stream);
        let Ok(first) = lines.next(Some(COME_IN_TIME), &stops) else { return };
        let Some(welcome) = self.come_in(&first).filter(|_| prepared.is_ok()) else { return };
        let Some(_client) = Counted::new(&self.shared.clients, MAX_CLIENTS) else { return };
        let mut answered = welcome;
        loop {
            if let Some(text) = answered
                && write_line(stream, &text).is_err()
            {
                return;
            }
            match lines.next(None, &stops) {
                Ok(line) => answered = respond(&line, |requests| self.carry_out(requests)),
                Err(End::TooLong) => {
                    let what = format!("a line of more than {MAX_LINE} bytes");
                    let fault =
                        Fault::new(code::INVALID_REQUEST, what, "connect again, and send shorter ones");
                    write_line(stream, &answer(&Value::Null, &Err(fault)).to_string()).ok();
                    return;
                }
                Err(_) => return,
            }
        }
    }

    /// The answer to the first line, if it opens the door.
    fn come_in(&self, line: &[u8]) -> Option<Option<String>> {
        let Request { id, method, params } = single(line)?;
        let Ok(Ask::Authenticate(token)) = read(Request { id: None, method, params }) else { return None };
        self.key.is(&token).then(|| id.map(|id| answer(&id, &Ok(welcome())).to_string()))
    }

    /// Has the requests of a line carried out.
    fn carry_out(&self, requests: Vec<Request>) -> Vec<Outcome> {
        let (to, replies) = sync_channel(requests.len());
        let mut outcomes: Vec<Option<Outcome>> = Vec::new();
        for (index, request) in requests.into_iter().enumerate() {
            outcomes.push(match read(request) {
                Err(fault) => Some(Err(fault)),
                Ok(Ask::Schema) => Some(Ok(schema())),
                Ok(Ask::Authenticate(token)) => Some(self.authenticated(&token)),
                Ok(ask) => {
                    let reply = Reply { index, to: to.clone() };
                    self.to_run.send(Question { ask, reply }).err().map(|_| Err(no_outcome()))
                }
            });
        }
        drop(to);
        // It ends once the last outcome is sent, or the run has dropped its question.
        for (index, outcome) in replies {
            outcomes[index] = Some(outcome);
        }
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(no_outcome()))).collect()
    }

    fn authenticated(&self, token: &str) -> Outcome {
        if self.key.is(token) {
            return Ok(welcome());
        }
        Err(Fault::new(code::REFUSED, "it is not the token of this run", "you are in already: leave it out"))
    }
}

fn welcome() -> Value {
    json!({ "program": "revacnn", "version": env!("CARGO_PKG_VERSION") })
}

fn write_line(mut stream: &TcpStream, text: &str) -> std::io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.write_all(b"\n")
}
