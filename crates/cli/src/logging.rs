//! Where logs and panics go.
//!
//! Logs are for operators: standard error of `palisade node`, a file of `palisade devnet`, filtered by `PALISADE_LOG`
//! (`info`, `palisade_node=debug,warn`, …). A panic is logged like anything else and kept, so that the command that ends
//! because of it can say why in its one line.

use anyhow::{Context as _, Result};
use std::{
    fs::OpenOptions,
    panic::{self, PanicHookInfo},
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};
use tracing::Metadata;
use tracing_subscriber::{EnvFilter, fmt::writer::MakeWriterExt as _};

/// The environment variable with the filter.
const FILTER_VARIABLE: &str = "PALISADE_LOG";
/// What is logged unless the variable says otherwise.
const FILTER_DEFAULT: &str = "info,commonware_p2p=warn,commonware_consensus=warn,commonware_runtime=warn,\
                              commonware_resolver=warn,commonware_storage=warn,commonware_broadcast=warn,\
                              commonware_glue=warn,commonware_actor=warn,commonware_stream=warn";

/// Begins the targets of the consensus library.
const LIBRARY: &str = "commonware";

static FIRST_PANIC: OnceLock<String> = OnceLock::new();
static ENDING: AtomicBool = AtomicBool::new(false);

/// Logs to standard error.
pub fn to_stderr() {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter())
        .with_writer(std::io::stderr.with_filter(is_news))
        .with_ansi(false);
    // A second call in one process keeps the first subscriber.
    let _ = subscriber.try_init();
    keep_panics();
}

/// Logs to the end of a file.
pub fn to_file(path: &Path) -> Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    let file = Arc::new(file.with_context(|| format!("cannot write the log {}", path.display()))?);
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter()).with_writer(file.with_filter(is_news)).with_ansi(false);
    let _ = subscriber.try_init();
    keep_panics();
    Ok(())
}

/// From here on the consensus library is not heard: a node ends abruptly by design, and its parts complain of each
/// other's absence as if it were an error.
pub fn ending() {
    ENDING.store(true, Ordering::Relaxed);
}

fn is_news(metadata: &Metadata<'_>) -> bool {
    !(metadata.target().starts_with(LIBRARY) && ENDING.load(Ordering::Relaxed))
}

/// What the first panic of the process said.
pub fn first_panic() -> Option<&'static str> {
    FIRST_PANIC.get().map(String::as_str)
}

fn filter() -> EnvFilter {
    EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new(FILTER_DEFAULT))
}

fn keep_panics() {
    panic::set_hook(Box::new(|info| {
        let text = describe(info);
        tracing::error!(panic = %text, "a thread panicked");
        let _ = FIRST_PANIC.set(text);
    }));
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".into());
    match info.location() {
        Some(place) => format!("{message} ({}:{})", place.file(), place.line()),
        None => message,
    }
}
