//! Pictures compared with kept ones; `UPDATE_PICTURES=1` keeps new ones.

use std::path::PathBuf;

use image::RgbaImage;

/// Share of pixels that differ by more than an eye would see: drivers round colors and glyph edges differently.
pub(crate) fn difference(a: &RgbaImage, b: &RgbaImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let seen = |(p, q): (&image::Rgba<u8>, &image::Rgba<u8>)| (0..3).any(|i| p.0[i].abs_diff(q.0[i]) > 24);
    a.pixels().zip(b.pixels()).filter(|pair| seen(*pair)).count() as f64 / (a.width() * a.height()) as f64
}

/// Compares a picture with the kept one, a file of the project, which it returns; or keeps it.
pub(crate) fn compare_picture(file: &str, picture: &RgbaImage) -> Option<RgbaImage> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
    let name = file.file_name().unwrap();
    if std::env::var_os("UPDATE_PICTURES").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        picture.save(&file).unwrap();
        return None;
    }
    let kept = image::open(&file).expect("the kept picture is there").into_rgba8();
    let share = difference(picture, &kept);
    if share > 0.004 {
        let new = std::env::temp_dir().join(name);
        picture.save(&new).unwrap();
        panic!(
            "{:.2} % of {} look different: compare it with {}",
            100.0 * share,
            file.display(),
            new.display()
        );
    }
    Some(kept)
}
