//! The thin binary: hands the arguments to [`bowline::cli`], which ends the process with its exit code.

/// Templates are rendered on a thread with a deep stack, where glibc's allocator grows its heap page by page with a
/// system call each; and they allocate a lot of short texts everywhere.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    bowline::cli::main()
}
