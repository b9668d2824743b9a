//! The shape of the repository, held by tests: who may depend on whom, how long a file may be, which words the
//! pure crates may not use.

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Longest production source file, in lines.
const FILE_LINES_MAX: usize = 600;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the crate lies two levels below the root")
}

/// Direct, non-test dependencies of every workspace crate.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked", "--offline"])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let mut graph = BTreeMap::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let direct = package["dependencies"]
            .as_array()
            .expect("dependencies")
            .iter()
            .filter(|dependency| dependency["kind"].is_null())
            .map(|dependency| dependency["name"].as_str().expect("name").to_owned())
            .collect();
        graph.insert(package["name"].as_str().expect("name").to_owned(), direct);
    }
    graph
}

/// The edges between our own crates, each for a reason given in ARCHITECTURE.md. A new edge is a decision: change
/// both.
const EDGES: &[(&str, &[&str])] = &[
    ("palisade-types", &[]),
    // Mathematics alone: who margins, quotes or shows options asks it.
    ("palisade-pricing", &["palisade-types"]),
    ("palisade-engine", &["palisade-pricing", "palisade-types"]),
    ("palisade-client", &["palisade-pricing", "palisade-types"]),
    ("palisade-node", &["palisade-client", "palisade-engine", "palisade-types"]),
    ("palisade-gateway", &["palisade-client", "palisade-types"]),
    ("palisade-agents", &["palisade-client", "palisade-pricing", "palisade-types"]),
    // Runs whole nodes, asks them as a client does, and executes finalized blocks a second time.
    ("palisade-sim", &["palisade-client", "palisade-engine", "palisade-node", "palisade-types"]),
    (
        "palisade",
        &[
            "palisade-agents",
            "palisade-client",
            "palisade-engine",
            "palisade-gateway",
            "palisade-node",
            "palisade-pricing",
            "palisade-types",
        ],
    ),
    // Feeds hostile bytes to everybody's decoders; nothing depends on it.
    (
        "palisade-fuzz",
        &[
            "palisade-agents",
            "palisade-client",
            "palisade-engine",
            "palisade-gateway",
            "palisade-node",
            "palisade-pricing",
            "palisade-types",
        ],
    ),
];

#[test]
fn crate_graph_is_pinned() {
    let graph = dependencies();
    let names: BTreeSet<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<&str> = graph.keys().map(String::as_str).collect();
    assert_eq!(found, names, "the workspace's crates");
    for (name, allowed) in EDGES {
        for dependency in graph[*name].iter().filter(|dependency| dependency.starts_with("palisade")) {
            assert!(allowed.contains(&dependency.as_str()), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn asynchronous_runtimes_stay_outside_the_core() {
    let graph = dependencies();
    for name in ["palisade-types", "palisade-engine", "palisade-pricing", "palisade-node"] {
        for banned in ["tokio", "axum", "hyper", "reqwest", "async-std"] {
            assert!(!graph[name].contains(banned), "{name} must do without {banned}");
        }
    }
    for name in ["palisade-types", "palisade-engine", "palisade-pricing"] {
        for dependency in &graph[name] {
            assert!(!dependency.starts_with("commonware-runtime"), "{name} must stay free of runtimes");
        }
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn production_sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(repository().join("crates")).expect("crates/") {
        sources(&entry.expect("a crate").path().join("src"), &mut found);
    }
    found.retain(|path| !path.to_string_lossy().contains("tests"));
    found.sort();
    assert!(found.len() > 20, "found only {} source files", found.len());
    found
}

#[test]
fn files_fit_a_head_and_open_with_what_they_are_for() {
    let mut wrong = Vec::new();
    for path in production_sources() {
        let text = fs::read_to_string(&path).expect("UTF-8 source");
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{}: {lines} lines, at most {FILE_LINES_MAX}", path.display()));
        }
        if !text.trim_start().starts_with("//!") {
            wrong.push(format!("{}: does not open with `//!`", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Clippy denies the types and methods that break determinism, by path. This test catches what a lint cannot: a
/// crate that forgets to switch the lint on.
#[test]
fn pure_crates_switch_the_determinism_lints_on() {
    for name in ["types", "engine", "pricing"] {
        let folder = repository().join("crates").join(name);
        let rules = fs::read_to_string(folder.join("clippy.toml")).expect("a pure crate has its clippy.toml");
        for banned in
            ["std::collections::HashMap", "std::collections::HashSet", "std::time::Instant", "std::time::SystemTime"]
        {
            assert!(rules.contains(banned), "crates/{name}/clippy.toml must ban {banned}");
        }
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
        let root = fs::read_to_string(folder.join("src/lib.rs")).expect("a root module");
        for lint in ["float_arithmetic", "arithmetic_side_effects"] {
            assert!(manifest.contains(lint) || root.contains(lint), "crates/{name} must deny clippy::{lint}");
        }
        assert!(!manifest.contains("features = [\"async\"]"), "crates/{name} is synchronous");
    }
}
