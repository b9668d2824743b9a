//! Threads of strangers who do the same thing again and again until they are told to stop, and their raw connections.

#![allow(dead_code, reason = "each test file uses the part of this module that it needs")]

use crate::support::wait_for;
use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

pub struct Strangers {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Strangers {
    /// Each thread calls `work` until it is told to stop; `work` says how much it did.
    pub fn start<S: Send + 'static>(
        threads: usize,
        begin: impl Fn(usize) -> S,
        work: impl Fn(&mut S) -> usize + Send + Clone + 'static,
    ) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let threads = (0..threads)
            .map(|number| {
                let (stop, done, mut state) = (Arc::clone(&stop), Arc::clone(&done), begin(number));
                let work = work.clone();
                thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        done.fetch_add(work(&mut state), Ordering::Relaxed);
                    }
                })
            })
            .collect();
        Self { stop, done, threads }
    }

    pub fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    pub fn wait_until(&self, what: &str, count: usize) {
        wait_for(what, Duration::from_secs(120), || (self.done() >= count).then_some(()));
    }

    /// Tells them to stop, and waits for it; how much they did.
    pub fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("a stranger does not panic"));
        self.done.load(Ordering::Relaxed)
    }
}

pub fn connect(port: u16) -> Option<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(200))).ok()?;
    stream.set_write_timeout(Some(Duration::from_millis(200))).ok()?;
    Some(stream)
}

/// A WebSocket, if the gateway gives one.
pub fn websocket(port: u16) -> Option<TcpStream> {
    let mut stream = connect(port)?;
    stream
        .write_all(
            b"GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
              sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        )
        .ok()?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).ok()?;
    (&answer[9..] == b"101").then_some(stream)
}

/// A text frame of a client; its mask is zero.
pub fn frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("short");
    let mut frame = vec![0x81, 0xfe];
    frame.extend(length.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}
