//! Parquet files damaged in thousands of ways: a valid data set or an error that names the file comes out.

use crate::data_sets::fuzz;

/// Files that pyarrow wrote, as `tests/fixtures/parquet/write.py` says.
const SNAPPY: &[u8] = include_bytes!("../fixtures/parquet/train-00001-of-00002.parquet");
const ZSTD: &[u8] = include_bytes!("../fixtures/parquet/zstd.parquet");
const GZIP: &[u8] = include_bytes!("../fixtures/parquet/gzip.parquet");
const PLAIN: &[u8] = include_bytes!("../fixtures/parquet/plain.parquet");

#[test]
fn damaged_parquet_files() {
    for [train, test] in [[SNAPPY, ZSTD], [PLAIN, GZIP]] {
        let dir = tempfile::tempdir().unwrap();
        let files = [("train-0-of-1.parquet", train.to_vec()), ("test-0-of-1.parquet", test.to_vec())];
        let tally = fuzz(dir.path(), &files);
        // Statistics and a third column are passed over, and a damaged image is left out.
        assert!(tally.valid > 50 && tally.refused > 300, "{tally:?}");
    }
}
