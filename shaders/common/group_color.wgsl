// Colors of groups of points. The constants are 0xrrggbb, set from src/view/color_map.rs. The importing file imports common/colors.
#constant CLASS_0 = 0
#constant CLASS_1 = 0
#constant CLASS_2 = 0
#constant CLASS_3 = 0
#constant CLASS_4 = 0
#constant CLASS_5 = 0
#constant CLASS_6 = 0
#constant CLASS_7 = 0
#constant CLASS_8 = 0
#constant CLASS_9 = 0
#constant UNKNOWN = 0
#constant RIGHT = 0
#constant WRONG = 0

/// Color of a group, 0xrrggbb: a class, 255 for unknown, 256 for right and 257 for wrong predictions
fn packed_group_color(group: u32) -> u32 {
    var packed = 0u;
    switch group % 10u {
#for c in 10
        case {c}u: { packed = CLASS_{c}; }
#end
        default: { }
    }
    if group == 255u { packed = UNKNOWN; }
    if group == 256u { packed = RIGHT; }
    if group == 257u { packed = WRONG; }
    return packed;
}

/// The same as red, green and blue
fn group_color(group: u32) -> vec3<f32> {
    return color_of(packed_group_color(group));
}
