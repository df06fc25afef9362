//! The examples that specifications and authorities publish, and the errors they have to catch.

use super::*;

type Check = fn(&str) -> bool;

/// A check and a published example, or one in general use as such.
const EXAMPLES: &[(&str, Check, &str)] = &[
    ("luhn", luhn, "79927398713"),
    ("luhn, IMEI", luhn, "490154203237518"),
    ("luhn, CA SIN", luhn, "046454286"),
    ("luhn, SE", luhn, "8112289874"),
    ("luhn, ZA", luhn, "8001015009087"),
    ("npi", npi, "1234567893"),
    ("iban", iban, "GB82WEST12345698765432"),
    ("iban", iban, "DE89370400440532013000"),
    ("uk_nhs", uk_nhs, "9434765919"),
    ("au_tfn", au_tfn, "123456782"),
    ("au_abn", au_abn, "51824753556"),
    ("verhoeff", verhoeff, "2363"),
    ("de_tax_id", de_tax_id, "86095742719"),
    ("de_tax_id", de_tax_id, "65929970489"),
    ("fr_nir", fr_nir, "255081416802538"),
    ("es_letter, NIF", es_letter, "12345678Z"),
    ("es_letter, NIE", es_letter, "X1234567L"),
    ("it_codice_fiscale", it_codice_fiscale, "MRTMTT25D09F205Z"),
    ("nl_bsn", nl_bsn, "111222333"),
    ("pt_nif", pt_nif, "123456789"),
    ("br_cpf", br_cpf, "11144477735"),
    ("br_cnpj", br_cnpj, "11222333000181"),
    ("br_cnpj, letters", br_cnpj, "12ABC34501DE35"),
    ("be_nn", |t| be_nn(t, false), "85073003328"),
    ("pl_pesel", pl_pesel, "44051401359"),
    ("dk_cpr", dk_cpr, "0707614285"),
    ("no_fnr", no_fnr, "15108695088"),
    ("gs1, AHV", gs1, "7569217076985"),
    ("gs1, ISBN", gs1, "9780306406157"),
    ("tr_tckn", tr_tckn, "10000000146"),
    ("kr_rrn", kr_rrn, "9710139019902"),
    ("cn_id", cn_id, "11010519491231002X"),
    ("jp_my_number", jp_my_number, "123456789018"),
    ("sg_nric", sg_nric, "S1234567D"),
    ("sg_nric, FIN", sg_nric, "F1234567N"),
    ("aba", aba, "111000025"),
    ("dea", dea, "AB1234563"),
    ("vin", vin, "1M8GDM9AXKP042788"),
    ("mx_curp", mx_curp, "HEGG560427MVZRRL04"),
];

#[test]
fn published_examples_pass() {
    for (name, check, example) in EXAMPLES {
        assert!(check(example), "{name}: {example}");
    }
    assert!(au_medicare("2123456701"));
    assert_eq!(fi_hetu("131052308"), 'T');
}

#[test]
fn a_wrong_last_digit_is_noticed() {
    for (name, check, example) in EXAMPLES {
        let (head, tail) = example.split_at(example.len() - 1);
        for other in "0123456789".chars().filter(|c| !tail.starts_with(*c)) {
            assert!(!check(&format!("{head}{other}")), "{name}: {head}{other}");
        }
    }
}

/// The bytes of a hex string in groups of five bits.
fn groups(hex: &str) -> Vec<u8> {
    let nibbles = hex.chars().map(|c| c.to_digit(16).unwrap());
    let mut bits: Vec<_> = nibbles
        .flat_map(|n| (0..4).rev().map(move |i| n >> i & 1))
        .collect();
    bits.resize(bits.len().next_multiple_of(5), 0);
    let group = |bits: &[u32]| u8::try_from(bits.iter().fold(0, |v, b| 2 * v + b)).unwrap();
    bits.chunks(5).map(group).collect()
}

#[test]
fn addresses_are_those_of_the_bips() {
    let hash = "751e76e8199196d454941c45d1b3a323f1433bd6";
    assert_eq!(
        segwit(0, &groups(hash)),
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    );
    let key = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
    assert_eq!(
        segwit(1, &groups(key)),
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"
    );
    let bytes = (0..20).map(|i| u8::from_str_radix(&hash[2 * i..2 * i + 2], 16).unwrap());
    let payload: Vec<u8> = std::iter::once(0).chain(bytes).collect();
    assert_eq!(base58check(&payload), "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH");
}
