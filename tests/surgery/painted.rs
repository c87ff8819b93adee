//! Single weights that are set, and the loss that is swapped: only that changes.

use revacnn::nn::{Loss, Target, WeightEdit};

use crate::fixture::{NETWORKS, assert_trains, buffers, changeable, row, trained};

#[test]
fn an_edit_of_weights_changes_these_and_their_averages_alone() {
    for name in NETWORKS {
        let mut trainer = trained(name);
        for layer in changeable(&trainer) {
            let index = trainer.network.layer_index(layer).unwrap();
            let filter = *trainer.network.layers[index].filter_ids.last().unwrap();
            let ranges = row(&trainer, layer, filter);
            let last = ranges[0].len() as u32 - 1;
            // Of one that is named twice the last value counts.
            let at = vec![(last, 0.75), (0, 9.0), (0, -0.5), (1, 1e-3)];
            let bias = (ranges.len() > 1).then_some(0.25);
            let edit = WeightEdit { layer, filter, at, bias };
            let before = buffers(&trainer);
            trainer.edit_weights(&edit).unwrap();
            let first = ranges[0].start;
            let mut set = vec![(first, -0.5), (first + 1, 1e-3), (ranges[0].end - 1, 0.75)];
            set.extend(bias.map(|value| (ranges[1].start, value)));
            for (number, ((content, mut expected), (_, after))) in
                before.into_iter().zip(buffers(&trainer)).enumerate()
            {
                if number < 2 {
                    set.iter().for_each(|(at, value)| expected[*at] = *value);
                }
                assert_eq!(after, expected, "{name}, layer {layer}: {content:?} {number}");
            }
        }
        assert_trains(&mut trainer, name);
    }
}

#[test]
fn weights_that_cannot_be_set_are_named_and_nothing_changes() {
    let mut trainer = trained("mixed");
    let id = |name: &str| trainer.network.layers.iter().find(|layer| layer.name == name).unwrap().id;
    let [stem, norm] = ["stem", "norm"].map(id);
    let edit = |layer, filter, at: &[(u32, f32)], bias| WeightEdit { layer, filter, at: at.to_vec(), bias };
    let hash = trainer.state_hash();
    for (edit, words, help) in [
        (edit(99, 0, &[(0, 1.0)], None), "no layer 99", "(stem)"),
        (edit(norm, 0, &[(0, 1.0)], None), "no filters of its own", "convolution"),
        (edit(stem, 6, &[(0, 1.0)], None), "no filter 6", "0, 1, 2, 3, 4, 5"),
        (edit(stem, 2, &[(0, 1.0), (9, 1.0)], None), "no weight 9", "0 to 8"),
        (edit(stem, 2, &[(3, f32::NAN)], None), "NaN", "finite"),
        (edit(stem, 2, &[], Some(f32::INFINITY)), "inf", "finite"),
        (edit(stem, 2, &[], None), "no weight", "`at`"),
    ] {
        let error = trainer.edit_weights(&edit).unwrap_err();
        assert!(error.what().contains(words) && error.help().contains(help), "{edit:?}: {error}");
        assert_eq!(trainer.state_hash(), hash, "{edit:?}");
    }
}

#[test]
fn another_loss_keeps_weights_and_moments() {
    let losses = [
        Loss::SoftmaxCrossEntropy { label_smoothing: 0.1 },
        Loss::SvmHinge { margin: 1.0 },
        Loss::L2Regression { target: Target::Class },
    ];
    for name in ["revacnn", "resnet-8", "mixed"] {
        let mut trainer = trained(name);
        let mut plain = trained(name);
        for loss in losses {
            let hash = trainer.state_hash();
            trainer.set_loss(loss).unwrap();
            assert_eq!((trainer.state_hash(), trainer.network.loss), (hash, loss), "{name}");
            assert_trains(&mut trainer, name);
            plain.step();
            assert_ne!(trainer.state_hash(), plain.state_hash(), "{name}: {loss:?} has the same gradient");
        }
        // There and back at one step is no change.
        let mut back = trained(name);
        back.set_loss(losses[1]).unwrap();
        back.set_loss(Loss::default()).unwrap();
        let mut plain = trained(name);
        [&mut back, &mut plain].into_iter().for_each(|trainer| _ = trainer.step());
        assert_eq!(back.state_hash(), plain.state_hash(), "{name}");
    }
}

#[test]
fn a_loss_that_does_not_fit_is_refused() {
    let mut coder = trained("autoencoder");
    let mut trainer = trained("revacnn");
    let (hash, text) = (trainer.state_hash(), trainer.network.to_toml());
    for (loss, words) in [
        (Loss::SoftmaxCrossEntropy { label_smoothing: 1.0 }, "label_smoothing is 1"),
        (Loss::SvmHinge { margin: 0.0 }, "margin is 0"),
        (Loss::L2Regression { target: Target::Image }, "a loss on the image"),
    ] {
        let error = trainer.set_loss(loss).unwrap_err();
        assert!(error.what().contains(words), "{loss:?}: {error}");
    }
    assert_eq!((trainer.state_hash(), trainer.network.to_toml()), (hash, text));
    let error = coder.set_loss(Loss::default()).unwrap_err();
    assert!(error.what().contains("a loss on classes"), "{error}");
    assert_trains(&mut coder, "autoencoder");
}
