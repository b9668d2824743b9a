//! Validators as processes of their own, as operators run them.

#![allow(dead_code, reason = "each test file uses the part of this module that it needs")]

use crate::support::{Folder, Process, Remote, free_base_port, run_ok, url, wait_for};
use serde_json::Value;
use std::{fs, time::Duration};

pub const SEATS: u16 = 4;

/// A committee of four, of which some run.
pub struct Cluster {
    pub data: String,
    pub port: u16,
    pub nodes: Vec<Process>,
}

impl Cluster {
    /// Writes a chain whose genesis `change` has changed, and starts the first `running` of its four validators.
    pub fn start(folder: &Folder, running: u16, change: impl FnOnce(&mut Value)) -> Self {
        let port = free_base_port();
        let data = folder.join("chain").to_string_lossy().into_owned();
        run_ok(&["init", "--data-dir", &data, "--base-port", &port.to_string()]);
        let path = format!("{data}/genesis.json");
        let mut genesis = serde_json::from_slice(&fs::read(&path).expect("a genesis")).expect("JSON");
        change(&mut genesis);
        let text = serde_json::to_string_pretty(&genesis).expect("JSON");
        fs::write(path, &text).expect("written");
        for seat in 0..SEATS {
            fs::write(format!("{data}/node-{seat}/genesis.json"), &text).expect("written");
        }
        let mut cluster = Self { data, port, nodes: Vec::new() };
        cluster.nodes = (0..running).map(|seat| cluster.node(folder, seat)).collect();
        for seat in 0..running {
            let remote = Remote::new(&cluster.url(seat));
            wait_for("the first blocks", Duration::from_secs(60), || remote.height().filter(|height| *height > 0));
        }
        cluster
    }

    /// Starts a validator.
    pub fn node(&self, folder: &Folder, seat: u16) -> Process {
        let path = format!("{}/node-{seat}", self.data);
        Process::start(folder.path(), &format!("node-{seat}"), &["node", "--data-dir", &path])
    }

    /// The file that the chain starts from.
    pub fn genesis(&self) -> String {
        format!("{}/genesis.json", self.data)
    }

    /// Where a validator serves clients.
    pub fn url(&self, seat: u16) -> String {
        url(self.port + 300 + seat)
    }

    /// Where a validator listens for others.
    pub fn peer_port(&self, seat: u16) -> u16 {
        self.port + 100 + seat
    }
}
