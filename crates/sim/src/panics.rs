//! What panicked on this thread. A node stops by panicking when its disk fails; the runtime catches it, and the
//! report of a run needs the words.

use std::{
    cell::RefCell,
    panic::{self, PanicHookInfo},
    sync::Once,
};

/// Most messages that are kept: a run that panics more often has said enough.
const MESSAGES_MAX: usize = 256;

thread_local! {
    static MESSAGES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn record(info: &PanicHookInfo<'_>) {
    let place =
        info.location().map_or_else(String::new, |place| format!("{}:{}", base_name(place.file()), place.line()));
    let payload = info.payload_as_str().unwrap_or("a panic without words");
    MESSAGES.with_borrow_mut(|messages| {
        if messages.len() < MESSAGES_MAX {
            messages.push(format!("{payload} ({place})"));
        }
    });
}

/// The last part of a path: where a registry lies on this machine is of no interest.
fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// From now on threads called `seeds` keep their panics instead of printing them.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if std::thread::current().name() == Some(THREAD_NAME) { record(info) } else { before(info) }
        }));
    });
}

/// The name of threads whose panics are kept.
pub const THREAD_NAME: &str = "seeds";

/// What panicked since the last call.
pub fn take() -> Vec<String> {
    MESSAGES.with_borrow_mut(std::mem::take)
}
