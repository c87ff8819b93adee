//! The door: a run's way in for programs, such as a notebook, while it trains. JSON-RPC 2.0 over TCP on 127.0.0.1.
//!
//! A message is a line of JSON in UTF-8, of 1 MiB at most from a client; requests, batches (1000 at most) and notifications are as
//! <https://www.jsonrpc.org/specification> has them, with parameters by name or by place. The door listens on the loopback address alone.
//! The first request of a connection is `authenticate`, with the token of a file that the user alone can read: until then nothing is
//! answered, and anything else ends the connection. The program names the file at its start; it holds
//! `{"address", "port", "token"}`, lies in the user's folder for what lasts as long as a login (`$XDG_RUNTIME_DIR/revacnn/door-PORT.json`),
//! else in the cache folder, or where the variable `REVACNN_DOOR` says, and is removed at the end.
//!
//! | method | parameters | answer |
//! | --- | --- | --- |
//! | `authenticate` | `token` | `program`, `version` |
//! | `schema` | | `methods`, `command`: JSON schemas of parameters and of every command |
//! | `state` | | `state` (paused, training, validating, finished), `step`, `epoch`, `settings`, `layers` with their numbers, names, kinds, shapes `[channel, y, x]`, tensors and filters, and more |
//! | `command` | `command`: the object of a line of the journal | `step`: steps finished before it, once it has taken effect |
//! | `run` | | `state`, `step`, `epoch` |
//! | `pause` | | the same, once the run rests |
//! | `step` | `steps` (1) | the same and `made`, once they are made and their metrics are there |
//! | `metrics` | `since` (step 0) | `steps` with loss and accuracy (0 to 1), `epochs` as in metrics.csv, `images_per_s` |
//! | `tensor` | `layer` (number or name), `kind` (`weights`), `part` | `name`, `step`, `dtype`, `shape`, `data`: base64 of little-endian `f32` |
//! | `picture` | `view`, `width`, `height` (pixels), `theme`, `layers` | `data`: base64 of a PNG |
//! | `stop` | | `state`, `step`, `epoch`: `revacnn train` ends as at its end |
//!
//! An error has what happened as its `message`, and what to do next as `data.help`. Beside the specification's codes, -32000 is what the
//! run refuses: a value out of range, a layer, filter, image or pane that is not there. What is refused changes nothing.
//!
//! Requests of a line are carried out together, in their order; its answer comes when the last of them is done. One connection waits for
//! nothing on another.
//!
//! Threads only carry lines: requests lie in a bounded queue until the owner of the session takes them out between two steps
//! ([`Door::serve`]), so that a run is as deterministic as by hand: its bits follow from the commands in its journal.

mod facts;
mod key;
mod lines;
mod methods;
mod params;
mod protocol;
#[cfg(test)]
mod protocol_tests;
mod server;
mod serving;
mod tensors;

pub use facts::plain;
pub use key::FILE_VARIABLE;
pub use params::{Ground, PictureParams};
pub use serving::{Door, Draw};
