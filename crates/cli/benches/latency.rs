//! Latency from sending an action to holding its finalized receipt, as a client sees it: four processes of the binary on
//! this machine, `palisade load` at ten actions a second over HTTP. The limit is what no such chain can undercut: three
//! messages one after the other, and one write that is safe on the disk, both measured in the same run.
//!
//! Writes its figures as JSON into the file that it is given.

mod limits;
#[path = "../tests/support/mod.rs"]
mod support;

use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use support::{Folder, Process, Remote, free_base_port, run_ok, url, wait_for};

const SEATS: u16 = 4;
const ACTIONS_PER_SECOND: &str = "10";
const SECONDS: &str = "60";
/// Not counted: connections are made, the first prices come in.
const WARM_UP_SECONDS: &str = "5";
/// Finality needs a proposal, a round of notarizing votes and a round of finalizing votes.
const MESSAGE_DELAYS: f64 = 3.0;

/// Runs `palisade load` for some seconds; what it measured.
fn load(urls: &str, seconds: &str) -> Value {
    let out = run_ok(&["load", "--rpc", urls, "--rate", ACTIONS_PER_SECOND, "--duration", seconds, "--json"]);
    serde_json::from_str(&out).expect("the load generator prints JSON")
}

fn milliseconds(measured: &Value, percentile: &str) -> f64 {
    measured["latency_us"][percentile].as_f64().expect("a latency") / 1_000.0
}

#[allow(clippy::print_stdout, reason = "a benchmark reports to whoever runs it")]
fn main() {
    let folder = Folder::below(Path::new(env!("CARGO_TARGET_TMPDIR")), "latency");
    let (port, data) = (free_base_port(), folder.join("chain").to_string_lossy().into_owned());
    run_ok(&["init", "--data-dir", &data, "--base-port", &port.to_string()]);
    let urls: Vec<String> = (port + 300..port + 300 + SEATS).map(url).collect();
    let start = |seat: u16| {
        let node = format!("{data}/node-{seat}");
        Process::start(folder.path(), &format!("node-{seat}"), &["node", "--data-dir", &node])
    };
    let mut nodes: Vec<Process> = (0..SEATS).map(start).collect();
    for url in &urls {
        let remote = Remote::new(url);
        wait_for("the first blocks", Duration::from_secs(60), || remote.height().filter(|height| *height > 0));
    }
    let urls = urls.join(",");
    load(&urls, WARM_UP_SECONDS);
    let measured = load(&urls, SECONDS);
    let (message_ms, fsync_ms) = (limits::message_delay_ms(), limits::fsync_ms(folder.path()));
    assert!(nodes.iter_mut().all(Process::is_running), "all four nodes still run");
    assert_eq!(measured["receipts"], measured["sent"], "every action got its receipt: {measured}");
    let limit_ms = MESSAGE_DELAYS * message_ms + fsync_ms;
    let limit = format!("3 messages over loopback ({message_ms:.3} ms each) and an fsync ({fsync_ms:.3} ms)");
    let line = |name: &str, percentile: &str, target: f64| {
        json!({
            "what": format!("latency from send to finalized receipt, {name}, {} actions at 10/s", measured["receipts"]),
            "value": milliseconds(&measured, percentile), "unit": "ms", "better": "lower",
            "target": target, "limit": limit_ms, "limit_what": limit,
        })
    };
    let figures = json!([line("median", "p50", 75.0), line("99 %", "p99", 250.0)]);
    limits::write(&figures);
    println!("{figures:#}");
    println!("{measured:#}");
}
