#![no_main]

use libfuzzer_sys::fuzz_target;
use tagferry::layout::fuzzing;

fuzz_target!(|data: &[u8]| fuzzing::layout(data));
