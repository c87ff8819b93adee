//! A network on its way to another tool.

use crate::data::ChannelStats;
use crate::nn::Model;

/// A network for another tool, with what its user has to know.
pub struct Exported {
    /// The network with its weights.
    pub model: Model,
    /// Names of the classes; none where its loss knows no classes.
    pub classes: Vec<String>,
    /// Mean that was taken from pixels of 0 to 1 and deviation that they were divided by, of each channel, where the network does not do that
    /// itself.
    pub normalization: Option<ChannelStats>,
}

impl Exported {
    /// Facts for the user, as JSON: the classes, and the normalization of the input.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let list = |values: &[f32]| format!("{values:?}");
        let texts: Vec<String> =
            self.classes.iter().map(|class| serde_json::json!(class).to_string()).collect();
        let mut facts = vec![("classes", format!("[{}]", texts.join(", ")))];
        if let Some(stats) = &self.normalization {
            facts.extend([("mean", list(&stats.mean)), ("std", list(&stats.std))]);
        }
        facts
    }

    /// Meaning of input and output, for people.
    pub(super) fn about(&self) -> String {
        let network = &self.model.network;
        let pixels = match &self.normalization {
            Some(_) => "pixels from 0 to 1, less `mean`, divided by `std`",
            None => "pixels from 0 to 1",
        };
        let output = if self.classes.is_empty() {
            format!("an image of {}", network.input)
        } else {
            format!("logits of {} classes", self.classes.len())
        };
        format!("Input: images of {}, {pixels}. Output: {output}.", network.input)
    }
}
