#![no_main]

use libfuzzer_sys::fuzz_target;
use tagferry::redact::fuzzing;

fuzz_target!(|data: &[u8]| fuzzing::redact(data));
