//! Documents to count: by hand where the patterns are subtle, from a seed where mass counts.

/// SplitMix64: the same documents on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ z >> 31) % bound as u64).unwrap()
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    fn char(&mut self, from: u32, to: u32) -> char {
        let code = from + u32::try_from(self.below((to - from + 1) as usize)).unwrap();
        char::from_u32(code).unwrap_or('\u{fffd}')
    }
}

/// Texts in many scripts and formats.
const SAMPLES: &[&str] = &[
    "The quick brown fox jumps over the lazy dog; it's what they'd've done, isn't it?",
    "Grüße aus Zürich! Straße, Äpfel, naïve café, façade, œuvre, Ångström, İstanbul ŁÓDŹ",
    "Съешь же ещё этих мягких французских булок, да выпей чаю. ЁЖИК в ТУМАНЕ",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. ΑΘΗΝΑ, Ελλάδα",
    "نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر ومغلف بجلد أزرق ١٢٣٤",
    "דג סקרן שט בים מאוכזב ולפתע מצא חברה, שָׁלוֹם עֲלֵיכֶם",
    "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश १२३",
    "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน ๑๒๓",
    "天地玄黃,宇宙洪荒。日月盈昃,辰宿列張。人工智能正在改变世界2024年",
    "다람쥐 헌 쳇바퀴에 타고파. 키스의 고유조건은 입술끼리 만나야 하고",
    "いろはにほへと ちりぬるを、ワタシノナマエハ東京タワーです。ｶﾀｶﾅ",
    "தமிழ் மொழி உலகின் பழமையான மொழிகளில் ஒன்று. ქართული ენა, Հայերեն լեզու",
    "ភាសាខ្មែរ ພາສາລາວ မြန်မာဘာသာ བོད་སྐད་ አማርኛ ᏣᎳᎩ ᐃᓄᒃᑎᑐᑦ",
    "fn main() {\n    let mut total_count: u64 = 0x1F_u64;\n\tprintln!(\"{}\", total_count);\r\n}\n\n",
    "def __init__(self, *args, **kwargs):\n        super().__init__(*args)\n\n\n    # done\n",
    "#include <stdio.h>\r\nint main(int argc, char** argv) {\r\n\treturn a[i++] != '\\0' ? 1 : -1;\r\n}\r\n",
    "SELECT u.id, COUNT(*) FROM users AS u WHERE u.name LIKE '%O''Brien%' GROUP BY 1;",
    r#"{"model":"gpt-4o","messages":[{"role":"user","content":"Hi\n\u00e9"}],"n":1.5e-3,"x":null}"#,
    "<?xml version=\"1.0\"?><a:b xmlns:a='urn:x'><!-- c --><c d=\"&amp;\"/></a:b>",
    "https://user:pw@example.com:8443/a/b/../c.html?q=1&r=%20x#frag //cdn.example.org/",
    "👨‍👩‍👧‍👦 👍🏽 🇩🇪🇫🇷 ❤️‍🔥 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ☕️ 😀😃😄 👩🏿‍🚀 #️⃣ ©™",
    "e\u{301}a\u{308}o\u{302}\u{323} Z\u{351}\u{36b}\u{343}\u{36a}a\u{302}\u{36f}l\u{334}g\u{311}o\u{301}",
    "3.14159 2,718,281 1e10 0xDEADBEEF 2024-02-29T23:59:60Z +49 (0)30 123456 ½ Ⅷ ²³ ٣٤٥",
    "I'M YOU'RE we'Ve THEY'LL he'D it'S don'T 'tis 'TWAS rock'n'roll O'Reilly l'été d'Artagnan 'ſ",
    "ALLCAPS CamelCaseWord XMLHttpRequest iPhone McDonald's snake_case_name SCREAMING_SNAKE ǅungla",
    "aGVsbG8gd29ybGQgdGhpcyBpcyBiYXNlNjQ= 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "<|endoftext|><|im_start|>system<|im_sep|> <|fim_prefix|><|endofprompt|><|start|>user<|message|>",
    "| a | b |\n|---|---|\n| **x** | `y` |\n\n---\n\n- [ ] item\n* * *\n> quote\n```sh\n$ ls -la /\n```",
    "==== //// ---- .... ____ **** #### ~~~~ \\\\\\\\ %%%% @@@@ !!!??? ……… ——— 「」『』【】",
    "𝓗𝓮𝓵𝓵𝓸 𝟙𝟚𝟛 ℌ𝔢𝔩𝔩𝔬 Ａｂｃ１２３ ⒶⒷⒸ ﬁ ﬂ 𐐀𐐨 𒀀𒁹 𓀀𓂀 ꧁꧂",
    "\u{feff}\u{200b}\u{200c}\u{ad}\u{202e}\u{2066}x\u{2069}\0\u{1}\u{7f}\u{85}\u{180e}\u{fffd}",
    "Đây là tiếng Việt có dấu: Trăm năm trong cõi người ta. Zażółć gęślą jaźń. Příliš žluťoučký kůň",
];

