#![no_main]

use libfuzzer_sys::fuzz_target;
use tagferry::select::fuzzing;

fuzz_target!(|data: &[u8]| fuzzing::version(data));
