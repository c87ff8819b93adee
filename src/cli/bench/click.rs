//! `revacnn bench click`: time from a change of the network, asked for while it trains, to the first frame that shows it.
//!
//! Frames are made as the window makes them. Clicks come at random times, also while a frame is under way, and act on the next one. As
//! under a hand, the pointer moves to the column before each: while it moves, frames train less.

use std::time::{Duration, Instant};

use clap::Args;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use revacnn::app::Show;
use revacnn::error::Result;
use revacnn::nn::{Edit, Network, NetworkLayer, Surgery};
use revacnn::session::{NetworkCommand, Session};
use serde_json::json;

use super::measure::quantile;
use super::renderer::{Renderer, WindowSize};
use crate::cli::print::print_line;
use crate::cli::run_options::{AdapterOption, RunOptions};

/// Kinds of changes, which take turns.
const KINDS: [&str; 5] = ["add", "split", "delete", "insert", "remove"];
/// Longest pause between a frame that shows a change and the next movement of the pointer, in seconds.
const PAUSE_S: f64 = 0.4;
/// Time that the pointer takes to the next place, and longest time that it then rests before the click, in seconds.
const MOVE_S: f64 = 0.4;
const REST_S: f64 = 0.2;

#[derive(Args)]
pub(crate) struct BenchClick {
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    adapter: AdapterOption,
    /// Number of changes: filters added, split and deleted, convolutions inserted and removed, in turn.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    edits: u32,
    #[command(flatten)]
    window: WindowSize,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// A change of this kind that the network allows.
fn edit(network: &Network, kind: &str, rng: &mut ChaCha8Rng) -> Edit {
    let has_filters = |layer: &&NetworkLayer| !layer.filter_ids.is_empty();
    let made: Vec<&NetworkLayer> = network.layers.iter().filter(has_filters).collect();
    loop {
        let layer = made.choose(rng).expect("a network has a layer with filters");
        let (id, filter) = (layer.id, *layer.filter_ids.choose(rng).expect("it has filters"));
        let edit = match kind {
            "add" => Edit::AddFilter { layer: id },
            "split" => Edit::SplitFilter { layer: id, filter },
            "delete" => Edit::DeleteFilter { layer: id, filter },
            "insert" => {
                let settings = "kind = \"conv2d\"\nkernel = 3\npadding = 1".parse().expect("it is a table");
                Edit::InsertLayer { after: Some(network.layers[0].id), settings }
            }
            // The one that was inserted last.
            _ => Edit::RemoveLayer { layer: network.next_id - 1 },
        };
        if Surgery::of(network, &edit).is_ok() {
            return edit;
        }
    }
}

/// Movement of the hand before a click: a pause, the way of the pointer to a place, in points, and a rest.
struct Hand {
    pause_s: f64,
    to: egui::Pos2,
    rest_s: f64,
}

impl BenchClick {
    pub(crate) fn run(&self) -> Result<()> {
        let mut session =
            Session::new(self.adapter.open_tuned()?, &self.run.network, self.run.settings()?, None)?;
        let mut renderer = Renderer::new(&session, Show::Workbench, self.window.size)?;
        let mut rng = ChaCha8Rng::seed_from_u64(self.run.seed);
        session.play();
        session.wait_compiled();
        // Settles what is known of the adapter's speed.
        let frame_ms = self.frames(&mut renderer, &mut session, Duration::from_secs(3));
        let mut waits_ms = Vec::new();
        for number in 0..self.edits {
            let hand = self.hand(&renderer, &mut rng);
            let kind = KINDS[number as usize % KINDS.len()];
            let wait_ms =
                self.click(&mut renderer, &mut session, &hand, |network| edit(network, kind, &mut rng))?;
            waits_ms.push(wait_ms);
        }
        session.check_events()?;
        let [median_ms, longest_ms] = [0.5, 1.0].map(|fraction| quantile(&waits_ms, fraction));
        let (network, dataset, adapter) = (&self.run.network, &self.run.dataset, &session.gpu().info.name);
        let value = json!({
            "network": network, "dataset": dataset, "batch": self.run.batch, "edits": self.edits, "median_ms": median_ms,
            "longest_ms": longest_ms, "frame_ms": frame_ms, "width": self.window.size.0, "height": self.window.size.1, "adapter": adapter,
        });
        let text = format!(
            "{network}, {} changes while it trains: {median_ms:.0} ms from the click to the frame that shows it (longest {longest_ms:.0} ms); a frame takes {frame_ms:.0} ms",
            self.edits
        );
        print_line(&if self.json { value.to_string() } else { text })
    }

    /// The next movement of the hand: to the head of a column.
    fn hand(&self, renderer: &Renderer, rng: &mut ChaCha8Rng) -> Hand {
        let heads = renderer.workbench.targets().iter().filter(|(name, _)| name.ends_with(" menu"));
        let heads: Vec<egui::Pos2> = heads.map(|(_, rect)| rect.center()).collect();
        let to = heads.choose(rng).copied().unwrap_or_default();
        Hand { pause_s: rng.random_range(0.0..PAUSE_S), to, rest_s: rng.random_range(0.0..REST_S) }
    }

    /// Makes frames for `time`; returns the median of their milliseconds.
    fn frames(&self, renderer: &mut Renderer, session: &mut Session, time: Duration) -> f64 {
        let began = Instant::now();
        let mut frames_ms = Vec::new();
        while began.elapsed() < time {
            let frame = Instant::now();
            renderer.turn(session, true, true);
            renderer.wait(session, 0);
            frames_ms.push(1e3 * frame.elapsed().as_secs_f64());
        }
        quantile(&frames_ms, 0.5)
    }

    /// Moves the pointer to a place and clicks; returns milliseconds until a frame that shows the change is presented.
    fn click(
        &self,
        renderer: &mut Renderer,
        session: &mut Session,
        hand: &Hand,
        edit: impl FnOnce(&Network) -> Edit,
    ) -> Result<f64> {
        let began = Instant::now();
        let from = renderer.pointer.unwrap_or_default();
        let clicked = began + Duration::from_secs_f64(hand.pause_s + MOVE_S + hand.rest_s);
        while Instant::now() < clicked {
            let way = (began.elapsed().as_secs_f64() - hand.pause_s) / MOVE_S;
            renderer.pointer = Some(from.lerp(hand.to, way.clamp(0.0, 1.0) as f32));
            renderer.turn(session, false, true);
        }
        let version = session.network_version();
        session.apply(NetworkCommand::Edit(edit(&session.trainer().network)))?;
        loop {
            renderer.turn(session, true, true);
            session.check_events()?;
            if session.network_version() != version {
                renderer.wait(session, 0);
                break;
            }
        }
        Ok(1e3 * clicked.elapsed().as_secs_f64())
    }
}
