//! How fast texts are counted, in MB/s: varied text, then 8 MiB of every hostile run we know.
//!
//! `cargo run --release -p weir-tokens --example speed [FILE…]`; the files are more varied text.
//! The same program runs in V8, built for wasm32-wasip1.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    reason = "a program for a terminal measures time and prints it"
)]

use std::time::Instant;

use weir_tokens::Encoding;

const ENCODINGS: [Encoding; 2] = [Encoding::O200k, Encoding::Cl100k];

fn main() {
    for encoding in ENCODINGS {
        println!("{encoding:?}: {} bytes of tables", encoding.table_bytes());
    }
    println!(
        "{:32} {:>14} {:>14}   (n and n/8)",
        "MB/s", "O200k", "Cl100k"
    );
    for (name, text) in varied() {
        report(&name, &text, 16 << 20);
    }
    for path in std::env::args().skip(1) {
        match std::fs::read(&path) {
            Ok(bytes) => report(&path, &String::from_utf8_lossy(&bytes), 16 << 20),
            Err(error) => println!("{path}: {error}"),
        }
    }
    for (name, unit) in HOSTILE {
        report(name, &unit.repeat((8 << 20) / unit.len()), 8 << 20);
    }
    for (name, from, to) in NOISE {
        report(name, &noise(*from, *to, 8 << 20), 8 << 20);
    }
}

/// Counts the text, often enough to see at least `volume` bytes, and an eighth of it.
fn report(name: &str, text: &str, volume: usize) {
    let eighth = boundary(text, text.len() / 8);
    let eighth = text.get(..eighth).unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    print!("{name:32}");
    for encoding in ENCODINGS {
        let (all, part) = (
            speed(encoding, text, volume),
            speed(encoding, eighth, volume / 4),
        );
        print!("  {all:6.1} ({part:6.1})");
    }
    let tokens = Encoding::O200k.count(text);
    println!(
        "  {:.2} bytes per o200k token",
        text.len() as f64 / tokens as f64
    );
}

/// The best round: others work on the machine, too.
fn speed(encoding: Encoding, text: &str, volume: usize) -> f64 {
    let rounds = volume.div_ceil(text.len().max(1)).max(3);
    let mut best = f64::MAX;
    for _ in 0..rounds {
        let started = Instant::now();
        std::hint::black_box(encoding.count(std::hint::black_box(text)));
        best = best.min(started.elapsed().as_secs_f64());
    }
    text.len() as f64 / 1e6 / best
}

const HOSTILE: &[(&str, &str)] = &[
    ("one letter", "a"),
    ("one capital", "A"),
    ("spaces", " "),
    ("line ends", "\n"),
    ("tabs", "\t"),
    ("no-break spaces", "\u{a0}"),
    ("zeros", "0"),
    ("dashes", "-"),
    ("slashes", "/"),
    ("quotes", "'"),
    ("one combining mark", "\u{301}"),
    ("mark and capital", "\u{301}A"),
    ("emoji", "😀"),
    ("emoji family", "👨\u{200d}👩\u{200d}👧"),
    ("one ideograph", "日"),
    ("one Hangul syllable", "뷁"),
    ("ÿ", "ÿ"),
    ("abab", "ab"),
    ("aab", "aab"),
    ("space and line end", " \n"),
    ("two letters", "a b "),
    ("cut long token (latin)", "ForCanBeConverte"),
    ("cut long token (han)", "微信公众号天天中彩"),
    (
        "cut long token (spaces)",
        "                                                                                 x",
    ),
    (
        "cut run of dashes",
        "--------------------------------------------------------------------------------=",
    ),
];

const NOISE: &[(&str, u32, u32)] = &[
    ("noise: a and b", 0x61, 0x62),
    ("noise: a to z", 0x61, 0x7a),
    ("noise: printable ASCII", 0x20, 0x7e),
    ("noise: ASCII symbols", 0x21, 0x2f),
    ("noise: controls", 0x00, 0x1f),
    ("noise: latin-1 letters", 0xe0, 0xff),
    ("noise: latin-1", 0x80, 0xff),
    ("noise: Cyrillic", 0x430, 0x44f),
    ("noise: Arabic", 0x620, 0x64a),
    ("noise: Devanagari", 0x900, 0x97f),
    ("noise: Thai", 0xe01, 0xe3a),
    ("noise: ideographs", 0x4e00, 0x9fff),
    ("noise: Hangul", 0xac00, 0xd7a3),
    ("noise: emoji", 0x1f300, 0x1f64f),
    ("noise: all planes", 0x20, 0x2ffff),
    ("noise: spaces", 0x2000, 0x200a),
];

/// The last place at or before `at` where the text can be cut.
fn boundary(text: &str, at: usize) -> usize {
    let mut places = (0..=at.min(text.len())).rev();
    places.find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % bound
    }
}

fn noise(from: u32, to: u32, bytes: usize) -> String {
    let mut random = Random(7);
    let mut text = String::with_capacity(bytes + 4);
    while text.len() < bytes {
        let offset = random.below(u64::from(to - from + 1));
        text.extend(
            u32::try_from(offset)
                .ok()
                .and_then(|offset| char::from_u32(from + offset)),
        );
    }
    text
}

