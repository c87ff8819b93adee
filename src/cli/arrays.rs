//! Arrays of results as NumPy reads them.

use std::io::Write as _;

use npyz::WriterBuilder as _;

/// An `.npz` of arrays, each by its name and the bytes of its `.npy`.
pub(super) fn npz(arrays: Vec<(impl std::fmt::Display, Vec<u8>)>) -> std::io::Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        archive.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default())?;
        archive.write_all(&bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

/// Numbers as an `.npy`.
pub(super) fn npy<T: npyz::AutoSerialize + Copy>(shape: &[u64], values: &[T]) -> std::io::Result<Vec<u8>> {
    write_npy(T::default_dtype(), shape, values.iter().copied())
}

/// Words as an `.npy` of Unicode.
pub(super) fn words_npy(words: &[String]) -> std::io::Result<Vec<u8>> {
    let longest = words.iter().map(|word| word.chars().count()).max().unwrap_or(1).max(1);
    let dtype = format!("<U{longest}").parse().expect("it is the type of a text");
    write_npy(npyz::DType::Plain(dtype), &[words.len() as u64], words.iter().cloned())
}

fn write_npy<T: npyz::Serialize>(
    dtype: npyz::DType,
    shape: &[u64],
    values: impl Iterator<Item = T>,
) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::new().dtype(dtype).shape(shape).writer(&mut bytes).begin_nd()?;
    writer.extend(values)?;
    writer.finish()?;
    Ok(bytes)
}
