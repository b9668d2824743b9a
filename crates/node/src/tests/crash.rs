//! Nodes that end at any moment and come back.
