//! Formats of files of rows: those that are read, and a remedy for each of those that people have instead.

use std::path::Path;

use crate::error::Error;

/// Largest file in bytes, also when unpacked: 16 GiB, four million rows of 1024 values.
pub(super) use crate::data::arrays::MAX_BYTES;

/// Format of a file of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Npy,
    Npz,
    /// A table as text, packed by gzip or not.
    Table,
}

/// Endings of the formats; tables may end in `.gz`, too.
const READ: [(&str, Format); 7] = [
    ("npy", Format::Npy),
    ("npz", Format::Npz),
    ("csv", Format::Table),
    ("tsv", Format::Table),
    ("txt", Format::Table),
    ("dat", Format::Table),
    ("data", Format::Table),
];

/// The formats that are read, for help.
const READ_NAMES: &str = ".npy, .npz, and tables as text: .csv, .tsv or .txt, also as .gz";

/// A format that is not read.
struct Foreign {
    endings: &'static [&'static str],
    /// First bytes of such a file, if they tell it.
    start: &'static [u8],
    name: &'static str,
    help: &'static str,
}

const fn foreign(
    endings: &'static [&'static str],
    start: &'static [u8],
    name: &'static str,
    help: &'static str,
) -> Foreign {
    Foreign { endings, start, name, help }
}

const SHEET: &str =
    "save the sheet as .csv, or in Python: pandas.read_excel(path).to_csv('rows.csv', index=False)";
const ARRAY: &str = "load it in Python, and save its rows: numpy.save('rows.npy', rows)";
const IMAGE: &str = "a data set of images is named by its folder: see revacnn data list";
const UNPACK: &str = "unpack it, and name the file of rows";
const AGAIN: &str = "download the file itself: on GitHub by its button Raw; with Git LFS by git lfs pull";

/// Binary formats, which are told by their first bytes only where bytes of 0 follow: `PAR1` may be a name of a column.
const BINARY: [Foreign; 14] = [
    foreign(&["xlsx", "xlsm", "ods"], b"PK\x03\x04", "a spreadsheet or another zip archive", SHEET),
    foreign(&["xls"], b"\xd0\xcf\x11\xe0", "a spreadsheet of old Excel", SHEET),
    foreign(
        &["parquet", "pq"],
        b"PAR1",
        "a Parquet file",
        "in Python: pandas.read_parquet(path).to_csv('rows.csv', index=False)",
    ),
    foreign(
        &["feather", "arrow"],
        b"ARROW1",
        "an Arrow file",
        "in Python: pandas.read_feather(path).to_csv('rows.csv', index=False)",
    ),
    foreign(&["pkl", "pickle", "joblib"], b"\x80\x04", "a Python pickle", ARRAY),
    foreign(
        &["pt", "pth", "ckpt"],
        b"",
        "a file of PyTorch",
        "in Python: numpy.save('rows.npy', tensor.numpy())",
    ),
    foreign(&["safetensors", "onnx"], b"", "a file of tensors", ARRAY),
    foreign(&["h5", "hdf5", "hdf", "h5ad", "keras"], b"\x89HDF", "an HDF5 file", ARRAY),
    foreign(&["mat"], b"MATLAB", "a MATLAB file", ARRAY),
    foreign(
        &["rds", "rda", "rdata"],
        b"",
        "a file of R",
        "in R: write.csv(rows, 'rows.csv', row.names = FALSE)",
    ),
    foreign(
        &["db", "sqlite", "sqlite3"],
        b"SQLite format 3",
        "an SQLite database",
        "in sqlite3: .mode csv, .headers on, .output rows.csv, then the SELECT",
    ),
    foreign(&["png", "jpg", "jpeg", "bmp", "gif", "tif", "tiff"], b"\x89PNG", "an image", IMAGE),
    foreign(&["zip", "tar", "tgz", "bz2", "xz", "zst", "7z", "rar"], b"", "a packed file", UNPACK),
    foreign(&[], b"\x93NUMPY", "an array of NumPy", "name it .npy"),
];

/// Formats that are text.
const TEXT: [Foreign; 5] = [
    foreign(
        &["arff"],
        b"@relation",
        "an ARFF file (Weka)",
        "delete the lines that begin with @, and name it .csv; its values are separated by commas",
    ),
    foreign(
        &["json", "jsonl", "ndjson"],
        b"{",
        "JSON",
        "in Python: pandas.read_json(path).to_csv('rows.csv', index=False)",
    ),
    foreign(&["htm", "html"], b"<!doctype html", "a web page", AGAIN),
    foreign(&[], b"<html", "a web page", AGAIN),
    foreign(&[], b"version https://git-lfs", "a pointer of Git LFS to a file that is not here", AGAIN),
];

