//! palisade-node
