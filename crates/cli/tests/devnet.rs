//! The devnet as a user meets it: one command, endpoints, an order, a proof, Ctrl-C, and all of it still there afterwards.

mod support;

use serde_json::Value;
use std::{fs, time::Duration};
use support::{ACCOUNT, Devnet, Folder, KEY, OTHER_ACCOUNT, run_ok, run_refused};

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn place(devnet: &Devnet, arguments: &[&str]) -> Value {
    let mut all = vec!["tx", "order", "--json", "--key", KEY];
    let url = devnet.url();
    all.extend(["--rpc", &url]);
    all.extend(arguments);
    json(&run_ok(&all))
}

#[test]
fn a_devnet_trades_proves_and_continues() {
    let folder = Folder::new("smoke");
    let mut devnet = Devnet::start(&folder, &[]);
    let (url, genesis) = (devnet.url(), devnet.genesis());

    let description = devnet.description();
    assert_eq!(description["rpc_url"], Value::from(url.as_str()));
    assert_eq!(description["accounts"][0]["address"], Value::from(ACCOUNT));
    assert_eq!(description["accounts"][0]["secret_key"], Value::from(KEY));
    assert_eq!(description["nodes"].as_array().map(Vec::len), Some(4));

    // The market maker has put a book around the index.
    support::wait_for("quotes", Duration::from_secs(20), || {
        let book = json(&run_ok(&["query", "book", "BTC", "--json", "--rpc", &url]));
        (book["bids"].as_array()?.len() >= 3 && book["asks"].as_array()?.len() >= 3).then_some(())
    });

    let taken =
        place(&devnet, &["--market", "BTC", "--side", "buy", "--price", "125000", "--size", "0.01", "--tif", "ioc"]);
    let result = &taken["receipt"]["outcome"]["results"][0];
    assert_eq!((&result["type"], &result["filled"]), (&Value::from("accepted"), &Value::from("1000")), "{taken}");
    let resting = place(&devnet, &["--market", "ETH", "--side", "buy", "--price", "3500", "--size", "1"]);
    let order = resting["receipt"]["outcome"]["results"][0]["order"].to_string();
    let action = resting["receipt"]["action"].as_str().expect("an id").to_owned();

    let events = |more: &[&str]| {
        let mut all = vec!["query", "events", "--from", "1", "--to", "1", "--rpc", &url];
        all.extend(more);
        run_ok(&all)
    };
    let funded = events(&["--account", ACCOUNT, "--kind", "deposited"]);
    assert!(
        funded.lines().count() >= 1 && funded.lines().all(|line| json(line)["event"]["account"] == ACCOUNT),
        "{funded}"
    );
    assert_eq!(events(&["--kind", "liquidated"]), "");
    let refused = run_refused(&["query", "events", "--kind", "liquidatd", "--rpc", &url], 2);
    assert!(refused.contains("unknown variant `liquidatd`") && refused.contains("`liquidated`"), "{refused}");

    let verified = |what: &[&str]| {
        let mut all = vec!["verify"];
        all.extend(what);
        all.extend(["--genesis", &genesis, "--rpc", &url]);
        run_ok(&all)
    };
    assert!(verified(&["balance", "--account", ACCOUNT]).contains("USDC"));
    assert!(verified(&["balance", "--account", "0x00000000000000000000000000000000000000aa"]).contains("holds none"));
    assert!(verified(&["order", "--order", &order]).contains("buy 1 of 1 at 3500"));
    assert!(verified(&["receipt", "--action", &action]).contains(&action));

    devnet.process.interrupt();
    assert!(devnet.process.wait(Duration::from_secs(20)).success(), "{}", devnet.process.errors());
    continues(&folder, devnet, &order, &action);
}

/// The same folder, started again, goes on where it was.
fn continues(folder: &Folder, before: Devnet, order: &str, action: &str) {
    let (port, data) = (before.port, before.data.clone());
    fs::remove_file(folder.join("devnet.out")).expect("the first run's output");
    let process = Devnet::spawn(folder.path(), &data, port, &[]);
    let mut devnet = Devnet { process, port, data };
    devnet.wait_until_up(folder.path());
    let url = devnet.url();
    let receipt = json(&run_ok(&["query", "receipt", action, "--json", "--rpc", &url]));
    assert_eq!(receipt["receipt"]["action"], Value::from(action));
    let orders = json(&run_ok(&["query", "orders", ACCOUNT, "--json", "--rpc", &url]));
    assert_eq!(orders[0]["id"].to_string(), order);
    run_ok(&["tx", "cancel", "--market", "ETH", "--order", order, "--key", KEY, "--rpc", &url]);
    run_ok(&["tx", "transfer", "--to", OTHER_ACCOUNT, "--amount", "1.5", "--key", KEY, "--rpc", &url]);
    devnet.process.interrupt();
    assert!(devnet.process.wait(Duration::from_secs(20)).success(), "{}", devnet.process.errors());
}

#[test]
fn a_proof_is_believed_under_its_own_genesis_only() {
    let folder = Folder::new("proof");
    let devnet = Devnet::start(&folder, &["--no-market-maker"]);
    let (url, genesis) = (devnet.url(), devnet.genesis());
    let bundle = folder.join("bundle.json").to_string_lossy().into_owned();
    run_ok(&["verify", "balance", "--account", ACCOUNT, "--genesis", &genesis, "--rpc", &url, "--out", &bundle]);
    run_ok(&["verify", "--bundle", &bundle, "--genesis", &genesis]);

    let other = folder.join("other").to_string_lossy().into_owned();
    run_ok(&["init", "--data-dir", &other]);
    let foreign = format!("{other}/genesis.json");
    run_refused(&["verify", "--bundle", &bundle, "--genesis", &foreign], 3);

    let mut value = json(&fs::read_to_string(&bundle).expect("a bundle"));
    value["height"] = Value::from(value["height"].as_u64().expect("a height") + 1);
    fs::write(&bundle, value.to_string()).expect("written");
    let said = run_refused(&["verify", "--bundle", &bundle, "--genesis", &genesis], 3);
    assert!(said.contains("verification failed"), "{said}");
    fs::write(&bundle, "{}").expect("written");
    run_refused(&["verify", "--bundle", &bundle, "--genesis", &genesis], 3);
}