impl Format {
    /// Format that the name of a file tells.
    ///
    /// # Errors
    /// When it is none of those that are read: with what it is, if its name tells, and what to do.
    pub(super) fn of(path: &Path) -> Result<Self, Error> {
        let ending =
            |path: &Path| path.extension().map_or(String::new(), |end| end.to_string_lossy().to_lowercase());
        let outer = ending(path);
        let packed = outer == "gz";
        let inner = if packed { ending(Path::new(path.file_stem().unwrap_or_default())) } else { outer };
        if let Some((_, format)) = READ.iter().find(|(known, _)| *known == inner) {
            if packed && *format != Self::Table {
                return Err(Error::new("it is a packed file", "unpack it: gunzip"));
            }
            return Ok(*format);
        }
        let known = BINARY.iter().chain(&TEXT).find(|foreign| foreign.endings.contains(&inner.as_str()));
        Err(known.map_or_else(
            || {
                let help = format!("read are {READ_NAMES}; rename it if it is one of them");
                let what = match inner.as_str() {
                    "" => "its name has no ending that tells its format".to_owned(),
                    ending => format!("the ending .{} is of no known format of rows", ending.escape_debug()),
                };
                Error::new(what, help)
            },
            Foreign::refusal,
        ))
    }
}

impl Foreign {
    fn refusal(&self) -> Error {
        Error::new(format!("it is {}, which is not read as rows", self.name), self.help)
    }
}

impl Format {
    /// Checks the first bytes of a file of this name, unpacked.
    ///
    /// # Errors
    /// When they are those of another format, or of no text where a table belongs.
    pub(super) fn check(self, start: &[u8]) -> Result<(), Error> {
        let own: &[u8] = match self {
            Self::Npy => b"\x93NUMPY",
            Self::Npz => b"PK\x03\x04",
            Self::Table => b"",
        };
        let has_zeros = start.contains(&0);
        let begins = |with: &[u8]| {
            let text = start.trim_ascii_start().get(..with.len());
            !with.is_empty() && text.is_some_and(|text| text.eq_ignore_ascii_case(with))
        };
        let binary = BINARY.iter().filter(|foreign| has_zeros && foreign.start != own);
        if let Some(foreign) = binary.chain(&TEXT).find(|foreign| begins(foreign.start)) {
            return Err(foreign.refusal());
        }
        if self == Self::Table && has_zeros {
            return Err(Error::new("it is no text: it holds bytes of 0", format!("read are {READ_NAMES}")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_format_or_the_remedy() {
        for (name, format) in [
            ("a.npy", Format::Npy),
            ("a.NPZ", Format::Npz),
            ("a.b.Csv", Format::Table),
            ("a.csv.gz", Format::Table),
            ("a.TXT.GZ", Format::Table),
        ] {
            assert_eq!(Format::of(Path::new(name)).unwrap(), format, "{name}");
        }
        for (name, what, help) in [
            ("a.xlsx", "a spreadsheet", "read_excel"),
            ("a.PARQUET", "Parquet", "read_parquet"),
            ("a.arff", "ARFF", "begin with @"),
            ("a.arff.gz", "ARFF", "begin with @"),
            ("a.pkl", "pickle", "numpy.save"),
            ("a.npy.gz", "packed", "gunzip"),
            ("a.tar.gz", "packed", "unpack"),
            ("rows", "no ending", ".csv"),
            ("rows.gz", "no ending", ".csv"),
            ("a.b\u{1b}c", ".b\\u{1b}c", ".csv"),
        ] {
            let error = Format::of(Path::new(name)).unwrap_err();
            assert!(error.what().contains(what) && error.help().contains(help), "{name}: {error}");
        }
    }

    #[test]
    fn text_is_told_from_other_formats_by_its_bytes() {
        Format::Table.check(b"").unwrap();
        Format::Table.check("a,b\n1,2 \u{e4}\t\n\x1b".as_bytes()).unwrap();
        for text in [&b"PAR1,PAR2\n"[..], b"<NA>,1\n", b"\x80\x04,1\n", b"<5,1\n"] {
            Format::Table.check(text).unwrap();
        }
        Format::Npy.check(b"\x93NUMPY\x01\0").unwrap();
        Format::Npz.check(b"PK\x03\x04\0").unwrap();
        assert!(Format::Npy.check(b"version https://git-lfs.github.com").unwrap_err().what().contains("LFS"));
        for (start, what) in [
            (&b"PK\x03\x04\x14\0"[..], "spreadsheet"),
            (b"PAR1\x15\0", "Parquet"),
            (b"\x80\x04\x95\0", "pickle"),
            (b"\n<!DOCTYPE html>", "web page"),
            (b"<html>", "web page"),
            (b"@RELATION iris", "ARFF"),
            (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
            (b"\x93NUMPY\x01\0", "NumPy"),
            (b"1,2\n\0\0", "no text"),
        ] {
            let error = Format::Table.check(start).unwrap_err();
            assert!(error.what().contains(what) && !error.help().is_empty(), "{start:?}: {error}");
        }
    }
}
