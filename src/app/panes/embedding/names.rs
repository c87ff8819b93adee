//! Names and descriptions of layouts and their rows.

use crate::app::format::{percent, short};
use crate::app::selection::tile_of_row;
use crate::app::tensor_kinds::{long_name, missing, short_name};
use crate::app::tile_set::TileId;
use crate::nn::TopK;
use crate::session::{ImageSet, ImageSource, Images, Layout, LayoutSource, Session};

/// Name of a layout.
pub(crate) fn layout_name(session: &Session, layout: &Layout) -> String {
    match layout.source() {
        LayoutSource::Tensor { node, kind } => {
            format!("{} by {}", session.layers()[node].name, short_name(kind))
        }
        LayoutSource::Images(source) => images_name(session, source),
        LayoutSource::Filters => format!("all {} filters by responses", layout.rows().tiles()),
    }
}

/// Name of a layout of images: `2000 test images by dense1`.
pub(crate) fn images_name(session: &Session, source: ImageSource) -> String {
    let set = if source.set == ImageSet::Train { "training" } else { "test" };
    let layer = session.layers().get(source.node).map_or("a layer", |info| &info.name);
    format!("{} {set} images by {layer}", source.count)
}

/// Words for rows that the checkpoint shown of a training that is watched does not have: gradients.
pub(crate) fn missing_rows(session: &Session, layout: &Layout) -> Option<String> {
    let LayoutSource::Tensor { node, kind } = layout.source() else { return None };
    missing(session, node, kind)
}

/// Times and particulars of a layout.
pub(crate) fn layout_details(session: &Session, layout: &Layout) -> String {
    let (refresh_ms, iteration_ms) = layout.costs_ms();
    let mut text =
        format!("{} points; an iteration takes about {} ms", layout.rows().tiles(), short(iteration_ms));
    text += &format!(", a refresh of rows and neighbors {} ms", short(refresh_ms));
    if let Some(step) = layout.forwarded_at() {
        text += &format!("\nimages forwarded at step {step}");
    }
    if let Some(missing) = missing_rows(session, layout) {
        text += &format!("\n{missing}: all points are in one place");
    } else if layout.all_alike() {
        text +=
            "\nall rows are alike, as those of a layer of which no unit fires: all points are in one place";
    }
    if layout.left_out() > 0 {
        text += &format!("\n{} rows with NaN or infinity are left out", layout.left_out());
    }
    if let Some(images) = layout.images().filter(|images| images.shrink > 1) {
        text += &format!("\nthumbnails at 1/{} of their size, to fit in memory", images.shrink);
    }
    text
}

/// Name and description of a row.
pub(crate) fn row_words(session: &Session, layout: &Layout, row: u32) -> (String, String) {
    if let Some(images) = layout.images() {
        return image_words(session, images, row);
    }
    let name = tile_of_row(layout, row)
        .map_or_else(String::new, |TileId { node, tile }| format!("{} {tile}", session.layers()[node].name));
    let long = match layout.source() {
        LayoutSource::Tensor { kind, .. } => long_name(kind).to_owned(),
        _ => format!("responses to {} test images; a click selects the filter", layout.forwards()),
    };
    (name, long)
}

/// Index, class and predictions of an image.
fn image_words(session: &Session, images: &Images, image: u32) -> (String, String) {
    let set = images.source.set;
    let class = session.class_of(set, image).unwrap_or_default();
    let mut long = format!("class: {class}");
    if images.predicts {
        let name = |class: usize| session.class_names().get(class).map_or("?", String::as_str);
        match images.top_classes(image) {
            Some(best) if best.first == TopK::NONE => long += "\nthe network's output is NaN or infinite",
            Some(best) => {
                for (class, share) in best.classes() {
                    long += &format!("\n{}  {}", percent(f64::from(share)), name(class));
                }
            }
            None => long += "\n…",
        }
    }
    let kind = if set == ImageSet::Train { "training image" } else { "image" };
    if set == ImageSet::Test {
        long += "\na click makes it the probe";
    }
    (format!("{kind} {image}"), long)
}
