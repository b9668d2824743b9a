//! Why a bundle proves nothing: one variant per check, with what was expected and what was found.

use palisade_types::{
    address::Ed25519Key,
    codec::DecodeError,
    hash::{ActionId, BlockDigest, GenesisHash, Root},
    ids::{Height, OrderId, SeatId},
    state_key::{BalanceId, RecordError},
};

/// A part of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Part {
    /// One of `headers`.
    #[error("header {index}")]
    Header {
        /// Which, from 0.
        index: usize,
    },
    /// `certificate`.
    #[error("the certificate")]
    Certificate,
    /// `value`.
    #[error("the value")]
    Value,
    /// `proof`.
    #[error("the proof")]
    Proof,
}

/// Why a bundle was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A vote key of the genesis is not a point on the curve.
    #[error("genesis: the vote key {key} of seat {seat} is not an Ed25519 public key")]
    GenesisVoteKey {
        /// The seat.
        seat: SeatId,
        /// Its key.
        key: Ed25519Key,
    },
    /// Two seats of the genesis have one vote key.
    #[error("genesis: seat {seat} has the vote key {key} of an earlier seat")]
    GenesisDuplicateVoteKey {
        /// The later seat.
        seat: SeatId,
        /// The key.
        key: Ed25519Key,
    },
    /// The genesis has no seats, so nothing can be certified.
    #[error("genesis: no seats")]
    GenesisWithoutSeats,
    /// Text that is not lower-case hexadecimal behind `0x`.
    #[error("{part} is not lower-case hexadecimal behind 0x")]
    NotHex {
        /// Where.
        part: Part,
    },
    /// More bytes than the part may have.
    #[error("{part} has {found_bytes} bytes, more than {limit_bytes}")]
    TooLarge {
        /// Which.
        part: Part,
        /// Its length.
        found_bytes: usize,
        /// What is allowed.
        limit_bytes: usize,
    },
    /// Bytes that decode to nothing.
    #[error("{part} is undecodable: {reason}")]
    Undecodable {
        /// Which.
        part: Part,
        /// What the decoder said.
        reason: String,
    },
    /// Bytes that decode, but are not the one encoding of what they decode to.
    #[error("{part} is not canonically encoded")]
    NotCanonical {
        /// Which.
        part: Part,
    },
    /// No headers or too many.
    #[error("{found} headers, expected 1 to {limit}")]
    HeaderCount {
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A header of another chain.
    #[error("header {height} is of chain {found}, the genesis of chain {expected}")]
    WrongChain {
        /// Where.
        height: Height,
        /// The genesis' chain.
        expected: u64,
        /// The header's.
        found: u64,
    },
    /// Block 1 names another genesis, or another block names one at all.
    #[error("header {height} names genesis {found}, expected {expected}")]
    WrongGenesis {
        /// Where.
        height: Height,
        /// What it must name.
        expected: GenesisHash,
        /// What it names.
        found: GenesisHash,
    },
    /// The first header is not of the height that the bundle speaks of.
    #[error("the bundle is about height {stated}, its first header is of height {found}")]
    WrongHeight {
        /// The bundle's height.
        stated: Height,
        /// The first header's.
        found: Height,
    },
    /// Heights do not follow one another.
    #[error("header {found} follows header {previous}")]
    HeightGap {
        /// The earlier header.
        previous: Height,
        /// The one after it.
        found: Height,
    },
    /// A header is not the parent of the next one.
    #[error("header {height} has parent {found}, the header before it is {expected}")]
    BrokenChain {
        /// The later header.
        height: Height,
        /// The digest of the earlier one.
        expected: BlockDigest,
        /// The parent that the later one names.
        found: BlockDigest,
    },
    /// A header's parent and that of its consensus context differ.
    #[error("header {height} has parent {header}, but {context} in its consensus context")]
    ContextParent {
        /// Where.
        height: Height,
        /// The header's parent.
        header: BlockDigest,
        /// Its context's.
        context: BlockDigest,
    },
    /// Block time does not advance.
    #[error("header {height} is at {found_ms} ms, its parent at {parent_ms} ms")]
    TimeBackwards {
        /// The later header.
        height: Height,
        /// The time of the earlier one.
        parent_ms: u64,
        /// The time of the later one.
        found_ms: u64,
    },
    /// A header of an epoch whose committee the genesis does not name.
    #[error("header {height} is of epoch {found}, the committee of the genesis is that of epoch {expected}")]
    WrongEpoch {
        /// Where.
        height: Height,
        /// The epoch of the committee.
        expected: u64,
        /// The header's.
        found: u64,
    },
    /// The certificate is for another block.
    #[error("the certificate is for block {found}, the last header is {expected}")]
    CertificateForAnotherBlock {
        /// The last header's digest.
        expected: BlockDigest,
        /// What was certified.
        found: BlockDigest,
    },
    /// The certificate is of another epoch than the block.
    #[error("the certificate is of epoch {found}, the block of epoch {expected}")]
    CertificateEpoch {
        /// The last header's epoch.
        expected: u64,
        /// The certificate's.
        found: u64,
    },
    /// The certificate is of another view than the block was proposed in.
    #[error("the certificate is of view {found}, the block of view {expected}")]
    CertificateView {
        /// The last header's view.
        expected: u64,
        /// The certificate's.
        found: u64,
    },
    /// The certificate names another parent view than the block.
    #[error("the certificate has parent view {found}, the block {expected}")]
    CertificateParentView {
        /// The last header's parent view.
        expected: u64,
        /// The certificate's.
        found: u64,
    },
    /// The certificate is about a committee of another size.
    #[error("the certificate is of a committee of {found}, the genesis has {expected} seats")]
    CommitteeSize {
        /// Seats in the genesis.
        expected: usize,
        /// Seats in the certificate.
        found: usize,
    },
    /// Too few signed.
    #[error("{found} seats signed, {required} of {seats} must")]
    NoQuorum {
        /// Signatures.
        found: usize,
        /// Signatures needed.
        required: usize,
        /// Seats in all.
        seats: usize,
    },
    /// A signature that its seat did not make over this certificate under this genesis.
    #[error("the signature in the place of vote key {key} does not verify under this genesis")]
    BadSignature {
        /// The key in whose place the signature stands.
        key: Ed25519Key,
    },
    /// The request cannot be answered with an absence.
    #[error("a receipt must be shown: its absence cannot be proven")]
    ReceiptMissing,
    /// The value is not a record of the kind asked for.
    #[error("the value is no record of the kind asked for: {error}")]
    WrongRecord {
        /// What is wrong with it.
        error: RecordError,
    },
    /// The value is a balance of someone or something else.
    #[error("asked for balance {expected:?}, the value is balance {found:?}")]
    WrongBalance {
        /// Asked for.
        expected: BalanceId,
        /// Shown.
        found: BalanceId,
    },
    /// The value is another order.
    #[error("asked for order {expected}, the value is order {found}")]
    WrongOrder {
        /// Asked for.
        expected: OrderId,
        /// Shown.
        found: OrderId,
    },
    /// The value is the receipt of another action.
    #[error("asked for the receipt of {expected}, the value is the receipt of {found}")]
    WrongReceipt {
        /// Asked for.
        expected: ActionId,
        /// Shown.
        found: ActionId,
    },
    /// The value is not a receipt.
    #[error("the value is no receipt: {error}")]
    NoReceipt {
        /// What is wrong with it.
        error: DecodeError,
    },
    /// The proof does not lead from the value to the state root.
    #[error("the state proof does not show this value under state root {root} of block {height}")]
    NotInState {
        /// The block.
        height: Height,
        /// Its state root.
        root: Root,
    },
    /// The proof does not show that the key is absent.
    #[error("the state proof does not show an absence under state root {root} of block {height}")]
    NotAbsentFromState {
        /// The block.
        height: Height,
        /// Its state root.
        root: Root,
    },
    /// The proof does not lead from the receipt to the receipts root.
    #[error("the proof does not show this receipt at place {index} under receipts root {root} of block {height}")]
    NotInReceipts {
        /// The block.
        height: Height,
        /// The place that the proof speaks of.
        index: u32,
        /// Its receipts root.
        root: Root,
    },
}