/// White space of every kind there is.
const SPACES: &[&str] = &[
    " ", "  ", "   ", "\t", "\n", "\r", "\r\n", "\n\n", " \n", "\n ", "\u{a0}", "\u{2028}",
    "\u{2029}", "\u{3000}", "\u{85}", "\u{b}", "\u{c}", "\u{1680}", "\u{2003}", "\u{202f}",
    "\u{205f}",
];

/// Ranges random characters are drawn from.
const RANGES: &[(u32, u32)] = &[
    (0x20, 0x7e),
    (0x61, 0x7a),
    (0x41, 0x5a),
    (0x30, 0x39),
    (0x00, 0xff),
    (0xc0, 0x24f),
    (0x250, 0x36f),
    (0x370, 0x52f),
    (0x590, 0x6ff),
    (0x900, 0xdff),
    (0xe00, 0xeff),
    (0x1000, 0x13ff),
    (0x1e00, 0x1fff),
    (0x2000, 0x2bff),
    (0x3000, 0x30ff),
    (0x4e00, 0x9fff),
    (0xac00, 0xd7a3),
    (0xfe00, 0xffff),
    (0x1_0000, 0x1_ffff),
    (0x1_f300, 0x1_faff),
    (0x2_0000, 0x2_a6df),
];

/// The places where the alternatives of the patterns meet.
const CORNERS: &[&str] = &[
    "",
    " ",
    "  ",
    "a",
    " a",
    "  a",
    "   a",
    "\na",
    " \na",
    "\n a",
    "\n  a",
    " \n ",
    " \n  \n  b",
    "\r\n\r\n  x",
    "a ",
    "a  ",
    "a \n",
    "a\n ",
    "a \n \n",
    "\n\n\n",
    "\n\n \n\n",
    " \r",
    "\t\ta",
    "\u{a0}a",
    "\u{a0} a",
    " \u{a0}a",
    " !",
    "  !",
    "\t!",
    "\n!",
    "!\n",
    "!\n\n/",
    "!//\r\n/x",
    "/\n/\n/",
    " /",
    "//\n a",
    "!a",
    "!!a",
    "! a",
    "!1",
    " 1",
    "  1",
    "1a",
    "12345",
    "1234 5678",
    "a1b2",
    "½¾²",
    "'s",
    "'S",
    "a's",
    "A'S",
    "A'Sx",
    "a'sx",
    "'sx",
    " 's",
    "!'s",
    "1's",
    "a'll",
    "a'lL",
    "a'l",
    "a're",
    "a'r",
    "a'RE",
    "a've",
    "a'm",
    "a'd",
    "a't",
    "a'ſ",
    "A'ſ",
    "'ſ",
    "a'\u{212a}",
    "a''s",
    "a's's",
    "a's't've",
    "日's",
    "日'S",
    "\u{301}'s",
    "\u{301}",
    "\u{301}a",
    "\u{301}A",
    "\u{301}AB",
    "\u{301}Ab",
    "\u{301}AB\u{302}",
    "\u{301}\u{302}A",
    "\u{301}日",
    "\u{301}1",
    "\u{301}!",
    "\u{301} ",
    "\u{301}\n",
    " \u{301}",
    " \u{301}A",
    " \u{301}a",
    "!\u{301}",
    "!\u{301}A",
    "!!\u{301}",
    "!!\u{301}A",
    "\n\u{301}A",
    "1\u{301}A",
    "A\u{301}",
    "A\u{301}B",
    "AB\u{301}C",
    "a\u{301}B",
    "AbC",
    "ABc",
    "ABcD",
    "aB",
    "aBc",
    "日A",
    "A日",
    "A日B",
    "AB日CD",
    "A日b",
    "日b",
    "b日",
    "b日A",
    "ʰA",
    "Aʰ",
    "AʰB",
    "ǅ",
    "ǅa",
    "Aǅa",
    "aǅ",
    "ªº",
    "ßẞ",
    "İi̇",
    " A\u{301}'S B",
    "don't",
    "DON'T",
    "Don'T",
    "x\u{2019}s",
    "\u{2028}a",
    "\u{2028}\n",
    "a\u{2028}b",
    "\u{85}a",
    "\u{3000}日",
    "\u{3000}\u{3000}日",
    "\u{200b}a",
    "\u{feff}a",
    "\0a",
    "\0\0a",
    "_a",
    "__a",
    "_A",
    "__init__",
    "\u{e000}a",
    "\u{378}a",
];

