//! Pickles that Python wrote (`tests/fixtures/pickles/write.py`), and ones that are refused.

use super::*;

/// One dict in the protocols 2, 4 and 5: `data` uint8 `[2, 6]` of 0 to 11, `columns` the same transposed, `labels`, `numbers` int16 big-endian.
const WRITTEN: [&[u8]; 3] = [
    include_bytes!("../../../tests/fixtures/pickles/protocol2.pickle"),
    include_bytes!("../../../tests/fixtures/pickles/protocol4.pickle"),
    include_bytes!("../../../tests/fixtures/pickles/protocol5.pickle"),
];

#[test]
fn what_python_writes_is_read_in_every_protocol() {
    for file in WRITTEN {
        let pickle = Pickle::read(file.to_vec()).unwrap();
        let bytes = |key: &str| {
            let Array { shape, values } = pickle.byte_array(key).unwrap();
            let Values::Bytes(bytes) = values else { panic!("{key}") };
            (shape.to_vec(), bytes)
        };
        assert_eq!(bytes("data"), (vec![2, 6], (0..12).map(|i| 20 * i).collect()));
        // The same array transposed, which lies in the order of Fortran: rows of two.
        assert_eq!(bytes("columns").0, [6, 2]);
        assert_eq!(bytes("columns").1[..4], [0, 120, 20, 140]);
        assert_eq!(pickle.integers("labels").unwrap(), [3, -1, 300, 70_000, -5_000_000_000]);
        assert_eq!(pickle.integers("scalars").unwrap(), [7, -8]);
        assert_eq!(pickle.integers("numbers").unwrap(), [1, -2, 515]);
        assert_eq!(pickle.texts("filenames").unwrap(), ["a.png", "\u{fc}.png"]);
        assert!(pickle.texts("labels").err().unwrap().what().contains("not all texts"));
        assert!(pickle.byte_array("numbers").err().unwrap().what().contains("an array of i2, not of bytes"));
        assert!(pickle.integers("none").err().unwrap().what().contains("it has no none, but data"));
    }
}

fn error(program: &[u8]) -> String {
    Pickle::read([b"\x80\x04", program].concat()).err().expect("it is refused").to_string()
}

#[test]
fn everything_else_is_refused_by_name() {
    for (program, what) in [
        (&b"cos\nsystem\n(U\x02lstR."[..], "it asks for os.system"),
        (b"\x8c\x08builtins\x8c\x04eval\x93.", "it asks for builtins.eval"),
        (b"(i__main__\nA\n.", "opcode 0x69 ('i')"),
        (b"(S'text'\n.", "opcode 0x53 ('S')"),
        (b"U\x01aQ.", "names something outside of itself"),
        (b"U\x07storageU\x05FloatU\x010\x87Q.", "names something outside of itself"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n)R.", "other parts than PyTorch writes"),
        (b"ctorch._utils\n_rebuild_parameter\nN\x85R.", "a parameter that is no tensor"),
        (b"ctorch\nload\n.", "it asks for torch.load"),
        (b"\x97.", "opcode 0x97"),
        (b"cnumpy\nndarray\n)R.", "calls a function"),
        (b"]N)b.", "gives None a state"),
        (b"].", "it holds a list, not a dict"),
        (b"}", "ends in the middle"),
        (b"}U\xffa.", "ends in the middle"),
        (b"}\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", "ends in the middle"),
        (b".", "an object is missing"),
        (b"e.", "a mark is missing"),
        (b"h\x05.", "names an object that is not there"),
        (b"}K\x01a.", "adds to a dict"),
        (b"}(K\x01u.", "sets keys of a dict"),
    ] {
        let error = error(program);
        assert!(error.contains(what), "{error} for {what}");
    }
    assert!(Pickle::read(b"\x80\x01}.".to_vec()).err().unwrap().what().contains("protocol 1"));
    assert!(Pickle::read(b"PK\x03\x04".to_vec()).err().unwrap().what().contains("begins otherwise"));
}

#[test]
fn small_files_do_not_become_large() {
    // A long text that is brought to Latin-1 again and again.
    let text = [b"X\x00\x10\x00\x00", &[b'a'; 4096][..], b"q\x00"].concat();
    let again = b"c_codecs\nencode\nh\x00U\x06latin1\x86R".repeat(1000);
    assert!(error(&[text, again, b".".to_vec()].concat()).contains("unpacks to more than itself"));
    assert!(error(&vec![b'N'; (1 << 20) + 1]).contains("more than 1048576 objects"));
    assert!(error(&[&b"Nq\x00"[..], &b"h\x00".repeat(1 << 22)].concat()).contains("more than 4194304 steps"));
}
