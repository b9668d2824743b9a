//! A disk that fills up or cannot be written: the node ends by itself, says why in one line and exits with code 1.
//!
//! Small and read-only disks are mounts of a namespace of the test's own; where the system allows none, the test prints
//! `SKIPPED` and passes.

mod support;

use std::process::{Command, Output};
use support::{Folder, free_base_port, loud, run_ok, text};

/// A disk that fills fails a node within this time of a few blocks per second.
const END_WAIT_SECONDS: u64 = 120;

fn initialised(folder: &Folder) -> String {
    let path = folder.join("chain").to_string_lossy().into_owned();
    let port = free_base_port().to_string();
    run_ok(&["init", "--data-dir", &path, "--base-port", &port, "--seats", "1"]);
    path
}

/// Runs a script in which mounts may be made that nobody else sees; nothing if the system allows none.
fn with_mounts(script: &str) -> Option<Output> {
    let probe = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        loud("SKIPPED: no mounts may be made in a namespace here (unshare -rm); a test of disks has checked NOTHING");
        return None;
    }
    let seconds = END_WAIT_SECONDS.to_string();
    let command = ["-rm", "timeout", "--kill-after=5", &seconds, "bash", "-euc", script];
    Some(Command::new("unshare").args(command).output().expect("unshare runs"))
}

/// A clean end: exit code 1, and the last line says why; the words are those of the system.
fn assert_clean_end(output: &Output, words: &[&str]) {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    let lines: Vec<&str> = error.lines().filter(|line| line.starts_with("palisade: ")).collect();
    assert_eq!(lines.len(), 1, "one line says why: {error}");
    let said = lines[0].to_lowercase();
    assert!(words.iter().any(|word| said.contains(word)), "{said} names none of {words:?}");
}

/// One seat is its own quorum and makes blocks; once it serves, something else fills its disk.
#[test]
fn a_disk_that_fills_while_blocks_are_made_ends_the_node_with_one_line() {
    let folder = Folder::new("filling");
    let data = initialised(&folder);
    let binary = env!("CARGO_BIN_EXE_palisade");
    let script = format!(
        "storage='{data}/node-0/storage'; said='{data}/said'\n\
         mkdir -p \"$storage\"\n\
         mount -t tmpfs -o size=64m tmpfs \"$storage\"\n\
         '{binary}' node --data-dir '{data}/node-0' 2> \"$said\" & node=$!\n\
         until grep -q serving \"$said\"; do sleep 0.2; kill -0 $node; done\n\
         dd if=/dev/zero of=\"$storage/ballast\" bs=64k 2> \"$said.dd\" || true\n\
         code=0; wait $node || code=$?\n\
         cat \"$said\" >&2; exit $code"
    );
    let Some(output) = with_mounts(&script) else { return };
    assert!(text(&output.stderr).contains("serving"), "it ran before its disk was full");
    assert_clean_end(&output, &["no space left", "storage full", "os error 28"]);
}

#[test]
fn a_disk_that_cannot_be_written_ends_the_node_with_one_line() {
    let folder = Folder::new("read-only");
    let data = initialised(&folder);
    let binary = env!("CARGO_BIN_EXE_palisade");
    let script = format!(
        "mkdir -p '{data}/node-0/storage'\n\
         mount -t tmpfs -o ro tmpfs '{data}/node-0/storage'\n\
         '{binary}' node --data-dir '{data}/node-0'"
    );
    let Some(output) = with_mounts(&script) else { return };
    assert_clean_end(&output, &["read-only", "os error 30"]);
}