/// Samples, corners, and every two of either in a row.
pub(crate) fn by_hand() -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    texts.extend(SAMPLES.iter().map(|text| text.to_string()));
    for one in CORNERS {
        texts.push(one.to_string());
        for two in CORNERS.iter().chain(SPACES) {
            texts.push(format!("{one}{two}"));
        }
    }
    for one in SPACES {
        for two in SPACES {
            for after in ["", "a", "1", "!", "\u{301}", "\n"] {
                texts.push(format!("x{one}{two}{after}"));
            }
        }
    }
    // Every prefix, so that every sample ends everywhere.
    for text in SAMPLES {
        texts.extend(text.char_indices().map(|(at, _)| text[..at].to_string()));
    }
    texts
}

/// A document of mixed content, up to some kilobytes.
pub(crate) fn generated(seed: u64) -> String {
    let mut random = Random(seed);
    let mut text = String::new();
    for _ in 0..=random.below(12) {
        match random.below(9) {
            0 => text.push_str(random.pick(SAMPLES)),
            1 => {
                let words: Vec<&str> = SAMPLES.iter().flat_map(|s| s.split(' ')).collect();
                for _ in 0..random.below(40) {
                    text.push_str(random.pick(&words));
                    text.push_str(if random.below(4) == 0 {
                        random.pick(SPACES)
                    } else {
                        " "
                    });
                }
            }
            2 => {
                let &(from, to) = &RANGES[random.below(RANGES.len())];
                (0..random.below(200)).for_each(|_| text.push(random.char(from, to)));
            }
            3 => {
                for _ in 0..random.below(60) {
                    let &(from, to) = &RANGES[random.below(RANGES.len())];
                    text.push(random.char(from, to));
                }
            }
            4 => (0..random.below(12)).for_each(|_| text.push_str(random.pick(SPACES))),
            5 => (0..random.below(12)).for_each(|_| text.push_str(random.pick(CORNERS))),
            6 => {
                let alphabet = random.pick(&["ab", "0123456789abcdef", "ACGT", "xX", " \t", "=-"]);
                let alphabet: Vec<char> = alphabet.chars().collect();
                let length = random.below(600);
                (0..length).for_each(|_| text.push(alphabet[random.below(alphabet.len())]));
            }
            7 => {
                const BASE64: &[u8; 64] =
                    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
                let length = random.below(800);
                (0..length).for_each(|_| text.push(char::from(BASE64[random.below(64)])));
            }
            _ => {
                let unit = random.char(0x20, 0x2fff).to_string();
                text.push_str(&unit.repeat(random.below(300)));
            }
        }
    }
    text
}

/// Every code point alone, as a lead, inside a word and after symbols, numbers and spaces.
pub(crate) fn code_points() -> impl Iterator<Item = String> {
    // Beyond the scripts everything is assigned sparsely: there, every 16th will do.
    let chars = ('\0'..=char::MAX).enumerate();
    let chars = chars.filter(|(at, _)| *at < 0x3400 || at % 16 == 0);
    chars.map(|(_, c)| format!("{c}{c} {c}a{c}A{c}'s A{c}b !{c}\n 1{c}2  {c}\u{301}{c}B\t{c}"))
}

/// One thing, over and over.
pub(crate) fn runs() -> Vec<String> {
    let units = [
        "a",
        "A",
        " ",
        "\n",
        "\r\n",
        "\t",
        "0",
        "-",
        "/",
        "=",
        "\u{a0}",
        "\u{3000}",
        "é",
        "日",
        "が",
        "한",
        "\u{301}",
        "😀",
        "👨\u{200d}👩\u{200d}",
        "ab",
        "aB",
        "a ",
        " a",
        "a\n",
        "'s",
        "ha",
        "\u{301}A",
        "A\u{301}",
        "ÿ",
        "ſ",
        "\0",
        "ForCanBeConverte",
        "微信公众号天天中彩",
        " \n",
        "!\n",
        "!/",
        "的",
        "ा",
        "ം",
        "مـ",
    ];
    let mut runs = Vec::new();
    for unit in units {
        for times in [
            2,
            3,
            5,
            31,
            64,
            97,
            100,
            127,
            128,
            129,
            257,
            1000,
            20_000 / unit.len(),
        ] {
            let run = unit.repeat(times);
            runs.push(format!("{run}x"));
            runs.push(format!("x{run}{run}!"));
            runs.push(run);
        }
    }
    let mut random = Random(1);
    for &(from, to) in RANGES {
        let noise: String = (0..6000).map(|_| random.char(from, to)).collect();
        runs.push(noise);
    }
    runs
}
