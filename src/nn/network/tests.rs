//! The presets, and network files with faults.

use super::*;

const IMAGE: Shape = Shape::new(3, 32, 32);

#[test]
fn the_presets_fit_and_survive_their_own_toml() {
    for name in preset_names() {
        let network = Network::open(name, IMAGE, 10).unwrap();
        let again = Network::parse(&network.to_toml(), IMAGE, 10).unwrap();
        assert_eq!(network.to_toml(), again.to_toml());
    }
    // 16·(3·25+1) + 20·(16·25+1) + 20·(20·25+1) + 10·(20·16+1)
    assert_eq!(Network::open("revacnn", IMAGE, 10).unwrap().parameter_count(), 22_466);
}

/// Asserts that each text is refused with an error that says `part`, and what to do.
fn assert_refused(cases: &[(&str, &str)]) {
    for (text, part) in cases {
        let Err(error) = Network::parse(text, IMAGE, 10) else { panic!("{text} was accepted") };
        assert!(error.what().contains(part), "{text}: {error}");
        assert!(!error.help().is_empty());
    }
}

#[test]
fn faults_of_a_layer_name_the_layer_and_say_what_to_do() {
    let conv = "[[layer]]\nkind = \"conv2d\"\nfilters = 4\n";
    assert_refused(&[
        ("[[layer]]\nkind = \"conv3d\"", "conv3d"),
        ("[[layer]]\nfilters = 3", "layer 1"),
        ("speed = 3\n", "speed"),
        ("", "no `[[layer]]`"),
        (&format!("{conv}kernel = 0"), "kernel is 0"),
        (&format!("{conv}kernel = -3"), "layer 1"),
        (&format!("{conv}kernel = 3\ncolor = 1"), "color"),
        (&format!("{conv}kernel = 3\npadding = 3"), "padding 3"),
        (&format!("{conv}kernel = 40"), "3×32×32"),
        (
            &"[[layer]]\nkind = \"conv2d\"\nfilters = 65536\nkernel = 65536\npadding = 65535\n".repeat(2),
            "GiB",
        ),
        (&format!("{conv}kernel = 3\nname = \"a\"\n{conv}kernel = 3\nname = \"a\""), "\"a\""),
        (&format!("{conv}kernel = 3"), "4×30×30"),
        ("[[layer]\nkind", "expected"),
        ("[[layer]]\nkind = \"dense\"\nunits = 99999999999", "units"),
        (&format!("{conv}kernel = 3\ngroups = 3"), "3 groups do not divide 4 filters"),
        (&format!("{conv}kernel = 3\ngroups = 2"), "2 groups do not divide the channels"),
    ]);
}

#[test]
fn faults_of_the_graph_name_the_layer_and_say_what_to_do() {
    let conv = "[[layer]]\nkind = \"conv2d\"\nfilters = 4\n";
    assert_refused(&[
        (
            &format!("{conv}kernel = 3\ninputs = [\"b\"]\n{conv}kernel = 3\nname = \"b\""),
            "does not come before",
        ),
        (&format!("{conv}kernel = 3\nname = \"a\"\ninputs = [\"a\"]"), "does not come before"),
        (&format!("{conv}kernel = 3\ninputs = [\"c\"]"), "no layer before it is called \"c\""),
        (&format!("{conv}kernel = 3\ninputs = [\"input\", \"input\"]"), "takes 1 inputs, not 2"),
        (&format!("{conv}kernel = 3\ninputs = 3"), "not a list"),
        (&format!("{conv}kernel = 3\nname = \"input\""), "\"input\""),
        (
            &format!("{conv}kernel = 3\n[[layer]]\nkind = \"add\"\ninputs = [\"conv1\", \"input\"]"),
            "cannot be added",
        ),
        (
            &format!("{conv}kernel = 3\n[[layer]]\nkind = \"concat\"\ninputs = [\"conv1\", \"input\"]"),
            "side by side",
        ),
        (&format!("{conv}kernel = 3\n[[layer]]\nkind = \"add\""), "2 to 6 inputs, not 1"),
        (
            &format!("{conv}kernel = 3\n[[layer]]\nkind = \"dense\"\ninputs = [\"input\"]"),
            "conv1: nothing takes",
        ),
    ]);
}

#[test]
fn settings_and_losses_out_of_range_are_refused() {
    assert_refused(&[
        ("[[layer]]\nkind = \"dropout\"\nrate = 1.0", "rate is 1"),
        ("[[layer]]\nkind = \"batch_norm\"\nepsilon = 0.0", "epsilon is 0"),
        ("[[layer]]\nkind = \"maxout\"\ngroup = 2", "do not divide"),
        ("[[layer]]\nkind = \"max_pool2d\"\nsize = 2\npadding = 2", "padding 2"),
        ("[[layer]]\nkind = \"leaky_relu\"\nslope = nan", "slope"),
        ("loss = { kind = \"absolute\" }\n[[layer]]\nkind = \"dense\"", "absolute"),
        ("loss = { kind = \"svm_hinge\", margin = 0.0 }\n[[layer]]\nkind = \"dense\"", "margin is 0"),
        (
            "loss = { kind = \"softmax_cross_entropy\", label_smoothing = 1.0 }\n[[layer]]\nkind = \"dense\"",
            "label_smoothing is 1",
        ),
        (
            "loss = { kind = \"l2_regression\", target = \"image\" }\n[[layer]]\nkind = \"dense\"",
            "the image is 3×32×32",
        ),
    ]);
}

