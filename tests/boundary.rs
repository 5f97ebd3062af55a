//! Rules for the source of the C ABI: every export uses the boundary macro, is documented, and is in the header, and
//! other files export nothing.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::{env, fs};

struct Export {
    name: String,
    file: String,
    documentation: String,
    /// The text between the braces of the function.
    body: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The functions with a C name that cannot be mangled in one file.
fn exports(file: &str, text: &str) -> Vec<Export> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if !line.contains("no_mangle") && !line.contains("export_name") {
            continue;
        }
        assert_eq!(*line, "#[unsafe(no_mangle)]", "{file}:{}: written another way than the rest", at + 1);
        let documentation: Vec<&str> =
            lines[..at].iter().rev().take_while(|line| line.starts_with("///")).copied().collect();
        let head = at + 1 + lines[at + 1..].iter().position(|line| line.starts_with("pub ")).unwrap();
        let (_, after) = lines[head].split_once("extern \"C\" fn ").expect(lines[head]);
        let name = after.split('(').next().unwrap().to_owned();
        // rustfmt puts the closing brace of a function at the left margin there, too.
        let end = head + lines[head..].iter().position(|line| *line == "}").unwrap();
        let open = head + lines[head..=end].iter().position(|line| line.ends_with('{')).unwrap();
        found.push(Export {
            name,
            file: file.to_owned(),
            documentation: documentation.into_iter().rev().collect::<Vec<_>>().join("\n"),
            body: lines[open + 1..end].join("\n"),
        });
    }
    found
}

fn all_exports() -> Vec<Export> {
    let mut files = Vec::new();
    rust_files(&root().join("src/ffi"), &mut files);
    let all: Vec<Export> = files
        .iter()
        .flat_map(|path| exports(&path.display().to_string(), &fs::read_to_string(path).unwrap()))
        .collect();
    assert!(all.len() >= 80, "only {} exports were found: does the scan still read the source?", all.len());
    all
}

/// Whether a body is one call of the macro, and nothing before or after it.
fn is_one_boundary(body: &str) -> bool {
    let body = body.trim();
    let Some(call) = body.strip_prefix("boundary!(") else { return false };
    let call = call.strip_suffix(';').unwrap_or(call);
    let mut depth = 1_usize;
    for (at, c) in call.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1 == call.len();
        }
    }
    false
}

#[test]
fn every_export_goes_through_the_boundary() {
    for export in all_exports() {
        assert!(is_one_boundary(&export.body), "{}: {} does not", export.file, export.name);
    }
}

#[test]
fn the_scan_finds_what_it_should() {
    assert!(is_one_boundary("    boundary!({\n f()\n })"));
    assert!(is_one_boundary("boundary!(c\"\".as_ptr(), { 1 });"));
    assert!(!is_one_boundary("f(); boundary!({ 1 })"));
    assert!(!is_one_boundary("boundary!({ 1 }); f()"));
    assert!(!is_one_boundary("g()"));
    let text =
        "/// Does.\n#[unsafe(no_mangle)]\npub extern \"C\" fn pc_x(\n    a: u8,\n) -> i32 {\n    g()\n}\n";
    let found = exports("x.rs", text);
    assert_eq!((found[0].name.as_str(), found[0].body.as_str()), ("pc_x", "    g()"));
    assert_eq!(found[0].documentation, "/// Does.");
}

#[test]
fn every_export_is_documented() {
    for export in all_exports() {
        let says_status = export.documentation.contains("Statuses: ");
        let gives_status = export.body.trim_start().starts_with("boundary!({");
        assert!(!export.documentation.is_empty(), "{} has no documentation", export.name);
        assert!(says_status || !gives_status, "{} does not say its statuses", export.name);
    }
}

#[test]
fn every_export_has_the_prefix_and_is_in_the_header() {
    let header = fs::read_to_string(root().join("include/persistent_collections.h")).unwrap();
    for export in all_exports() {
        assert!(export.name.starts_with("pc_"), "{}", export.name);
        let declared =
            header.contains(&format!(" {}(", export.name)) || header.contains(&format!("*{}(", export.name));
        assert!(declared, "{} is not in the header", export.name);
    }
}

#[test]
fn nothing_is_exported_from_elsewhere() {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    for path in files.into_iter().filter(|path| !path.starts_with(root().join("src/ffi"))) {
        for (at, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let place = format!("{}:{}", path.display(), at + 1);
            assert!(!code.contains("no_mangle") && !code.contains("export_name"), "{place}: an export");
            assert!(
                !code.contains("pub extern \"C\"") && !code.contains("pub unsafe extern \"C\""),
                "{place}"
            );
            // LMDB calls these back when it lists its readers, libpq for notices, and the system after a fork: they are not
            // part of the C ABI.
            let calls_back = ["src/engine/lmdb", "src/engine/postgres", "src/platform"]
                .iter()
                .any(|it| path.starts_with(root().join(it)));
            assert!(calls_back || !code.contains("extern \"C\""), "{place}: a C function outside of src/ffi");
        }
    }
}
