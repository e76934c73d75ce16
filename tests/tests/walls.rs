//! What may be linked to what, as `cargo tree` says.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Names of all packages that `package` links on any target, with or without its default features.
fn links(package: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // `--all-features` sees more than any build of the package does. Not where a feature brings LLVM's crates, which no default build has fetched.
    let arguments = ["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{lib} {p}", "--target", "all"];
    let features = (!["unicornc", "unicorn-kernels-gpu"].contains(&package)).then_some("--all-features");
    let output = Command::new(cargo).current_dir(root).args(arguments).args(features).args(["--package", package]).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    // A line is `library package vVersion ...`; a package without a library begins with a space.
    let name = |line: &str| line.split_once(' ').and_then(|(_, rest)| rest.split_whitespace().next()).map(str::to_owned);
    let names: BTreeSet<String> = text.lines().filter_map(name).collect();
    assert!(names.contains(package), "{package} is not in its own tree: {names:?}");
    names
}

/// The packages of this house.
fn ours() -> BTreeSet<String> {
    let crates = [
        "unicornc",
        "unicorn-rt",
        "cuda-sys",
        "hip-sys",
        "xrt-sys",
        "unicorn-kernels-npu",
        "unicorn-artifact",
        "unicorn-kernels-cpu",
        "unicorn-kernels-gpu",
        "unicorn-kernels-xdna",
        "unicorn-kernels-npu",
        "xrt-sys",
    ];
    crates.into_iter().chain(["unicorn-tests", "unicorn-gfx11", "unicorn-benches"]).map(str::to_owned).collect()
}

fn ours_in(package: &str) -> Vec<String> {
    let mut names: Vec<String> = links(package).intersection(&ours()).filter(|name| *name != package).cloned().collect();
    names.sort();
    names
}

#[test]
fn the_runtime_links_no_compiler() {
    let names = links("unicorn-rt");
    let forbidden = |name: &&String| {
        let starts = ["unicornc", "cranelift", "melior", "mlir", "llvm", "safetensors"].iter().any(|prefix| name.starts_with(prefix));
        starts || name.contains("xdna") || name.contains("wasmtime")
    };
    let found: Vec<&String> = names.iter().filter(forbidden).collect();
    assert!(found.is_empty(), "the runtime links {found:?}");
    // The list is of the right kind: what must be there is there, and what is forbidden is found where it is allowed.
    assert!(names.contains("memmap2") && names.contains("axum"), "{names:?}");
    assert!(links("unicornc").iter().any(|name| forbidden(&name)));
}

#[test]
fn the_artifact_depends_on_none_of_ours() {
    assert!(ours_in("unicorn-artifact").is_empty(), "{:?}", ours_in("unicorn-artifact"));
}

#[test]
fn the_kernels_depend_on_the_artifact_alone() {
    assert_eq!(ours_in("unicorn-kernels-cpu"), ["unicorn-artifact"]);
    assert_eq!(ours_in("unicorn-kernels-gpu"), ["unicorn-artifact"]);
    assert!(ours_in("unicorn-kernels-xdna").is_empty(), "the machine knows nothing of models");
}

#[test]
fn the_runtime_depends_on_what_is_below() {
    assert_eq!(ours_in("unicorn-rt"), ["cuda-sys", "hip-sys", "unicorn-artifact", "unicorn-kernels-cpu", "xrt-sys"]);
}

#[test]
fn every_package_of_the_workspace_is_known_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output =
        Command::new(cargo).current_dir(root).args(["metadata", "--offline", "--no-deps", "--format-version", "1"]).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let names: BTreeSet<String> =
        metadata["packages"].as_array().expect("packages").iter().map(|p| p["name"].as_str().expect("a name").to_owned()).collect();
    assert_eq!(names, ours());
}
