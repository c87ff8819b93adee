//! What the user can do to a running session: plain data, applied between two steps, kept in the journal.

use serde::{Deserialize, Serialize};

use crate::nn::{Kind, Schedule};

/// One change to the run. `{"set_learning_rate": 0.01}` in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// The next step uses this learning rate (finite, not negative).
    SetLearningRate(f32),
    /// The next step uses this momentum (0 up to, not including, 1).
    SetMomentum(f32),
    /// The next step uses this L2 decay of the weights (finite, not negative).
    SetWeightDecay(f32),
    /// Another optimizer, with its usual rate, momentum and averages, and moments of 0.
    SetOptimizer(Kind),
    /// The next step averages squares with this share of the last mean (0 up to, not including, 1).
    SetBeta2(f32),
    /// The next step adds this to its divisors (finite, above 0).
    SetEpsilon(f32),
    /// The next step uses this L1 decay of the weights (finite, not negative).
    SetL1Decay(f32),
    /// The next step clips the gradients' norm to this; 0: not at all.
    SetClipNorm(f32),
    /// How the learning rate goes on.
    SetSchedule(Schedule),
    /// Epochs of warm-up (finite, not negative).
    SetWarmup(f32),
    /// Nesterov momentum on or off.
    SetNesterov(bool),
    /// The next step draws this many images (1 up to the size of the training set).
    SetBatch(u32),
    /// Random shift of each training image by up to this many pixels.
    SetShift(u32),
    /// Random horizontal flip of each training image.
    SetFlip(bool),
    /// Random rotation of each training image by up to this many degrees to either side.
    SetRotation(f32),
    /// Random change of its size by up to this share.
    SetScale(f32),
    /// Random change of its brightness by up to this share of a pixel's range.
    SetBrightness(f32),
    /// Random change of its contrast by up to this share.
    SetContrast(f32),
    /// A square of so many pixels is cut out of it.
    SetCutout(u32),
    /// The parameters of this layer (counted from 0) stay as they are from the next step on.
    Freeze(u32),
    /// They are trained again.
    Thaw(u32),
    /// Back to step 0 with fresh weights from this seed.
    Reset(u64),
    /// Pin this image of the test set as the first probe.
    PinProbe(u32),
}
