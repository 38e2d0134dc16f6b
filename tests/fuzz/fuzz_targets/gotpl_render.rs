//! Runs the law `gotpl_render` on what the fuzzer makes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bowline_fuzz::gotpl_render(data));
