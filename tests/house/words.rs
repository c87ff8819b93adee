//! One word for one thing: words that the field's words replaced do not come back, in files or in their names.

use super::sources::{SourceFile, files, root};

/// A retired word, and the rule that finds it.
#[derive(Clone, Copy)]
enum Retired {
    /// This identifier or word, letter by letter.
    Word(&'static str),
    /// Identifiers that begin so.
    Prefix(&'static str),
    /// These letters anywhere, small or large.
    Letters(&'static str),
}
use Retired::{Letters, Prefix, Word};

/// The retired word, the one in its place, and where it is retired: the beginning of a path.
const RETIRED: &[(Retired, &str, &str)] = &[
    (Letters("colour"), "color", ""),
    (Letters("centre"), "center", ""),
    (Letters("normaliser"), "z", ""),
    (Prefix("MOST_"), "MAX_", ""),
    (Prefix("LEAST_"), "MIN_", ""),
    (Prefix("FEWEST"), "MIN_", ""),
    (Prefix("LONGEST"), "MAX_", ""),
    (Prefix("USUAL"), "DEFAULT", ""),
    (Prefix("usual_"), "default_", ""),
    (Word("knob"), "constant", ""),
    (Word("knobs"), "constants", ""),
    (Word("so many"), "the number", ""),
    (Word("so-many-th"), "n", ""),
    (Word("anew"), "again", ""),
    (Word("looking costs"), "rendering overhead", ""),
    // gpu
    (Word("Choosing"), "TunePolicy", ""),
    (Word("Choices"), "Autotuner", ""),
    (Word("Tuning"), "DeviceProfile", "src"),
    (Word("gates"), "conditional dispatch", "src"),
    (Word("Gates"), "conditional dispatch", "src"),
    // data
    (Word("Holding"), "Residency", ""),
    (Word("Feed"), "DataLoader", ""),
    (Word("Draw"), "RngKey", "src/nn"),
    (Word("Column"), "Sample", "src/data"),
    (Word("Column"), "Sample", "src/nn"),
    (Word("Column"), "Sample", "shaders"),
    (Word("struct Columns"), "struct BatchExtent", "src/nn"),
    (Letters("recognise"), "format", ""),
    // nn
    (Word("Kind"), "OptimizerKind", "src/nn"),
    (Word("Pace"), "StepsPerEpoch", ""),
    (Word("Best"), "TopK", "src/nn"),
    (Word("Best"), "TopK", "shaders"),
    (Word("takers"), "consumers", ""),
    (Word("Taking"), "Features", "src"),
    (Prefix("take_rows"), "features", ""),
    (Prefix("take_responses"), "responses", ""),
    (Prefix("take_predictions"), "predictions", ""),
    // embed
    (Word("Found"), "KnnResult", "src/embed"),
    (Word("Places"), "PointSet", "src/embed"),
    (Word("motions"), "velocity", "shaders/embed"),
    (Word("settle"), "fit_grid", "shaders/embed"),
    (Word("turns"), "twiddle factors", "src/embed"),
    // view
    (Word("Chosen"), "SelectionSummary", "src/view"),
    (Word("Hidden"), "GroupMask", "src/view"),
    (Word("Look"), "Style", "src/view"),
    (Word("Look"), "Style", "shaders/view"),
    // layouts and session
    (Letters("stirring"), "re-exaggeration", ""),
    (Word("Arrival"), "Readback", ""),
    (Word("Arrivals"), "Readback", ""),
    (Word("Wanted"), "EvaluationRequest", "src"),
    (Word("Forward"), "FeaturePass", "src/layouts"),
    (Word("Stretch"), "WorkSpan", "src"),
    (Word("Part"), "Split", "src/session"),
    (Word("Limit"), "StopCondition", "src"),
    (Word("era"), "generation", "src/session"),
    (Prefix("open_embedding"), "open_layout", ""),
    (Prefix("close_embedding"), "close_layout", ""),
    (Word("Embedding"), "Layout", "src/session"),
    (Word("Embedding"), "Layout", "src/layouts"),
    // app
    (Word("bench"), "workbench", "src/app"),
    (Word("bench"), "workbench", "src/cli/render.rs"),
    (Word("bench"), "workbench", "src/cli/workbench.rs"),
];

/// Words that stay: a part of a path, the word, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[("tests/house/words.rs", "", "names them all")];

/// Names of files that are retired.
const RETIRED_FILES: &[&str] = &[
    "taking",
    "arrivals",
    "keeping",
    "recording",
    "steering",
    "forwarding",
    "stirring",
    "lists",
    "reduction",
    "principal",
    "search",
    "change",
    "choice",
    "gates",
    "peak",
    "recognise",
    "image_layout",
    "filter_layout",
    "draw",
    "rate",
    "refresh",
    "budget",
];

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Lines of a text that hold a word, counted from 1.
fn lines_with(text: &str, word: Retired) -> Vec<usize> {
    let holds = |line: &str| match word {
        Letters(letters) => line.to_lowercase().contains(letters),
        Word(letters) => line.match_indices(letters).any(|(at, _)| {
            !line[..at].ends_with(is_word) && !line[at + letters.len()..].starts_with(is_word)
        }),
        Prefix(letters) => line.match_indices(letters).any(|(at, _)| !line[..at].ends_with(is_word)),
    };
    text.lines().enumerate().filter(|(_, line)| holds(line)).map(|(at, _)| at + 1).collect()
}

fn faults(file: &SourceFile) -> Vec<String> {
    let stays = |word: &str| {
        EXCEPTIONS
            .iter()
            .any(|(path, kept, _)| file.path.contains(path) && (kept.is_empty() || *kept == word))
    };
    let mut faults = Vec::new();
    for (retired, instead, scope) in RETIRED {
        let (Letters(word) | Word(word) | Prefix(word)) = retired;
        if !file.path.starts_with(scope) || stays(word) {
            continue;
        }
        let lines = lines_with(&file.text, *retired);
        if !lines.is_empty() {
            let path = &file.path;
            faults.push(format!(
                "{path}: {word} (say {instead}) in {} lines: {:?}",
                lines.len(),
                &lines[..lines.len().min(8)]
            ));
        }
    }
    let stem = file.path.rsplit('/').next().unwrap().split('.').next().unwrap();
    if RETIRED_FILES.contains(&stem) && !stays(stem) {
        faults.push(format!("{}: the name is retired", file.path));
    }
    faults
}

fn written() -> Vec<SourceFile> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let code = [("src", "rs"), ("tests", "rs"), ("shaders", "wgsl")];
    let code = code.into_iter().flat_map(|(folder, extension)| files(folder, extension));
    code.chain([SourceFile::new("README.md", &readme)]).collect()
}

#[test]
fn retired_words_do_not_come_back() {
    let faults: Vec<String> = written().iter().flat_map(faults).collect();
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn a_retired_word_is_found() {
    let count = |path: &str, text: &str| faults(&SourceFile::new(path, text)).len();
    assert_eq!(count("src/app/theme.rs", "const COLOURS: u8 = MOST_COLORS;"), 2);
    assert_eq!(count("src/app/top_bar.rs", "bench.show(); // the benchmark workbench"), 1);
    assert_eq!(count("src/cli/bench/mod.rs", "bench.show();"), 0);
    assert_eq!(count("src/nn/layer.rs", "fn knob_count() { almost_anew(THE_MOST_OF) }"), 0);
    assert_eq!(count("src/nn/layer.rs", "/// So many images, all anew: as so many as before."), 2);
    assert_eq!(count("src/nn/layer.rs", "struct Best; // AdapterChoice::BestOne"), 1);
    assert_eq!(count("src/session/keeping.rs", ""), 1);
    assert_eq!(count("src/session/lifecycle.rs", "fn keeping() {}"), 0);
}

/// Words that a doc line does not begin with: it is a noun phrase that names the thing.
const QUESTIONS: &[&str] = &["What ", "Whether ", "How ", "Where ", "Which "];

/// Doc comments that begin with one of them.
fn questions(file: &SourceFile) -> usize {
    let doc =
        |line: &str| line.trim_start().strip_prefix("///").or(line.strip_prefix("//!")).map(str::to_owned);
    let lines: Vec<Option<String>> = file.text.lines().map(doc).collect();
    let asks = |line: &str| QUESTIONS.iter().any(|word| line.trim_start().starts_with(word));
    let begins = |at: usize| at == 0 || lines[at - 1].is_none();
    (0..lines.len()).filter(|at| begins(*at) && lines[*at].as_deref().is_some_and(asks)).count()
}

#[test]
fn doc_lines_name_the_thing() {
    let all: Vec<(usize, String)> = written().into_iter().map(|file| (questions(&file), file.path)).collect();
    let faults: Vec<String> =
        all.iter().filter(|(count, _)| *count > 0).map(|(count, path)| format!("{path}: {count}")).collect();
    assert!(faults.is_empty(), "{} files\n{}", faults.len(), faults.join("\n"));
    let asks = |text: &str| questions(&SourceFile::new("src/a.rs", text));
    assert_eq!(
        asks(
            "//! What a GPU is.\n\n    /// Whether it is.\n/// How it is.\nfn f() {}\n/// Number of rows.\n// How"
        ),
        2
    );
}
