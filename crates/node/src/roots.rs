//! Merkle roots and proofs over the receipts and events of a block.
//!
//! A leaf is SHA-256 of the canonical, versioned encoding of one receipt or event; the tree is
//! `commonware_storage::bmt`, which hashes each leaf with its position and the root with the number of
//! leaves, so a proof shows the place of an item and a list cannot be cut short.

use borsh::BorshSerialize;
use commonware_cryptography::{Sha256, sha256};
use commonware_storage::bmt::{Builder, Proof, Tree};
use palisade_types::{
    codec,
    hash::{Root, sha256},
};

/// The leaf of one item.
pub fn leaf<T: BorshSerialize>(item: &T) -> sha256::Digest {
    sha256::Digest::from(sha256(&[&codec::encode(item)]))
}

fn tree<T: BorshSerialize>(items: &[T]) -> Tree<sha256::Digest> {
    let mut builder = Builder::<Sha256>::new(items.len());
    for item in items {
        builder.add(&leaf(item));
    }
    builder.build()
}

/// The root over `items`, in order.
pub fn merkle_root<T: BorshSerialize>(items: &[T]) -> Root {
    to_root(&tree(items).root())
}

/// The proof that `items[index]` is at its place; `None` if there is no such item.
pub fn merkle_proof<T: BorshSerialize>(items: &[T], index: usize) -> Option<Proof<sha256::Digest>> {
    let position = u32::try_from(index).ok()?;
    tree(items).proof(position).ok()
}

/// A root in the form of the header.
pub fn to_root(digest: &sha256::Digest) -> Root {
    let mut bytes = [0u8; 32];
    bytes.copy_from_slice(digest.as_ref());
    Root(bytes)
}

/// A header's root in the form of storage.
pub fn from_root(root: &Root) -> sha256::Digest {
    sha256::Digest::from(root.0)
}
