//! What cannot work says why in one line and exits with the documented code.

mod support;

use std::{
    fs,
    net::TcpListener,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use support::{ACCOUNT, Folder, KEY, Process, free_base_port, one_line, palisade, run, run_ok, run_refused, text, url};

fn initialised(folder: &Folder, name: &str) -> (String, u16) {
    let (path, port) = (folder.join(name).to_string_lossy().into_owned(), free_base_port());
    run_ok(&["init", "--data-dir", &path, "--base-port", &port.to_string()]);
    (path, port)
}

/// What a long-running command says when it cannot start.
fn refused_start(folder: &Folder, arguments: &[&str]) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("start-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut process = Process::start(folder.path(), &name, arguments);
    let status = process.wait(Duration::from_secs(60));
    assert_eq!(status.code(), Some(1), "palisade {arguments:?}: {}", process.errors());
    let errors = process.errors();
    let mut lines = errors.lines().filter(|line| line.starts_with("palisade: "));
    let line = lines.next().expect("one line").to_owned();
    assert_eq!(lines.next(), None, "more than one line");
    line
}

#[test]
fn a_port_in_use_is_named() {
    let folder = Folder::new("port");
    let (data, port) = initialised(&folder, "chain");
    let taken = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
    let devnet = folder.join("devnet").to_string_lossy().into_owned();
    let said = refused_start(&folder, &["devnet", "--data-dir", &devnet, "--port", &port.to_string()]);
    assert!(said.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{said}");
    assert!(!folder.join("devnet").exists(), "nothing is written before the port is known to be free");
    drop(taken);

    for taken_port in [port + 100, port + 300] {
        let taken = TcpListener::bind(("127.0.0.1", taken_port)).expect("a free port");
        let said = refused_start(&folder, &["node", "--data-dir", &format!("{data}/node-0")]);
        assert!(said.contains(&format!("cannot listen on 127.0.0.1:{taken_port}")), "{said}");
        drop(taken);
    }
}

#[test]
fn folders_of_others_are_left_alone() {
    let folder = Folder::new("foreign");
    fs::write(folder.join("thesis.txt"), "years of work").expect("written");
    let path = folder.path().to_string_lossy().into_owned();
    let port = free_base_port().to_string();
    for fresh in [None, Some("--fresh")] {
        let mut arguments = vec!["devnet", "--data-dir", &path, "--port", &port];
        arguments.extend(fresh);
        let said = run_refused(&arguments, 1);
        assert!(said.contains("is not a devnet's folder"), "{said}");
    }
    assert_eq!(fs::read_to_string(folder.join("thesis.txt")).expect("still there"), "years of work");
}

#[test]
fn a_node_refuses_another_chains_genesis_and_key() {
    let folder = Folder::new("identity");
    let (first, _) = initialised(&folder, "first");
    let (second, _) = initialised(&folder, "second");
    let node = format!("{first}/node-0");
    let copy = |file: &str, seat: u8| {
        fs::copy(format!("{second}/node-{seat}/{file}"), format!("{node}/{file}")).expect("copied");
    };

    // A key that the genesis does not know.
    let own_key = fs::read(format!("{node}/vote.key.json")).expect("a key");
    copy("vote.key.json", 0);
    let said = run_refused(&["node", "--data-dir", &node], 1);
    assert!(said.contains("has no seat in the genesis"), "{said}");
    fs::write(format!("{node}/vote.key.json"), &own_key).expect("restored");

    // Data of one chain, genesis and keys of another.
    let mut process = Process::start(folder.path(), "once", &["node", "--data-dir", &node]);
    support::wait_for("data", Duration::from_secs(30), || {
        assert!(process.is_running(), "{}", process.errors());
        process.errors().contains("serving").then_some(())
    });
    process.kill();
    for file in ["genesis.json", "vote.key.json", "oracle.key.json", "node.toml"] {
        copy(file, 0);
    }
    let said = refused_start(&folder, &["node", "--data-dir", &node]);
    assert!(said.contains("belongs to the chain with genesis"), "{said}");
}

#[test]
fn one_folder_runs_one_node() {
    let folder = Folder::new("twice");
    let (data, port) = initialised(&folder, "chain");
    let node = format!("{data}/node-0");
    let mut first = Process::start(folder.path(), "first", &["node", "--data-dir", &node]);
    support::wait_for("the first node", Duration::from_secs(30), || {
        assert!(first.is_running(), "{}", first.errors());
        first.errors().contains("serving").then_some(())
    });
    let said = refused_start(&folder, &["node", "--data-dir", &node]);
    assert!(said.contains("is in use by another process"), "{said}");
    assert!(support::Remote::new(&url(port + 300)).height().is_some(), "the first node goes on");
}

#[test]
fn damaged_files_are_named() {
    let folder = Folder::new("damaged");
    let (data, _) = initialised(&folder, "chain");
    let node = format!("{data}/node-1");
    let said = run_refused(&["node", "--data-dir", &data], 1);
    assert!(said.contains("is no node folder"), "{said}");

    let config = fs::read_to_string(format!("{node}/node.toml")).expect("a configuration");
    fs::write(format!("{node}/node.toml"), "peer_listen = 5").expect("written");
    assert!(run_refused(&["node", "--data-dir", &node], 1).contains("node.toml is malformed"));
    fs::write(format!("{node}/node.toml"), config).expect("written");

    let genesis = fs::read_to_string(format!("{node}/genesis.json")).expect("a genesis");
    for (broken, said) in [
        ("{".to_owned(), "is malformed"),
        (genesis.replacen("\"chain_id\"", "\"chain_idd\"", 1), "unknown field"),
        (genesis.replacen("\"amount\": \"", "\"amount\": \"-", 1), "is not a valid genesis"),
    ] {
        fs::write(format!("{node}/genesis.json"), broken).expect("written");
        let line = run_refused(&["node", "--data-dir", &node], 1);
        assert!(line.contains(said), "{line}");
    }
    let again = run_refused(&["init", "--data-dir", &data], 1);
    assert!(again.contains("holds a chain already"), "{again}");
}

#[test]
fn a_full_disk_ends_a_node_with_one_line() {
    let folder = Folder::new("full");
    let (data, _) = initialised(&folder, "chain");
    // A limit on file size makes writes fail in the same place as a full disk does; the signal that the
    // system sends along is ignored, as a full disk sends none.
    let script =
        format!("trap '' XFSZ; ulimit -f 4; exec '{}' node --data-dir '{data}/node-0'", env!("CARGO_BIN_EXE_palisade"));
    let mut command = std::process::Command::new("bash");
    let output = command.args(["-c", &script]).output().expect("bash runs");
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.lines().last().is_some_and(|line| line.starts_with("palisade: ")), "{error}");
}

#[test]
fn wrong_command_lines_exit_with_two() {
    for arguments in [
        &["nonsense"][..],
        &["devnet", "--port", "0"],
        &["devnet", "--seats", "0"],
        &["tx", "order", "--market", "BTC", "--side", "up", "--price", "1", "--size", "1"],
        &["tx", "order", "--market", "BTC", "--side", "buy", "--price", "NaN", "--size", "1"],
        &["tx", "order", "--market", "BTC", "--side", "buy", "--price", "1e5", "--size", "1"],
        &["tx", "order", "--market", "BTC", "--side", "buy", "--price", "1", "--size", "1", "--tif", "gtt"],
        &["tx", "transfer", "--to", "0x12", "--amount", "1"],
        &["verify", "balance", "--account", "nobody"],
        &["load", "--rate", "0"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "palisade {arguments:?}: {}", text(&output.stderr));
        assert!(!output.stderr.is_empty());
    }
    for arguments in [
        &["tx", "cancel-all"][..],
        &["tx", "cancel-all", "--key", "0x12"],
        &["tx", "cancel-all", "--key", &format!("ed25519:0x{}", "11".repeat(32))],
        &["verify", "balance", "--account", ACCOUNT],
    ] {
        run_refused(arguments, 2);
    }
}

#[test]
fn a_node_that_is_not_there_is_named() {
    let port = free_base_port();
    let address = url(port);
    for arguments in
        [&["query", "status", "--rpc", &address][..], &["tx", "cancel-all", "--key", KEY, "--rpc", &address]]
    {
        let said = run_refused(arguments, 1);
        assert!(said.contains(&format!("cannot reach {address}")), "{said}");
    }
    let said = run_refused(&["query", "status", "--rpc", "ftp://x"], 1);
    assert!(said.contains("no node address"), "{said}");
}

#[test]
fn price_files_that_are_none_are_named() {
    let folder = Folder::new("prices");
    let (port, data) = (free_base_port().to_string(), folder.join("devnet").to_string_lossy().into_owned());
    let file = folder.join("bars.csv").to_string_lossy().into_owned();
    let refused = || run_refused(&["devnet", "--data-dir", &data, "--port", &port, "--prices", &file], 1);
    assert!(refused().contains("bars.csv"), "a missing file");
    fs::write(&file, "timestamp,close\n").expect("written");
    assert!(refused().contains("no column \"open_time_ms\""));
    fs::write(&file, "open_time_ms,venue,symbol,close\n60000,a,BTCUSD,x\n").expect("written");
    assert!(refused().contains("line 2"));
    fs::write(&file, "open_time_ms,venue,symbol,close\n60000,a,NOSUCHCOINUSD,1\n").expect("written");
    assert!(refused().contains("hold no asset"));
}

#[test]
fn keys_are_private_and_never_overwritten() {
    let folder = Folder::new("keys");
    let file = folder.join("key.json").to_string_lossy().into_owned();
    let public = run_ok(&["keys", "new", "--out", &file]);
    assert_eq!(run_ok(&["keys", "address", &file]), public);
    assert!(run_ok(&["keys", "show", &file]).contains(public.trim()));
    let said = run_refused(&["keys", "new", "--out", &file], 1);
    assert!(said.contains("never overwritten"), "{said}");
    assert_eq!(run_ok(&["keys", "address", KEY]).trim(), ACCOUNT);
    let output = palisade().args(["keys", "address", "0xzz"]).output().expect("the binary runs");
    one_line(&["keys", "address", "0xzz"], &output, 2);
}
