//! t-SNE in plain loops and `f64`, one file a subject, for tests; and the table of all kernels with their twins.

pub mod affinities;
pub mod carried;
pub mod drift;
pub mod fft;
pub mod ivf;
pub mod knn;
pub mod mesh;
pub mod order;
pub mod pca;
pub mod quality;
pub mod repulsion;
pub mod rows;
pub mod sort;
pub mod step;

/// Shader, entry point, and its twin, or `not: ` and the reason why it has none.
pub const TWINS: &[(&str, &str, &str)] = &[
    ("embed/affinities.wgsl", "conditional_probabilities", "twin::affinities::joint"),
    ("embed/affinities.wgsl", "count_reverse", "twin::affinities::joint"),
    ("embed/affinities.wgsl", "scan_block", "twin::affinities::joint"),
    ("embed/affinities.wgsl", "scan_sums", "twin::affinities::joint"),
    ("embed/affinities.wgsl", "add_sums", "twin::affinities::joint"),
    ("embed/affinities.wgsl", "scatter_own", "twin::affinities::joint"),
    ("embed/affinities.wgsl", "scatter_reverse", "twin::affinities::joint"),
    ("embed/affinities.wgsl", "row_entropies", "twin::step::divergence"),
    ("embed/attraction.wgsl", "attract", "twin::step::gradient"),
    ("embed/carry_points.wgsl", "carry_points", "twin::carried::carried"),
    ("embed/drift.wgsl", "keep", "twin::drift::drift"),
    ("embed/drift.wgsl", "measure", "twin::drift::drift"),
    ("embed/fft.wgsl", "transform", "twin::fft::transform"),
    ("embed/ivf_candidates.wgsl", "copy_points", "twin::ivf::place_rows"),
    ("embed/ivf_candidates.wgsl", "make_tiles", "twin::ivf::tiles"),
    ("embed/ivf_candidates.wgsl", "choose_candidates", "twin::ivf::candidates"),
    ("embed/ivf_kmeans.wgsl", "sample_rows", "twin::ivf::sampled"),
    ("embed/ivf_kmeans.wgsl", "init_centroids", "twin::ivf::sampled"),
    ("embed/ivf_kmeans.wgsl", "assign", "twin::ivf::assign"),
    ("embed/ivf_kmeans.wgsl", "average", "twin::ivf::average"),
    ("embed/ivf_lists.wgsl", "count_block", "twin::ivf::place_rows"),
    ("embed/ivf_lists.wgsl", "scan_blocks", "twin::ivf::place_rows"),
    ("embed/ivf_lists.wgsl", "scan_lists", "twin::ivf::place_rows"),
    ("embed/ivf_lists.wgsl", "clear", "twin::ivf::place_rows"),
    ("embed/ivf_lists.wgsl", "place_rows", "twin::ivf::place_rows"),
    ("embed/knn_distances.wgsl", "identify_rows", "twin::knn::nearest"),
    ("embed/knn_distances.wgsl", "squared_distances", "twin::knn::nearest"),
    ("embed/knn_select.wgsl", "begin", "twin::knn::nearest"),
    ("embed/knn_select.wgsl", "nearest", "twin::knn::nearest"),
    ("embed/knn_select.wgsl", "finish", "twin::knn::nearest"),
    ("embed/knn_select.wgsl", "sort_nearest", "twin::knn::nearest"),
    ("embed/mesh_grid.wgsl", "bound", "twin::mesh::bounds"),
    ("embed/mesh_grid.wgsl", "fit_grid", "twin::mesh::fit_grid"),
    ("embed/mesh_spectra.wgsl", "mirror", "twin::mesh::influence"),
    ("embed/mesh_spectra.wgsl", "influence", "twin::mesh::influence"),
    ("embed/mesh_spectra.wgsl", "unpack", "twin::mesh::convolve"),
    ("embed/mesh_spectra.wgsl", "pack", "twin::mesh::convolve"),
    ("embed/mesh_splines.wgsl", "clear", "twin::mesh::deposit"),
    ("embed/mesh_splines.wgsl", "deposit", "twin::mesh::deposit"),
    ("embed/mesh_splines.wgsl", "interpolate", "twin::mesh::interpolate"),
    ("embed/order.wgsl", "by_list", "twin::order::by_list"),
    ("embed/order.wgsl", "invert", "twin::order::slots"),
    ("embed/pca_init.wgsl", "begin", "twin::pca::principal"),
    ("embed/pca_init.wgsl", "project", "twin::pca::principal"),
    ("embed/pca_init.wgsl", "back_project", "twin::pca::principal"),
    ("embed/pca_init.wgsl", "orthonormalize", "twin::pca::principal"),
    ("embed/pca_init.wgsl", "fix_signs", "twin::pca::fix_signs"),
    ("embed/pca_apart.wgsl", "leave_out", "twin::pca::leave_out"),
    ("embed/pca_apart.wgsl", "add_squares", "twin::pca::lengthened"),
    ("embed/pca_apart.wgsl", "lengthen", "twin::pca::lengthened"),
    ("embed/pca_rotation.wgsl", "begin_rotation", "twin::pca::project"),
    ("embed/pca_rotation.wgsl", "sweep", "twin::pca::eigenvectors"),
    ("embed/pca_rotation.wgsl", "rank_columns", "twin::pca::eigenvectors"),
    ("embed/pca_rotation.wgsl", "rotate_directions", "twin::pca::directions"),
    ("embed/pca_rotation.wgsl", "fix_signs", "twin::pca::fix_signs"),
    (
        "embed/pca_subspace.wgsl",
        "begin",
        "not: any directions do; those of a hash are tested to be independent",
    ),
    ("embed/pca_subspace.wgsl", "project", "twin::pca::project"),
    ("embed/pca_subspace.wgsl", "back_project", "twin::pca::back_project"),
    ("embed/pca_subspace.wgsl", "sum_parts", "twin::pca::back_project"),
    ("embed/pca_subspace.wgsl", "orthonormalize", "twin::pca::orthonormalize"),
    ("embed/quality.wgsl", "take_samples", "twin::quality::judge"),
    ("embed/quality.wgsl", "measure", "twin::quality::judge"),
    ("embed/quality.wgsl", "nearest_of_chunk", "twin::knn::nearest"),
    ("embed/quality.wgsl", "rank", "twin::quality::judge, and twin::quality::recall"),
    ("embed/repulsion.wgsl", "repel", "twin::repulsion::forces"),
    ("embed/rows.wgsl", "begin", "twin::rows::scaled"),
    ("embed/rows.wgsl", "read_rows", "twin::rows::scaled"),
    ("embed/rows.wgsl", "center", "twin::rows::scaled, of whose middles twin::rows::middles"),
    ("embed/sort.wgsl", "begin", "twin::sort::rows"),
    ("embed/sort.wgsl", "sort_short", "twin::sort::rows"),
    ("embed/sort.wgsl", "sort_long", "twin::sort::rows"),
    ("embed/tsne.wgsl", "sum_block", "twin::step::divergence"),
    ("embed/tsne.wgsl", "reduce", "twin::step::step"),
    ("embed/tsne.wgsl", "update", "twin::step::step"),
    ("embed/tsne.wgsl", "begin", "twin::pca::principal"),
    ("embed/tsne.wgsl", "begin_state", "not: it writes zeros, which the first iteration's tests rest on"),
    ("embed/far_rows.wgsl", "measure", "twin::rows::pulled_in"),
    ("embed/far_rows.wgsl", "find_far", "twin::rows::pulled_in"),
    ("embed/far_rows.wgsl", "pull_in", "twin::rows::pulled_in"),
    (
        "embed/pca_init.wgsl",
        "purify",
        "not: it takes away rounding of f32, which loops in f64 do not have; starts are tested in tests/degenerate.rs",
    ),
    ("embed/tsne.wgsl", "pin_point", "not: it copies one position that the CPU wrote"),
];
