//! Layers that ONNX says in several operators, or in one with constants of its own.

use toml::{Table, Value as Setting};

use super::ranks::Rank;
use super::writer::{Set, Writer, number, size};
use crate::nn::Shape;

impl Writer<'_> {
    /// `Resize`.
    pub(super) fn upsample(&mut self, input: &str, output: &str, settings: &Table) {
        let factor = size(settings, "factor");
        let scales = self.part("scales");
        let scales = self.floats(scales, &[4], &[1.0, 1.0, factor as f32, factor as f32]);
        let nearest = [
            ("mode", Set::Word("nearest")),
            ("coordinate_transformation_mode", Set::Word("asymmetric")),
            ("nearest_mode", Set::Word("floor")),
        ];
        let bilinear =
            [("mode", Set::Word("linear")), ("coordinate_transformation_mode", Set::Word("half_pixel"))];
        let blends = settings.contains_key("mode");
        self.node("Resize", &[input, "", &scales], output, if blends { &bilinear } else { &nearest });
    }

    /// `x/2 · (1 + erf(x/√2))`.
    pub(super) fn gelu(&mut self, input: &str, output: &str) {
        let root = self.number("root", std::f32::consts::SQRT_2);
        let (one, half) = (self.number("one", 1.0), self.number("half", 0.5));
        let [divided, erf, sum, product] = ["divided", "erf", "sum", "product"].map(|part| self.part(part));
        self.node("Div", &[input, &root], &divided, &[]);
        self.node("Erf", &[&divided], &erf, &[]);
        self.node("Add", &[&erf, &one], &sum, &[]);
        self.node("Mul", &[input, &sum], &product, &[]);
        self.node("Mul", &[&product, &half], output, &[]);
    }

    /// `LRN`; of an even size, which that has otherwise, `x · (k + alpha · mean of squares)^−beta`.
    pub(super) fn local_response_norm(&mut self, input: &str, output: &str, settings: &Table) {
        let of = |name: &str| number(settings, name);
        let (reach, alpha, beta, k) = (size(settings, "size"), of("alpha"), of("beta"), of("k"));
        if reach % 2 == 1 {
            let sets = [
                ("size", Set::Int(reach)),
                ("alpha", Set::Float(alpha)),
                ("beta", Set::Float(beta)),
                ("bias", Set::Float(k)),
            ];
            self.node("LRN", &[input], output, &sets);
            return;
        }
        let Shape { channels, height, width } = self.layer.output;
        let rows = self.part("rows");
        let rows = self.ints(rows, &[0, 1, channels as i64, (height * width) as i64]);
        let shape = self.part("shape");
        let shape = self.ints(shape, &[0, channels as i64, height as i64, width as i64]);
        let (alpha, k, beta) = (self.number("alpha", alpha), self.number("k", k), self.number("beta", beta));
        let parts = ["squares", "columns", "means", "maps", "scaled", "sums", "powers"];
        let [squares, columns, means, maps, scaled, sums, powers] = parts.map(|part| self.part(part));
        self.node("Mul", &[input, input], &squares, &[]);
        self.node("Reshape", &[&squares, &rows], &columns, &[]);
        let sets = [
            ("kernel_shape", Set::Ints(&[reach, 1])),
            ("strides", Set::Ints(&[1, 1])),
            ("pads", Set::Ints(&[reach / 2, 0, (reach - 1) / 2, 0])),
            ("count_include_pad", Set::Int(1)),
        ];
        self.node("AveragePool", &[&columns], &means, &sets);
        self.node("Reshape", &[&means, &shape], &maps, &[]);
        self.node("Mul", &[&maps, &alpha], &scaled, &[]);
        self.node("Add", &[&scaled, &k], &sums, &[]);
        self.node("Pow", &[&sums, &beta], &powers, &[]);
        self.node("Div", &[input, &powers], output, &[]);
    }

    /// The largest of each group of neighboring channels.
    pub(super) fn maxout(&mut self, input: &str, output: &str, group: usize, rank: Rank) {
        let Shape { channels, height, width } = self.layer.output;
        let sizes = [0, channels as i64, group as i64, height as i64, width as i64];
        let sizes = if rank == Rank::Map { &sizes[..] } else { &sizes[..3] };
        let to = self.part("groups");
        let to = self.ints(to, sizes);
        let axes = self.part("axes");
        let axes = self.ints(axes, &[2]);
        let grouped = self.part("grouped");
        self.node("Reshape", &[input, &to], &grouped, &[]);
        self.node("ReduceMax", &[&grouped, &axes], output, &[("keepdims", Set::Int(0))]);
    }

    /// `Pad` of rows and columns.
    pub(super) fn pad(&mut self, input: &str, output: &str, settings: &Table) {
        let [top, bottom, left, right] =
            ["top", "bottom", "left", "right"].map(|side| size(settings, side) as i64);
        let pads = self.part("pads");
        let pads = self.ints(pads, &[0, 0, top, left, 0, 0, bottom, right]);
        let reflects = settings.get("mode").and_then(Setting::as_str) == Some("reflect");
        let mode = if reflects { "reflect" } else { "constant" };
        self.node("Pad", &[input, &pads], output, &[("mode", Set::Word(mode))]);
    }

    /// `x · sigmoid(x)`.
    pub(super) fn silu(&mut self, input: &str, output: &str) {
        let share = self.part("share");
        self.node("Sigmoid", &[input], &share, &[]);
        self.node("Mul", &[input, &share], output, &[]);
    }

    /// `Mul` and `Add`, those that change something.
    pub(super) fn scale(&mut self, input: &str, output: &str, settings: &Table) {
        let [factor, offset] = ["factor", "offset"].map(|name| number(settings, name));
        let product = if offset == 0.0 { output.to_owned() } else { self.part("product") };
        let mut from = input;
        if factor != 1.0 || offset == 0.0 {
            let by = self.number("factor", factor);
            self.node("Mul", &[input, &by], &product, &[]);
            from = &product;
        }
        if offset != 0.0 {
            let by = self.number("offset", offset);
            self.node("Add", &[from, &by], output, &[]);
        }
    }

    /// `Clip`, its bounds as inputs.
    pub(super) fn hardtanh(&mut self, input: &str, output: &str, settings: &Table) {
        let [min, max] = ["min", "max"].map(|name| self.number(name, number(settings, name)));
        self.node("Clip", &[input, &min, &max], output, &[]);
    }

    /// Values of the channels, shaped to meet those of a map or row.
    fn per_channel(&mut self, part: &str, rank: Rank, values: &[f32]) -> String {
        let dims = if rank == Rank::Map { vec![values.len(), 1, 1] } else { vec![values.len()] };
        let name = format!("{}.{part}", self.layer.name);
        self.floats(name, &dims, values)
    }

    pub(super) fn prelu(&mut self, input: &str, output: &str, weights: &[Vec<f32>], rank: Rank) {
        let slopes = self.per_channel("weight", rank, &weights[0]);
        self.node("PRelu", &[input, &slopes], output, &[]);
    }

    /// `LayerNormalization` of a row, or of a map while its channels are last.
    pub(super) fn layer_norm(&mut self, input: &str, output: &str, weights: &[Vec<f32>], rank: Rank) {
        let epsilon = number(&self.layer.layer.settings(), "epsilon");
        let [scales, shifts] = [0, 1].map(|at| {
            let name = format!("{}.{}", self.layer.name, ["weight", "bias"][at]);
            self.floats(name, &[weights[at].len()], &weights[at])
        });
        let norm = |writer: &mut Self, from: &str, to: &str| {
            let sets = [("epsilon", Set::Float(epsilon))];
            writer.node("LayerNormalization", &[from, &scales, &shifts], to, &sets);
        };
        if rank == Rank::Row {
            return norm(self, input, output);
        }
        self.with_channels_last(input, output, norm);
    }

    /// Nodes of a map while its channels are last.
    pub(super) fn with_channels_last(
        &mut self,
        input: &str,
        output: &str,
        nodes: impl FnOnce(&mut Self, &str, &str),
    ) {
        let [last, made] = ["last", "made"].map(|part| self.part(part));
        self.node("Transpose", &[input], &last, &[("perm", Set::Ints(&[0, 2, 3, 1]))]);
        nodes(self, &last, &made);
        self.node("Transpose", &[&made], output, &[("perm", Set::Ints(&[0, 3, 1, 2]))]);
    }

    /// `InstanceNormalization` of each group as one channel, then scale and shift: as PyTorch's exporters write it, because
    /// `GroupNormalization` has a scale for each group before opset 21.
    pub(super) fn group_norm(&mut self, input: &str, output: &str, weights: &[Vec<f32>], rank: Rank) {
        let settings = self.layer.layer.settings();
        let (groups, epsilon) = (size(&settings, "groups"), number(&settings, "epsilon"));
        let Shape { channels, height, width } = self.layer.output;
        let [rows, maps] = ["rows", "maps"].map(|part| self.part(part));
        let rows = self.ints(rows, &[0, groups as i64, -1]);
        let sizes = [0, channels as i64, height as i64, width as i64];
        let maps = self.ints(maps, if rank == Rank::Map { &sizes } else { &sizes[..2] });
        let [ones, zeros] = ["ones", "zeros"].map(|part| self.part(part));
        let ones = self.floats(ones, &[groups], &vec![1.0; groups]);
        let zeros = self.floats(zeros, &[groups], &vec![0.0; groups]);
        let [grouped, normed, whole, scaled] =
            ["grouped", "normed", "whole", "scaled"].map(|part| self.part(part));
        let [weight, bias] = [0, 1].map(|at| self.per_channel(["weight", "bias"][at], rank, &weights[at]));
        self.node("Reshape", &[input, &rows], &grouped, &[]);
        let sets = [("epsilon", Set::Float(epsilon))];
        self.node("InstanceNormalization", &[&grouped, &ones, &zeros], &normed, &sets);
        self.node("Reshape", &[&normed, &maps], &whole, &[]);
        self.node("Mul", &[&whole, &weight], &scaled, &[]);
        self.node("Add", &[&scaled, &bias], output, &[]);
    }
}
