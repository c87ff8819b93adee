//! Files that PyTorch wrote, and those that hold more than weights.

use super::*;

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/weights").join(name)
}

fn open(name: &str) -> Result<NamedTensors> {
    NamedTensors::open(&fixture(name)).map(|tensors| tensors.expect("it is a file of tensors"))
}

/// Names, shapes and first values that `write.py` gives to the network.
const PLAIN: [(&str, &[usize], f32); 8] = [
    ("features.0.weight", &[3, 2, 3, 3], 0.0),
    ("features.1.weight", &[3], 10.0),
    ("features.1.bias", &[3], 20.0),
    ("features.1.running_mean", &[3], 30.0),
    ("features.1.running_var", &[3], 40.0),
    ("features.1.num_batches_tracked", &[], 0.0),
    ("head.weight", &[2, 12], 60.0),
    ("head.bias", &[2], 70.0),
];

#[test]
fn a_state_dict_is_read_in_its_order() {
    for (file, wrapper) in [("plain.pt", ""), ("checkpoint.pt", "module.")] {
        let found = open(file).unwrap();
        assert!(found.is_ordered);
        assert_eq!(found.tensors.len(), PLAIN.len());
        for (tensor, (name, shape, first)) in found.tensors.iter().zip(PLAIN) {
            assert_eq!((&tensor.name, &tensor.shape[..]), (&format!("{wrapper}{name}"), shape));
            let values: Vec<f32> = (0..shape.iter().product()).map(|at| first + at as f32 / 64.0).collect();
            assert_eq!(tensor.values, values, "{name}");
        }
    }
}

#[test]
fn places_steps_and_types_are_as_pytorch_means_them() {
    let found = open("kinds.pt").unwrap().tensors;
    let of = |name: &str| {
        let tensor = found.iter().find(|tensor| tensor.name == name).unwrap();
        (tensor.shape.clone(), tensor.values.clone())
    };
    // Row r, column c of the base is 6 r + c.
    let turned: Vec<f32> = (0..24).map(|at| (6 * (at % 4) + at / 4) as f32).collect();
    assert_eq!(of("turned"), (vec![6, 4], turned));
    assert_eq!(of("part"), (vec![2, 3], vec![8.0, 9.0, 10.0, 14.0, 15.0, 16.0]));
    assert_eq!(of("repeated"), (vec![3], vec![7.0; 3]));
    assert_eq!(of("parameter"), (vec![2], vec![0.0, 1.0]));
    assert_eq!(of("half"), (vec![2], vec![0.5, -2.0]));
    assert_eq!(of("brain"), (vec![1], vec![1.5]));
    assert_eq!(of("double"), (vec![1], vec![0.1]));
    assert_eq!(of("whole"), (vec![2], vec![-3.0, 5.0]));
    assert_eq!(of("flags"), (vec![2], vec![1.0, 0.0]));
    assert_eq!(of("scalar"), (vec![], vec![4.0]));
    assert_eq!(of("none"), (vec![0, 2], vec![]));
}

#[test]
fn what_holds_more_than_weights_is_refused_by_name() {
    for (file, what) in [
        ("module.pt", "it asks for torch.nn.modules.linear.Linear"),
        ("old.pt", "before 1.6"),
        ("program.pt", "TorchScript"),
    ] {
        let error = open(file).unwrap_err();
        assert!(error.what().contains(what) && error.what().contains(file), "{error}");
        assert!(error.help().contains("torch.save(model.state_dict(), path)"), "{}", error.help());
    }
    assert!(NamedTensors::open(&fixture("write.py")).unwrap().is_none());
    assert!(!NamedTensors::is_in(&fixture("missing.pt")).unwrap());
}

#[test]
fn numbers_in_names_are_counted() {
    let mut names = ["b.10.weight", "b.9.weight", "a.weight", "b.9.bias", "b.weight"];
    names.sort_by_cached_key(|name| natural(name));
    assert_eq!(names, ["a.weight", "b.9.bias", "b.9.weight", "b.10.weight", "b.weight"]);
}
