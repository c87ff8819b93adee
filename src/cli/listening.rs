//! `--listen`: the door to a run, for programs on this machine.

use std::time::Duration;

use clap::Args;
use revacnn::door::Door;
use revacnn::error::Result;
use revacnn::session::{RunState, Session};
use serde_json::json;

use super::interrupt::Interrupt;
use super::print::{print_line, say};

/// Longest wait for a request of a run that rests, which hears a signal no later.
const WAIT: Duration = Duration::from_millis(50);

#[derive(Args, Clone)]
pub(super) struct ListenOption {
    /// Let programs on this machine look at the run and steer it, by JSON-RPC 2.0 on this port of 127.0.0.1, or a free one. See the README.
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "0")]
    pub listen: Option<u16>,
}

impl ListenOption {
    /// Opens the door, where one is asked for.
    pub(super) fn open(&self, paused: bool) -> Result<Option<Listening>> {
        let open = |port| Ok(Listening { door: Door::open(port, true)?, paused, end_said: false });
        self.listen.map(open).transpose()
    }
}

/// A training with its door open.
pub(super) struct Listening {
    door: Door,
    paused: bool,
    end_said: bool,
}

impl Listening {
    /// True if the run waits for a client before its first step.
    pub(super) fn begins_paused(&self) -> bool {
        self.paused
    }

    /// Says where clients come in.
    pub(super) fn say(&self, json: bool) -> Result<()> {
        let (port, file) = (self.door.port(), self.door.file());
        if json {
            let value = json!({ "event": "listening", "address": "127.0.0.1", "port": port, "file": file });
            return print_line(&value.to_string());
        }
        print_line(&format!("listening on 127.0.0.1:{port}; the token is in {}", file.display()))
    }

    /// True while the program goes on although the run rests: it is paused, or somebody still looks at it.
    pub(super) fn stays_open(&self, session: &Session, interrupt: &Interrupt) -> bool {
        let ends = interrupt.is_requested() || self.door.stops();
        !ends && (session.state() != RunState::Finished || self.door.clients() > 0)
    }

    /// Says once that the run is at its end, and the program is not.
    fn say_end(&mut self, session: &Session) {
        if session.state() == RunState::Finished && !std::mem::replace(&mut self.end_said, true) {
            say("the training is at its end, and listens until the last client has left; Ctrl-C ends it");
        }
    }

    /// Answers requests; of a run that rests, waits for them a short while.
    pub(super) fn serve(&mut self, session: &mut Session, rests: bool) {
        if rests {
            self.say_end(session);
            self.door.wait(WAIT);
        }
        self.door.serve(session, &mut draw);
    }
}

#[cfg(feature = "app")]
use revacnn::app::door_picture as draw;

#[cfg(not(feature = "app"))]
fn draw(_: &mut Session, _: &revacnn::door::PictureParams) -> Result<Vec<u8>> {
    let help = "build it with the feature `app`, which is on by default";
    Err(revacnn::error::Error::new("this build draws no pictures", help))
}
