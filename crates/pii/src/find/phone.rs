//! Telephone numbers: international by country code and length, national ones by their layout,
//! anything of a plausible length beside a word for telephone.

use crate::{
    bytes::{Bytes, class},
    find::number::{Done, Word, glued},
    near::Verdict,
    scan::Scan,
    table::Confidence,
};

/// Country codes (ITU-T E.164, list of assigned codes) with the lengths of the national numbers
/// after them (ITU-T E.129 notifications); codes not here take 7 to 12.
const COUNTRIES: &[(u32, usize, usize)] = &[
    (1, 10, 10),
    (7, 10, 10),
    (20, 8, 10),
    (27, 9, 9),
    (30, 10, 10),
    (31, 9, 9),
    (32, 8, 9),
    (33, 9, 9),
    (34, 9, 9),
    (36, 8, 9),
    (39, 8, 11),
    (40, 9, 9),
    (41, 9, 9),
    (43, 7, 13),
    (44, 9, 10),
    (45, 8, 8),
    (46, 7, 9),
    (47, 8, 8),
    (48, 9, 9),
    (49, 6, 12),
    (51, 8, 9),
    (52, 10, 11),
    (53, 8, 8),
    (54, 10, 11),
    (55, 10, 11),
    (56, 9, 9),
    (57, 8, 10),
    (58, 10, 10),
    (60, 8, 10),
    (61, 9, 9),
    (62, 8, 12),
    (63, 8, 10),
    (64, 8, 10),
    (65, 8, 8),
    (66, 8, 9),
    (81, 9, 10),
    (82, 8, 10),
    (84, 9, 10),
    (86, 9, 11),
    (90, 10, 10),
    (91, 10, 10),
    (92, 9, 10),
    (93, 9, 9),
    (94, 9, 9),
    (95, 7, 10),
    (98, 10, 10),
    (212, 9, 9),
    (213, 8, 9),
    (216, 8, 8),
    (218, 8, 9),
    (220, 7, 7),
    (221, 9, 9),
    (233, 9, 9),
    (234, 8, 10),
    (250, 9, 9),
    (251, 9, 9),
    (254, 9, 9),
    (255, 9, 9),
    (256, 9, 9),
    (260, 9, 9),
    (263, 9, 9),
    (351, 9, 9),
    (352, 6, 11),
    (353, 7, 9),
    (354, 7, 7),
    (355, 8, 9),
    (356, 8, 8),
    (357, 8, 8),
    (358, 6, 11),
    (359, 8, 9),
    (370, 8, 8),
    (371, 8, 8),
    (372, 7, 8),
    (373, 8, 8),
    (374, 8, 8),
    (375, 9, 9),
    (380, 9, 9),
    (381, 8, 9),
    (382, 8, 8),
    (385, 8, 9),
    (386, 8, 8),
    (387, 8, 8),
    (389, 8, 8),
    (420, 9, 9),
    (421, 9, 9),
    (502, 8, 8),
    (503, 8, 8),
    (504, 8, 8),
    (505, 8, 8),
    (506, 8, 8),
    (507, 7, 8),
    (591, 8, 8),
    (593, 8, 9),
    (595, 9, 9),
    (598, 8, 8),
    (852, 8, 8),
    (853, 8, 8),
    (855, 8, 9),
    (880, 8, 10),
    (886, 8, 9),
    (960, 7, 7),
    (961, 7, 8),
    (962, 8, 9),
    (963, 8, 9),
    (964, 8, 10),
    (965, 8, 8),
    (966, 8, 9),
    (967, 7, 9),
    (968, 8, 8),
    (971, 8, 9),
    (972, 8, 9),
    (973, 8, 8),
    (974, 8, 8),
    (975, 7, 8),
    (976, 8, 8),
    (977, 8, 10),
    (992, 9, 9),
    (994, 9, 9),
    (995, 9, 9),
    (996, 9, 9),
    (998, 9, 9),
];

/// The sizes of the groups of national numbers that begin with 0, four bits each.
const WITH_ZERO: &[u64] = &[
    // France, and others that write in pairs.
    0x22222, 0x2222, 0x42222, 0x4222, 0x3322, 0x3222, 0x32222, 0x244, 0x28, 0x27, 0x2332, 0x234,
    0x233, 0x2422, 0x22323, 0x334, 0x344, 0x343, 0x37, 0x38, 0x36, 0x355, 0x3422, 0x46, 0x47,
    0x433, 0x434, 0x45, 0x4322, 0x443, 0x424, 0x48, 0x56, 0x55, 0x533, 0x54, 0x57,
];

/// What reads like a telephone number: digits and where its groups end.
struct Number {
    digits: [u8; 16],
    /// Up to the end of each group: how many digits there are, where it is, the groups' sizes.
    groups: [(usize, usize, u64); 8],
    count: usize,
    parens: bool,
}

