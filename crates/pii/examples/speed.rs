//! How fast texts are scanned, in MB/s: sparse prose, dense chat, and texts made of nothing but
//! triggers at n and n/8, where a large difference shows growth that is not linear.
//!
//! `cargo run --release -p weir-pii --example speed [FILE…]`; the files are more texts. The same
//! program runs in V8, built for wasm32-wasip1.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for a terminal measures time and prints it"
)]

use std::time::Instant;

use weir_pii::{Finding, Scanner, Settings, detectors};

fn main() {
    let started = Instant::now();
    let Ok(scanner) = Scanner::new(&Settings::default()) else {
        return;
    };
    println!(
        "compiled in {:.1} ms, {} bytes of tables",
        started.elapsed().as_secs_f64() * 1e3,
        scanner.table_bytes()
    );
    #[cfg(target_arch = "wasm32")]
    println!("{} KiB of memory", core::arch::wasm32::memory_size(0) * 64);
    println!("{:28} {:>7} {:>9}", "MB/s", "n", "n/8");
    let mut random = Random(42);
    report(&scanner, "sparse prose", &prose(&mut random, 0));
    report(&scanner, "dense chat", &prose(&mut random, 4));
    report(&scanner, "very dense", &prose(&mut random, 1));
    for path in std::env::args().skip(1) {
        match std::fs::read(&path) {
            Ok(bytes) => report(&scanner, &path, &String::from_utf8_lossy(&bytes)),
            Err(error) => println!("{path}: {error}"),
        }
    }
    for unit in HOSTILE {
        report(&scanner, unit, &unit.repeat((1 << 20) / unit.len()));
    }
    for detector in detectors() {
        let unit = format!("{} ", detector.example());
        let text = unit.repeat((1 << 18) / unit.len());
        let speed = speed(&scanner, &text);
        if speed < 10.0 {
            println!("{:28} {speed:7.1}   repeated example", detector.name);
        }
    }
}

fn report(scanner: &Scanner, name: &str, text: &str) {
    let mut eighth = text.len() / 8;
    while !text.is_char_boundary(eighth) {
        eighth -= 1;
    }
    let part = text.get(..eighth).unwrap_or_default();
    let mut found = Vec::new();
    scanner.scan(text, None, &mut found);
    println!(
        "{:28} {:7.1} {:9.1}   {} found",
        name.escape_debug().to_string(),
        speed(scanner, text),
        speed(scanner, part),
        found.len()
    );
}

/// The best round: others work on the machine, too.
fn speed(scanner: &Scanner, text: &str) -> f64 {
    let mut best = f64::MAX;
    let mut found: Vec<Finding> = Vec::new();
    for _ in 0..5 {
        found.clear();
        let started = Instant::now();
        scanner.scan(std::hint::black_box(text), None, &mut found);
        std::hint::black_box(&found);
        best = best.min(started.elapsed().as_secs_f64());
    }
    text.len() as f64 / 1e6 / best
}

const HOSTILE: &[&str] = &[
    "@",
    "a@",
    "a@b.",
    "@a.b",
    "a@b.co ",
    "sk-",
    "sk-ant-",
    "0",
    "1 ",
    "1",
    "12 ",
    "123 ",
    "123-",
    "1234 ",
    "123456789 ",
    "1.",
    "1.2.3.4 ",
    "1:",
    "a:1",
    "::",
    "4111 ",
    "4111111111111111 ",
    "5105105105105100 ",
    "+1 ",
    "+49 30 ",
    "(212) ",
    "212-555-",
    "212-555-0187 ",
    "password=",
    "password=a1 ",
    "password: ",
    "password is ",
    "password ",
    "token ",
    "token=",
    "secret: \"",
    "eyJ",
    "eyJ.",
    "eyJhbGciOiJIUzI1NiJ9.",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "://",
    "a://",
    "a://b:c@",
    "https://x:",
    "[at]",
    " dot ",
    "a at b dot ",
    "%40",
    ":AA",
    "12345678:AA",
    "passport ",
    "passport: 1",
    "born ",
    "born 1 ",
    "account ",
    "account no ",
    "ssn ",
    "ssn 219-45-6781 ",
    "ssn 1",
    "order 1",
    "DE89 ",
    "DE89370400440532013000 ",
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb ",
    "0x",
    "bc1",
    "bc1q",
    "bearer ",
    "bearer a1",
    "basic ",
    "\u{200b}",
    "４",
    "电话1",
    "é@",
    "电",
    "a1",
    "A1 ",
    "ab-12-",
    "\"",
    "'",
    "\\n",
    "key-",
    "pat",
    "1//0",
    "sig=",
    "8Q~",
    "Mr. ",
    "AKIA",
    "password password",
    "id 1 no 2 ",
    "a,b\n",
    "ssn,token\n",
    "ssn|dob\n1|2\n\n",
    ",\n",
];

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ z >> 31) % (bound as u64)).unwrap_or(0)
    }
}

/// Sentences drawn from words, 2 MiB of them; every so many sentences one with a value, never
/// with none.
fn prose(random: &mut Random, every: usize) -> String {
    let words: Vec<&str> = WORDS.split(' ').collect();
    let examples: Vec<String> = detectors().map(|detector| detector.example()).collect();
    let mut text = String::new();
    while text.len() < 2 << 20 {
        for _ in 0..4 + random.below(14) {
            text.push_str(
                words
                    .get(random.below(words.len()))
                    .copied()
                    .unwrap_or_default(),
            );
            text.push(' ');
        }
        if random.below(12) == 0 {
            text.push_str(&format!("in {} ", 1990 + random.below(40)));
        }
        if every > 0 && random.below(every) == 0 {
            text.push_str(
                examples
                    .get(random.below(examples.len()))
                    .map_or("", String::as_str),
            );
        }
        text.push_str(".\n");
    }
    text
}

const WORDS: &str = "the of and to in is that it was for on are as with they be at one have this from or had by hot but some what there we can out other were all your when up use word how said an each she which do their time if will way about many then them would write like so these her long make thing see him two has look more day could go come did my sound no most number who over know water than call first people may down side been now find any new work part take get place made live where after back little only round man year came show every good me give our under name very through just form much great think say help low line before turn cause same mean differ move right boy old too does tell sentence set three want air well also play small end put home read hand port large spell add even land here must big high such follow act why ask men change went light kind off need house picture try us again animal point mother world near build self earth father account order token password phone";
