//! Parse, dispatch, print one error chain, exit code.

use std::process::ExitCode;

/// Serves librdkafka's C code as well as ours: a message is allocated in one thread and freed in another, which glibc's arenas do dearly.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    highwater::command::main()
}
