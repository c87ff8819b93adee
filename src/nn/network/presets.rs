//! The networks that come with the program.

/// Name and text of each preset.
pub(super) const PRESETS: &[(&str, &str)] = &[
    ("revacnn", include_str!("../../../examples/networks/revacnn.toml")),
    ("revacnn-keras", include_str!("../../../examples/networks/revacnn-keras.toml")),
    ("lenet", include_str!("../../../examples/networks/lenet.toml")),
    ("mnist-convnetjs", include_str!("../../../examples/networks/mnist-convnetjs.toml")),
    ("tiny-vgg", include_str!("../../../examples/networks/tiny-vgg.toml")),
    ("vgg-small", include_str!("../../../examples/networks/vgg-small.toml")),
    ("resnet-8", include_str!("../../../examples/networks/resnet-8.toml")),
    ("resnet-20", include_str!("../../../examples/networks/resnet-20.toml")),
    ("autoencoder", include_str!("../../../examples/networks/autoencoder.toml")),
];

/// Names of the presets.
pub fn preset_names() -> Vec<&'static str> {
    PRESETS.iter().map(|(name, _)| *name).collect()
}
