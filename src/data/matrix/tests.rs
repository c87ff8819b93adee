//! Matrices as NumPy and spreadsheets write them; what is no matrix, and why.

use std::fs;
use std::io::{Cursor, Write};

use super::*;

/// An `.npy` file: `descr`, order and shape as NumPy writes them, then the data.
fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let mut header = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(data);
    bytes
}

pub(super) fn open(name: &str, bytes: &[u8]) -> Result<Matrix> {
    select(name, bytes, &Selection::default()).map(|rows| rows.matrix)
}

pub(super) fn select(name: &str, bytes: &[u8], selection: &Selection<'_>) -> Result<LabeledRows> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    LabeledRows::open(&path, selection)
}

pub(super) fn fault(name: &str, bytes: &[u8]) -> String {
    let error = open(name, bytes).expect_err("it is no matrix");
    assert!(error.to_string().contains(name), "{error} names the file");
    assert!(!error.help().is_empty());
    error.what().to_owned()
}

pub(super) const VALUES: [f32; 6] = [1.0, -2.5, 3.0, 4.0, f32::NAN, 6.0];

pub(super) fn is_values(matrix: &Matrix, rows: usize, columns: usize) {
    assert_eq!((matrix.rows, matrix.columns), (rows, columns));
    let values = matrix.values();
    let same = values.iter().zip(VALUES).all(|(a, b)| a.to_bits() == f64::from(b).to_bits());
    assert!(same && values.len() == 6, "{values:?}");
}

#[test]
fn arrays_of_every_real_type_are_read() {
    let little: Vec<u8> = VALUES.iter().flat_map(|v| v.to_le_bytes()).collect();
    let big: Vec<u8> = VALUES.iter().flat_map(|v| v.to_be_bytes()).collect();
    let wide: Vec<u8> = VALUES.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect();
    is_values(&open("a.npy", &npy("'<f4'", false, "(2, 3)", &little)).unwrap(), 2, 3);
    is_values(&open("a.NPY", &npy("'>f4'", false, "(3, 2)", &big)).unwrap(), 3, 2);
    is_values(&open("a.npy", &npy("'<f8'", false, "(3, 1, 2)", &wide)).unwrap(), 3, 2);
    for (descr, size) in [("'|u1'", 1), ("'|i1'", 1), ("'<u2'", 2), ("'<i4'", 4), ("'<i8'", 8), ("'<u8'", 8)]
    {
        let data: Vec<u8> =
            (1..=4_u8).flat_map(|v| (0..size).map(move |i| if i == 0 { v } else { 0 })).collect();
        let matrix = open("a.npy", &npy(descr, false, "(2, 2)", &data)).unwrap();
        assert_eq!(matrix.values(), [1.0, 2.0, 3.0, 4.0], "{descr}");
        let (descr, data) =
            (descr.replace('<', ">"), data.chunks(size).flat_map(|v| v.iter().rev().copied()));
        let matrix = open("a.npy", &npy(&descr, false, "(2, 2)", &data.collect::<Vec<u8>>())).unwrap();
        assert_eq!(matrix.values(), [1.0, 2.0, 3.0, 4.0], "{descr}");
    }
    let flags = open("a.npy", &npy("'|b1'", false, "(2, 2)", &[1, 0, 0, 1])).unwrap();
    assert_eq!(flags.row(1), [0.0, 1.0]);
}

#[test]
fn half_precision_is_read() {
    // 1.5, -2, 2^-24, infinity: sign, exponent and fraction by hand.
    let bytes: Vec<u8> = [0x3e00_u16, 0xc000, 0x0001, 0x7c00].iter().flat_map(|v| v.to_le_bytes()).collect();
    let matrix = open("a.npy", &npy("'<f2'", false, "(2, 2)", &bytes)).unwrap();
    assert_eq!(matrix.values(), [1.5, -2.0, 2_f64.powi(-24), f64::INFINITY]);
}

