//! Pictures for those at the door: a pane as a window would show it that was just opened.

use super::offscreen::{self, Picture};
use super::workbench::{Show, Workbench};
use crate::door::{Ground, PictureParams};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::view::Theme;

/// A picture of a run between two steps, which goes on as it would have, as PNG.
///
/// # Errors
/// When there is no such pane, or the GPU reports a fault.
pub fn door_picture(session: &mut Session, of: &PictureParams) -> Result<Vec<u8>> {
    let all = Show::all();
    let Some((.., show)) = all.iter().find(|(name, ..)| *name == of.view) else {
        let names: Vec<_> = all.iter().map(|(name, ..)| *name).collect();
        let help = format!("take one of {}", names.join(", "));
        return Err(Error::usage(format!("there is no view {:?}", of.view), help));
    };
    if [Show::Workbench, Show::Pane("distributions")].contains(show) {
        session.count_distributions();
    }
    let theme = if of.theme == Ground::Light { Theme::Light } else { Theme::Dark };
    let mut workbench = Workbench::new(session);
    workbench.show_everywhere(session, of.layers);
    // The Embedding pane shows the layouts that are open, and opens none.
    workbench.open_layouts(session, &[], of.layers)?;
    let picture = Picture { theme, ..Picture::new(*show, of.width, of.height) };
    offscreen::png(&offscreen::render_live(session, &mut workbench, &picture)?)
}
