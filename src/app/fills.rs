//! Large opaque rectangles of the interface are filled apart from egui's shader, which looks up a texture for every pixel: on the software
//! adapter the ground of one layout takes as long as all pictures.

use egui::Shape;
use egui::emath::TSTransform;
use egui::epaint::{ClippedShape, RectShape};
use egui_wgpu::Callback;

use super::frame::Draw;
use crate::view::Fills;

/// Smallest area that is filled apart, in square points: the switch of pipelines takes as long as a few thousand pixels.
const MIN_AREA: f32 = 5000.0;

/// True for a rectangle that a fill draws alike.
fn is_fill(shape: &RectShape) -> bool {
    let sharp =
        shape.corner_radius == egui::CornerRadius::ZERO && shape.blur_width == 0.0 && shape.angle == 0.0;
    let plain = shape.stroke.is_empty() && shape.brush.is_none() && shape.fill.is_opaque();
    sharp && plain && shape.rect.area() >= MIN_AREA
}

/// Replaces large opaque rectangles by fills. Their edges lie on whole pixels.
pub(super) fn fill_apart(shapes: &mut [ClippedShape]) {
    for ClippedShape { clip_rect, shape, transform_after_tessellation } in shapes {
        let Shape::Rect(large) = &shape else { continue };
        let area = large.rect.intersect(*clip_rect);
        if !is_fill(large) || !area.is_positive() || *transform_after_tessellation != TSTransform::IDENTITY {
            continue;
        }
        let [r, g, b, _] = large.fill.to_array();
        let draw =
            Draw(move |resources: &egui_wgpu::CallbackResources, pass: &mut wgpu::RenderPass<'static>| {
                if let Some(fills) = resources.get::<Fills>() {
                    fills.draw(pass, [r, g, b]);
                }
            });
        (*clip_rect, *shape) = (area, Shape::Callback(Callback::new_paint_callback(area, draw)));
    }
}

#[cfg(test)]
mod tests {
    use egui::{Color32, Pos2, Rect, Vec2};

    use super::*;

    #[test]
    fn only_what_a_fill_draws_alike_is_replaced() {
        let rect = Rect::from_min_size(Pos2::new(3.0, 4.0), Vec2::new(200.0, 50.0));
        let clip = Rect::from_min_size(Pos2::new(10.0, 0.0), Vec2::new(100.0, 300.0));
        let large = RectShape::filled(rect, 0.0, Color32::RED);
        let shape = |shape: &RectShape, clip_rect| ClippedShape {
            clip_rect,
            shape: Shape::Rect(shape.clone()),
            transform_after_tessellation: TSTransform::IDENTITY,
        };
        let mut shapes = vec![
            shape(&large, clip),
            shape(&large, Rect::from_min_size(Pos2::new(500.0, 500.0), Vec2::splat(9.0))),
            shape(&RectShape::filled(rect, 2.0, Color32::RED), clip),
            shape(&RectShape::filled(rect, 0.0, Color32::from_black_alpha(90)), clip),
            shape(&RectShape::stroke(rect, 0.0, (1.0, Color32::RED), egui::StrokeKind::Inside), clip),
            shape(&large.clone().with_blur_width(3.0), clip),
            shape(&large.clone().with_angle(0.1), clip),
            shape(&RectShape { rect: rect.with_max_y(9.0), ..large }, clip),
        ];
        fill_apart(&mut shapes);
        let replaced: Vec<bool> = shapes.iter().map(|s| matches!(s.shape, Shape::Callback(_))).collect();
        assert_eq!(replaced, [true, false, false, false, false, false, false, false]);
        assert_eq!(shapes[0].clip_rect, rect.intersect(clip));
    }
}
