#![no_main]

use libfuzzer_sys::fuzz_target;
use tagferry::registry::fuzzing;

fuzz_target!(|data: &[u8]| fuzzing::tags(data));
