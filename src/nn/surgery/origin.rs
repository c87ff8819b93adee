//! Origins of channels: what each channel of a changed network was in the network before.

use crate::nn::layer::Channels;

/// A share of an old channel in a new one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Term {
    /// The old channel.
    pub old: usize,
    /// Factor of its weights.
    pub factor: f32,
    /// Part of `factor` that varies from filter to filter of the consuming layer: it is multiplied by −1 to 1.
    pub tilt: f32,
    /// Factor of the gradients that its weights have from now on, and so of their moments.
    pub gradient: f32,
}

impl Term {
    /// The old channel as it was.
    pub(super) fn whole(old: usize) -> Self {
        Self { old, factor: 1.0, tilt: 0.0, gradient: 1.0 }
    }
}

/// Origin of a channel: of the filter that makes it, and of the weights by which other layers take it. Without terms, the
/// filter is fresh, and the weights that take it are 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Origin {
    /// Terms of the filter, which is a row of its layer's tensors.
    pub filter: Vec<Term>,
    /// Terms of the weights that take the channel, which are a column of other layers' tensors.
    pub taken: Vec<Term>,
}

impl Origin {
    /// A channel that stays.
    pub(super) fn kept(old: usize) -> Self {
        Self { filter: vec![Term::whole(old)], taken: vec![Term::whole(old)] }
    }

    /// A channel of the same origin in another numbering of the old channels.
    fn renumbered(&self, number: impl Fn(usize) -> usize) -> Self {
        let terms =
            |terms: &[Term]| terms.iter().map(|term| Term { old: number(term.old), ..*term }).collect();
        Self { filter: terms(&self.filter), taken: terms(&self.taken) }
    }
}

/// Origins of the channels of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelMap {
    /// Number of channels that there were.
    pub of: usize,
    /// Origin of each channel that there is.
    pub channels: Vec<Origin>,
}

impl ChannelMap {
    /// All channels as they were.
    pub(super) fn kept(channels: usize) -> Self {
        Self { of: channels, channels: (0..channels).map(Origin::kept).collect() }
    }

    /// The old channel that a channel continues; none for a new one.
    pub fn continued(&self, channel: usize) -> Option<usize> {
        Some(self.channels.get(channel)?.taken.first()?.old)
    }

    /// The channels, each taken as it was, and not shared with others.
    pub(super) fn taken_whole(&self) -> Vec<Origin> {
        let whole = |origin: &Origin| Origin {
            filter: origin.filter.clone(),
            taken: origin.taken.iter().map(|term| Term::whole(term.old)).collect(),
        };
        self.channels.iter().map(whole).collect()
    }

    /// The map of a layer's output, by the maps of its inputs and the pixels of its first input; none where its channels have no
    /// counterpart. Not for layers that make channels.
    pub(super) fn through(channels: Channels, inputs: &[&Self], pixels: usize) -> Option<Self> {
        let first = inputs[0];
        Some(match channels {
            Channels::Made { .. } => return None,
            Channels::Kept => first.clone(),
            Channels::Joined => {
                let (mut of, mut channels) = (0, Vec::new());
                for input in inputs {
                    channels.extend(input.channels.iter().map(|origin| origin.renumbered(|old| old + of)));
                    of += input.of;
                }
                Self { of, channels }
            }
            Channels::Grouped(size) => {
                let groups = first.channels.chunks(size);
                let channels = groups.map(|group| group[0].renumbered(|old| old / size)).collect();
                Self { of: first.of / size, channels }
            }
            Channels::Flattened => {
                let expanded = |origin| {
                    (0..pixels).map(move |pixel| Origin::renumbered(origin, |old| old * pixels + pixel))
                };
                Self { of: first.of * pixels, channels: first.channels.iter().flat_map(expanded).collect() }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_pass_through_layers() {
        let mut map = ChannelMap::kept(4);
        map.channels.remove(1);
        map.channels.push(Origin::default());
        let olds = |map: &ChannelMap| -> Vec<Option<usize>> {
            map.channels.iter().map(|origin| origin.taken.first().map(|term| term.old)).collect()
        };
        let through = |channels, inputs: &[&ChannelMap]| ChannelMap::through(channels, inputs, 2).unwrap();
        let kept = through(Channels::Kept, &[&map]);
        assert_eq!(olds(&kept), [Some(0), Some(2), Some(3), None]);
        let joined = through(Channels::Joined, &[&map, &map]);
        assert_eq!(joined.of, 8);
        assert_eq!(olds(&joined)[4..], [Some(4), Some(6), Some(7), None]);
        let flat = through(Channels::Flattened, &[&map]);
        assert_eq!((flat.of, &olds(&flat)[2..6]), (8, &[Some(4), Some(5), Some(6), Some(7)][..]));
        let mut pairs = ChannelMap::kept(6);
        pairs.channels.drain(2..4);
        let grouped = through(Channels::Grouped(2), &[&pairs]);
        assert_eq!((grouped.of, olds(&grouped)), (3, vec![Some(0), Some(2)]));
        assert!(ChannelMap::through(Channels::Made { groups: 1 }, &[&map], 2).is_none());
    }
}
