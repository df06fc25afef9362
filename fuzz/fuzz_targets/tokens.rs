#![no_main]

// The oracle takes seconds to load, which are no input's.
libfuzzer_sys::fuzz_target!(
    init: weir_laws::tokens(b""),
    |bytes: &[u8]| weir_laws::tokens(bytes)
);