#[test]
fn names_of_what_the_optimizer_keeps_are_refused() {
    let named = |a: &str, b: &str| {
        let layer = |name: &str| format!("[[layer]]\nkind = \"dense\"\nname = \"{name}\"\n");
        Network::parse(&(layer(a) + &layer(b)), IMAGE, 10)
    };
    for clash in ["momentum.a", "second_moment.a", "average.a"] {
        for (a, b) in [("a", clash), (clash, "a")] {
            let error = named(a, b).err().expect("two tensors would have one name");
            assert!(error.what().contains(clash) && error.help().contains("second_moment."), "{error}");
        }
    }
    for (a, b) in [("a", "momentum.b"), ("momentum", "a"), ("a.momentum", "a"), ("momentum.", "a")] {
        assert!(named(a, b).is_ok(), "{a}, {b}");
    }
}

#[test]
fn the_last_convolution_needs_no_number_of_filters() {
    let channels = |text: &str, image: Shape| {
        let network = Network::parse(text, image, 7).unwrap();
        assert_eq!(Network::parse(&network.to_toml(), image, 7).unwrap().to_toml(), network.to_toml());
        network.layers.iter().map(|layer| layer.output.channels).collect::<Vec<_>>()
    };
    let toward_image = "loss = { kind = \"l2_regression\", target = \"image\" }\n";
    let conv = "[[layer]]\nkind = \"conv2d\"\nkernel = 3\npadding = 1\n";
    let (first, relu) = (format!("{conv}filters = 4\n"), "[[layer]]\nkind = \"relu\"\n");
    assert_eq!(channels(&format!("{toward_image}{first}{conv}{relu}"), Shape::new(2, 5, 9)), [4, 2, 2]);
    // Towards classes it is one channel for each.
    let pool = "[[layer]]\nkind = \"global_avg_pool2d\"\n";
    assert_eq!(channels(&format!("{first}{conv}{pool}"), Shape::new(2, 5, 9)), [4, 7, 7]);
    assert_refused(&[(&format!("{conv}{first}"), "filters")]);
}

#[test]
fn the_autoencoder_fits_images_of_any_channels_and_says_which_sides() {
    for (channels, side) in [(1, 8), (1, 28), (3, 32), (2, 12), (4, 4)] {
        let image = Shape::new(channels, side, side + 4);
        let network = Network::open("autoencoder", image, 10).unwrap();
        assert_eq!(network.layers.last().unwrap().output, image);
    }
    let Err(error) = Network::open("autoencoder", Shape::new(3, 25, 23), 10) else { panic!("25 is odd") };
    assert!(error.what().contains("3×24×20") && error.help().contains("multiples of 4"), "{error}");
    let text = "loss = { kind = \"l2_regression\", target = \"image\" }\n[[layer]]\nkind = \"conv2d\"\nfilters = 2\nkernel = 1\n";
    let Err(error) = Network::parse(text, IMAGE, 10) else { panic!("it makes 2 channels") };
    assert!(error.help().contains("leave `filters` out"), "{}", error.help());
}

/// A chain and a ladder of as many layers as a file may have; searched by name for each layer they take minutes.
#[test]
fn networks_of_many_layers_are_read() {
    let most = 1 << 14;
    let chain = format!("[[layer]]\nkind = \"dense\"\n{}", "[[layer]]\nkind = \"relu\"\n".repeat(most - 1));
    let network = Network::parse(&chain, IMAGE, 10).unwrap();
    assert_eq!((network.layers.len(), network.layers[most - 1].name.as_str()), (most, "relu16383"));
    assert_eq!(network.consumers()[1], [1]);
    let error = Network::parse(&format!("{chain}[[layer]]\nkind = \"relu\"\n"), IMAGE, 10).err().unwrap();
    assert!(error.what().contains("16385 layers; the most is 16384"), "{error}");
    let rung = |i: usize| {
        format!("[[layer]]\nkind = \"add\"\ninputs = [\"r{}\", \"r{}\"]\nname = \"r{i}\"\n", i - 1, i - 2)
    };
    let rungs: String = (2..most).map(rung).collect();
    let first = |name: &str| format!("[[layer]]\nkind = \"dense\"\nname = \"{name}\"\n");
    let ladder = first("r0") + &first("r1") + &rungs;
    assert_eq!(Network::parse(&ladder, IMAGE, 10).unwrap().consumers()[3], [3, 4]);
}

#[test]
fn an_unknown_network_lists_the_known_ones() {
    let Err(error) = Network::open("alexnet", IMAGE, 10) else { panic!("an unknown preset was accepted") };
    assert!(error.what().contains("alexnet") && error.help().contains("revacnn-keras"));
}
