//! palisade-agents
