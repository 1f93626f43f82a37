//! Making it happen in one process: the producer and consumer loops, and the run around them.

pub mod abort;
