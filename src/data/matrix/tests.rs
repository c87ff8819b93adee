//! Matrices as NumPy and spreadsheets write them; what is no matrix, and why.

use std::fs;
use std::io::Write;

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

fn open(name: &str, bytes: &[u8]) -> Result<Matrix> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    Matrix::open(&path)
}

fn fault(name: &str, bytes: &[u8]) -> String {
    let error = open(name, bytes).expect_err("it is no matrix");
    assert!(error.to_string().contains(name), "{error} names the file");
    assert!(!error.help().is_empty());
    error.what().to_owned()
}

const VALUES: [f32; 6] = [1.0, -2.5, 3.0, 4.0, f32::NAN, 6.0];

fn is_values(matrix: &Matrix, rows: usize, columns: usize) {
    assert_eq!((matrix.rows, matrix.columns), (rows, columns));
    let same = matrix.values.iter().zip(VALUES).all(|(a, b)| a.to_bits() == f64::from(b).to_bits());
    assert!(same && matrix.values.len() == 6, "{:?}", matrix.values);
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
        assert_eq!(matrix.values, [1.0, 2.0, 3.0, 4.0], "{descr}");
    }
    let flags = open("a.npy", &npy("'|b1'", false, "(2, 2)", &[1, 0, 0, 1])).unwrap();
    assert_eq!(flags.row(1), [0.0, 1.0]);
}

#[test]
fn half_precision_is_read() {
    // 1.5, -2, 2^-24, infinity: sign, exponent and fraction by hand.
    let bytes: Vec<u8> = [0x3e00_u16, 0xc000, 0x0001, 0x7c00].iter().flat_map(|v| v.to_le_bytes()).collect();
    let matrix = open("a.npy", &npy("'<f2'", false, "(2, 2)", &bytes)).unwrap();
    assert_eq!(matrix.values, [1.5, -2.0, 2_f64.powi(-24), f64::INFINITY]);
}

#[test]
fn columns_that_run_fastest_become_rows() {
    // [[0, 1, 2], [3, 4, 5]] and an array [2, 2, 3] in Fortran's order.
    let matrix = open("a.npy", &npy("'|u1'", true, "(2, 3)", &[0, 3, 1, 4, 2, 5])).unwrap();
    assert_eq!((matrix.row(0), matrix.row(1)), (&[0.0, 1.0, 2.0][..], &[3.0, 4.0, 5.0][..]));
    let mut data = vec![0; 12];
    for (i, j, k) in (0..12).map(|n| (n / 6, n / 3 % 2, n % 3)) {
        data[i + 2 * j + 4 * k] = (6 * i + 3 * j + k) as u8;
    }
    let matrix = open("a.npy", &npy("'|u1'", true, "(2, 2, 3)", &data)).unwrap();
    assert_eq!(matrix.values, (0..12).map(f64::from).collect::<Vec<_>>());
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
    assert!(fault("a.npz", &rows).contains("damaged"));
}

#[test]
fn text_is_read_with_and_without_names() {
    is_values(&open("a.csv", b"1,-2.5,3\n4,NaN,6\n").unwrap(), 2, 3);
    is_values(&open("a.csv", b"x, y, z\r\n1, -2.5, 3\r\n\r\n4, nan, 6e0").unwrap(), 2, 3);
    is_values(&open("a.tsv", b"1\t-2.5\n3\t4\nnan\t6\n").unwrap(), 3, 2);
    assert!(fault("a.csv", b"1,2,3\n4,5\n").contains("line 2 has 2 values, those before it 3"));
    assert!(fault("a.csv", b"a,b\n1,2\n3,four\n").contains("line 3: \"four\" is no number"));
    assert!(fault("a.csv", b"a,b\n").contains("no rows"));
    assert!(fault("a.csv", b"").contains("no rows"));
    assert!(fault("a.csv", b"1,2\n\xff\xfe,4\n").contains("damaged"));
}

