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
fn an_unknown_network_lists_the_known_ones() {
    let Err(error) = Network::open("alexnet", IMAGE, 10) else { panic!("an unknown preset was accepted") };
    assert!(error.what().contains("alexnet") && error.help().contains("revacnn-keras"));
}
