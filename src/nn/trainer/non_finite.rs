//! Search for the first tensor with a value that is not finite.

use super::Trainer;
use crate::data::Clock;
use crate::gpu::{Buffer, BufferRange};
use crate::nn::TensorRange;

impl Trainer {
    /// Repeats the step at `clock`, which is halted so that it has no effect, and finds the first tensor that is not
    /// finite: `conv2`, or `the gradient of conv2`. Waits for the GPU.
    pub fn first_not_finite(&mut self, clock: Clock) -> Option<String> {
        self.set_clock(clock);
        self.supply();
        let plan = &self.pass.step;
        let mut from = 0;
        for end in &self.pass.pass_ends {
            let mut encoder = self.gpu.encoder("search for non-finite values");
            plan.record(&mut encoder.begin_compute_pass(&Default::default()), from..*end);
            self.pass.left_out.encode(&mut encoder);
            self.gpu.submit(encoder);
            from = *end;
            if let Some(found) = self.not_finite() {
                return Some(found);
            }
        }
        let gradients = self.parameters.gradients.read(&self.gpu);
        let finite = |t: &&TensorRange| gradients[t.offset..t.offset + t.len].iter().all(|v| v.is_finite());
        self.parameters.tensors.iter().find(|t| !finite(t)).map(|t| format!("the gradient of {}", t.name))
    }

    /// The first map of the last pass with a non-finite value: forward, then backward.
    fn not_finite(&self) -> Option<String> {
        let finite = |range: &BufferRange| {
            Buffer::<f32>::of_range(range).read(&self.gpu).iter().all(|value| value.is_finite())
        };
        let name = |node: usize| match node {
            0 => "the input".to_owned(),
            node => self.network.layers[node - 1].name.clone(),
        };
        let maps = self.pass.maps.activations.iter().enumerate();
        let forward = maps.clone().find(|(_, range)| !finite(range)).map(|(node, _)| name(node));
        forward.or_else(|| {
            let gradients = self.pass.maps.gradients.iter().enumerate().rev();
            let mut gradients = gradients.filter_map(|(node, range)| Some((node, range.as_ref()?)));
            let found = gradients.find(|(_, range)| !finite(range));
            found.map(|(node, _)| format!("the gradient of {}", name(node)))
        })
    }
}
