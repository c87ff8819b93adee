//! Outputs of the network after a change.

use revacnn::nn::{Edit, Network, Shape, Surgery};
use toml::Table;

use crate::fixture::{NETWORKS, assert_trains, change, changeable, outputs, trained};

#[test]
fn an_added_filter_changes_no_bit_of_the_outputs() {
    for name in NETWORKS {
        let mut trainer = trained(name);
        let layers = changeable(&trainer);
        assert!(!layers.is_empty());
        for layer in layers {
            let before = outputs(&mut trainer);
            let filters = trainer.parameters.values.len();
            trainer.edit(&Edit::AddFilter { layer }).unwrap();
            assert!(trainer.parameters.values.len() > filters);
            let after = outputs(&mut trainer);
            assert_eq!(before, after, "{name}, layer {layer}");
            assert_trains(&mut trainer, name);
        }
    }
}

#[test]
fn a_split_filter_keeps_the_outputs() {
    for name in NETWORKS {
        let mut trainer = trained(name);
        for layer in changeable(&trainer) {
            let before = outputs(&mut trainer);
            let index = trainer.network.layer_index(layer).unwrap();
            let filter = trainer.network.layers[index].filter_ids[1];
            trainer.edit(&Edit::SplitFilter { layer, filter }).unwrap();
            let largest = change(&before, &outputs(&mut trainer));
            assert!(largest <= 1e-4, "{name}, layer {layer}: {largest}");
            assert_trains(&mut trainer, name);
        }
    }
}

#[test]
fn the_halves_of_a_split_filter_learn_apart() {
    let mut trainer = trained("revacnn");
    trainer.edit(&Edit::SplitFilter { layer: 0, filter: 3 }).unwrap();
    let halves = |trainer: &revacnn::nn::Trainer| {
        let tensor = trainer.parameters.tensor("conv1.weight").unwrap();
        let len = tensor.len / tensor.spec.shape[0];
        let values = trainer.parameters.values.read(trainer.gpu());
        [3, 4].map(|row| values[tensor.offset + row * len..][..len].to_vec())
    };
    let [a, b] = halves(&trainer);
    assert_eq!(a, b);
    (0..20).for_each(|_| _ = trainer.step());
    let [a, b] = halves(&trainer);
    assert!(change(&a, &b) > 1e-4, "they would learn the same for ever");
}

#[test]
fn an_inserted_convolution_begins_as_the_identity() {
    let settings: Table = "kind = \"conv2d\"\nkernel = 3\npadding = 1".parse().unwrap();
    for name in NETWORKS {
        let mut trainer = trained(name);
        let maps = |layer: &&revacnn::nn::NetworkLayer| layer.output.pixels() > 1;
        let layers: Vec<u32> = trainer.network.layers.iter().filter(maps).map(|layer| layer.id).collect();
        for after in std::iter::once(None).chain(layers.into_iter().map(Some)) {
            let before = outputs(&mut trainer);
            trainer.edit(&Edit::InsertLayer { after, settings: settings.clone() }).unwrap();
            let largest = change(&before, &outputs(&mut trainer));
            assert!(largest <= 1e-4, "{name}, after {after:?}: {largest}");
        }
        assert_trains(&mut trainer, name);
    }
}

#[test]
fn an_inserted_transposed_convolution_begins_as_the_identity() {
    for name in ["autoencoder", "mixed"] {
        let mut trainer = trained(name);
        let maps = |layer: &&revacnn::nn::NetworkLayer| {
            layer.output.pixels() > 1 && layer.output.channels.is_multiple_of(2)
        };
        let layers: Vec<u32> = trainer.network.layers.iter().filter(maps).map(|layer| layer.id).collect();
        let settings =
            ["kernel = 3\npadding = 1\ngroups = 2", "kernel = 5\npadding = 4\ndilation = 2", "kernel = 1"];
        for (after, settings) in layers.into_iter().zip(settings.iter().cycle()) {
            let before = outputs(&mut trainer);
            let settings = format!("kind = \"conv_transpose2d\"\n{settings}").parse().unwrap();
            trainer.edit(&Edit::InsertLayer { after: Some(after), settings }).unwrap();
            let largest = change(&before, &outputs(&mut trainer));
            assert!(largest <= 1e-4, "{name}, after {after}: {largest}");
        }
        assert_trains(&mut trainer, name);
    }
}

