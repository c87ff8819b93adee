// The edges between columns of tiles: smooth curves whose width and color say what flows along. See src/view/flow/flows.rs.

#import FlowDrawParams
#import EdgeRanking
#import common/screen
#import common/colors

@group(0) @binding(0) var<uniform> params: FlowDrawParams;
@group(0) @binding(1) var<storage, read> flows: array<f32>;
@group(0) @binding(2) var<storage, read> ranking: EdgeRanking;
@group(0) @binding(3) var<storage, read> listed: array<u32>;
// Of each tile: left, right and middle, in pixels.
@group(0) @binding(4) var<storage, read> anchors: array<vec4<f32>>;

// Pairs of vertices along an edge, an even number.
#constant PAIRS = 12

// Colors of what flows below and above 0, 0xrrggbb, set from src/view/color_map.rs.
#constant SELECTED = 0
#constant PINNED = 0

struct Curve {
    @builtin(position) position: vec4<f32>,
    // Pixels from the middle of the curve, across it.
    @location(0) away: f32,
    @location(1) @interpolate(flat) half_width: f32,
    // Not premultiplied.
    @location(2) @interpolate(flat) color: vec4<f32>,
}

/// Point and direction at share `t` of a curve that leaves and arrives level
fn bend(begin: vec2<f32>, end: vec2<f32>, t: f32) -> vec4<f32> {
    let y = t * t * (3.0 - 2.0 * t);
    let direction = vec2<f32>(end.x - begin.x, 6.0 * t * (1.0 - t) * (end.y - begin.y));
    return vec4<f32>(mix(begin.x, end.x, t), mix(begin.y, end.y, y), direction);
}

/// Point and direction at pair `pair` of an edge; one with a lane goes along it below the tiles that it passes
fn point_of(begin: vec2<f32>, end: vec2<f32>, share: f32, pair: u32) -> vec4<f32> {
    if params.has_lane == 0u { return bend(begin, end, f32(pair) / f32(PAIRS - 1u)); }
    let y = params.lane + (share - 0.5) * params.lane_height;
    let t = f32(pair % (PAIRS / 2u)) / f32(PAIRS / 2u - 1u);
    if pair < PAIRS / 2u { return bend(begin, vec2<f32>(params.lane_left, y), t); }
    return bend(vec2<f32>(params.lane_right, y), end, t);
}

fn curve_corner(index: u32, edge: u32, alpha: f32, weakest: f32) -> Curve {
    let i = min(edge, params.edges - 1u);
    var source = i / params.source_divisor;
    var target_tile = i / params.target_divisor + params.first_target;
    if params.sources > 0u {
        target_tile = i / params.sources;
        source = i % params.sources + target_tile / params.group_targets * params.sources;
    }
    let begin = anchors[params.source_anchor + source];
    let end = anchors[params.target_anchor + target_tile];
    let share = f32(i) / f32(max(params.edges - 1u, 1u));
    let at = point_of(begin.yz, end.xz, share, index >> 1u);
    // NaN and infinity flow as nothing.
    let strongest = bitcast<f32>(ranking.largest);
    let strength = clamp(abs(flows[i]) / max(strongest, 1e-30), 0.0, 1.0);
    let width = max(params.scale * mix(weakest, params.widest, strength), 1.0);
    let reach = 0.5 * width + 0.5;
    let side = f32(index & 1u) * 2.0 - 1.0;
    let across = normalize(vec2<f32>(-at.w, at.z) + vec2<f32>(0.0, 1e-6));
    let color = select(color_of(SELECTED), color_of(PINNED), flows[i] > 0.0);
    let opacity = alpha * mix(params.faintest, 0.9, pow(strength, params.contrast));
    return Curve(clip(at.xy + across * side * reach, params.screen), side * reach, 0.5 * width, vec4<f32>(color, opacity));
}

/// A listed edge
@vertex
fn listed_edge_vertex(@builtin(vertex_index) index: u32, @builtin(instance_index) instance: u32) -> Curve {
    if instance >= ranking.listed {
        return Curve(clip(vec2<f32>(-1e6), params.screen), 0.0, 0.0, vec4<f32>(0.0));
    }
    return curve_corner(index, listed[instance], params.opacity, 0.4);
}

/// An edge of the tile in focus
@vertex
fn focused_edge_vertex(@builtin(vertex_index) index: u32, @location(0) edge: u32) -> Curve {
    return curve_corner(index, edge, 1.0, 0.8);
}

/// A line with soft sides
@fragment
fn edge_fragment(in: Curve) -> @location(0) vec4<f32> {
    let alpha = in.color.a * clamp(in.half_width + 0.5 - abs(in.away), 0.0, 1.0);
    return vec4<f32>(in.color.rgb * alpha, alpha);
}
