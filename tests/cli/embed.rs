//! `revacnn embed`: rows in, positions and a picture out.

use std::fs;

use revacnn::data::Matrix;
use revacnn::embed::twin::{affinities, step};
use serde_json::Value;

use crate::program::{folder, run};

/// 60 rows in two heaps, as CSV with names; the third row holds a NaN.
fn rows() -> String {
    let value = |i: usize, d: usize| (i % 2 * 9) as f64 + ((i * 7 + d * 3) % 11) as f64 * 0.1;
    let row = |i: usize| (0..4).map(|d| value(i, d).to_string()).collect::<Vec<_>>().join(",");
    let mut lines: Vec<String> = (0..60).map(row).collect();
    lines[2] = "1,nan,2,3".to_owned();
    format!("a,b,c,d\n{}\n", lines.join("\n"))
}

/// An array of `out.npz`.
fn array(folder: &tempfile::TempDir, name: &str) -> Matrix {
    let bytes = fs::read(folder.path().join("out.npz")).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let path = folder.path().join(format!("{name}.npy"));
    let mut member = archive.by_name(&format!("{name}.npy")).unwrap();
    std::io::copy(&mut member, &mut fs::File::create(&path).unwrap()).unwrap();
    Matrix::open(&path).unwrap()
}

#[test]
fn rows_of_a_file_become_positions_and_a_picture() {
    let folder = folder();
    fs::write(folder.path().join("rows.csv"), rows()).unwrap();
    let args =
        ["embed", "rows.csv", "--perplexity", "50", "--iterations", "120", "--json", "--snapshots", "50"];
    let ran = run(folder.path(), &[&args[..], &["-o", "out.npz", "-o", "out.png"]].concat()).ok();
    let result = &ran.events()[0];
    assert_eq!((&result["n"], &result["dim"], &result["iterations"]), (&60.into(), &4.into(), &120.into()));
    assert_eq!(result["left_out"], Value::from(1));
    assert!((result["perplexity"].as_f64().unwrap() - 59.0 / 3.0).abs() < 1e-4, "{result}");
    assert!(ran.err.contains("lowered") && ran.err.contains("row 2 first"), "{}", ran.err);
    for key in ["kl", "trustworthiness", "preserved", "iterations_per_s"] {
        assert!(result[key].is_f64(), "{key} of {result}");
    }
    // Every neighbour is found; what is left out is nobody's.
    assert_eq!(result["recall"], Value::from(1.0), "{result}");
    for stage in ["neighbours", "affinities", "optimise"] {
        assert!(result["stage_ms"][stage].as_f64().unwrap() > 0.0, "{result}");
    }
    // All of the time is of some part, and the stages are among the parts.
    let mut parts = result["wall_ms"].as_object().unwrap().clone();
    let total = parts.remove("total").unwrap().as_f64().unwrap();
    let part = |name: &str| parts[name].as_f64().unwrap();
    let sum: f64 = parts.keys().map(|name| part(name)).sum();
    assert!(
        (sum - total).abs() < 1e-6 * total && parts.values().all(|ms| ms.as_f64().unwrap() >= 0.0),
        "{result}"
    );
    for name in ["opening", "reading", "upload", "preparing", "starting", "judging", "picture", "writing"] {
        assert!(part(name) < total, "{name} of {result}");
    }
    for stage in ["neighbours", "affinities", "optimise"] {
        assert!((part(stage) - result["stage_ms"][stage].as_f64().unwrap()).abs() < 1e-6 * total, "{result}");
    }
    assert!(ran.err.contains("s in all: "), "{}", ran.err);
    // The archive: positions of all rows, three snapshots, the last of them the end.
    let [positions, snapshots] = ["positions", "snapshots"].map(|name| array(&folder, name));
    assert_eq!((positions.rows, positions.columns), (60, 2));
    assert_eq!((snapshots.rows, snapshots.columns), (3, 120));
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&snapshots.row(2)), bits(&positions.values()));
    assert!(positions.row(2).iter().all(|v| v.is_nan()));
    assert!((0..60).filter(|i| *i != 2).all(|i| positions.row(i).iter().all(|v| v.is_finite())));
    // The two heaps stay apart: the nearest of every row is of its own heap.
    let square = |i: usize, j: usize| -> f64 {
        positions.row(i).iter().zip(positions.row(j)).map(|(a, b)| (a - b).powi(2)).sum()
    };
    let others = |i: usize| (0..60).filter(move |j| *j != i && *j != 2);
    for i in (0..60).filter(|i| *i != 2) {
        let nearest = others(i).min_by(|a, b| square(i, *a).total_cmp(&square(i, *b))).unwrap();
        assert_eq!(nearest % 2, i % 2, "the nearest of row {i} is row {nearest}");
    }
    let picture = image::open(folder.path().join("out.png")).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (1200, 1200));
    let colored = picture.pixels().filter(|pixel| pixel.0 != [255; 3]).count();
    assert!(colored > 59 * 20 && colored < 1200 * 1200 / 4, "{colored} pixels are colored");
}

