//! The C header is generated from `src/ffi`, and up to date.
//!
//! `PC_BLESS=1 cargo test --test header` writes it.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

/// The sections of the header, in order: a heading, and the file of `src/ffi` that it comes from.
const SECTIONS: &[(&str, &str)] = &[
    ("Versions", "version.rs"),
    ("Statuses", "status.rs"),
    ("Buffers", "buffer.rs"),
    ("Environments", "env.rs"),
    ("Environments: copies, checks and readers", "env_upkeep.rs"),
    ("Environments: commits and traits", "env_wait.rs"),
    ("Collections: common to dicts and sets", "collection.rs"),
    ("Ranges", "range.rs"),
    ("Dicts", "dict.rs"),
    ("Sets", "set.rs"),
    ("Sets: algebra", "set_algebra.rs"),
    ("Batches", "batch.rs"),
    ("Transactions", "txn.rs"),
    ("Values", "value.rs"),
    ("Iterators", "iter.rs"),
    ("Calls that take values", "value_calls.rs"),
];

/// The structs in `src/ffi/handle/structs.rs`.
const HANDLES: &[&str] = &["pc_env", "pc_dict", "pc_set", "pc_iter", "pc_txn"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn header_path() -> PathBuf {
    root().join("include/persistent_collections.h")
}

/// cbindgen groups its input by constants, types and functions. Run on one file after the other, it groups by nouns,
/// which is better for readers.
fn generate() -> String {
    let config = cbindgen::Config::from_root_or_default(root());
    let opening = config.header.clone().expect("cbindgen.toml has the overview");
    let guard = config.include_guard.clone().expect("cbindgen.toml has the include guard");
    let mut header = format!("{}\n\n#ifndef {guard}\n#define {guard}\n\n", opening.trim());
    for include in &config.sys_includes {
        writeln!(header, "#include <{include}>").unwrap();
    }
    if config.cpp_compat {
        header.push_str("\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    }
    for (heading, file) in SECTIONS {
        let mut section = config.clone();
        section.header = None;
        section.include_guard = None;
        section.sys_includes.clear();
        section.cpp_compat = false;
        // Only the section of its noun defines a handle.
        let own = format!("pc_{}", file.trim_end_matches(".rs"));
        section.export.exclude =
            HANDLES.iter().filter(|handle| **handle != own).map(ToString::to_string).collect();
        let mut text = Vec::new();
        cbindgen::Builder::new()
            .with_config(section)
            .with_src(root().join("src/ffi/handle/structs.rs"))
            .with_src(root().join("src/ffi").join(file))
            .generate()
            .unwrap_or_else(|error| panic!("{file}: {error}"))
            .write(&mut text);
        let text = String::from_utf8(text).expect("cbindgen writes UTF-8");
        write!(header, "\n/* ==== {heading} ==== */\n\n").unwrap();
        if *file == "version.rs" {
            // cbindgen omits string constants.
            let version = env!("CARGO_PKG_VERSION");
            write!(header, "/// The library's version as text.\n#define PC_VERSION \"{version}\"\n\n")
                .unwrap();
        }
        let mut in_braces = false;
        for line in text.trim().lines() {
            in_braces = (in_braces || line.ends_with('{')) && !line.starts_with('}');
            let line = in_parentheses(line);
            // Functions name types in the same way, whichever section defines them.
            let is_code = !in_braces && !line.starts_with("//") && !line.starts_with("typedef");
            let line = if is_code { line.replace("struct pc_", "pc_") } else { line };
            writeln!(header, "{line}").unwrap();
        }
    }
    if config.cpp_compat {
        header.push_str("\n#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n");
    }
    writeln!(header, "\n#endif /* {guard} */").unwrap();
    header
}

/// Puts a negative constant in parentheses, so that it is safe in every expression.
fn in_parentheses(line: &str) -> String {
    match line.strip_prefix("#define ").and_then(|constant| constant.split_once(" -")) {
        Some((name, number)) => format!("#define {name} (-{number})"),
        None => line.to_owned(),
    }
}

/// Returns the generated header, and writes it to its place on request.
fn made() -> &'static str {
    static MADE: OnceLock<String> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = generate();
        if env::var_os("PC_BLESS").is_some() {
            fs::create_dir_all(root().join("include")).unwrap();
            fs::write(header_path(), &made).unwrap();
        }
        made
    })
}

#[test]
fn the_header_is_up_to_date() {
    let made = made();
    let committed = fs::read_to_string(header_path()).unwrap_or_default();
    assert!(
        made == committed,
        "include/persistent_collections.h differs from what src/ffi says; run: PC_BLESS=1 cargo test --test header"
    );
}

#[test]
fn every_file_with_exports_is_a_section() {
    let room = root().join("src/ffi");
    let mut folders = vec![room.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let name = path.strip_prefix(&room).unwrap().to_str().unwrap();
            let has_exports =
                text.lines().any(|line| line == "#[unsafe(no_mangle)]" || line.starts_with("pub const PC_"));
            assert_eq!(has_exports, SECTIONS.iter().any(|(_, file)| *file == name), "{name}");
        }
    }
}

/// `mod.rs` lists the sections, for readers who look for an export.
#[test]
fn the_list_of_exports_is_up_to_date() {
    let text = fs::read_to_string(root().join("src/ffi/mod.rs")).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with("//! | section")).skip(2);
    let rows: Vec<Vec<&str>> = rows
        .map_while(|line| Some(line.strip_prefix("//! | ")?.strip_suffix(" |")?.split(" | ").collect()))
        .collect();
    let listed: Vec<(&str, &str)> = rows.iter().map(|row| (row[0], row[1].trim_matches('`'))).collect();
    assert_eq!(listed, SECTIONS);
    for row in rows {
        // Between backquotes; a star matches anything.
        let patterns: Vec<(&str, &str)> = row[2]
            .split('`')
            .skip(1)
            .step_by(2)
            .map(|pattern| pattern.split_once('*').unwrap_or((pattern, "")))
            .collect();
        let source = fs::read_to_string(root().join("src/ffi").join(row[1].trim_matches('`'))).unwrap();
        let exports = source.split("#[unsafe(no_mangle)]").skip(1).map(|export| {
            let name = export.split_once("fn ").unwrap().1;
            name.split_once('(').unwrap().0
        });
        for export in exports {
            let is_listed =
                patterns.iter().any(|(start, end)| export.starts_with(start) && export.ends_with(end));
            assert!(is_listed, "{export} of {} is not among {}", row[1], row[2]);
        }
    }
}

/// With the compiler that builds LMDB. `tests/cpp/test_headers.py` compiles all headers with every compiler and standard.
#[test]
fn the_header_compiles_alone_as_c() {
    made();
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("header.c");
    // The header can be included twice.
    fs::write(&source, "#include \"persistent_collections.h\"\n".repeat(2)).unwrap();
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let output = Command::new(&compiler)
        .args(["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-fsyntax-only", "-I"])
        .arg(root().join("include"))
        .arg(&source)
        .output()
        .unwrap_or_else(|error| panic!("{compiler} cannot be run: {error}"));
    let warnings = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && warnings.is_empty(), "{compiler}:\n{warnings}");
}
