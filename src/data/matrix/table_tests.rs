//! Tables as common tools write them: names, index, separators, encodings, words, labels.

use std::io::Write as _;

use super::tests::{fault, is_values, open, select};
use super::*;

#[test]
fn text_is_read_with_and_without_names() {
    is_values(&open("a.csv", b"1,-2.5,3\n4,NaN,6\n").unwrap(), 2, 3);
    is_values(&open("a.csv", b"x, y, z\r\n1, -2.5, 3\r\n\r\n4, nan, 6e0").unwrap(), 2, 3);
    is_values(&open("a.tsv", b"1\t-2.5\n3\t4\nnan\t6\n").unwrap(), 3, 2);
    assert!(fault("a.csv", b"1,2,3\n4,5\n").contains("line 2 has 2 values, those before it 3"));
    assert!(fault("a.csv", b"a,b\n1,2\n3,four\n").contains("line 3: \"four\" is no number"));
    assert!(fault("a.csv", b"a,b\n").contains("no rows"));
    assert!(fault("a.csv", b"").contains("no rows"));
}

/// Rows of a table that is read, one after the other.
fn table(text: &str) -> (usize, usize, Vec<f64>) {
    let matrix = open("a.csv", text.as_bytes()).unwrap();
    (matrix.rows, matrix.columns, matrix.values())
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
    // Under another name the first column is a value, and so is what comes again.
    assert_eq!(table(&format!("n,a,b\n{numbered}")).1, 3);
    assert_eq!(table(",a\n7,0.5\n7,0.25\n"), (2, 2, vec![7.0, 0.5, 7.0, 0.25]));
    // Rows that were selected or shuffled keep their index; R and databases count from 1.
    for text in [",a\n7,0.5\n9,0.25\n", ",a\n9,0.5\n2,0.25\n", "id,a\n1,0.5\n2,0.25\n"] {
        assert_eq!(table(text), (2, 1, vec![0.5, 0.25]), "{text}");
    }
    assert_eq!(table("a b\n1 0.5 7\n2 0.25 8\n"), (2, 2, vec![0.5, 7.0, 0.25, 8.0]), "as R's write.table");
    // Pixels are whole numbers, with names that count and an index before them, or without.
    assert_eq!(table(",0,1\n0,7,9\n1,4,4\n"), (2, 2, vec![7.0, 9.0, 4.0, 4.0]));
    assert_eq!(table("0,1,2,3\n7,9,0,0\n4,4,0,0\n"), (2, 4, vec![7.0, 9.0, 0.0, 0.0, 4.0, 4.0, 0.0, 0.0]));
    assert_eq!(table("0,1,2,3\n4,5,6,7\n").0, 2, "numbers that go on counting are rows");
    // A separator at the end of the names alone, and a column without values.
    assert_eq!(table("a,b,\n0.5,1\n0.25,2\n"), (2, 2, vec![0.5, 1.0, 0.25, 2.0]));
    assert_eq!(table("a,b,c\n0.5,,1\n0.25,,2\n"), (2, 2, vec![0.5, 1.0, 0.25, 2.0]));
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
        "1,5 -2 3\n0,25 1e3 7\n",
        "1.5|-2|3\n.25|+1E+03|7.\n",
        "\"a, b\";c;d\n1,5;\u{2212}2;3\n0,25;1e3;7\n",
        "% of a tool\n\"1.5\" ; \"-2\" ; 3\n   \n0.25 ; 1e3 ; 7\n",
        "1.5,-2,3\r0.25,1e3,7\r",
        "\u{feff}a,b,c\r\n1.5,-2,3\r\n0.25,1e3,7",
    ] {
        assert_eq!(table(text), (2, 3, values.clone()), "{text}");
    }
    assert_eq!(table("1\n2.5\n"), (2, 1, vec![1.0, 2.5]));
    let missing = table("1,,3\n4,NA,6\n7,8,9\n");
    assert_eq!((missing.0, missing.1), (3, 3));
    assert!(missing.2[1].is_nan() && missing.2[4].is_nan());
    let truths = table("a,b\nTrue,1\nfalse,2\nTRUE,3\n");
    assert_eq!(truths.2, [1.0, 1.0, 0.0, 2.0, 1.0, 3.0]);
}