#[test]
fn principal_components_alone_are_those_of_the_rows() {
    let folder = folder();
    // An ellipse in a plane that is askew: the longer axis is three times the shorter one.
    let row = |i: usize| {
        let (a, b) = ((i as f64 * 0.7).cos() * 3.0, (i as f64 * 0.7).sin());
        format!("{},{},{}", 0.6 * a - 0.8 * b + 5.0, 0.8 * a + 0.6 * b, -2.0)
    };
    let rows: Vec<String> = (0..90).map(row).collect();
    fs::write(folder.path().join("rows.csv"), rows.join("\n")).unwrap();
    let args = ["embed", "rows.csv", "--method", "pca", "--json", "-o", "out.npz"];
    let ran = run(folder.path(), &args).ok();
    let result = &ran.events()[0];
    assert_eq!((&result["method"], &result["iterations"]), (&"pca".into(), &0.into()));
    assert!(result["kl"].is_null() && result["preserved"].as_f64().unwrap() > 0.99, "{result}");
    let positions = array(&folder, "positions");
    // Coordinates along the axes, scaled by one factor, whatever their signs.
    let mean = |of: &dyn Fn(usize) -> f64| (0..90).map(of).sum::<f64>() / 90.0;
    let along = |i: usize| [(i as f64 * 0.7).cos() * 3.0, (i as f64 * 0.7).sin()];
    let middle = [mean(&|i| along(i)[0]), mean(&|i| along(i)[1])];
    let deviation = mean(&|i| (along(i)[0] - middle[0]).powi(2)).sqrt();
    for i in 0..90 {
        for (axis, middle) in middle.iter().enumerate() {
            let expected = ((along(i)[axis] - middle) / deviation).abs();
            let found = positions.row(i)[axis].abs();
            assert!((found - expected).abs() < 0.02, "row {i}, axis {axis}: {found}, {expected}");
        }
    }
}

#[test]
fn a_runs_activations_are_laid_out_with_the_labels_of_the_images() {
    let folder = folder();
    run(folder.path(), &["train", "--dataset", "digits", "--epochs", "2", "--out", "first"]).ok();
    let args = ["embed", "first", "--rows", "150", "--iterations", "60", "--json", "-o", "out.npz"];
    let ran = run(folder.path(), &args).ok();
    let result = &ran.events()[0];
    // The last pooling of revacnn gives 20 channels of one pixel for images of 8×8.
    assert_eq!((&result["n"], &result["dim"]), (&150.into(), &20.into()), "{result}");
    let bytes = fs::read(folder.path().join("out.npz")).unwrap();
    assert!(zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap().by_name("labels.npy").is_ok());
    run(folder.path(), &["embed", "first", "--layer", "conv1", "--iterations", "1", "--rows", "50"]).ok();
    run(folder.path(), &["embed", "first", "--layer", "conv9"]).fails(2, "no layer conv9");
    run(folder.path(), &["embed", "digits", "--layer", "conv1"]).fails(2, "it is no run");
}

#[test]
fn what_cannot_be_laid_out_is_refused() {
    let folder = folder();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("few.csv", "1,2\n3,4\n5,6\n");
    write("ragged.csv", "1,2\n3,4\n5\n6,7\n");
    write("none.csv", "1,2\nnan,4\n5,inf\n6,7\nnan,1\n8,9\n");
    let refused = |args: &[&str], code: i32, part: &str| {
        run(folder.path(), &[&["embed"], args].concat()).fails(code, part);
    };
    refused(&["few.csv"], 1, "3 rows");
    refused(&["ragged.csv"], 1, "line 3");
    refused(&["none.csv", "-o", "out.png"], 1, "3 of 6 rows hold NaN or infinity, row 1 first");
    refused(&["missing.npy"], 1, "missing.npy");
    refused(&["digits", "--perplexity", "0.5"], 2, "perplexity is 0.5");
    refused(&["digits", "--exaggeration", "0"], 2, "exaggeration is 0");
    refused(&["digits", "-o", "out.txt"], 2, "neither .npz nor .png");
    refused(&["digits", "-o", "no/folder/out.png"], 2, "no folder");
    assert!(!folder.path().join("out.txt").exists() && !folder.path().join("out.png").exists());
}

#[test]
fn the_divergence_without_iterations_is_that_of_the_start() {
    let folder = folder();
    let value = |i: usize, d: usize| (i % 3 * 4) as f64 + ((i * 7 + d * 13) % 17) as f64 * 0.1;
    let rows: Vec<Vec<f64>> = (0..60).map(|i| (0..4).map(|d| value(i, d)).collect()).collect();
    let lines: Vec<String> =
        rows.iter().map(|row| row.iter().map(f64::to_string).collect::<Vec<_>>().join(",")).collect();
    fs::write(folder.path().join("rows.csv"), format!("a,b,c,d\n{}\n", lines.join("\n"))).unwrap();
    let joint = affinities::joint(&rows, 15, 5.0);
    let mut found = Vec::new();
    for (method, iterations) in [("exact", "0"), ("mesh", "0"), ("exact", "250")] {
        let args = ["embed", "rows.csv", "--perplexity", "5", "--json", "-o", "out.npz", "--method", method];
        let ran = run(folder.path(), &[&args[..], &["--iterations", iterations]].concat()).ok();
        let told = ran.events()[0]["kl"].as_f64().expect("a number");
        let positions = array(&folder, "positions");
        let positions: Vec<[f64; 2]> = (0..60).map(|i| [positions.row(i)[0], positions.row(i)[1]]).collect();
        let judged = step::divergence(&joint, &positions);
        // An iteration's divergence is of the positions before it.
        let tolerance = if iterations == "0" { 1e-4 } else { 1e-2 };
        assert!((told / judged - 1.0).abs() < tolerance, "{method}, {iterations}: {told}, judged {judged}");
        found.push(told);
    }
    assert!(found[0] > 2.0 * found[2], "the start is worse than what is laid out: {found:?}");
}
