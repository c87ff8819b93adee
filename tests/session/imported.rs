//! A run that begins with given weights: kept, resumed, gone back in, and made again to the same bits.

use std::fs;
use std::rc::Rc;

use revacnn::data::{Dataset, NamedTensors};
use revacnn::nn::{Model, Network};
use revacnn::session::{Session, TimeControl, TrainCommand};

use crate::bench::{Bench, TINY, finish, run_to, settings};
use crate::time::go;

/// A network on the digits with weights that no seed gives.
fn imported(data: &Dataset) -> Model {
    let network = Network::parse(TINY, data.shape.into(), data.classes.len()).unwrap();
    let values = |len: usize| (0..len).map(|at| 0.01 * (at % 17) as f32 - 0.08).collect();
    let of_layer =
        |layer: &revacnn::nn::NetworkLayer| layer.parameters().iter().map(|t| values(t.len())).collect();
    let weights = network.layers.iter().map(of_layer).collect();
    Model { network, weights, notes: Vec::new() }
}

fn begin(bench: &Bench) -> Session {
    let data = Dataset::open("digits").unwrap();
    Session::import(Rc::clone(&bench.gpu), imported(&data), &data, settings()).unwrap()
}

/// The weights of the first layer.
fn first_weights(session: &Session) -> Vec<f32> {
    session.trainer().parameters.values.read(session.gpu())[..36].to_vec()
}

#[test]
fn a_run_of_given_weights_goes_back_to_them_and_is_made_again_to_the_same_bits() {
    let bench = Bench::new();
    let mut session = begin(&bench);
    let given = imported(&Dataset::open("digits").unwrap()).weights[0][0].clone();
    assert_eq!(first_weights(&session), given);
    session.keep(&bench.path("run")).unwrap();
    session.keep_time(0);
    run_to(&mut session, 12);
    session.apply(TrainCommand::SetMomentum(0.5)).unwrap();
    run_to(&mut session, 20);
    let hash = session.state_hash();
    go(&mut session, TimeControl::GoTo(0));
    assert_eq!(first_weights(&session), given);
    go(&mut session, TimeControl::GoToEnd);
    assert_eq!(session.state_hash(), hash);
    session.save().unwrap();
    drop(session);
    let mut session = bench.resume();
    assert_eq!(session.state_hash(), hash);
    session.keep_time(0);
    go(&mut session, TimeControl::GoTo(0));
    assert_eq!(first_weights(&session), given);
    drop(session);
    let again = |to| {
        let mut again = Session::replay(Rc::clone(&bench.gpu), &bench.path("run"), to).unwrap();
        finish(&mut again);
        again
    };
    assert_eq!(first_weights(&again(Some(0))), given);
    let mut made = again(None);
    assert_eq!((made.step(), made.state_hash()), (20, hash));
    made.keep(&bench.path("again")).unwrap();
    assert_eq!(
        fs::read(bench.path("again/start.safetensors")).unwrap(),
        fs::read(bench.path("run/start.safetensors")).unwrap()
    );
}

#[test]
fn other_weights_at_the_beginning_are_found() {
    let bench = Bench::new();
    begin(&bench).keep(&bench.path("run")).unwrap();
    let file = bench.path("run/start.safetensors");
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    for begun in [
        Session::resume(Rc::clone(&bench.gpu), &bench.path("run")),
        Session::replay(Rc::clone(&bench.gpu), &bench.path("run"), None),
    ] {
        let error = begun.err().expect("it is refused");
        assert!(error.what().contains("start.safetensors is of another run"), "{error}");
    }
}

#[test]
fn data_of_another_shape_are_refused_with_both() {
    let bench = Bench::new();
    let digits = Dataset::open("digits").unwrap();
    let shapes = revacnn::data::shapes::generate(1, 20, 10).unwrap();
    let error = Session::import(Rc::clone(&bench.gpu), imported(&digits), &shapes, settings()).err().unwrap();
    let both = [digits.shape, shapes.shape].map(|shape| shape.to_string());
    assert!(both.iter().all(|shape| error.what().contains(shape)), "{error}");
}

/// A transposed convolution with as many inputs as filters, whose weights have the same shape in PyTorch's order and in ours.
const TURNED: &str = r#"
layer = [
    { kind = "conv2d", filters = 3, kernel = 2 },
    { kind = "conv_transpose2d", name = "up", filters = 3, kernel = 2 },
    { kind = "dense" },
]
"#;

#[test]
fn a_kept_model_has_pytorchs_order_and_its_weights_come_back() {
    let bench = Bench::new();
    let data = Dataset::open("digits").unwrap();
    let network = || Network::parse(TURNED, data.shape.into(), data.classes.len()).unwrap();
    let values = |len: usize, first: f32| (0..len).map(|at| first + 0.01 * at as f32).collect::<Vec<f32>>();
    let weights: Vec<Vec<Vec<f32>>> = network()
        .layers
        .iter()
        .map(|layer| layer.parameters().iter().map(|t| values(t.len(), 0.1)).collect())
        .collect();
    let model = Model { network: network(), weights: weights.clone(), notes: Vec::new() };
    let mut session = Session::import(Rc::clone(&bench.gpu), model, &data, settings()).unwrap();
    let hash = session.state_hash();
    session.keep(&bench.path("run")).unwrap();
    session.save().unwrap();
    for file in ["model.safetensors", "start.safetensors"] {
        let stored = NamedTensors::open(&bench.path("run").join(file)).unwrap().unwrap();
        let up = stored.tensors.iter().find(|tensor| tensor.name == "up.weight").unwrap();
        // By hand: [in, out, ky, kx] of input 0 and filter 1 is [out, in, ky, kx] of filter 1 and input 0.
        assert_eq!(up.values[4..8], weights[1][0][12..16], "{file}");
        let again = Model::of_weights(network(), &stored, None).unwrap();
        assert_eq!(again.weights, weights, "{file}");
    }
    drop(session);
    assert_eq!(bench.resume().state_hash(), hash);
}
