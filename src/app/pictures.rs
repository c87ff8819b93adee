//! Pictures of the user's own on their way to the probes: from files that are named or dropped, and from the clipboard.

use std::path::Path;

use crate::data::{FittedPicture, ImageShape, Picture};
use crate::error::Result;
use crate::session::{Control, Inspect, NewProbe, ProbeChange, Session};

/// Shape of the network's input as the images of a data set have it.
pub(crate) fn input_shape(session: &Session) -> ImageShape {
    let input = session.trainer().network.input;
    ImageShape { channels: input.channels, height: input.height, width: input.width }
}

/// The request that adds a picture of this name.
fn adding(name: String, fitted: FittedPicture) -> Control {
    let FittedPicture { image, preview, animated } = fitted;
    Control::Inspect(Inspect::Probe(ProbeChange::Add(NewProbe {
        name,
        image,
        preview: Some(preview),
        animated,
    })))
}

/// The request that adds the picture in a file.
///
/// # Errors
/// When it is no picture that can be read, or does not fit the network.
pub(crate) fn of_file(session: &Session, path: &Path) -> Result<Control> {
    let fitted = Picture::open(path)?
        .fit(input_shape(session), session.settings().fit())
        .map_err(|e| e.within(path.display()))?;
    let name = path
        .file_name()
        .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    Ok(adding(name, fitted))
}

/// The request that adds the picture that was pasted.
///
/// # Errors
/// When it has too many pixels, or does not fit the network.
pub(crate) fn of_clipboard(session: &Session, pasted: &egui::ColorImage) -> Result<Control> {
    let [width, height] = pasted.size.map(|side| side as u32);
    let rgba = pasted.pixels.iter().flat_map(|pixel| pixel.to_srgba_unmultiplied()).collect();
    let picture = Picture::of_rgba([width, height], rgba).map_err(|e| e.within("the clipboard"))?;
    let fitted = picture.fit(input_shape(session), session.settings().fit());
    Ok(adding("pasted".to_owned(), fitted.map_err(|e| e.within("the clipboard"))?))
}
