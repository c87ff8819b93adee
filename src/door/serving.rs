//! The door on the side of the run: its owner takes requests out between two steps, and answers them.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use serde_json::{Value, json};

use super::facts::{brief, metrics, state};
use super::key::{Key, KeyFile};
use super::methods::Ask;
use super::params::PictureParams;
use super::protocol::{Fault, Outcome};
use super::server::{Question, Reply, Server};
use super::tensors;
use crate::error::{Error, Result};
use crate::session::{
    Command, RunState, Session, Taken, Ticket, apply_awaited, hold, is_between_steps, outcomes, steps_left,
    train_steps,
};

/// Requests that are taken at once.
const MAX_AT_ONCE: usize = 1024;

/// The maker of pictures: of a run between two steps, as PNG.
pub type Draw<'a> = dyn FnMut(&mut Session, &PictureParams) -> Result<Vec<u8>> + 'a;

/// A run's way in for programs.
pub struct Door {
    // Before the server, whose end waits for clients that wait for these.
    requests: Requests,
    server: Server,
    file: KeyFile,
    stops: bool,
    can_stop: bool,
}

/// Requests that are not answered yet.
struct Requests {
    incoming: Receiver<Question>,
    /// The first one that came while its owner waited.
    taken: VecDeque<Question>,
    commands: Vec<(Ticket, Reply)>,
    /// Steps under way: their first one, and who waits for them.
    steps: Option<(u32, Reply)>,
    /// Steps that come after those.
    later: VecDeque<(u32, Reply)>,
    pauses: Vec<Reply>,
    /// Those that want the run between two steps.
    between: VecDeque<Question>,
}

impl Door {
    /// Opens it on 127.0.0.1, at a free port for 0, with a new token. `can_stop`: a client may end the program.
    ///
    /// # Errors
    /// When the port is taken, or the file with the token cannot be written.
    pub fn open(port: u16, can_stop: bool) -> Result<Self> {
        let key = Arc::new(Key::random()?);
        let (server, incoming) = Server::open(port, Arc::clone(&key))?;
        let file = key.write(server.port())?;
        let requests = Requests {
            incoming,
            taken: VecDeque::new(),
            commands: Vec::new(),
            steps: None,
            later: VecDeque::new(),
            pauses: Vec::new(),
            between: VecDeque::new(),
        };
        Ok(Self { requests, server, file, stops: false, can_stop })
    }

    /// Port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// File with port and token.
    pub fn file(&self) -> &Path {
        self.file.path()
    }

    /// Tells the log where clients come in.
    pub fn announce(&self) {
        log::info!("listening on 127.0.0.1:{}; the token is in {}", self.port(), self.file().display());
    }

    /// Number of clients.
    pub fn clients(&self) -> usize {
        self.server.clients()
    }

    /// True once a client asked for the end of the training.
    pub fn stops(&self) -> bool {
        self.stops
    }

    /// Waits for a request, for `time` at most; returns whether there is one.
    pub fn wait(&mut self, time: Duration) -> bool {
        if self.requests.taken.is_empty() {
            self.requests.taken.extend(self.requests.incoming.recv_timeout(time));
        }
        !self.requests.taken.is_empty()
    }

    /// Answers what can be answered now. All that was recorded must be submitted. Returns whether anything was asked of the run.
    pub fn serve(&mut self, session: &mut Session, draw: &mut Draw<'_>) -> bool {
        self.requests.tell_outcomes(session);
        let first = std::mem::take(&mut self.requests.taken);
        let mut questions: Vec<Question> = first.into();
        questions.extend(self.requests.incoming.try_iter().take(MAX_AT_ONCE));
        let any = !questions.is_empty();
        for Question { ask, reply } in questions {
            match ask {
                Ask::Stop if self.can_stop => {
                    session.pause();
                    self.stops = true;
                    self.requests.pauses.push(reply);
                }
                Ask::Stop => {
                    reply.send(Err(
                        Error::new("the window has no end of its own", "close it, or `pause`").into()
                    ))
                }
                ask => self.requests.take(Question { ask, reply }, session),
            }
        }
        self.requests.answer_rests(session);
        any | self.requests.answer_between(session, draw)
    }

    /// Another run takes the place of the one that was served: what waits is answered with an error.
    pub fn forget(&mut self) {
        self.requests.forget();
    }
}

