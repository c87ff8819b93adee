//! The parameter tensors of a layer: names, shapes, roles, initial values.

use std::borrow::Cow;

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
    /// Groups of channels of a tensor whose first two axes PyTorch and ONNX have in turn, `[in, out of a group, ky, kx]`; none where
    /// theirs are as ours.
    pub turned_groups: Option<usize>,
}

impl ParameterSpec {
    /// Weights `[out, in, ky, kx]`.
    pub fn weight(shape: [usize; 4], init: Init) -> Self {
        Self { name: "weight", shape: shape.to_vec(), role: Role::Weight, init, turned_groups: None }
    }

    /// One bias per output, initially zero.
    pub fn bias(outputs: usize) -> Self {
        Self::per_channel("bias", outputs, Role::Bias, Init::Zero)
    }

    /// One value per channel.
    pub fn per_channel(name: &'static str, channels: usize, role: Role, init: Init) -> Self {
        Self { name, shape: vec![channels], role, init, turned_groups: None }
    }

    /// Its shape in PyTorch and ONNX.
    pub fn file_shape(&self) -> Vec<usize> {
        match (self.turned_groups, &self.shape[..]) {
            (Some(groups), [out, each, taps @ ..]) => [&[each * groups, out / groups], taps].concat(),
            _ => self.shape.clone(),
        }
    }

    /// Its values in the order of PyTorch and ONNX.
    pub fn to_file<'v>(&self, values: &'v [f32]) -> Cow<'v, [f32]> {
        self.turned(&self.shape, values)
    }

    /// Its values out of those in the order of PyTorch and ONNX.
    pub fn from_file<'v>(&self, values: &'v [f32]) -> Cow<'v, [f32]> {
        self.turned(&self.file_shape(), values)
    }

    /// Values of this shape with the first two axes in turn, within each group of the first.
    fn turned<'v>(&self, shape: &[usize], values: &'v [f32]) -> Cow<'v, [f32]> {
        let (Some(groups), [rows, columns, taps @ ..]) = (self.turned_groups, shape) else {
            return Cow::Borrowed(values);
        };
        let (rows, taps) = (rows / groups, taps.iter().product::<usize>());
        let mut turned = Vec::with_capacity(values.len());
        for group in values.chunks(rows * columns * taps) {
            for column in 0..*columns {
                for row in 0..rows {
                    let first = (row * columns + column) * taps;
                    turned.extend_from_slice(&group[first..first + taps]);
                }
            }
        }
        Cow::Owned(turned)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_files_have_in_turn_come_back() {
        let spec = ParameterSpec { turned_groups: Some(2), ..ParameterSpec::weight([4, 3, 1, 2], Init::He) };
        assert_eq!(spec.file_shape(), [6, 2, 1, 2]);
        let values: Vec<f32> = (0..24).map(|value| value as f32).collect();
        let file = spec.to_file(&values);
        // Of the first group: input 0 of outputs 0 and 1, input 1 of both, input 2; then the second group.
        let first = [0., 1., 6., 7., 2., 3., 8., 9., 4., 5., 10., 11.];
        assert_eq!(file[..12], first);
        assert!(file[12..].iter().zip(first).all(|(value, first)| *value == first + 12.0));
        assert_eq!(spec.from_file(&file)[..], values);
        let plain = ParameterSpec::weight([4, 3, 1, 2], Init::He);
        assert_eq!((&plain.to_file(&values)[..], plain.file_shape()), (&values[..], plain.shape.clone()));
    }
}
