//! Bad input of every kind: an error, a help, the right exit status, and nothing lost.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::program::{Ran, command, folder, run, train};

#[test]
fn wrong_rates_of_layers_and_losses_end_with_2() {
    let folder = folder();
    let cases: [(&[&str], &str); 6] = [
        (&["train", "--dataset", "digits", "--layer-rate", "pool1=2"], "\"pool1\""),
        (&["train", "--dataset", "digits", "--layer-rate", "conv1=-1"], "learning rate is -1"),
        (&["train", "--layer-rate", "conv1"], "no layer with a factor"),
        (&["train", "--loss", "hinge"], "no loss is called"),
        (&["train", "--loss", "svm_hinge:-1"], "margin is -1"),
        (
            &["train", "--dataset", "digits", "--network", "autoencoder", "--loss", "svm_hinge"],
            "a loss on classes",
        ),
    ];
    for (args, words) in cases {
        run(folder.path(), args).fails(2, words);
    }
}

#[test]
fn wrong_command_lines_end_with_2() {
    let folder = folder();
    let cases: &[(&[&str], &str)] = &[
        (&["frobnicate"], "frobnicate"),
        (&["--frobnicate"], "--frobnicate"),
        (&["data"], "not complete"),
        (&["data", "info"], "<SOURCE>"),
        (&["train", "--batch"], "--batch"),
        (&["train", "--epoch", "3"], "--epoch"),
        (&["train", "--steps", "5", "--epochs", "5"], "cannot be used with"),
        (&["train", "--steps", "0"], "0 steps"),
        (&["train", "--epochs", "0"], "0 steps"),
        (&["train", "--steps", "-5"], "-5"),
        (&["embed", "digits", "--perplexity", "-3"], "the perplexity is -3"),
        (&["embed", "digits", "--exaggeration", "-1"], "exaggeration is -1"),
        (&["embed", "digits", "--iterations", "-3"], "invalid value '-3'"),
        (&["--resume", "a", "--out", "b"], "cannot be used with"),
        (&["--resume", "a", "--batch", "4"], "cannot be used with"),
        (&["train", "--seed", "x"], "'x'"),
        (&["train", "--optimizer", "adamax"], "adamax"),
        (&["train", "--schedule", "cosine"], "\"cosine\""),
        (&["train", "--schedule", "step:0:0.1"], "period of the schedule is 0"),
        (&["train", "--beta2", "1"], "beta2 is 1"),
        (&["train", "--clip-norm", "-1"], "norm of the gradients is -1"),
        (&["train", "--warmup", "nan"], "warm-up is NaN"),
        (&["train", "--dataset", "digits", "--freeze", "pool1"], "\"pool1\""),
        (&["train", "--resume", "b", "--seed", "3"], "'--resume <DIR>' cannot be used with '--seed <SEED>'"),
        (&["train", "--resume", "b", "--network", "lenet"], "cannot be used with"),
        (&["train", "--dry-run", "--dataset", "digits", "--batch", "9999"], "batch is 9999"),
        (&["train", "--shift", "200"], "shift is 200"),
        (&["train", "--log-every", "5"], "--json"),
        (&["train", "--json", "--log-every", "0"], "0 steps"),
        (&["train", "--out", "a", "--resume", "b"], "cannot be used with"),
        (&["train", "--resume", "b", "--dry-run"], "'--resume <DIR>' cannot be used with '--dry-run'"),
        (&["bench", "train", "--seconds", "0"], "'0'"),
        (&["train", "--resume", "b", "--dataset", "digits"], "cannot be used with"),
        (&["train", "--resume", "b", "--lr", "-1"], "learning rate is -1"),
        (&["train", "--batch", "0"], "batch is 0"),
        (&["train", "--dataset", "digits", "--batch", "1351"], "batch is 1351"),
        (&["train", "--lr", "nan"], "learning rate is NaN"),
        (&["train", "--lr", "-0.1"], "learning rate is -0.1"),
        (&["train", "--lr", "1e40"], "learning rate is inf"),
        (&["train", "--lr", "fast"], "'fast'"),
        (&["train", "--momentum", "1"], "momentum is 1"),
        (&["train", "--momentum", "nan"], "momentum is NaN"),
        (&["train", "--momentum", "-0.5"], "momentum is -0.5"),
        (&["train", "--weight-decay", "-1"], "weight decay is -1"),
        (&["train", "--weight-decay", "inf"], "weight decay is inf"),
    ];
    for (args, part) in cases {
        run(folder.path(), args).fails(2, part);
    }
    let ran = run(folder.path(), &["train", "--epoch", "3"]);
    assert!(ran.err.contains("help: a similar argument exists: '--epochs'"), "{}", ran.err);
    let ran = run(folder.path(), &["train", "--schedule", "cosine"]);
    assert!(ran.err.contains("help: write constant, step:EPOCHS:FACTOR"), "{}", ran.err);
    let ran = run(folder.path(), &["train", "--seed", "x"]);
    assert!(ran.err.contains("help: see revacnn train --help"), "{}", ran.err);
}

