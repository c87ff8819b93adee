//! A window that is closed and opened again amid a run, without a display.

use std::path::Path;
use std::rc::Rc;

use revacnn::app::offscreen::{Picture, render};
use revacnn::app::{Show, Workbench};
use revacnn::session::Session;

/// Shows a run in a window, closes it, which saves the run, and opens the run in another window.
pub(crate) fn reopened(mut session: Session, folder: &Path) -> Session {
    let gpu = Rc::clone(session.trainer().gpu());
    let picture = Picture::new(Show::Workbench, 900, 600);
    let mut workbench = Workbench::new(&session);
    render(&mut session, &mut workbench, &picture).expect("it is drawn");
    assert!(workbench.close(&mut session), "it is saved");
    let hash = session.state_hash();
    drop(session);
    let mut session = Session::resume(gpu, folder).expect("it goes on");
    let mut workbench = Workbench::new(&session);
    render(&mut session, &mut workbench, &picture).expect("it is drawn again");
    assert_eq!(session.state_hash(), hash);
    session
}