impl Number {
    fn read(text: Bytes<'_>, start: usize, plus: bool) -> Self {
        let mut number = Self {
            digits: [0; 16],
            groups: [(0, 0, 0); 8],
            count: 0,
            parens: false,
        };
        let (mut len, mut at, mut sizes) = (0, start, 0);
        while number.count < number.groups.len() {
            let end = text.run(at, class::DIGIT, 16);
            // The trunk zero in `+44 (0)20` is not dialled.
            let trunk = plus
                && end - at == 1
                && text.at(at) == b'0'
                && text.before(at) == b'('
                && text.at(end) == b')';
            if !trunk {
                for &byte in text.slice(at, end) {
                    if let Some(place) = number.digits.get_mut(len) {
                        *place = byte;
                    }
                    len += 1;
                }
                if len > 15 {
                    break;
                }
                if let Some(group) = number.groups.get_mut(number.count) {
                    sizes = sizes << 4 | (end - at) as u64;
                    *group = (len, end, sizes);
                }
                number.count += 1;
            }
            // At most one of `-./`, with spaces and parentheses.
            let mut next = end;
            let mut signs = 0;
            while next < end + 3 {
                match text.at(next) {
                    b' ' => {}
                    b'(' | b')' => number.parens = true,
                    b'-' | b'.' | b'/' => signs += 1,
                    _ => break,
                }
                next += 1;
            }
            if next == end || signs > 1 || !text.is(next, class::DIGIT) {
                break;
            }
            at = next;
        }
        number
    }

    fn digit(&self, at: usize) -> u8 {
        self.digits.get(at).copied().unwrap_or(0)
    }

    fn value(&self, from: usize, to: usize) -> u32 {
        let digits = self.digits.get(from..to).unwrap_or_default();
        digits.iter().fold(0, |sum, byte| {
            sum * 10 + u32::from(byte.saturating_sub(b'0'))
        })
    }

    /// The prefixes of whole groups, the longest first: digits, end, sizes, how many groups.
    fn prefixes(&self) -> impl Iterator<Item = (usize, usize, u64, usize)> + '_ {
        let groups = self.groups.iter().take(self.count).enumerate().rev();
        groups.map(|(place, &(digits, end, sizes))| (digits, end, sizes, place + 1))
    }

    /// Whether the digits from `from` on, so many of them, are a country's code and number.
    fn international(&self, from: usize, digits: usize) -> bool {
        let known = (1..=3).find_map(|len| {
            let code = self.value(from, from + len);
            COUNTRIES
                .iter()
                .find(|country| country.0 == code)
                .map(|country| (len, country.1, country.2))
        });
        let first = self.digit(from);
        let (len, fewest, most) = known.unwrap_or((3, 7, 12));
        first.is_ascii_digit()
            && first != b'0'
            && digits
                .checked_sub(from + len)
                .is_some_and(|national| (fewest..=most).contains(&national))
            && (self.value(from, from + 1) != 1 || self.north_american(from + 1))
    }

    /// Whether area and exchange at this place could be those of the North American plan. It
    /// gives no exchange that begins with 1, but people who make numbers up do.
    fn north_american(&self, from: usize) -> bool {
        matches!(self.digit(from), b'2'..=b'9')
            && matches!(self.digit(from + 3), b'1'..=b'9')
            && self.value(from + 1, from + 3) != 11
    }
}

