//! A frame of a live run up to its pictures: the interface, training, and the interface again where the network is another now.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::canvas::{Canvas, Painting};
use super::workbench::{Show, Workbench};
use crate::session::Session;

/// GPU milliseconds per frame.
const FRAME_MS: f64 = 15.0;
/// The same on the software adapter, which shares its cores with everything else.
const SOFTWARE_FRAME_MS: f64 = 60.0;
/// Share of the training in a frame while the pointer moves, and seconds for which it counts as moving: a click is to come, and waits for
/// the end of the frame under way.
const HAND_SHARE: f64 = 0.5;
const HAND_S: f32 = 0.5;
/// Time without an action of the hand after which kernels may be timed, which holds the window up for a moment each.
const HAND_AWAY: Duration = Duration::from_secs(2);

/// Lays out the interface, so that a click acts on this very frame, and submits the frame's training; where the network was changed, it is
/// painted before any training goes on. What is to be painted shows the state after it. Returns whether there is any training.
pub fn live_frame(
    canvas: &mut Canvas,
    workbench: &mut Workbench,
    session: &mut Session,
    input: egui::RawInput,
    size: [u32; 2],
    show: Show,
) -> (Painting, bool) {
    let (gpu, ctx) = (Rc::clone(session.trainer().gpu()), canvas.ctx.clone());
    let again = egui::RawInput { events: Vec::new(), ..input.clone() };
    session.may_tune(hand_is_away(&ctx, !input.events.is_empty()));
    let version = session.network_version();
    let mut lay_out = |session: &mut Session, workbench: &mut Workbench, input| {
        canvas.run(&gpu, input, size, |ui, frame| workbench.ui(ui, session, frame, show))
    };
    let painting = lay_out(session, workbench, input);
    // A step that can no longer begin again is finished, whatever it takes.
    let share = if session.put_changes_first() { f64::INFINITY } else { hand_share(&ctx) };
    let trained = session.network_version() != version || work(session, workbench.costs.views_ms, share).0;
    if session.network_version() == version {
        return (painting, trained);
    }
    (painting.followed_by(lay_out(session, workbench, again)), trained)
}

/// A turn that only trains, as long as a frame would.
pub fn train(canvas: &Canvas, session: &mut Session) -> wgpu::SubmissionIndex {
    session.may_tune(hand_is_away(&canvas.ctx, false));
    work(session, 0.0, hand_share(&canvas.ctx)).1
}

/// Share of a turn that trains, by the movement of the pointer.
fn hand_share(ctx: &egui::Context) -> f64 {
    let moves = ctx.input(|input| input.pointer.time_since_last_movement()) < HAND_S;
    if moves { HAND_SHARE } else { 1.0 }
}

/// No pointer moved and no key was pressed for a while; `acts` says whether one is now.
fn hand_is_away(ctx: &egui::Context, acts: bool) -> bool {
    let (id, now) = (egui::Id::unique("last action of the hand"), Instant::now());
    ctx.data_mut(|data| {
        if acts {
            data.insert_temp(id, now);
        }
        data.get_temp::<Instant>(id).is_none_or(|last| now - last > HAND_AWAY)
    })
}

/// Submits the training of a frame whose pictures take `views_ms`, apart from them: what cannot be drawn costs no step. It takes a `share`
/// of the time left, 1 for all of it. While a GPU's driver compiles what the next step runs there is none, and the window goes on. Returns
/// whether there is any, and its submission.
pub(super) fn work(session: &mut Session, views_ms: f64, share: f64) -> (bool, wgpu::SubmissionIndex) {
    let budget_ms = if session.gpu().is_software() { SOFTWARE_FRAME_MS } else { FRAME_MS };
    let budget_ms = share * (budget_ms - views_ms).max(budget_ms / 4.0);
    let mut encoder = session.gpu().encoder("training");
    // The software adapter compiles at the first dispatch, whoever waits before.
    if session.gpu().is_software() {
        session.wait_compiled();
    }
    if !session.is_compiled() {
        return (true, session.gpu().submit(encoder));
    }
    let trained = session.record(&mut encoder, budget_ms);
    let submission = session.gpu().submit(encoder);
    session.after_submit();
    session.put_changes_first();
    (trained, submission)
}
