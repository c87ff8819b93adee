//! Standard output, and the files that a run saves.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

use crate::program::{Ran, TINY, command, folder, metrics, run, train};

#[test]
fn json_lines_have_a_start_steps_epochs_and_an_end() {
    let folder = folder();
    let ran = run(folder.path(), &train(&["--steps", "50", "--json", "--log-every", "7"])).ok();
    let events = ran.events();
    let of = |kind: &str| events.iter().filter(|e| e["event"] == kind).collect::<Vec<_>>();
    assert_eq!(events[0]["event"], "start");
    assert_eq!((of("start").len(), of("end").len()), (1, 1));
    assert_eq!((&events[0]["lr"], &events[0]["batch"]), (&Value::from(0.02), &Value::from(64)));
    let steps: Vec<_> = of("step").iter().map(|e| e["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, [7, 14, 21, 28, 35, 42, 49]);
    let epochs: Vec<_> = of("epoch").iter().map(|e| (e["epoch"].clone(), e["step"].clone())).collect();
    assert_eq!(epochs, [(1.into(), 22.into()), (2.into(), 43.into())]);
    for key in ["images_per_s", "train_loss", "train_accuracy", "val_loss", "val_accuracy"] {
        assert!(of("epoch").iter().all(|e| e[key].is_f64()), "{key}");
    }
    // 1438 of the digits are trained on, in steps of 64.
    let seen: Vec<_> = of("epoch").iter().map(|e| e["images"].as_u64().unwrap()).collect();
    assert_eq!(seen, [22 * 64, 43 * 64]);
    for epoch in of("epoch") {
        assert!(epoch["decay_loss"].as_f64().unwrap() > 0.0, "{epoch}");
        let changes = epoch["weight_change"].as_object().unwrap();
        assert_eq!(changes.keys().collect::<Vec<_>>(), ["conv1", "dense1"]);
        assert!(changes.values().all(|change| change.as_f64().unwrap() > 0.0), "{epoch}");
        let times = ["forward_ms", "backward_ms", "update_ms"].map(|key| &epoch[key]);
        assert!(times.iter().all(|ms| ms.as_f64().is_none_or(|ms| ms > 0.0)), "{epoch}");
    }
    let end = events.last().unwrap();
    assert!((0.5..1.0).contains(&end["test_accuracy"].as_f64().unwrap()), "{end}");
    assert_eq!((&end["step"], &end["stopped"]), (&Value::from(50), &Value::from(false)));
    assert_eq!(ran.hash().len(), 64);
}

#[test]
fn without_json_there_is_text_for_people() {
    let folder = folder();
    let ran = run(folder.path(), &train(&["--epochs", "2", "--out", "a run"])).ok();
    assert!(!ran.out.contains('{'), "{}", ran.out);
    assert_eq!(ran.out.lines().count(), 4, "{}", ran.out);
    assert!(ran.out.contains("tiny on digits") && ran.out.contains("validation loss"), "{}", ran.out);
    assert!(ran.out.contains("saved in a run"), "{}", ran.out);
}

#[test]
fn the_seed_decides_on_the_bits() {
    let folder = folder();
    let hash = |more: &[&str]| {
        let args = [&["--steps", "30", "--json"], more].concat();
        run(folder.path(), &train(&args)).ok().hash()
    };
    let one = hash(&["--seed", "5"]);
    assert_eq!(one, hash(&["--seed", "5"]));
    assert_ne!(one, hash(&["--seed", "6"]));
    // The other half of the seed counts too.
    assert_ne!(one, hash(&["--seed", "4294967301"]));
    assert_ne!(one, hash(&["--seed", "5", "--lr", "0.03"]));
    assert_ne!(one, hash(&["--seed", "5", "--shift", "1"]));
    // Looking on more often changes nothing.
    assert_eq!(one, hash(&["--seed", "5", "--log-every", "1"]));
}

#[test]
fn a_run_keeps_what_is_needed_to_do_it_again() {
    let folder = folder();
    let ran = run(folder.path(), &train(&["--epochs", "2", "--json", "--out", "deep/run"])).ok();
    let kept = folder.path().join("deep/run");
    let mut files: Vec<_> =
        fs::read_dir(&kept).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["journal.jsonl", "metrics.csv", "model.safetensors", "network.toml"]);
    assert_eq!(metrics(&kept).len(), 3);
    let model = fs::read(kept.join("model.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&model).unwrap();
    assert_eq!(tensors.tensor("conv1.weight").unwrap().shape(), [4, 1, 3, 3]);
    assert_eq!(tensors.tensor("momentum.dense1.bias").unwrap().shape(), [10]);
    let journal = fs::read_to_string(kept.join("journal.jsonl")).unwrap();
    let header: Value = serde_json::from_str(journal.lines().next().unwrap()).unwrap();
    assert_eq!(header["settings"]["dataset"], "digits");
    let args =
        ["train", "--dataset", "digits", "--network", "deep/run/network.toml", "--epochs", "2", "--json"];
    assert_eq!(run(folder.path(), &args).ok().hash(), ran.hash());
}

#[test]
fn adapters_are_listed_and_one_is_the_best() {
    let folder = folder();
    let ran = run(folder.path(), &["adapters", "--json"]).ok();
    let adapters: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(adapters.iter().filter(|a| a["best"] == true).count(), 1);
    assert!(adapters.iter().all(|a| a["max_binding_bytes"].as_u64().unwrap() > 0));
    for a in &adapters {
        let usable = a["lacks"].as_array().unwrap().is_empty();
        assert!(!usable || a["workgroup_memory_bytes"].as_u64().unwrap() >= 16 << 10, "{a}");
        let sizes = &a["subgroup_sizes"];
        assert!(
            sizes.is_null() || (1..=sizes[1].as_u64().unwrap()).contains(&sizes[0].as_u64().unwrap()),
            "{a}"
        );
        assert!(a["f16"].is_boolean() && a["cooperative_matrices"].is_array(), "{a}");
        // Every tick of a clock takes some time, and an adapter that can be used has what WebGPU asks of all.
        let period = a["timestamp_period_ns"].as_f64();
        assert_eq!(period.is_some_and(|ns| ns > 0.0), usable && a["timestamps"] == true, "{a}");
        assert!(a["timestamps_inside_passes"].is_boolean(), "{a}");
        let limit = |name: &str| a["limits"][name].as_u64().unwrap();
        assert!(!usable || limit("threads_per_workgroup") >= 256, "{a}");
        assert!(!usable || limit("workgroups_per_dimension") >= 65_535, "{a}");
        assert!(!usable || limit("storage_buffers_per_stage") >= 8, "{a}");
        assert!(!usable || limit("uniform_binding_bytes") >= 16 << 10, "{a}");
        assert!(!usable || limit("storage_alignment_bytes").is_power_of_two(), "{a}");
        assert!(!usable || limit("uniform_alignment_bytes").is_power_of_two(), "{a}");
        assert!(a["limits"]["immediate_bytes"].is_u64(), "{a}");
    }
    let text = run(folder.path(), &["adapters"]).ok().out;
    assert!(text.contains(adapters[0]["name"].as_str().unwrap()), "{text}");
    let first = ["--adapter", "0", "--steps", "1", "--json"];
    let ran = run(folder.path(), &train(&first)).ok();
    assert_eq!(ran.events()[0]["adapter"], adapters[0]["name"]);
}

/// The program on an OpenGL driver of before compute shaders, which Mesa acts on request.
fn on_old_opengl(folder: &std::path::Path, args: &[&str]) -> Ran {
    let mut command = command(folder, args);
    command
        .env("MESA_GL_VERSION_OVERRIDE", "3.3")
        .env("MESA_GLES_VERSION_OVERRIDE", "3.0")
        .env("MESA_EXTENSION_OVERRIDE", "-GL_ARB_compute_shader -GL_ARB_shader_storage_buffer_object");
    Ran::from(command.output().unwrap())
}

#[test]
fn an_adapter_without_compute_shaders_is_listed_and_refused() {
    let folder = folder();
    let list = on_old_opengl(folder.path(), &["adapters", "--json"]).ok();
    let adapters: Vec<Value> = serde_json::from_str(&list.out).unwrap();
    // Other drivers than Mesa's do not act.
    let Some(old) = adapters.iter().find(|a| a["lacks"].as_array().is_some_and(|lacks| !lacks.is_empty()))
    else {
        return;
    };
    assert!(old["backend"] == "gl" && old["best"] == false && old["lacks"][0] == "compute shaders", "{old}");
    let text = on_old_opengl(folder.path(), &["adapters"]).ok().out;
    assert!(text.contains("cannot be used, it lacks compute shaders"), "{text}");
    for command in ["train", "bench train"] {
        let mut args: Vec<&str> = command.split(' ').collect();
        let index = old["index"].to_string();
        args.extend(["--adapter", &index]);
        let ran = on_old_opengl(folder.path(), &args);
        let said = format!("{} (gl) lacks compute shaders", old["name"].as_str().unwrap());
        assert!(
            ran.code == Some(1) && ran.err.contains(&said) && ran.out.is_empty(),
            "{}{}",
            ran.out,
            ran.err
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn opengl_is_not_loaded_where_vulkan_has_an_adapter() {
    let folder = folder();
    // The loader of glibc tells each library that it is asked for.
    let looked_for = |args: &[&str], library: &str| {
        let ran = command(folder.path(), args).env("LD_DEBUG", "libs").output().unwrap();
        String::from_utf8_lossy(&ran.stderr).contains(&format!("find library={library}"))
    };
    let training = train(&["--steps", "1"]);
    let adapters: Vec<Value> =
        serde_json::from_str(&run(folder.path(), &["adapters", "--json"]).ok().out).unwrap();
    if adapters[0]["backend"] == "vulkan" && looked_for(&training, "libvulkan.so.1") {
        assert!(!looked_for(&training, "libEGL.so.1"), "OpenGL was opened");
        assert!(looked_for(&["adapters"], "libEGL.so.1"), "the list has the adapters of OpenGL too");
    }
}

#[test]
fn data_sets_are_listed_and_described() {
    let folder = folder();
    let list = run(folder.path(), &["data", "list"]).ok().out;
    assert!(list.contains("shapes") && list.contains("digits") && list.contains("CIFAR-100"), "{list}");
    let info = run(folder.path(), &["data", "info", "digits"]).ok().out;
    assert!(info.contains("1500") && info.contains("1×8×8") && info.contains("fingerprint"), "{info}");
}

#[test]
fn a_folder_of_images_is_described_drawn_and_trained_on() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    for (class, shade) in [("ash", 60_u8), ("oak", 200)] {
        for (split, count) in [("train", 6), ("val", 2), ("test", 2)] {
            fs::create_dir_all(at("trees").join(split).join(class)).unwrap();
            for i in 0..count {
                // The last image of each split is of another size; the first one of the test is one of the training set.
                let side = if i + 1 == count { 24 } else { 12 };
                let number = if split == "test" && i == 0 { 0 } else { 2 * i + split.len() as u8 };
                let number = if split == "train" && i == 0 { 0 } else { number };
                let image =
                    image::GrayImage::from_fn(side, side, |x, _| image::Luma([shade + number + x as u8 % 3]));
                image.save(at("trees").join(split).join(class).join(format!("{i}.png"))).unwrap();
            }
        }
    }
    fs::write(at("trees/train/ash/broken.png"), "no image").unwrap();
    let args = ["data", "info", "trees", "--image-size", "8", "--json", "-o", "sheet.png"];
    let ran = run(folder.path(), &args).ok();
    let info: Value = serde_json::from_str(&ran.out).unwrap();
    let count = |key: &str| info[key].as_u64().unwrap();
    assert_eq!([count("train"), count("validation"), count("test")], [12, 4, 4], "{info}");
    assert_eq!([count("channels"), count("height"), count("width")], [1, 8, 8], "{info}");
    assert_eq!(
        info["classes"][1],
        serde_json::json!({"name": "oak", "train": 6, "validation": 2, "test": 2})
    );
    assert_eq!(info["duplicates"], serde_json::json!([[0, 0], [2, 6]]));
    assert_eq!(info["stored_sizes"][0], serde_json::json!({"width": 12, "height": 12, "images": 14}));
    assert!(info["damaged"][0]["file"].as_str().unwrap().ends_with("broken.png"), "{info}");
    let sheet = image::open(at("sheet.png")).unwrap().into_rgb8();
    assert!([60, 200].iter().all(|shade| sheet.pixels().any(|pixel| pixel.0[0].abs_diff(shade + 1) <= 1)));
    run(folder.path(), &["data", "info", "trees", "--strict"]).fails(1, "broken.png");
    fs::write(at("tiny.toml"), TINY).unwrap();
    let args = ["train", "--dataset", "trees", "--image-size", "8", "--network", "tiny.toml", "--batch", "4"];
    let trained =
        run(folder.path(), &[&args[..], &["--epochs", "1", "--out", "run", "--json"]].concat()).ok();
    assert!(trained.out.contains("\"validation_images\":4"), "{}", trained.out);
    // The size is the run's own: it need not be given again.
    run(folder.path(), &["train", "--resume", "run", "--epochs", "2"]).ok();
}

#[test]
fn help_and_version_are_results() {
    let folder = folder();
    for args in [&["--help"][..], &["train", "--help"], &["--version"], &["data", "--help"]] {
        assert!(run(folder.path(), args).ok().out.contains("revacnn"), "{args:?}");
    }
}

/// Output and folder of a run whose reader goes away after the first line.
fn without_reader(folder: &Path, more: &[&str]) -> Ran {
    let args = train(&[&["--epochs", "300", "--json", "--log-every", "1"], more].concat());
    let mut child = command(folder, &args).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    Ran::from(child.wait_with_output().unwrap())
}

#[test]
fn a_run_whose_reader_goes_away_is_saved_and_says_it() {
    let folder = folder();
    let ran = without_reader(folder.path(), &["--out", "a run"]).fails(1, "closed by its reader");
    assert!(ran.err.contains("to continue: revacnn train --resume 'a run'"), "{}", ran.err);
    let on = run(folder.path(), &["train", "--resume", "a run", "--steps", "1", "--json"]).ok();
    let step = on.events()[0]["step"].as_u64().unwrap();
    assert!(step > 0, "{}", on.out);
    let steps = step.to_string();
    assert_eq!(on.hash(), run(folder.path(), &train(&["--steps", &steps, "--json"])).ok().hash());
    let ran = without_reader(folder.path(), &[]).fails(1, "closed by its reader");
    assert!(ran.err.contains("nothing was saved"), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn other_commands_whose_reader_goes_away_end_as_any_others() {
    let folder = folder();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ran = Ran::from(command(folder.path(), &["data", "list"]).stdout(writer).output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (Some(141), ""));
}

#[cfg(target_os = "linux")]
#[test]
fn errors_end_with_their_status_where_nobody_can_read_them() {
    let folder = folder();
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let code = |args: &[&str]| command(folder.path(), args).stderr(full()).output().unwrap().status.code();
    assert_eq!(code(&["--nope"]), Some(2));
    assert_eq!(code(&["data"]), Some(2));
    assert_eq!(code(&["data", "info", "no/such"]), Some(1));
    assert_eq!(code(&train(&["--lr", "nan"])), Some(2));
    assert_eq!(code(&train(&["--steps", "3", "--out", "run"])), Some(0));
    // Standard output that is full is an error of the run, whose steps are kept.
    let args = train(&["--steps", "30", "--json", "--log-every", "10", "--out", "full"]);
    let ran = Ran::from(command(folder.path(), &args).stdout(full()).output().unwrap());
    ran.fails(1, "cannot write to standard output");
}

#[test]
fn a_dry_run_tells_the_memory_and_begins_nothing() {
    let folder = folder();
    let args = train(&["--batch", "300", "--dry-run", "--json", "--out", "run"]);
    let ran = run(folder.path(), &args).ok();
    let value: serde_json::Value = serde_json::from_str(ran.out.trim()).unwrap();
    // 4·(1·9 + 1) of conv1, 10·(4·3·3 + 1) of dense1.
    assert_eq!(value["parameters"], 410);
    assert_eq!(value["bytes"]["parameters"], 4 * 410);
    assert_eq!(value["bytes"]["images"], 64 * (1500 + 297));
    let passes = value["passes"].as_u64().unwrap() * value["micro_batch"].as_u64().unwrap();
    assert!((300..306).contains(&passes), "{value}");
    let total: u64 = value["bytes"].as_object().unwrap().values().map(|v| v.as_u64().unwrap()).sum();
    assert_eq!(total, 2 * value["bytes"]["total"].as_u64().unwrap());
    assert!(!folder.path().join("run").exists());
    let text = run(folder.path(), &train(&["--dry-run"])).ok();
    assert!(text.out.contains("total"), "{}", text.out);
}

#[test]
fn frozen_layers_and_other_optimizers_are_told_and_kept() {
    let folder = folder();
    let args = ["--optimizer", "adam", "--freeze", "conv1", "--steps", "5", "--json", "--out", "run"];
    let ran = run(folder.path(), &train(&args)).ok();
    let start = &ran.events()[0];
    assert_eq!((&start["optimizer"], &start["lr"]), (&"adam".into(), &0.001.into()));
    let args = ["--momentum", "0.8", "--optimizer", "adamw", "--lr", "0.5", "--steps", "1", "--json"];
    let given = &run(folder.path(), &train(&args)).ok().events()[0];
    assert_eq!((&given["lr"], &given["momentum"]), (&0.5.into(), &0.8.into()));
    assert_eq!((&given["optimizer"], &given["weight_decay"]), (&"adamw".into(), &0.01.into()));
    let journal = fs::read_to_string(folder.path().join("run/journal.jsonl")).unwrap();
    let header: Value = serde_json::from_str(journal.lines().next().unwrap()).unwrap();
    assert_eq!((&header["settings"]["frozen"], journal.lines().count()), (&[0].into(), 1));
    let on = run(folder.path(), &["train", "--resume", "run", "--steps", "9", "--json"]).ok();
    let whole = ["--optimizer", "adam", "--freeze", "conv1", "--steps", "9", "--json"];
    assert_eq!(on.hash(), run(folder.path(), &train(&whole)).ok().hash());
    let thawed = ["--optimizer", "adam", "--steps", "9", "--json"];
    assert_ne!(on.hash(), run(folder.path(), &train(&thawed)).ok().hash());
}

#[test]
fn rates_of_layers_and_the_loss_are_options_of_a_run_and_of_one_to_resume() {
    let folder = folder();
    let hash = |args: &[&str]| run(folder.path(), &train(args)).ok().hash();
    let given = ["--layer-rate", "conv1=0.5,dense1=1", "--loss", "svm_hinge:2", "--json", "--steps"];
    let whole = hash(&[&given[..], &["9"]].concat());
    for other in [&["--loss", "svm_hinge:2"][..], &["--layer-rate", "conv1=0.5"], &[]] {
        assert_ne!(hash(&[other, &["--json", "--steps", "9"]].concat()), whole, "{other:?}");
    }
    hash(&[&given[..], &["5", "--out", "run"]].concat());
    let network = fs::read_to_string(folder.path().join("run/network.toml")).unwrap();
    assert!(network.contains("learning_rate_factor = 0.5") && network.contains("svm_hinge"), "{network}");
    let resume = |args: &[&str]| {
        let ran = run(folder.path(), &[&["train", "--resume", "run", "--json"], args].concat());
        ran.ok().hash()
    };
    assert_eq!(resume(&["--steps", "9"]), whole);
    resume(&["--steps", "12", "--layer-rate", "conv1=1", "--loss", "softmax_cross_entropy:0.1"]);
    let journal = fs::read_to_string(folder.path().join("run/journal.jsonl")).unwrap();
    assert!(journal.lines().last().unwrap().contains("set_loss"), "{journal}");
    assert_eq!(journal.lines().count(), 1 + 2 + 2, "{journal}");
}

#[test]
fn timed_kernels_are_explained_kept_and_change_no_bit() {
    let folder = folder();
    let args =
        ["--dataset", "digits", "--network", "tiny.toml", "--batch", "8", "--seconds", "0.1", "--json"];
    let with_cache = |args: &[&str]| {
        let mut command = command(folder.path(), args);
        // The driver's own cache stays where it is: it need not compile every kernel again.
        command.env("MESA_SHADER_CACHE_DIR", std::env::home_dir().unwrap_or_default().join(".cache"));
        Ran::from(command.env("XDG_CACHE_HOME", folder.path()).output().unwrap())
    };
    let bench = |more: &[&'static str]| with_cache(&[&["bench", "train"], &args[..], more].concat()).ok();
    let explained = bench(&["--explain"]);
    let events = explained.events();
    let choices: Vec<_> = events.iter().filter(|event| event["tried"].is_array()).collect();
    // conv1 forward and weight gradient; dense1 forward, weight and input gradient.
    assert_eq!(choices.len(), 5, "{}", explained.out);
    for choice in &choices {
        let tried = choice["tried"].as_array().unwrap();
        assert!(tried.len() > 1 && tried.iter().any(|t| t["candidate"] == choice["taken"]), "{choice}");
        assert!(tried.iter().all(|t| t["gpu_ms"].as_f64().unwrap() > 0.0), "{choice}");
    }
    // Only a lead beyond the spread of the times is kept; on a busy machine there may be none.
    let decided = choices.iter().filter(|choice| choice["kept"] == true).count();
    let files = fs::read_dir(folder.path().join("revacnn")).into_iter().flatten();
    let kept: Vec<_> = files.map(|e| e.unwrap().path()).collect();
    assert_eq!(kept.len(), usize::from(decided > 0), "{kept:?}");
    if decided == 0 {
        return;
    }
    let known: serde_json::Value = serde_json::from_slice(&fs::read(&kept[0]).unwrap()).unwrap();
    assert_eq!(known.as_object().unwrap().len(), decided);
    // What is known is taken, and gives the bits of what is calculated; a damaged file is told of and left aside.
    let steps = train(&["--batch", "8", "--steps", "20", "--json"]);
    let calculated = run(folder.path(), &steps).ok().hash();
    assert_eq!(with_cache(&steps).ok().hash(), calculated);
    fs::write(&kept[0], "{\"conv").unwrap();
    let damaged = with_cache(&steps).ok();
    assert_eq!(damaged.hash(), calculated);
    assert!(damaged.err.contains("made again"), "{}", damaged.err);
}
