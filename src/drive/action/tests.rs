//! Commands that misbehave, and pauses.
