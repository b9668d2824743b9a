//! The sending end of a seat: what an honest seat's node says goes out as it is, what a liar's node says goes through
//! the [`Liar`](crate::liar::Liar).

use crate::liar::{Carries, Said, SharedLiar};
use commonware_actor::{Feedback, Unreliable};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{CheckedSender, LimitedSender, Recipients, simulated};
use commonware_runtime::{IoBufs, deterministic::Context};
use std::time::SystemTime;

type Inner = simulated::Sender<PublicKey, Context>;

/// A sending end.
#[derive(Clone)]
pub struct Mouth {
    inner: Inner,
    liar: Option<Lips>,
}

/// What a sending end of a liar has besides.
#[derive(Clone)]
pub struct Lips {
    /// What this end carries.
    pub carries: Carries,
    /// The end for votes: a block can set a vote free.
    pub votes: Inner,
    /// Who decides what is said.
    pub liar: SharedLiar,
}

impl Mouth {
    /// The sending end `inner`, of a liar if there is one.
    pub const fn new(inner: Inner, liar: Option<Lips>) -> Self {
        Self { inner, liar }
    }
}

/// A message on its way to recipients that may be told something now.
pub enum Speech<'a> {
    /// It goes out as it is.
    Honest(<Inner as LimitedSender>::Checked<'a>),
    /// It goes through the liar.
    Lying(Box<Lying>),
}

/// A message, before the liar has had it.
pub struct Lying {
    sender: Inner,
    to: Vec<PublicKey>,
    lips: Lips,
}

impl LimitedSender for Mouth {
    type PublicKey = PublicKey;
    type Checked<'a> = Speech<'a>;

    fn check(&mut self, recipients: Recipients<PublicKey>) -> Result<Speech<'_>, SystemTime> {
        let Some(lips) = self.liar.clone() else { return self.inner.check(recipients).map(Speech::Honest) };
        let to = self.inner.check(recipients)?.recipients();
        Ok(Speech::Lying(Box::new(Lying { sender: self.inner.clone(), to, lips })))
    }
}

impl CheckedSender for Speech<'_> {
    type PublicKey = PublicKey;

    fn recipients(&self) -> Vec<PublicKey> {
        match self {
            Self::Honest(checked) => checked.recipients(),
            Self::Lying(lying) => lying.to.clone(),
        }
    }

    fn send(self, message: impl Into<IoBufs> + Send, priority: bool) -> Unreliable<Feedback> {
        match self {
            Self::Honest(checked) => checked.send(message, priority),
            Self::Lying(lying) => {
                let Lying { mut sender, to, lips } = *lying;
                let Lips { carries, mut votes, liar } = lips;
                let message = message.into().coalesce();
                let said = liar.lock().say(carries, to, bytes::Bytes::copy_from_slice(message.as_ref()));
                for Said { carries, to, message } in said {
                    let end = if carries == Carries::Votes { &mut votes } else { &mut sender };
                    // A recipient beyond its rate misses the lie.
                    if let Ok(checked) = end.check(Recipients::Some(to)) {
                        let _ = checked.send(message, priority);
                    }
                }
                Unreliable::new(Feedback::Ok)
            }
        }
    }
}