#[test]
fn the_decimal_mark_is_told_by_the_numbers() {
    for (text, values) in [
        // A comma that no thousand explains; points are thousands then, and the other way round.
        ("1,5;2\n1.234,5;1.234\n-0,25;1.234.567\n", &[1.5, 2.0, 1234.5, 1234.0, -0.25, 1_234_567.0][..]),
        ("\"1,5\",2\n\"0,123\",3\n", &[1.5, 2.0, 0.123, 3.0]),
        ("0.5,\"1,234\"\n0.25,\"1,234,567.5\"\n", &[0.5, 1234.0, 0.25, 1_234_567.5]),
        ("0.5\t1,234\n0.25\t2\n", &[0.5, 1234.0, 0.25, 2.0]),
        // Three digits after either mark, and nothing else to go by.
        ("1,234;2,345\n3,456;4\n", &[1.234, 2.345, 3.456, 4.0]),
        ("1.234;2.345\n3.456;4\n", &[1.234, 2.345, 3.456, 4.0]),
        ("\"1,234\",2\n3,4\n", &[1234.0, 2.0, 3.0, 4.0]),
    ] {
        assert_eq!(table(text).2, values, "{text}");
    }
    assert!(fault("a.csv", b"0.5;1\n0.25;2\n1,5;3\n").contains("line 3: \"1,5\" is no number"));
    assert!(fault("a.csv", b"0.5;1\n0.25;2\n0,123;3\n").contains("\"0,123\" is no number"));
    assert!(fault("a.csv", b"1,5;1\n2,5;2\n3.5;3\n").contains("\"3.5\" is no number"));
}

#[test]
fn remarks_may_hold_the_names() {
    let columns = |text: &str, names: &str| labeled(text, None, names).map(|rows| rows.matrix.values());
    for text in ["# a,b\n1.5,2\n", "# by a tool\n#a,b\n1.5,2\n# end\n", "% a b\n1.5 2\n"] {
        assert_eq!(columns(text, "b").unwrap(), [2.0], "{text}");
    }
    assert!(columns("# of 2020\n1.5,2\n", "of").is_err());
    assert!(fault("a.csv", b"color,a\n#ff0000,1\n#00ff00,2\n").contains("no rows"));
}

#[test]
fn other_encodings_and_packed_tables_are_read() {
    let text = "größe;b\n1,5;2\n2,5;3\n";
    let values = [1.5, 2.0, 2.5, 3.0];
    let wide = |units: Vec<[u8; 2]>| units.into_iter().flatten().collect::<Vec<u8>>();
    let little = wide(format!("\u{feff}{text}").encode_utf16().map(u16::to_le_bytes).collect());
    let big = wide(format!("\u{feff}{text}").encode_utf16().map(u16::to_be_bytes).collect());
    // All its letters are in Latin-1.
    let western: Vec<u8> = text.chars().map(|c| c as u8).collect();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    for (name, bytes) in
        [("a.csv", &little), ("a.txt", &big), ("a.csv", &western), ("a.csv.gz", &packed), ("a.TSV", &packed)]
    {
        let matrix = open(name, bytes).unwrap();
        assert_eq!((matrix.rows, matrix.columns, &matrix.values()[..]), (2, 2, &values[..]), "{name}");
    }
    let name = ["größe".to_owned()];
    let first = select("a.csv", &western, &Selection { columns: &name, ..Selection::default() }).unwrap();
    assert_eq!(first.matrix.values(), [1.5, 2.5]);
    assert!(fault("a.csv.gz", &packed[..packed.len() - 9]).contains("damaged"));
    assert!(fault("a.csv", b"1,2\n\xff\xfe,4\n").contains("line 2: \"ÿþ\" is no number"));
}

/// Rows and labels of a table, its columns as `columns` says.
fn labeled(text: &str, labels: Option<&str>, columns: &str) -> Result<LabeledRows> {
    let columns: Vec<String> = columns.split_terminator(',').map(str::to_owned).collect();
    select("a.csv", text.as_bytes(), &Selection { columns: &columns, labels, array: None })
}

fn classes(rows: &LabeledRows) -> (Vec<&str>, &[u32]) {
    let labels = rows.labels.as_ref().expect("there are labels");
    (labels.names.iter().map(String::as_str).collect(), &labels.classes)
}

