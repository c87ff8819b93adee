//! Changes that cannot be: each is an error that names what is wrong and what there is, and changes nothing.

use revacnn::nn::Edit;
use toml::Table;

use crate::fixture::trained;

#[test]
fn what_cannot_be_is_said_and_changes_nothing() {
    let mut trainer = trained("mixed");
    let id = |name: &str| trainer.network.layers.iter().find(|layer| layer.name == name).unwrap().id;
    let [stem, own, largest, sum, wide, last] = ["stem", "own", "largest", "sum", "wide", "last"].map(id);
    let table = |text: &str| text.parse::<Table>().unwrap();
    let insert = |after, text| Edit::InsertLayer { after, settings: table(text) };
    let cases = [
        (Edit::AddFilter { layer: 99 }, "no layer 99"),
        (Edit::AddFilter { layer: last }, "the network's output"),
        (Edit::DeleteFilter { layer: wide, filter: 8 }, "no filter 8"),
        (Edit::DeleteFilter { layer: largest, filter: 0 }, "no filters of its own"),
        (Edit::MergeFilters { layer: wide, filters: [3, 3] }, "go together"),
        (Edit::MergeFilters { layer: own, filters: [0, 1] }, "go together"),
        (Edit::ResetFilter { layer: stem, filter: 77 }, "no filter 77"),
        (Edit::BlendFilter { layer: stem, filter: 1, from: vec![] }, "a sum of nothing"),
        (Edit::BlendFilter { layer: stem, filter: 1, from: vec![(0, f32::NAN)] }, "no numbers"),
        (Edit::BlendFilter { layer: stem, filter: 1, from: vec![(9, 0.5)] }, "no filter 9"),
        (insert(Some(98), "kind = \"relu\""), "no layer 98"),
        (insert(None, "kind = \"sum\""), "no kind of layer sum"),
        (insert(None, "kernel = 3"), "no kind of layer"),
        (insert(None, "kind = \"add\""), "several inputs"),
        (insert(Some(stem), "kind = \"conv2d\"\nkernel = 3\nfilters = 5"), "layer own: 6 groups"),
        (insert(Some(stem), "kind = \"conv2d\"\nkernels = 3"), "kernels"),
        (insert(Some(last), "kind = \"dense\"\nunits = 3"), "10 classes"),
        (Edit::RemoveLayer { layer: sum }, "joins 2 inputs"),
        (Edit::RemoveLayer { layer: last }, "10 classes"),
        (Edit::RemoveLayer { layer: 55 }, "no layer 55"),
    ];
    let (hash, text) = (trainer.state_hash(), trainer.network.to_toml());
    for (edit, words) in cases {
        let error = trainer.edit(&edit).unwrap_err();
        assert!(error.what().contains(words), "{edit:?}: {error}");
        assert!(!error.help().is_empty());
        assert_eq!(
            (trainer.state_hash(), trainer.network.to_toml()),
            (hash.clone(), text.clone()),
            "{edit:?}"
        );
    }
}

#[test]
fn the_last_filter_stays_and_a_gone_one_is_no_other() {
    let mut trainer = trained("revacnn");
    let delete = |filter| Edit::DeleteFilter { layer: 0, filter };
    trainer.edit(&delete(2)).unwrap();
    let error = trainer.edit(&delete(2)).unwrap_err();
    assert!(error.what().contains("no filter 2") && error.help().contains("0, 1, 3, 4"), "{error}");
    let count = trainer.network.layers[0].filter_ids.len();
    trainer.edit(&Edit::AddFilter { layer: 0 }).unwrap();
    let added = *trainer.network.layers[0].filter_ids.last().unwrap();
    assert!(added as usize > count, "no number is given twice");
    trainer.edit(&delete(added)).unwrap();
    trainer.edit(&Edit::AddFilter { layer: 0 }).unwrap();
    assert!(!trainer.network.layers[0].filter_ids.contains(&added));
    while trainer.network.layers[0].filter_ids.len() > 1 {
        let filter = trainer.network.layers[0].filter_ids[0];
        trainer.edit(&delete(filter)).unwrap();
    }
    let last = trainer.network.layers[0].filter_ids[0];
    assert!(trainer.edit(&delete(last)).unwrap_err().what().contains("no other filter"));
    // The numbers survive the file.
    let text = trainer.network.to_toml();
    let again = revacnn::nn::Network::parse(&text, trainer.network.input, trainer.network.classes).unwrap();
    assert_eq!(again.to_toml(), text);
    assert_eq!(again.next_id, trainer.network.next_id);
    assert_eq!(again.layers[0].filter_ids, trainer.network.layers[0].filter_ids);
}

#[test]
fn numbers_in_a_file_are_one_each_and_new_filters_differ() {
    let mut trainer = trained("revacnn");
    let (input, classes) = (trainer.network.input, trainer.network.classes);
    let conv = |more: &str| format!("[[layer]]\nkind = \"conv2d\"\nfilters = 3\nkernel = 1\n{more}");
    let dense = "\n[[layer]]\nkind = \"dense\"\n";
    for wrong in [
        "filter_ids = [0, 1]",
        "filter_ids = [0, 1, 1]",
        "filter_ids = [0, 1, 4294967295]",
        "id = 1",
        "id = 4294967295",
        "next_filter = 4294967295",
    ] {
        let text = conv(wrong) + dense;
        let error = revacnn::nn::Network::parse(&text, input, classes).err();
        assert!(error.is_some_and(|error| error.what().contains("not one each")), "{wrong}");
    }
    let text = conv("filter_ids = [0, 7, 1]\nnext_filter = 9") + dense;
    let network = revacnn::nn::Network::parse(&text, input, classes).unwrap();
    assert_eq!(network.layers[0].next_filter, 9);
    // Two that are added at one step have other weights.
    let count = trainer.network.layers[0].filter_ids.len() as u32;
    (0..2).for_each(|_| drop(trainer.edit(&Edit::AddFilter { layer: 0 }).unwrap()));
    assert_eq!(trainer.network.layers[0].filter_ids[count as usize..], [count, count + 1]);
    let tensor = trainer.parameters.tensor("conv1.weight").unwrap();
    let row = tensor.len / tensor.spec.shape[0];
    let values = trainer.parameters.values.read(trainer.gpu());
    let end = tensor.offset + tensor.len;
    assert_ne!(values[end - 2 * row..end - row], values[end - row..end]);
}