/// By hand: the shape alone does not make an identity.
#[test]
fn a_convolution_begins_as_the_identity_where_its_middle_lies_on_the_pixel_it_makes() {
    let is_identity = |kind: &str, side: usize, settings: &str| {
        let network = Network::parse(
            "layer = [{ kind = \"relu\" }, { kind = \"dense\" }]",
            Shape::new(4, side, side),
            3,
        );
        let settings = format!("kind = \"{kind}\"\n{settings}").parse().unwrap();
        let edit = Edit::InsertLayer { after: None, settings };
        Surgery::of(&network.unwrap(), &edit).unwrap().identity == Some(0)
    };
    for kind in ["conv2d", "conv_transpose2d"] {
        for settings in
            ["kernel = 1", "kernel = 3\npadding = 1", "kernel = 3\npadding = 2\ndilation = 2\ngroups = 4"]
        {
            assert!(is_identity(kind, 7, settings), "{kind}: {settings}");
        }
        assert!(
            is_identity(kind, 1, "kernel = 3\npadding = 1\nstride = 2"),
            "a single pixel has no next one"
        );
        // Two taps on both sides of the pixel; another number of filters; another size.
        for settings in
            ["kernel = 2\npadding = 1\ndilation = 2", "kernel = 3\npadding = 1\nfilters = 8", "kernel = 3"]
        {
            assert!(!is_identity(kind, 7, settings), "{kind}: {settings}");
        }
    }
    // Of 2 pixels 2, but not at their places.
    assert!(!is_identity("conv2d", 2, "kernel = 3\npadding = 2\nstride = 2"));
    assert!(!is_identity("conv_transpose2d", 2, "kernel = 3\npadding = 1\nstride = 2\noutput_padding = -1"));
    assert!(!is_identity("conv_transpose2d", 7, "kernel = 3\npadding = 4\ndilation = 3\noutput_padding = 2"));
}

#[test]
fn a_layer_that_is_put_in_and_taken_out_again_leaves_no_trace() {
    for (name, kind) in [("revacnn", "dropout"), ("resnet-8", "relu"), ("mixed", "batch_norm")] {
        let mut trainer = trained(name);
        let (before, state) = (outputs(&mut trainer), trainer.parameters.values.read(trainer.gpu()));
        let after = Some(trainer.network.layers[2].id);
        let settings: Table = format!("kind = \"{kind}\"").parse().unwrap();
        trainer.edit(&Edit::InsertLayer { after, settings }).unwrap();
        let layer = trainer.network.layers[3].id;
        assert_eq!(trainer.network.layers[3].layer.kind(), kind);
        trainer.edit(&Edit::RemoveLayer { layer }).unwrap();
        assert_eq!(before, outputs(&mut trainer), "{name}");
        assert_eq!(state, trainer.parameters.values.read(trainer.gpu()), "{name}");
    }
}

#[test]
fn two_equal_filters_merge_into_what_they_were() {
    for name in ["revacnn", "mixed"] {
        let mut trainer = trained(name);
        for layer in changeable(&trainer) {
            let index = trainer.network.layer_index(layer).unwrap();
            let filter = trainer.network.layers[index].filter_ids[0];
            let known = trainer.network.layers[index].filter_ids.clone();
            let before = outputs(&mut trainer);
            trainer.edit(&Edit::SplitFilter { layer, filter }).unwrap();
            let new = trainer.network.layers[index].filter_ids.iter().copied().find(|id| !known.contains(id));
            trainer.edit(&Edit::MergeFilters { layer, filters: [filter, new.unwrap()] }).unwrap();
            assert_eq!(trainer.network.layers[index].filter_ids, known);
            let largest = change(&before, &outputs(&mut trainer));
            assert!(largest <= 1e-4, "{name}, layer {layer}: {largest}");
        }
    }
}