#[test]
fn columns_that_run_fastest_become_rows() {
    // [[0, 1, 2], [3, 4, 5]] and an array [2, 2, 3] in Fortran's order.
    let matrix = open("a.npy", &npy("'|u1'", true, "(2, 3)", &[0, 3, 1, 4, 2, 5])).unwrap();
    assert_eq!((matrix.row(0), matrix.row(1)), (vec![0.0, 1.0, 2.0], vec![3.0, 4.0, 5.0]));
    // More rows than are turned at once, not a multiple of them.
    let tall: Vec<u8> = (0..3).flat_map(|column| (0..37).map(move |row| 3 * row + column)).collect();
    let matrix = open("a.npy", &npy("'|u1'", true, "(37, 3)", &tall)).unwrap();
    assert_eq!(matrix.values(), (0..111).map(f64::from).collect::<Vec<_>>());
    let mut data = vec![0; 12];
    for (i, j, k) in (0..12).map(|n| (n / 6, n / 3 % 2, n % 3)) {
        data[i + 2 * j + 4 * k] = (6 * i + 3 * j + k) as u8;
    }
    let matrix = open("a.npy", &npy("'|u1'", true, "(2, 2, 3)", &data)).unwrap();
    assert_eq!(matrix.values(), (0..12).map(f64::from).collect::<Vec<_>>());
}

