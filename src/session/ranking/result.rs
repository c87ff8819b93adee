//! The filters of a network by the loss without each, with signs that it does little and their remedies.

use serde::Serialize;

use crate::nn::{Edit, NearestKernel, SignLayer};
use crate::session::command::{LayerId, NetworkCommand};

/// Least cosine of two kernels that are duplicates.
pub const DUPLICATE_COSINE: f32 = 0.98;
/// Share of a filter's activations from which on it is saturated.
pub const SATURATED_SHARE: f32 = 0.95;
/// Change of a filter's weights over an epoch, in proportion to them, below which it does not move.
pub const MOVING_SHARE: f32 = 0.001;
/// Fewest weights of kernels that are compared: of fewer, some are alike by chance.
const MIN_KERNEL: usize = 9;
/// Activation functions that let nothing or little through below 0.
const RECTIFYING: [&str; 4] = ["relu", "leaky_relu", "elu", "gelu"];

/// Mean loss and accuracy over some images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct MeanScore {
    /// Number of images.
    pub images: usize,
    /// Mean loss.
    pub loss: f64,
    /// Share that is classified right, 0 to 1; 0 where the loss knows no classes.
    pub accuracy: f64,
}

/// Scores over all images, and over those of each class.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Scores {
    /// Over all images.
    pub all: MeanScore,
    /// Over the images of each class, by class; of no images where there are none.
    pub classes: Vec<MeanScore>,
}

/// Sign that a filter does little, with the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "sign", rename_all = "snake_case")]
pub enum FilterSign {
    /// None of its activations is above 0 for any of the images.
    Dead,
    /// Its activations are near the limits of the activation function.
    Saturated {
        /// Share of them, 0 to 1.
        share: f32,
    },
    /// Its kernel is that of another filter of the layer, but for its length.
    Duplicate {
        /// Number of the other filter.
        of: u32,
        /// Cosine of the two kernels.
        cosine: f32,
    },
    /// Its weights did not change over the last epoch.
    NotMoving {
        /// Mean change of a weight in proportion to the root mean square of the weights.
        change: f32,
        /// It, or its layer, is frozen.
        frozen: bool,
    },
}

impl FilterSign {
    /// The sign with its evidence, over this number of images, for people.
    pub fn words(&self, images: usize) -> String {
        match self {
            Self::Dead => format!("dead: never above 0 for {images} images"),
            Self::Saturated { share } => format!("saturated: {:.0} % of its activations", 100.0 * share),
            Self::Duplicate { of, cosine } => format!("duplicate of {of}: cosine {cosine:.3}"),
            Self::NotMoving { change, frozen } => {
                let why = if *frozen { "frozen" } else { "not moving" };
                format!("{why}: changed by {:.2} % in the last epoch", 100.0 * change)
            }
        }
    }

    /// The remedy in a word, and the command that carries it out for this filter.
    pub fn remedy(&self, (layer, filter): (u32, u32), layer_frozen: bool) -> (&'static str, NetworkCommand) {
        match self {
            Self::Dead => ("delete", NetworkCommand::Edit(Edit::DeleteFilter { layer, filter })),
            Self::Duplicate { of, .. } => {
                let filters = [filter.min(*of), filter.max(*of)];
                ("merge", NetworkCommand::Edit(Edit::MergeFilters { layer, filters }))
            }
            Self::NotMoving { frozen: true, .. } if layer_frozen => {
                ("thaw", NetworkCommand::Thaw(LayerId(layer)))
            }
            Self::NotMoving { frozen: true, .. } => {
                ("thaw", NetworkCommand::ThawFilters { layer: LayerId(layer), filters: vec![filter] })
            }
            Self::Saturated { .. } | Self::NotMoving { .. } => {
                ("reset", NetworkCommand::Edit(Edit::ResetFilter { layer, filter }))
            }
        }
    }
}

/// A filter, and the network without it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankedFilter {
    /// Number of its layer.
    pub layer: u32,
    /// Its own number.
    pub filter: u32,
    /// Numbers of the layer and itself of each filter that is tied to it, and would go with it.
    pub tied: Vec<(u32, u32)>,
    /// Scores without it and what is tied to it.
    pub without: Scores,
    /// Signs that it does little.
    pub signs: Vec<FilterSign>,
}