#[test]
fn what_is_no_matrix_is_refused_with_the_reason() {
    assert!(fault("a.npy", b"not numpy").contains("damaged"));
    assert!(fault("a.npy", &npy("'<c8'", false, "(1, 1)", &[0; 8])).contains("not real"));
    assert!(fault("a.npy", &npy("'<U3'", false, "(1, 1)", &[0; 12])).contains("not real"));
    assert!(fault("a.npy", &npy("[('a', '<f4')]", false, "(1,)", &[0; 4])).contains("records"));
    assert!(fault("a.npy", &npy("'<f4'", false, "()", &[0; 4])).contains("single number"));
    assert!(fault("a.npy", &npy("'<f4'", false, "(0, 3)", &[])).contains("[0, 3]"));
    assert!(fault("a.npy", &npy("'<f4'", false, "(3, 0)", &[])).contains("[3, 0]"));
    assert!(fault("a.npy", &npy("'<f4'", false, "(2, 3)", &[0; 20])).contains("damaged"));
    assert!(
        fault("a.npy", &npy("'<f4'", false, "(4294967296, 4294967296)", &[0; 20]))
            .contains("more than it has bytes")
    );
    assert!(fault("a.arff", b"1,2").contains("no matrix"));
    let missing = Matrix::open(Path::new("/there/is/no/a.npy")).unwrap_err();
    assert!(missing.to_string().contains("a.npy"));
}

/// Rows of a table that is read, one after the other.
fn table(text: &str) -> (usize, usize, Vec<f64>) {
    let matrix = open("a.csv", text.as_bytes()).unwrap();
    (matrix.rows, matrix.columns, matrix.values)
}

#[test]
fn a_first_line_of_numbers_over_others_is_names_and_an_index_is_left_out() {
    let rows = "0.5,-1.25\n2.75,3.5\n4.5,0.25\n";
    let numbered: String = rows.lines().enumerate().map(|(i, row)| format!("{i},{row}\n")).collect();
    let values = vec![0.5, -1.25, 2.75, 3.5, 4.5, 0.25];
    // As pandas writes it with and without its index, and by names.
    for text in [
        format!(",0,1\n{numbered}"),
        format!("Unnamed: 0,a,b\n{numbered}"),
        format!("0,1\n{rows}"),
        format!("x,y\n{rows}"),
        format!("# a,b\n{rows}"),
        rows.to_owned(),
    ] {
        assert_eq!(table(&text), (3, 2, values.clone()), "{text}");
    }
    // Without an empty name the first column is a value, and so are ids that do not count from 0.
    assert_eq!(table(&format!("n,a,b\n{numbered}")).1, 3);
    assert_eq!(table(",a\n7,0.5\n9,0.25\n"), (2, 2, vec![7.0, 0.5, 9.0, 0.25]));
    // Whole numbers over whole numbers are a row.
    assert_eq!(table("0,1\n2,3\n"), (2, 2, vec![0.0, 1.0, 2.0, 3.0]));
    // One missing value makes no line of names.
    for missing in ["NA", "", "?", "None", "#N/A", "nan", "null"] {
        let (rows, columns, values) = table(&format!("{missing},1.5\n2.5,3.5\n"));
        assert_eq!((rows, columns, values[0].is_nan(), values[1]), (2, 2, true, 1.5), "{missing}");
    }
    assert!(fault("a.csv", b"oops,1.5,2\n3,4,5\n").contains("line 1: \"oops\" is no number"));
}

#[test]
fn tables_of_other_separators_are_read() {
    let values = vec![1.5, -2.0, 3.0, 0.25, 1e3, 7.0];
    for text in [
        "1,5;-2;3\n0,25;1e3;7\n",
        "a;b;c\n1.5;-2;3\n0.25;1000;7\n",
        "1.5\t-2\t3\n0.25\t1e3\t7\n",
        "  1.5   -2 3\n0.25 1e3    7\n",
        "1.5,-2,3,\n0.25,1e3,7,\n",
        "1.5, -2, 3\n# a remark\n0.25, 1e3, 7\n",
        "\"1.5\",\"-2\",3\n0.25,1e3,7\n",
    ] {
        assert_eq!(table(text), (2, 3, values.clone()), "{text}");
    }
    assert_eq!(table("1\n2.5\n"), (2, 1, vec![1.0, 2.5]));
    let missing = table("1,,3\n4,NA,6\n");
    assert_eq!((missing.0, missing.1), (2, 3));
    assert!(missing.2[1].is_nan() && missing.2[4].is_nan());
}
