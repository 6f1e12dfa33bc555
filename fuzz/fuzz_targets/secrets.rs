#![no_main]

use libfuzzer_sys::fuzz_target;
use tagferry::config::fuzzing;

fuzz_target!(|data: &[u8]| fuzzing::secrets(data));