/// Texts that do not repeat: sentences drawn from words, a few of them misspelt, and what a
/// request carries besides: code, JSON, numbers, identifiers.
fn varied() -> Vec<(String, String)> {
    let mut random = Random(42);
    let mut texts: Vec<(String, String)> = Vec::new();
    for (name, words) in WORDS {
        let words: Vec<&str> = words.split(' ').collect();
        let mut text = String::new();
        while text.len() < 2 << 20 {
            sentence(&mut text, &words, &mut random);
        }
        texts.push((format!("varied: {name}"), text));
    }
    let mut mixed = String::new();
    let mut cursors = vec![0; texts.len()];
    while mixed.len() < 8 << 20 {
        let at = random.below(texts.len() as u64) as usize;
        let Some(((_, text), cursor)) = texts.get(at).zip(cursors.get_mut(at)) else {
            break;
        };
        let begin = boundary(text, *cursor);
        let end = boundary(text, begin + 4000);
        mixed.push_str(text.get(begin..end).unwrap_or_default());
        *cursor = if end == text.len() { 0 } else { end };
    }
    texts.insert(0, ("varied: all of it, mixed".to_owned(), mixed));
    texts
}

fn sentence(text: &mut String, words: &[&str], random: &mut Random) {
    for at in 0..=random.below(17) {
        let word = words
            .get(random.below(words.len() as u64) as usize)
            .copied()
            .unwrap_or_default();
        if at > 0 {
            text.push_str(if random.below(11) == 0 { ", " } else { " " });
        }
        match random.below(24) {
            0 => text.extend(word.chars().rev()),
            1 => text.extend(word.chars().flat_map(char::to_uppercase)),
            2 => text.push_str(&format!("{word}{}", random.below(100_000))),
            3 => text.push_str(&format!("\"{word}\"")),
            _ => text.push_str(word),
        }
    }
    text.push_str(if random.below(5) == 0 { ".\n\n" } else { ". " });
}

const WORDS: &[(&str, &str)] = &[
    (
        "English",
        "the of and to in is that it was for on are as with they be at one have this from or had by hot but some what there we can out other were all your when up use word how said an each she which do their time if will way about many then them would write like so these her long make thing see him two has look more day could go come did my sound no most number who over know water than call first people may down side been now find any new work part take get place made live where after back little only round man year came show every good me give our under name very through just form much great think say help low line before turn cause same mean differ move right boy old too does tell sentence set three want air well also play small end put home read hand port large spell add even land here must big high such follow act why ask men change went light kind off need house picture try us again animal point mother world near build self earth father head stand own page should country found answer school grow study still learn plant cover food sun four thought let keep eye never last door between city tree cross since hard start might story saw far sea draw left late run while press close night real life few stop tokenizer authorization infrastructure misconfigured unbelievably counterintuitive photosynthesis electroencephalograph rate-limiting don't it's we're you'll",
    ),
    (
        "code and JSON",
        "fn let mut pub struct impl self.count() return None; Some(value) => {\n\t\t }\n\n if (x != null) for(int i=0;i<n;++i) #include <vector> std::vector<std::string> def __init__(self): import numpy as np {\"role\":\"user\",\"content\": \"temperature\":0.7, \"max_tokens\":4096} [1,2,3] https://api.example.com/v1/chat/completions 0xdeadbeef 2024-11-05T12:34:56Z SELECT * FROM users WHERE id=$1 ORDER BY created_at DESC; console.log(`${name}`); export default function App() <div className=\"row\"> </div> &&  || == === -> :: // TODO: /* */ getElementById XMLHttpRequest snake_case_name SCREAMING_CASE camelCaseName 9f86d081884c7d659a2feaa0c55ad015 eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9 192.168.0.1:8080 \\u00e9 async await match crate::module::Type Result<(), Error> &'static str unsafe",
    ),
    (
        "European languages",
        "der die das und nicht Straße Bürgermeister Geschwindigkeitsbegrenzung Übersetzung für können größer le la les être français déjà où garçon œuvre l'été aujourd'hui el niño mañana corazón español también más año città perché più così è não coração ação você português też się życie źródło książka język však příliš který člověk město şehir güneş için çok öğrenci İstanbul år på også större från ændring smørrebrød ő szép gyönyörű magyarország că și română învăţământ",
    ),
    (
        "Cyrillic and Greek",
        "и в не на что быть этот человек время который год дело жизнь день рука работа слово место вопрос лицо друг глаз страна город вода голова искусственный интеллект переключатель Україна їжак є також від щоб або можна български език και το να του είναι άνθρωπος γλώσσα ημέρα ελληνικά θάλασσα Αθήνα κόσμος λόγος μεγάλος ψυχή",
    ),
    (
        "Chinese, Japanese, Korean",
        "人工智能正在改变世界 我们的生活 今天天气很好 请帮我写一段代码 这个问题很有意思 数据库 服务器 繁體中文 機器學習 こんにちは 東京タワー 私は学生です ありがとうございます プログラミング言語 データベース 吾輩は猫である 한국어 안녕하세요 인공지능 데이터베이스 프로그래밍 오늘은 날씨가 좋습니다 감사합니다 서울특별시",
    ),
    (
        "Arabic, Hebrew, Hindi, Thai",
        "مرحبا العالم اللغة العربية الذكاء الاصطناعي كتاب مدرسة في من على إلى هذا الذي السلام عليكم שלום עולם שפה עברית ספר בית אני אתה היא नमस्ते दुनिया हिन्दी भाषा कृत्रिम बुद्धिमत्ता है में और का के की यह सकते สวัสดี ชาวโลก ภาษาไทย ปัญญาประดิษฐ์ กรุงเทพมหานคร ประเทศไทย วันนี้อากาศดี",
    ),
];