/// The filters that can be deleted, that whose loss is the least first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FilterRanking {
    /// Number of steps finished.
    pub step: u32,
    /// Number of times that the network was changed, when it was measured.
    pub(in crate::session) version: u32,
    /// Scores of the whole network.
    pub whole: Scores,
    /// The filters.
    pub filters: Vec<RankedFilter>,
}

impl FilterRanking {
    /// A filter by the numbers of its layer and itself.
    pub fn find(&self, (layer, filter): (u32, u32)) -> Option<&RankedFilter> {
        self.filters.iter().find(|ranked| (ranked.layer, ranked.filter) == (layer, filter))
    }

    /// Change of the loss without a filter: below 0 it does harm.
    pub fn loss_change(&self, filter: &RankedFilter) -> f64 {
        filter.without.all.loss - self.whole.all.loss
    }

    /// Change of the accuracy without a filter, −1 to 1.
    pub fn accuracy_change(&self, filter: &RankedFilter) -> f64 {
        filter.without.all.accuracy - self.whole.all.accuracy
    }

    /// The class that loses most accuracy without a filter, of equal ones that whose loss grows most, and the change of its accuracy.
    pub fn worst_class(&self, filter: &RankedFilter) -> Option<(usize, f64)> {
        let pairs = self.whole.classes.iter().zip(&filter.without.classes).enumerate();
        let changes = pairs.filter(|(_, (whole, _))| whole.images > 0).map(|(class, (whole, without))| {
            (class, without.accuracy - whole.accuracy, without.loss - whole.loss)
        });
        let worst = changes.min_by(|a, b| a.1.total_cmp(&b.1).then(b.2.total_cmp(&a.2)));
        worst.map(|(class, change, _)| (class, change))
    }
}

/// Sums over the images of each class.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    pub images: usize,
    pub loss: f64,
    pub correct: f64,
}

/// Scores of sums by class.
pub(super) fn scores(sums: &[Sum]) -> Scores {
    let mean = |sum: &Sum| {
        let images = sum.images.max(1) as f64;
        MeanScore { images: sum.images, loss: sum.loss / images, accuracy: sum.correct / images }
    };
    let all = sums.iter().fold(Sum::default(), |all, sum| Sum {
        images: all.images + sum.images,
        loss: all.loss + sum.loss,
        correct: all.correct + sum.correct,
    });
    Scores { all: mean(&all), classes: sums.iter().map(mean).collect() }
}

/// Evidence of a filter.
pub(super) struct Evidence<'a> {
    pub layer: &'a SignLayer,
    /// Activations above 0, and saturated ones, over `images` images.
    pub counts: [u32; 2],
    pub images: usize,
    pub nearest: NearestKernel,
    /// Numbers of the layer's filters.
    pub ids: &'a [u32],
    /// Total change over the last epoch, where one ended.
    pub change: Option<f32>,
    pub frozen: bool,
}

impl Evidence<'_> {
    /// The signs for which it speaks.
    pub(super) fn signs(&self) -> Vec<FilterSign> {
        let Evidence { layer, nearest, .. } = self;
        let mut signs = Vec::new();
        if self.counts[0] == 0 && layer.function.is_some_and(|kind| RECTIFYING.contains(&kind)) {
            signs.push(FilterSign::Dead);
        }
        let share = self.counts[1] as f32 / (layer.pixels * self.images).max(1) as f32;
        if share > SATURATED_SHARE {
            signs.push(FilterSign::Saturated { share });
        }
        let comparable = layer.compared && layer.weights >= MIN_KERNEL;
        if comparable && nearest.other != NearestKernel::NONE && nearest.cosine > DUPLICATE_COSINE {
            let of = self.ids[nearest.other as usize];
            signs.push(FilterSign::Duplicate { of, cosine: nearest.cosine });
        }
        // The norm is that of the whole kernel: over the root of the number of weights it is their root mean square.
        let size = nearest.norm * (layer.weights as f32).sqrt();
        let change =
            self.change.filter(|_| layer.compared).map(|change| change / size.max(f32::MIN_POSITIVE));
        if let Some(change) = change.filter(|change| *change < MOVING_SHARE) {
            signs.push(FilterSign::NotMoving { change, frozen: self.frozen });
        }
        signs
    }
}
