//! A frame of a live run up to its pictures: the interface, training, and the interface again where the network is another now.

use std::rc::Rc;

use super::canvas::{Canvas, Painting};
use super::workbench::{Show, Workbench};
use crate::session::Session;

/// GPU milliseconds per frame.
const FRAME_MS: f64 = 15.0;
/// The same on the software adapter, which shares its cores with everything else.
const SOFTWARE_FRAME_MS: f64 = 60.0;
/// Share of them for training in a frame in which the network was changed before: the change is to be seen.
const SHARE_AFTER_CHANGE: f64 = 0.1;

/// Lays out the interface, so that a click acts on this very frame, and submits the frame's training. What is to be painted shows the
/// state after it; a change of the network that only waited for the end of the step, too. Returns whether there was any training.
pub fn live_frame(
    canvas: &mut Canvas,
    workbench: &mut Workbench,
    session: &mut Session,
    input: egui::RawInput,
    size: [u32; 2],
    show: Show,
) -> (Painting, bool) {
    let gpu = Rc::clone(session.trainer().gpu());
    let again = egui::RawInput { events: Vec::new(), ..input.clone() };
    let version = session.network_version();
    let mut lay_out = |session: &mut Session, workbench: &mut Workbench, input| {
        canvas.run(&gpu, input, size, |ui, frame| workbench.ui(ui, session, frame, show))
    };
    let painting = lay_out(session, workbench, input);
    let share = if session.network_version() == version { 1.0 } else { SHARE_AFTER_CHANGE };
    let trained = work(session, workbench.costs.views_ms, share);
    if session.network_version() == version {
        return (painting, trained);
    }
    (painting.followed_by(lay_out(session, workbench, again)), trained)
}

/// Submits the training of a frame whose pictures take `views_ms`, apart from them: what cannot be drawn costs no step. A step for
/// whose end a change of the network waits is finished whatever it takes. Returns whether there was any.
pub(super) fn work(session: &mut Session, views_ms: f64, share: f64) -> bool {
    let budget_ms = if session.gpu().is_software() { SOFTWARE_FRAME_MS } else { FRAME_MS };
    let budget_ms = share * (budget_ms - views_ms).max(budget_ms / 4.0);
    let budget_ms = if session.edit_awaits_step() { f64::INFINITY } else { budget_ms };
    let mut encoder = session.gpu().encoder("training");
    let trained = session.record(&mut encoder, budget_ms);
    session.gpu().submit(encoder);
    session.after_submit();
    session.carry_out_waiting();
    trained
}