#[test]
fn remedies_are_such_that_they_help() {
    let folder = folder();
    let ran =
        run(folder.path(), &train(&["--steps", "1", "--image-memory", "0"])).fails(1, "cannot stream in 0 B");
    assert!(ran.err.contains("help: allow 1 MiB or more"), "{}", ran.err);
    run(folder.path(), &train(&["--steps", "1", "--image-memory", "1"])).ok();
    for (args, part) in [
        (["--shift", "4294967295"], "shift is 4294967295"),
        (["--shift", "-1"], "'-1' for '--shift"),
        (["--cutout", "16777217"], "cutout is 16777217"),
        (["--image-memory", "-1"], "'-1' for '--image-memory"),
    ] {
        run(folder.path(), &[&["train"][..], &args].concat()).fails(2, part);
    }
    // A legal set of other classes is not called damaged alone.
    write_idx(folder.path());
    fs::write(folder.path().join("train-labels-idx1-ubyte"), idx(&[12], &[25; 12])).unwrap();
    let ran = run(folder.path(), &["data", "info", "."]).fails(1, "label 25");
    assert!(ran.err.contains("in class_names.txt beside it"), "{}", ran.err);
    let names: String = (b'a'..=b'z').map(|letter| format!("{}\n", char::from(letter))).collect();
    fs::write(folder.path().join("class_names.txt"), names).unwrap();
    assert!(run(folder.path(), &["data", "info", "."]).ok().out.contains("26: a, b, c"));
}

