//! The parameter tensors of a layer: names, shapes, roles, initial values.

use super::init::Init;

/// Role of a parameter tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Trained, with weight decay.
    Weight,
    /// Trained, without weight decay.
    Bias,
    /// Running statistic (PyTorch's buffer): not trained, the step subtracts its "gradient" unscaled.
    Buffer,
}

/// One parameter tensor of a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterSpec {
    /// Name within the layer: `weight`, `bias`.
    pub name: &'static str,
    /// `[out, in, ky, kx]` of weights, `[out]` of all else.
    pub shape: Vec<usize>,
    /// Role.
    pub role: Role,
    /// Initialization.
    pub init: Init,
}

impl ParameterSpec {
    /// Weights `[out, in, ky, kx]`.
    pub fn weight(shape: [usize; 4], init: Init) -> Self {
        Self { name: "weight", shape: shape.to_vec(), role: Role::Weight, init }
    }

    /// One bias per output, initially zero.
    pub fn bias(outputs: usize) -> Self {
        Self::per_channel("bias", outputs, Role::Bias, Init::Zero)
    }

    /// One value per channel.
    pub fn per_channel(name: &'static str, channels: usize, role: Role, init: Init) -> Self {
        Self { name, shape: vec![channels], role, init }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// True without values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
