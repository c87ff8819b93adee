//! ReVACNN: a convolutional network learns on your GPU while you watch and steer it.
//!
//! This page is the architecture: the modules, the memory layout, a training step, a frame, the journal, the shader
//! templates, and the files to touch to add something. `tests/house` checks what a machine can check of it.
//!
//! # Modules
//!
//! Arrows point one way, and no two files import each other, directly or in a circle:
//!
//! ```text
//! error ← files ← gpu ← data ← nn ←──── layouts ← session ← door ← app ← cli
//!                 gpu ← embed ←────────────┘
//!                 gpu ← view ←───────────────────────────────────── app
//! ```
//!
//! | module | purpose |
//! | --- | --- |
//! | [`error`] | One [`Error`]; each message says what happened, to what, and what to do next. |
//! | `files` | Atomic writing: to a temporary file, then renamed over the old one. |
//! | [`threads`] | Work of the CPU shared by its cores, in `data` (reading) and `embed` (preparing rows). |
//! | [`gpu`] | Adapter choice, typed buffers, kernels by reflection, plans of dispatches, autotuning, timers, read-back. |
//! | [`data`] | Data set readers, the data set on the GPU as packed `u8`, sampling and augmentation of batches there. |
//! | [`nn`] | Networks, layers, losses, optimizers and the training step, as plans. |
//! | [`embed`] | Nearest neighbors, affinities and t-SNE over the tiles of any [`gpu::TensorView`]. |
//! | [`view`] | Drawing of [`gpu::TensorView`]s: tiles, scatter plots, flow between tiles, picking, color maps. Knows neither `nn` nor `embed`. |
//! | [`layouts`] | Live t-SNE layouts of filters, maps and images that follow a training run. |
//! | [`session`] | One run: applies commands between two steps, schedules the work of a frame, keeps journal and checkpoint. |
//! | [`door`] | A run's way in for programs: JSON-RPC on the loopback address, answered between two steps. |
//! | `app` | The window: workbench, panes, input to commands. Behind the default feature `app`. |
//!
//! `main.rs` and `cli` are the command line on top of all. `shaders/` mirrors `src/`.
//!
//! # Rules
//!
//! 1. The model lives on the GPU. The CPU holds settings, commands, and numbers a few frames old; no step, frame or edit
//!    waits for a read-back.
//! 2. One thread; two command encoders and submits a frame: training and layouts, then pictures, so that what cannot be drawn
//!    costs no step. No async runtime, and no lock but around the opening of a device, in which drivers are not safe, and in the
//!    hand-over of kernels, which threads in the background compile. Threads of the door carry lines; others read files and prepare rows.
//!    None touches a run.
//! 3. A run is a pure function of (settings, data, seed, journal): no float atomics, fixed reduction trees, counter-based
//!    random numbers. The same run twice gives the same bits on the same adapter and driver.
//! 4. WGSL declares what a kernel binds; Rust reads it by reflection, for compute and for render pipelines. There is no
//!    hand-written bind group layout, and a struct that both languages know is written once, in Rust.
//! 5. Every compute entry point has a plain-loop twin in Rust, or a stated reason in its module's table `TWINS`; each
//!    stage is tested against its twin by itself.
//! 6. The program's purpose is its own code: kernels, layers, t-SNE, views, steering. For all else it uses a crate.
//!
//! # Memory layout
//!
//! The batch is innermost. Activations and their gradients are `[channel, y, x, sample]`: the sample index runs fastest,
//! padded to a multiple of 4, so that every kernel reads and writes `vec4<f32>` of four neighboring samples whatever the
//! kernel size, stride or channel count. Weights are `[out, in, ky, kx]`, as in PyTorch and ONNX, and are packed once a
//! step into `[in, ky, kx, out]`.
//!
//! The last samples of every training batch are the **probes**: the pinned test images. Their activations and gradients are
//! there after each step and belong to the weights that the step used; they count in no loss, statistic or weight gradient.
//! Images of the user's own lie behind those of the data set, in the same buffers, and pass through the same normalization.
//!
//! A batch that passes a binding limit or the memory is cut into micro-batches whose gradients add up.
//!
//! In mixed precision (`--precision mixed`) convolutions multiply 16-bit copies of maps and weights, `[channel, y, x, sample]` and
//! `[ky, kx, out, in]` filled up to 16, by cooperative matrices (`nn::layers::conv2d::mixed`). All else stays in 32 bits, and what is
//! looked at is the same.
//!
//! A [`gpu::TensorView`] `{ buffer, offset, extents, strides }` names tiles in any buffer: filters, their gradients,
//! a probe's maps, the samples of a layout. Training writes buffers; `embed` and `view` only read views of them.
//!
//! # A kernel, a plan
//!
//! A kernel is one entry point of a WGSL file. [`gpu::Kernel`] reflects its bindings by name, its workgroup size and the fields
//! of its structs. A [`gpu::Plan`] is a list of prepared dispatches; bindings are checked when the plan is built, and
//! recording it only sets pipelines and bind groups. A [`gpu::Stage`] is one shader file with its named buffers: a
//! dispatch names the entry point, its parameters and its number of threads. A kernel is compiled in the background from the moment it is
//! asked for; recording waits for it, and a window draws on until all that a step runs is there.
//! A buffer that a dispatch only reads is bound as `x_in` where the same file writes it elsewhere as `x`.
//!
//! Hot kernels come in candidates (register tiles, reductions); all give the same bits. Which one runs is a
//! [`gpu::TunePolicy`]: calculated, from the cache on disk, or timed on the real shape, at once or between the steps of a run.
//!
//! # A step, a frame
//!
//! A training step is the list in `nn::Pass::build_plans`: pack the weights of all layers; sample the batch and augment it; forward,
//! layer by layer; loss and its gradient; backward, layer by layer, with partial sums of the parameters' gradients; one dispatch that
//! adds them all and counts the losses; one optimizer pass over all parameters; advance the clock. Neighboring layers share dispatches
//! where `nn::pass::fusions` says so: what can be looked at is there all the same. What changes
//! from step to step ([`data::Clock`], the optimizer's state) lies on the GPU and advances itself, because writes of the CPU do not
//! interleave with the dispatches of one submit.
//!
//! An iteration of t-SNE is the list in `Tsne::record_step`: attraction, repulsion, block sums, reduce, update.
//!
//! A frame is the list in `app::window`: take in what was read back, run the interface (which queues actions), perform the
//! actions, record and submit training and layouts, record and submit pictures, present. [`gpu::Work`] is a plan that can stop
//! after any dispatch and go on in the next frame; it learns the cost of its dispatches from timestamps. Whole steps with nothing recorded
//! between them share a compute pass and its timestamps ([`gpu::Recorder`]). The session's scheduler shares a frame's GPU milliseconds
//! among its works: training step, evaluation, layouts.
//!
//! # Commands and the journal
//!
//! What is measured beside a run (`session::measure`: the effect of each command, a change on trial; `session::inspect`: the answers to
//! probes and test images) copies weights at a moment and evaluates
//! the copy later, in buffers of its own: it waits for nothing, and no step waits for it.
//!
//! A twin (`session::beside`) is a second trainer, which shares the images and has state, clock and labels of its own from a moment on. It
//! makes as many steps as the run, in the same encoders, so that either waits for the other; no command reaches it.
//!
//! Everything that the user does to a run or a layout is a [`session::Command`]: plain data, checked when it is given, carried
//! out between two steps, and written to `journal.jsonl` with its step. An edit of the network waits for neither evaluation nor step: the
//! evaluation goes on with the former buffers, the step begins again (`session::urgent`). Window settings (docking, zoom, color choice) are
//! not. [`session::Control`] is what steers *when* work is done (play, pause, evaluate, save) and is not written.
//! Panes, menus, gestures and keys send [`session::Action`]s; nothing outside `session` changes a run or a layout.
//! State is parameters, optimizer moments and clock, so that a checkpoint and the journal after it give the run bit for bit.
//!
//! One file decides what a run is: `model.safetensors` also holds the content of `metrics.csv`, which is written after it, and the
//! check of the journal up to its step. Each line of the journal ends with a check, a hash of its text and of the check before it. A
//! random identity in model, journal and network tells the files of two runs apart. A session that cannot be saved stays open and
//! pauses ([`session::Session::unsaved`]); saving again is all it takes.
//!
//! An imported run begins with weights that no seed gives: `start.safetensors` keeps them, and the journal's first line their hash.
//!
//! # The door
//!
//! With `--listen` programs on the same machine steer a run, by the commands of its journal, and read metrics, tensors and pictures
//! ([`door`]). Their requests lie in a bounded queue until the session's owner takes them out, between two submits; a tensor or a picture
//! holds the next step up until the one under way has ended (`session::hold`), and each command is answered once it has taken effect.
//!
//! # A training elsewhere
//!
//! `session::watch` shows the checkpoints of a training of PyTorch: their tensors are written into the trainer's buffers, the probes and
//! an evaluation follow, and no step is made. Commands that reach the training go into `steer.json`; all others are refused when they are given.
//!
//! # Time
//!
//! A moment of a run is (resets, steps, commands). Key-frames are copies of the state on the GPU, made at the end of steps and
//! before commands; a way to a moment restores the last one before it and trains on with the journal, over as many frames as that
//! takes. Undo is a way to before the last command, which is then dropped. A command in the past begins a branch: the journal of
//! the former one is kept as `journal-N.jsonl`, and `branches.json` says what came from what. Commands that only look at the run (layouts,
//! the pinned image) are not taken back.
//!
//! # Shader templates
//!
//! WGSL files are expanded before they are compiled. Faults name the line of the file, not of the expanded text.
//!
//! ```text
//! #constant TILE = 8          a constant that Rust may set; `const` is a plain WGSL constant
//! #import Clock               the struct of that name, from its one declaration in Rust (`params!`)
//! #import common/hash         the functions of shaders/common/hash.wgsl
//! #for i in TILE … #end       repeats the lines, {i} replaced in each
//! #if TILE … #else … #end     one of the two, by a constant
//! {TILE * 2 + i}              the value of an expression of whole numbers
//! ```
//!
//! # To add …
//!
//! | | files |
//! | --- | --- |
//! | a layer | `src/nn/layers/NAME.rs` (settings, shapes, GPU calls, twin, odd-sized samples), one line in `src/nn/layers/mod.rs`, `shaders/nn/NAME.wgsl` |
//! | a kernel | `shaders/…/NAME.wgsl` and the Rust file that dispatches it, with its twin and its line in `TWINS` |
//! | a pane | `src/app/panes/NAME.rs`, one line in `src/app/panes/mod.rs` |
//! | a command | its variant in `src/session/command.rs`, its effect in `src/session/apply.rs`, the widget that sends it |
//! | a method of the door | its row in `src/door/methods.rs`, its answer in `src/door/serving.rs`, its method in `examples/door/client.py` |
//! | a setting | its field, range and option in the struct that it belongs to (`src/nn/hyper.rs`, `src/data/augmentation.rs`), its variant and effect in `src/session/command.rs`, its widget in `src/app/panes/steer.rs` |

#[cfg(feature = "app")]
pub mod app;
pub mod data;
pub mod door;
pub mod embed;
pub mod error;
pub mod files;
pub mod gpu;
pub mod layouts;
pub mod nn;
pub mod session;
pub mod threads;
pub mod view;

pub use error::{Error, Result};