#[test]
fn columns_of_words_and_those_that_are_called_so_are_labels() {
    // As scikit-learn, Kaggle and R write iris.
    let rows = [("5.1,3.5", "setosa"), ("7,3.2", "virginica"), ("4.9,3", "setosa"), ("6.3,3.3", "virginica")];
    let words: String = rows.iter().map(|(row, word)| format!("{row},{word}\n")).collect();
    let values = [5.1, 3.5, 7.0, 3.2, 4.9, 3.0, 6.3, 3.3];
    for text in
        [words.clone(), format!("length,width,Species\n{words}"), format!("length,width,label\n{words}")]
    {
        let found = labeled(&text, None, "").unwrap();
        assert_eq!((found.matrix.columns, &found.matrix.values()[..]), (2, &values[..]), "{text}");
        assert_eq!(classes(&found), (vec!["setosa", "virginica"], &[0, 1, 0, 1][..]), "{text}");
    }
    // Numbers under a name of labels: sorted as numbers, missing ones are of no class.
    let numbers = "Label,a\n10,1.5\n9,2.5\n10,3.5\n,4.5\n-1,5.5\n";
    let found = labeled(numbers, None, "").unwrap();
    assert_eq!(found.matrix.values(), [1.5, 2.5, 3.5, 4.5, 5.5]);
    assert_eq!(classes(&found), (vec!["-1", "9", "10"], &[2, 1, 2, Labels::NONE, 0][..]));
    assert_eq!(found.labels.unwrap().numbers, [-1.0, 9.0, 10.0]);
    // Words that never come again are names; of several columns the one of the fewest words is the label.
    let names = "name,a,sex,town\nann,1.5,f,rome\nbob,2.5,m,oslo\neve,3.5,f,rome\njim,4.5,m,bern\nkim,5,m,oslo\nlea,6,f,bern\n";
    let found = labeled(names, None, "").unwrap();
    assert_eq!((found.matrix.columns, classes(&found).0), (1, vec!["f", "m"]));
    let dates = labeled("day,a\n2024-01-01,1.5\n2024-01-02,2.5\n", None, "").unwrap();
    assert_eq!((dates.matrix.columns, dates.labels), (1, None));
    assert!(fault("a.csv", b"a,b\ncat,dog\ncat,cow\n").contains("hold no numbers"));
}

#[test]
fn words_among_numbers_are_a_mistake_and_codes_are_words() {
    let ticket = |i: usize| if i.is_multiple_of(4) { format!("A/{i}") } else { (1000 * i).to_string() };
    let rows = |cell: &dyn Fn(usize) -> String| -> String {
        (0..40).map(|i| format!("{},{},{}\n", i + 1, cell(i), i * i)).collect()
    };
    let tickets = format!("PassengerId,Ticket,Fare\n{}", rows(&ticket));
    assert_eq!(table(&tickets).2, (0..40).map(|i| f64::from(i * i)).collect::<Vec<_>>());
    // One word, however often: a missing value that nobody announced. It is no fault of the other columns.
    let dash = |i: usize| if i.is_multiple_of(4) { "-".to_owned() } else { i.to_string() };
    let dashes = format!("id,a,b\n{}", rows(&dash));
    let error = labeled(&dashes, None, "").unwrap_err();
    assert!(error.what().contains("line 2: \"-\" is no number (column \"a\")"), "{error}");
    assert!(error.help().contains("nan"), "{error}");
    assert_eq!(labeled(&dashes, None, "b").unwrap().matrix.columns, 1);
    assert!(
        labeled(&tickets, None, "Ticket").unwrap_err().what().contains("\"Ticket\" (\"A/0\") holds words")
    );
}

#[test]
fn missing_labels_are_no_class_and_truths_are_words() {
    let found = labeled("sex,a\nf,1\nNA,2\nm,3\n,4\nf,5\nm,6\nm,7\nf,8\n", None, "").unwrap();
    let none = Labels::NONE;
    assert_eq!(classes(&found), (vec!["f", "m"], &[0, none, 1, none, 0, 1, 1, 0][..]));
    let labels = found.labels.unwrap();
    assert_eq!((labels.missing(), labels.present()), (2, vec![0, 1]));
    let found = labeled("class,a\nTrue,1\nFalse,2\n", None, "").unwrap();
    assert_eq!(classes(&found), (vec!["False", "True"], &[1, 0][..]));
    // Parts, and more classes than a byte counts.
    let found = labeled("a,target\n1,0.5\n2,-1.25\n3,nan\n", None, "").unwrap();
    assert_eq!(classes(&found), (vec!["-1.25", "0.5"], &[1, 0, none][..]));
    let many: String = (0..700).map(|i| format!("{},c{:03}\n", i * i, i % 350)).collect();
    let found = labeled(&format!("a,species\n{many}"), None, "").unwrap();
    assert_eq!((found.labels.as_ref().unwrap().names.len(), classes(&found).1[699]), (350, 349));
}

