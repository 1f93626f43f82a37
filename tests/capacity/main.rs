//! The search for capacity against systems whose capacity is known: simulated ones in virtual time by the hundred.

mod simulated;
mod systems;