impl Requests {
    fn take(&mut self, Question { ask, reply }: Question, session: &mut Session) {
        match ask {
            Ask::State => reply.send(Ok(state(session))),
            Ask::Metrics(since) => reply.send(Ok(metrics(session, since))),
            Ask::Command(command) => self.command(session, *command, reply),
            Ask::Run => reply.send(run(session)),
            Ask::Pause => {
                session.pause();
                self.pauses.push(reply);
            }
            Ask::Step(steps) => self.later.push_back((steps, reply)),
            ask @ (Ask::Tensor(_) | Ask::Picture(_)) => self.between.push_back(Question { ask, reply }),
            // Answered without the run.
            Ask::Authenticate(_) | Ask::Schema | Ask::Stop => {}
        }
    }

    fn command(&mut self, session: &mut Session, command: Command, reply: Reply) {
        match apply_awaited(session, command) {
            Ok(Taken::Done(step)) => reply.send(Ok(json!({ "step": step }))),
            Ok(Taken::Waits(ticket)) => self.commands.push((ticket, reply)),
            Err(error) => reply.send(Err(error.into())),
        }
    }

    /// Answers the commands that have taken effect, or failed.
    fn tell_outcomes(&mut self, session: &mut Session) {
        for (ticket, outcome) in outcomes(session) {
            let of_it = |(other, _): &mut (Ticket, Reply)| *other == ticket;
            for (_, reply) in self.commands.extract_if(.., of_it).collect::<Vec<_>>() {
                reply.send(outcome.clone().map(|step| json!({ "step": step })).map_err(Fault::from));
            }
        }
    }

    /// Answers those who wait for the run to rest, and begins the next steps.
    fn answer_rests(&mut self, session: &mut Session) {
        let rests = matches!(session.state(), RunState::Paused | RunState::Finished);
        if rests && (self.steps.is_some() || !self.pauses.is_empty()) {
            // The results of the last steps are on their way.
            session.settle();
        }
        let plays_on = session.is_playing() && steps_left(session).is_none();
        if let Some((first, reply)) = self.steps.take_if(|_| rests || plays_on) {
            let mut answer = brief(session);
            answer["made"] = json!(session.step().saturating_sub(first));
            reply.send(Ok(answer));
        }
        if rests || session.is_playing() {
            self.pauses.drain(..).for_each(|reply| reply.send(Ok(brief(session))));
        }
        if self.steps.is_none()
            && let Some((steps, reply)) = self.later.pop_front()
        {
            self.step(session, steps, reply);
        }
    }

    fn step(&mut self, session: &mut Session, steps: u32, reply: Reply) {
        if let Err(fault) = check_goes_on(session) {
            return reply.send(Err(fault));
        }
        train_steps(session, steps);
        self.steps = Some((session.step(), reply));
    }

    /// Answers those who want the run between two steps, and holds the next step up until that is done: one picture at once.
    fn answer_between(&mut self, session: &mut Session, draw: &mut Draw<'_>) -> bool {
        let waits = !self.between.is_empty();
        if waits && is_between_steps(session) {
            while let Some(Question { ask, reply }) = self.between.pop_front() {
                let drawn = matches!(ask, Ask::Picture(_));
                reply.send(between(session, &ask, draw).map_err(Fault::from));
                if drawn {
                    break;
                }
            }
        }
        hold(session, !self.between.is_empty());
        waits
    }

    fn forget(&mut self) {
        self.commands.clear();
        (self.steps, self.later) = (None, VecDeque::new());
        self.pauses.clear();
        self.between.clear();
        self.taken.clear();
    }
}

fn check_goes_on(session: &Session) -> Result<(), Fault> {
    if session.state() == RunState::Finished {
        let what = format!("the run has reached its end after {} steps", session.step());
        return Err(Error::new(what, "resume it with more --epochs or --steps").into());
    }
    Ok(())
}

fn run(session: &mut Session) -> Outcome {
    check_goes_on(session)?;
    session.play();
    Ok(brief(session))
}

/// The answer to what wants the run between two steps.
fn between(session: &mut Session, ask: &Ask, draw: &mut Draw<'_>) -> Result<Value> {
    match ask {
        Ask::Picture(picture) => {
            let png = draw(session, picture)?;
            Ok(json!({
                "view": picture.view, "width": picture.width, "height": picture.height, "step": session.step(),
                "media_type": "image/png", "data": tensors::base64(&png),
            }))
        }
        Ask::Tensor(of) => tensors::read(session, of),
        _ => Ok(Value::Null),
    }
}