#[test]
fn labels_and_columns_are_those_that_are_asked_for() {
    let text = "id,a,b,label\n1,0.5,7,x\n2,1.5,8,y\n3,2.5,7,x\n";
    assert_eq!(labeled(text, None, "").unwrap().matrix.values(), [0.5, 7.0, 1.5, 8.0, 2.5, 7.0]);
    let found = labeled(text, Some("b"), "a").unwrap();
    assert_eq!((classes(&found), found.matrix.columns), ((vec!["7", "8"], &[0, 1, 0][..]), 1));
    for columns in ["a,b", "1,2", "1-2", "-3,-2", "a,2"] {
        assert_eq!(
            labeled(text, None, columns).unwrap().matrix.values(),
            [0.5, 7.0, 1.5, 8.0, 2.5, 7.0],
            "{columns}"
        );
    }
    assert_eq!(labeled(text, None, "2,1").unwrap().matrix.values(), [7.0, 0.5, 8.0, 1.5, 7.0, 2.5]);
    // A column of labels that is listed is a value, too, if it can be; without names columns have numbers.
    let found = labeled("target,a\n3,0.5\n4,1.5\n", None, "target,a").unwrap();
    assert_eq!((found.matrix.values(), classes(&found).1), (vec![3.0, 0.5, 4.0, 1.5], &[0, 1][..]));
    let found = labeled("3,0.5\n4,1.5\n", Some("0"), "").unwrap();
    assert_eq!((found.matrix.values(), classes(&found).0), (vec![0.5, 1.5], vec!["3", "4"]));
    for (labels, columns, said) in [
        (None, "label,a", "holds words"),
        (None, "c", "no column is called \"c\""),
        (None, "2-9", "no column is called \"9\""),
        (Some("nothing"), "", "\"nothing\" are no column, and no file"),
    ] {
        let error = labeled(text, labels, columns).unwrap_err();
        assert!(error.what().contains(said) && !error.help().is_empty(), "{error}");
    }
    assert!(select("a.csv", b"1,2\n", &Selection { array: Some("X"), ..Selection::default() }).is_err());
}

#[test]
fn labels_come_from_files_of_one_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let words = (vec!["New York", "Oslo"], vec![1, 0, 1]);
    let numbers = (vec!["2", "11"], vec![1, 0, 1]);
    for (name, text, expected) in [
        ("a.txt", "Oslo\nNew York\nOslo\n", &words),
        ("b.csv", "town\nOslo\nNew York\nOslo", &words),
        ("c.csv", ",town\n0,Oslo\n1,New York\n2,Oslo\n", &words),
        ("d.labels", "11\n2\n11\n", &numbers),
        ("e.csv", "0\n11.0\n2.0\n11.0\n", &numbers),
    ] {
        let labels = Labels::open(&path(name, text.as_bytes()), 3).unwrap();
        let found = (labels.names.iter().map(String::as_str).collect::<Vec<_>>(), labels.classes);
        assert_eq!(found, *expected, "{name}");
    }
    for (text, said) in
        [("1\n2\n", "2 labels for 3 rows"), ("1,2,3\n", "line 1 has 3 values"), ("", "0 labels")]
    {
        let error = Labels::open(&path("f.txt", text.as_bytes()), 3).unwrap_err();
        assert!(error.what().contains(said) && error.what().contains("f.txt"), "{error}");
    }
}

#[test]
fn tables_of_thousands_of_columns_are_read() {
    let line =
        |row: usize| (0..5000).map(|c| ((row * 7 + c) % 256).to_string()).collect::<Vec<_>>().join(",");
    let names = (0..5000).map(|c| c.to_string()).collect::<Vec<_>>().join(",");
    for (text, rows) in
        [(format!("{names}\n{}\n{}\n", line(1), line(2)), 2), (format!("{}\n{}\n", line(1), line(2)), 2)]
    {
        let matrix = open("a.csv", text.as_bytes()).unwrap();
        assert_eq!(
            (matrix.rows, matrix.columns, matrix.row(1)[4999]),
            (rows, 5000, f64::from((14 + 4999) % 256))
        );
    }
}

#[test]
fn lines_of_many_batches_keep_their_order_and_their_words() {
    let cores = crate::threads::cores();
    // Each core takes a megabyte at once.
    let rows = (2 * cores + 1) << 14;
    let word = |row: usize| format!("word {}", row.is_multiple_of(3));
    let line = |row: usize| format!("{row}.25,{},{:030}\n", word(row), row % 7);
    let mut text: String = (0..rows).map(line).collect();
    assert!(text.len() > cores << 20);
    let LabeledRows { matrix, labels } = select("a.csv", text.as_bytes(), &Selection::default()).unwrap();
    assert_eq!((matrix.rows, matrix.columns), (rows, 2));
    let pairs = matrix.values();
    for (row, pair) in pairs.chunks(2).enumerate() {
        assert_eq!(pair, [row as f64 + 0.25, (row % 7) as f64], "row {row}");
    }
    let labels = labels.unwrap();
    assert_eq!(labels.names, ["word false", "word true"]);
    assert!(labels.classes.iter().enumerate().all(|(row, class)| *class == u32::from(row % 3 == 0)));
    // The first fault is told, whoever finds one.
    text += "1,word true,1,1\n1,word true,one\n";
    text.insert_str(0, "1,word true,1\n2,word false,2\n");
    assert!(fault("a.csv", text.as_bytes()).contains(&format!("line {} has 4 values", rows + 3)));
}