/// Names that are not UTF-8 are told apart, wherever they stand.
#[cfg(target_os = "linux")]
#[test]
fn arguments_that_are_not_text_are_named() {
    use std::os::unix::ffi::OsStrExt as _;

    let folder = folder();
    let odd = std::ffi::OsStr::from_bytes(b"d\xff.npy");
    for (before, said) in [
        (&["train", "--dataset"][..], r#""d\xFF.npy" after --dataset"#),
        (&["train", "--network"], r#""d\xFF.npy" after --network"#),
        (&["embed"], r#""d\xFF.npy" after embed"#),
        (&["data", "info"], r#""d\xFF.npy" after info"#),
    ] {
        let ran = Ran::from(command(folder.path(), before).arg(odd).output().unwrap());
        assert!(ran.fails(2, said).err.contains("make a link"));
    }
    // A path that need not be text.
    let ran = command(folder.path(), &train(&["--steps", "1", "--out"])).arg(odd).output().unwrap();
    Ran::from(ran).ok();
    assert!(folder.path().join(odd).join("model.safetensors").exists());
}

#[test]
fn a_variable_that_leaves_out_all_adapters_is_named() {
    let folder = folder();
    for args in [&["adapters"][..], &["train", "--dataset", "digits", "--steps", "1"]] {
        // No machine has this one beside those that it leaves out.
        let backend = if cfg!(target_os = "windows") { "metal" } else { "dx12" };
        let ran = Ran::from(command(folder.path(), args).env("WGPU_BACKEND", backend).output().unwrap());
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        assert!(ran.err.contains("WGPU_BACKEND") && ran.err.contains(backend), "{}", ran.err);
    }
}

/// Without a display that answers, the window's place is taken by pictures, and no message shows a source.
#[cfg(all(target_os = "linux", feature = "app"))]
#[test]
fn displays_that_do_not_answer_are_as_none() {
    let folder = folder();
    let mut program = command(folder.path(), &["--dataset", "digits", "--out", "run"]);
    let stale = program.env("WAYLAND_DISPLAY", "wayland-77").env("DISPLAY", ":31777").env("RUST_LOG", "info");
    let ran = Ran::from(stale.output().unwrap()).ok();
    assert!(ran.err.contains("there is no display") && ran.err.contains(":31777"), "{}", ran.err);
    assert!(!ran.err.contains(".rs:"), "{}", ran.err);
    assert!(folder.path().join("run/workbench.png").exists());
}

#[test]
fn what_is_not_there_is_said() {
    let folder = folder();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["data", "info", "mnsit"], "\"mnsit\" is neither"),
        (&["data", "info", "empty"], "empty directory"),
        (&["train", "--dataset", "no/such"], "no/such"),
        (&["train", "--dataset", "empty"], "empty directory"),
        (&["train", "--dataset", "tiny.toml"], "no known data set"),
        (&["train", "--dataset", "digits", "--network", "alexnet"], "alexnet"),
        (&["train", "--dataset", "digits", "--network", "no/such.toml"], "no/such.toml"),
        (&["train", "--dataset", "digits", "--network", "empty"], "empty"),
        (&["train", "--dataset", "digits", "--adapter", "voodoo 2"], "voodoo 2"),
        (&["train", "--dataset", "digits", "--adapter", "99"], "99"),
        (&["train", "--resume", "no/such"], "no/such"),
        (&["train", "--resume", "empty"], "no run"),
        (&["train", "--resume", "no/such", "--lr", "0.1"], "no/such"),
        (&["train", "--resume", "tiny.toml"], "tiny.toml is a file, not the folder of a run"),
    ];
    for (args, part) in cases {
        run(folder.path(), args).fails(1, part);
    }
}

#[test]
fn names_that_a_checkpoint_needs_are_refused_before_a_folder_is_made() {
    let folder = folder();
    let layer = |name: &str| format!("[[layer]]\nkind = \"dense\"\nname = \"{name}\"\n");
    fs::write(folder.path().join("clash.toml"), layer("a") + &layer("momentum.a")).unwrap();
    let args = ["train", "--dataset", "digits", "--network", "clash.toml", "--steps", "2", "--out", "run"];
    run(folder.path(), &args).fails(1, "momentum.a");
    assert!(!folder.path().join("run").exists());
    // Any other name is kept and found again.
    fs::write(folder.path().join("clash.toml"), layer("a.momentum") + &layer("momentum.b")).unwrap();
    run(folder.path(), &args).ok();
    run(folder.path(), &["train", "--resume", "run", "--steps", "3"]).ok();
}

#[test]
fn characters_that_steer_a_terminal_are_shown_as_escapes() {
    let folder = folder();
    let network =
        "name = \"a\\u001b[31mb\\u202ec\\u009bd\"\n[[layer]]\nkind = \"dense\"\nname = \"e\\u0007\"\n";
    fs::write(folder.path().join("odd.toml"), network).unwrap();
    fs::write(
        folder.path().join("worse.toml"),
        format!("{network}[[layer]]\nkind = \"relu\"\ninputs = [\"f\"]\n"),
    )
    .unwrap();
    let run = |more: &[&str]| {
        run(folder.path(), &[&["train", "--dataset", "digits", "--steps", "1", "--network"], more].concat())
    };
    let (text, dry) = (run(&["odd.toml"]).ok(), run(&["odd.toml", "--dry-run"]).ok());
    let (json, worse) = (run(&["odd.toml", "--json"]).ok(), run(&["worse.toml"]).fails(1, "called \"f\""));
    assert!(text.out.contains(r"a\u001b[31mb\u202ec\u009bd on digits"), "{}", text.out);
    assert!(dry.out.contains(r"e\u0007"), "{}", dry.out);
    assert!(worse.err.contains(r"there are input, e\u0007"), "{}", worse.err);
    assert_eq!(json.events()[0]["network"], "a\u{1b}[31mb\u{202e}c\u{9b}d", "JSON reads as before");
    for ran in [text, dry, json, worse] {
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!ran.out.contains(steers) && !ran.err.contains(steers), "{:?}", (ran.out, ran.err));
    }
}

#[test]
fn faulty_networks_name_the_layer() {
    let folder = folder();
    let dense = "[[layer]]\nkind = \"dense\"\n";
    let cases = [
        ("tint = 1\n", "tint"),
        ("[[layer]]\nkind = \"dense\"\ntint = 1\n", "tint"),
        ("[[layer]]\nkind = \"dense\"\nunits = 0\n", "units is 0"),
        ("[[layer]]\nkind = \"conv2d\"\nfilters = -4\nkernel = 3\n", "layer 1"),
        ("[[layer]]\nkind = \"conv2d\"\nfilters = 4\nkernel = 9\n", "1×8×8"),
        ("[[layer]]\nkind = \"max_pool2d\"\nsize = 9\n", "1×8×8"),
        ("[[layer]]\nkind = \"dense\"\nunits = 11\n", "11×1×1"),
        ("[[layer]]\nkind = \"relu\"\n", "1×8×8"),
        ("[[layer]\n", "network.toml"),
        ("", "no `[[layer]]`"),
        // 65536 × 65536 weights are 16 GiB; the adapter's limit is named too.
        (&"[[layer]]\nkind = \"dense\"\nunits = 65536\n".repeat(2), "MiB"),
        (
            &"[[layer]]\nkind = \"conv2d\"\nfilters = 65536\nkernel = 65536\npadding = 65535\n".repeat(2),
            "GiB",
        ),
    ];
    for (text, part) in cases {
        let text = if part == "MiB" { format!("{text}{dense}") } else { text.to_owned() };
        fs::write(folder.path().join("network.toml"), text).unwrap();
        let args = ["train", "--dataset", "digits", "--network", "network.toml", "--out", "run"];
        run(folder.path(), &args).fails(1, part);
    }
    fs::write(folder.path().join("network.toml"), [0xff, 0xfe, 0]).unwrap();
    run(folder.path(), &["train", "--dataset", "digits", "--network", "network.toml"])
        .fails(1, "network.toml");
    assert!(!folder.path().join("run").exists(), "a run that cannot begin leaves no folder");
}

/// An IDX file of unsigned bytes.
fn idx(sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    sizes.iter().for_each(|s| bytes.extend(s.to_be_bytes()));
    bytes.extend(values);
    bytes
}

/// Twelve training and four test images of 5×7 pixels.
fn write_idx(folder: &Path) {
    let pixels = |count: usize| (0..count * 35).map(|i| (i * 37 % 251) as u8).collect::<Vec<_>>();
    let labels = |count: u8| (0..count).map(|i| i % 10).collect::<Vec<_>>();
    let write = |name: &str, bytes: Vec<u8>| fs::write(folder.join(name), bytes).unwrap();
    write("train-images-idx3-ubyte", idx(&[12, 5, 7], &pixels(12)));
    write("train-labels-idx1-ubyte", idx(&[12], &labels(12)));
    write("t10k-images-idx3-ubyte", idx(&[4, 5, 7], &pixels(4)));
    write("t10k-labels-idx1-ubyte", idx(&[4], &labels(4)));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_folder_of_idx_files_trains() {
    let folder = folder();
    write_idx(folder.path());
    let args =
        ["train", "--dataset", ".", "--network", "tiny.toml", "--batch", "4", "--epochs", "2", "--json"];
    assert_eq!(run(folder.path(), &args).ok().events()[0]["train_images"], 11);
    let info = run(folder.path(), &["data", "info", "."]).ok().out;
    assert!(info.contains("mnist") && info.contains("1×5×7"), "{info}");
    let args = ["train", "--dataset", ".", "--network", "tiny.toml"];
    let ran = run(folder.path(), &args).fails(2, "batch is 64");
    assert!(ran.err.contains("1 to 11"), "{}", ran.err);
}

#[test]
fn damaged_idx_files_are_refused() {
    let folder = folder();
    let images = idx(&[12, 5, 7], &[1; 420]);
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("train-images-idx3-ubyte", images[..300].to_vec(), "has only 300"),
        ("train-images-idx3-ubyte", [&images[..], &[0]].concat(), "437 or more"),
        ("train-images-idx3-ubyte", images[..9].to_vec(), "ends within its header"),
        ("train-images-idx3-ubyte", Vec::new(), "ends within its header"),
        ("train-images-idx3-ubyte", [&[9, 9], &images[2..]].concat(), "starts with"),
        ("train-images-idx3-ubyte", idx(&[u32::MAX, u32::MAX, 9], &[]), "sizes"),
        ("train-images-idx3-ubyte", idx(&[12, 5, 0], &[]), "sizes"),
        ("train-images-idx3-ubyte", gzip(&images)[..30].to_vec(), "train-images"),
        ("train-images-idx3-ubyte", gzip(&[&images[..], &[0]].concat()), "437 or more"),
        ("train-labels-idx1-ubyte", idx(&[12], &[10; 12]), "label 10"),
        ("train-labels-idx1-ubyte", idx(&[11], &[1; 11]), "12 images"),
        ("t10k-images-idx3-ubyte", idx(&[4, 7, 5], &[1; 140]), "1×7×5"),
        ("t10k-labels-idx1-ubyte", idx(&[0], &[]), "sizes"),
    ];
    for (name, bytes, part) in cases {
        write_idx(folder.path());
        fs::write(folder.path().join(name), bytes).unwrap();
        run(folder.path(), &["data", "info", "."]).fails(1, part);
    }
    write_idx(folder.path());
    fs::remove_file(folder.path().join("t10k-labels-idx1-ubyte")).unwrap();
    run(folder.path(), &["train", "--dataset", "."]).fails(1, "t10k-labels");
}

#[test]
fn damaged_cifar_files_are_refused() {
    let folder = folder();
    let records = |count: usize, label: u8| [&[label][..], &[7; 3072]].concat().repeat(count);
    let write = |name: &str, bytes: Vec<u8>| fs::write(folder.path().join(name), bytes).unwrap();
    write("data_batch_1.bin", records(9, 3));
    write("test_batch.bin", records(2, 9));
    let info = run(folder.path(), &["data", "info", "."]).ok().out;
    assert!(info.contains("cifar-10") && info.contains("truck"), "{info}");
    write("data_batch_1.bin", records(9, 3)[..9000].to_vec());
    run(folder.path(), &["data", "info", "."]).fails(1, "9000 bytes");
    write("data_batch_1.bin", records(9, 10));
    run(folder.path(), &["train", "--dataset", "."]).fails(1, "label 10");
    fs::remove_file(folder.path().join("data_batch_1.bin")).unwrap();
    run(folder.path(), &["train", "--dataset", "."]).fails(1, "no training batch");
}

#[test]
fn a_place_that_cannot_be_written_loses_nothing() {
    let folder = folder();
    let kept = fs::read(folder.path().join("tiny.toml")).unwrap();
    let out = |place: &str| run(folder.path(), &train(&["--steps", "2", "--out", place]));
    out("tiny.toml").fails(1, "tiny.toml is a file");
    out("tiny.toml/run").fails(1, "tiny.toml/run");
    #[cfg(target_os = "linux")]
    out("/proc/run").fails(1, "/proc/run");
    assert_eq!(fs::read(folder.path().join("tiny.toml")).unwrap(), kept);
    // A file of the user's that a run would write over.
    fs::write(folder.path().join("network.toml"), "# mine\n").unwrap();
    out(".").fails(1, "network.toml would be overwritten");
    assert_eq!(fs::read(folder.path().join("network.toml")).unwrap(), b"# mine\n");
}

#[test]
fn a_folder_that_holds_a_run_is_not_begun_again() {
    let folder = folder();
    run(folder.path(), &train(&["--steps", "2", "--out", "run"])).ok();
    let before = fs::read(folder.path().join("run/model.safetensors")).unwrap();
    let ran = run(folder.path(), &train(&["--steps", "2", "--out", "run"])).fails(1, "holds a run already");
    assert!(ran.err.contains("--resume"), "{}", ran.err);
    assert_eq!(fs::read(folder.path().join("run/model.safetensors")).unwrap(), before);
    // What a run leaves that was killed before its first checkpoint is no run.
    fs::remove_file(folder.path().join("run/model.safetensors")).unwrap();
    run(folder.path(), &train(&["--steps", "2", "--out", "run"])).ok();
}

#[cfg(feature = "app")]
#[test]
fn what_holds_no_training_is_not_waited_on() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("notes.txt"), "none").unwrap();
    run(path, &["watch", "notes.txt", "--json"]).fails(1, "notes.txt is a file");
    fs::create_dir(path.join("list")).unwrap();
    fs::write(path.join("list/checkpoints.jsonl"), "nonsense\n").unwrap();
    run(path, &["watch", "list", "--json"]).fails(1, "checkpoints.jsonl");
}
