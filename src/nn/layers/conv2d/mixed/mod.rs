//! Convolutions in mixed precision: products of 16-bit floats by cooperative matrices, with sums in 32 bits.
//!
//! Input, output gradient and weights are copied to 16-bit floats in a layout of their own, `[channel, y, x, image]` with channels and
//! images filled up with zeros to 16 (see [`copies`]), and `[ky, kx, out, in]`; so every 16×16 piece that a product needs lies in memory as
//! a matrix. Results are 32-bit floats where they always are: maps, gradients, weights, the optimizer's moments and all views are as
//! without it.
//!
//! **Scale.** 16-bit floats reach from 6·10⁻⁸ to 65504, and gradients are often below. So an output gradient is copied times 2ˢ: of each
//! layer and pass s is chosen on the GPU so that the largest value comes to 2¹³ at least and to less than 2¹⁴, apart for trained images
//! and for probes, whose gradients are not divided by the batch. Results are taken times 2⁻ˢ. It adapts at once, never overflows, skips no
//! step, and is no state of the run. Values of more than 2⁻²⁷ of the largest keep 11 digits of the fraction; what is below 2⁻³⁸ of it is lost.
//! Activations and weights are taken as they are. Activations beyond 65504 become that, weights infinite; infinities and NaN stay: a run
//! that blew up is noticed as soon as in 32 bits.
//!
//! Each factor is rounded by at most 2⁻¹¹ of itself. A sum of n products of factors of about one size differs from that of the unrounded
//! ones by about 2⁻¹¹·√n of a product.
//!
//! Layers take part that have 16 channels and filters or more and one group: fewer would mostly multiply zeros. All others, and dense
//! and transposed layers, are computed in 32 bits.
//!
//! Edits that keep the outputs, such as a split filter, keep them to that: logits of `revacnn` to 6·10⁻⁴ in place of 10⁻⁴ (measured with lanes).
//!
//! Before a training relies on an adapter's matrices they are checked (`nn::mixed_check`).
//!
//! # Cost
//!
//! A subgroup makes a tile of c × i blocks of 16 × 16 results. In a step, 16 source channels (or images) of one tap, it loads c + i
//! matrices of 512 bytes and makes c·i products of 8192 operations. On an H100 a matrix from storage takes a multiprocessor about 24
//! cycles, and a product about 6, by the one convolution that was measured there: 64→64 3×3, 16×16, 4096 images, in 660 µs. 8 registers a
//! product and 4 a matrix. All times are predicted by that, and by 2.85 TB/s for copies; **none of these kernels was timed on a GPU**.
//!
//! | 64→64 3×3, 16×16, 4096 images | tile | loads, products a step | registers | bytes | predicted | f32, predicted |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | copy of the input | | | | 270 + 135 MB | 141 µs | |
//! | forward | 64 × 64 | 8, 16 | 200 | | 670 µs | 2070 µs |
//! | largest gradient | | | | 270 MB | 94 µs | |
//! | copy of the gradient | | | | 270 + 135 MB | 141 µs | |
//! | weight gradient | 64 × 64 | 8, 16 | 200 | 17 MB of partial sums | 760 µs | 2780 µs |
//! | input gradient | 64 × 64 | 8, 16 | 200 | | 670 µs | 2200 µs |
//! | all | | | | | 2.5 ms | 7.1 ms |
//!
//! Few channels gain little: of 16→20 5×5, 16×16, 4096 images, the forward pass is predicted to take 310 µs (422 in 32 bits), the input
//! gradient 465 (463) and the weight gradient 650 (594), and the copies come on top. Of whole steps of 256 images `bench train --plan
//! --as-on-gpu` predicts 325 µs in 31 dispatches of `revacnn` (355 in 24), and 581 µs in 35 of `revacnn-keras` (955 in 27).

mod build;
mod copies;
mod layer;
mod products;
mod tiles;
mod weight_gradient;
