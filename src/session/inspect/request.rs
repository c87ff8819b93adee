//! Requests of a user interface about single images.

use crate::data::Preview;

/// An image that is to become a probe.
#[derive(Debug, Clone, PartialEq)]
pub struct NewProbe {
    /// Its name, such as that of a file.
    pub name: String,
    /// `[c, y, x]`, as an image of the data set, 0 to 255.
    pub image: Vec<u8>,
    /// The picture that it is a part of.
    pub preview: Option<Preview>,
    /// The picture has more frames than the one that was taken.
    pub animated: bool,
}

/// A change of the probes; each is given by its id.
#[derive(Debug, Clone, PartialEq)]
pub enum ProbeChange {
    /// Adds an image of the user's own, and pins it.
    Add(NewProbe),
    /// Adds an image of the data set by its number and class, and pins it; pins it where it is there already.
    AddNumber {
        /// Its name.
        name: String,
        /// Its number among all images (see [`DataLoader::test_number`](crate::data::DataLoader::test_number)).
        number: u32,
        /// Its class.
        class: u8,
    },
    /// Another image in its place, as while it is drawn.
    SetImage(u32, Vec<u8>),
    /// Its light parts become dark and its dark ones light.
    Invert(u32),
    /// The class that it is of, as the user says.
    SetClass(u32, Option<u8>),
    /// Shows its maps in the Network pane.
    Pin(u32),
    /// Shows the maps of the test image of the run's settings again.
    Unpin,
    /// Drops it.
    Remove(u32),
}

/// A request about single images.
#[derive(Debug, Clone, PartialEq)]
pub enum Inspect {
    /// Predictions of the probes and of test images are looked at in this frame.
    Predictions,
    /// Images of evaluations are kept from now on.
    KeepOutcomes,
    /// Shows images, by their numbers.
    ShowImages(Vec<u32>),
    /// Changes the probes.
    Probe(ProbeChange),
}

impl From<ProbeChange> for Inspect {
    fn from(change: ProbeChange) -> Self {
        Self::Probe(change)
    }
}