fn archive(arrays: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (i, (name, bytes)) in arrays.iter().enumerate() {
        let method = if i == 0 { zip::CompressionMethod::Stored } else { zip::CompressionMethod::Deflated };
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        writer.start_file(format!("{name}.npy"), options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn archives_hold_one_array_or_one_called_x() {
    let little: Vec<u8> = VALUES.iter().flat_map(|v| v.to_le_bytes()).collect();
    let (rows, labels) = (npy("'<f4'", false, "(2, 3)", &little), npy("'|u1'", false, "(2,)", &[0, 1]));
    is_values(&open("a.npz", &archive(&[("anything", &rows)])).unwrap(), 2, 3);
    is_values(&open("a.npz", &archive(&[("y", &labels), ("X", &rows)])).unwrap(), 2, 3);
    assert!(fault("a.npz", &archive(&[("y", &labels), ("z", &rows)])).contains("several arrays: y, z"));
    assert!(fault("a.npz", &archive(&[])).contains("no array"));
    assert!(fault("a.npz", &archive(&[("y", &labels)])).contains("[2]"));
    assert!(fault("a.npz", &rows).contains("an array of NumPy"));
    assert!(fault("a.npz", &archive(&[("X", &rows)])[..99]).contains("damaged"));
}

#[test]
fn labels_lie_in_an_array_of_the_archive_or_in_a_column() {
    let digits = |values: &[u8]| npy("'|u1'", false, &format!("({},)", values.len()), values);
    let rows = npy("'|u1'", false, "(3, 2)", &[1, 2, 3, 4, 5, 6]);
    let words: Vec<u8> = "b\0abb\0".chars().map(|c| (c as u32).to_le_bytes()).collect::<Vec<_>>().concat();
    let words = npy("'<U2'", false, "(3,)", &words);
    let of =
        |arrays: &[(&str, &[u8])], selection: &Selection<'_>| select("a.npz", &archive(arrays), selection);
    let plain = Selection::default();
    let found =
        of(&[("snapshots", &rows), ("labels", &digits(&[7, 3, 7])), ("positions", &rows)], &plain).unwrap();
    assert_eq!(
        (found.matrix.columns, found.labels.unwrap().classes),
        (2, vec![1, 0, 1]),
        "as embed writes it"
    );
    // As Keras and MedMNIST name them; labels may have an axis of one, and be words.
    let column = npy("'|u1'", false, "(3, 1)", &[4, 4, 5]);
    let keras = [("x_test", &rows[..]), ("y_test", &words), ("x_train", &rows), ("y_train", &column)];
    let wanted = |array| Selection { array: Some(array), ..Selection::default() };
    assert_eq!(of(&keras, &wanted("x_train")).unwrap().labels.unwrap().names, ["4", "5"]);
    assert_eq!(of(&keras, &wanted("x_test")).unwrap().labels.unwrap().names, ["ab", "b"]);
    assert!(of(&keras, &plain).unwrap_err().help().contains("--array"));
    assert!(of(&keras, &wanted("z")).unwrap_err().help().contains("x_train"));
    let medical = [("val_images", &rows[..]), ("val_labels", &column)];
    assert_eq!(of(&medical, &wanted("val_images")).unwrap().labels.unwrap().classes, [0, 0, 1]);
    // What is not one a row is no label, unless it is asked for: then it is refused.
    let short = [("X", &rows[..]), ("y", &digits(&[1, 2])), ("town", &words)];
    assert_eq!(of(&short, &plain).unwrap().labels, None);
    let asked = |labels| Selection { labels: Some(labels), ..Selection::default() };
    assert_eq!(of(&short, &asked("town")).unwrap().labels.unwrap().classes, [1, 0, 1]);
    assert!(of(&short, &asked("y")).unwrap_err().what().contains("[2]"));
    // Labels of a kind that is not read cost no rows, unless they are asked for.
    let objects = npy("'|O'", false, "(3,)", &[0; 24]);
    let pickled = [("X", &rows[..]), ("y", &objects)];
    assert_eq!(of(&pickled, &plain).unwrap().labels, None);
    assert!(of(&pickled, &asked("y")).unwrap_err().help().contains("astype(str)"));
    // A column by its number, in an archive and alone.
    for name in ["a.npy", "a.npz"] {
        let bytes = if name == "a.npy" { rows.clone() } else { archive(&[("X", &rows)]) };
        let found = select(name, &bytes, &asked("-1")).unwrap();
        assert_eq!(
            (found.matrix.values(), found.labels.unwrap().numbers),
            (vec![1.0, 3.0, 5.0], vec![2.0, 4.0, 6.0])
        );
        let error = select(name, &bytes, &asked("2")).unwrap_err();
        assert!(
            error.what().contains("no column, and no file") && error.help().contains("0 to 1"),
            "{error}"
        );
    }
}

#[test]
fn what_is_no_matrix_is_refused_with_the_reason() {
    assert!(fault("a.npy", b"not numpy").contains("damaged"));
    assert!(fault("a.npy", &npy("'<c8'", false, "(1, 1)", &[0; 8])).contains("not real"));
    assert!(fault("a.npy", &npy("'<U3'", false, "(1, 1)", &[0; 12])).contains("words, not real"));
    for (descr, size, name) in
        [("'<f16'", 16, "long double"), ("'|V2'", 2, "bfloat16"), ("'<M8[ns]'", 8, "times")]
    {
        assert!(fault("a.npy", &npy(descr, false, "(1, 1)", &vec![0; size])).contains(name), "{name}");
    }
    assert!(fault("a.npy", &npy("[('a', '<f4')]", false, "(1,)", &[0; 4])).contains("records"));
    assert!(fault("a.npy", &npy("'<f4'", false, "()", &[0; 4])).contains("single number"));
    assert!(fault("a.npy", &npy("'<f4'", false, "(0, 3)", &[])).contains("[0, 3]"));
    assert!(fault("a.npy", &npy("'<f4'", false, "(3, 0)", &[])).contains("[3, 0]"));
    assert!(fault("a.npy", &npy("'<f4'", false, "(2, 3)", &[0; 20])).contains("damaged"));
    assert!(
        fault("a.npy", &npy("'<f4'", false, "(4294967296, 4294967296)", &[0; 20]))
            .contains("more than it has bytes")
    );
    assert!(fault("a.arff", b"1,2").contains("ARFF") && fault("a.npy.gz", b"").contains("packed"));
    assert!(fault("a.npy", b"version https://git-lfs.github.com/spec/v1").contains("Git LFS"));
    assert!(fault("a.csv", b"PK\x03\x04\x14\0").contains("spreadsheet"));
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large.csv");
    fs::File::create(&large).unwrap().set_len(MAX_BYTES + 1).unwrap();
    let error = Matrix::open(&large).unwrap_err();
    assert!(error.what().contains("17179869185 bytes") && error.help().contains("fewer rows"), "{error}");
    let missing = Matrix::open(Path::new("/there/is/no/a.npy")).unwrap_err();
    assert!(missing.to_string().contains("a.npy"));
}
