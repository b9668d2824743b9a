//! What the machine itself needs: a message over loopback, a write that is safe on the disk, reading files.

#![allow(dead_code, reason = "each benchmark uses the part of this module that it needs")]

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

const ROUNDS: usize = 500;
/// About what a vote takes on the wire, certificate and framing included.
const MESSAGE_BYTES: usize = 256;
/// One page of the file system.
const PAGE_BYTES: usize = 4_096;

fn median_ms(mut samples: Vec<Duration>) -> f64 {
    samples.sort_unstable();
    samples[samples.len() / 2].as_secs_f64() * 1_000.0
}

/// The median time of a message from one thread to another over TCP on loopback: half of a round trip.
pub fn message_delay_ms() -> f64 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let echo = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.set_nodelay(true).expect("a TCP socket");
        let mut message = [0u8; MESSAGE_BYTES];
        while stream.read_exact(&mut message).is_ok() {
            stream.write_all(&message).expect("the other end reads");
        }
    });
    let mut stream = TcpStream::connect(address).expect("the listener is there");
    stream.set_nodelay(true).expect("a TCP socket");
    let mut message = [1u8; MESSAGE_BYTES];
    let mut samples = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        stream.write_all(&message).expect("the other end reads");
        stream.read_exact(&mut message).expect("the other end answers");
        samples.push(start.elapsed() / 2);
    }
    drop(stream);
    echo.join().expect("the echo ends with its stream");
    median_ms(samples)
}

/// The median time of appending a page to a file in `folder` and waiting until it is on the disk.
pub fn fsync_ms(folder: &Path) -> f64 {
    let path = folder.join("fsync");
    let mut file = File::create(&path).expect("a writable folder");
    let page = [7u8; PAGE_BYTES];
    let mut samples = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        file.write_all(&page).expect("room on the disk");
        file.sync_all().expect("a disk that syncs");
        samples.push(start.elapsed());
    }
    let _ = fs::remove_file(path);
    median_ms(samples)
}

/// Reads every file below `folder` once: how many bytes they hold.
pub fn read_all(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("a readable folder");
    let read = |path: &Path| fs::read(path).expect("a readable file").len() as u64;
    let paths = entries.map(|entry| entry.expect("a readable entry").path());
    paths.map(|path| if path.is_dir() { read_all(&path) } else { read(&path) }).sum()
}

/// Writes the figures into the file named on the command line. Run without one, as a test run does, it only measures.
pub fn write(figures: &serde_json::Value) {
    if let Some(file) = std::env::args().nth(1).filter(|argument| !argument.starts_with('-')) {
        fs::write(&file, figures.to_string()).expect("the file can be written");
    }
}
