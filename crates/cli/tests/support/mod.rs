//! Real processes of the binary that was just built, on ports and folders of their own, ended when a test ends.

#![allow(dead_code, reason = "each test file uses the part of this module that it needs")]
#![allow(clippy::print_stderr, reason = "tests say what they did")]

use palisade_client::{api::NodeApi, rpc::RpcClient};
use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

/// The first funded account of a devnet.
pub const ACCOUNT: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
/// The second funded account of a devnet.
pub const OTHER_ACCOUNT: &str = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
/// The key of [`ACCOUNT`].
pub const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// A folder of a test's own, removed afterwards unless the test failed.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        Self::below(&std::env::temp_dir(), name)
    }

    /// One that lies where its caller says: benchmarks want the disk of the build, not one in memory.
    pub fn below(parent: &Path, name: &str) -> Self {
        let path = parent.join(format!("palisade-test-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept for inspection: {}", self.0.display());
        } else {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// A base port of which it, +100… and +300… are free, below the range that the system hands out.
pub fn free_base_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 18_000).expect("small");
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let base = 12_000 + (start + step * 10) % 18_000;
        let needed = std::iter::once(base).chain(base + 100..base + 104).chain(base + 300..base + 304);
        if needed.into_iter().all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()) {
            return base;
        }
    }
}

pub fn url(port: u16) -> String {
    format!("http://{}", SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// The binary, with an environment that no developer's shell can change.
pub fn palisade() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.env_remove("PALISADE_KEY").env_remove("PALISADE_RPC").env_remove("PALISADE_LOG").stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub fn run(arguments: &[&str]) -> Output {
    palisade().args(arguments).output().expect("the binary runs")
}

/// Runs a command that must succeed; its standard output.
pub fn run_ok(arguments: &[&str]) -> String {
    let output = run(arguments);
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "palisade {arguments:?}: {}\n{out}\n{error}", output.status);
    out
}

/// Runs a command that must fail with `code` and one line on standard error; that line.
pub fn run_refused(arguments: &[&str], code: i32) -> String {
    one_line(arguments, &run(arguments), code)
}

/// Asserts that `output` is a failure with `code` and one line on standard error; that line.
pub fn one_line(arguments: &[&str], output: &Output, code: i32) -> String {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "palisade {arguments:?}: {error}");
    let lines: Vec<&str> = error.lines().filter(|line| line.starts_with("palisade: ")).collect();
    assert_eq!(lines.len(), 1, "palisade {arguments:?} must say why in one line: {error}");
    lines[0].to_owned()
}

/// Says what must be seen though the test passes: past the harness, which shows the words of failed tests only.
pub fn loud(words: &str) {
    let _ = writeln!(std::io::stderr(), "\n{words}");
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A process that is killed when the test forgets it.
pub struct Process {
    child: Child,
    error: PathBuf,
}

impl Process {
    /// Starts it; its outputs go to files named after `name` in `folder`.
    pub fn start(folder: &Path, name: &str, arguments: &[&str]) -> Self {
        let file = |suffix: &str| {
            let path = folder.join(format!("{name}.{suffix}"));
            (File::options().create(true).append(true).open(&path).expect("a log"), path)
        };
        let ((out, _), (error_file, error)) = (file("out"), file("err"));
        let child = palisade().args(arguments).stdout(out).stderr(error_file).spawn().expect("the binary starts");
        Self { child, error }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// As `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("a running process");
        self.child.wait().expect("it has ended");
    }

    /// As Ctrl-C.
    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    /// As a service manager does.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success(), "the process is gone: {}", self.errors());
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    pub fn errors(&self) -> String {
        let mut text = String::new();
        File::open(&self.error).and_then(|mut file| file.read_to_string(&mut text)).expect("its standard error");
        text
    }

    /// How it ended, within `limit`.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let started = Instant::now();
        while started.elapsed() < limit {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("still running after {limit:?}: {}", self.errors());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `condition` gives something.
pub fn wait_for<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    while started.elapsed() < limit {
        if let Some(found) = condition() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{what}: not within {limit:?}");
}

/// A node as seen over the network.
pub struct Remote {
    pub api: RpcClient,
    runtime: tokio::runtime::Runtime,
}

impl Remote {
    pub fn new(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { api: RpcClient::new(url).expect("an address"), runtime }
    }

    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The newest final height, if the node answers.
    pub fn height(&self) -> Option<u64> {
        self.block_on(self.api.status()).ok().map(|status| status.height.get())
    }

    /// The digest of a final block, if the node has it.
    pub fn digest(&self, height: u64) -> Option<String> {
        let block = self.block_on(self.api.block(palisade_types::ids::Height::new(height), 0));
        block.ok().map(|block| block.digest.to_string())
    }
}

/// A running devnet.
pub struct Devnet {
    pub process: Process,
    pub port: u16,
    pub data: PathBuf,
}

impl Devnet {
    /// Starts one in `folder` and waits until it says that it is up.
    pub fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let port = free_base_port();
        let data = folder.join("devnet");
        let started = Instant::now();
        let process = Self::spawn(folder.path(), &data, port, arguments);
        let mut devnet = Self { process, port, data };
        devnet.wait_until_up(folder.path());
        eprintln!("devnet up after {:?}", started.elapsed());
        devnet
    }

    pub fn spawn(folder: &Path, data: &Path, port: u16, arguments: &[&str]) -> Process {
        let (data, port) = (data.to_string_lossy().into_owned(), port.to_string());
        let mut all = vec!["devnet", "--data-dir", &data, "--port", &port];
        all.extend(arguments);
        Process::start(folder, "devnet", &all)
    }

    pub fn wait_until_up(&mut self, folder: &Path) {
        let out = folder.join("devnet.out");
        wait_for("the devnet's endpoints", Duration::from_secs(60), || {
            assert!(self.process.is_running(), "the devnet ended: {}", self.process.errors());
            fs::read_to_string(&out).ok().filter(|text| text.contains("funded accounts"))
        });
    }

    pub fn url(&self) -> String {
        url(self.port)
    }

    pub fn genesis(&self) -> String {
        self.data.join("genesis.json").to_string_lossy().into_owned()
    }

    pub fn description(&self) -> serde_json::Value {
        let text = fs::read(self.data.join("devnet.json")).expect("devnet.json");
        serde_json::from_slice(&text).expect("JSON")
    }
}