/// Looks for a number that begins with this word.
pub(crate) fn phone(scan: &mut Scan<'_>, row: usize, word: Word, done: &mut Done) {
    let text = scan.text;
    if word.start < done.phone || word.len() > 15 {
        return;
    }
    // `+49`, `(212)`, `+1 (212)`, `(+49)`.
    let mut start = word.start;
    if text.before(start) == b'(' {
        start -= 1;
    }
    let plus = text.before(start) == b'+' || text.before(word.start) == b'+';
    if plus {
        start = if text.before(start) == b'+' {
            start - 1
        } else {
            word.start - 1
        };
        if text.before(start) == b'(' {
            start -= 1;
        }
    }
    // In the middle of other groups only what has the layout of a number by itself counts.
    let first = text.at(word.start);
    let middle = start == word.start
        && matches!(text.before(start), b' ' | b'-' | b'.' | b'/')
        && text.is(start.wrapping_sub(2), class::DIGIT);
    let group = |at: usize| text.run(at, class::DIGIT, 5) - at;
    let american = match (word.len(), first) {
        (3, _) => group(word.end + 1) == 3 && group(word.end + 5) == 4,
        (1, b'1') => (1..3).any(|gap| group(word.end + gap) == 3),
        (11, _) => true,
        _ => false,
    };
    if middle && first != b'0' && !american {
        return;
    }
    let number = Number::read(text, word.start, plus);
    let whole = |end: usize| {
        !text.is(end, class::LETTER) || text.at(end) == b'x' || text.starts_any_case(end, b"ext")
    };
    let mut take = None;
    for (digits, end, sizes, count) in number.prefixes().filter(|prefix| whole(prefix.1)) {
        let zeros = number.value(0, 2) == 0 && number.digit(1) == b'0';
        if plus {
            let before = text.before(start);
            if number.international(0, digits) && !before.is_ascii_alphanumeric() && before != b'_'
            {
                take = Some((end, Confidence::Certain));
                break;
            }
        } else if layout(&number, digits, sizes, count, text, start)
            || zeros && !middle && count > 1 && number.international(2, digits)
        {
            take = Some((end, Confidence::Likely));
            break;
        }
    }
    let silent = take.is_some();
    if take.is_none() && !plus && !middle {
        take = number
            .prefixes()
            .find(|&(digits, end, sizes, count)| {
                whole(end) && by_word(&number, digits, sizes, count)
            })
            .map(|prefix| (prefix.1, Confidence::Possible));
    }
    let Some((mut end, confidence)) = take else {
        return;
    };
    if start < word.start && text.at(start) == b'(' && !text.slice(start, end).contains(&b')') {
        start += 1;
    }
    end = extension(text, end);
    let tail = text.at(end);
    if matches!(tail, b'-' | b'/' | b'_') && text.is(end + 1, class::ALNUM) && !plus
        || tail == b'.' && text.is(end + 1, class::DIGIT)
        || tail == b'%'
    {
        return;
    }
    if plus {
        scan.found_as(row, start, end, confidence);
        done.phone = end;
        return;
    }
    let hangs = glued(text, start, end);
    match scan.verdict(row, start, end) {
        // What begins among other groups may be part of a longer number that is something else.
        Verdict::Supported(_) if middle && !hangs => {
            scan.found_as(row, start, end, confidence);
            done.phone = end;
        }
        Verdict::Supported(distance) if !hangs || distance <= 2 => {
            scan.named(row, start, end, confidence, distance);
            done.phone = end;
        }
        Verdict::Silent
            if silent && !hangs && !(middle && first == b'0') && text.before(start) != b'=' =>
        {
            scan.found_as(row, start, end, confidence);
            done.phone = end;
        }
        _ => {}
    }
}

/// `x123`, ` ext. 123` after a number.
fn extension(text: Bytes<'_>, end: usize) -> usize {
    let mut at = text.run(end, class::SPACE, 1);
    for word in ["extension", "ext.", "ext", "x"] {
        if text.starts_any_case(at, word.as_bytes()) {
            at = text.run(at + word.len(), class::SPACE | class::DOT, 2);
            let last = text.run(at, class::DIGIT, 6);
            if last > at && !text.is(last, class::ALNUM) {
                return last;
            }
            break;
        }
    }
    end
}

/// Whether a number laid out like this is a telephone's though nothing says so.
fn layout(
    number: &Number,
    digits: usize,
    sizes: u64,
    count: usize,
    text: Bytes<'_>,
    start: usize,
) -> bool {
    match (sizes, digits) {
        (0x334, 10) | (0x37, 10) if number.digit(0) != b'0' => {
            number.north_american(0) && (sizes == 0x334 || number.parens)
        }
        (0x1334, 11) => number.digit(0) == b'1' && number.north_american(1),
        // Brazil, with the area in parentheses.
        (0x254 | 0x244 | 0x2144, 10 | 11) if number.parens && text.at(start) == b'(' => true,
        // Russia, with the trunk 8, and British mobile numbers in one piece.
        (0x13322, 11) if number.parens => matches!(number.digit(0), b'7' | b'8'),
        (0xb, 11) if number.value(0, 2) == 7 => {
            matches!(number.digit(2), b'4' | b'5' | b'7'..=b'9')
        }
        // Chinese mobile numbers.
        (0x344, 11) | (0xb, 11)
            if number.digit(0) == b'1' && matches!(number.digit(1), b'3'..=b'9') =>
        {
            sizes == 0x344 || text.is(start.wrapping_sub(1), class::BEYOND)
        }
        _ => {
            count > 1
                && (8..=12).contains(&digits)
                && number.digit(0) == b'0'
                && number.digit(1) != b'0'
                && (WITH_ZERO.contains(&sizes) && (digits > 8 || number.parens)
                    || number.parens && count < 4)
        }
    }
}

/// Whether a number laid out like this may be a telephone's where a word says so.
fn by_word(number: &Number, digits: usize, sizes: u64, count: usize) -> bool {
    let year = matches!(number.value(0, 2), 19 | 20);
    let date = match sizes {
        0x422 => year,
        0x224 | 0x124 | 0x214 => matches!(number.value(digits - 4, digits - 2), 19 | 20),
        0x8 => year && number.value(4, 6) <= 12,
        _ => false,
    };
    // Three digits at least stand together in a number that someone dials, or all are pairs.
    let pairs = sizes == 0x2222 || sizes == 0x22222 || sizes == 0x12222;
    let long = (0..count).any(|group| sizes >> (4 * group) & 15 >= 3);
    (7..=15).contains(&digits) && !date && (long || pairs) && number.value(0, 2) != 0
}
